//! Gateways: where they lead to, and what requests execute in them.

use super::Compiler;
use crate::component::program::{Op, Visit};
use crate::component::{ComponentSpec, NodeId};
use crate::diag::Diagnostic;
use crate::spec::At;

/// What requests may enter.
pub(super) const MAY_BE_ENTERED: &str = "a balancer, a gateway or a service";
/// What a service may call.
pub(super) const MAY_BE_CALLED: &str = "a service, a balancer, a gateway or a dependency";

/// What is behind a gateway; nothing if it is none.
pub(super) fn leads_to(spec: &ComponentSpec) -> Option<&At<String>> {
    match spec {
        ComponentSpec::RateLimiter(own) => own.to.as_ref(),
        ComponentSpec::HttpCache(own) => Some(&own.to),
        ComponentSpec::Cdn(own) => Some(&own.to),
        _ => None,
    }
}

/// True if requests may enter the component.
pub(super) fn may_be_entered(spec: &ComponentSpec) -> bool {
    matches!(spec, ComponentSpec::Service(_) | ComponentSpec::Balancer(_))
        || leads_to(spec).is_some()
}

impl Compiler<'_> {
    /// Reports gateways that lead to nothing that requests could enter, or round in a ring.
    pub(super) fn check_gateways(&mut self) {
        let mut in_rings = Vec::new();
        let components = &self.spec.components;
        for (at, (name, spec)) in components.items.iter().enumerate() {
            let Some(to) = leads_to(spec) else {
                continue;
            };
            let Some((behind, spec)) = self.component(to) else {
                continue;
            };
            if !may_be_entered(spec) {
                self.wrong_kind(to, behind, MAY_BE_ENTERED);
            }
            let Some(ring) = self.ring_of(at).filter(|_| !in_rings.contains(&at)) else {
                continue;
            };
            let names: Vec<_> = ring
                .iter()
                .chain([&at])
                .map(|at| components.items[*at].0.value.as_str())
                .collect();
            let problem = "these gateways lead to one another in a ring";
            self.out.push(
                Diagnostic::error(name.origin, problem)
                    .label(names.join(" → "))
                    .help("the last of them must lead to a balancer or a service"),
            );
            in_rings.extend(ring);
        }
    }

    /// The gateway directly behind another.
    fn next_gateway(&self, at: usize) -> Option<usize> {
        let components = &self.spec.components;
        let to = leads_to(&components.items[at].1)?;
        let (behind, spec) = components.find(to)?;
        leads_to(spec).map(|_| behind)
    }

    /// The gateways on the way from one back to itself, itself first.
    fn ring_of(&self, at: usize) -> Option<Vec<usize>> {
        let mut ring = vec![at];
        let mut next = self.next_gateway(at)?;
        while next != at {
            if ring.contains(&next) {
                // It leads into a ring, but is not part of it.
                return None;
            }
            ring.push(next);
            next = self.next_gateway(next)?;
        }
        Some(ring)
    }

    /// The service that requests come to through a component; nothing if there is none, which has been
    /// reported.
    pub(super) fn service_behind(&self, entered: usize) -> Option<usize> {
        let components = &self.spec.components;
        let mut at = entered;
        for _ in 0..components.items.len() {
            let to = match &components.items[at].1 {
                ComponentSpec::Service(_) => return Some(at),
                ComponentSpec::Balancer(own) => *own.to.services().first()?,
                other => leads_to(other)?,
            };
            at = components.find(to)?.0;
        }
        None
    }

    /// Where a request starts that enters `entered`, bound for the operation that starts at `start`.
    pub(super) fn way_in(&mut self, entered: usize, start: u16) -> u16 {
        let components = &self.spec.components;
        let Some(to) = leads_to(&components.items[entered].1) else {
            return start;
        };
        if let Some(known) = self.ways_in.get(&(entered, start)) {
            return *known;
        }
        let Some((to, _)) = components.find(to) else {
            return start;
        };
        let pc = self.way_in(to, start);
        let visit = self
            .fetched_at(entered, start)
            .map_or(Visit::Enter, Visit::Fetch);
        let at = self.here() as u16;
        self.emit(Op::Visit(NodeId::new(entered), visit));
        let to = NodeId::new(to);
        self.emit(Op::Pass { to, pc });
        self.emit(Op::End);
        self.ways_in.insert((entered, start), at);
        at
    }
}
