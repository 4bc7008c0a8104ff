//! An HTTP cache: a gateway that answers by itself what it has been told before, and goes on with the rest.
//!
//! It does what `policy/http_cache` says, which are the rules of nginx's `proxy_cache`. A request *looks* for its
//! key; it is answered from the cache, waits for a lock, or goes on to what is behind. What it holds while it is
//! there is known by the number in its frame. What has come back is told to the cache, which may have something
//! better to send. Once a request is on its way for something that is to be stored, it goes on even if its
//! client leaves.

mod spec;

use super::arena::NOBODY;
use super::fetch::{
    Came, Counts, Held, OK, answer_of, begins_fetch, ends_fetch, outcome_of, says_age,
};
use super::gateway::ClientLeft;
use super::program::{Cacheable, Demand, Visit};
use super::request::{Flags, Frame, RequestId};
use super::{
    Bill, Component, Context, Event, Gauge, Kept, NodeId, Signal, Step, Tally, Wake, cache,
};
use crate::engine::Class;
use crate::metrics::{LevelId, Outcome};
use crate::policy::http_cache::{self as policy, Look, Rules, Status};
use crate::rng::{Salt, Streams};
use crate::units::{CostPerHour, SimDuration, SimTime};

pub use spec::{Bypass, HttpCache, LockSpec, MaybeLock, StaleCase, ValidLine, Validity};

/// An HTTP cache with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What it is told to do.
    pub rules: Rules,
    /// Whose requests are left alone.
    pub bypass: Bypass,
    /// The share of what has expired that is still good, as a threshold for a uniform 64-bit number.
    pub unchanged_below: u64,
    /// How long a request takes in it.
    pub time: Option<Demand>,
    /// When somebody empties it.
    pub flush_at: Vec<SimDuration>,
    /// What it costs.
    pub cost: CostPerHour,
}

/// Signals: the cache manager looks, somebody empties the cache.
const MANAGE: u8 = 0;
const FLUSH: u8 = 1;

/// What is held for a request.
#[derive(Debug, Clone, Copy)]
struct Own {
    visit: policy::Visit,
    key: u64,
    what: Cacheable,
    /// Waits for somebody else's.
    waits: bool,
    /// Has asked only whether what there is is still good, and it is.
    is_unchanged: bool,
    /// Its client has asked that.
    was_conditional: bool,
    /// The connection that nobody reads from before it is through, where it is a renewal in the background.
    connection: u32,
}

/// An HTTP cache at work.
#[derive(Debug)]
pub struct State {
    name: String,
    own: NodeId,
    cache: policy::HttpCache,
    held: Held<Own>,
    bypass: Bypass,
    unchanged: (u64, Salt),
    time: Option<Demand>,
    flush_at: Vec<SimDuration>,
    cost: CostPerHour,
    waiting: LevelId,
    counts: Counts,
}

impl State {
    pub(super) fn new(plan: &Plan, own: NodeId, _: Streams, cx: &mut Context) -> Self {
        Self {
            name: plan.name.clone(),
            own,
            cache: policy::HttpCache::new(plan.rules.clone()),
            held: Held::default(),
            bypass: plan.bypass,
            unchanged: (plan.unchanged_below, Salt::new(&plan.name, "unchanged")),
            time: plan.time,
            flush_at: plan.flush_at.clone(),
            cost: plan.cost,
            waiting: cx.recorder.add_level(),
            counts: Counts::new(cx),
        }
    }

