//! Callers: those who have errands, and the rules by which they persist.
//!
//! A source's clients are one caller; so is each step of a service that calls something with rules of its
//! own. Budgets, breakers and limits belong to a process: to each instance of a service, to each worker
//! where workers are processes, and to all clients of a source together.

use super::arena::NOBODY;
use super::errand::Errand;
use super::request::Frame;
use super::{Context, Gauge, Kept};
use crate::diag::Diagnostics;
use crate::engine::LaneId;
use crate::metrics::{CounterId, LevelId, Outcome, Recorder};
use crate::policy::persistence::{
    Breaker, BreakerSpec, BreakerState, Budget, Hedge, HedgeSpec, Limit, LimitSpec, Permit,
    Persistence, Retry, Sample,
};
use crate::rng::Salt;
use crate::spec::Data;
use crate::units::{SimDuration, SimTime};

/// A caller's rules, with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it is called in reports: a source, or a service and whom it calls.
    pub name: String,
    /// How many processes there are, and how many of them are in one instance.
    pub processes: u32,
    /// See `processes`.
    pub per_instance: u32,
    /// How long an attempt may take.
    pub timeout: Option<SimDuration>,
    /// How long all attempts together may take.
    pub deadline: Option<SimDuration>,
    /// What is tried again, and when.
    pub retry: Option<Retry>,
    hedge: Option<HedgeSpec>,
    breaker: Option<BreakerSpec>,
    limit: Option<LimitSpec>,
}

impl Plan {
    /// True if there is more to its rules than a timeout.
    pub fn persists(&self) -> bool {
        self.retry.is_some()
            || self.hedge.is_some()
            || self.breaker.is_some()
            || self.limit.is_some()
            || self.deadline.is_some()
    }

    /// The rules of `spec`; nothing if there is a problem that only shows now, which is reported.
    pub fn new(
        name: String,
        (processes, per_instance): (u32, u32),
        spec: &Persistence,
        data: &mut dyn Data,
        out: &mut Diagnostics,
    ) -> Option<Self> {
        let retry = match &spec.retry {
            Some(retry) => Some(retry.plan(data, out)?),
            None => None,
        };
        Some(Self {
            name,
            processes,
            per_instance,
            timeout: spec.timeout.map(|timeout| timeout.value),
            deadline: spec.deadline.map(|deadline| deadline.value),
            retry,
            hedge: spec.hedge.clone(),
            breaker: spec.breaker.clone(),
            limit: spec.limit.clone(),
        })
    }
}

/// What a caller has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Errands begun.
    pub errands: u64,
    /// Attempts sent.
    pub attempts: u64,
    /// Attempts that followed one that went wrong.
    pub retries: u64,
    /// Attempts sent beside one that was late.
    pub copies: u64,
    /// Attempts that were not answered in time.
    pub timeouts: u64,
    /// Retries and copies that the budget did not allow.
    pub out_of_budget: u64,
    /// Attempts that an open breaker kept back.
    pub breaker_rejections: u64,
    /// Attempts that the concurrency limit kept back.
    pub limit_rejections: u64,
}

/// What a caller learns of an attempt when it has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// What its breaker had given it.
    pub permit: Option<Permit>,
    /// Whether a budget had granted it.
    pub granted: bool,
    /// How many attempts were in flight when it was sent, itself included.
    pub in_flight: u32,
    /// How long it took.
    pub took: SimDuration,
    /// How it ended.
    pub outcome: Outcome,
}

/// What one process keeps.
#[derive(Debug, Clone)]
struct Process {
    budget: Option<Budget>,
    breaker: Option<Breaker>,
    limit: Option<Limit>,
    hedge: Option<Hedge>,
    /// Errands and attempts under way.
    errands: u32,
    attempts: u32,
    /// Whether its breaker was open when it was last looked at.
    is_open: bool,
}

