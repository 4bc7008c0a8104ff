//! An HTTP cache as nginx has it (`proxy_cache`: `ngx_http_file_cache.c`, `ngx_http_upstream.c`).
//!
//! A request *looks* for its key and is told what to do: to be answered from the cache, to go to the upstream,
//! or to wait. Whoever has gone to the upstream tells the cache what came of it (`answered`, `failed`); whoever
//! was answered from the cache, or left, says that it is through (`released`). Each does one of these once. Times of validity are whole seconds, as nginx
//! counts them: what was stored in second `s` for `v` seconds is fresh through second `s + v`. Times of locks
//! are whole milliseconds.

mod lifetime;
mod nodes;
mod rules;
#[cfg(test)]
mod tests;

use crate::units::{SimDuration, SimTime};

pub use lifetime::{Answer, CacheControl, Lifetime};
pub use rules::{Codes, Failure, Lock, Rules, UseStale, Valid};

use nodes::{Node, Nodes, OwnError};

/// What nginx reports of a request, in `$upstream_cache_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Not there.
    Miss,
    /// There and fresh.
    Hit,
    /// There and expired: gone for a new one.
    Expired,
    /// There and expired, and given out: in the background somebody goes for a new one, or could not get one.
    Stale,
    /// There and expired, and given out: somebody else has gone for a new one.
    Updating,
    /// There and expired, and still good, as the upstream says.
    Revalidated,
}

/// What a request does after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It is answered from the cache with this answer's status code.
    Answered {
        /// What nginx reports.
        status: Status,
        /// The code of what is there.
        code: u16,
        /// Its mark.
        mark: u8,
        /// When it was made, or last found to be good.
        since: SimTime,
        /// Whether a request of the cache's own goes for a new one meanwhile.
        updates: bool,
    },
    /// It goes to the upstream.
    Goes {
        /// Whether it only asks if what is there is still good.
        asks: bool,
    },
    /// It looks again after so long.
    Waits(SimDuration),
}

/// How far a request has come with the cache. Made when it comes, and given back to it at every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is so or not, whatever the others are"
)]
pub struct Visit {
    key: u64,
    /// Which node, once it has looked; that stays while somebody is inside of it.
    node: Option<u32>,
    status: Status,
    /// Whether it is the one who goes for a new one, and when its lock ends.
    updates: bool,
    lock_until: u64,
    /// When it stops waiting for somebody else's.
    waits_until: Option<u64>,
    /// Whether it has, and so what it gets is not stored.
    gave_up: bool,
    /// Whether what it gets may be stored.
    stores: bool,
    /// Whether what is there may be given out on an error, as its own answer once said.
    stale_if_error: bool,
    in_background: bool,
}

impl Visit {
    /// A request for `key`, which is not 0.
    pub const fn new(key: u64) -> Self {
        Self {
            key,
            node: None,
            status: Status::Miss,
            updates: false,
            lock_until: 0,
            waits_until: None,
            gave_up: false,
            stores: true,
            stale_if_error: false,
            in_background: false,
        }
    }

    /// A request of the cache's own for the key of another, which was answered with what has expired.
    pub const fn in_background(key: u64) -> Self {
        Self {
            in_background: true,
            ..Self::new(key)
        }
    }

    /// What nginx reports of it so far.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Whether what it gets may be stored: then it is got even if its client leaves.
    pub const fn stores(&self) -> bool {
        self.stores
    }
}

/// What is sent to the client of a request that has gone to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// What nginx reports.
    pub status: Status,
    /// The code.
    pub code: u16,
    /// The mark of the answer.
    pub mark: u8,
    /// When the answer was made, or last found to be good.
    pub since: SimTime,
    /// Whether it comes from the cache.
    pub from_cache: bool,
}

/// Whole seconds of nginx's clock.
const fn seconds(now: SimTime) -> u64 {
    now.as_nanos() / 1_000_000_000
}

/// Whole milliseconds of nginx's clock.
const fn millis(now: SimTime) -> u64 {
    now.as_nanos() / 1_000_000
}

/// How often whoever waits for a lock looks again, in milliseconds.
const POLL: u64 = 500;
/// The cache manager looks at least this often, in seconds.
const MANAGER_SLEEPS: u64 = 10;
/// Files it removes at a time where the cache is too large, and how long it pauses then.
const MANAGER_FILES: u32 = 100;
const MANAGER_PAUSE: SimDuration = SimDuration::from_nanos(50_000_000);

/// The cache.
#[derive(Debug, Clone)]
pub struct HttpCache {
    rules: Rules,
    nodes: Nodes,
}

impl HttpCache {
    /// An empty one.
    pub fn new(rules: Rules) -> Self {
        Self {
            nodes: Nodes::new(rules.most_keys),
            rules,
        }
    }

    /// How many bytes of answers there are.
    pub fn size(&self) -> u64 {
        self.nodes.size()
    }

    /// How many keys are known.
    pub fn n_keys(&self) -> u32 {
        self.nodes.n_keys()
    }

