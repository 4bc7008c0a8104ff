//! A deploy: all instances are replaced, by the rules of a Deployment of Kubernetes.
//!
//! There may be `surge` more instances than there shall be, and `unavailable` fewer in service. Whenever something
//! has changed, old instances that do not serve are taken out first, then those that can be spared; then new
//! ones are started (`reconcileOldReplicaSets` and `reconcileNewReplicaSet` of its deployment controller, whose
//! rounding this has: surge up, unavailable down, and if both come to nothing, one is unavailable).

use super::instances::Life;
use super::state::State;
use crate::component::Context;
use crate::component::timeline::Switch;

/// A deploy under way.
#[derive(Debug)]
pub(super) struct Rollout {
    surge: f64,
    unavailable: f64,
    switch: Switch,
    /// By place: whether the instance there is of the old version.
    old: Vec<bool>,
    /// By place: whether a new instance is up and waits for the others.
    waits: Vec<bool>,
}

impl Rollout {
    /// An instance is asked for at a place: it is of the new version.
    pub(super) fn begins(&mut self, at: u32) {
        self.old[at as usize] = false;
        self.waits[at as usize] = false;
    }

    /// How many more, and how many fewer, there may be than `desired`.
    fn allows(&self, desired: u32) -> (u32, u32) {
        if self.switch == Switch::Together {
            return (desired, 0);
        }
        let of = |share: f64| share * f64::from(desired);
        let (more, fewer) = (of(self.surge).ceil() as u32, of(self.unavailable) as u32);
        if (more, fewer) == (0, 0) {
            (0, 1)
        } else {
            (more, fewer)
        }
    }
}

impl State {
    /// A new version is deployed. One that is under way is overtaken.
    pub(in crate::component) fn deploy(
        &mut self,
        surge: f64,
        unavailable: f64,
        switch: Switch,
        cx: &mut Context,
    ) {
        let old = self.instances.iter().map(|own| own.life != Life::Stopped);
        self.rollout = Some(Box::new(Rollout {
            surge,
            unavailable,
            switch,
            old: old.collect(),
            waits: vec![false; self.instances.len()],
        }));
        self.rolls(cx);
    }

    /// How many more instances there may be at the moment than there shall be.
    pub(super) fn surge(&self) -> u32 {
        let Some(rollout) = &self.rollout else {
            return 0;
        };
        let (more, _) = rollout.allows(self.desired);
        more.min(self.n_old())
    }

    /// Instances of the old version that are not on their way out.
    fn n_old(&self) -> u32 {
        self.old_ones().count() as u32
    }

    fn old_ones(&self) -> impl Iterator<Item = u32> {
        let rollout = self.rollout.as_ref();
        let places = 0..self.instances.len();
        let old =
            places.filter(move |at| rollout.is_some_and(|own| own.old[*at]) && self.is_there(*at));
        old.map(|at| at as u32)
    }

    /// New instances that are up and wait for the others. One that was taken out meanwhile does not.
    fn waiting_ones(&self) -> impl Iterator<Item = u32> {
        let waits = self
            .rollout
            .iter()
            .flat_map(|own| own.waits.iter().enumerate());
        let waits = waits.filter(|(at, waits)| **waits && self.is_starting(*at));
        waits.map(|(at, _)| at as u32)
    }

    fn is_starting(&self, at: usize) -> bool {
        self.instances[at].life == Life::Starting
    }

    /// True if an instance that is up is not to get requests before the others are up, too.
    pub(super) fn waits_for_others(&mut self, at: u32) -> bool {
        let Some(rollout) = &mut self.rollout else {
            return false;
        };
        if rollout.switch == Switch::Each || rollout.old[at as usize] {
            return false;
        }
        rollout.waits[at as usize] = true;
        true
    }

    /// Something has changed: the deploy goes on, as far as it may.
    pub(super) fn rolls(&mut self, cx: &mut Context) {
        let Some(rollout) = &self.rollout else { return };
        let (_, fewer) = rollout.allows(self.desired);
        match rollout.switch {
            Switch::Together => self.switches_if_all_wait(cx),
            Switch::Each => {
                let serves =
                    |own: &Self, at: u32| own.instances[at as usize].life == Life::InService;
                let old: Vec<u32> = self.old_ones().collect();
                for at in old
                    .iter()
                    .filter(|at| !serves(self, **at))
                    .collect::<Vec<_>>()
                {
                    self.take_out(*at, cx);
                }
                let least = self.desired.saturating_sub(fewer);
                let in_service = self.census().in_service;
                let spare = in_service.saturating_sub(least) as usize;
                let serving: Vec<_> = old.into_iter().filter(|at| serves(self, *at)).collect();
                for at in serving.into_iter().take(spare) {
                    self.take_out(at, cx);
                }
            }
        }
        self.start_missing(cx);
        if self.n_old() == 0 && self.waiting_ones().next().is_none() {
            self.rollout = None;
        }
    }

    /// All new instances get requests, and the old ones none any more, once there are as many as there shall be.
    fn switches_if_all_wait(&mut self, cx: &mut Context) {
        let new: Vec<u32> = self.waiting_ones().collect();
        if (new.len() as u32) < self.desired {
            return;
        }
        if let Some(rollout) = &mut self.rollout {
            rollout.waits.fill(false);
        }
        let old: Vec<u32> = self.old_ones().collect();
        for at in new {
            self.joins(at, cx);
        }
        for at in old {
            self.take_out(at, cx);
        }
    }
}