impl Process {
    /// Notes what the breaker does now; `open` counts those that are open.
    fn looks_at_breaker(&mut self, open: Option<LevelId>, now: SimTime, cx: &mut Context) {
        let (Some(breaker), Some(open)) = (&self.breaker, open) else {
            return;
        };
        let is_open = breaker.state(now) == BreakerState::Open;
        match (self.is_open, is_open) {
            (false, true) => cx.recorder.level(open).up(now, 1),
            (true, false) => cx.recorder.level(open).down(now, 1),
            _ => {}
        }
        self.is_open = is_open;
    }
}

/// A caller at work.
#[derive(Debug)]
pub struct State {
    name: String,
    per_instance: u32,
    retry: Option<Retry>,
    deadline: Option<SimDuration>,
    timeout_lane: Option<LaneId>,
    deadline_lane: Option<LaneId>,
    retry_lane: Option<(LaneId, SimDuration)>,
    hedge_lane: Option<LaneId>,
    processes: Vec<Process>,
    salt: Salt,
    /// Errands that wait before a retry.
    waiting: LevelId,
    /// Sums over the processes: attempts that may be in flight, open breakers.
    limits: Option<LevelId>,
    open: Option<LevelId>,
    begun: CounterId,
    sent: CounterId,
    retries: CounterId,
    copies: CounterId,
    timeouts: CounterId,
    out_of_budget: CounterId,
    breaker_rejections: CounterId,
    limit_rejections: CounterId,
}

impl State {
    pub(super) fn new(plan: &Plan, cx: &mut Context) -> Self {
        let lane = |cx: &mut Context, length: Option<SimDuration>| {
            length.map(|length| cx.scheduler.add_lane(length))
        };
        let hedge = plan.hedge.as_ref().map(HedgeSpec::start);
        let process = Process {
            budget: plan
                .retry
                .as_ref()
                .and_then(Retry::budget)
                .map(|budget| budget.start()),
            breaker: plan.breaker.as_ref().map(BreakerSpec::start),
            limit: plan.limit.as_ref().map(LimitSpec::start),
            hedge: hedge.clone(),
            errands: 0,
            attempts: 0,
            is_open: false,
        };
        let now = cx.now();
        let limit = process.limit.as_ref().map(Limit::limit);
        let limits = limit.map(|limit| {
            let sum = u64::from(limit) * u64::from(plan.processes);
            cx.recorder.add_level_at(now, sum)
        });
        let open = plan.breaker.as_ref().map(|_| cx.recorder.add_level());
        let retry = plan.retry.as_ref();
        let constant = retry.and_then(|retry| retry.backoff().constant());
        Self {
            name: plan.name.clone(),
            per_instance: plan.per_instance,
            retry: plan.retry.clone(),
            deadline: plan.deadline,
            timeout_lane: lane(cx, plan.timeout),
            deadline_lane: lane(cx, plan.deadline),
            retry_lane: lane(cx, constant).zip(constant),
            hedge_lane: lane(cx, hedge.as_ref().and_then(Hedge::constant)),
            processes: vec![process; plan.processes as usize],
            salt: Salt::new(&plan.name, "retry"),
            waiting: cx.recorder.add_level(),
            limits,
            open,
            begun: cx.recorder.add_counter(),
            sent: cx.recorder.add_counter(),
            retries: cx.recorder.add_counter(),
            copies: cx.recorder.add_counter(),
            timeouts: cx.recorder.add_counter(),
            out_of_budget: cx.recorder.add_counter(),
            breaker_rejections: cx.recorder.add_counter(),
            limit_rejections: cx.recorder.add_counter(),
        }
    }

    /// Tries again by these rules from now on. Its budgets stay as they are.
    pub(super) fn tries_again_by(&mut self, retry: &Retry) {
        self.retry = Some(retry.clone());
    }

    /// The process of whoever executes `frame`.
    pub(super) fn process_of(&self, frame: &Frame) -> u32 {
        let within = u32::from(frame.worker).min(self.per_instance - 1);
        frame.instance * self.per_instance + within
    }

    pub(super) fn timeout_lane(&self) -> Option<LaneId> {
        self.timeout_lane
    }

    pub(super) fn deadline_lane(&self) -> Option<LaneId> {
        self.deadline_lane
    }

    pub(super) fn retry_lane(&self) -> Option<(LaneId, SimDuration)> {
        self.retry_lane
    }

