//! Operations, compiled: one flat program for all services and classes.
//!
//! A request holds a position in it. Each instruction either is over at once, or blocks the request until
//! something wakes it; then the request goes on with the next one. What a request holds while it is
//! blocked (its worker, its connection) stays held.

use std::sync::Arc;

use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution as _, Uniform};

use super::NodeId;
use super::recorded::{RecordedId, RecordedWork};
use crate::dist::Sampler;
use crate::math;
use crate::policy::http_cache::CacheControl;
use crate::policy::ratio::Classes;
use crate::rng::{Draw, Salt};
use crate::traffic::recording::Recording;
use crate::units::{Fraction, SimDuration};

/// Which law, by its position in [`Program::laws`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LawId(pub u16);

/// Which set of keys, by its position in [`Program::keys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeysId(pub u16);

/// A draw from a law for one request: which law, and where in the scenario.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    /// The law.
    pub law: LawId,
    /// The place in the scenario that draws.
    pub salt: Salt,
    /// What is recorded instead, if anything is: by position in [`Program::recorded`].
    pub recorded: Option<RecordedId>,
}

impl Demand {
    /// A draw from `law` at a place, whatever is recorded.
    pub const fn of(law: LawId, salt: Salt) -> Self {
        Self {
            law,
            salt,
            recorded: None,
        }
    }
}

/// What a request does with a component that it visits.
#[derive(Debug, Clone, Copy)]
pub enum Visit {
    /// Has a query executed, or calls out: takes `time` in the component's own terms.
    Use {
        /// How much work it is, or how long it takes.
        time: Demand,
        /// Whether it comes over a connection that is open already.
        pooled: bool,
        /// Whether it changes something.
        write: bool,
        /// The keys to draw from which row that is, if others may want it at the same time.
        row: Option<KeysId>,
    },
    /// Looks a key up.
    Look {
        /// The keys to draw from.
        keys: KeysId,
        /// Where to go on if the key is there.
        hit: u16,
    },
    /// Publishes a message.
    Publish {
        /// The place in the scenario that does: what the message's job draws derives from it.
        salt: Salt,
    },
    /// Puts a key in.
    Fill {
        /// The keys to draw from.
        keys: KeysId,
    },
    /// Asks a rate limiter whether it may go on.
    Ask,
    /// Comes to a gateway, which passes it on with the next instruction or answers it with the one after.
    Enter,
    /// The same, where the gateway may have the answer: to what, by position in [`Program::cacheable`].
    Fetch(u16),
}

/// Something whose answers gateways may keep.
#[derive(Debug, Clone, Copy)]
pub struct Cacheable {
    /// What requests ask for.
    pub keys: KeysId,
    /// What the answers say about being kept.
    pub control: CacheControl,
}