    /// A request looks, for the first time or again.
    fn looks(&mut self, id: RequestId, what: Cacheable, cx: &mut Context) -> Step {
        let request = cx.requests.get(id);
        let (held, flags) = (request.frame.instance, request.flags);
        if self.bypass == Bypass::Authenticated && flags.has(Flags::AUTHENTICATED) {
            cx.recorder.count(self.counts.bypass);
            return Step::Next;
        }
        let now = cx.now();
        let before = self.held.get(held).copied();
        let mut own = before.unwrap_or_else(|| {
            let key = cache::key(what.keys, id, cx);
            Own {
                visit: policy::Visit::new(key),
                key,
                what,
                waits: false,
                is_unchanged: false,
                was_conditional: flags.has(Flags::CONDITIONAL),
                connection: NOBODY,
            }
        });
        let has_waited = own.waits;
        if has_waited {
            cx.recorder.level(self.waiting).down(now, 1);
            own.waits = false;
        }
        match self.cache.look(&mut own.visit, now) {
            Look::Answered {
                status,
                mark,
                since,
                updates,
                ..
            } => {
                self.held.forget(held);
                self.cache.released(own.visit);
                self.counts_answer(status, has_waited, cx);
                if updates {
                    self.updates(id, &own, cx);
                }
                cx.recorder.wait(self.counts.ages, since, now);
                gives(id, (mark, since), cx)
            }
            Look::Goes { asks } => {
                let how = match own.visit.status() {
                    Status::Expired => self.counts.expired,
                    _ => self.counts.misses,
                };
                cx.recorder.count(how);
                self.goes(id, own, asks, cx);
                Step::Next
            }
            Look::Waits(span) => {
                own.waits = true;
                self.holds(id, own, cx);
                cx.recorder.level(self.waiting).up(now, 1);
                cx.resume_after(span, id);
                Step::Blocked
            }
        }
    }

    fn counts_answer(&self, status: Status, has_waited: bool, cx: &mut Context) {
        let counts = &self.counts;
        let how = match status {
            Status::Stale => counts.stale,
            Status::Updating => counts.updating,
            _ if has_waited => counts.coalesced,
            _ => counts.hits,
        };
        cx.recorder.count(how);
    }

    /// Something is held for a request from now on.
    fn holds(&mut self, id: RequestId, own: Own, cx: &mut Context) {
        let frame = &mut cx.requests.get_mut(id).frame;
        match self.held.get(frame.instance) {
            Some(held) => *held = own,
            None => frame.instance = self.held.put(own),
        }
    }

    /// A request is about to go to what is behind. What its client has does not matter there; whether what the
    /// cache has is still good may.
    fn goes(&mut self, id: RequestId, mut own: Own, asks: bool, cx: &mut Context) {
        let (below, salt) = self.unchanged;
        own.is_unchanged = asks && salt.uniform(cx.requests.get(id).seed()) < below;
        begins_fetch(id, own.is_unchanged, cx);
        self.holds(id, own, cx);
    }

    /// A request of the cache's own goes for what another was given though it has expired.
    fn updates(&mut self, id: RequestId, theirs: &Own, cx: &mut Context) {
        let mut visit = policy::Visit::in_background(theirs.key);
        let Look::Goes { asks } = self.cache.look(&mut visit, cx.now()) else {
            return self.cache.released(visit);
        };
        cx.recorder.count(self.counts.refreshes);
        let own = Own {
            visit,
            was_conditional: false,
            connection: cx.requests.extra(id).connection,
            ..*theirs
        };
        cx.connections.holds(own.connection);
        let request = cx.opens_beside(id, 0);
        self.goes(request, own, asks, cx);
        cx.wake(request, Wake::GoOn);
    }

