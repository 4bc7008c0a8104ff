//! KEDA over the instances of a service: its rules are in [`super::keda`], those of the HPA that it makes
//! are in [`hpa`](super::hpa), what feeds them is here.
//!
//! Every polling interval KEDA asks its triggers, and switches between none (or the idle count) and some. The HPA that
//! it has made asks KEDA for the same metrics at each of its syncs. Both begin when the `ScaledObject` is made, so they
//! have one clock. A queue is asked for its length at once; other figures come from a Prometheus that scrapes the pods
//! and averages over a window. CPU and memory are the HPA's own affair, and nobody is woken by them.

mod table;

pub use table::{
    Keda, KedaCpu, KedaFallback, KedaFallbackBehavior, KedaInFlight, KedaMemory, KedaMetricType,
    KedaOutage, KedaQueue, KedaRequests, KedaTrigger,
};

use std::collections::VecDeque;

use super::hpa::Milli;
use super::keda::trigger::{TargetType, is_active};
use super::keda::{activation, fallback};
use super::kubernetes_hpa::{self, WAITING};
use super::sensor::{Snapshot, Use};
use super::{Clock, Decision, Describe, Group, Reason, Rule, Sight, Unit};
use crate::diag::Origin;
use crate::spec::At;
use crate::units::{SimDuration, SimTime};

/// What a trigger reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figure {
    /// Messages that wait in a queue: its position among those that are looked at.
    Queue(usize),
    /// Requests that are done in a second, by all pods.
    RequestsPerSecond,
    /// Requests that are inside, of all pods.
    InFlight,
}

/// A trigger at work.
#[derive(Debug, Clone)]
struct Source {
    figure: Figure,
    /// Over how long it averages; nothing for what is asked at once.
    window: SimDuration,
    target: f64,
    activation: f64,
    target_type: TargetType,
    is_cached: bool,
    /// From when until when it cannot be read.
    lost: Vec<(SimTime, SimTime)>,
    failures: fallback::State,
    /// What the last polling found.
    polled: Option<f64>,
}

/// What Prometheus has of the time between two scrapes: of all pods together.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: SimTime,
    to: SimTime,
    /// Requests that were done.
    n_done: f64,
    /// Requests that were inside, on average.
    in_flight: f64,
}

impl Describe for Keda {
    type State = State;

    fn start(&self) -> State {
        let sources = self.sources();
        let windows = sources.iter().map(|own| own.window);
        State {
            hpa: self.hpa().start(),
            activation: self.activation(),
            fallback: self.fallback.as_ref().map(KedaFallback::config),
            polling: self.polling_interval.value,
            sync_period: self.sync_period.value,
            longest: windows.max().unwrap_or(SimDuration::ZERO),
            range: (
                self.min
                    .value
                    .min(self.idle.map_or(u32::MAX, |own| own.value)),
                self.max.get(),
            ),
            sources,
            memory: None,
            next_poll: SimTime::ZERO,
            next_sync: SimTime::ZERO,
            last: None,
            stretches: VecDeque::new(),
        }
    }

    fn queues(&self) -> Vec<&At<String>> {
        self.looked_at()
    }

    fn needs_memory(&self) -> Option<Origin> {
        self.memory_origin()
    }

    fn holds_requests(&self) -> Option<SimDuration> {
        self.hold.map(|own| own.value)
    }
}

/// KEDA and its HPA at work.
#[derive(Debug, Clone)]
pub struct State {
    hpa: kubernetes_hpa::State,
    activation: activation::Config,
    fallback: Option<fallback::Config>,
    polling: SimDuration,
    sync_period: SimDuration,
    /// The longest window of a trigger.
    longest: SimDuration,
    range: (u32, u32),
    sources: Vec<Source>,
    /// What is remembered of activity; nothing before the first polling.
    memory: Option<activation::State>,
    next_poll: SimTime,
    next_sync: SimTime,
    /// The last scrape.
    last: Option<Snapshot>,
    /// What there is within the longest window, the oldest first.
    stretches: VecDeque<Stretch>,
}

impl Rule for State {
    fn clock(&self) -> Clock {
        Clock {
            period: self.polling.min(self.sync_period),
            first: None,
            scrape: self.hpa.clock().scrape,
        }
    }

    fn next(&self, _: SimTime) -> SimTime {
        self.next_poll.min(self.next_sync)
    }

    fn adopts(&mut self, mut fresh: Self) {
        for (new, old) in fresh.sources.iter_mut().zip(&self.sources) {
            if new.figure == old.figure {
                (new.failures, new.polled) = (old.failures, old.polled);
            }
        }
        self.hpa.adopts(fresh.hpa.clone());
        *self = Self {
            hpa: self.hpa.clone(),
            memory: self.memory,
            next_poll: self.next_poll,
            next_sync: self.next_sync,
            last: self.last.take(),
            stretches: std::mem::take(&mut self.stretches),
            ..fresh
        };
    }

    fn range(&self) -> (u32, u32) {
        self.range
    }

    fn scrape(&mut self, group: &Group<'_>) {
        self.hpa.scrape(group);
        if let Some(last) = self.last.replace(Snapshot::of(group)) {
            self.stretches.push_back(Stretch::between(&last, group));
        }
        while let Some(first) = self.stretches.front()
            && first.to + self.longest < group.now
        {
            self.stretches.pop_front();
        }
    }

