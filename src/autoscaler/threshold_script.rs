//! A threshold script over the instances of a service: its rules are in [`threshold`], what feeds
//! them is here.
//!
//! What a container uses of its CPU is told from two readings, a second or two apart, as `docker stats` does it; the
//! script looks at every container that runs, ready or not, and remembers nothing of the last time but how many
//! requests had failed by then.

use super::count::Bounds;
use super::sensor::{Snapshot, Use};
use super::threshold::{self, Config, Down, Emergency, Observation, Scheduled, Up};
use super::{Clock, Decision, Describe, Group, Phase, Reason, Rule, Sight, Unit, compare};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration, SimTime};
use crate::{spec, words};

/// How far apart the two readings are that CPU is told from.
const SAMPLE: SimDuration = SimDuration::from_secs(2);
const DAY: SimDuration = SimDuration::from_secs(24 * 3600);

spec! {
    /// A script that looks at the CPU and the memory of all containers every minute, and starts or stops a few: no
    /// cooldown, and no idea of whether a container is ready yet. One that is starting counts as idle.
    pub struct ThresholdScript {
        /// The fewest instances, where nothing is scheduled.
        pub min: At<Count> = At::built_in(Count::new(1)),
        /// The most instances, where nothing is scheduled.
        pub max: At<Count>,
        /// How often it looks.
        pub interval: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
        /// When it looks first, from the start of the run; at random within the first interval unless given.
        pub first_look: Option<At<SimDuration>>,
        /// Instances are added when they use more of their CPU than this, on average.
        pub cpu_above: At<Fraction> = At::built_in(Fraction::percent(70)),
        /// Instances are added when they use more of their memory than this, on average. Where the service says
        /// nothing of memory, none is used.
        pub memory_above: At<Fraction> = At::built_in(Fraction::percent(80)),
        /// How many are added.
        pub add: Count = Count::new(2),
        /// Instances are removed when they use less of their CPU than this, and less of their memory than
        /// `memory_below`.
        pub cpu_below: At<Fraction> = At::built_in(Fraction::percent(30)),
        /// See `cpu_below`.
        pub memory_below: At<Fraction> = At::built_in(Fraction::percent(40)),
        /// How many are removed.
        pub remove: Count = Count::new(1),
        /// What it does instead when too many requests fail; nothing special unless given.
        pub emergency: Option<ScriptEmergency>,
        /// Other bounds by the time of the day, in ascending order; the last of them holds until the first of the
        /// next day.
        pub schedule: Vec<ScriptHours>,
        /// Over which time the use of CPU is measured.
        pub measured: At<MeasuredOver> = At::built_in(MeasuredOver::Sample),
        /// Whether only instances in service are looked at; else those that start count as idle.
        pub ready_only: bool = false,
        /// The time of the day at which the run begins, since midnight.
        pub day_time: At<SimDuration> = At::built_in(SimDuration::ZERO),
    }
    check(Self::check)
}

words! {
    /// Over which time a script measures the use of CPU.
    pub enum MeasuredOver {
        /// The last 2 s, as `docker stats` does.
        Sample = "sample",
        /// The time since it looked last, as a script does that reads counters: what a container was busy before
        /// its first look in service is left out.
        SinceLastLook = "since_last_look",
    }
}

spec! {
    /// What a script does when too many requests fail.
    pub struct ScriptEmergency {
        /// More than this share of all requests of clients that have ended since the last look.
        pub error_rate_above: Fraction = Fraction::percent(5),
        /// How many instances are added.
        pub add: Count = Count::new(4),
    }
}

spec! {
    /// Bounds that hold from a time of the day on.
    pub struct ScriptHours {
        /// Since midnight, less than a day.
        pub from: At<SimDuration>,
        /// The fewest instances.
        pub min: At<Count>,
        /// The most instances.
        pub max: At<Count>,
    }
    check(Self::check)
}

impl ScriptHours {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        super::check_range(self.min, self.max, out);
        if self.from.value >= DAY {
            let problem = "a time of the day is less than 24 h";
            out.push(Diagnostic::error(self.from.origin, problem));
        }
    }
}