    pub(super) fn hedge_lane(&self) -> Option<LaneId> {
        self.hedge_lane
    }

    /// An errand begins.
    pub(super) fn begins(&mut self, process: u32, cx: &mut Context) {
        let now = cx.now();
        cx.recorder.count_within(self.begun);
        let own = &mut self.processes[process as usize];
        own.errands += 1;
        if let Some(budget) = &mut own.budget {
            budget.deposit(now);
        }
    }

    /// An errand is over.
    pub(super) fn is_over(&mut self, process: u32) {
        self.processes[process as usize].errands -= 1;
    }

    /// May an attempt be sent? Gives the breaker's permit and how many attempts are in flight with it, or
    /// says why not.
    pub(super) fn admits(
        &mut self,
        process: u32,
        cx: &mut Context,
    ) -> Result<(Option<Permit>, u32), Outcome> {
        let now = cx.now();
        let own = &mut self.processes[process as usize];
        if own
            .limit
            .as_ref()
            .is_some_and(|limit| !limit.admit(own.attempts))
        {
            cx.recorder.count_within(self.limit_rejections);
            return Err(Outcome::ConcurrencyLimit);
        }
        let mut permit = None;
        if let Some(breaker) = &mut own.breaker {
            permit = breaker.admit(now);
            own.looks_at_breaker(self.open, now, cx);
            if permit.is_none() {
                cx.recorder.count_within(self.breaker_rejections);
                return Err(Outcome::BreakerOpen);
            }
        }
        own.attempts += 1;
        cx.recorder.count_within(self.sent);
        Ok((permit, own.attempts))
    }

    /// How long until a copy is sent beside the attempt that was just sent, `copies` having been sent.
    #[inline]
    pub(super) fn copy_after(&self, process: u32, copies: u32) -> Option<SimDuration> {
        let hedge = self.processes[process as usize].hedge.as_ref()?;
        hedge.delay().filter(|_| copies < hedge.copies())
    }

    /// May a copy be sent? It takes from the budget of the retries.
    pub(super) fn may_copy(&mut self, process: u32, now: SimTime, cx: &mut Context) -> bool {
        let own = &mut self.processes[process as usize];
        let may = own
            .budget
            .as_mut()
            .is_none_or(|budget| budget.withdraw(now, own.errands));
        cx.recorder
            .count_within(if may { self.copies } else { self.out_of_budget });
        may
    }

    /// How long an errand waits before its next attempt; nothing if there is to be none.
    pub(super) fn retries_after(
        &mut self,
        errand: &Errand,
        outcome: Outcome,
        retry_after: Option<SimDuration>,
        cx: &mut Context,
    ) -> Option<SimDuration> {
        let (now, retry) = (cx.now(), self.retry.as_ref()?);
        // Copies are not retries.
        let so_far = errand.attempts - errand.copies;
        if !retry.may(so_far, outcome.group()) {
            return None;
        }
        let seed = errand.number ^ u64::from(errand.attempts).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut draw = self.salt.draw(seed);
        let wait = retry.wait(so_far, errand.waited, retry_after, &mut draw);
        // An attempt that could only begin after the deadline is not waited for.
        let due = self
            .deadline
            .map_or(SimTime::NEVER, |span| errand.due + span);
        if now + wait >= due {
            return None;
        }
        let own = &mut self.processes[errand.process as usize];
        if let Some(budget) = &mut own.budget
            && !budget.withdraw(now, own.errands)
        {
            cx.recorder.count_within(self.out_of_budget);
            return None;
        }
        cx.recorder.count_within(self.retries);
        cx.recorder.level(self.waiting).up(now, 1);
        Some(wait)
    }

    /// An errand that waited for a retry waits no more.
    pub(super) fn waits_no_more(&self, cx: &mut Context) {
        let now = cx.now();
        cx.recorder.level(self.waiting).down(now, 1);
    }

