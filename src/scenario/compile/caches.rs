//! Caches with every name resolved.

use super::Compiler;
use crate::component::cache::{self, Cache};
use crate::spec::At;

impl Compiler<'_> {
    /// The plan of a cache.
    pub(super) fn plan_cache(
        &mut self,
        at: usize,
        name: &At<String>,
        own: &Cache,
    ) -> Option<cache::Plan> {
        let inside = self.inside(at, own.scope.value);
        let time = own
            .time
            .as_ref()
            .map(|law| self.demand(law, &format!("{}/time", name.value)));
        let time = match time {
            Some(found) => Some(found?),
            None => None,
        };
        Some(cache::Plan {
            name: name.value.clone(),
            scope: own.scope.value,
            inside,
            capacity: own.capacity.value,
            policy: own.policy.clone(),
            ttl: own.ttl.map(|ttl| ttl.value),
            renewed_by_hits: own.renewed_by_hits.value,
            jitter: own.jitter.get(),
            sweep: own.sweep.map(|sweep| sweep.value),
            negative_ttl: own.negative_ttl.map(|ttl| ttl.value),
            time,
            cost: self
                .price(own.instance.as_ref(), own.cost)
                .times(own.nodes.get()),
            flush_at: own.flush_at.iter().map(|at| at.value).collect(),
            has_missing: self.cache_keys.iter().any(|(cache, keys, _)| {
                *cache == at && self.program.keys[keys.0 as usize].has_missing()
            }),
        })
    }
}
