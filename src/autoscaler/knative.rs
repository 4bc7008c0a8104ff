//! Knative's autoscaler over the instances of a service: its decisions are in [`kpa`](super::kpa), what feeds them
//! is here.
//!
//! Every second the proxies of all pods that are ready are asked for what they did since the last time. Knative asks
//! a sample of them where there are more than three, and takes it for the mean of all; here it is the mean itself.
//! While there are no pods an activator holds requests; the first of them is reported at once, and those that are held
//! are part of what is measured. What decides about the last pod is in [`zero`]; the activator takes over as soon
//! as the revision is inactive.

use super::count::{Bound, Bounds};
use super::kpa::decide::{self, Averages, Observation, TICK};
use super::kpa::sensor::{BUCKET, panic_window};
use super::kpa::target::{self, Metric, Revision};
use super::kpa::window::{Weighting, Window};
use super::kpa::zero::{self, Activity};
use super::sensor::{Snapshot, Use};
use super::{Clock, Decision, Describe, Group, Phase, Reading, Reason, Rule, Sight, Unit, compare};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration, SimTime};
use crate::{spec, words};

/// The shortest stable window.
const SHORTEST_WINDOW: SimDuration = SimDuration::from_secs(6);
/// The longest stable window, and the longest delay.
const HOUR: SimDuration = SimDuration::from_secs(3600);

words! {
    /// What Knative's autoscaler goes by.
    pub enum KnativeMetric {
        /// Requests inside a pod at a time.
        Concurrency = "concurrency",
        /// Requests that a pod does in a second.
        RequestsPerSecond = "rps",
    }
}

spec! {
    /// Knative's autoscaler (KPA): what is inside all pods, on average over a minute, by what one should have; and
    /// by the last few seconds of it when they ask for twice the pods that are ready.
    pub struct Knative {
        /// The fewest pods. While there are none the activator holds requests, and the first of them starts one.
        pub min: At<u32> = At::built_in(0),
        /// The most pods.
        pub max: At<Count>,
        /// What it goes by.
        pub metric: KnativeMetric = KnativeMetric::Concurrency,
        /// What a pod can bear of it: 100 requests at a time, or 200 a second, unless given. For pods that are not
        /// given more than some number at a time (`containerConcurrency`), that number.
        pub target: Option<At<f64>>,
        /// The share of it that is aimed at.
        pub target_utilization: At<Fraction> = At::built_in(Fraction::percent(70)),
        /// Over how long it averages, 6 s to an hour; also how long panic lasts after it was last called for.
        pub stable_window: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
        /// The share of that window that panic is judged by, in whole seconds, at least one.
        pub panic_window: At<Fraction> = At::built_in(Fraction::percent(10)),
        /// Panic begins when its window asks for so many times the pods that are ready: from then on there are no
        /// fewer pods until it ends.
        pub panic_threshold: At<f64> = At::built_in(2.0),
        /// A decision asks for so many times the pods that are ready at most.
        pub max_scale_up_rate: At<f64> = At::built_in(1000.0),
        /// A decision leaves one in so many of the pods that are ready at least.
        pub max_scale_down_rate: At<f64> = At::built_in(2.0),
        /// For how long fewer pods must have been enough before there are fewer, at most an hour.
        pub scale_down_delay: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// How long the activator must have taken over before the last pod goes.
        pub scale_to_zero_grace: SimDuration = SimDuration::from_secs(30),
        /// How long the last pod stays after there was nothing to do for the stable window.
        pub pod_retention: SimDuration = SimDuration::ZERO,
        /// How long the activator holds requests: the revision's timeout.
        pub hold: SimDuration = SimDuration::from_secs(300),
    }
    check(Self::check)
}

