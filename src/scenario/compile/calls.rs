//! What calls and look-ups must not do: go round in a ring, or share what is private.

use super::Compiler;
use crate::component::ComponentSpec;
use crate::component::cache::{Capacity, Mode, Scope};
use crate::component::service::Runtime;
use crate::diag::{Diagnostic, Origin};
use crate::scenario::shape::{KeysSpec, Vary};
use crate::units::Fraction;

/// Why a catalogue cannot be asked by class alone.
fn tells_keys_apart(catalogue: &KeysSpec) -> Option<&'static str> {
    if catalogue.vary.value != Vary::Nobody {
        return Some("clients have copies of their own");
    }
    (catalogue.missing.value > Fraction::ZERO).then_some("there is nothing under some of them")
}

impl Compiler<'_> {
    /// Reports services that call one another in a ring: each request would go round for ever.
    pub(super) fn check_calls(&mut self) {
        let mut reported = Vec::new();
        for (caller, called, origin) in self.calls.clone() {
            let Some(mut ring) = self.way(called, caller, &mut vec![caller]) else {
                continue;
            };
            ring.insert(0, caller);
            let mut members = ring.clone();
            members.sort_unstable();
            members.dedup();
            if reported.contains(&members) {
                continue;
            }
            reported.push(members);
            let names: Vec<_> = ring.iter().map(|at| self.name(*at)).collect();
            let problem = "these services call one another in a ring";
            self.out
                .push(Diagnostic::error(origin, problem).label(names.join(" → ")));
        }
    }

    fn name(&self, component: usize) -> &str {
        &self.spec.components.items[component].0.value
    }

    /// The services on a way of calls from one to another, both included; not through those in `seen`.
    fn way(&self, from: usize, to: usize, seen: &mut Vec<usize>) -> Option<Vec<usize>> {
        if from == to {
            return Some(vec![to]);
        }
        if seen.contains(&from) {
            return None;
        }
        seen.push(from);
        let called = self.calls.iter().filter(|(caller, ..)| *caller == from);
        let mut ways = called.filter_map(|(_, called, _)| self.way(*called, to, seen));
        ways.next().map(|mut way| {
            way.insert(0, from);
            way
        })
    }

    /// Reports private caches that several services ask, and caches per worker where workers do not have
    /// a memory of their own.
    pub(super) fn check_caches(&mut self) {
        self.check_sizes();
        let users = std::mem::take(&mut self.cache_users);
        for (at, (_, spec)) in self.spec.components.items.iter().enumerate() {
            let (what, scope) = match spec {
                ComponentSpec::Cache(cache) => ("cache", cache.scope),
                ComponentSpec::RateLimiter(limiter) => ("rate limiter", limiter.scope),
                _ => continue,
            };
            if scope.value == Scope::Shared {
                continue;
            }
            let own: Vec<(usize, Origin)> = users
                .iter()
                .filter(|(cache, ..)| *cache == at)
                .map(|u| (u.1, u.2))
                .collect();
            let Some((first, first_at)) = own.first() else {
                continue;
            };
            if let Some((_, other_at)) = own.iter().find(|(service, _)| service != first) {
                let problem = format!("a {what} per {} is inside one service", scope.word());
                self.out.push(
                    Diagnostic::error(*other_at, problem)
                        .label("a second service asks it")
                        .related(*first_at, "the first one")
                        .help(format!(
                            "give each service a {what} of its own, or set scope = \"shared\""
                        )),
                );
            }
            if scope.value == Scope::Worker {
                self.check_worker_scope(*first, scope.origin);
            }
        }
        self.cache_users = users;
    }

    /// Reports caches that count bytes of what has no sizes.
    fn check_sizes(&mut self) {
        for (at, keys, origin) in &self.cache_keys {
            let (_, ComponentSpec::Cache(cache)) = &self.spec.components.items[*at] else {
                continue;
            };
            let (name, catalogue) = &self.spec.keys.items[keys.0 as usize];
            if let (Mode::Ratio, Some(what)) = (cache.mode.value, tells_keys_apart(catalogue)) {
                let problem = format!("a cache in ratio mode keeps no keys of `{}`", name.value);
                self.out.push(
                    Diagnostic::error(*origin, problem)
                        .label(what)
                        .related(cache.mode.origin, "the mode is set here")
                        .help("write mode = \"exact\""),
                );
                continue;
            }
            if let (Capacity::Bytes(_), None) = (cache.capacity.value, &catalogue.size) {
                let problem = format!(
                    "it is not known how large what is under `{}` is",
                    name.value
                );
                self.out.push(
                    Diagnostic::error(*origin, problem)
                        .related(cache.capacity.origin, "the cache counts bytes")
                        .help(format!("add `size` to [keys.{}]", name.value)),
                );
            }
        }
    }

    /// Reports something per worker in a service whose workers are threads of one process.
    pub(super) fn check_worker_scope(&mut self, service: usize, origin: Origin) {
        let spec = self.spec;
        let (name, ComponentSpec::Service(spec)) = &spec.components.items[service] else {
            return;
        };
        if spec.workers.runtime.value == Runtime::Threads {
            let problem = format!("the workers of `{}` are threads of one process", name.value);
            self.out.push(
                Diagnostic::error(origin, problem)
                    .label("only processes and event loops have this each for itself")
                    .help("write \"instance\""),
            );
        }
    }
}
