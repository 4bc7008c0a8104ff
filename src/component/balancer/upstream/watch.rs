//! How a balancer watches its servers: the checks that each of its independent balancers makes, the stock that
//! outlier detection takes, and what is recorded of it.

use rand::Rng as _;

use super::Upstream;
use super::leaving::CUT;
use crate::component::{Context, Event, Gauge, Kept, NodeId, Notice, Signal};
use crate::engine::{Class, Slot, Timer};
use crate::metrics::{CounterId, LevelId};
use crate::policy::health::{CheckResult, Checks, Judgement};
use crate::policy::upstream::Ending;
use crate::rng::{Draw, Salt, Stream, Streams};
use crate::units::{SimDuration, SimTime};

/// A server is to be checked.
const CHECK: u8 = 0;
/// The answer to a check is late.
const LATE: u8 = 1;
/// Outlier detection takes stock.
const SWEEP: u8 = 2;
/// A server that has just come may have more requests.
const GROWS: u8 = 4;

/// How servers are checked, with every name resolved.
#[derive(Debug, Clone)]
pub struct ChecksPlan {
    /// The rules.
    pub rules: Checks,
    /// By service: where the operation starts that answers.
    pub starts: Vec<u16>,
}

/// Which check: who checks whom, and the how manieth time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::component) struct CheckId {
    part: u32,
    count: u32,
}

/// A check that begins.
#[derive(Debug, Clone, Copy)]
pub(in crate::component) struct Check {
    pub(in crate::component) id: CheckId,
    pub(in crate::component) service: NodeId,
    pub(in crate::component) instance: u32,
    pub(in crate::component) pc: u16,
    /// What is drawn for it derives from this.
    pub(in crate::component) number: u64,
}

/// What one balancer knows of one server.
#[derive(Debug, Clone)]
struct Checked {
    judgement: Judgement,
    /// The next check, or the end of the time for this one.
    pending: Option<Slot>,
    began: SimTime,
    /// The request of the check that is under way.
    request: Option<Timer>,
    count: u32,
    is_under_way: bool,
}

impl Checked {
    const NEW: Self = Self {
        judgement: Judgement::WELL,
        pending: None,
        began: SimTime::ZERO,
        request: None,
        count: 0,
        is_under_way: false,
    };
}

/// What a balancer needs to watch its servers.
#[derive(Debug)]
pub(super) struct Watch {
    own: NodeId,
    checks: Option<ChecksPlan>,
    /// By view and server.
    checked: Vec<Checked>,
    n_peers: u32,
    /// By view and server: when one that has just come may have more requests. Empty until there is one.
    growing: Vec<Option<Slot>>,
    /// When checks and sweeps begin.
    phases: Stream,
    /// What checks ask for, and what is left to chance; by this number differently in each replication.
    check_salt: Salt,
    luck: Salt,
    own_number: u64,
    n_draws: u64,
    /// Servers that are not well, in all views together.
    unwell: LevelId,
    n_unwell: u64,
    n_failed: CounterId,
    n_ejected: CounterId,
}

impl Watch {
    pub(super) fn new(
        (own, name): (NodeId, &str),
        checks: Option<&ChecksPlan>,
        (n_views, n_peers): (u32, u32),
        streams: Streams,
        cx: &mut Context,
    ) -> Self {
        let n_checked = if checks.is_some() {
            n_views * n_peers
        } else {
            0
        };
        Self {
            own,
            checks: checks.cloned(),
            checked: vec![Checked::NEW; n_checked as usize],
            n_peers,
            growing: Vec::new(),
            phases: streams.stream(name, "health"),
            check_salt: Salt::new(name, "check"),
            luck: Salt::new(name, "ejection"),
            own_number: streams.stream(name, "checks and ejections").next_u64(),
            n_draws: 0,
            unwell: cx.recorder.add_level(),
            n_unwell: 0,
            n_failed: cx.recorder.add_counter(),
            n_ejected: cx.recorder.add_counter(),
        }
    }

    /// A generator of its own for what is left to chance next.
    fn draw(&mut self) -> Draw {
        self.n_draws += 1;
        self.luck.draw(self.n_draws ^ self.own_number)
    }

