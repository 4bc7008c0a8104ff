//! Components with every name resolved.

use super::super::shape::{ScenarioSpec, check_vcpu};
use super::Compiler;
use super::autoscalers::autoscalers;
use super::processes::usual_termination;
use crate::component::program::threshold;
use crate::component::service::{self, Backlog, LifePlan, Runtime, Service, WhenFull};
use crate::component::timeline::{Action, Entry, Happening};
use crate::component::{ComponentSpec, NodeId, Plan, dependency, source};
use crate::diag::Diagnostic;
use crate::spec::At;
use crate::units::{CostPerHour, CostPerSize};

/// Workers of all places for instances of a service; each takes some bytes.
const MOST_WORKERS: u64 = 10_000_000;
/// Instances of a service; each has its own state.
const MOST_INSTANCES: u64 = 200_000;

impl Compiler<'_> {
    /// Every component's plan; nothing for those that have a problem, which is reported.
    pub(super) fn plan_components(&mut self) -> Vec<Option<Plan>> {
        let spec = self.spec;
        let components = spec.components.items.iter().enumerate();
        components
            .map(|(at, (name, component))| match component {
                ComponentSpec::Service(own) => self
                    .plan_service(at, name, own)
                    .map(Box::new)
                    .map(|plan| Plan::Service(*plan)),
                ComponentSpec::Balancer(own) => self.plan_balancer(name, own).map(Plan::Balancer),
                ComponentSpec::RateLimiter(own) => {
                    Some(Plan::RateLimiter(self.plan_rate_limiter(at, name, own)))
                }
                ComponentSpec::HttpCache(own) => {
                    self.plan_http_cache(at, name, own).map(Plan::HttpCache)
                }
                ComponentSpec::Cdn(own) => self.plan_cdn(at, name, own).map(Plan::Cdn),
                ComponentSpec::Database(own) => self.plan_database(name, own).map(Plan::Database),
                ComponentSpec::Queue(own) => self.plan_queue(at, name, own).map(Plan::Queue),
                ComponentSpec::Pooler(own) => self.plan_pooler(name, own).map(Plan::Pooler),
                ComponentSpec::Cache(own) => self.plan_cache(at, name, own).map(Plan::Cache),
                ComponentSpec::Dependency(own) => Some(Plan::Dependency(dependency::Plan {
                    name: name.value.clone(),
                    max_concurrent: own.max_concurrent.map(|max| max.get()),
                    over_limit: own.over_limit.value,
                    errors_below: threshold(own.errors.value),
                })),
            })
            .collect()
    }

    /// True if so many workers can be simulated; reports it if not.
    fn is_small_enough(&mut self, own: &Service, n_places: u32, workers: u32) -> bool {
        let n_workers = u64::from(n_places) * u64::from(workers);
        let is_small = u64::from(n_places) <= MOST_INSTANCES
            && n_workers <= MOST_WORKERS
            && u16::try_from(workers).is_ok();
        if !is_small {
            let problem =
                format!("{n_places} instances of {workers} workers are too many to simulate");
            let label = format!(
                "at most {MOST_INSTANCES} instances, 65535 workers each, {MOST_WORKERS} in all"
            );
            self.out
                .push(Diagnostic::error(own.count.origin, problem).label(label));
        }
        is_small
    }

    fn plan_service(
        &mut self,
        at: usize,
        name: &At<String>,
        own: &Service,
    ) -> Option<service::Plan> {
        let (vcpu, workers) = self.size(own)?;
        let cost = self.price(own.instance.as_ref(), own.cost);
        let n_places = self.places[at];
        if !self.is_small_enough(own, n_places, workers) {
            return None;
        }
        let processes = self.plan_processes(own, workers);
        let boot = own.boot.sampler(self.data, self.out);
        let pools: Vec<_> = own
            .pools
            .items
            .iter()
            .map(|(pool, spec)| self.plan_pool(at, name, pool, spec))
            .collect();
        let queue_timeout = match &own.queue_timeout {
            Some(law) => {
                let demand = self.demand(law, &format!("{}/queue_timeout", name.value))?;
                let law = &self.program.laws[demand.law.0 as usize];
                Some((demand, law.always()))
            }
            None => None,
        };
        let (vcpu, quota) = Self::plan_quota(own, vcpu);
        let when_full = own.when_full.or(own.workers.when_full);
        let backlog = own.backlog.or(own.workers.backlog);
        Some(service::Plan {
            name: name.value.clone(),
            queue_timeout,
            retry_after: own.retry_after.map(|span| span.value),
            vcpu,
            is_resized: false,
            quota,
            processes: processes?,
            drops: when_full.is_some_and(|what| what.value == WhenFull::Drop),
            cost,
            count: own.count.get(),
            n_places,
            zones: own.zones.get(),
            runtime: own.workers.runtime.value,
            workers,
            backlog: backlog.map_or(Backlog::DEFAULT, |at| at.value).limit(),
            max_connections: own.max_connections.map_or(u32::MAX, |max| max.get()),
            abandoned: own.abandoned.value,
            provisioning: self.plan_provisioning(own)?,
            termination: own
                .termination
                .map_or_else(|| usual_termination(own), |given| given.value),
            boot: boot?,
            drain: own.drain.value,
            on_stop: own.on_stop.value,
            life: self.plan_life(name, own)?,
            balance: own.balance.clone(),
            pools: {
                let pools: Vec<_> = pools.into_iter().collect::<Option<_>>()?;
                self.with_replicas(own, &pools)
            },
            autoscalers: self.plan_autoscalers(name, own)?,
            holds: autoscalers(own)
                .filter_map(|(_, spec)| spec.holds_requests())
                .max(),
            horizon: self.spec.run.horizon.value,
        })
    }

    /// What happens to the instances of a service by themselves; nothing within if nothing does.
    #[expect(clippy::option_option, reason = "wrong; nothing; something")]
    fn plan_life(&mut self, name: &str, own: &Service) -> Option<Option<LifePlan>> {
        let crash_after = self.maybe_law(own.crash_after.as_ref())?;
        let reboot = self.maybe_law(own.restart.boot.as_ref())?;
        let happens = crash_after.is_some()
            || own.cycle.is_some()
            || own.boot_timeout.is_some()
            || own.memory.is_some()
            || self.happens_to(name).any(Action::crashes);
        Some(happens.then(|| LifePlan {
            restart: own.restart.clone(),
            reboot,
            crash_after,
            cycle: own.cycle.clone(),
            boot_timeout: own.boot_timeout.map(|limit| limit.value),
        }))
    }

    /// Processes of all places for instances of a service, and of each: workers of event loops are
    /// processes, threads share one.
    pub(super) fn processes_of(&mut self, service: usize) -> (u32, u32) {
        let ComponentSpec::Service(own) = &self.spec.components.items[service].1 else {
            return (1, 1);
        };
        let per_instance = match own.workers.runtime.value {
            Runtime::Threads => 1,
            // What is wrong with the workers is reported where they are planned.
            Runtime::EventLoop | Runtime::Processes => {
                let mut unheard = crate::diag::Diagnostics::default();
                std::mem::swap(self.out, &mut unheard);
                let workers = self.size(own).map_or(1, |(_, workers)| workers);
                std::mem::swap(self.out, &mut unheard);
                workers
            }
        };
        let places = self.places[service];
        (places.saturating_mul(per_instance), per_instance)
    }

    /// vCPUs and workers of an instance.
    pub(super) fn size(&mut self, own: &Service) -> Option<(f64, u32)> {
        let before = self.out.n_errors();
        let stated = match (&own.vcpu, &own.instance) {
            (Some(vcpu), _) => {
                check_vcpu(vcpu, self.out);
                Some(vcpu.value)
            }
            (None, Some(instance)) => Some(self.vcpu_of(instance)?),
            (None, None) => None,
        };
        let workers = match (&own.workers.count, &own.workers.per_vcpu, stated) {
            (Some(count), ..) => Some(count.get()),
            (None, Some(per_vcpu), Some(vcpu)) => {
                // One per whole vCPU, and one where there is only part of one.
                Some((vcpu.floor().max(1.0) as u32).saturating_mul(per_vcpu.get()))
            }
            (None, Some(per_vcpu), None) => {
                let problem = "the number of vCPUs is not known";
                let help = "set `instance` or `vcpu` of this service, or give `count`";
                self.out
                    .push(Diagnostic::error(per_vcpu.origin, problem).help(help));
                None
            }
            (None, None, _) => None,
        };
        let workers = workers?;
        (self.out.n_errors() == before).then_some((stated.unwrap_or(f64::from(workers)), workers))
    }

    /// What something costs by the hour: what it says itself, or what its instance type does.
    pub(super) fn price(
        &mut self,
        instance: Option<&At<String>>,
        own: Option<At<CostPerHour>>,
    ) -> CostPerHour {
        let instances = &self.spec.instances;
        let of_type = instance.and_then(|name| instances.resolve(name, "instance type", self.out));
        let of_type = of_type.map(|(_, found)| found.cost.value);
        let own = own.map(|cost| cost.value);
        own.or(of_type).unwrap_or(CostPerHour::ZERO)
    }

    /// How many vCPUs an instance type has; reports one without, and one that there is not.
    pub(super) fn vcpu_of(&mut self, instance: &At<String>) -> Option<f64> {
        let instances = &self.spec.instances;
        let (at, found) = instances.resolve(instance, "instance type", self.out)?;
        if found.vcpu.is_none() {
            let problem = format!("`{}` has no vCPUs", instance.value);
            let defined = instances.items[at].0.origin;
            self.out.push(
                Diagnostic::error(instance.origin, problem)
                    .label("needs the type of a machine")
                    .related(defined, "defined here"),
            );
        }
        found.vcpu.map(|vcpu| vcpu.value)
    }

    /// Components whose answers to clients cost something on their way out; reports those to which no client
    /// comes.
    pub(super) fn priced_transfer(
        &mut self,
        sources: &[Option<source::Plan>],
    ) -> Vec<(NodeId, String, CostPerSize)> {
        let mut priced = Vec::new();
        for (at, (name, component)) in self.spec.components.items.iter().enumerate() {
            let price = match component {
                ComponentSpec::Balancer(own) => own.transfer,
                ComponentSpec::Service(own) => own.transfer,
                ComponentSpec::HttpCache(own) => own.transfer,
                ComponentSpec::Cdn(own) => own.transfer,
                _ => None,
            };
            let Some(price) = price else { continue };
            let node = NodeId::new(at);
            if !sources.iter().flatten().any(|plan| plan.enters == node) {
                let problem = format!(
                    "no source enters `{}`: nothing leaves the system here",
                    name.value
                );
                self.out.push(
                    Diagnostic::warning(price.origin, problem)
                        .label("give the price to what clients come to"),
                );
            }
            priced.push((node, name.value.clone(), price.value));
        }
        priced
    }
}

