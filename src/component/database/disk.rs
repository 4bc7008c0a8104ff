//! The volume of a database at work: reads of what is not in memory, and the flushes of those who commit.

use rand::Rng as _;

use super::state::{FLUSHED, Phase, State};
use super::storage;
use crate::component::request::RequestId;
use crate::component::{Context, Event, Wake};
use crate::engine::Class;
use crate::metrics::{CounterId, LevelId, Recorder};
use crate::policy::server::volume::Volume;
use crate::rng::Salt;

/// The volume.
#[derive(Debug)]
pub(super) struct Disk {
    plan: storage::Plan,
    pub(super) volume: Volume,
    pages: Salt,
    /// Those who commit with the flush under way, and those who wait for the next.
    pub(super) flushing: Vec<RequestId>,
    pub(super) next: Vec<RequestId>,
    is_flushing: bool,
    n_flushes: u64,
    pub(super) reads: CounterId,
    pub(super) flushes: CounterId,
    pub(super) credit: LevelId,
}

impl Disk {
    pub(super) fn new(plan: &storage::Plan, database: &str, recorder: &mut Recorder) -> Self {
        Self {
            volume: Volume::new(plan.limits, plan.credit),
            pages: Salt::new(database, "pages"),
            flushing: Vec::with_capacity(64),
            next: Vec::with_capacity(64),
            is_flushing: false,
            n_flushes: 0,
            reads: recorder.add_counter(),
            flushes: recorder.add_counter(),
            credit: recorder.add_level(),
            plan: plan.clone(),
        }
    }
}

impl State {
    /// A query has done its work on the cores: true if it is over, else it waits for the volume.
    pub(super) fn leaves_cpu(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let now = cx.now();
        let coldness = self.coldness(now);
        let Some(disk) = &mut self.disk else {
            return true;
        };
        let threshold = (disk.plan.misses * coldness).min(1.0) * 2f64.powi(64);
        let mut n = 0;
        if threshold > 0.0 {
            let mut draw = disk.pages.draw(cx.requests.get(id).seed());
            for _ in 0..disk.plan.pages {
                n += u32::from((draw.next_u64() as f64) < threshold);
            }
        }
        if n == 0 {
            return !self.commits(id, cx);
        }
        let begins = disk.volume.admit(n, now);
        for _ in 0..n {
            cx.recorder.count(disk.reads);
        }
        let latency = cx
            .program
            .draw(disk.plan.latency, cx.requests.get(id).seed());
        self.n_off_cpu += 1;
        self.query(id).phase = Phase::Volume;
        let slot = cx
            .scheduler
            .at(begins + latency, Class::Completion, Event::Resume(id));
        cx.requests.get_mut(id).set_slot(slot);
        self.note_credit(cx);
        false
    }

    /// A query is through with its reads; true if it waits until what it wrote is durable.
    pub(super) fn commits(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let is_write = super::is_write(id, cx);
        let Some(disk) = self.disk.as_mut().filter(|_| is_write) else {
            return false;
        };
        disk.next.push(id);
        self.n_off_cpu += 1;
        self.query(id).phase = Phase::Flush;
        self.flushes(cx);
        true
    }

    /// The next flush begins, if none is under way and somebody waits for one.
    fn flushes(&mut self, cx: &mut Context) {
        let now = cx.now();
        let Some(disk) = &mut self.disk else {
            return;
        };
        if disk.is_flushing || disk.next.is_empty() {
            return;
        }
        std::mem::swap(&mut disk.flushing, &mut disk.next);
        disk.is_flushing = true;
        disk.n_flushes += 1;
        cx.recorder.count(disk.flushes);
        let takes = cx.program.draw(disk.plan.flush, disk.n_flushes);
        let begins = disk.volume.admit(1, now);
        let signal = Event::Signal(self.own, FLUSHED, 0);
        cx.scheduler.at(begins + takes, Class::Completion, signal);
        self.note_credit(cx);
    }

    pub(super) fn flushed(&mut self, cx: &mut Context) {
        let Some(disk) = &mut self.disk else {
            return;
        };
        disk.is_flushing = false;
        let mut done = std::mem::take(&mut disk.flushing);
        for id in done.drain(..) {
            self.n_off_cpu -= 1;
            self.is_over(id, Wake::GoOn, cx);
        }
        if let Some(disk) = &mut self.disk {
            disk.flushing = done;
        }
        self.flushes(cx);
    }
}
