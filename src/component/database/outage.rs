//! What ends queries early: the statement timeout, and operations that take the database down.

use super::state::{LOGIN, Login, Phase, State, UP};
use crate::component::request::RequestId;
use crate::component::{Context, Event, Notice, Wake};
use crate::engine::Class;
use crate::metrics::Outcome;

impl State {
    /// Takes a query off whatever it waits for; it must be here.
    pub(super) fn breaks_off(&mut self, id: RequestId, outcome: Outcome, cx: &mut Context) {
        match self.query(id).phase {
            Phase::Away => return,
            Phase::Lock => {}
            Phase::Cpu => {
                self.cpu.remove(cx.now(), id);
            }
            Phase::Volume => {
                self.n_off_cpu -= 1;
                let slot = cx.requests.get(id).slot();
                cx.scheduler.cancel(slot);
            }
            Phase::Flush => {
                self.n_off_cpu -= 1;
                if let Some(disk) = &mut self.disk {
                    disk.flushing.retain(|own| *own != id);
                    disk.next.retain(|own| *own != id);
                }
            }
        }
        self.is_over(id, Wake::Fail(outcome), cx);
    }

    /// A query has taken as long as it may.
    pub(super) fn times_out(&mut self, id: RequestId, cx: &mut Context) {
        self.reckons(cx.now());
        self.query(id).timeout = None;
        self.breaks_off(id, Outcome::DatabaseTimeout, cx);
        self.plans(cx);
    }

    /// A planned operation begins: every connection breaks.
    pub(super) fn goes_down(&mut self, number: u32, cx: &mut Context) {
        self.reckons(cx.now());
        self.is_down = true;
        for id in self.cpu.drain(&mut cx.scheduler) {
            if id.index() & LOGIN == 0 {
                self.is_over(id, Wake::Fail(Outcome::DatabaseReset), cx);
            } else if let Some(Login { pool, opening }) = self.logins.remove(id.index() & !LOGIN) {
                cx.notices.push_back(Notice::LoginFailed {
                    pool,
                    opening,
                    outcome: Outcome::DatabaseReset,
                });
            }
        }
        for at in 0..self.queries.len() {
            let id = RequestId::from_index(at as u32);
            self.breaks_off(id, Outcome::DatabaseReset, cx);
        }
        self.plans(cx);
        cx.notices.push_back(Notice::Broke { database: self.own });
        let outage = self.plan.maintenance[number as usize].outage;
        let signal = Event::Signal(self.own, UP, number);
        cx.signal_after(outage, Class::Control, signal);
    }

    /// A planned operation is over.
    pub(super) fn comes_up(&mut self, number: u32, cx: &mut Context) {
        let now = cx.now();
        self.reckons(now);
        self.is_down = false;
        self.cold_since = self.plan.cold.map(|_| now);
        if let Some(cores) = self.plan.maintenance[number as usize].cores {
            if let Some(own) = &mut self.on_credit {
                own.credits.resize(cores / self.n_cores);
            }
            self.n_cores = cores;
            self.cpu.set_cores(now, cores);
            cx.recorder
                .level(self.cores)
                .set(now, (cores * 1000.0) as u64);
        }
        self.plans(cx);
    }
}