/// What the timeline of a scenario has for a component.
fn happens_to<'a>(spec: &'a ScenarioSpec, name: &str) -> impl Iterator<Item = &'a Action> {
    let all = spec.timeline.items.iter().map(|(_, action)| action);
    all.filter(move |action| action.target().is_some_and(|target| target.value == name))
}

/// By component: places for the instances of a service. Where their number changes there are twice as many
/// as there may be, so that instances can start while others still drain.
pub(in crate::scenario) fn places(spec: &ScenarioSpec) -> Vec<u32> {
    let places = |(name, component): &(At<String>, ComponentSpec)| {
        let ComponentSpec::Service(own) = component else {
            return 0;
        };
        let range = autoscalers(own).map(|(_, autoscaler)| autoscaler.start().range().1);
        let most = range.fold(own.count.get(), u32::max);
        let happens = happens_to(spec, name).map(|action| action.places(most));
        let most = happens.fold(most, u32::max);
        let changes =
            most > own.count.get() || autoscalers(own).next().is_some() || own.cycle.is_some();
        if changes {
            most.saturating_mul(2)
        } else {
            most
        }
    };
    spec.components.items.iter().map(places).collect()
}

impl Compiler<'_> {
    /// What the timeline has for a component.
    fn happens_to(&self, name: &str) -> impl Iterator<Item = &Action> {
        happens_to(self.spec, name)
    }

    /// What is done to components, or happens to them, ready to be carried out.
    pub(super) fn plan_timeline(&mut self, nodes: &mut [Option<Plan>]) -> Vec<Entry> {
        let mut timeline = Vec::new();
        let spec = self.spec;
        for (name, action) in &spec.timeline.items {
            let (at, target) = (action.at(), action.target());
            let horizon = spec.run.horizon;
            if let Some(at) = at.once().filter(|at| at.value > horizon.value) {
                let problem = "this happens after the end of the run";
                let end = format!("the run ends after {}", horizon.value);
                self.out
                    .push(Diagnostic::warning(at.origin, problem).related(horizon.origin, end));
            }
            // What is set is found where the scenario is compiled with the new value.
            let Some((node, _)) = target.and_then(|target| self.component(target)) else {
                continue;
            };
            let Some(component) = &mut nodes[node] else {
                continue;
            };
            if let Some(act) = action.plan(component, self.out) {
                let Some(due) = at.plan(self.data, self.out) else {
                    continue;
                };
                timeline.push(Entry {
                    name: name.value.clone(),
                    due,
                    what: Happening::Act(NodeId::new(node), act),
                });
            }
        }
        timeline
    }
}
