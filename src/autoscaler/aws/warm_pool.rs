//! Warm pools: instances that stand by, initialized.
//!
//! Source: `ec2-auto-scaling-warm-pools.md`.

/// How large a warm pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Config {
    /// The most instances in the group and its pool together; nothing for the group's maximum.
    pub max_prepared: Option<u32>,
    /// The fewest in the pool, whatever the group has.
    pub min_size: u32,
}

/// How many instances the pool of a group holds.
pub fn size(config: &Config, desired: u32, max: u32) -> u32 {
    let prepared = config.max_prepared.unwrap_or(max);
    prepared.saturating_sub(desired).max(config.min_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_has_its_least_size_however_full_the_group_is() {
        let config = Config {
            max_prepared: Some(8),
            min_size: 1,
        };
        assert_eq!(size(&config, 6, 10), 2);
        assert_eq!(size(&config, 9, 10), 1);
    }
}
