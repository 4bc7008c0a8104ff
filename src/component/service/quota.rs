//! How much of the CPU an instance may use on average.

use crate::component::cpu::{Cpu, Limits};
use crate::component::service::Plan;
use crate::component::service::state::State;
use crate::component::{Context, Event};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::policy::bandwidth::Bandwidth;
use crate::rng::Stream;
use crate::spec::{At, number_text};
use crate::units::SimDuration;
use crate::{spec, words};
use rand::Rng as _;

use super::instances::Life;
use super::state::CPU;

words! {
    /// How exactly a quota is kept.
    pub enum QuotaMode {
        /// As Linux does: a budget per period, and nothing runs when it is used up.
        Cfs = "cfs",
        /// As if there were just so many cores: faster to simulate, without the pauses.
        Fluid = "fluid",
    }
}

spec! {
    /// The CPU limit of a container: `{ cpus = 2 }`, as in `docker run --cpus`, Kubernetes' `limits.cpu` or
    /// compose's `cpus`. Its vCPUs are then those of the host, which it may use at once until its budget for the
    /// period is used up. Workers per vCPU are counted by the host's, as most servers do: that is a trap.
    pub struct QuotaSpec {
        /// How many CPUs it may use on average; 0.5 is half of one.
        pub cpus: At<f64>,
        /// The period in which that is to hold.
        pub period: At<SimDuration> = At::built_in(SimDuration::from_nanos(100_000_000)),
        /// How exactly it is kept.
        pub mode: At<QuotaMode> = At::built_in(QuotaMode::Cfs),
    }
    check(Self::check)
}

impl QuotaSpec {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if !(0.001..=100_000.0).contains(&self.cpus.value) {
            let found = number_text(self.cpus.value);
            let problem = format!("expected between 0.001 and 100000 CPUs, found {found}");
            out.push(Diagnostic::error(self.cpus.origin, problem));
        }
        let (least, most) = (
            SimDuration::from_nanos(1_000_000),
            SimDuration::from_secs(1),
        );
        if !(least..=most).contains(&self.period.value) {
            out.push(
                Diagnostic::error(self.period.origin, "Linux allows periods of 1 ms to 1 s")
                    .label("the period of a CPU quota"),
            );
        }
    }
}

/// What an instance may use of its vCPUs on average.
#[derive(Debug, Clone)]
pub struct QuotaPlan {
    /// How many.
    pub cpus: f64,
    /// In which period.
    pub period: SimDuration,
}

/// The CPU of a new instance; `phases` draws when the periods of its quota begin.
pub(super) fn cpu(plan: &Plan, phases: &mut Stream) -> Cpu {
    let runnable = if plan.shares_cpu() {
        plan.most_runnable().min(4096) as usize
    } else {
        0
    };
    let cpu = Cpu::new(plan.vcpu, runnable);
    let bites = plan.quota.as_ref().filter(|_| plan.shares_cpu());
    let account = bites.map(|quota| {
        let phase = phases.next_u64() % quota.period.as_nanos();
        let phase = SimDuration::from_nanos(phase);
        (quota.cpus, Bandwidth::new(quota.cpus, quota.period, phase))
    });
    if account.is_none() && !plan.stalls() {
        return cpu;
    }
    cpu.limited(Limits::new(account))
}

impl State {
    /// Something has changed on the CPU of an instance, of which `before` was in use: books it and plans what
    /// comes next.
    #[inline]
    pub(super) fn cpu_has_changed(&mut self, instance: u32, before: u64, cx: &mut Context) {
        let now = cx.now();
        let cpu = &mut self.instances[instance as usize].cpu;
        cpu.plan(&mut cx.scheduler, Event::Signal(self.own, CPU, instance));
        let after = cpu.used_milli();
        let level = cx.recorder.level(self.levels.cpu_used);
        if after >= before {
            level.up(now, after - before);
        } else {
            level.down(now, before - after);
        }
        if let Some(meters) = &mut self.meters {
            meters.cpu(instance, before, after, now);
        }
        if let Some(throttled) = self.levels.throttled {
            self.notes_throttling(instance, throttled, cx);
        }
    }

    #[cold]
    fn notes_throttling(&mut self, at: u32, level: crate::metrics::LevelId, cx: &mut Context) {
        let now = cx.now();
        let instance = &mut self.instances[at as usize];
        let is = instance.cpu.is_throttled();
        let was = std::mem::replace(&mut instance.was_throttled, is);
        match (was, is) {
            (false, true) => cx.recorder.level(level).up(now, 1),
            (true, false) => cx.recorder.level(level).down(now, 1),
            _ => {}
        }
    }

    /// All instances have so many vCPUs from now on, also those that are on their way.
    pub(in crate::component) fn resizes(&mut self, vcpu: f64, cx: &mut Context) {
        let now = cx.now();
        let before = (self.plan.cpus() * 1000.0) as u64;
        self.plan.vcpu = vcpu;
        let after = (self.plan.cpus() * 1000.0) as u64;
        for at in 0..self.instances.len() {
            let instance = &mut self.instances[at];
            let used = instance.cpu.used_milli();
            instance.cpu.set_cores(now, vcpu);
            if !matches!(instance.life, Life::InService | Life::Draining) {
                continue;
            }
            let level = cx.recorder.level(self.levels.cpu);
            level.up(now, after);
            level.down(now, before);
            self.cpu_has_changed(at as u32, used, cx);
        }
    }

    /// Everything on the CPU of an instance stops, or goes on.
    pub(super) fn stalls_cpu(&mut self, instance: u32, stops: bool, cx: &mut Context) {
        let now = cx.now();
        let cpu = &mut self.instances[instance as usize].cpu;
        let before = cpu.used_milli();
        if stops {
            cpu.stall(now);
        } else {
            cpu.resume(now);
        }
        self.cpu_has_changed(instance, before, cx);
    }
}
