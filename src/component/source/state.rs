//! A source at work.

use rand::Rng as _;

use super::books::{Account, Books};
use super::browser::Browsers;
use super::calendar::{Calendar, Entry};
use super::drawn::{Drawn, Next};
use super::flow::Move;
use super::network::Way;
use super::population::People;
use super::users::DrawnUsers;
use super::{Begins, BreaksOff, Choice, Plan};
use crate::component::arena::NOBODY;
use crate::component::program::Demand;
use crate::component::request::Flags;
use crate::component::{Context, Gauge, Kept, NodeId};
use crate::engine::LaneId;
use crate::metrics::{Outcome, Recorder};
use crate::rng::{Salt, Stream, Streams};
use crate::traffic::recording::{Place, Recording};
use crate::traffic::tools::locust::Wait;
use crate::traffic::tools::{Limits, Load};
use crate::units::{SimDuration, SimTime};
use std::sync::Arc;

/// How a source works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::component) enum Drive {
    /// Requests, one by one.
    Requests,
    /// Visitors who go through the flow once.
    Visits,
    /// Rounds that are due by the clock, for a limited number of users.
    Paced {
        /// How many users there are from the start.
        ready: u32,
        /// How many there are at the most.
        most: u32,
    },
    /// Users who go round and round.
    Crew,
    /// Users who have a number of rounds to do: all together, or each.
    Shares {
        /// How many rounds each does at the most.
        each: u64,
    },
}

/// The lane and the length of a pause that is always the same.
pub(in crate::component) type PauseLane = Option<(LaneId, SimDuration)>;

/// A source at work.
#[derive(Debug)]
pub struct State {
    name: String,
    calendar: Calendar,
    pub(in crate::component) drive: Drive,
    /// True if its requests are their own only attempts.
    pub(in crate::component) is_plain: bool,
    numbers: Stream,
    /// The requests that come next, where clients are known.
    next: Next,
    /// Makes the rounds of users differ between replications.
    base: u64,
    /// How the pauses of its users are drawn, if not as those of others are.
    pub(in crate::component) drawn: Option<DrawnUsers>,
    /// What is recorded of its requests, if anything is; the row of the next one; by class of the recording,
    /// its choice.
    recording: Option<Arc<Recording>>,
    next_row: u32,
    class_of: Vec<u16>,
    /// No request arrives at or after this.
    horizon: SimTime,
    pub(in crate::component) salt: Salt,
    rounds: Salt,
    pub(in crate::component) choices: Vec<Choice>,
    pub(in crate::component) moves: Vec<Move>,
    /// By move.
    pub(in crate::component) pause_lanes: Vec<PauseLane>,
    pub(in crate::component) enters: NodeId,
    /// The lane of its clients' timeouts, where that is all there is to persistence.
    pub(in crate::component) lane: Option<LaneId>,
    pub(in crate::component) caller: u16,
    pub(in crate::component) patience: Option<Demand>,
    pub(in crate::component) people: Option<People>,
    pub(in crate::component) browsers: Option<Browsers>,
    pub(in crate::component) way: Option<Way>,
    /// Connections that no request uses, the one used last at the end, where requests share them.
    pub(in crate::component) idle_connections: Option<Vec<u32>>,
    /// By client: when its connection was used last.
    used: Vec<SimTime>,
    /// An answer that takes longer counts as late.
    pub(in crate::component) late_after: Option<SimDuration>,
    breaks_off: Option<BreaksOff>,
    /// Whether its latencies hold requests without an answer, too.
    pub(in crate::component) times_failures: bool,
    /// How long users wait after a round.
    pub(in crate::component) wait: Wait,
    pub(in crate::component) books: Books,
    /// No rounds begin from then on.
    pub(in crate::component) end: SimTime,
    /// How long users may then take to finish; and those who are too many before that.
    pub(in crate::component) grace: SimDuration,
    pub(in crate::component) ramp_grace: SimDuration,
    /// How many visitors may be there, by worker and phase, and how many are, by worker.
    limits: Limits,
    visitors: Vec<u32>,
    /// How many users there are, and how many there shall be.
    pub(in crate::component) n_users: u32,
    pub(in crate::component) wanted: u32,
    /// Users who go round, by seat.
    pub(in crate::component) crew: Vec<u32>,
    /// How many rounds those who had a seat have begun, by seat, for whoever takes it next.
    pub(in crate::component) rounds_of: Vec<u32>,
    /// Users with nothing to do.
    pub(in crate::component) idle: Vec<u32>,
    /// Rounds that may still begin.
    pub(in crate::component) rounds_left: u64,
    pub(in crate::component) is_readying: bool,
}

