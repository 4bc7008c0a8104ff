//! Requests that wait at a balancer until a server has room for them (HAProxy): one line for whoever any server
//! can take, and one for each server, of those that are bound to it.
//!
//! A server that has room takes the older of the two that stand first: in its own line, and in that for all. So
//! the line for all is one queue in front of many servers, not one queue for each.

use crate::units::SimTime;

/// "Nobody" in links between entries.
const NOBODY: u32 = u32::MAX;

/// A place in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whose it is can be found by this.
    pub slot: u32,
    /// Tells it from others that had the same slot.
    pub ticket: u32,
}

/// Somebody in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter {
    /// Who, in terms of whoever put it there.
    pub who: u32,
    /// The server that it is bound to, if it is.
    pub bound: Option<u32>,
    /// Since when it waits.
    pub since: SimTime,
    /// Its place.
    pub place: Place,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    who: u32,
    ticket: u64,
    since: SimTime,
    line: u32,
    before: u32,
    after: u32,
}

#[derive(Debug, Clone, Copy)]
struct Ends {
    first: u32,
    last: u32,
}

/// The lines of several independent balancers with the same servers. Joining, leaving and being served take the
/// same few steps however long the lines are.
#[derive(Debug, Clone)]
pub struct Queue {
    entries: Vec<Entry>,
    /// First free entry, linked by `after`.
    free: u32,
    /// By balancer: the line for all servers, then one for each.
    lines: Vec<Ends>,
    n_peers: u32,
    tickets: u64,
    n_waiting: u64,
}

impl Queue {
    /// Empty lines in `n_views` balancers with `n_peers` servers.
    pub fn new(n_views: u32, n_peers: u32) -> Self {
        let empty = Ends {
            first: NOBODY,
            last: NOBODY,
        };
        Self {
            entries: Vec::new(),
            free: NOBODY,
            lines: vec![empty; n_views as usize * (n_peers as usize + 1)],
            n_peers,
            tickets: 0,
            n_waiting: 0,
        }
    }

    fn line(&self, view: u32, bound: Option<u32>) -> u32 {
        view * (self.n_peers + 1) + bound.map_or(0, |peer| peer + 1)
    }

    /// Goes to the end of a line.
    pub fn join(&mut self, view: u32, bound: Option<u32>, (who, since): (u32, SimTime)) -> Place {
        let line = self.line(view, bound);
        let ends = &mut self.lines[line as usize];
        self.tickets += 1;
        let entry = Entry {
            who,
            ticket: self.tickets,
            since,
            line,
            before: ends.last,
            after: NOBODY,
        };
        let slot = if self.free == NOBODY {
            self.entries.push(entry);
            (self.entries.len() - 1) as u32
        } else {
            let slot = self.free;
            self.free = self.entries[slot as usize].after;
            self.entries[slot as usize] = entry;
            slot
        };
        if ends.last == NOBODY {
            ends.first = slot;
        } else {
            self.entries[ends.last as usize].after = slot;
        }
        ends.last = slot;
        self.n_waiting += 1;
        self.place(slot)
    }

    fn place(&self, slot: u32) -> Place {
        let ticket = self.entries[slot as usize].ticket as u32;
        Place { slot, ticket }
    }

    /// Who has a place, if it is still taken by whom it was given to.
    pub fn at(&self, place: Place) -> Option<Waiter> {
        let entry = self.entries.get(place.slot as usize)?;
        let is_it = entry.who != NOBODY && entry.ticket as u32 == place.ticket;
        is_it.then(|| self.waiter(place.slot))
    }

    /// Who has this slot.
    pub fn in_slot(&self, slot: u32) -> Option<Waiter> {
        let entry = self.entries.get(slot as usize)?;
        (entry.who != NOBODY).then(|| self.waiter(slot))
    }

    fn waiter(&self, slot: u32) -> Waiter {
        let entry = &self.entries[slot as usize];
        let own = entry.line % (self.n_peers + 1);
        Waiter {
            who: entry.who,
            bound: own.checked_sub(1),
            since: entry.since,
            place: self.place(slot),
        }
    }

    /// Leaves its line, wherever it stands.
    pub fn leave(&mut self, waiter: Waiter) {
        let slot = waiter.place.slot;
        let Entry {
            line,
            before,
            after,
            ..
        } = self.entries[slot as usize];
        let ends = &mut self.lines[line as usize];
        self.n_waiting -= 1;
        if before == NOBODY {
            ends.first = after;
        } else {
            self.entries[before as usize].after = after;
        }
        if after == NOBODY {
            ends.last = before;
        } else {
            self.entries[after as usize].before = before;
        }
        let entry = &mut self.entries[slot as usize];
        entry.who = NOBODY;
        entry.after = self.free;
        self.free = slot;
    }

