//! Sources: where requests come from.
//!
//! One file per kind. A source says when something begins: a request, a visit, a round of one of its users.
//! What a user does then is its flow; how a client persists (timeouts, retries) is a caller's affair, as it
//! is where a service calls another.

pub mod clients;
pub mod flow;
pub mod open;
pub mod users;

use rand::Rng as _;

use super::arena::NOBODY;
use super::program::Demand;
use super::{Context, Gauge, Kept, NodeId};
use crate::diag::Diagnostics;
use crate::engine::LaneId;
use crate::metrics::{CounterId, LevelId, Outcome, Recorder, WaitId};
use crate::policy::persistence::Persistence;
use crate::rng::{Salt, Stream, Streams};
use crate::spec::{Node, Own, With};
use crate::stats::Histogram;
use crate::traffic::arrivals::{Arrivals, Gaps};
use crate::traffic::curve::Curve;
use crate::units::{SimDuration, SimTime};
use clients::Clients;
use flow::Move;
use open::Open;
use users::Users;

crate::kinds! {
    /// Where requests come from. Without a `kind` it is an open source.
    pub enum SourceKind {
        /// What comes does not depend on how fast the system answers.
        Open(Open) = "open",
        /// A fixed population of users who wait for their answers.
        Users(Users) = "users",
    }
}

impl Own for SourceKind {
    fn read_with(node: &Node, also: &[&str], out: &mut Diagnostics) -> Option<Self> {
        Self::read_beside(node, also, Some("open"), out)
    }
}

/// A source: its kind, its clients, and how they persist.
pub type Source = With<SourceKind, With<Clients, Persistence>>;

/// When something begins.
#[derive(Debug, Clone)]
pub enum Begins {
    /// Requests, or visits where there is a flow, as they arrive.
    Arrivals {
        /// Their process.
        gaps: Gaps,
        /// Their rate over time.
        curve: Curve,
    },
    /// Users who come in at the start, evenly over a time, and stay.
    Users {
        /// How many.
        users: u32,
        /// Over how long.
        over: SimDuration,
    },
}

impl Begins {
    /// How many requests or visits are expected, if that is known beforehand.
    pub fn expected(&self) -> Option<f64> {
        match self {
            Self::Arrivals { gaps, curve } => Some(gaps.expected(curve)),
            Self::Users { .. } => None,
        }
    }
}

/// A source with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// When something begins.
    pub begins: Begins,
    /// What its requests enter.
    pub enters: NodeId,
    /// How long a client waits, if that is all there is to it.
    pub timeout: Option<SimDuration>,
    /// The rules by which its clients persist, if there is more to it than a timeout.
    pub caller: Option<u16>,
    /// How long a client waits before it loses patience.
    pub patience: Option<Demand>,
    /// What a user does.
    pub moves: Vec<Move>,
    /// Its classes, for all moves.
    pub choices: Vec<Choice>,
}

/// One class of a source's requests.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// Chosen if a uniform 64-bit number is below this, and not below that of the one before.
    pub below: u64,
    /// Which source and class, by position in [`Blueprint::flows`](super::Blueprint::flows).
    pub flow: u16,
    /// Where the operation of the class starts in the service that they enter.
    pub pc: u16,
}

/// How a source works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drive {
    /// Requests, one by one.
    Requests,
    /// Visitors who go through the flow once.
    Visits,
    /// Rounds that are due by the clock, for a limited number of users.
    Paced {
        /// How many users there are at the most.
        most: u32,
    },
    /// Users who go round and round.
    Crew,
    /// Users who have a number of rounds to do.
    Shares {
        /// How many rounds each does at the most.
        each: u64,
    },
}