    fn knock(&mut self, group: &Group<'_>) -> Decision {
        self.switches(group, (true, false), None)
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        let now = group.now;
        let (polls, syncs) = (now >= self.next_poll, now >= self.next_sync);
        if syncs {
            self.next_sync = now + self.sync_period;
        }
        if polls {
            self.next_poll = now + self.polling;
            let polled = self.poll(group);
            // What was changed the HPA sees at its next sync.
            if polled.instances != group.desired || !syncs {
                return polled;
            }
        }
        self.syncs(group)
    }
}

impl State {
    /// Asks whether there is something to do.
    fn poll(&mut self, group: &Group<'_>) -> Decision {
        for own in &mut self.sources {
            own.polled = own.read(group, &self.stretches);
        }
        let active = |own: &&Source| {
            own.polled
                .is_some_and(|seen| is_active(seen, own.activation))
        };
        let decisive = self.sources.iter().find(active);
        let has_error = self.sources.iter().any(|own| own.polled.is_none());
        let sight = decisive.or(self.sources.first());
        let sight = sight.map(|own| own.sight(own.polled, own.activation));
        self.switches(group, (decisive.is_some(), has_error), sight)
    }

    /// Switches between none and some.
    fn switches(
        &mut self,
        group: &Group<'_>,
        (is_active, has_error): (bool, bool),
        sight: Option<Sight>,
    ) -> Decision {
        let seen = activation::Observation {
            now: group.now,
            replicas: group.desired,
            is_active,
            has_error,
        };
        let memory = self
            .memory
            .get_or_insert(activation::State::start(group.now));
        let said = memory.decide(&self.activation, &seen);
        Decision {
            wanted: said.replicas,
            instances: said.replicas,
            reason: Reason::Own(said.reason.words()),
            sight,
        }
    }

    /// The HPA looks.
    fn syncs(&mut self, group: &Group<'_>) -> Decision {
        let (mut given, mut largest) = (Vec::new(), None);
        for own in &mut self.sources {
            let metric = if own.is_cached {
                own.polled
            } else {
                own.read(group, &self.stretches)
            };
            let served = own.serve(metric, self.fallback.as_ref(), group);
            let ratio = served.map(|value| value / own.target);
            if ratio.is_some() && largest.is_none_or(|(largest, _)| ratio > largest) {
                largest = Some((ratio, own.sight(served, own.target)));
            }
            given.push(served.map(Milli::from_units));
        }
        let said = self.hpa.sync(group, &given);
        let is_own = said.sight.is_none_or(|own| own.what == WAITING);
        Decision {
            sight: if is_own {
                largest.map(|(_, sight)| sight)
            } else {
                said.sight
            },
            ..said
        }
    }
}

impl Source {
    /// What it says now; nothing if it cannot be read, or has no data.
    fn read(&self, group: &Group<'_>, stretches: &VecDeque<Stretch>) -> Option<f64> {
        let is_lost = |(from, to): &(SimTime, SimTime)| (*from..*to).contains(&group.now);
        if self.lost.iter().any(is_lost) {
            return None;
        }
        if let Figure::Queue(at) = self.figure {
            return group.backlogs.get(at).map(|own| *own as f64);
        }
        let own = stretches.iter();
        let own = own.filter(|own| own.from + self.window >= group.now);
        let (mut seconds, mut n_done, mut inside) = (0.0, 0.0, 0.0);
        for own in own {
            let span = own.to.since(own.from).as_secs_f64();
            seconds += span;
            n_done += own.n_done;
            inside += own.in_flight * span;
        }
        let sum = match self.figure {
            Figure::InFlight => inside,
            Figure::RequestsPerSecond | Figure::Queue(_) => n_done,
        };
        (seconds > 0.0).then(|| (sum / seconds).max(0.0))
    }

    /// What the HPA is given of it.
    fn serve(
        &mut self,
        metric: Option<f64>,
        config: Option<&fallback::Config>,
        group: &Group<'_>,
    ) -> Option<f64> {
        let seen = fallback::Observation {
            metric,
            target_type: self.target_type,
            target: self.target,
            replicas: Some(group.desired),
            ready: Some(group.in_service()),
        };
        match self.failures.decide(config, &seen) {
            fallback::Decision::Metric(value) | fallback::Decision::Fallback(value) => Some(value),
            fallback::Decision::Error => None,
        }
    }

    fn sight(&self, value: Option<f64>, target: f64) -> Sight {
        let (what, unit) = match self.figure {
            Figure::Queue(_) => (WAITING, Unit::Count),
            Figure::RequestsPerSecond => ("requests", Unit::PerSecond),
            Figure::InFlight => ("requests in flight", Unit::Count),
        };
        Sight {
            what,
            unit,
            value,
            target,
        }
    }
}

impl Stretch {
    fn between(last: &Snapshot, group: &Group<'_>) -> Self {
        let span = group.now.since(last.at).as_secs_f64();
        let (mut n_done, mut inside) = (0.0, 0.0);
        for own in group.instances {
            let then = last.find(own).map(|then| (last.at, then));
            if let Some(used) = Use::since(then, own, group.now) {
                let seconds = used.window.as_secs_f64();
                n_done += used.requests_per_second * seconds;
                inside += used.in_flight * seconds;
            }
        }
        // Those that are held have come and are not done yet: they count when they come, and no more when they go on.
        let came = group.held as f64 - last.held as f64;
        Self {
            from: last.at,
            to: group.now,
            n_done: n_done + came,
            in_flight: inside / span + group.held as f64,
        }
    }
}

#[cfg(test)]
mod tests;