    /// A request looks, for the first time or again after a wait.
    pub fn look(&mut self, visit: &mut Visit, now: SimTime) -> Look {
        if let Some(until) = visit.waits_until
            && !visit.gave_up
            && let Some(wait) = self.still_waits(visit, until, now)
        {
            return wait;
        }
        let is_new = visit.node.is_none();
        let expires = seconds(now) + self.rules.inactive;
        let Some(at) = self.nodes.reach(visit.key, expires) else {
            // No room for another key.
            visit.stores = false;
            return self.goes(visit, Status::Miss);
        };
        let node = self.nodes.node(at);
        if is_new {
            node.uses = node.uses.saturating_add(1);
            node.n_inside += 1;
            visit.node = Some(at);
        }
        if let Some(error) = node.error {
            if seconds(now) <= error.valid_until {
                visit.status = Status::Hit;
                return Look::Answered {
                    status: Status::Hit,
                    code: error.code,
                    mark: error.mark,
                    since: error.since,
                    updates: false,
                };
            }
            // It is as if the key had never been there, whatever was before the error.
            self.nodes.empties(at);
            if self.rules.min_uses > 1 {
                visit.stores = false;
                return self.goes(visit, Status::Miss);
            }
            return self.misses(visit, now);
        }
        if node.exists {
            return self.finds(visit, now);
        }
        if node.uses < self.rules.min_uses {
            visit.stores = false;
            return self.goes(visit, Status::Miss);
        }
        self.misses(visit, now)
    }

    /// Whoever waits goes on waiting while somebody else holds the lock; nothing if it is to look again.
    fn still_waits(&mut self, visit: &mut Visit, until: u64, now: SimTime) -> Option<Look> {
        let now = millis(now);
        if until <= now {
            visit.gave_up = true;
            return None;
        }
        let node = self.nodes.node(visit.node?);
        let is_locked = node.is_updating && node.lock_until > now;
        is_locked.then(|| Look::Waits(wait((node.lock_until - now).min(POLL))))
    }

    fn goes(&self, visit: &mut Visit, status: Status) -> Look {
        visit.status = status;
        let asks = status == Status::Expired && self.rules.revalidate;
        Look::Goes { asks }
    }

    /// What is there is fresh, or not.
    fn finds(&mut self, visit: &mut Visit, now: SimTime) -> Look {
        let rules = &self.rules;
        let node = Self::own(&mut self.nodes, visit);
        let now = seconds(now);
        let answered = |status, updates| Look::Answered {
            status,
            code: node.code,
            mark: node.mark,
            since: node.since,
            updates,
        };
        if now <= node.valid_until {
            visit.status = Status::Hit;
            return answered(Status::Hit, false);
        }
        let within = |grace: u64| now <= node.valid_until.saturating_add(grace);
        visit.stale_if_error = within(node.stale_if_error);
        let gives_out = (rules.use_stale.has(Failure::Updating)
            || within(node.stale_while_revalidate))
            && !visit.in_background;
        if node.is_updating {
            if gives_out {
                visit.status = Status::Updating;
                return answered(Status::Updating, false);
            }
        } else {
            if gives_out && rules.background_update {
                // Who updates is the request in the background; until it is done nobody else is.
                node.is_updating = true;
                visit.status = Status::Stale;
                return answered(Status::Stale, true);
            }
            node.is_updating = true;
            (visit.updates, visit.lock_until) = (true, node.lock_until);
        }
        if visit.in_background {
            (visit.updates, visit.lock_until) = (true, node.lock_until);
        }
        self.goes(visit, Status::Expired)
    }

    /// What is not there is gone for, or waited for.
    fn misses(&mut self, visit: &mut Visit, now: SimTime) -> Look {
        let Some(lock) = self.rules.lock else {
            return self.goes(visit, Status::Miss);
        };
        let now = millis(now);
        let node = Self::own(&mut self.nodes, visit);
        if !node.is_updating || node.lock_until <= now {
            node.is_updating = true;
            node.lock_until = now + lock.age;
            (visit.updates, visit.lock_until) = (true, node.lock_until);
            return self.goes(visit, Status::Miss);
        }
        if visit.gave_up || lock.timeout == 0 {
            visit.stores = false;
            return self.goes(visit, Status::Miss);
        }
        let until = *visit.waits_until.get_or_insert(now + lock.timeout);
        Look::Waits(wait((until - now).min(POLL)))
    }