/// What is recorded of a source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Books {
    /// Users who are there.
    pub(super) users: LevelId,
    /// Rounds begun, done, and broken off because a request failed, or because the user was stopped.
    pub(super) begun: CounterId,
    pub(super) done: CounterId,
    pub(super) failed: CounterId,
    pub(super) interrupted: CounterId,
    /// Rounds that were due when no user was idle.
    pub(super) dropped: CounterId,
    /// Visitors who were not let in because too many were there.
    pub(super) skipped: CounterId,
    /// Times that a user was held up because its rounds took no time.
    pub(super) spun: CounterId,
    /// How long rounds took.
    pub(super) round: WaitId,
    /// How long answers took, as a load tool sees it.
    pub(super) answer: WaitId,
}

impl Books {
    fn open(cx: &mut Context) -> Self {
        let recorder = &mut cx.recorder;
        Self {
            users: recorder.add_level(),
            begun: recorder.add_counter(),
            done: recorder.add_counter(),
            failed: recorder.add_counter(),
            interrupted: recorder.add_counter(),
            dropped: recorder.add_counter(),
            skipped: recorder.add_counter(),
            spun: recorder.add_counter(),
            round: recorder.add_wait(),
            answer: recorder.add_wait(),
        }
    }
}

/// What a source came to, without the warm-up.
#[derive(Debug, Clone)]
pub struct Account {
    /// Rounds or visits begun, done, broken off because a request failed, and because the user was stopped.
    pub begun: u64,
    /// See `begun`.
    pub done: u64,
    /// See `begun`.
    pub failed: u64,
    /// See `begun`.
    pub interrupted: u64,
    /// Rounds that were due when no user was idle.
    pub dropped: u64,
    /// Visitors who were not let in because too many were there.
    pub skipped: u64,
    /// Times that a user was held up because its rounds took no time at all.
    pub spun: u64,
    /// How long rounds took.
    pub rounds: Histogram,
    /// How long answers took, every answer counted, as a load tool sees it.
    pub answers: Histogram,
    /// The most users at the same time in a window, and on average.
    pub users_most: u64,
    /// See `users_most`.
    pub users_mean: f64,
}

/// How many arrivals are drawn at a time.
const BATCH: usize = 64;

/// When something happens next at a source with users.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a scenario has few sources")]
enum Calendar {
    Arrivals(Ahead),
    /// Users come in one by one: how many have, how many there will be, over how long.
    Ramp {
        come: u32,
        users: u32,
        over: SimDuration,
    },
}

/// Arrivals that have been drawn ahead, and how many of them have come.
#[derive(Debug)]
struct Ahead {
    arrivals: Arrivals,
    times: [SimTime; BATCH],
    n_come: usize,
}

impl Ahead {
    #[inline]
    fn next(&mut self) -> SimTime {
        if self.n_come == BATCH {
            self.arrivals.fill(&mut self.times);
            self.n_come = 0;
        }
        let at = self.times[self.n_come];
        self.n_come += 1;
        at
    }
}

/// By move of a source: the lane and the length of a pause that is always the same.
pub(super) fn pause_lanes(plan: &Plan, cx: &mut Context) -> Vec<Option<(LaneId, SimDuration)>> {
    let lane = |step: &Move| {
        let Move::Think(demand) = step else {
            return None;
        };
        let length = cx.program.laws[demand.law.0 as usize].always()?;
        Some((cx.scheduler.add_lane(length), length))
    };
    plan.moves.iter().map(lane).collect()
}

