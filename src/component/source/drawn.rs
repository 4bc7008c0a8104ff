//! Requests of clients who are known, drawn ahead: who sends the next ones can be told before they come, and what is
//! kept of each, in tables far larger than any cache of the processor, be fetched for many at once instead of waited
//! for one by one.

use super::population::People;
use crate::rng::Stream;
use rand::Rng as _;

/// How many are drawn at a time.
const BATCH: usize = 64;

/// A request that has not come yet.
#[derive(Debug, Clone, Copy)]
pub(in crate::component) struct Drawn {
    pub(in crate::component) number: u64,
    /// Who sends it, and from where.
    pub(in crate::component) client: u32,
    pub(in crate::component) address: u32,
}

/// The requests that come next.
#[derive(Debug)]
pub(in crate::component) struct Next {
    drawn: Vec<Drawn>,
    n_come: usize,
}

impl Next {
    pub(super) fn new() -> Self {
        Self {
            drawn: Vec::with_capacity(BATCH),
            n_come: 0,
        }
    }

    /// True if none is left.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.n_come == self.drawn.len()
    }

    /// Draws the next ones; gives them.
    pub(super) fn draws(&mut self, people: &People, numbers: &mut Stream) -> &[Drawn] {
        self.drawn.clear();
        self.n_come = 0;
        self.drawn.extend((0..BATCH).map(|_| {
            let number = numbers.next_u64();
            let client = people.client_of(number);
            Drawn {
                number,
                client,
                address: people.address_of(client),
            }
        }));
        &self.drawn
    }

    /// The next one comes.
    #[inline]
    pub(super) fn comes(&mut self) -> Drawn {
        let drawn = self.drawn[self.n_come];
        self.n_come += 1;
        drawn
    }
}