    /// Who stands first in a line.
    pub fn first(&self, view: u32, bound: Option<u32>) -> Option<Waiter> {
        let first = self.lines[self.line(view, bound) as usize].first;
        (first != NOBODY).then(|| self.waiter(first))
    }

    /// Whom a server with room takes next: the older of those that stand first in its own line and, if
    /// `takes_any`, in the line for all.
    pub fn next(&self, view: u32, peer: u32, takes_any: bool) -> Option<Waiter> {
        let own = self.first(view, Some(peer));
        let any = takes_any.then(|| self.first(view, None)).flatten();
        match (own, any) {
            (Some(own), Some(any)) if self.ticket(any) < self.ticket(own) => Some(any),
            (Some(own), _) => Some(own),
            (None, any) => any,
        }
    }

    fn ticket(&self, waiter: Waiter) -> u64 {
        self.entries[waiter.place.slot as usize].ticket
    }

    /// How many wait in all lines together.
    pub fn n_waiting(&self) -> u64 {
        self.n_waiting
    }

    /// Everybody who waits.
    pub fn all(&self) -> impl Iterator<Item = Waiter> {
        let taken = (0..self.entries.len() as u32).filter(|slot| self.in_slot(*slot).is_some());
        taken.map(|slot| self.waiter(slot))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// Who stands in a line, from its first to its last.
    fn line_of(queue: &Queue, view: u32, bound: Option<u32>) -> Vec<u32> {
        let first = queue.first(view, bound).map(|first| first.place.slot);
        let after = |slot: &u32| {
            let after = queue.entries[*slot as usize].after;
            (after != NOBODY).then_some(after)
        };
        let slots = std::iter::successors(first, after);
        slots.map(|slot| queue.entries[slot as usize].who).collect()
    }

    /// The older of two heads is first, whichever line it stands in; a server takes nobody who is bound to
    /// another.
    #[test]
    fn the_older_head_is_first() {
        let mut queue = Queue::new(1, 2);
        let at = SimTime::ZERO;
        for (who, bound) in [
            (1, Some(0)),
            (2, None),
            (3, Some(1)),
            (4, Some(0)),
            (5, None),
        ] {
            queue.join(0, bound, (who, at));
        }
        let mut served = Vec::new();
        for peer in [1, 0, 0, 1, 0, 0] {
            let next = queue.next(0, peer, true);
            served.push(next.map_or(0, |next| next.who));
            if let Some(next) = next {
                queue.leave(next);
            }
        }
        assert_eq!(served, [2, 1, 4, 3, 5, 0]);
        queue.join(0, None, (6, at));
        assert_eq!(queue.next(0, 0, false), None);
    }

    proptest! {
        /// Against lines that are searched through: who is next, how long the lines are, whose places are
        /// good.
        #[test]
        fn lines_are_lines(actions in prop::collection::vec((0..4u8, 0..2u32, 0..3u32), 1..400)) {
            let mut queue = Queue::new(2, 2);
            let mut all: VecDeque<(u32, u32, Option<u32>, Place)> = VecDeque::new();
            for (who, (action, view, peer)) in actions.into_iter().enumerate() {
                let bound = peer.checked_sub(1);
                match action {
                    0 | 1 => {
                        let place = queue.join(view, bound, (who as u32, SimTime::ZERO));
                        all.push_back((who as u32, view, bound, place));
                    }
                    2 => {
                        let peer = bound.unwrap_or(0);
                        let is_next = |own: &(u32, u32, Option<u32>, Place)| {
                            own.1 == view && own.2.is_none_or(|bound| bound == peer)
                        };
                        let at = all.iter().position(is_next);
                        let next = queue.next(view, peer, true);
                        prop_assert_eq!(next.map(|next| next.who), at.map(|at| all[at].0));
                        if let (Some(at), Some(next)) = (at, next) {
                            all.remove(at);
                            queue.leave(next);
                        }
                    }
                    _ => {
                        if let Some((who, .., place)) = all.remove(all.len() / 2) {
                            let own = queue.at(place);
                            prop_assert_eq!(own.map(|own| own.who), Some(who));
                            if let Some(own) = own {
                                queue.leave(own);
                            }
                            prop_assert_eq!(queue.at(place), None);
                        }
                    }
                }
                prop_assert_eq!(queue.n_waiting(), all.len() as u64);
                let line = all.iter().filter(|own| own.1 == view && own.2 == bound);
                let expected: Vec<u32> = line.map(|own| own.0).collect();
                prop_assert_eq!(line_of(&queue, view, bound), expected);
            }
        }
    }
}