/// A source at work.
#[derive(Debug)]
pub struct State {
    name: String,
    calendar: Calendar,
    pub(super) drive: Drive,
    /// True if its requests are their own only attempts.
    pub(super) is_plain: bool,
    numbers: Stream,
    /// Makes the rounds of users differ between replications.
    base: u64,
    /// No request arrives at or after this.
    horizon: SimTime,
    pub(super) salt: Salt,
    rounds: Salt,
    pub(super) choices: Vec<Choice>,
    pub(super) moves: Vec<Move>,
    /// By move: the lane and the length of a pause that is always the same.
    pub(super) pause_lanes: Vec<Option<(LaneId, SimDuration)>>,
    pub(super) enters: NodeId,
    /// The lane of its clients' timeouts, where that is all there is to persistence.
    pub(super) lane: Option<LaneId>,
    pub(super) caller: u16,
    pub(super) patience: Option<Demand>,
    pub(super) books: Books,
    /// No rounds begin from then on.
    pub(super) end: SimTime,
    /// How long users may then take to finish, and those who are too many before that.
    pub(super) grace: SimDuration,
    pub(super) ramp_grace: SimDuration,
    /// How many users there are, and how many there shall be.
    pub(super) n_users: u32,
    pub(super) wanted: u32,
    /// Users who go round, by seat.
    pub(super) crew: Vec<u32>,
    /// Users with nothing to do.
    pub(super) idle: Vec<u32>,
    /// Rounds that may still begin.
    rounds_left: u64,
    pub(super) is_readying: bool,
}