impl ThresholdScript {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        super::check_range(self.min, self.max, out);
        if self.interval.value == SimDuration::ZERO {
            let problem = "a script needs time between two looks";
            out.push(Diagnostic::error(self.interval.origin, problem));
        } else if self.interval.value < SAMPLE {
            let problem = "this is shorter than the 2 s in which CPU is measured";
            let warning = Diagnostic::warning(self.interval.origin, problem);
            out.push(warning.label("it will look at the same figures more than once"));
        }
        for (above, below, what) in [
            (self.cpu_above, self.cpu_below, "CPU"),
            (self.memory_above, self.memory_below, "memory"),
        ] {
            if above.value == Fraction::ZERO {
                let problem = format!("{what} is always above 0: this would add without end");
                out.push(Diagnostic::error(above.origin, problem));
            } else if below.value > above.value {
                let problem = format!("little {what} is more than much");
                let error = Diagnostic::error(below.origin, problem);
                out.push(
                    error
                        .related(above.origin, "much")
                        .help("did you swap them?"),
                );
            }
        }
        for pair in self.schedule.windows(2) {
            if pair[1].from.value <= pair[0].from.value {
                let problem = "a schedule is in ascending order";
                let error = Diagnostic::error(pair[1].from.origin, problem);
                out.push(error.related(pair[0].from.origin, "this comes before it"));
            }
        }
        if self.day_time.value >= DAY {
            let problem = "a time of the day is less than 24 h";
            out.push(Diagnostic::error(self.day_time.origin, problem));
        }
    }

    fn config(&self) -> Config {
        let percent = |share: Fraction| share.get() * 100.0;
        let bounds = |min: At<Count>, max: At<Count>| Bounds {
            min: min.get(),
            max: max.get(),
        };
        let schedule = self.schedule.iter().map(|own| Scheduled {
            from: own.from.value,
            bounds: bounds(own.min, own.max),
        });
        Config {
            interval: self.interval.value,
            bounds: bounds(self.min, self.max),
            schedule: schedule.collect(),
            up: Up {
                cpu_above: percent(self.cpu_above.value),
                memory_above: percent(self.memory_above.value),
                step: self.add.get(),
            },
            down: Down {
                cpu_below: percent(self.cpu_below.value),
                memory_below: percent(self.memory_below.value),
                step: self.remove.get(),
            },
            emergency: self.emergency.as_ref().map(|own| Emergency {
                error_rate_above: own.error_rate_above.get(),
                step: own.add.get(),
            }),
        }
    }
}

impl Describe for ThresholdScript {
    type State = State;

    fn start(&self) -> State {
        State {
            config: self.config(),
            day_time: self.day_time.value,
            first_look: self.first_look.map(|first| first.value),
            measured: self.measured.value,
            ready_only: self.ready_only,
            last: None,
            before: None,
            looked: None,
        }
    }
}

/// A script at work.
#[derive(Debug, Clone)]
pub struct State {
    config: Config,
    /// The time of the day at the start of the run.
    day_time: SimDuration,
    first_look: Option<SimDuration>,
    measured: MeasuredOver,
    /// Whether containers that start are left out.
    ready_only: bool,
    /// The last reading of all containers.
    last: Option<Snapshot>,
    /// The one before it.
    before: Option<Snapshot>,
    /// When it looked last.
    looked: Option<Snapshot>,
}

impl Rule for State {
    fn clock(&self) -> Clock {
        Clock {
            period: self.config.interval,
            first: self.first_look,
            scrape: Some(SAMPLE),
        }
    }

    fn adopts(&mut self, fresh: Self) {
        *self = Self {
            last: std::mem::take(&mut self.last),
            before: std::mem::take(&mut self.before),
            looked: std::mem::take(&mut self.looked),
            ..fresh
        };
    }

    fn range(&self) -> (u32, u32) {
        let bounds = self.config.schedule.iter().map(|own| own.bounds);
        let all = bounds.chain([self.config.bounds]);
        all.fold((u32::MAX, 0), |(min, max), own| {
            (min.min(own.min), max.max(own.max))
        })
    }