    /// The upstream has answered a request; the answer is stored if it may be, and if what is there is better
    /// than the answer, that is sent.
    pub fn answered(&mut self, visit: Visit, answer: &Answer, now: SimTime) -> Sent {
        if visit.status == Status::Expired {
            if answer.code == 304 && self.rules.revalidate {
                return self.is_still_good(visit, answer, now);
            }
            if let Some(failure) = Failure::of_code(answer.code)
                && let Some(sent) = self.rescues(&visit, failure)
            {
                self.released(visit);
                return sent;
            }
        }
        let since = SimTime::from_nanos(now.as_nanos().saturating_sub(answer.age.as_nanos()));
        let sent = Sent {
            status: visit.status,
            code: answer.code,
            mark: answer.mark,
            since,
            from_cache: false,
        };
        let lifetime = self.rules.lifetime(answer, seconds(now));
        let Some(lifetime) = lifetime.filter(|_| visit.stores) else {
            self.released(visit);
            return sent;
        };
        if let Some(node) = self.leaves(&visit) {
            node.is_updating = false;
            (node.exists, node.error) = (true, None);
            node.code = answer.code;
            (node.mark, node.since) = (answer.mark, since);
            node.lives(lifetime);
            let grown = answer.size;
            let before = std::mem::replace(&mut node.size, grown);
            self.nodes.resized(before, grown);
        }
        sent
    }

    /// What is there is good for another time.
    fn is_still_good(&mut self, visit: Visit, answer: &Answer, now: SimTime) -> Sent {
        let rules = &self.rules;
        let Node { code, mark, .. } = *Self::own(&mut self.nodes, &visit);
        let renewed = Answer { code, ..*answer };
        let lifetime = rules.lifetime(&renewed, seconds(now));
        if let Some(node) = self.leaves(&visit) {
            node.is_updating = false;
            node.since = now;
            if let Some(lifetime) = lifetime {
                node.lives(lifetime);
            }
        }
        Sent {
            status: Status::Revalidated,
            code,
            mark,
            since: now,
            from_cache: true,
        }
    }

    /// No answer came from the upstream. Gives what is sent all the same, if anything is; else the error that
    /// the cache makes of it, which the caller knows by `mark`, is remembered where it is said how long.
    pub fn failed(
        &mut self,
        visit: Visit,
        failure: Failure,
        mark: u8,
        now: SimTime,
    ) -> Option<Sent> {
        let sent = self.rescues(&visit, failure);
        if sent.is_none() && visit.stores {
            self.remembers(&visit, failure, mark, now);
        }
        self.released(visit);
        sent
    }

    /// An error takes the place of what is there (`c->error`).
    fn remembers(&mut self, visit: &Visit, failure: Failure, mark: u8, now: SimTime) {
        let code = failure.own_code();
        let valid = self.rules.valid_for(code).filter(|valid| *valid > 0);
        if let (Some(valid), Some(at)) = (valid, visit.node) {
            self.nodes.node(at).error = Some(OwnError {
                code,
                mark,
                since: now,
                valid_until: seconds(now).saturating_add(valid),
            });
        }
    }

    fn rescues(&mut self, visit: &Visit, failure: Failure) -> Option<Sent> {
        let may = visit.status == Status::Expired
            && (self.rules.use_stale.has(failure) || visit.stale_if_error);
        let node = self.nodes.node(visit.node.filter(|_| may)?);
        node.exists.then_some(Sent {
            status: Status::Stale,
            code: node.code,
            mark: node.mark,
            since: node.since,
            from_cache: true,
        })
    }

    /// A request is through with the cache without anything to store.
    pub fn released(&mut self, visit: Visit) {
        let is_kept = self.rules.min_uses > 1;
        let Some(at) = visit.node else { return };
        let node = self.nodes.node(at);
        node.n_inside -= 1;
        if visit.updates && node.lock_until == visit.lock_until {
            node.is_updating = false;
        }
        if !node.exists && node.error.is_none() && node.n_inside == 0 && !is_kept {
            self.nodes.remove(at);
        }
    }

    /// The node of a visit, which is not inside any more; nothing if there was no room for one.
    fn leaves(&mut self, visit: &Visit) -> Option<&mut Node> {
        let node = self.nodes.node(visit.node?);
        node.n_inside -= 1;
        Some(node)
    }

    fn own<'a>(nodes: &'a mut Nodes, visit: &Visit) -> &'a mut Node {
        nodes.node(visit.node.expect("it has just looked"))
    }

    /// The cache manager takes out what has not been asked for in `inactive`, and what is too much. Gives when
    /// it looks again.
    pub fn manages(&mut self, now: SimTime) -> SimDuration {
        let now = seconds(now);
        let wait = self.nodes.expire(now);
        let mut n = 0;
        while self
            .rules
            .max_size
            .is_some_and(|max| self.nodes.size() > max)
        {
            if n == MANAGER_FILES {
                return MANAGER_PAUSE;
            }
            n += 1;
            if !self.nodes.remove_oldest() {
                break;
            }
        }
        SimDuration::from_secs(wait.unwrap_or(MANAGER_SLEEPS).clamp(1, MANAGER_SLEEPS))
    }

    /// Somebody empties it. Whoever is inside goes on, and what it gets is stored.
    pub fn clear(&mut self) {
        self.nodes.clear();
    }
}

fn wait(millis: u64) -> SimDuration {
    SimDuration::from_nanos(millis * 1_000_000)
}
