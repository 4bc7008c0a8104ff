//! Requests in flight: an arena, the frames below the current one, and the lines requests wait in.

mod split;

use std::collections::BTreeMap;

use crate::engine::Slot;
use crate::policy::persistence::Permit;
use crate::units::{SimDuration, SimTime};

use super::NodeId;
use split::Heir;

/// "No such entry" in links between requests and frames.
const NONE: u32 = u32::MAX;

/// Index of a request in the arena; good while the request is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(u32);

impl RequestId {
    /// The index as a number, for timers.
    #[inline]
    pub const fn index(self) -> u32 {
        self.0
    }

    /// The request that [`RequestId::index`] numbered.
    #[inline]
    pub const fn from_index(index: u32) -> Self {
        Self(index)
    }
}

/// Things that are so of a request, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u16);

impl Flags {
    /// Nobody waits for it any more; its end has been recorded.
    pub const GONE: u16 = 1;
    /// On its way through a balancer that takes time.
    pub const IN_TRANSIT: u16 = 2;
    /// In an instance, but no worker has begun with it.
    pub const NOT_BEGUN: u16 = 4;
    /// In line for something other than a worker: a connection of a pool, a dependency.
    pub const IN_LINE: u16 = 8;
    /// An attempt of an [`Errand`](super::errand::Errand), which hears of its end.
    pub const ATTEMPT: u16 = 16;
    /// An attempt that a service makes: its lowest frame is its caller's, and holds nothing.
    pub const INNER: u16 = 32;
    /// Between its client and the system: on its way there.
    pub const OUTBOUND: u16 = 64;
    /// Between its client and the system: the answer is on its way back.
    pub const INBOUND: u16 = 128;
    /// Comes over a new connection, whose set-up costs the server something.
    pub const NEW_CONNECTION: u16 = 256;
    /// Asks only whether what its client has is still good.
    pub const CONDITIONAL: u16 = 512;
    /// Came over a connection that was new then.
    pub const OVER_NEW: u16 = 4096;
    /// Its client is one of a population.
    pub const KNOWN: u16 = 1024;
    /// Its client is logged in.
    pub const AUTHENTICATED: u16 = 2048;
    /// What is so of a request because of its client.
    const MARKS: u16 = Self::NEW_CONNECTION | Self::CONDITIONAL | Self::KNOWN | Self::AUTHENTICATED;
    /// A worker is about to take it up: it stands in no line any more, and does nothing yet.
    pub const CALLED: u16 = 8192;
    /// A gateway goes on with it though its client has left, so that nobody behind it notices.
    pub const KEPT: u16 = 16_384;
    /// What is so of a request because somebody waits for it.
    const CALLERS: u16 = Self::ATTEMPT | Self::INNER | Self::OVER_NEW | Self::GONE | Self::KEPT;
    /// In the arena.
    const LIVE: u16 = 1 << 15;

    /// True if any of `bits` is set.
    #[inline]
    pub const fn has(self, bits: u16) -> bool {
        self.0 & bits != 0
    }

    /// True if nobody waits for the request any more, and whoever works for it may notice.
    #[inline]
    pub const fn is_abandoned(self) -> bool {
        self.0 & (Self::GONE | Self::KEPT) == Self::GONE
    }

    /// What is so of the request because of its client.
    #[inline]
    pub const fn marks(self) -> u16 {
        self.0 & Self::MARKS
    }

    /// True if it gets something for a cache that nobody waits for.
    #[inline]
    pub const fn is_background(self) -> bool {
        self.0 & (Self::GONE | Self::INNER | Self::ATTEMPT) == Self::GONE | Self::INNER
    }

    /// Sets `bits`.
    #[inline]
    pub const fn set(&mut self, bits: u16) {
        self.0 |= bits;
    }

    /// Clears `bits`.
    #[inline]
    pub const fn clear(&mut self, bits: u16) {
        self.0 &= !bits;
    }
}

/// Where a request is in one service: what it executes there, on which instance, who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Position in the program.
    pub pc: u16,
    /// The service, or a gateway in front of one; [`NodeId::NONE`] before one is chosen.
    pub node: NodeId,
    /// Who chose the instance: a balancer, or the service itself.
    pub via: NodeId,
    /// The worker, where workers have their own line. At a gateway: how the request was answered.
    pub worker: u16,
    /// The instance, by its number in the service. At a gateway: what that holds for the request.
    pub instance: u32,
    /// Tells this frame from the request's other ones: 0 for the first, else made of the calls that led
    /// here.
    pub visit: u32,
    /// When the request came to the instance.
    pub entered: SimTime,
}

