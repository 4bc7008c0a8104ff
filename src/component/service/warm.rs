//! The warm pool of a service: instances that have booted and stand by.

use super::launch::{Machine, RESUMED, Stage, WARM};
use super::state::State;
use crate::autoscaler::aws::warm_pool;
use crate::component::{Context, Event};
use crate::engine::Class;
use crate::units::SimDuration;

impl State {
    /// The run begins with a full warm pool.
    pub(super) fn fills_warm_pool(&mut self, cx: &mut Context) {
        let n = self.warm_size();
        let Some(own) = &mut self.launches else {
            return;
        };
        let now = cx.scheduler.now();
        own.warm = n;
        cx.recorder.level(own.standing_by).up(now, u64::from(n));
        if self.runs_warm() {
            let Some(own) = &self.launches else { return };
            cx.recorder.level(own.warm_paid).up(now, u64::from(n));
        }
    }

    fn runs_warm(&self) -> bool {
        let plan = self.plan.provisioning.as_ref();
        let pool = plan.and_then(|plan| plan.warm_pool.as_ref());
        pool.is_some_and(|pool| pool.runs)
    }

    /// How many instances are to stand by.
    fn warm_size(&self) -> u32 {
        let plan = self.plan.provisioning.as_ref();
        let pool = plan.and_then(|plan| plan.warm_pool.as_ref());
        pool.map_or(0, |pool| {
            warm_pool::size(&pool.config, self.desired, pool.max)
        })
    }

    /// Sees to it that as many instances stand by as are to, or will.
    pub(super) fn refills_warm_pool(&mut self, cx: &mut Context) {
        let (size, runs, now) = (self.warm_size(), self.runs_warm(), cx.now());
        let own_id = self.own;
        let Some(own) = &mut self.launches else {
            return;
        };
        let Some(plan) = own.plan.as_ref().filter(|plan| plan.warm_pool.is_some()) else {
            return;
        };
        let (quota, machine, image) = (plan.quota, plan.machine.clone(), plan.image_pull.clone());
        while own.warm > size {
            own.warm -= 1;
            cx.recorder.level(own.standing_by).down(now, 1);
            cx.recorder.level(own.warm_paid).down(now, u64::from(runs));
        }
        while own.warm + own.warming < size && own.n_machines(cx) < u64::from(quota) {
            own.warming += 1;
            cx.recorder.level(own.warm_paid).up(now, 1);
            let mut after = self.plan.boot.sample(&mut self.boots);
            for law in [&machine, &image].into_iter().flatten() {
                after = after + law.sample(&mut own.stream);
            }
            cx.signal_after(after, Class::Control, Event::Signal(own_id, WARM, 0));
        }
    }

    /// An instance of the warm pool stands by from now on.
    pub(super) fn is_warm(&mut self, cx: &mut Context) {
        let (runs, now) = (self.runs_warm(), cx.now());
        let Some(own) = &mut self.launches else {
            return;
        };
        own.warming -= 1;
        own.warm += 1;
        cx.recorder.level(own.standing_by).up(now, 1);
        if !runs {
            cx.recorder.level(own.warm_paid).down(now, 1);
        }
        self.refills_warm_pool(cx);
    }

    /// An instance of the warm pool takes a place.
    pub(super) fn takes_warm(&mut self, at: u32, cx: &mut Context) {
        let (now, runs, machine) = (cx.now(), self.runs_warm(), self.machine_of(at));
        let own_id = self.own;
        let Some(own) = &mut self.launches else {
            return;
        };
        own.warm -= 1;
        cx.recorder.level(own.standing_by).down(now, 1);
        cx.recorder.level(own.warm_paid).down(now, u64::from(runs));
        own.machines[machine] = Machine::READY;
        cx.recorder.level(own.there).up(now, 1);
        own.goes_to(at, Stage::Machine, now);
        let pool = own.plan.as_ref().and_then(|plan| plan.warm_pool.as_ref());
        let after = pool.map_or(SimDuration::ZERO, |pool| {
            pool.resume.sample(&mut own.stream)
        });
        let signal = Event::Signal(own_id, RESUMED, at);
        let slot = cx.signal_after(after, Class::Control, signal);
        self.instances[at as usize].pending = Some(slot);
        self.is_paid(at, cx);
        self.refills_warm_pool(cx);
    }
}
