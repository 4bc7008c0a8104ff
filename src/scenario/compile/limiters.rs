//! Rate limiters with every name resolved, and what private components are inside of.

use super::{Compiler, gateways};
use crate::component::cache::Scope;
use crate::component::rate_limiter::{Plan, RateLimiter};
use crate::component::{ComponentSpec, NodeId};
use crate::diag::Diagnostic;
use crate::policy::admission::{LimitKey, RequestLimit};
use crate::spec::At;

/// What limits keep for clients, in all places: 16 bytes and more each.
const MOST_ENTRIES: u128 = 1 << 28;

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
        Some((NodeId::new(service), self.places[service], workers))
    }

    /// The plan of a rate limiter.
    pub(super) fn plan_rate_limiter(
        &mut self,
        at: usize,
        name: &At<String>,
        own: &RateLimiter,
    ) -> Plan {
        let inside = self.inside(at, own.scope.value);
        self.check_entries(name, own, inside);
        Plan {
            name: name.value.clone(),
            limits: own.limits.clone(),
            scope: own.scope.value,
            inside,
            dry_run: own.dry_run.value,
            retry_after: own.retry_after.map(|span| span.value),
        }
    }

    /// Reports limits that would keep something for each of too many clients, in each of too many places.
    fn check_entries(
        &mut self,
        name: &At<String>,
        own: &RateLimiter,
        inside: Option<(NodeId, u32, u32)>,
    ) {
        let n_places = match (own.scope.value, inside) {
            (Scope::Shared, _) | (_, None) => 1,
            (Scope::Instance, Some((_, instances, _))) => u128::from(instances),
            (Scope::Worker, Some((_, instances, workers))) => {
                u128::from(instances) * u128::from(workers)
            }
        };
        let sources = self.spec.sources.items.iter();
        let people = sources.filter_map(|(_, source)| source.shared.own.clients.as_ref());
        let n_clients: u128 = people.map(|own| u128::from(own.population.get())).sum();
        let keys = own.limits.iter().map(RequestLimit::key);
        let n_limits = keys.filter(|key| *key != LimitKey::All).count() as u128;
        let n_entries = n_places * n_clients * n_limits;
        if n_entries > MOST_ENTRIES {
            let problem = format!(
                "`{}` would keep something for each of {n_clients} clients, {} times",
                name.value,
                n_places * n_limits
            );
            self.out.push(
                Diagnostic::error(name.origin, problem)
                    .label(format!("{n_entries} entries; at most {MOST_ENTRIES}"))
                    .help("fewer clients, fewer instances, or scope = \"shared\""),
            );
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
