//! Databases and pools with every name resolved.

use super::super::shape::check_vcpu;
use super::Compiler;
use crate::component::cache::Scope;
use crate::component::cpu::Slowdown;
use crate::component::pool::{self, PoolSpec};
use crate::component::service::Service;
use crate::component::{ComponentSpec, NodeId, Plan, database, pooler};
use crate::policy::pool::Covers;
use crate::spec::At;
use crate::units::Fraction;

impl Compiler<'_> {
    /// The plan of a database; nothing if there is a problem, which is reported.
    pub(super) fn plan_database(
        &mut self,
        name: &At<String>,
        own: &database::Database,
    ) -> Option<database::Plan> {
        let cores = match (&own.cores, &own.instance) {
            (Some(cores), _) => {
                check_vcpu(cores, self.out);
                cores.value
            }
            (None, Some(instance)) => self.vcpu_of(instance)?,
            (None, None) => return None,
        };
        let copies = if own.multi_az.value { 2 } else { 1 };
        let place = |what: &str| format!("{}/{what}", name.value);
        let connect_cost = match &own.connect_cost {
            Some(law) => Some(self.demand(law, &place("connect_cost"))?),
            None => None,
        };
        let storage = match &own.storage {
            Some(storage) => {
                let flush = storage.flush.as_ref().unwrap_or(&storage.latency);
                Some(database::StoragePlan {
                    limits: storage.volume.limits(),
                    credit: storage.credit.value.get(),
                    misses: 1.0 - storage.hit_ratio.value.get(),
                    pages: storage.pages.get(),
                    latency: self.demand(&storage.latency, &place("latency"))?,
                    flush: self.demand(flush, &place("flush"))?,
                })
            }
            None => None,
        };
        let replicas = match &own.replicas {
            Some(replicas) => {
                let replay = match &replicas.replay {
                    Some(law) => Some(self.demand(law, &place("replay"))?),
                    None => None,
                };
                Some((replicas.rules(), replay))
            }
            None => None,
        };
        let scaling = own.scaling.as_ref();
        let credits = own.credits.as_ref();
        let cold = own.cold.as_ref();
        Some(database::Plan {
            name: name.value.clone(),
            cores,
            slowdown: scaling.map_or(Slowdown::None, database::Scaling::slowdown),
            credits: credits.map(|credits| credits.terms(cores)),
            storage,
            max_connections: own.max_connections.map(|max| max.get()),
            connect_cost,
            statement_timeout: own.statement_timeout.map(|own| own.value),
            lock_timeout: own.lock_timeout.map(|own| own.value),
            catalogues: self
                .spec
                .keys
                .items
                .iter()
                .map(|(name, _)| name.value.clone())
                .collect(),
            replicas,
            maintenance: own.maintenance.iter().map(|own| own.planned()).collect(),
            cold: cold.map(|own| (own.factor.value, own.half_life.value)),
            cost: self.price(own.instance.as_ref(), own.cost).times(copies),
        })
    }

    /// The plan of a pooler; nothing if there is a problem, which is reported.
    pub(super) fn plan_pooler(
        &mut self,
        name: &At<String>,
        own: &pooler::Pooler,
    ) -> Option<pooler::Plan> {
        let (to, behind) = self.component(&own.to)?;
        if !matches!(behind, ComponentSpec::Database(_)) {
            self.wrong_kind(&own.to, to, "a database");
            return None;
        }
        let place = |what: &str| format!("{}/{what}", name.value);
        let connect = match &own.connect {
            Some(law) => Some(self.demand(law, &place("connect"))?),
            None => None,
        };
        let connect_cost = match &own.connect_cost {
            Some(law) => Some(self.demand(law, &place("connect_cost"))?),
            None => None,
        };
        Some(pooler::Plan {
            name: name.value.clone(),
            pooling: own.pooling.value,
            pool: pool::Plan {
                name: own.to.value.clone(),
                to: NodeId::new(to),
                per: Scope::Shared,
                rules: own.rules(),
                eager: false,
                timeout: own.timeout.map(|own| own.value),
                covers: Covers::Wait,
                connect,
                round_trip: own.round_trip.value,
                max_age: own.max_age.map(|own| own.value),
                max_age_variance: Fraction::ZERO,
                by_session: false,
            },
            max_connections: own.max_connections.map(|own| own.get()),
            connect_cost,
        })
    }

    /// The plan of a service's pool; nothing if there is a problem, which is reported.
    pub(super) fn plan_pool(
        &mut self,
        service: usize,
        service_name: &At<String>,
        name: &At<String>,
        own: &PoolSpec,
    ) -> Option<pool::Plan> {
        let (to, behind) = self
            .spec
            .components
            .resolve(&own.to, "component", self.out)?;
        if !matches!(
            behind,
            ComponentSpec::Database(_) | ComponentSpec::Pooler(_)
        ) {
            self.wrong_kind(&own.to, to, "a database or a pooler");
            return None;
        }
        let by_session = matches!(
            behind,
            ComponentSpec::Pooler(pooler) if pooler.pooling.value == pooler::Pooling::Session
        );
        if own.per.value == Scope::Worker {
            self.check_worker_scope(service, own.per.origin);
        }
        let place = format!("{}/pools/{}/connect", service_name.value, name.value);
        let connect = own.connect.as_ref().map(|law| self.demand(law, &place));
        let connect = match connect {
            Some(found) => Some(found?),
            None => None,
        };
        Some(pool::Plan {
            name: name.value.clone(),
            to: NodeId::new(to),
            per: own.per.value,
            rules: own.rules(),
            eager: own.eager.value,
            timeout: own.timeout.map(|timeout| timeout.value),
            covers: own.timeout_covers.value,
            connect,
            round_trip: own.round_trip.value,
            max_age: own.max_age.map(|age| age.value),
            max_age_variance: own.max_age_variance.value,
            by_session,
        })
    }

    /// How many replicas the component at a position has.
    fn n_replicas(&self, component: usize) -> usize {
        match &self.spec.components.items[component].1 {
            ComponentSpec::Database(own) => {
                let replicas = own.replicas.as_ref();
                replicas.map_or(0, |replicas| replicas.count.get() as usize)
            }
            _ => 0,
        }
    }

    /// The servers of a database: itself, and its replicas, which come behind all components.
    pub(super) fn servers(&self, database: usize) -> Vec<NodeId> {
        let items = self.spec.components.items.len();
        let before: usize = (0..database).map(|at| self.n_replicas(at)).sum();
        let replicas = (0..self.n_replicas(database)).map(|k| items + before + k);
        std::iter::once(database)
            .chain(replicas)
            .map(NodeId::new)
            .collect()
    }

    /// Where a pool of a service leads, if that is a database.
    fn pool_leads_to(&self, pool: &PoolSpec) -> Option<usize> {
        let mut items = self.spec.components.items.iter();
        items.position(|(name, spec)| {
            name.value == pool.to.value && matches!(spec, ComponentSpec::Database(_))
        })
    }

    /// The numbers of a service's pools to the servers of a database, of which the pool with this number leads
    /// to the primary.
    pub(super) fn pools_to(&self, service: &Service, pool: u16) -> Vec<u16> {
        let pools = &service.pools.items;
        let n = |at: usize| {
            let to = self.pool_leads_to(&pools[at].1);
            to.map_or(0, |to| self.n_replicas(to))
        };
        let before: usize = (0..pool as usize).map(n).sum();
        let replicas = (0..n(pool as usize)).map(|k| (pools.len() + before + k) as u16);
        std::iter::once(pool).chain(replicas).collect()
    }

    /// The pools of a service, and behind them those to replicas.
    pub(super) fn with_replicas(&self, service: &Service, pools: &[pool::Plan]) -> Vec<pool::Plan> {
        let mut all = pools.to_vec();
        for (own, plan) in service.pools.items.iter().zip(pools) {
            let Some(to) = self.pool_leads_to(&own.1) else {
                continue;
            };
            for (k, server) in self.servers(to).into_iter().enumerate().skip(1) {
                all.push(pool::Plan {
                    name: format!("{} replica {k}", plan.name),
                    to: server,
                    ..plan.clone()
                });
            }
        }
        all
    }

    /// Adds the replicas of databases behind all components.
    pub(super) fn add_replicas(&mut self, nodes: &mut Vec<Option<Plan>>) {
        for at in 0..self.spec.components.items.len() {
            let ComponentSpec::Database(own) = &self.spec.components.items[at].1 else {
                continue;
            };
            let cost = self.price(own.instance.as_ref(), own.cost);
            for k in 1..=self.n_replicas(at) {
                let plan = match &nodes[at] {
                    Some(Plan::Database(primary)) => Some(Plan::Database(database::Plan {
                        name: format!("{} replica {k}", primary.name),
                        replicas: None,
                        maintenance: Vec::new(),
                        cost,
                        ..primary.clone()
                    })),
                    _ => None,
                };
                nodes.push(plan);
            }
        }
    }
}