    /// A part of a span, at random.
    fn phase(&mut self, span: SimDuration) -> SimDuration {
        let part = (self.phases.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        SimDuration::from_nanos_f64(span.as_nanos() as f64 * part)
    }

    /// A check comes due after `span`.
    fn plans(&mut self, part: u32, span: SimDuration, cx: &mut Context) {
        let event = Event::Signal(self.own, CHECK, part);
        let slot = cx.signal_after(span, Class::Control, event);
        self.checked[part as usize].pending = Some(slot);
    }

    pub(super) fn gauges(&self, component: &str) -> Vec<Gauge> {
        let gauge = |what, kept| Gauge {
            component: component.to_owned(),
            what,
            kept,
        };
        vec![
            gauge("servers_not_well", Kept::Level(self.unwell)),
            gauge("checks_failed", Kept::Counter(self.n_failed)),
            gauge("ejections", Kept::Counter(self.n_ejected)),
        ]
    }
}

impl Upstream {
    pub(in crate::component::balancer) fn gauges(&self, component: &str) -> Vec<Gauge> {
        let watch = self.watch.as_ref();
        watch.map_or_else(Vec::new, |own| own.gauges(component))
    }

    /// The run begins: outlier detection sets its clocks.
    pub(in crate::component) fn starts_watching(&mut self, cx: &mut Context) {
        let Some(watch) = &mut self.watch else { return };
        for (view, group) in self.groups.iter().enumerate() {
            let Some(interval) = group.sweep_interval() else {
                return;
            };
            let phase = watch.phase(interval);
            let event = Event::Signal(watch.own, SWEEP, view as u32);
            cx.signal_after(phase, Class::Control, event);
        }
    }

    /// Its own signal.
    pub(in crate::component) fn signal(&mut self, signal: Signal, cx: &mut Context) {
        let (balancer, part) = (self.own, signal.part);
        if signal.code == CUT {
            return cx.notices.push_back(Notice::CutOff { balancer, part });
        }
        let Some(watch) = &mut self.watch else { return };
        match signal.code {
            CHECK => cx.notices.push_back(Notice::Check { balancer, part }),
            LATE => cx.notices.push_back(Notice::CheckIsLate { balancer, part }),
            SWEEP => {
                let group = &mut self.groups[part as usize];
                let n = group.sweeps(cx.now(), &mut watch.draw());
                (0..n).for_each(|_| cx.recorder.count(watch.n_ejected));
                if let Some(interval) = group.sweep_interval() {
                    cx.signal_after(
                        interval,
                        Class::Control,
                        Event::Signal(balancer, SWEEP, part),
                    );
                }
                self.notes_health(cx);
            }
            GROWS => {
                let (view, peer) = (part / watch.n_peers, part % watch.n_peers);
                watch.growing[part as usize] = None;
                self.moves_up(view, peer, cx);
                self.grows_by_and_by(view, peer, cx);
            }
            _ => unreachable!("a balancer sets no such signal: {signal:?}"),
        }
    }

    /// A server may have more requests later than now: those who wait for it are to hear of it then.
    fn grows_by_and_by(&mut self, view: u32, peer: u32, cx: &mut Context) {
        let (Some(watch), Some(_)) = (&mut self.watch, &self.line) else {
            return;
        };
        let Some(span) = self.groups[view as usize].next_growth(peer, cx.now()) else {
            return;
        };
        let part = view * watch.n_peers + peer;
        if watch.growing.is_empty() {
            let n_parts = self.groups.len() * watch.n_peers as usize;
            watch.growing.resize(n_parts, None);
        }
        let event = Event::Signal(self.own, GROWS, part);
        let slot = cx.signal_after(span, Class::Control, event);
        // Whoever comes again meanwhile begins anew.
        if let Some(before) = watch.growing[part as usize].replace(slot) {
            cx.scheduler.cancel(before);
        }
    }

    /// A server has joined all groups: it is watched from now on.
    pub(super) fn watches(&mut self, peer: u32, cx: &mut Context) {
        let Some(watch) = &mut self.watch else { return };
        let now = cx.now();
        for (view, group) in self.groups.iter_mut().enumerate() {
            let Some(rules) = watch.checks.as_ref().map(|checks| checks.rules) else {
                group.begins_with(peer, true, now);
                continue;
            };
            // Whoever is there at the beginning has been checked for long.
            let (judgement, first) = if now == SimTime::ZERO {
                (Judgement::WELL, watch.phase(rules.interval()))
            } else {
                (Judgement::of_new(&rules), SimDuration::ZERO)
            };
            group.begins_with(peer, judgement.is_up(), now);
            let part = view as u32 * watch.n_peers + peer;
            let own = &mut watch.checked[part as usize];
            *own = Checked {
                judgement,
                count: own.count,
                ..Checked::NEW
            };
            watch.plans(part, first, cx);
        }
        for view in 0..self.groups.len() as u32 {
            self.grows_by_and_by(view, peer, cx);
        }
        self.notes_health(cx);
    }