    /// An attempt has ended.
    pub(super) fn learns(&mut self, process: u32, seen: Seen, cx: &mut Context) {
        let now = cx.now();
        let is_late = seen.outcome == Outcome::ClientTimeout;
        if is_late {
            cx.recorder.count_within(self.timeouts);
        }
        let own = &mut self.processes[process as usize];
        own.attempts -= 1;
        if let (true, Some(budget)) = (seen.granted, &mut own.budget) {
            budget.retry_over();
        }
        if let (Some(breaker), Some(permit)) = (&mut own.breaker, seen.permit) {
            breaker.record(permit, now, seen.outcome.is_success(), seen.took);
            own.looks_at_breaker(self.open, now, cx);
        }
        if let (Some(hedge), true) = (&mut own.hedge, seen.outcome.is_success()) {
            hedge.observe(seen.took);
        }
        if let (Some(limit), Some(level)) = (&mut own.limit, self.limits) {
            let before = limit.limit();
            let sample = Sample {
                now,
                rtt: seen.took,
                inflight: seen.in_flight,
                // Rejections and timeouts are what tells a limiter that it is too high.
                dropped: !seen.outcome.is_success(),
            };
            let mut draw = self.salt.draw(now.as_nanos() ^ u64::from(process) << 48);
            limit.sample(&sample, &mut draw);
            let after = limit.limit();
            let sum = cx.recorder.level_now(level) + u64::from(after) - u64::from(before);
            cx.recorder.level(level).set(now, sum);
        }
    }

    /// Nobody waits any more for an attempt that runs.
    pub(super) fn forgets(
        &mut self,
        process: u32,
        (permit, granted): (Option<Permit>, bool),
        now: SimTime,
    ) {
        let own = &mut self.processes[process as usize];
        own.attempts -= 1;
        if let (true, Some(budget)) = (granted, &mut own.budget) {
            budget.retry_over();
        }
        if let (Some(breaker), Some(permit)) = (&mut own.breaker, permit) {
            breaker.release(permit, now);
        }
    }

    /// An attempt that the budget has granted will not be sent.
    pub(super) fn gives_back(&mut self, process: u32) {
        if let Some(budget) = &mut self.processes[process as usize].budget {
            budget.retry_over();
        }
    }

    /// What it is called in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its levels, to be shown over time.
    pub(super) fn gauges(&self) -> Vec<Gauge> {
        let gauge = |what, level| Gauge::new(&self.name, what, Kept::Level(level));
        let retries = self.retry.is_some().then_some(self.waiting);
        let levels = [
            ("in_backoff", retries),
            ("concurrency_limit", self.limits),
            ("breakers_open", self.open),
        ];
        let kept = levels.into_iter();
        kept.filter_map(|(what, level)| Some(gauge(what, level?)))
            .collect()
    }

    /// What it has counted between the warm-up and the horizon.
    pub fn counts(&self, recorder: &Recorder) -> Counts {
        let n = |counter| recorder.counted(counter);
        Counts {
            errands: n(self.begun),
            attempts: n(self.sent),
            retries: n(self.retries),
            copies: n(self.copies),
            timeouts: n(self.timeouts),
            out_of_budget: n(self.out_of_budget),
            breaker_rejections: n(self.breaker_rejections),
            limit_rejections: n(self.limit_rejections),
        }
    }

    /// Compares its books with the errands under way.
    ///
    /// # Panics
    /// If they differ: an errand or an attempt was lost or counted twice.
    pub(super) fn audit<'a>(&self, errands: impl Iterator<Item = &'a Errand>, cx: &Context) {
        let (mut n_errands, mut n_attempts, mut n_waiting) = (0, 0, 0);
        for errand in errands {
            let running = errand.running.iter().filter(|id| **id != NOBODY).count();
            n_errands += 1;
            n_attempts += running as u32;
            n_waiting += u64::from(errand.granted);
        }
        let sum = |of: fn(&Process) -> u32| self.processes.iter().map(of).sum::<u32>();
        let name = &self.name;
        assert_eq!(sum(|own| own.errands), n_errands, "errands of {name}");
        assert_eq!(sum(|own| own.attempts), n_attempts, "attempts of {name}");
        let waiting = cx.recorder.level_now(self.waiting);
        assert_eq!(waiting, n_waiting, "errands of {name} in backoff");
    }
}