impl State {
    pub(in crate::component) fn new(
        plan: &Plan,
        streams: Streams,
        (lane, pause_lanes): (Option<LaneId>, Vec<PauseLane>),
        horizon: SimTime,
        cx: &mut Context,
    ) -> Self {
        let (drive, rounds_left, limits) = drive(plan);
        let mut numbers = streams.stream(&plan.name, "requests");
        let base = if drive == Drive::Requests && plan.recording.is_none() {
            0
        } else {
            numbers.next_u64()
        };
        let tool = match &plan.begins {
            Begins::Tool(tool) => Some(tool),
            _ => None,
        };
        Self {
            name: plan.name.clone(),
            calendar: Calendar::new(&plan.name, &plan.begins, streams),
            drive,
            is_plain: plan.caller.is_none(),
            numbers,
            next: Next::new(),
            base,
            drawn: match &plan.begins {
                Begins::Users { drawn, .. } => drawn.clone(),
                _ => None,
            },
            recording: plan.recording.clone(),
            next_row: 0,
            class_of: plan.class_of.clone(),
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
            people: plan.people.clone(),
            browsers: plan.browsers.as_ref().map(Browsers::new),
            used: match (&plan.people, &plan.way) {
                (Some(people), Some(_)) => vec![SimTime::NEVER; people.count as usize],
                _ => Vec::new(),
            },
            idle_connections: (plan.way.as_ref()).and_then(|way| way.is_shared.then(Vec::new)),
            way: plan.way.clone(),
            late_after: plan.late_after,
            breaks_off: plan.breaks_off,
            times_failures: tool.is_none_or(|tool| tool.times_failures),
            wait: tool.map_or(Wait::NONE, |tool| tool.wait),
            books: Books::open(cx),
            end: tool.map_or(SimTime::NEVER, |tool| tool.end),
            grace: tool.map_or(SimDuration::MAX, |tool| tool.grace),
            ramp_grace: tool.map_or(SimDuration::MAX, |tool| tool.ramp_down_grace),
            limits,
            visitors: Vec::new(),
            n_users: 0,
            wanted: 0,
            crew: Vec::new(),
            rounds_of: Vec::new(),
            idle: Vec::new(),
            rounds_left,
            is_readying: false,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its levels, to be shown over time.
    pub(in crate::component) fn gauges(&self) -> Vec<Gauge> {
        let users = Gauge::new(&self.name, "users", Kept::Level(self.books.users));
        if self.drive == Drive::Requests {
            Vec::new()
        } else {
            vec![users]
        }
    }

    /// What it came to.
    pub fn account(&self, recorder: &Recorder) -> Account {
        self.books.account(recorder)
    }

    /// The instant of the next arrival, or of the next change; [`SimTime::NEVER`] if there is none.
    #[inline]
    pub(in crate::component) fn next_arrival(&mut self) -> SimTime {
        let at = self.calendar.next();
        if at < self.horizon {
            at
        } else {
            SimTime::NEVER
        }
    }

    /// What is due now, and when something is next.
    pub(in crate::component) fn acts(&mut self) -> (Entry, SimTime) {
        (self.calendar.entry(), self.next_arrival())
    }

    /// True if its clients are known and drawn, and who sends the next request has not been drawn yet.
    #[inline]
    pub(in crate::component) fn has_to_draw(&self) -> bool {
        self.people.is_some() && self.recording.is_none() && self.next.is_empty()
    }

    /// Draws the requests that come next; gives them.
    pub(in crate::component) fn draws(&mut self) -> &[Drawn] {
        match &self.people {
            Some(people) => self.next.draws(people, &mut self.numbers),
            None => &[],
        }
    }

    /// The request that arrives, and its class. Where clients are known, it has been [drawn](Self::draws).
    #[inline]
    pub(in crate::component) fn next_request(&mut self) -> (Drawn, Choice) {
        if self.recording.is_some() {
            return self.next_recorded();
        }
        let drawn = if self.people.is_some() {
            self.next.comes()
        } else {
            Drawn {
                number: self.numbers.next_u64(),
                client: NOBODY,
                address: NOBODY,
            }
        };
        (drawn, self.choice_of(drawn.number))
    }

    #[inline]
    fn choice_of(&self, number: u64) -> Choice {
        match self.choices[..] {
            [only] => only,
            _ => self.choose(number, 0, self.choices.len() as u16),
        }
    }

    /// The request of the next row of a recording.
    #[inline(never)]
    fn next_recorded(&mut self) -> (Drawn, Choice) {
        let row = self.next_row;
        self.next_row += 1;
        let number = Place::number(self.base, row);
        let client = self.client_of(number);
        let drawn = Drawn {
            number,
            client,
            address: self.address_of(client),
        };
        let recording = self.recording.as_ref();
        let classes = recording.and_then(|own| own.classes.as_ref());
        let choice = match classes {
            Some(classes) => {
                let class = classes.numbers[row as usize] as usize;
                self.choices[self.class_of[class] as usize]
            }
            None => self.choice_of(number),
        };
        (drawn, choice)
    }

    /// The class of a request, out of some of the source's choices.
    #[inline]
    pub(in crate::component) fn choose(&self, number: u64, from: u16, to: u16) -> Choice {
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
    pub(in crate::component) fn next_number(&mut self) -> u64 {
        self.numbers.next_u64()
    }

    /// The number of a user's round.
    pub(in crate::component) fn number_of_round(&self, seat: u32, round: u32) -> u64 {
        if self.drawn.is_some() {
            return Place::attempt_of(Place::number(self.base, seat), round);
        }
        let place = u64::from(seat) << 32 | u64::from(round);
        self.rounds.uniform(self.base ^ place)
    }

    /// A uniform 64-bit number for how long a user waits after the round with this number.
    pub(in crate::component) fn draw_of_wait(&self, number: u64) -> u64 {
        self.rounds.uniform(number)
    }

    /// True if a further round may begin, of a user who has done `own`; it is counted.
    pub(in crate::component) fn takes_round(&mut self, own: u32) -> bool {
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
    pub(in crate::component) fn ready_at_start(&self) -> u32 {
        match self.drive {
            Drive::Paced { ready, .. } => ready,
            _ => 0,
        }
    }

    /// Lets a visitor in, unless too many are there.
    pub(in crate::component) fn lets_in(&mut self, worker: u32, phase: u32) -> bool {
        if self.visitors.len() <= worker as usize {
            self.visitors.resize(worker as usize + 1, 0);
        }
        let there = &mut self.visitors[worker as usize];
        let may = self
            .limits
            .most(worker, phase)
            .is_none_or(|most| *there < most);
        *there += u32::from(may);
        may
    }

    /// A visitor leaves.
    pub(in crate::component) fn lets_out(&mut self, worker: u32) {
        if let Some(there) = self.visitors.get_mut(worker as usize) {
            *there -= 1;
        }
    }

    /// Begins to make a further user ready, if there may be one more.
    pub(in crate::component) fn readies_another(&mut self) -> bool {
        let may = match self.drive {
            Drive::Paced { most, .. } => !self.is_readying && self.n_users < most,
            _ => false,
        };
        self.is_readying |= may;
        may
    }

    /// The client who sends the request, or makes the visit, with this number.
    pub(in crate::component) fn client_of(&self, number: u64) -> u32 {
        let Some(people) = &self.people else {
            return NOBODY;
        };
        let recorded = self.recording.as_ref().and_then(|own| own.clients.as_ref());
        match (recorded, Place::of(number)) {
            (Some(clients), Some(place)) => people.client_in(clients.numbers[place.row as usize]),
            _ => people.client_of(number),
        }
    }

    /// A client's address, as a number.
    pub(in crate::component) fn address_of(&self, client: u32) -> u32 {
        match &self.people {
            Some(people) => people.address_of(client),
            None => NOBODY,
        }
    }

    /// The client that the user in a seat is.
    pub(in crate::component) fn client_in(&self, seat: u32) -> u32 {
        let people = self.people.as_ref();
        people.map_or(NOBODY, |people| people.client_in(seat))
    }

    /// What is so of the requests of a client.
    pub(in crate::component) fn marks_of(&self, client: u32) -> u16 {
        match &self.people {
            Some(people) if people.is_authenticated(client) => Flags::KNOWN | Flags::AUTHENTICATED,
            Some(_) => Flags::KNOWN,
            None => 0,
        }
    }

    /// When a client's connection was used last; nothing if clients are strangers.
    pub(in crate::component) fn last_use(&self, client: u32) -> Option<SimTime> {
        let first = self.people.as_ref()?.first;
        self.used.get(client.checked_sub(first)? as usize).copied()
    }

    /// A client's connection is used now.
    pub(in crate::component) fn uses_connection(&mut self, client: u32, now: SimTime) {
        let first = self.people.as_ref().map_or(0, |people| people.first);
        let place = client.checked_sub(first).map(|at| at as usize);
        if let Some(last) = place.and_then(|at| self.used.get_mut(at)) {
            *last = now;
        }
    }

    /// True if a user breaks off its round when a request ends like this.
    pub(in crate::component) fn breaks_off(&self, outcome: Outcome) -> bool {
        match self.breaks_off {
            None => false,
            Some(BreaksOff::Failure) => !outcome.is_success(),
            Some(BreaksOff::NoAnswer { refused }) => {
                outcome != Outcome::Interrupted && !outcome.is_answer(refused)
            }
        }
    }
}

/// How a source works, how many rounds it has to do, and how many visitors it lets in.
fn drive(plan: &Plan) -> (Drive, u64, Limits) {
    let none = Limits::default();
    let tool = match &plan.begins {
        Begins::Arrivals { .. } if plan.moves.is_empty() => return (Drive::Requests, 0, none),
        Begins::Arrivals { .. } => return (Drive::Visits, u64::MAX, none),
        Begins::Users { .. } => return (Drive::Crew, u64::MAX, none),
        Begins::Tool(tool) => tool,
    };
    match &tool.load {
        Load::Crew(_) => (Drive::Crew, u64::MAX, none),
        Load::Iterations {
            iterations,
            shared: true,
            ..
        } => (Drive::Shares { each: u64::MAX }, *iterations, none),
        Load::Iterations {
            iterations, vus, ..
        } => {
            let all = iterations.saturating_mul(u64::from(*vus));
            (Drive::Shares { each: *iterations }, all, none)
        }
        Load::Paced {
            pre_allocated, max, ..
        } => {
            let (ready, most) = (*pre_allocated, *max);
            (Drive::Paced { ready, most }, u64::MAX, none)
        }
        Load::Visits { most, .. } => (Drive::Visits, u64::MAX, most.clone()),
    }
}

/// More different pauses than this are scheduled one by one: every lane is looked at for every timer.
const MOST_LANES: usize = 16;

/// By move of a source: the lane and the length of a pause that is always the same.
pub(in crate::component) fn pause_lanes(plan: &Plan, cx: &mut Context) -> Vec<PauseLane> {
    // Steps with the same pause share a lane: a repeated one stands in the moves many times.
    let mut known: Vec<(LaneId, SimDuration)> = Vec::new();
    let lane = |step: &Move| {
        let Move::Think(demand) = step else {
            return None;
        };
        let length = cx.program.laws[demand.law.0 as usize].always()?;
        if let Some(lane) = known.iter().find(|(_, other)| *other == length) {
            return Some(*lane);
        }
        if known.len() == MOST_LANES {
            return None;
        }
        known.push((cx.scheduler.add_lane(length), length));
        known.last().copied()
    };
    plan.moves.iter().map(lane).collect()
}
