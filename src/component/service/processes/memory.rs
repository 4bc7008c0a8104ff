//! The memory of instances: what is used, and what follows when it is too much.

use super::super::Runtime;
use crate::component::service::state::State;
use crate::component::{Context, Gauge, Kept, Resource};
use crate::metrics::{CounterId, LevelId};
use crate::policy::memory::{Over, Pressure};
use crate::units::Bytes;

/// What memory is used for, in bytes.
#[derive(Debug, Clone)]
pub struct MemoryPlan {
    /// How much there is.
    pub limit: f64,
    /// Of each process.
    pub base: f64,
    /// Of each request while it is there.
    pub per_request: f64,
    /// What each request leaves behind.
    pub leak_per_request: f64,
    /// What each process loses in a nanosecond.
    pub leak_per_nano: f64,
    /// How much each process may take beyond its base.
    pub heap_limit: Option<f64>,
    /// What happens beyond the limit.
    pub over: Over,
}

/// Levels count kilobytes.
const SHOWN: f64 = 1000.0;

/// The memory of the instances of a service.
#[derive(Debug)]
pub(super) struct Memory {
    plan: MemoryPlan,
    /// By instance: how many times slower it is because it swaps, and what is shown of its use, within the limit
    /// and beyond it.
    slowdown: Vec<f64>,
    shown: Vec<(u64, u64)>,
    used: LevelId,
    there: LevelId,
    swapped: LevelId,
    n_killed: CounterId,
}

impl Memory {
    pub(super) fn new(plan: &MemoryPlan, n_places: u32, cx: &mut Context) -> Self {
        Self {
            plan: plan.clone(),
            slowdown: vec![1.0; n_places as usize],
            shown: vec![(0, 0); n_places as usize],
            used: cx.recorder.add_level(),
            there: cx.recorder.add_level(),
            swapped: cx.recorder.add_level(),
            n_killed: cx.recorder.add_counter(),
        }
    }

    pub(super) fn starts(&mut self, instance: u32, cx: &mut Context) {
        let there = (self.plan.limit / SHOWN) as u64;
        let now = cx.now();
        cx.recorder.level(self.there).up(now, there);
        self.slowdown[instance as usize] = 1.0;
    }

    pub(super) fn stops(&mut self, instance: u32, cx: &mut Context) {
        let there = (self.plan.limit / SHOWN) as u64;
        let now = cx.now();
        cx.recorder.level(self.there).down(now, there);
        self.shows(instance, 0.0, cx);
        self.slowdown[instance as usize] = 1.0;
    }

    fn shows(&mut self, instance: u32, bytes: f64, cx: &mut Context) {
        let now = cx.now();
        let within = (bytes.min(self.plan.limit) / SHOWN) as u64;
        let beyond = ((bytes - self.plan.limit).max(0.0) / SHOWN) as u64;
        let shown = &mut self.shown[instance as usize];
        for (level, was, is) in [
            (self.used, shown.0, within),
            (self.swapped, shown.1, beyond),
        ] {
            cx.recorder.level(level).up(now, is.saturating_sub(was));
            cx.recorder.level(level).down(now, was.saturating_sub(is));
        }
        *shown = (within, beyond);
    }

    /// What an instance held when it was weighed last.
    pub(super) fn of(&self, instance: u32) -> Bytes {
        let (within, beyond) = self.shown[instance as usize];
        Bytes::new((within + beyond) * SHOWN as u64)
    }

    /// How many times slower an instance is because it swaps.
    pub(super) fn slowdown(&self, instance: u32) -> f64 {
        self.slowdown[instance as usize]
    }

    pub(super) fn gauges(&self, component: &str) -> [Gauge; 2] {
        let gauge = |what, kept| Gauge::new(component, what, kept);
        [
            gauge("memory_swapped", Kept::Level(self.swapped)),
            gauge("out_of_memory", Kept::Incidents(self.n_killed)),
        ]
    }

    pub(super) fn resource(&self, component: &str) -> Resource {
        Resource {
            component: component.to_owned(),
            what: "memory".to_owned(),
            unit: "MB",
            used: self.used,
            capacity: Some(self.there),
            scale: 1e6 / SHOWN,
            waiting: None,
            wait: None,
        }
    }
}

impl State {
    /// Looks how much memory an instance uses, and does what follows from it.
    pub(super) fn weighs(&mut self, instance: u32, cx: &mut Context) {
        let now = cx.now();
        let Some(processes) = &mut self.processes else {
            return;
        };
        let all = processes.of_instance(instance);
        let Some(memory) = &mut processes.memory else {
            return;
        };
        let plan = &memory.plan;
        let (mut used, mut full) = (0.0, None);
        for (at, own) in processes.own[all.clone()].iter().enumerate() {
            if !own.is_up {
                continue;
            }
            let heap = plan.per_request * f64::from(own.inside)
                + own.leaked
                + plan.leak_per_nano * now.since(own.since).as_nanos() as f64;
            used += plan.base + heap;
            if plan.heap_limit.is_some_and(|limit| heap > limit) {
                full = Some(all.start + at);
            }
        }
        let pressure = plan.over.pressure(used, plan.limit);
        memory.shows(instance, used, cx);
        match pressure {
            Pressure::Runs(slowdown) => memory.slowdown[instance as usize] = slowdown,
            Pressure::Killed => {
                cx.recorder.count(memory.n_killed);
                return self.crash(instance, cx);
            }
        }
        let Some(full) = full else { return };
        cx.recorder.count(memory.n_killed);
        if self.plan.runtime == Runtime::Threads {
            // Its only process is the instance.
            return self.crash(instance, cx);
        }
        self.ends_process(instance, full, cx);
    }
}