impl Frame {
    /// Where a request is that has not come to the system yet, since `now`.
    pub const fn outside(now: SimTime) -> Self {
        Self {
            pc: 0,
            node: NodeId::NONE,
            via: NodeId::NONE,
            worker: 0,
            instance: 0,
            visit: 0,
            entered: now,
        }
    }
}

/// A request in flight. One cache line.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub struct Request {
    /// When it arrived at the system.
    pub arrived: SimTime,
    /// Its own number, from which everything random about it derives; see [`Request::seed`].
    pub number: u64,
    /// Since when it waits, for whatever it waits for.
    pub since: SimTime,
    /// Where it is.
    pub frame: Frame,
    /// Counts the requests that have had this place in the arena.
    pub generation: u32,
    /// Next in line, or the slot of its pending event.
    link: u32,
    /// The frame below, or none.
    below: u32,
    /// Which source and class it belongs to.
    pub flow: u16,
    /// What is so of it.
    pub flags: Flags,
}

const _: () = assert!(size_of::<Request>() == 64, "a request fills one cache line");

impl Request {
    /// The number from which the draws of the current frame derive: two visits of one request to the
    /// same service ask for work of their own.
    #[inline]
    pub fn seed(&self) -> u64 {
        self.number ^ u64::from(self.frame.visit).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    /// The number from which the draws of one of its frames derive.
    pub fn seed_of(&self, frame: &Frame) -> u64 {
        self.number ^ u64::from(frame.visit).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    /// Remembers the slot of the request's pending event.
    #[inline]
    pub fn set_slot(&mut self, slot: Slot) {
        self.link = slot.into_raw();
    }

    /// The slot of the request's pending event; meaningful only while one is pending.
    pub fn slot(&self) -> Slot {
        Slot::from_raw(self.link)
    }
}

/// What only some requests have, beside the arena so that the others do not pay for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extra {
    /// The errand of an attempt, by its number.
    pub errand: u32,
    /// The client, by its number in the source's population.
    pub client: u32,
    /// The address of its client, as a number.
    pub address: u32,
    /// The errand that it waits for.
    pub waits_for: u32,
    /// What its caller's breaker gave it.
    pub permit: Option<Permit>,
    /// How long whoever turned it away asks to stay away.
    pub retry_after: Option<SimDuration>,
    /// How many attempts of its caller were in flight when it was sent, itself included.
    pub in_flight: u32,
    /// Whether it took from its caller's retry budget.
    pub granted: bool,
    /// The job of a message, by its number, if it is an attempt at one.
    pub job: u32,
    /// Whom it goes on for: the request whose timers are its own.
    heir_of: Option<(u32, u32)>,
    /// Whether it is what is left of a try at a server, or a gateway's own: no client would have got its answer.
    pub is_part: bool,
    /// How old the answer is that the gateways behind the present one have given.
    pub age: SimDuration,
    /// The status code of the rate limiter that turned it away last, where somebody in front keeps answers.
    pub status: Option<u16>,
    /// The connection that it came over, where those of its source are shared.
    pub connection: u32,
    /// The look-up for whose cache it gets something in the background.
    pub refreshes: u16,
    /// Legs of the present walk that came before this one; means nothing outside of one.
    pub legs: u32,
}

impl Extra {
    /// Nothing of all this.
    pub const NONE: Self = Self {
        errand: NONE,
        client: NONE,
        address: NONE,
        waits_for: NONE,
        permit: None,
        retry_after: None,
        in_flight: 0,
        granted: false,
        job: NONE,
        heir_of: None,
        is_part: false,
        legs: 0,
        age: SimDuration::ZERO,
        status: None,
        connection: NONE,
        refreshes: 0,
    };

    /// Forgets whoever had this place before.
    pub fn forget(&mut self) {
        *self = Self::NONE;
    }
}

/// All requests in flight.
#[derive(Debug, Clone)]
pub struct Requests {
    arena: Vec<Request>,
    frames: Vec<(Frame, u32)>,
    /// By place in the arena: what only some requests have.
    extras: Vec<Extra>,
    /// By index and generation: where requests go on that were split.
    heirs: BTreeMap<(u32, u32), Heir>,
    /// First free entry of the arena, linked by `link`.
    free: u32,
    /// First free frame, linked by its second part.
    free_frame: u32,
    n_live: usize,
    highest: usize,
}

impl Requests {
    /// No requests, with room for `capacity` before the arena grows.
    pub fn new(capacity: usize) -> Self {
        Self {
            arena: Vec::with_capacity(capacity),
            frames: Vec::with_capacity(capacity / 8),
            extras: Vec::new(),
            heirs: BTreeMap::new(),
            free: NONE,
            free_frame: NONE,
            n_live: 0,
            highest: 0,
        }
    }

