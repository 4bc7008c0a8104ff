//! Balancers with every name resolved.

use super::components::n_places;
use super::sources::Traffic;
use super::{Compiler, DEFAULT};
use crate::component::balancer::{Backend, Balancer, Picks, Plan, UpstreamPlan};
use crate::component::{self, ComponentSpec, NodeId};
use crate::diag::Diagnostic;
use crate::spec::At;

/// Independent balancers of one component; each has a view of every server.
const MOST_BALANCERS: u32 = 1000;
/// Servers × independent balancers; each takes some bytes.
const MOST_VIEWS: u64 = 10_000_000;

impl Compiler<'_> {
    pub(super) fn plan_balancer(&mut self, name: &At<String>, own: &Balancer) -> Option<Plan> {
        let mut services = Vec::new();
        for named in own.to.services() {
            let (at, behind) = self.component(named)?;
            let ComponentSpec::Service(service) = behind else {
                self.wrong_kind(named, at, "a service");
                return None;
            };
            services.push((at, n_places(service)));
        }
        let delay = own
            .delay
            .as_ref()
            .map(|law| self.demand(law, &format!("{}/delay", name.value)));
        let delay = match delay {
            Some(found) => Some(found?),
            None => None,
        };
        let picks = match own.plain() {
            Some(policy) => Picks::Plain(policy),
            None => Picks::Upstream(Box::new(self.plan_upstream(own, &services)?)),
        };
        let (to, n_instances) = *services.first()?;
        Some(Plan {
            name: name.value.clone(),
            model: own.model.as_ref().map(|model| model.value.clone()),
            to: NodeId::new(to),
            n_instances,
            picks,
            sticky: own.sticky.map(|sticky| sticky.value),
            delay,
            cost: self.price(own.instance.as_ref(), own.cost),
        })
    }

    fn plan_upstream(&mut self, own: &Balancer, services: &[(usize, u32)]) -> Option<UpstreamPlan> {
        let (mut backends, mut servers) = (Vec::new(), Vec::new());
        for ((at, n_instances), spec) in services.iter().zip(own.to.servers()) {
            backends.push(Backend {
                service: NodeId::new(*at),
                first: servers.len() as u32,
                n_instances: *n_instances,
                starts: self.same_operations(services[0].0, *at, &spec.service)?,
            });
            servers.extend(vec![own.server(&spec); *n_instances as usize]);
        }
        let views = own.balancers.get();
        if views > MOST_BALANCERS || servers.len() as u64 * u64::from(views) > MOST_VIEWS {
            let problem = format!(
                "{views} balancers for {} servers are too many to simulate",
                servers.len()
            );
            let label = format!("at most {MOST_BALANCERS}, {MOST_VIEWS} views of servers in all");
            self.out
                .push(Diagnostic::error(own.balancers.origin, problem).label(label));
            return None;
        }
        let checks = match &own.health_check {
            Some(check) => Some(self.plan_checks(check, own, services, servers.len())?),
            None => None,
        };
        Some(UpstreamPlan {
            backends,
            servers,
            method: own.policy.value.clone(),
            next: own
                .next_rules()
                .within(own.total_timeout.map(|timeout| timeout.value)),
            views,
            full_conns: own.full_conns.map_or(0, |full| u64::from(full.get())),
            line: own.line().or_else(|| own.pending()),
            ignore_client_abort: own.ignore_client_abort,
            not_idempotent: Vec::new(),
            own_starts: Vec::new(),
            connect_timeout: own.connect_timeout.map(|timeout| timeout.value),
            read_timeout: own.read_timeout.map(|timeout| timeout.value),
            quarantine: own.quarantine.map(|span| span.value),
            in_flight_per_server: own.in_flight_per_server.map(|limit| limit.get()),
            wait_for_server: own.wait_for_server.map(|span| span.value),
            health: own.health_rules(),
            checks,
            breakers: own.circuit_breakers.clone(),
            total_timeout: own.total_timeout.map(|timeout| timeout.value),
            deregistration_delay: own.deregistration_delay.map(|delay| delay.value),
        })
    }

    /// Where the operations of a service start, by where those of the first one behind the same balancer
    /// do: the same ones by name, or the default; reports those that it does not have.
    fn same_operations(
        &mut self,
        first: usize,
        other: usize,
        named: &At<String>,
    ) -> Option<Vec<(u16, u16)>> {
        if first == other {
            return Some(Vec::new());
        }
        let own = (first, String::new())..(first + 1, String::new());
        let operations: Vec<(String, u16)> = self
            .starts
            .range(own)
            .map(|((_, operation), start)| (operation.clone(), *start))
            .collect();
        let mut found = Vec::new();
        for (operation, start) in operations {
            let has = |name: &str| self.starts.get(&(other, name.to_owned())).copied();
            match has(&operation).or_else(|| has(DEFAULT)) {
                Some(own) => found.push((start, own)),
                None => {
                    let problem = format!(
                        "`{}` has neither an operation `{operation}` nor a default one",
                        named.value
                    );
                    let other = &self.spec.components.items[first].0;
                    self.out.push(
                        Diagnostic::error(named.origin, problem)
                            .related(other.origin, "which this one has"),
                    );
                    return None;
                }
            }
        }
        Some(found)
    }

    /// Tells balancers what requests they get: where they start, and which must not be done twice. Reports
    /// classes that no source sends.
    pub(super) fn tell_balancers(
        &mut self,
        nodes: &mut [Option<component::Plan>],
        traffic: &Traffic,
    ) {
        for ((_, spec), node) in self.spec.components.items.iter().zip(nodes) {
            let ComponentSpec::Balancer(own) = spec else {
                continue;
            };
            let mut marked = vec![false; traffic.flows.len()];
            for named in &own.not_idempotent {
                let Some(class) = traffic.classes.iter().position(|own| *own == named.value) else {
                    let problem = format!("no class of requests is named `{}`", named.value);
                    let label = format!("there are: {}", traffic.classes.join(", "));
                    self.out
                        .push(Diagnostic::error(named.origin, problem).label(label));
                    continue;
                };
                for (flow, marked) in traffic.flows.iter().zip(&mut marked) {
                    *marked |= flow.class as usize == class;
                }
            }
            if let Some(component::Plan::Balancer(Plan {
                picks: Picks::Upstream(plan),
                ..
            })) = node
            {
                plan.not_idempotent = marked;
                plan.own_starts.clone_from(&traffic.starts);
            }
        }
    }
}