    fn scrape(&mut self, group: &Group<'_>) {
        self.before = self.last.replace(Snapshot::of(group));
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        let present = Snapshot::of(group);
        let looked = self.looked.replace(present.clone());
        let error_rate = (looked.as_ref()).and_then(|looked| present.error_rate_since(looked));
        let usage = match self.measured {
            MeasuredOver::Sample => {
                let readings = self.last.as_ref().zip(self.before.as_ref());
                readings.and_then(|(last, before)| self.usage(group, last, before))
            }
            MeasuredOver::SinceLastLook => {
                let start = Snapshot {
                    at: SimTime::ZERO,
                    instances: Vec::new(),
                    ..present.clone()
                };
                self.usage(group, &present, looked.as_ref().unwrap_or(&start))
            }
        };
        let Some((cpu, memory)) = usage else {
            return Decision {
                wanted: group.desired,
                instances: group.desired,
                reason: Reason::NoData,
                sight: None,
            };
        };
        let outcome = threshold::decide(
            &self.config,
            &Observation {
                now: group.now + self.day_time,
                replicas: group.desired,
                cpu: cpu * 100.0,
                memory: memory * 100.0,
                error_rate,
            },
        );
        let emergency = outcome.reason == threshold::Reason::Emergency;
        let rate = self.config.emergency.zip(error_rate);
        let sight = match rate.filter(|_| emergency) {
            Some((rule, rate)) => share("requests that fail", rate, rule.error_rate_above),
            None => self.sight(cpu, memory),
        };
        let at_limit = matches!(
            outcome.reason,
            threshold::Reason::AtMin | threshold::Reason::AtMax
        );
        Decision {
            wanted: outcome.wish,
            instances: outcome.instances,
            reason: if at_limit && outcome.instances == group.desired {
                Reason::AtLimit
            } else {
                compare(
                    group.desired,
                    outcome.wish,
                    outcome.instances,
                    (0, u32::MAX),
                )
            },
            sight: Some(sight),
        }
    }
}

impl State {
    /// The shares of CPU and memory that containers that run use on average; nothing without any that was read
    /// twice.
    fn usage(&self, group: &Group<'_>, last: &Snapshot, before: &Snapshot) -> Option<(f64, f64)> {
        let (mut n, mut weights, mut cpu, mut memory) = (0_u32, 0.0, 0.0, 0.0);
        for own in &last.instances {
            if matches!(own.phase, Phase::Down | Phase::Draining) {
                continue;
            }
            if self.ready_only && own.phase != Phase::InService {
                continue;
            }
            let earlier = before.find(own).map(|then| (before.at, then));
            let Some(used) = Use::since(earlier, own, last.at) else {
                continue;
            };
            // What it was ready for of that time, where only that counts.
            let ready = own.changed.filter(|_| self.ready_only);
            let counted = ready.map_or(used.window, |since| used.window.min(last.at.since(since)));
            if counted == SimDuration::ZERO {
                continue;
            }
            let weight = match self.measured {
                MeasuredOver::Sample => 1.0,
                MeasuredOver::SinceLastLook => counted.as_secs_f64(),
            };
            n += 1;
            weights += weight;
            let busy = used.cpus * used.window.as_secs_f64() / counted.as_secs_f64();
            cpu += weight * busy / group.cpus;
            if let (Some(held), Some(limit)) = (own.memory, group.memory) {
                memory += held.get() as f64 / limit.get() as f64;
            }
        }
        (n > 0).then(|| (cpu / weights, memory / f64::from(n)))
    }

    /// CPU, unless it is memory that is too much.
    fn sight(&self, cpu: f64, memory: f64) -> Sight {
        let up = self.config.up;
        if memory * 100.0 > up.memory_above && cpu * 100.0 <= up.cpu_above {
            share("memory in use", memory, up.memory_above / 100.0)
        } else {
            share("CPU in use", cpu, up.cpu_above / 100.0)
        }
    }
}