    /// Takes in a new request, about to execute `pc`.
    #[inline]
    pub fn open(&mut self, flow: u16, arrived: SimTime, number: u64, pc: u16) -> RequestId {
        let frame = Frame {
            pc,
            ..Frame::outside(arrived)
        };
        self.n_live += 1;
        self.highest = self.highest.max(self.n_live);
        if self.free == NONE {
            self.arena.push(Request {
                arrived,
                number,
                since: arrived,
                frame,
                generation: 0,
                link: NONE,
                below: NONE,
                flow,
                flags: Flags(Flags::LIVE),
            });
            return RequestId((self.arena.len() - 1) as u32);
        }
        let id = RequestId(self.free);
        let request = &mut self.arena[id.0 as usize];
        self.free = request.link;
        request.arrived = arrived;
        request.number = number;
        request.frame = frame;
        request.below = NONE;
        request.flow = flow;
        request.flags = Flags(Flags::LIVE);
        id
    }

    /// Lets go of a request; its generation moves on, so that its timers become stale. What it was can
    /// be read until the next one opens.
    #[inline]
    pub fn close(&mut self, id: RequestId) -> &Request {
        debug_assert!(
            self.arena[id.0 as usize].below == NONE,
            "frames are popped before the end"
        );
        let request = &mut self.arena[id.0 as usize];
        assert!(request.flags.has(Flags::LIVE), "a request ends once");
        request.flags.clear(Flags::LIVE);
        request.generation = request.generation.wrapping_add(1);
        request.link = self.free;
        self.free = id.0;
        self.n_live -= 1;
        if !self.heirs.is_empty() {
            self.leaves_heirs(id);
        }
        &self.arena[id.0 as usize]
    }

    /// All frames of a request, the current one first.
    pub fn frames_of(&self, id: RequestId) -> impl Iterator<Item = &Frame> {
        std::iter::once(&self.get(id).frame).chain(self.frames_below(id))
    }

    /// A request in flight.
    #[inline]
    pub fn get(&self, id: RequestId) -> &Request {
        &self.arena[id.0 as usize]
    }

    /// A request in flight, to change it.
    #[inline]
    pub fn get_mut(&mut self, id: RequestId) -> &mut Request {
        &mut self.arena[id.0 as usize]
    }

    /// True if the request with this index still is the one of this generation.
    #[inline]
    pub fn is_current(&self, index: u32, generation: u32) -> bool {
        self.arena
            .get(index as usize)
            .is_some_and(|r| r.flags.has(Flags::LIVE) && r.generation == generation)
    }

    /// True if there is a request with this id.
    pub fn is_live(&self, id: RequestId) -> bool {
        self.arena[id.0 as usize].flags.has(Flags::LIVE)
    }

    /// True if the request is in the lowest of its frames.
    pub fn is_at_base(&self, id: RequestId) -> bool {
        self.arena[id.0 as usize].below == NONE
    }

    /// What only some requests have.
    #[inline]
    pub fn extra(&self, id: RequestId) -> Extra {
        self.extras
            .get(id.0 as usize)
            .copied()
            .unwrap_or(Extra::NONE)
    }

    /// What only some requests have, to set it.
    #[inline]
    pub fn extra_mut(&mut self, id: RequestId) -> &mut Extra {
        let at = id.0 as usize;
        if at >= self.extras.len() {
            // As far as the arena goes: it grows by doubling, and so do these.
            self.extras
                .resize(self.arena.capacity().max(at + 1), Extra::NONE);
        }
        &mut self.extras[at]
    }

    /// Puts the current frame aside; the request goes on in a new one, about to execute `pc`. `site`
    /// tells the calling place from others.
    pub fn push_frame(&mut self, id: RequestId, pc: u16, site: u32) {
        self.pass_frame(id, pc);
        let frame = &mut self.arena[id.0 as usize].frame;
        frame.visit = (frame.visit.rotate_left(5) ^ site).wrapping_mul(0x9E37_79B1);
    }

    /// Puts the current frame aside, in which a gateway passes the request on: what is behind it draws what
    /// it would draw without the gateway.
    pub fn pass_frame(&mut self, id: RequestId, pc: u16) {
        let request = &mut self.arena[id.0 as usize];
        let saved = (request.frame, request.below);
        if self.free_frame == NONE {
            self.frames.push(saved);
            request.below = (self.frames.len() - 1) as u32;
        } else {
            let at = self.free_frame;
            self.free_frame = self.frames[at as usize].1;
            self.frames[at as usize] = saved;
            request.below = at;
        }
        request.frame.pc = pc;
        request.frame.node = NodeId::NONE;
        request.frame.via = NodeId::NONE;
    }

