//! Caches with every name resolved.

use super::Compiler;
use crate::component::ComponentSpec;
use crate::component::cache::{self, Cache, Outage};
use crate::component::program::KeysId;
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
        let server = match &own.server {
            Some(server) => {
                let command = self.demand(&server.command, &format!("{}/command", name.value))?;
                Some((command, server.max_clients.get()))
            }
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
            keeps_first: own.keeps_first.value,
            jitter: own.jitter.get(),
            sweep: own.sweep.map(|sweep| sweep.value),
            negative_ttl: own.negative_ttl.map(|ttl| ttl.value),
            time,
            cost: self
                .price(own.instance.as_ref(), own.cost)
                .times(own.nodes.get()),
            flush_at: own.flush_at.iter().map(|at| at.value).collect(),
            on_concurrent_miss: own.on_concurrent_miss.clone(),
            stale_while_revalidate: own.stale_while_revalidate.value,
            stale_if_error: own.stale_if_error.value,
            early: own.early_expiration.map_or(0.0, |beta| beta.value),
            minds_misses: own.minds_misses(),
            server,
            down: own.down.iter().map(Outage::span).collect(),
            on_error: own.on_error.value,
            error_after: own.error_after.value,
            ratio: own
                .ratio_rules()
                .map(|rules| (rules, self.catalogues_of(at))),
            has_missing: self.cache_keys.iter().any(|(cache, keys, _)| {
                *cache == at && self.program.keys[keys.0 as usize].has_missing()
            }),
        })
    }

    /// The catalogues of keys that are looked up in a cache, each once.
    fn catalogues_of(&self, cache: usize) -> Vec<KeysId> {
        let own = self.cache_keys.iter().filter(|(at, ..)| *at == cache);
        let mut found: Vec<KeysId> = own.map(|(_, keys, _)| *keys).collect();
        found.sort_by_key(|keys| keys.0);
        found.dedup();
        found
    }

    /// True if a cache wants to hear how what follows its misses ends.
    pub(super) fn minds_misses(&self, cache: usize) -> bool {
        let (_, spec) = &self.spec.components.items[cache];
        matches!(spec, ComponentSpec::Cache(own) if own.minds_misses())
    }

    /// Notes at every instruction after which misses it is done. Those within others come first.
    pub(super) fn note_misses(&mut self) {
        if self.misses.is_empty() {
            return;
        }
        self.program.around = vec![None; self.here()];
        for (look, filled) in std::mem::take(&mut self.misses).into_iter().rev() {
            self.program.around[look + 1..=filled].fill(Some(look as u16));
        }
    }
}
