//! What processes have of their own, with every law at hand.

use super::Compiler;
use super::autoscalers::autoscalers;
use crate::autoscaler::aws::warm_pool;
use crate::component::cache::Scope;
use crate::component::service::{
    Every, MemoryPlan, Pauses, PausesPlan, ProcessesPlan, ProvisionPlan, QuotaMode, QuotaPlan,
    Runtime, Service, Termination, WarmPlan, WarmState,
};
use crate::diag::Diagnostic;
use crate::dist::{Law, Sampler};
use crate::policy::accept::Accept;
use crate::policy::memory::MemorySpec;
use crate::spec::Count;
use crate::units::{CostPerHour, SimDuration};

impl Compiler<'_> {
    /// A law that need not be given; nothing if it is wrong, which is reported.
    #[expect(clippy::option_option, reason = "wrong; not given; there")]
    pub(super) fn maybe_law(&mut self, law: Option<&Law>) -> Option<Option<Sampler>> {
        match law {
            Some(law) => law.sampler(self.data, self.out).map(Some),
            None => Some(None),
        }
    }

    /// vCPUs that an instance can use at once, and on average where that is less.
    pub(super) fn plan_quota(own: &Service, vcpu: f64) -> (f64, Option<QuotaPlan>) {
        match &own.quota {
            None => (vcpu, None),
            Some(quota) if quota.mode.value == QuotaMode::Fluid => {
                (vcpu.min(quota.cpus.value), None)
            }
            Some(quota) => {
                let plan = QuotaPlan {
                    cpus: quota.cpus.value,
                    period: quota.period.value,
                };
                (vcpu, Some(plan))
            }
        }
    }

    /// What the processes of a service have of their own; nothing within if they have nothing.
    #[expect(clippy::option_option, reason = "wrong; nothing; something")]
    pub(super) fn plan_processes(
        &mut self,
        own: &Service,
        workers: u32,
    ) -> Option<Option<ProcessesPlan>> {
        let spec = &own.workers;
        let boot = self.maybe_law(spec.boot.as_ref())?;
        let pauses = match &spec.pauses {
            Some(pauses) => Some(self.plan_pauses(own, pauses)?),
            None => None,
        };
        let memory = match &own.memory {
            Some(memory) => Some(self.plan_memory(own, memory, workers)?),
            None => None,
        };
        self.check_pools_of_processes(own);
        let accept = spec.accept.map(|accept| accept.value);
        let has_some = spec.runtime.value == Runtime::Processes
            || accept == Some(Accept::ByConnection)
            || spec.warm_up.is_some()
            || pauses.is_some()
            || memory.is_some();
        let jitter = spec.max_requests_jitter.value;
        Some(has_some.then(|| ProcessesPlan {
            threads: spec.threads.map_or(1, |threads| threads.get()),
            lock: spec.has_lock() && spec.runtime.value == Runtime::Processes,
            accept: accept.unwrap_or(match spec.runtime.value {
                Runtime::Threads | Runtime::Processes => Accept::Central,
                Runtime::EventLoop => Accept::RoundRobin,
            }),
            connections: spec.connections.map_or(u32::MAX, |most| most.get()),
            timeout: spec.timeout.map(|timeout| timeout.value),
            max_requests: spec.max_requests.map(|most| (most.get(), jitter)),
            boot,
            keep_alive: match (accept, &spec.keep_alive) {
                (Some(Accept::ByConnection), given) => Some(given.clone().unwrap_or_default()),
                _ => None,
            },
            warm_up: spec.warm_up.clone(),
            pauses,
            memory,
        }))
    }

    fn plan_pauses(&mut self, own: &Service, spec: &Pauses) -> Option<PausesPlan> {
        let every = self.maybe_law(spec.every.as_ref())?;
        let length = spec.length.sampler(self.data, self.out)?;
        let usual = PausesPlan::usual_scope(own.workers.runtime.value, own.workers.has_lock());
        Some(PausesPlan {
            every: match (every, &spec.every_requests) {
                (Some(law), _) => Every::Time(law),
                (None, Some(requests)) => Every::Requests(requests.value),
                (None, None) => return None,
            },
            length,
            scope: spec.scope.map_or(usual, |scope| scope.value),
            cpu_share: spec.cpu_share.get(),
        })
    }

    fn plan_memory(
        &mut self,
        own: &Service,
        spec: &MemorySpec,
        workers: u32,
    ) -> Option<MemoryPlan> {
        let of_type = own
            .instance
            .as_ref()
            .and_then(|name| self.spec.instances.find(name))
            .and_then(|(_, found)| found.memory);
        let Some(limit) = spec.limit.or(of_type) else {
            let problem = "how much memory an instance has is not known";
            let origin = own.workers.runtime.origin;
            let help = "give memory.limit, or an instance type that says its memory";
            self.out.push(Diagnostic::error(origin, problem).help(help));
            return None;
        };
        let processes = match own.workers.runtime.value {
            Runtime::Threads => 1,
            Runtime::EventLoop | Runtime::Processes => workers,
        };
        let at_rest = spec.base.get() as f64 * f64::from(processes);
        if at_rest > limit.get() as f64 {
            let problem = format!(
                "{processes} processes of {} are more than the {} that there are before they do anything",
                spec.base.value, limit.value
            );
            self.out.push(
                Diagnostic::error(spec.base.origin, problem).related(limit.origin, "what there is"),
            );
            return None;
        }
        if let Some(heap) = &spec.heap_limit {
            let most = at_rest + heap.get() as f64 * f64::from(processes);
            if most > limit.get() as f64 {
                let problem = format!(
                    "{processes} processes of {} with a heap of up to {} do not fit into {}: the \
                     instance runs out of memory before a heap is full",
                    spec.base.value, heap.value, limit.value
                );
                self.out.push(
                    Diagnostic::warning(heap.origin, problem)
                        .related(limit.origin, "what there is"),
                );
            }
        }
        Some(MemoryPlan {
            limit: limit.get() as f64,
            base: spec.base.get() as f64,
            per_request: spec.per_request.get() as f64,
            leak_per_request: spec.leak_per_request.get() as f64,
            leak_per_nano: spec.leak_per_hour.get() as f64 / 3.6e12,
            heap_limit: spec.heap_limit.map(|heap| heap.get() as f64),
            over: spec.over.clone(),
        })
    }

    /// A process that is killed takes its connections with it, so they must be its own.
    fn check_pools_of_processes(&mut self, own: &Service) {
        let spec = &own.workers;
        let heap = own.memory.as_ref().and_then(|memory| memory.heap_limit);
        let heap = heap.filter(|_| spec.runtime.value != Runtime::Threads);
        let killed = spec.timeout.map(|at| at.origin);
        let killed = killed.or(heap.map(|at| at.origin));
        let killed = killed.or(spec
            .max_requests
            .map(|at: crate::spec::At<Count>| at.origin));
        let Some(killed) = killed else { return };
        for (name, pool) in &own.pools.items {
            if pool.per.value != Scope::Worker {
                let problem = format!("pool `{}` outlives the processes that use it", name.value);
                self.out.push(
                    Diagnostic::error(name.origin, problem)
                        .related(killed, "processes end because of this")
                        .help("write per = \"worker\""),
                );
            }
        }
    }
}

