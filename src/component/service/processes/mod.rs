//! The processes of an instance: what each of them has of its own.
//!
//! A worker of an event loop is a process; so is a worker of the `processes` runtime, with its threads; the
//! threads of the `threads` runtime share one. A process takes connections by a rule of its server, gets warm,
//! pauses to collect garbage, takes memory, and may be ended and started again by itself.
//!
//! Services that need none of this have none of it.

mod accept;
mod ends;
mod keep_alive;
mod memory;
mod stalls;
mod work;

pub use keep_alive::KeepAlive;
pub use memory::MemoryPlan;
pub use stalls::{Every, Pauses, PausesPlan, Scope as PauseScope};

pub(super) use stalls::{PAUSE, PAUSE_OVER};

use self::keep_alive::Connections;
use self::memory::Memory;
use self::stalls::Stalls;
use super::Plan;
use super::state::State;
use crate::component::request::{Frame, Line};
use crate::component::{Context, Gauge, Kept, Resource};
use crate::dist::Sampler;
use crate::engine::Slot;
use crate::metrics::CounterId;
use crate::policy::accept::Accept;
use crate::policy::warm_up::WarmUp;
use crate::rng::{Salt, Stream, Streams};
use crate::units::{Bytes, SimDuration, SimTime};

/// A process is up again.
pub(super) const PROCESS_UP: u8 = 20;
/// A process may have worked for too long on a request.
pub(super) const PROCESS_CHECK: u8 = 21;

/// What the processes of a service do, with every law at hand.
#[derive(Debug, Clone)]
pub struct ProcessesPlan {
    /// Threads of each.
    pub threads: u32,
    /// Whether only one of them works at a time.
    pub lock: bool,
    /// Which takes a connection.
    pub accept: Accept,
    /// How many requests one takes in.
    pub connections: u32,
    /// How long one may work on a request before it is ended.
    pub timeout: Option<SimDuration>,
    /// After how many requests one is ended, and by how many more that is spread.
    pub max_requests: Option<(u32, u32)>,
    /// How long one takes to start.
    pub boot: Option<Sampler>,
    /// Connections that whoever is in front keeps open.
    pub keep_alive: Option<KeepAlive>,
    /// How much slower it is at first.
    pub warm_up: Option<WarmUp>,
    /// When everything stops.
    pub pauses: Option<PausesPlan>,
    /// What memory is used for.
    pub memory: Option<MemoryPlan>,
}

/// One process, or a place for one.
#[derive(Debug, Clone, Default)]
pub(super) struct Process {
    /// Whether it is there, and takes connections.
    is_up: bool,
    /// Takes no more requests: it ends when it has done those that it has.
    is_retiring: bool,
    /// Requests in it.
    inside: u32,
    /// Threads that are held.
    held: u32,
    /// Requests on the way into it.
    coming: u32,
    /// Requests that wait in it for a thread.
    line: Line,
    /// Requests since it started, and how many there will be.
    seen: u64,
    retires_at: u64,
    since: SimTime,
    /// When it began with the request that it works on.
    began: SimTime,
    is_watched: bool,
    /// What its requests have left behind, in bytes.
    leaked: f64,
    /// When it pauses next, and for how long.
    pause: (SimTime, SimDuration),
    /// At which request it pauses next.
    pause_at: u64,
    boot: Option<Slot>,
}

/// The processes of a service.
#[derive(Debug)]
pub(super) struct Processes {
    plan: ProcessesPlan,
    per_instance: u32,
    /// By instance and process.
    own: Vec<Process>,
    /// By instance: the process whose turn it is.
    turns: Vec<u32>,
    salt: Salt,
    boots: Stream,
    ends: Stream,
    connections: Option<Connections>,
    memory: Option<Memory>,
    stalls: Option<Stalls>,
    n_ended: CounterId,
}

impl Processes {
    pub(super) fn new(
        plan: &ProcessesPlan,
        service: &Plan,
        streams: Streams,
        cx: &mut Context,
    ) -> Self {
        let per_instance = service.n_processes();
        let n = (service.n_places * per_instance) as usize;
        let name = &service.name;
        Self {
            per_instance,
            own: vec![Process::default(); n],
            turns: vec![0; service.n_places as usize],
            salt: Salt::new(name, "accept"),
            boots: streams.stream(name, "process boot"),
            ends: streams.stream(name, "process end"),
            connections: plan
                .keep_alive
                .as_ref()
                .map(|own| Connections::new(own, service.n_places)),
            memory: plan
                .memory
                .as_ref()
                .map(|own| Memory::new(own, service.n_places, cx)),
            stalls: plan
                .pauses
                .as_ref()
                .map(|own| Stalls::new(own, service, streams, cx)),
            n_ended: cx.recorder.add_counter(),
            plan: plan.clone(),
        }
    }

    /// The process of a frame.
    fn of(&self, frame: &Frame) -> usize {
        self.at(frame.instance, u32::from(frame.worker))
    }

    fn at(&self, instance: u32, process: u32) -> usize {
        // Where there is but one process, workers are its threads.
        let process = if self.per_instance == 1 { 0 } else { process };
        (instance * self.per_instance + process) as usize
    }