/// One instruction.
#[derive(Debug, Clone, Copy)]
pub enum Op {
    /// Needs the worker's CPU.
    Cpu(Demand),
    /// Waits for something that is not modelled any further.
    Wait(Demand),
    /// Goes on with the next instruction with the given chance, else at `otherwise`.
    Chance {
        /// The chance as a threshold for a uniform 64-bit number.
        below: u64,
        /// The place in the scenario that draws.
        salt: Salt,
        /// Where to go on otherwise.
        otherwise: u16,
    },
    /// Goes on elsewhere.
    Jump(u16),
    /// Goes on with the next instruction if the request comes over a new connection that has not been paid
    /// for, else at `otherwise`.
    IfNewConnection {
        /// Where to go on otherwise.
        otherwise: u16,
    },
    /// Goes on with the next instruction if the request asks only whether what its client has is still
    /// good, and it is; else at `otherwise`.
    IfNotModified {
        /// Where to go on otherwise.
        otherwise: u16,
    },
    /// Has what stands at `body` done as an errand, by the rules of `caller`, and waits for its end.
    Guard {
        /// Whose rules, by position in [`Blueprint::callers`](super::Blueprint::callers).
        caller: u16,
        /// Where the attempts start.
        body: u16,
        /// Tells this place from others.
        site: u32,
    },
    /// Another leg of a walk begins; the first one of all, if `first`.
    Leg {
        /// Whether none came before it.
        first: bool,
    },
    /// Goes on with the next instruction with the given chance, else at `otherwise`: drawn anew in every leg of a walk.
    Turn {
        /// The chance as a threshold for a uniform 64-bit number.
        below: u64,
        /// The place in the scenario that draws.
        salt: Salt,
        /// Where to go on otherwise.
        otherwise: u16,
    },
    /// Has a leg of a walk done, as [`Op::Guard`] does: with draws of its own.
    Walk {
        /// Whose rules, by position in [`Blueprint::callers`](super::Blueprint::callers).
        caller: u16,
        /// Where the leg starts.
        body: u16,
        /// Tells this place from others.
        site: u32,
    },
    /// Gets a connection of the service's pool with this number.
    Acquire(u16),
    /// Gets a connection of a pooler's own.
    Borrow(NodeId),
    /// Gives the connection of the service's pool back.
    Release(u16),
    /// Gives that of the pooler back.
    Repay(NodeId),
    /// Goes on with what is done at the server that the database has a read go to: server `k` at `first + k *
    /// length`.
    Choose {
        /// The database.
        database: NodeId,
        /// Where it is done at the primary.
        first: u16,
        /// How many instructions each takes.
        length: u16,
    },
    /// Visits a component that has no workers of its own to execute a program.
    Visit(NodeId, Visit),
    /// Has a service, straight or through a balancer, execute the operation at `pc`.
    Call {
        /// The service or the balancer in front of it.
        to: NodeId,
        /// Where the operation starts.
        pc: u16,
        /// Tells this calling place from others.
        site: u32,
    },
    /// A gateway passes the request on, to what is behind it.
    Pass {
        /// The service, the balancer in front of it, or another gateway.
        to: NodeId,
        /// Where what is done there starts.
        pc: u16,
    },
    /// The operation is over.
    End,
}

/// The threshold for [`Op::Chance`].
pub fn threshold(chance: Fraction) -> u64 {
    // `as` saturates, so that 100 % is all but one of 2^64 numbers.
    (chance.get() * 2f64.powi(64)) as u64
}

/// The catalogue of keys that requests ask for, and how popular each is.
#[derive(Debug, Clone)]
pub struct Keys {
    law: KeyLaw,
    salt: Salt,
    /// How many there are, and the exponent of their popularity.
    count: u64,
    exponent: f64,
    /// The classes that they come in, where somebody asks for these.
    classes: Option<Arc<Classes>>,
    /// Marks of the requests of clients who have keys of their own.
    varies: u16,
    /// How large what is under a key is, a nanosecond standing for a byte.
    sizes: Option<(Sampler, Salt)>,
    /// The share of keys under which there is nothing, as a threshold for a uniform 64-bit number.
    missing: (u64, Salt),
}

#[derive(Debug, Clone)]
enum KeyLaw {
    /// By alias table: two look-ups, whatever the law.
    Table(Arc<WeightedAliasIndex<f64>>),
    /// All alike: nothing to look up, where a table of a million keys is a cache miss for each draw.
    Even(Uniform<u64>),
    /// By rejection, for catalogues too large for a table.
    Zipf(rand_distr::Zipf<f64>),
    /// One key for each class of them, where nobody tells those of a class apart.
    Classes(Arc<WeightedAliasIndex<f64>>),
}

/// The largest catalogue that gets an alias table (12 bytes a key).
const TABLE_MAX: u64 = 1 << 22;

impl Keys {
    /// Keys 1 to `count`; key `i` is asked for in proportion to `i^-exponent`.
    pub fn zipf(count: u64, exponent: f64, salt: Salt) -> Self {
        Self::untabled(count, exponent, salt).tabled()
    }