impl Knative {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        super::check_range_from_zero(self.min, self.max, out);
        if let Some(target) = self.target
            && target.value < 0.01
        {
            let problem = "a target is at least 0.01";
            out.push(Diagnostic::error(target.origin, problem).label("too small"));
        }
        for (share, what) in [
            (
                self.target_utilization,
                "the share that is aimed at is more than 0",
            ),
            (self.panic_window, "the panic window is longer than 0"),
        ] {
            if share.value == Fraction::ZERO {
                out.push(Diagnostic::error(share.origin, what));
            }
        }
        if !(SHORTEST_WINDOW..=HOUR).contains(&self.stable_window.value) {
            let problem = "the stable window is 6 s to an hour";
            let found = self.stable_window.value.to_string();
            out.push(Diagnostic::error(self.stable_window.origin, problem).label(found));
        }
        if self.scale_down_delay.value > HOUR {
            let problem = "the delay is an hour at most";
            let found = self.scale_down_delay.value.to_string();
            out.push(Diagnostic::error(self.scale_down_delay.origin, problem).label(found));
        }
        for (rate, what) in [
            (
                self.panic_threshold,
                "panic begins at more than the pods there are",
            ),
            (self.max_scale_up_rate, "a rate of change is more than 1"),
            (self.max_scale_down_rate, "a rate of change is more than 1"),
        ] {
            if rate.value <= 1.0 {
                out.push(Diagnostic::error(rate.origin, what).label("more than 1"));
            }
        }
        let delay = self.scale_down_delay;
        if delay.value > SimDuration::ZERO && delay.value < TICK {
            let problem = "this delay is shorter than the time between two decisions";
            out.push(Diagnostic::warning(delay.origin, problem).label("has no effect below 2 s"));
        }
    }

    fn config(&self) -> decide::Config {
        let target = target::resolve(
            &target::Config::default(),
            &Revision {
                metric: match self.metric {
                    KnativeMetric::Concurrency => Metric::Concurrency,
                    KnativeMetric::RequestsPerSecond => Metric::RequestsPerSecond,
                },
                container_concurrency: None,
                target: self.target.map(|own| own.value),
                share: Some(self.target_utilization.get()),
            },
        );
        decide::Config {
            panic_threshold: self.panic_threshold.value,
            max_scale_up_rate: self.max_scale_up_rate.value,
            max_scale_down_rate: self.max_scale_down_rate.value,
            stable_window: self.stable_window.value,
            scale_down_delay: self.scale_down_delay.value,
            ..decide::Config::new(target)
        }
    }
}

impl Describe for Knative {
    type State = State;

    fn start(&self) -> State {
        let stable = self.stable_window.value;
        let panic = panic_window(stable, self.panic_window.get() * 100.0);
        let window = |length| Window::new(length, BUCKET, Weighting::Even);
        State {
            config: self.config(),
            bounds: Bounds {
                min: self.min.value,
                max: self.max.get(),
            },
            metric: self.metric,
            memory: None,
            stable: window(stable),
            panic: window(panic),
            last: None,
            zero: zero::Config {
                bounds: Bounds {
                    min: self.min.value,
                    max: self.max.get(),
                },
                stable_window: stable,
                grace: self.scale_to_zero_grace,
                pod_retention: self.pod_retention,
                ..zero::Config::default()
            },
            activity: (Activity::Active, SimTime::ZERO),
        }
    }

    fn holds_requests(&self) -> Option<SimDuration> {
        (self.min.value == 0).then_some(self.hold)
    }
}

/// Knative's autoscaler at work.
#[derive(Debug, Clone)]
pub struct State {
    config: decide::Config,
    bounds: Bounds,
    metric: KnativeMetric,
    /// What the decider remembers; nothing before it has seen the pods for the first time.
    memory: Option<decide::State>,
    stable: Window,
    panic: Window,
    /// The last scrape.
    last: Option<Snapshot>,
    zero: zero::Config,
    /// What the revision is at, and since when.
    activity: (Activity, SimTime),
}

impl Rule for State {
    fn clock(&self) -> Clock {
        Clock {
            period: TICK,
            first: None,
            scrape: Some(BUCKET),
        }
    }

    fn adopts(&mut self, mut fresh: Self) {
        if self.metric == fresh.metric {
            for (new, old) in [
                (&mut fresh.stable, &self.stable),
                (&mut fresh.panic, &self.panic),
            ] {
                if new.length() == old.length() {
                    new.clone_from(old);
                }
            }
        }
        // The decider goes on; also its window of the scale-down delay, which only a new one has another of.
        *self = Self {
            memory: self.memory.take(),
            last: self.last.take(),
            ..fresh
        };
    }

    fn range(&self) -> (u32, u32) {
        (self.bounds.min, self.bounds.max)
    }

    fn scrape(&mut self, group: &Group<'_>) {
        // The decider begins with the pods that it finds.
        let config = &self.config;
        self.memory.get_or_insert_with(|| {
            decide::State::start(config, group.now, Some(group.in_service()))
        });
        let (mut n, mut sum) = (0_u32, 0.0);
        for own in group.instances {
            if let Some(value) = self.measure(own, group) {
                n += 1;
                sum += value;
            }
        }
        // Without a pod that answers, or a request that is held, there is nothing to write down, which is not 0.
        let pods = sum / f64::from(n.max(1)) * f64::from(group.in_service());
        if n > 0 || group.held > 0 {
            self.record(group, pods + self.held(group));
        }
        self.last = Some(Snapshot::of(group));
    }