    /// Returns to the frame below; false if there is none.
    #[inline]
    pub fn pop_frame(&mut self, id: RequestId) -> bool {
        let request = &mut self.arena[id.0 as usize];
        if request.below == NONE {
            return false;
        }
        let at = request.below;
        let (frame, below) = self.frames[at as usize];
        request.frame = frame;
        request.below = below;
        self.frames[at as usize].1 = self.free_frame;
        self.free_frame = at;
        true
    }

    /// The frames below the current one, the nearest first.
    pub fn frames_below(&self, id: RequestId) -> impl Iterator<Item = &Frame> {
        let mut at = self.arena[id.0 as usize].below;
        std::iter::from_fn(move || {
            let (frame, below) = self.frames.get(at as usize)?;
            at = *below;
            Some(frame)
        })
    }

    /// How many frames it has.
    pub fn n_frames(&self, id: RequestId) -> usize {
        self.frames_below(id).count() + 1
    }

    /// The frame at `depth`, of which there must be one; 0 is the current one.
    pub fn frame_at(&mut self, id: RequestId, depth: usize) -> &mut Frame {
        let request = &mut self.arena[id.0 as usize];
        let mut at = request.below;
        if depth == 0 {
            return &mut request.frame;
        }
        for _ in 1..depth {
            at = self.frames[at as usize].1;
        }
        &mut self.frames[at as usize].0
    }

    /// Cuts the frames off below the one at `depth` (0 is the current one), and takes that one's service
    /// away: nobody is there to return to.
    pub fn cut_at(&mut self, id: RequestId, depth: usize) {
        let request = &mut self.arena[id.0 as usize];
        let mut rest = request.below;
        if depth == 0 {
            request.frame.node = NodeId::NONE;
            request.below = NONE;
        } else {
            for _ in 1..depth {
                rest = self.frames[rest as usize].1;
            }
            let (frame, below) = &mut self.frames[rest as usize];
            frame.node = NodeId::NONE;
            rest = std::mem::replace(below, NONE);
        }
        while rest != NONE {
            let next = std::mem::replace(&mut self.frames[rest as usize].1, self.free_frame);
            self.free_frame = rest;
            rest = next;
        }
    }

    /// All requests in flight.
    pub fn all(&self) -> impl Iterator<Item = (RequestId, &Request)> {
        let numbered = self.arena.iter().enumerate();
        numbered
            .filter(|(_, r)| r.flags.has(Flags::LIVE))
            .map(|(at, request)| (RequestId(at as u32), request))
    }

    /// How many are in flight.
    #[inline]
    pub fn n_live(&self) -> usize {
        self.n_live
    }

    /// The most that were in flight at the same time.
    pub fn highest(&self) -> usize {
        self.highest
    }
}

/// A first-in-first-out line of requests; each stands in one line at most.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    head: u32,
    tail: u32,
    len: u32,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            head: NONE,
            tail: NONE,
            len: 0,
        }
    }
}

impl Line {
    /// How many stand in line.
    #[inline]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// True if nobody does.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Goes to the end of the line.
    #[inline]
    pub fn push(&mut self, requests: &mut Requests, id: RequestId) {
        let request = &mut requests.arena[id.0 as usize];
        request.link = NONE;
        if self.tail == NONE {
            self.head = id.0;
        } else {
            requests.arena[self.tail as usize].link = id.0;
        }
        self.tail = id.0;
        self.len += 1;
    }

    /// Takes the first out of the line.
    #[inline]
    pub fn pop(&mut self, requests: &mut Requests) -> Option<RequestId> {
        if self.head == NONE {
            return None;
        }
        let id = RequestId(self.head);
        self.head = requests.arena[id.0 as usize].link;
        if self.head == NONE {
            self.tail = NONE;
        }
        self.len -= 1;
        Some(id)
    }

    /// Takes a request out of the line, wherever it stands; quick for the first, which is the one that
    /// has waited the longest.
    pub fn remove(&mut self, requests: &mut Requests, id: RequestId) {
        if self.head == id.0 {
            self.pop(requests);
            return;
        }
        let mut before = self.head;
        while requests.arena[before as usize].link != id.0 {
            before = requests.arena[before as usize].link;
        }
        let link = requests.arena[id.0 as usize].link;
        requests.arena[before as usize].link = link;
        if link == NONE {
            self.tail = before;
        }
        self.len -= 1;
    }
}
