//! Stickiness: a request goes where an earlier one of its client, or of its address, went.

use crate::component::arena::NOBODY;
use crate::rng::Salt;
use crate::words;

words! {
    /// What makes a request go where an earlier one went.
    pub enum Sticky {
        /// Its client, by a cookie: the policy picks an instance for the first request, and the others go
        /// there as long as it is in service.
        Client = "client",
        /// Its address, by a hash: all who share an address go to one instance. An address whose instance
        /// is not in service is hashed again.
        Address = "address",
    }
}

/// How often an address is hashed before the policy picks an instance: nginx gives up after 20 tries, but
/// has fewer empty places to hit.
const HASHES: u64 = 64;

/// The places of `n` that the hashes of an address come to, in turn.
pub(super) fn places_of(address: u32, n: u32, salt: Salt) -> impl Iterator<Item = u32> {
    (0..HASHES).map(move |hash| salt.index(u64::from(address) << 8 | hash, n))
}

/// By client: where it was sent.
#[derive(Debug, Default)]
pub(super) struct Assigned(Vec<u32>);

impl Assigned {
    /// Where a client was sent, if it was.
    pub(super) fn to(&self, client: u32) -> Option<u32> {
        let own = self.0.get(client as usize).copied();
        own.filter(|own| *own != NOBODY)
    }

    /// A client is sent there.
    pub(super) fn is_sent(&mut self, client: u32, to: u32) {
        let at = client as usize;
        if at >= self.0.len() {
            self.0.resize((at + 1).next_power_of_two(), NOBODY);
        }
        self.0[at] = to;
    }
}
