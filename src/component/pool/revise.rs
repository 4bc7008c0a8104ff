//! A pool may have another number of connections than before.

use super::Plan;
use super::state::Pool;
use crate::component::Context;
use crate::policy::pool::Turn;

impl Pool {
    /// There may be another number of connections from now on. Idle ones that are too many are closed at once, others
    /// when they are given back; whoever waits for room opens one.
    pub(in crate::component) fn adopts(&mut self, plan: &Plan, cx: &mut Context) {
        let before = u64::from(self.plan.rules.most());
        (self.plan.rules.max, self.plan.rules.overflow) = (plan.rules.max, plan.rules.overflow);
        let there = cx.recorder.level_now(self.capacity);
        let n_units = self.shrinks_to.unwrap_or(there) / before.max(1);
        let capacity = n_units * u64::from(self.plan.rules.most());
        let now = cx.now();
        let in_use = cx.recorder.level_now(self.in_use);
        cx.recorder
            .level(self.capacity)
            .set(now, capacity.max(in_use));
        self.shrinks_to = Some(capacity);
        for at in 0..self.units.len() {
            self.units[at].shrinks(&self.plan.rules);
            loop {
                let turn = self.units[at].grows(&self.plan.rules);
                self.acts(at, turn, cx);
                if turn == Turn::Rests {
                    break;
                }
            }
            self.opens_in_background(at, cx);
        }
    }
}