    /// A server has left all groups.
    pub(super) fn watches_no_more(&mut self, peer: u32, cx: &mut Context) {
        let Some(watch) = &mut self.watch else { return };
        for (view, group) in self.groups.iter_mut().enumerate() {
            group.forgets(peer);
            let part = view as u32 * watch.n_peers + peer;
            let Some(own) = watch.checked.get_mut(part as usize) else {
                continue;
            };
            if let Some(slot) = own.pending.take() {
                cx.scheduler.cancel(slot);
            }
            // What is under way ends without anybody asking.
            (own.request, own.is_under_way) = (None, false);
            own.count += 1;
        }
        self.notes_health(cx);
    }

    /// A check begins; nothing if its server has left.
    pub(in crate::component) fn begins_check(
        &mut self,
        part: u32,
        cx: &mut Context,
    ) -> Option<Check> {
        let watch = self.watch.as_mut()?;
        let checks = watch.checks.as_ref()?;
        let peer = part % watch.n_peers;
        let service = self.backends.iter().rposition(|own| own.first <= peer)?;
        let own = &mut watch.checked[part as usize];
        // The event of a server that has left is cancelled, but for one that is under way at that very instant.
        own.pending.take()?;
        own.count = own.count.wrapping_add(1);
        (own.began, own.is_under_way, own.request) = (cx.now(), true, None);
        let late = Event::Signal(watch.own, LATE, part);
        own.pending = Some(cx.signal_after(checks.rules.timeout, Class::Timer, late));
        let backend = &self.backends[service];
        let count = own.count;
        Some(Check {
            id: CheckId { part, count },
            service: backend.service,
            instance: peer - backend.first,
            pc: checks.starts[service],
            number: watch
                .check_salt
                .uniform((u64::from(part) << 32 | u64::from(count)) ^ watch.own_number),
        })
    }

    /// The request of a check that has begun.
    pub(in crate::component) fn check_is_under_way(&mut self, part: u32, request: Timer) {
        if let Some(watch) = &mut self.watch {
            watch.checked[part as usize].request = Some(request);
        }
    }

    /// The time for an answer to a check is over; gives its request, if it has one. Nothing if the server has
    /// left.
    pub(in crate::component) fn late_check(
        &mut self,
        part: u32,
    ) -> Option<(CheckId, Option<Timer>)> {
        let own = &mut self.watch.as_mut()?.checked[part as usize];
        own.pending.take()?;
        let count = own.count;
        Some((CheckId { part, count }, own.request.take()))
    }

    /// A check is over.
    pub(in crate::component) fn check_ends(
        &mut self,
        CheckId { part, count }: CheckId,
        result: CheckResult,
        cx: &mut Context,
    ) {
        let Some(watch) = &mut self.watch else { return };
        let Some(rules) = watch.checks.as_ref().map(|checks| checks.rules) else {
            return;
        };
        let own = &mut watch.checked[part as usize];
        if own.count != count || !std::mem::take(&mut own.is_under_way) {
            return;
        }
        if let Some(slot) = own.pending.take() {
            cx.scheduler.cancel(slot);
        }
        own.request = None;
        if result != CheckResult::Well {
            cx.recorder.count(watch.n_failed);
        }
        let now = cx.now();
        let has_changed = own.judgement.hears(result, &rules);
        let (is_up, interval) = (own.judgement.is_up(), own.judgement.interval(&rules));
        let left = (own.began + interval).since(now);
        watch.plans(part, left, cx);
        if has_changed {
            let (view, peer) = (part / watch.n_peers, part % watch.n_peers);
            self.groups[view as usize].is_checked(peer, is_up, now);
            self.grows_by_and_by(view, peer, cx);
            self.notes_health(cx);
        }
    }

    /// A request to a server has ended so, as a balancer sees it.
    pub(super) fn hears_end(&mut self, view: u32, peer: u32, ending: Ending, cx: &mut Context) {
        let Some(watch) = &mut self.watch else { return };
        let group = &mut self.groups[view as usize];
        if group.hears(peer, ending.seen_as(), cx.now(), &mut watch.draw()) {
            cx.recorder.count(watch.n_ejected);
            self.notes_health(cx);
        }
    }

    /// Records how many servers are not well.
    fn notes_health(&mut self, cx: &mut Context) {
        let now = cx.now();
        let Some(watch) = &mut self.watch else { return };
        let n = self.groups.iter().map(|group| u64::from(group.n_unwell()));
        let (n, was) = (n.sum(), watch.n_unwell);
        watch.n_unwell = n;
        let level = cx.recorder.level(watch.unwell);
        level.up(now, n.saturating_sub(was));
        level.down(now, was.saturating_sub(n));
        if self.line.is_some() {
            // Whoever waits has somebody to go to now, or nobody to wait for.
            for view in 0..self.groups.len() as u32 {
                for peer in 0..self.groups[view as usize].n_places() {
                    self.moves_up(view, peer, cx);
                }
            }
        }
    }
}
