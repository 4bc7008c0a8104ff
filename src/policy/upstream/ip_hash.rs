//! By the client's address (nginx's `ip_hash`).

use super::methods::Rules;
use super::round_robin::turn;
use super::{Ask, View};
use crate::spec;

spec! {
    /// By the client's address: all of a /24 go to one server (nginx).
    pub struct IpHash {}
}

/// Where every hash begins.
const START: u32 = 89;
/// There are so many hashes.
const HASHES: u32 = 6271;
/// After so many peers that were not available, requests go in turn.
const MOST_MISSES: u32 = 20;

/// The part of a client's address that is hashed: three octets of IPv4, all of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// The first three octets; the fourth is not looked at.
    V4([u8; 3]),
    /// All of them.
    V6([u8; 16]),
}

impl Address {
    fn octets(&self) -> &[u8] {
        match self {
            Self::V4(octets) => octets,
            Self::V6(octets) => octets,
        }
    }
}

/// Everything is kept with the request.
#[derive(Debug, Clone, Default)]
pub(super) struct State;

fn next(hash: u32, address: &Address) -> u32 {
    let step = |hash: u32, octet: &u8| (hash * 113 + u32::from(*octet)) % HASHES;
    address.octets().iter().fold(hash, step)
}

impl Rules for State {
    fn pick(&mut self, view: &mut View<'_>, ask: &mut Ask<'_>) -> Option<usize> {
        if ask.trial.misses > MOST_MISSES || view.single || view.backup {
            return turn(view);
        }
        let total = view.total_weight();
        if total == 0 {
            return None;
        }
        // The hash goes on where it was when the request is tried again. Where that was not kept, the first
        // step is the one of the first try.
        let mut hash = match ask.trial.hash {
            Some(hash) => hash,
            None if ask.trial.is_again() => next(START, &ask.address),
            None => START,
        };
        loop {
            hash = next(hash, &ask.address);
            let at = view.at_weight(u64::from(hash) % total)?;
            if view.is_open(at) {
                ask.trial.hash = Some(hash);
                return Some(at);
            }
            ask.trial.misses += 1;
            if ask.trial.misses > MOST_MISSES {
                return turn(view);
            }
        }
    }
}