impl State {
    pub(super) fn new(
        plan: &Plan,
        streams: Streams,
        (lane, pause_lanes): (Option<LaneId>, Vec<Option<(LaneId, SimDuration)>>),
        horizon: SimTime,
        cx: &mut Context,
    ) -> Self {
        let (calendar, drive) = match &plan.begins {
            Begins::Arrivals { gaps, curve } => {
                let stream = streams.stream(&plan.name, "arrivals");
                let ahead = Ahead {
                    arrivals: Arrivals::new(gaps.clone(), curve, stream),
                    times: [SimTime::NEVER; BATCH],
                    n_come: BATCH,
                };
                let drive = if plan.moves.is_empty() {
                    Drive::Requests
                } else {
                    Drive::Visits
                };
                (Calendar::Arrivals(ahead), drive)
            }
            Begins::Users { users, over } => {
                let (users, over) = (*users, *over);
                let come = 0;
                (Calendar::Ramp { come, users, over }, Drive::Crew)
            }
        };
        let mut numbers = streams.stream(&plan.name, "requests");
        let base = if drive == Drive::Requests {
            0
        } else {
            numbers.next_u64()
        };
        Self {
            name: plan.name.clone(),
            calendar,
            drive,
            is_plain: plan.caller.is_none(),
            numbers,
            base,
            horizon,
            salt: Salt::new(&plan.name, "class"),
            rounds: Salt::new(&plan.name, "rounds"),
            choices: plan.choices.clone(),
            moves: plan.moves.clone(),
            pause_lanes,
            enters: plan.enters,
            lane,
            caller: plan.caller.unwrap_or(0),
            patience: plan.patience,
            books: Books::open(cx),
            end: SimTime::NEVER,
            grace: SimDuration::ZERO,
            ramp_grace: SimDuration::ZERO,
            n_users: 0,
            wanted: 0,
            crew: Vec::new(),
            idle: Vec::new(),
            rounds_left: u64::MAX,
            is_readying: false,
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its levels, to be shown over time.
    pub(super) fn gauges(&self) -> Vec<Gauge> {
        let users = Gauge {
            component: self.name.clone(),
            what: "users",
            kept: Kept::Level(self.books.users),
        };
        if self.drive == Drive::Requests {
            Vec::new()
        } else {
            vec![users]
        }
    }

    /// What it came to.
    pub fn account(&self, recorder: &Recorder) -> Account {
        let (books, n) = (&self.books, |counter| recorder.counted(counter));
        let windows = recorder.windows();
        let measured = windows.warm_up..recorder.n_closed();
        let most = measured
            .clone()
            .map(|window| recorder.highest_in(window, books.users));
        let seconds = |window| windows.span(window).as_secs_f64();
        let area: f64 = measured
            .clone()
            .map(|window| recorder.average_in(window, books.users) * seconds(window))
            .sum();
        let span: f64 = measured.clone().map(seconds).sum();
        Account {
            begun: n(books.begun),
            done: n(books.done),
            failed: n(books.failed),
            interrupted: n(books.interrupted),
            dropped: n(books.dropped),
            skipped: n(books.skipped),
            spun: n(books.spun),
            rounds: recorder.waits(books.round),
            answers: recorder.waits(books.answer),
            users_most: most.max().unwrap_or(0),
            users_mean: if span > 0.0 { area / span } else { 0.0 },
        }
    }

    /// The instant of the next arrival, or of the next change; [`SimTime::NEVER`] if there is none.
    #[inline]
    pub(super) fn next_arrival(&mut self) -> SimTime {
        let at = match &mut self.calendar {
            Calendar::Arrivals(ahead) => ahead.next(),
            Calendar::Ramp { come, users, over } => {
                if *come >= *users {
                    return SimTime::NEVER;
                }
                let nanos = u128::from(over.as_nanos()) * u128::from(*come) / u128::from(*users);
                SimTime::from_nanos(nanos as u64)
            }
        };
        if at < self.horizon { at } else { SimTime::NEVER }
    }

    /// What is due now: a phase, or the number of users there shall be; and when something is next.
    pub(super) fn acts(&mut self) -> (u32, SimTime) {
        let what = match &mut self.calendar {
            Calendar::Arrivals(_) => 0,
            Calendar::Ramp { come, users, over } => {
                *come = if *over == SimDuration::ZERO {
                    *users
                } else {
                    *come + 1
                };
                *come
            }
        };
        (what, self.next_arrival())
    }

    /// The number and the class of the request that arrives.
    #[inline]
    pub(super) fn next_request(&mut self) -> (u64, Choice) {
        let number = self.numbers.next_u64();
        if let [only] = self.choices[..] {
            return (number, only);
        }
        (number, self.choose(number, 0, self.choices.len() as u16))
    }

    /// The class of a request, out of some of the source's choices.
    #[inline]
    pub(super) fn choose(&self, number: u64, from: u16, to: u16) -> Choice {
        let choices = &self.choices[from as usize..to as usize];
        let drawn = self.salt.uniform(number);
        let last = choices.len() - 1;
        let chosen = choices
            .iter()
            .position(|choice| drawn < choice.below)
            .unwrap_or(last);
        choices[chosen]
    }

    /// The number of the next visit or round that is due.
    pub(super) fn next_number(&mut self) -> u64 {
        self.numbers.next_u64()
    }

    /// The number of a user's round.
    pub(super) fn number_of_round(&self, seat: u32, round: u32) -> u64 {
        let place = u64::from(seat) << 32 | u64::from(round);
        self.rounds.uniform(self.base ^ place)
    }

    /// True if a further round may begin, of a user who has done `own`; it is counted.
    pub(super) fn takes_round(&mut self, own: u32) -> bool {
        let most = match self.drive {
            Drive::Shares { each } => each,
            _ => u64::MAX,
        };
        if self.rounds_left == 0 || u64::from(own) >= most {
            return false;
        }
        self.rounds_left -= 1;
        true
    }

    /// Users who are made ready before anything is due.
    pub(super) fn ready_at_start(&self) -> u32 {
        0
    }

    /// True if no further visitor is let in.
    pub(super) fn is_full(&self, _phase: u32) -> bool {
        false
    }

    /// Begins to make a further user ready, if there may be one more: how long it takes.
    pub(super) fn readies_another(&mut self) -> Option<SimDuration> {
        let Drive::Paced { most } = self.drive else {
            return None;
        };
        if self.is_readying || self.n_users >= most {
            return None;
        }
        self.is_readying = true;
        Some(SimDuration::ZERO)
    }

    /// The client that the user in a seat is.
    pub(super) fn client_of_user(&self, _seat: u32) -> u32 {
        NOBODY
    }

    /// True if a user leaves when a request ends like this.
    pub(super) fn leaves_on(&self, _outcome: Outcome) -> bool {
        false
    }
}