    fn of_instance(&self, instance: u32) -> std::ops::Range<usize> {
        let first = (instance * self.per_instance) as usize;
        first..first + self.per_instance as usize
    }

    pub(super) fn gauges(&self, component: &str) -> Vec<Gauge> {
        let mut all = vec![Gauge::new(
            component,
            "processes_ended",
            Kept::Incidents(self.n_ended),
        )];
        all.extend(self.stalls.iter().flat_map(|own| own.gauges(component)));
        all.extend(self.memory.iter().flat_map(|own| own.gauges(component)));
        all
    }

    /// Memory as something that can run out.
    /// What the memory of an instance held when it was weighed last.
    pub(super) fn memory_of(&self, instance: u32) -> Option<Bytes> {
        self.memory.as_ref().map(|own| own.of(instance))
    }

    pub(super) fn memory(&self, component: &str) -> Option<Resource> {
        self.memory.as_ref().map(|own| own.resource(component))
    }

    /// Requests of an instance that wait in a process for a thread, and those on the way into one.
    pub(super) fn waiting(&self, instance: u32) -> (u32, u32) {
        let own = &self.own[self.of_instance(instance)];
        let in_line = own.iter().map(|process| process.line.len()).sum();
        (in_line, own.iter().map(|process| process.coming).sum())
    }

    /// Requests of an instance by what they do: hold a thread; wait in a process, or are on the way there.
    pub(super) fn audit(&self, instance: u32, name: &str) -> (u32, u32) {
        let (mut held, mut waiting) = (0, 0);
        for own in &self.own[self.of_instance(instance)] {
            let known = own.held + own.line.len() + own.coming;
            assert_eq!(
                own.inside, known,
                "requests in a process of instance {instance} of {name}"
            );
            held += own.held;
            waiting += own.line.len() + own.coming;
        }
        (held, waiting)
    }
}

impl State {
    /// The processes of an instance are there.
    pub(super) fn processes_start(&mut self, instance: u32, cx: &mut Context) {
        let Some(processes) = &mut self.processes else {
            return;
        };
        for at in processes.of_instance(instance) {
            processes.starts(at, cx.now());
        }
        if let Some(memory) = &mut processes.memory {
            memory.starts(instance, cx);
        }
        self.weighs(instance, cx);
        self.plans_pause(instance, cx);
    }

    /// The processes of an instance are gone, with everything that they had. Gives the number of workers that
    /// were there.
    pub(super) fn processes_stop(&mut self, instance: u32, cx: &mut Context) -> u32 {
        let Some(processes) = &mut self.processes else {
            return self.plan.slots();
        };
        let slots = self.plan.slots() / processes.per_instance;
        let mut there = 0;
        for at in processes.of_instance(instance) {
            let own = std::mem::take(&mut processes.own[at]);
            // Whoever looks after it comes by once more.
            processes.own[at].is_watched = own.is_watched;
            there += u32::from(own.is_up) * slots;
            if let Some(slot) = own.boot {
                cx.scheduler.cancel(slot);
            }
        }
        if let Some(connections) = &mut processes.connections {
            connections.close_all(instance);
        }
        if let Some(memory) = &mut processes.memory {
            memory.stops(instance, cx);
        }
        if let Some(stalls) = &mut processes.stalls {
            stalls.stops(instance, cx);
        }
        there
    }

    /// A request has come into a process, or a thread of its instance.
    pub(super) fn comes_into_process(&mut self, frame: &Frame, cx: &mut Context) {
        let Some(processes) = &mut self.processes else {
            return;
        };
        let at = processes.of(frame);
        processes.own[at].inside += 1;
        processes.own[at].seen += 1;
        self.weighs(frame.instance, cx);
    }

    /// A request has left its process, after it was answered or not.
    pub(super) fn goes_out_of_process(&mut self, frame: &Frame, answered: bool, cx: &mut Context) {
        let Some(processes) = &mut self.processes else {
            return;
        };
        let at = processes.of(frame);
        // A process that was ended has forgotten those whom it had.
        let own = &mut processes.own[at];
        own.inside = own.inside.saturating_sub(1);
        if answered {
            if let Some(memory) = &processes.plan.memory {
                own.leaked += memory.leak_per_request;
            }
            if let Some(connections) = processes.connections.as_mut().filter(|_| own.is_up) {
                connections.gives_back(frame, cx.now());
            }
        }
        self.weighs(frame.instance, cx);
        self.pauses_by_requests(frame, cx);
    }
}

impl Processes {
    /// A process is there.
    fn starts(&mut self, at: usize, now: SimTime) {
        let retires_at = self.plan.max_requests.map_or(u64::MAX, |(most, jitter)| {
            use rand::Rng as _;
            u64::from(most) + self.ends.next_u64() % (u64::from(jitter) + 1)
        });
        self.own[at] = Process {
            is_up: true,
            retires_at,
            since: now,
            is_watched: self.own[at].is_watched,
            ..Process::default()
        };
        if let Some(stalls) = &mut self.stalls {
            stalls.first(&mut self.own[at], now);
        }
    }
}