    /// What has come back for a request is told to the cache. Gives how it is answered instead, if it is.
    fn settles(
        &mut self,
        id: RequestId,
        number: u32,
        outcome: Outcome,
        cx: &mut Context,
    ) -> Option<Outcome> {
        let own = self.held.take(number)?;
        cx.lets_go(own.connection);
        let now = cx.now();
        if own.waits {
            cx.recorder.level(self.waiting).down(now, 1);
        }
        ends_fetch(id, own.was_conditional, cx);
        let sent = match Came::of(id, outcome, cx) {
            Came::Left => {
                self.cache.released(own.visit);
                return None;
            }
            Came::Nothing(failure) => {
                let mark = outcome.index() as u8;
                self.cache.failed(own.visit, failure, mark, now)?
            }
            Came::Answer(code) => {
                let code = if own.is_unchanged && code == OK {
                    304
                } else {
                    code
                };
                let answer = answer_of(own.what, own.key, (code, outcome), (id, cx));
                self.cache.answered(own.visit, &answer, now)
            }
        };
        says_age(id, sent.since, cx);
        if !sent.from_cache {
            return None;
        }
        let is_rescue = sent.status == Status::Stale;
        if !cx.requests.get(id).flags.has(Flags::GONE) {
            let counts = &self.counts;
            let how = if is_rescue {
                counts.rescued
            } else {
                counts.revalidated
            };
            cx.recorder.count(how);
        }
        Some(outcome_of(sent.mark))
    }

    fn plans_look(&mut self, cx: &mut Context) {
        let wait = self.cache.manages(cx.now());
        cx.signal_after(wait, Class::Control, Event::Signal(self.own, MANAGE, 0));
    }
}

/// A request is answered from the cache.
fn gives(id: RequestId, (mark, since): (u8, SimTime), cx: &mut Context) -> Step {
    says_age(id, since, cx);
    let frame = &mut cx.requests.get_mut(id).frame;
    frame.instance = 0;
    frame.set_answer(outcome_of(mark));
    // Over the instruction that passes it on.
    Step::Jump(frame.pc + 2)
}

impl Component for State {
    fn start(&mut self, cx: &mut Context) {
        self.plans_look(cx);
        for at in &self.flush_at {
            cx.signal_after(*at, Class::Control, Event::Signal(self.own, FLUSH, 0));
        }
    }

    fn signal(&mut self, signal: Signal, cx: &mut Context) {
        if signal.code == FLUSH {
            self.cache.clear();
        } else {
            self.plans_look(cx);
        }
    }

    fn visit(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        if let Some(time) = self.time {
            let time = cx.program.draw(time, cx.requests.get(id).seed());
            cx.resume_after(time, id);
            return Step::Blocked;
        }
        self.resume(id, visit, cx)
    }

    fn resume(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        match visit {
            Visit::Fetch(at) => self.looks(id, cx.program.cacheable[at as usize], cx),
            // Not to be kept, and so not looked for.
            _ => Step::Next,
        }
    }

    fn withdraw(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let slot = cx.requests.get(id).slot();
        cx.scheduler.cancel(slot);
        true
    }

    fn let_go(&mut self, id: RequestId, frame: &Frame, outcome: Outcome, cx: &mut Context) {
        self.settles(id, frame.instance, outcome, cx);
        self.held.forget(frame.instance);
    }

    fn rescue(&mut self, id: RequestId, outcome: Outcome, cx: &mut Context) -> Option<Outcome> {
        let held = cx.requests.get(id).frame.instance;
        self.settles(id, held, outcome, cx)
    }

    /// What is to be stored is got whether its client waits for it or not.
    fn client_left(&mut self, _: RequestId, frame: &Frame, _: &mut Context) -> (ClientLeft, u32) {
        let own = self.held.get(frame.instance);
        let goes_on = own.is_some_and(|own| !own.waits && own.visit.stores());
        let left = if goes_on {
            ClientLeft::Kept
        } else {
            ClientLeft::PassedOn
        };
        (left, frame.instance)
    }

    fn gauges(&self) -> Vec<Gauge> {
        let mut all = self.counts.gauges(&self.name);
        all.push(Gauge::new(&self.name, "waiting", Kept::Level(self.waiting)));
        all
    }

    fn bills(&self) -> Vec<Bill> {
        vec![Bill::always(&self.name, self.cost)]
    }

    fn audit(&self, own: NodeId, seen: &Tally, _: &Context) {
        self.held.audit(&self.name, own, seen);
    }
}