    fn knock(&mut self, group: &Group<'_>) -> Decision {
        self.record(group, self.held(group));
        self.activity = (Activity::Activating, group.now);
        let instances = group.desired.max(1);
        Decision {
            wanted: instances,
            instances,
            reason: Reason::Own("the activator has a request"),
            sight: Some(self.sight(Some(self.held(group)))),
        }
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        let (now, ready) = (group.now, group.in_service());
        let averages = (!self.stable.is_empty(now)).then(|| Averages {
            stable: self.stable.average(now),
            panic: self.panic.average(now),
        });
        let seen = Observation {
            now,
            ready_pods: Some(ready),
            averages,
        };
        let config = &self.config;
        let memory = self
            .memory
            .get_or_insert_with(|| decide::State::start(config, now, Some(ready)));
        let (Some(decided), Some(averages)) = (memory.decide(config, &seen), averages) else {
            return Decision {
                wanted: group.desired,
                instances: group.desired,
                reason: Reason::NoData,
                sight: Some(self.sight(None)),
            };
        };
        let (mut instances, bound) = self.bounds.clamp(i64::from(decided.pods.instances));
        let mut zero = None;
        if instances == 0 {
            (instances, zero) = self.last_pod(group);
        } else {
            self.is_busy(group);
        }
        let decisive = if decided.is_panicking {
            averages.panic.max(averages.stable)
        } else {
            averages.stable
        };
        Decision {
            wanted: decided.pods.wish,
            instances,
            reason: zero.unwrap_or_else(|| {
                explain(&decided, instances, bound, group.desired, self.range())
            }),
            sight: Some(self.sight(Some(decisive / f64::from(ready.max(1))))),
        }
    }
}

impl State {
    fn record(&mut self, group: &Group<'_>, all: f64) {
        self.stable.record(group.now, all);
        self.panic.record(group.now, all);
    }

    /// What the activator reports of the requests that it holds.
    fn held(&self, group: &Group<'_>) -> f64 {
        match self.metric {
            KnativeMetric::Concurrency => group.held as f64,
            // It counts those that have come since its last report, a second ago.
            KnativeMetric::RequestsPerSecond => {
                let before = self.last.as_ref().map_or(0, |last| last.held);
                group.held.saturating_sub(before) as f64
            }
        }
    }

    /// There is something to do: the revision is active as soon as a pod is ready.
    fn is_busy(&mut self, group: &Group<'_>) {
        let (activity, _) = self.activity;
        let is_at = if group.in_service() > 0 {
            Activity::Active
        } else {
            Activity::Activating
        };
        if activity != is_at {
            self.activity = (is_at, group.now);
        }
    }

    /// Nothing is to be done: what becomes of the last pod, and why.
    fn last_pod(&mut self, group: &Group<'_>) -> (u32, Option<Reason>) {
        let (activity, since) = self.activity;
        if activity == Activity::Activating && group.in_service() > 0 {
            self.activity = (Activity::Active, group.now);
        }
        let spent = group.now.since(since);
        let is_inactive = activity == Activity::Inactive;
        let seen = zero::Observation {
            wish: Some(0),
            pods: group.desired,
            activity,
            activity_for: spent,
            is_initial_scale_reached: true,
            is_activator_answering: true,
            activator_in_path: if is_inactive {
                spent
            } else {
                SimDuration::ZERO
            },
        };
        let said = zero::decide(&self.zero, &seen);
        if said.reason == zero::Reason::BecomesInactive {
            self.activity = (Activity::Inactive, group.now);
        }
        let pods = said.pods.filter(|_| said.is_applied);
        (
            pods.unwrap_or(group.desired),
            Some(Reason::Own(said.reason.words())),
        )
    }

    /// What the proxy of a pod says it did since the last scrape; nothing if it is not ready, or has only just
    /// begun.
    fn measure(&self, own: &Reading, group: &Group<'_>) -> Option<f64> {
        if own.phase != Phase::InService {
            return None;
        }
        let last = self.last.as_ref();
        let earlier = last.and_then(|last| Some((last.at, last.find(own)?)));
        let used = Use::since(earlier, own, group.now)?;
        Some(match self.metric {
            KnativeMetric::Concurrency => used.in_flight,
            KnativeMetric::RequestsPerSecond => used.requests_per_second,
        })
    }

    /// Per pod that is ready.
    const fn sight(&self, value: Option<f64>) -> Sight {
        let (what, unit) = match self.metric {
            KnativeMetric::Concurrency => ("requests in flight per pod", Unit::Count),
            KnativeMetric::RequestsPerSecond => ("requests per pod", Unit::PerSecond),
        };
        Sight {
            what,
            unit,
            value,
            target: self.config.target,
        }
    }
}

