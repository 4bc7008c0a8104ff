//! nginx's zones: memory that its processes share, for what is known of each key.

use crate::units::Bytes;

/// How many keys a mebibyte holds: "about 8 thousand", says nginx's manual of `keys_zone`, `limit_req_zone` and
/// `limit_conn_zone` alike.
const KEYS_PER_MIB: u64 = 8_000;

/// How many keys a zone of this size holds.
pub fn keys_in(size: Bytes) -> u32 {
    let keys = u128::from(size.get()) * u128::from(KEYS_PER_MIB) / (1 << 20);
    keys.min(u128::from(u32::MAX - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mebibyte_holds_8000_keys() {
        assert_eq!(keys_in(Bytes::new(10 << 20)), 80_000);
        assert_eq!(keys_in(Bytes::new(131)), 0);
        assert_eq!(keys_in(Bytes::new(132)), 1);
        assert_eq!(keys_in(Bytes::new(u64::MAX)), u32::MAX - 1);
    }
}
