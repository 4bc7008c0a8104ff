//! HTTP caches with every name resolved, and what they may keep.

use super::{Asked, Compiler, DEFAULT};
use crate::component::ComponentSpec;
use crate::component::cache::Capacity;
use crate::component::cdn::{self, Cdn};
use crate::component::http_cache::{HttpCache, Plan};
use crate::component::program::{Cacheable, KeysId, threshold};
use crate::component::service::OperationSpec;
use crate::diag::{Diagnostic, Origin};
use crate::dist::Law;
use crate::spec::At;
use crate::units::SimDuration;

/// What a gateway is told about what it may keep: which catalogue is asked, for which operations.
fn kept_by(spec: &ComponentSpec) -> Option<(&At<String>, &[At<String>])> {
    match spec {
        ComponentSpec::HttpCache(own) => Some((&own.keys, &own.cacheable)),
        ComponentSpec::Cdn(own) => Some((&own.keys, &own.cacheable)),
        _ => None,
    }
}

/// True if the answers of an operation are kept, where `only` those named are, or where none is all that may be.
fn keeps(only: &[At<String>], operation: &OperationSpec, name: &str) -> bool {
    if only.is_empty() {
        operation.is_cacheable()
    } else {
        only.iter().any(|own| own.value == name)
    }
}

impl Compiler<'_> {
    /// An operation of the service at a position.
    fn operation(&self, service: usize, name: &str) -> Option<&OperationSpec> {
        let ComponentSpec::Service(service) = &self.spec.components.items[service].1 else {
            return None;
        };
        let mut all = service.operations.items.iter();
        all.find(|(own, _)| own.value == name).map(|(_, own)| own)
    }

    /// What requests fetch from a gateway that are bound for the operation that starts at `start`; nothing if
    /// it does not keep its answers.
    pub(super) fn fetched_at(&mut self, gateway: usize, start: u16) -> Option<u16> {
        let spec = self.spec;
        let (keys, only) = kept_by(&spec.components.items[gateway].1)?;
        // A name that is wrong is reported where the gateway is planned.
        let (keys, _) = spec.keys.find(keys)?;
        let mut starts = self.starts.iter();
        let ((service, operation), _) = starts.find(|(_, own)| **own == start)?;
        if !keeps(only, self.operation(*service, operation)?, operation) {
            return None;
        }
        let control = self.controls.get(&start).copied().unwrap_or_default();
        self.program.cacheable.push(Cacheable {
            keys: KeysId(keys as u16),
            control,
        });
        Some((self.program.cacheable.len() - 1) as u16)
    }

    /// The plan of an HTTP cache.
    pub(super) fn plan_http_cache(
        &mut self,
        at: usize,
        name: &At<String>,
        own: &HttpCache,
    ) -> Option<Plan> {
        self.check_stored(at);
        let time = match &own.time {
            Some(law) => Some(self.demand(law, &format!("{}/time", name.value))?),
            None => None,
        };
        if let Some(max) = own.max_size {
            self.check_sized(&own.keys, max.origin);
        }
        Some(Plan {
            name: name.value.clone(),
            rules: own.rules(),
            bypass: own.bypass.value,
            unchanged_below: threshold(own.unchanged.value),
            time,
            flush_at: own.flush_at.iter().map(|at| at.value).collect(),
            cost: self.price(own.instance.as_ref(), own.cost),
        })
    }

    /// The plan of a content delivery network.
    pub(super) fn plan_cdn(
        &mut self,
        at: usize,
        name: &At<String>,
        own: &Cdn,
    ) -> Option<cdn::Plan> {
        self.check_stored(at);
        if let Capacity::Bytes(_) = own.capacity.value {
            self.check_sized(&own.keys, own.capacity.origin);
        }
        let mut rtt = |law: &Option<Law>, what: &str| match law {
            Some(law) => self
                .demand(law, &format!("{}/{what}", name.value))
                .map(Some),
            None => Some(None),
        };
        let (client_rtt, origin_rtt) = (
            rtt(&own.client_rtt, "client_rtt"),
            rtt(&own.origin_rtt, "origin_rtt"),
        );
        Some(cdn::Plan {
            name: name.value.clone(),
            edges: own.edges.get(),
            spread: own.spread.exponent(),
            capacity: own.capacity.value,
            policy: own.policy.clone(),
            lifetimes: own.lifetimes(),
            collapse: own.collapse,
            bypass: own.bypass.value,
            unchanged_below: threshold(own.unchanged.value),
            client_rtt: client_rtt?,
            origin_rtt: origin_rtt?,
            flush_at: own.flush_at.iter().map(|at| at.value).collect(),
            cost: self.price(None, own.cost),
        })
    }

    /// Reports a catalogue without sizes where somebody counts bytes.
    fn check_sized(&mut self, keys: &At<String>, counts: Origin) {
        let found = self.spec.keys.find(keys);
        if found.is_some_and(|(_, own)| own.size.is_none()) {
            let problem = format!(
                "it is not known how large what is under `{}` is",
                keys.value
            );
            self.out.push(
                Diagnostic::error(counts, problem)
                    .help(format!("add `size` to [keys.{}]", keys.value)),
            );
        }
    }

    /// Reports catalogues that there are not, operations that nobody behind a gateway has, and answers that are
    /// never kept.
    pub(super) fn check_stored(&mut self, gateway: usize) {
        let spec = self.spec;
        let (name, component) = &spec.components.items[gateway];
        let Some((keys, only)) = kept_by(component) else {
            return;
        };
        let found = self.keys(keys, Asked::ByKey);
        let Some(service) = self.service_behind(gateway) else {
            return;
        };
        let ComponentSpec::Service(behind) = &spec.components.items[service].1 else {
            return;
        };
        for operation in only {
            let what = "operation of the service behind it";
            behind.operations.resolve(operation, what, self.out);
        }
        let is_kept = behind.operations.items.iter().any(|(operation, own)| {
            keeps(only, own, &operation.value) && own.cache_control.is_some_and(|own| !own.no_store)
        });
        let by_itself = match component {
            ComponentSpec::HttpCache(own) => !own.valid.0.is_empty(),
            ComponentSpec::Cdn(own) => {
                own.default_ttl.value.max(own.min_ttl.value) > SimDuration::ZERO
            }
            _ => true,
        };
        if found.is_some() && !is_kept && !by_itself {
            let problem = format!("`{}` never keeps anything", name.value);
            self.out.push(
                Diagnostic::warning(name.origin, problem)
                    .label("neither it nor the answers say for how long")
                    .help(format!(
                        "set `valid`, or `cache_control` of an operation: [components.{}.operations.{DEFAULT}]",
                        spec.components.items[service].0.value
                    )),
            );
        }
    }
}