    /// The same keys, not made to be drawn quickly yet.
    pub fn untabled(count: u64, exponent: f64, salt: Salt) -> Self {
        let law = if exponent == 0.0 {
            let law = Uniform::new_inclusive(1, count);
            KeyLaw::Even(law.expect("a catalogue has a key"))
        } else {
            let law = rand_distr::Zipf::new(count as f64, exponent);
            KeyLaw::Zipf(law.expect("the exponent is not negative"))
        };
        Self {
            law,
            salt,
            count,
            exponent,
            classes: None,
            varies: 0,
            sizes: None,
            missing: (0, salt),
        }
    }

    /// The same catalogue, with a table by which keys are drawn if that is not too large.
    #[must_use]
    pub fn tabled(self) -> Self {
        if self.count > TABLE_MAX || matches!(self.law, KeyLaw::Even(_)) {
            return self;
        }
        let weight = |i| math::powf(i as f64, -self.exponent);
        let table = WeightedAliasIndex::new((1..=self.count).map(weight).collect());
        let table = table.expect("the weights are positive and few enough");
        Self {
            law: KeyLaw::Table(Arc::new(table)),
            ..self
        }
    }

    /// The same catalogue, whose classes somebody asks for. Unless `whole`, nobody tells the keys of a class apart.
    #[must_use]
    pub fn classed(self, whole: bool) -> Self {
        let classes = Classes::zipf(self.count, self.exponent);
        let table = || {
            let table = WeightedAliasIndex::new(classes.shares().to_vec());
            table.expect("the shares are positive and few")
        };
        let law = if whole {
            self.law
        } else {
            KeyLaw::Classes(Arc::new(table()))
        };
        Self {
            law,
            classes: Some(Arc::new(classes)),
            ..self
        }
    }

    /// The classes that its keys come in.
    ///
    /// # Panics
    /// If nobody was to ask for them.
    #[inline]
    pub fn classes(&self) -> &Classes {
        let classes = self.classes.as_deref();
        classes.expect("catalogues that are asked by class have classes")
    }

    /// The same catalogue, in which what is under a key has sizes from a law whose nanoseconds stand for
    /// bytes.
    #[must_use]
    pub fn sized(self, sizes: Sampler, salt: Salt) -> Self {
        Self {
            sizes: Some((sizes, salt)),
            ..self
        }
    }

    /// The same catalogue, in which there is nothing under some keys.
    #[must_use]
    pub fn lacking(self, share: Fraction, salt: Salt) -> Self {
        Self {
            missing: (
                if share == Fraction::ZERO {
                    0
                } else {
                    threshold(share)
                },
                salt,
            ),
            ..self
        }
    }

    /// How large what is under a key is, in bytes; always the same for the same key. At least 1.
    pub fn size(&self, key: u64) -> u64 {
        let drawn = self.sizes.as_ref().map_or(1, |(law, salt)| {
            law.sample::<Draw>(&mut salt.draw(key)).as_nanos()
        });
        drawn.max(1)
    }

    /// True if there are keys under which there is nothing.
    pub fn has_missing(&self) -> bool {
        self.missing.0 > 0
    }

    /// True if there is nothing under this key.
    pub fn is_missing(&self, key: u64) -> bool {
        self.missing.0 > 0 && self.missing.1.uniform(key) < self.missing.0
    }

    /// The same catalogue, of which the clients of requests with one of these marks have copies of their
    /// own.
    #[must_use]
    pub fn varied(self, varies: u16) -> Self {
        Self { varies, ..self }
    }

    /// Marks of the requests of clients who have keys of their own.
    #[inline]
    pub fn varies(&self) -> u16 {
        self.varies
    }

    /// The key that a client of a source has of its own instead of `key`. Keys have 48 bits; that two of some
    /// millions meet is unlikely, and would make one hit too many.
    pub fn own_key(&self, key: u64, (source, client): (u16, u32)) -> u64 {
        let source = u64::from(source).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = self.salt.uniform(key ^ u64::from(client) << 32 ^ source);
        (mixed >> 16) | 1
    }