/// Why there are so many: the bound, where it holds a change back; else the decider's reason, where that does.
fn explain(
    decided: &decide::Decision,
    instances: u32,
    bound: Option<Bound>,
    before: u32,
    range: (u32, u32),
) -> Reason {
    let plain = compare(before, decided.pods.instances, instances, range);
    if bound.is_some() {
        return plain;
    }
    match decided.pods.reason {
        decide::Reason::ScaleUpRate | decide::Reason::ScaleDownRate => Reason::TooFast,
        decide::Reason::PanicFloor | decide::Reason::ScaleDownDelay if instances == before => {
            Reason::NotYetSure
        }
        _ => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::RequestTime;
    use crate::stats::Histogram;

    fn spec(min: u32, max: u32) -> Knative {
        Knative {
            min: At::built_in(min),
            max: At::built_in(Count::new(max)),
            metric: KnativeMetric::Concurrency,
            target: Some(At::built_in(10.0)),
            target_utilization: At::built_in(Fraction::percent(70)),
            stable_window: At::built_in(SimDuration::from_secs(60)),
            panic_window: At::built_in(Fraction::percent(10)),
            panic_threshold: At::built_in(2.0),
            max_scale_up_rate: At::built_in(1000.0),
            max_scale_down_rate: At::built_in(2.0),
            scale_down_delay: At::built_in(SimDuration::ZERO),
            scale_to_zero_grace: SimDuration::from_secs(30),
            pod_retention: SimDuration::ZERO,
            hold: SimDuration::from_secs(300),
        }
    }

    /// Two pods with `inside(second)` requests each, scraped every second, and one look at the end.
    fn look(state: &mut State, seconds: u64, inside: impl Fn(u64) -> u64) -> Decision {
        let responses = Histogram::default();
        let mut sum = 0;
        let mut last = None;
        for second in 0..=seconds {
            if second > 0 {
                sum += inside(second) * 1_000_000_000;
            }
            let pod = |place| Reading {
                place,
                asked: SimTime::ZERO,
                phase: Phase::InService,
                started: Some(SimTime::ZERO),
                changed: Some(SimTime::ZERO),
                cpu: SimDuration::ZERO,
                in_flight: RequestTime::from_request_nanos(sum),
                n_done: 0,
                memory: None,
            };
            let pods = [pod(0), pod(1)];
            let group = Group {
                now: SimTime::ZERO + SimDuration::from_secs(second),
                desired: 2,
                instances: &pods,
                cpus: 1.0,
                memory: None,
                responses: &responses,
                ended: 0,
                failed: 0,
                backlogs: &[],
                held: 0,
                foresight: None,
            };
            state.scrape(&group);
            last = (second == seconds).then(|| state.decide(&group));
        }
        last.expect("there is a last second")
    }

    #[test]
    fn the_panic_window_answers_a_burst_within_seconds() {
        // 14 inside each for a minute are two pods' worth twice over: four pods.
        let steady = look(&mut spec(1, 40).start(), 60, |_| 14);
        assert_eq!((steady.wanted, steady.instances), (4, 4));
        assert_eq!(steady.reason, Reason::TooFew);
        // Seven each are right; 70 each for the last six seconds are 140 in all: 20 pods. The minute alone, with
        // 2 · (54 · 7 + 6 · 70) / 60 = 26.6 in all, would ask for four.
        let burst = |second| if second > 54 { 70 } else { 7 };
        let decision = look(&mut spec(1, 40).start(), 60, burst);
        assert_eq!((decision.wanted, decision.instances), (20, 20));
        let bounded = look(&mut spec(1, 2).start(), 60, burst);
        assert_eq!((bounded.instances, bounded.reason), (2, Reason::AtLimit));
    }

    #[test]
    fn nothing_measured_is_not_idle() {
        let decision = look(&mut spec(1, 40).start(), 0, |_| 0);
        assert_eq!((decision.instances, decision.reason), (2, Reason::NoData));
    }

    /// Idle for the stable window, and for the grace period more: then the last pod goes, and comes back when the
    /// activator has a request.
    #[test]
    fn the_last_pod_goes_after_the_window_and_the_grace() {
        let mut state = spec(0, 40).start();
        let responses = Histogram::default();
        let (mut desired, mut gone) = (1, None);
        for second in (0..=120).step_by(2) {
            let pods: &[Reading] = if desired == 0 {
                &[]
            } else {
                &[Reading::serving(0)]
            };
            let group = Group {
                now: SimTime::ZERO + SimDuration::from_secs(second),
                desired,
                instances: pods,
                ..Group::empty(&responses)
            };
            state.scrape(&group);
            desired = state.decide(&group).instances;
            if desired == 0 && gone.is_none() {
                gone = Some(second);
            }
        }
        assert_eq!((gone, desired), (Some(90), 0));
        let held = Group {
            now: SimTime::ZERO + SimDuration::from_secs(125),
            held: 30,
            ..Group::empty(&responses)
        };
        assert_eq!(state.knock(&held).instances, 1);
        let next = Group {
            now: SimTime::ZERO + SimDuration::from_secs(126),
            desired: 1,
            ..held
        };
        state.scrape(&next);
        // 30 and 30 in two of its buckets, with seven for each.
        assert_eq!(state.decide(&next).instances, 5);
    }
}
