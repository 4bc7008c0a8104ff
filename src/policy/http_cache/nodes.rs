//! What is known of each key, and who was asked for least recently.

use super::lifetime::Lifetime;
use crate::policy::eviction::{Chain, Index, Links, NOWHERE};
use crate::units::SimTime;

/// What is known of a key.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Node {
    key: u64,
    /// How often it was asked for.
    pub(super) uses: u32,
    /// Requests that have looked and are not through.
    pub(super) n_inside: u32,
    /// Whether there is an answer, its code and its size.
    pub(super) exists: bool,
    /// What the cache itself said last, when no answer came: for a while that is what everybody is told.
    pub(super) error: Option<OwnError>,
    pub(super) code: u16,
    pub(super) mark: u8,
    pub(super) size: u64,
    /// When it was made, or last found to be good.
    pub(super) since: SimTime,
    /// The last second in which it is fresh, and how long it may be given out after that.
    pub(super) valid_until: u64,
    pub(super) stale_while_revalidate: u64,
    pub(super) stale_if_error: u64,
    /// Whether somebody has gone for a new one, and until which millisecond the others wait.
    pub(super) is_updating: bool,
    pub(super) lock_until: u64,
    /// The second in which it goes if nobody asks for it.
    expires: u64,
}

/// An error of the cache's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct OwnError {
    pub(super) code: u16,
    pub(super) mark: u8,
    pub(super) since: SimTime,
    /// The last second in which it is told.
    pub(super) valid_until: u64,
}

impl Node {
    /// The answer lives so long.
    pub(super) fn lives(&mut self, lifetime: Lifetime) {
        self.valid_until = lifetime.valid_until;
        self.stale_while_revalidate = lifetime.stale_while_revalidate;
        self.stale_if_error = lifetime.stale_if_error;
    }
}

/// All keys, the one asked for least recently first.
#[derive(Debug, Clone)]
pub(super) struct Nodes {
    index: Index<u64>,
    all: Vec<Node>,
    vacant: Vec<u32>,
    links: Links,
    order: Chain,
    size: u64,
    most: u32,
}

/// How many of the oldest are tried when a key needs a place, before it gets none.
const TRIES: u32 = 20;

impl Nodes {
    pub(super) fn new(most: u32) -> Self {
        Self {
            index: Index::default(),
            all: Vec::new(),
            vacant: Vec::new(),
            links: Links::default(),
            order: Chain::default(),
            size: 0,
            most,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn n_keys(&self) -> u32 {
        self.index.n_keys() as u32
    }

    pub(super) fn node(&mut self, at: u32) -> &mut Node {
        &mut self.all[at as usize]
    }

    /// The node of a key, which is asked for now; nothing if there is no room for another.
    pub(super) fn reach(&mut self, key: u64, expires: u64) -> Option<u32> {
        let at = match self.index.find(key) {
            Some(at) => {
                self.links.remove(&mut self.order, at);
                at
            }
            None => self.add(key)?,
        };
        self.links.push(&mut self.order, at);
        self.all[at as usize].expires = expires;
        Some(at)
    }

    fn add(&mut self, key: u64) -> Option<u32> {
        if self.n_keys() >= self.most && !self.remove_oldest() {
            return None;
        }
        let at = self.vacant.pop().unwrap_or_else(|| {
            self.all.push(Node::default());
            self.vacant.reserve(self.all.len());
            (self.all.len() - 1) as u32
        });
        self.links.reach(at);
        self.all[at as usize] = Node {
            key,
            ..Node::default()
        };
        self.index.set(key, at);
        Some(at)
    }

    pub(super) fn remove(&mut self, at: u32) {
        let node = &mut self.all[at as usize];
        self.size -= node.size;
        self.index.remove(node.key);
        self.links.remove(&mut self.order, at);
        self.vacant.push(at);
    }

    /// What is there goes; the key stays known.
    pub(super) fn empties(&mut self, at: u32) {
        let node = &mut self.all[at as usize];
        self.size -= node.size;
        (node.size, node.exists, node.error) = (0, false, None);
    }

    /// All that is there goes, and every key that nobody is inside of.
    pub(super) fn clear(&mut self) {
        let mut at = self.order.first;
        while at != NOWHERE {
            let next = self.links.behind(at);
            if self.all[at as usize].n_inside == 0 {
                self.remove(at);
            } else {
                self.empties(at);
            }
            at = next;
        }
    }

    /// An answer has taken the place of another.
    pub(super) fn resized(&mut self, before: u64, now: u64) {
        self.size = self.size - before + now;
    }

    /// Takes out one of the oldest that nobody is inside of; false if there is none among them.
    pub(super) fn remove_oldest(&mut self) -> bool {
        let mut at = self.order.first;
        for _ in 0..TRIES {
            if at == NOWHERE {
                return false;
            }
            if self.all[at as usize].n_inside == 0 {
                self.remove(at);
                return true;
            }
            at = self.links.behind(at);
        }
        false
    }

    /// Takes out whoever has not been asked for in time. Gives how many seconds it is until the next would.
    pub(super) fn expire(&mut self, now: u64) -> Option<u64> {
        let mut at = self.order.first;
        while at != NOWHERE {
            let node = self.all[at as usize];
            if node.expires > now {
                return Some(node.expires - now);
            }
            let next = self.links.behind(at);
            if node.n_inside == 0 {
                self.remove(at);
            }
            at = next;
        }
        None
    }
}
