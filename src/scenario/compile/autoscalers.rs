//! Autoscalers of services: what they go by, what they are shown, and whether they go together.

use super::Compiler;
use crate::autoscaler::oracle::Foresight;
use crate::autoscaler::{AutoscalerSpec, Switched};
use crate::component::service::{ControllerPlan, Service};
use crate::component::source::Begins;
use crate::component::{ComponentSpec, NodeId, Plan, source};
use crate::diag::{Diagnostic, Origin};
use crate::rng::Streams;
use crate::spec::At;
use crate::traffic::curve::{Cursor, Met};
use crate::units::SimDuration;

/// What comes is known in so many steps at most.
const MOST_STEPS: u64 = 3600;
/// Boots that are drawn to know how long one takes.
const BOOTS: usize = 1000;

/// All autoscalers of a service, with a name each.
pub(super) fn autoscalers(own: &Service) -> impl Iterator<Item = (&str, &AutoscalerSpec)> {
    switched(own).map(|(name, spec)| (name, &spec.own))
}

/// The same, with whether they are switched on.
fn switched(own: &Service) -> impl Iterator<Item = (&str, &Switched)> {
    let one = own.autoscaler.iter().map(|spec| (spec.own.word(), spec));
    let named = own.autoscalers.items.iter();
    one.chain(named.map(|(name, spec)| (name.value.as_str(), spec)))
}

/// The same, with where they are: an autoscaler without a name is where its service is.
fn with_origins<'a>(
    service: &At<String>,
    own: &'a Service,
) -> impl Iterator<Item = (Origin, &'a AutoscalerSpec)> {
    let named = own.autoscalers.items.iter();
    let origins = named.map(|(name, _)| name.origin);
    let one = own.autoscaler.iter().map(|_| service.origin);
    let origins: Vec<_> = one.chain(origins).collect();
    origins
        .into_iter()
        .zip(autoscalers(own).map(|(_, spec)| spec))
}