    /// The key that the request with this number asks for; always the same for the same request.
    #[inline]
    pub fn key(&self, request: u64) -> u64 {
        let mut draw = self.salt.draw(request);
        match &self.law {
            KeyLaw::Table(table) => table.sample(&mut draw) as u64 + 1,
            KeyLaw::Even(law) => law.sample(&mut draw),
            KeyLaw::Zipf(law) => law.sample(&mut draw) as u64,
            KeyLaw::Classes(table) => self.classes().first(table.sample(&mut draw)),
        }
    }
}

/// All programs of a system, and what they draw from.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The instructions.
    pub ops: Vec<Op>,
    /// The laws they draw from.
    pub laws: Vec<Sampler>,
    /// The catalogues of keys they draw from.
    pub keys: Vec<Keys>,
    /// What gateways may keep answers to.
    pub cacheable: Vec<Cacheable>,
    /// By flow: the source whose requests they are. Clients have numbers within their source.
    pub source_of: Vec<u16>,
    /// Times that steps take as recorded.
    pub recorded: Vec<RecordedWork>,
    /// By source: whether the numbers of its requests are places of a recording.
    pub places: Vec<bool>,
    /// By source: what its recording knows, if it replays one that knows something.
    pub recordings: Vec<Option<Arc<Recording>>>,
    /// By instruction: the pool whose connection is held before it is executed, by [`Program::note_held`].
    held: Vec<u16>,
    /// By instruction: the pooler of whose connections one is held before it is executed.
    borrowed: Vec<NodeId>,
    /// By instruction: the innermost look-up after whose miss it is done, if its cache wants to hear how that
    /// ends; empty where none does.
    pub around: Vec<Option<u16>>,
}

/// No pool.
const NO_POOL: u16 = u16::MAX;

impl Program {
    /// The instruction at a position.
    #[inline]
    pub fn op(&self, pc: u16) -> &Op {
        &self.ops[pc as usize]
    }

    /// The innermost look-up after whose miss an instruction is done, if its cache minds.
    pub fn look_around(&self, pc: u16) -> Option<u16> {
        self.around.get(pc as usize).copied().flatten()
    }

    /// True if what starts at `pc` begins by working on a CPU.
    #[inline]
    pub fn begins_on_cpu(&self, pc: u16) -> bool {
        match *self.op(pc) {
            Op::Cpu(_) => true,
            Op::IfNewConnection { otherwise } | Op::IfNotModified { otherwise } => {
                self.begins_on_cpu(otherwise)
            }
            _ => false,
        }
    }

    /// What `demand` is for a request's frame with this seed; always the same for the same one.
    #[inline]
    pub fn draw(&self, demand: Demand, seed: u64) -> SimDuration {
        self.laws[demand.law.0 as usize].sample::<Draw>(&mut demand.salt.draw(seed))
    }

    /// The service's pool of which a request at `pc` holds a connection, if it does.
    #[inline]
    pub fn held(&self, pc: u16) -> Option<u16> {
        let held = self.held.get(pc as usize).copied();
        held.filter(|pool| *pool != NO_POOL)
    }

    /// The pooler of which a request at `pc` holds a connection; none if it holds none.
    #[inline]
    pub fn borrowed(&self, pc: u16) -> NodeId {
        let borrowed = self.borrowed.get(pc as usize);
        borrowed.copied().unwrap_or(NodeId::NONE)
    }

    /// Notes which connections are held where; the instructions are complete.
    pub fn note_held(&mut self) {
        let (mut held, mut borrowed) = (NO_POOL, NodeId::NONE);
        let note = |op: &Op| {
            let before = (held, borrowed);
            match *op {
                Op::Borrow(pooler) => borrowed = pooler,
                Op::Repay(_) => borrowed = NodeId::NONE,
                Op::Acquire(pool) => held = pool,
                Op::Release(_) => held = NO_POOL,
                _ => {}
            }
            before
        };
        (self.held, self.borrowed) = self.ops.iter().map(note).unzip();
    }

    /// Adds a law.
    pub fn add_law(&mut self, law: Sampler) -> LawId {
        self.laws.push(law);
        LawId((self.laws.len() - 1) as u16)
    }
}