impl Compiler<'_> {
    /// Where the instances of a service come from; nothing within if that is not said.
    #[expect(clippy::option_option, reason = "wrong; nothing; something")]
    pub(super) fn plan_provisioning(&mut self, own: &Service) -> Option<Option<ProvisionPlan>> {
        let Some(spec) = &own.provisioning else {
            return Some(None);
        };
        let machine = self.maybe_law(spec.machine.as_ref());
        let image_pull = self.maybe_law(spec.image_pull.as_ref());
        let resume = spec.warm_pool.as_ref();
        let resume = self.maybe_law(resume.map(|pool| &pool.resume));
        let ready = spec.ready_every.map(|every| {
            let times = spec.ready_times.get();
            (every.value, spec.ready_after.value, times)
        });
        let range = autoscalers(own).map(|(_, autoscaler)| autoscaler.start().range().1);
        let most = range.fold(own.count.get(), u32::max);
        let (machine, image_pull, resume) = (machine?, image_pull?, resume?);
        let warm_pool = spec.warm_pool.as_ref().zip(resume);
        let warm_pool = warm_pool.map(|(pool, resume)| WarmPlan {
            config: warm_pool::Config {
                max_prepared: pool.max_prepared.map(|max| max.get()),
                min_size: pool.min_size,
            },
            max: most,
            runs: pool.state.value == WarmState::Running,
            resume,
        });
        Some(Some(ProvisionPlan {
            machine,
            per_machine: spec.per_machine.get(),
            idle_for: spec.idle_for.value,
            machine_cost: spec
                .machine_cost
                .map_or(CostPerHour::ZERO, |cost| cost.value),
            image_pull,
            ready,
            quota: spec.quota.map_or(u32::MAX, |most| most.get()),
            retry_every: spec.retry_every.value,
            launch_gap: spec.launch_rate.map_or(SimDuration::ZERO, |rate| {
                SimDuration::from_secs_f64(1.0 / rate.as_per_second())
            }),
            warm_pool,
        }))
    }
}

/// Which instance is taken out on the platform of a service's autoscaler.
pub(super) fn usual_termination(own: &Service) -> Termination {
    let words = autoscalers(own).map(|(_, autoscaler)| autoscaler.word());
    let platform = words.map(|word| match word {
        "hpa" | "knative" | "keda" => Termination::Kubernetes,
        aws if aws.starts_with("aws") => Termination::Aws,
        _ => Termination::Last,
    });
    platform.last().unwrap_or(Termination::Last)
}