impl Compiler<'_> {
    /// The autoscalers of a service.
    pub(super) fn plan_autoscalers(
        &mut self,
        service: &At<String>,
        own: &Service,
    ) -> Option<Vec<ControllerPlan>> {
        self.check_autoscalers(service, own);
        let plans: Vec<_> = switched(own)
            .map(|(name, spec)| {
                let (spec, enabled) = (&spec.own, spec.shared.enabled);
                let queues = spec.queues();
                let queues: Vec<_> = queues.into_iter().map(|queue| self.queue(queue)).collect();
                Some(ControllerPlan {
                    name: name.to_owned(),
                    spec: spec.clone(),
                    enabled,
                    queues: queues.into_iter().collect::<Option<_>>()?,
                    foresight: None,
                })
            })
            .collect();
        plans.into_iter().collect()
    }

    /// The queue of this name; reports it if it is none.
    fn queue(&mut self, name: &At<String>) -> Option<NodeId> {
        let (at, component) = self.component(name)?;
        if !matches!(component, ComponentSpec::Queue(_)) {
            self.wrong_kind(name, at, "a queue");
            return None;
        }
        if !self.published.iter().any(|(_, queue, _)| *queue == at) {
            let problem = format!(
                "nobody publishes to `{}`: nothing ever waits there",
                name.value
            );
            self.out.push(Diagnostic::warning(name.origin, problem));
        }
        Some(NodeId::new(at))
    }

    /// Reports autoscalers that go by what there is not, that never decide anything, and that contradict each other.
    fn check_autoscalers(&mut self, service: &At<String>, own: &Service) {
        let horizon = self.spec.run.horizon;
        let all: Vec<_> = with_origins(service, own).collect();
        for (at, (origin, spec)) in all.iter().enumerate() {
            if let Some(origin) = spec.needs_memory().filter(|_| own.memory.is_none()) {
                let problem = format!(
                    "`{}` says nothing of memory: nobody measures this",
                    **service
                );
                self.out.push(
                    Diagnostic::error(origin, problem)
                        .label("goes by memory")
                        .related(service.origin, "needs `memory`"),
                );
            }
            let clock = spec.start().clock();
            let first = clock.first.unwrap_or(clock.period);
            if first > horizon.value {
                let problem = "this autoscaler never decides anything";
                let label = format!("first after {first}");
                let end = format!("the run ends after {}", horizon.value);
                self.out.push(
                    Diagnostic::warning(*origin, problem)
                        .label(label)
                        .related(horizon.origin, end),
                );
            }
            for (other_origin, other) in &all[at + 1..] {
                self.check_pair((*origin, spec), (*other_origin, other));
            }
        }
    }

    /// Reports two autoscalers of a service that never agree.
    fn check_pair(&mut self, one: (Origin, &AutoscalerSpec), other: (Origin, &AutoscalerSpec)) {
        // A schedule has no range of its own: its bounds come and go, and hold for the other.
        let (range, other_range) = (
            one.1.start().range_at_start(),
            other.1.start().range_at_start(),
        );
        let Some(((min, max), (other_min, other_max))) = range.zip(other_range) else {
            return;
        };
        let (low, high) = if min > other_max {
            ((other.0, other_max), (one.0, min))
        } else if other_min > max {
            ((one.0, max), (other.0, other_min))
        } else {
            let is_fixed = |own: &AutoscalerSpec| matches!(own, AutoscalerSpec::Fixed(_));
            let forecasts = |own: &AutoscalerSpec| matches!(own, AutoscalerSpec::AwsPredictive(_));
            let is_undone = (is_fixed(one.1) && !forecasts(other.1))
                || (is_fixed(other.1) && !forecasts(one.1));
            if is_undone {
                let problem = "a fixed count undoes whatever another autoscaler does";
                self.out
                    .push(Diagnostic::error(other.0, problem).related(one.0, "beside this"));
            }
            return;
        };
        let problem = "these autoscalers never agree: each undoes what the other does";
        let (most, least) = (format!("at most {}", low.1), format!("at least {}", high.1));
        self.out.push(
            Diagnostic::error(high.0, problem)
                .label(least)
                .related(low.0, most),
        );
    }

    /// Tells autoscalers what will come, if they are to know.
    pub(super) fn tell_oracles(
        &mut self,
        nodes: &mut [Option<Plan>],
        sources: &[Option<source::Plan>],
    ) {
        for (at, node) in nodes.iter_mut().enumerate() {
            let Some(Plan::Service(plan)) = node else {
                continue;
            };
            let knows = |own: &ControllerPlan| own.spec.knows_future();
            if !plan.autoscalers.iter().any(knows) {
                continue;
            }
            let origin = self.spec.components.items[at].0.origin;
            let Some((step, expected)) = self.expected(sources, origin) else {
                continue;
            };
            let mut boots = Streams::new(0, 0).stream(&plan.name, "foresight");
            let mut spans: Vec<_> = (0..BOOTS).map(|_| plan.draw_way(&mut boots)).collect();
            spans.sort_unstable();
            let foresight = Foresight::new(step, expected, spans[BOOTS * 99 / 100]);
            for own in plan.autoscalers.iter_mut().filter(|own| knows(own)) {
                own.foresight = Some(foresight.clone());
            }
        }
    }

    /// How many requests and visits all sources are expected to begin in each step of the run, and how long a step is;
    /// reports that this is not known beforehand.
    fn expected(
        &mut self,
        sources: &[Option<source::Plan>],
        asked: Origin,
    ) -> Option<(SimDuration, Vec<f64>)> {
        let horizon = self.spec.run.horizon.value.as_nanos();
        let step = horizon.div_ceil(MOST_STEPS);
        let n_steps = horizon.div_ceil(step) as usize;
        let mut expected = vec![0.0; n_steps];
        let (mut n_known, mut unknown) = (0, None);
        for (plan, (name, _)) in sources.iter().zip(&self.spec.sources.items) {
            match plan.as_ref().map(|plan| &plan.begins) {
                Some(Begins::Arrivals { curve, .. }) => {
                    n_known += 1;
                    add_up(&mut curve.walk(), (step, horizon), &mut expected);
                }
                Some(_) => unknown = Some(name),
                // Which has been reported.
                None => return None,
            }
        }
        if n_known == 0 {
            let problem = "an oracle knows the rates of sources, and no source here has one";
            let error = Diagnostic::error(asked, problem).label("has an oracle");
            let unknown = unknown.map(|name| name.origin);
            self.out.push(match unknown {
                Some(origin) => error.related(origin, "what this sends depends on the answers"),
                None => error,
            });
            return None;
        }
        if let Some(name) = unknown {
            let problem = "an oracle does not know what this source will send";
            self.out
                .push(Diagnostic::warning(name.origin, problem).related(asked, "has an oracle"));
        }
        Some((SimDuration::from_nanos(step), expected))
    }
}

/// Adds what is expected in each step along a curve, which ends at the horizon.
fn add_up(cursor: &mut Cursor, (step, horizon): (u64, u64), expected: &mut [f64]) {
    for (at, own) in expected.iter_mut().enumerate() {
        // Just before the end: the cursor says nothing of what it passed when it finds that it is there.
        let end = ((at as u64 + 1) * step).min(horizon - 1);
        match cursor.advance_until(f64::INFINITY, end as f64) {
            Met::Until(n) => *own += n,
            Met::Arrival(_) | Met::End => return,
        }
    }
}
