//! HTTP caches with every name resolved, and what they may keep.

use super::{Asked, Compiler, DEFAULT};
use crate::component::ComponentSpec;
use crate::component::http_cache::{HttpCache, Plan};
use crate::component::program::{Cacheable, KeysId, threshold};
use crate::diag::Diagnostic;
use crate::spec::At;

/// What a gateway is told about what it may keep: which catalogue is asked, for which operations.
fn kept_by(spec: &ComponentSpec) -> Option<(&At<String>, &[At<String>])> {
    match spec {
        ComponentSpec::HttpCache(own) => Some((&own.keys, &own.cacheable)),
        _ => None,
    }
}

impl Compiler<'_> {
    /// What requests fetch from a gateway that are bound for the operation that starts at `start`; nothing if
    /// it does not keep its answers.
    pub(super) fn fetched_at(&mut self, gateway: usize, start: u16) -> Option<u16> {
        let spec = self.spec;
        let (keys, only) = kept_by(&spec.components.items[gateway].1)?;
        // A name that is wrong is reported where the gateway is planned.
        let (keys, _) = spec.keys.find(keys)?;
        let mut starts = self.starts.iter();
        let ((_, operation), _) = starts.find(|(_, own)| **own == start)?;
        if !only.is_empty() && !only.iter().any(|own| own.value == *operation) {
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
        if let (Some(max), Some((_, keys))) = (own.max_size, self.spec.keys.find(&own.keys))
            && keys.size.is_none()
        {
            let problem = format!(
                "it is not known how large what is under `{}` is",
                own.keys.value
            );
            self.out.push(
                Diagnostic::error(max.origin, problem)
                    .help(format!("add `size` to [keys.{}]", own.keys.value)),
            );
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
        let keeps =
            |operation: &str| only.is_empty() || only.iter().any(|own| own.value == operation);
        let is_kept = behind.operations.items.iter().any(|(operation, own)| {
            keeps(&operation.value) && own.cache_control.is_some_and(|own| !own.no_store)
        });
        let by_itself = match component {
            ComponentSpec::HttpCache(own) => !own.valid.0.is_empty(),
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
