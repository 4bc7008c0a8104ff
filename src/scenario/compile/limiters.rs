//! Rate limiters with every name resolved, and what private components are inside of.

use super::components::n_places;
use super::{Compiler, gateways};
use crate::component::cache::Scope;
use crate::component::rate_limiter::{Plan, RateLimiter};
use crate::component::{ComponentSpec, NodeId};
use crate::diag::Diagnostic;
use crate::policy::admission::{LimitKey, RequestLimit};
use crate::spec::At;

impl Compiler<'_> {
    /// The service that a cache or a rate limiter with this scope is in, if it is in one; how many instances
    /// and workers that can have.
    pub(super) fn inside(&mut self, at: usize, scope: Scope) -> Option<(NodeId, u32, u32)> {
        if scope == Scope::Shared {
            return None;
        }
        let service = self.cache_users.iter().find(|(own, ..)| *own == at)?.1;
        let ComponentSpec::Service(spec) = &self.spec.components.items[service].1 else {
            return None;
        };
        let (_, workers) = self.size(spec)?;
        Some((NodeId::new(service), n_places(spec), workers))
    }

    /// The plan of a rate limiter.
    pub(super) fn plan_rate_limiter(
        &mut self,
        at: usize,
        name: &At<String>,
        own: &RateLimiter,
    ) -> Plan {
        Plan {
            name: name.value.clone(),
            limits: own.limits.clone(),
            scope: own.scope.value,
            inside: self.inside(at, own.scope.value),
            dry_run: own.dry_run.value,
            retry_after: own.retry_after.map(|span| span.value),
        }
    }

    /// Warns of sources whose clients are strangers where a limiter tells clients apart: it takes them all
    /// for one.
    pub(super) fn warn_of_strangers(&mut self) {
        let spec = self.spec;
        for (_, source) in &spec.sources.items {
            let clients = &source.shared.own;
            if clients.clients.is_some() {
                continue;
            }
            let mut next = Some(&clients.enters);
            while let Some((_, component)) = next.and_then(|name| spec.components.find(name)) {
                next = gateways::leads_to(component);
                let ComponentSpec::RateLimiter(limiter) = component else {
                    continue;
                };
                let mut keys = limiter.limits.iter().map(RequestLimit::key);
                let Some(key) = keys.find(|key| *key != LimitKey::All) else {
                    continue;
                };
                let problem = format!("a limit by {} takes these clients for one", key.word());
                self.out.push(
                    Diagnostic::warning(clients.enters.origin, problem)
                        .label("nothing is known of who they are")
                        .help("say so: clients = { population = 10_000, per_address = 2 }"),
                );
            }
        }
    }
}