const fn share(what: &'static str, value: f64, target: f64) -> Sight {
    Sight {
        what,
        unit: Unit::Share,
        value: Some(value),
        target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::{Reading, RequestTime};
    use crate::stats::Histogram;

    fn spec(emergency: Option<ScriptEmergency>) -> ThresholdScript {
        ThresholdScript {
            min: At::built_in(Count::new(1)),
            max: At::built_in(Count::new(9)),
            interval: At::built_in(SimDuration::from_secs(60)),
            first_look: None,
            cpu_above: At::built_in(Fraction::percent(70)),
            memory_above: At::built_in(Fraction::percent(80)),
            add: Count::new(2),
            cpu_below: At::built_in(Fraction::percent(30)),
            memory_below: At::built_in(Fraction::percent(40)),
            remove: Count::new(1),
            emergency,
            schedule: Vec::new(),
            measured: At::built_in(MeasuredOver::Sample),
            ready_only: false,
            day_time: At::built_in(SimDuration::ZERO),
        }
    }

    /// Two containers that are busy all the time and `n_idle` that only start, read twice; then a look, with so
    /// many of a hundred requests failed since the one before.
    fn look(state: &mut State, n_idle: u32, failed: u64) -> Decision {
        let responses = Histogram::default();
        let mut decision = None;
        for (second, ended) in [(0, 0), (2, 100)] {
            let now = SimTime::ZERO + SimDuration::from_secs(second);
            let container = |place| Reading {
                place,
                asked: SimTime::ZERO,
                phase: if place < 2 {
                    Phase::InService
                } else {
                    Phase::Starting
                },
                started: Some(SimTime::ZERO),
                changed: None,
                cpu: SimDuration::from_secs(if place < 2 { second } else { 0 }),
                in_flight: RequestTime::default(),
                n_done: 0,
                memory: None,
            };
            let containers: Vec<_> = (0..2 + n_idle).map(container).collect();
            let group = Group {
                now,
                desired: 2 + n_idle,
                instances: &containers,
                cpus: 1.0,
                memory: None,
                responses: &responses,
                ended,
                failed: failed * ended / 100,
                backlogs: &[],
                held: 0,
                foresight: None,
            };
            state.scrape(&group);
            decision = Some(state.decide(&group));
        }
        decision.expect("it looked twice")
    }

    #[test]
    fn those_that_start_count_as_idle() {
        let decision = look(&mut spec(None).start(), 0, 0);
        assert_eq!((decision.instances, decision.reason), (4, Reason::TooFew));
        // Two thirds are not above 70 %, though those that work are at their limit.
        let decision = look(&mut spec(None).start(), 1, 0);
        assert_eq!((decision.instances, decision.reason), (3, Reason::Right));
        let decision = look(&mut spec(None).start(), 7, 0);
        assert_eq!((decision.instances, decision.reason), (8, Reason::TooMany));
    }

    #[test]
    fn only_those_in_service_count_where_that_is_asked_for() {
        let own = ThresholdScript {
            measured: At::built_in(MeasuredOver::SinceLastLook),
            ready_only: true,
            ..spec(None)
        };
        // The same as above: two that work at their limit, beside one that starts.
        let decision = look(&mut own.start(), 1, 0);
        assert_eq!((decision.instances, decision.reason), (5, Reason::TooFew));
    }

    #[test]
    fn an_emergency_comes_first() {
        let emergency = || ScriptEmergency {
            error_rate_above: Fraction::percent(5),
            add: Count::new(4),
        };
        let decision = look(&mut spec(Some(emergency())).start(), 0, 6);
        assert_eq!(decision.instances, 6);
        let sight = decision.sight.expect("it saw errors");
        assert_eq!(sight.what, "requests that fail");
        assert_eq!(
            look(&mut spec(Some(emergency())).start(), 0, 5).instances,
            4
        );
    }

    /// What holds from a time of the day on: it is 8:59 when the run begins.
    #[test]
    fn a_schedule_goes_by_the_time_of_the_day() {
        let hours = |from: u64, min, max| ScriptHours {
            from: At::built_in(SimDuration::from_secs(3600 * from)),
            min: At::built_in(Count::new(min)),
            max: At::built_in(Count::new(max)),
        };
        let scheduled = ThresholdScript {
            schedule: vec![hours(9, 5, 6), hours(20, 1, 3)],
            day_time: At::built_in(SimDuration::from_secs(9 * 3600 - 1)),
            ..spec(None)
        };
        assert_eq!(scheduled.start().range(), (1, 9));
        // Until nine o'clock what held since eight in the evening does: two busy ones and two more are one too many.
        // The second look finds that it is nine: two become five at once, and two more are one too many again.
        assert_eq!(look(&mut scheduled.start(), 0, 0).instances, 6);
        let earlier = ThresholdScript {
            day_time: At::built_in(SimDuration::from_secs(9 * 3600 - 60)),
            ..scheduled
        };
        assert_eq!(look(&mut earlier.start(), 0, 0).instances, 3);
    }

    #[test]
    fn an_emergency_is_bounded_and_takes_requests_that_have_ended() {
        let emergency = ScriptEmergency {
            error_rate_above: Fraction::percent(5),
            add: Count::new(40),
        };
        let decision = look(&mut spec(Some(emergency.clone())).start(), 0, 50);
        assert_eq!((decision.wanted, decision.instances), (42, 9));
        // Nobody fails where nobody has ended.
        let mut state = spec(Some(emergency)).start();
        let responses = Histogram::default();
        for second in [0, 2] {
            let group = Group {
                now: SimTime::ZERO + SimDuration::from_secs(second),
                desired: 1,
                instances: &[Reading::serving(0)],
                ..Group::empty(&responses)
            };
            state.scrape(&group);
            let decision = state.decide(&group);
            assert!(decision.instances <= 1, "{decision:?}");
        }
    }
}
