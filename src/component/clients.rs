//! What clients are: how their requests become errands, what their browsers answer, and the way between
//! them and the system.

use super::arena::NOBODY;
use super::errand::By;
use super::request::{Flags, RequestId};
use super::source::Choice;
use super::source::browser::Answer;
use super::{Event, Node, Step, System};
use crate::engine::Class;
use crate::metrics::Outcome;
use crate::units::{Bytes, SimDuration, SimTime};

impl System {
    /// An arrival at an open source whose clients do more than wait for one answer.
    pub(super) fn arrives_with_care(&mut self, source: u16) {
        if self.is_overfull() {
            return self.overflows();
        }
        let now = self.cx.now();
        if self.sources[source as usize].has_to_draw() {
            self.looks_ahead(source);
        }
        let (drawn, choice) = self.sources[source as usize].next_request();
        let by = (By::Source, drawn.client);
        self.requests_by(source, (drawn.number, choice), by, now);
    }

    /// A client sends a request that was due at `due`; gives the errand that it becomes, if it becomes one.
    pub(super) fn requests_by(
        &mut self,
        source: u16,
        (number, choice): (u64, Choice),
        (by, client): (By, u32),
        due: SimTime,
    ) -> u32 {
        let class = self.flows[choice.flow as usize].class;
        if by != By::Browser {
            self.cx.recorder.arrival(class);
        }
        let mut marks = 0;
        if by != By::Browser && client != NOBODY && choice.is_kept {
            match self.browser_is_asked(source, number, client) {
                Some(Answer::Fresh) => {
                    return self.browser_answers((source, number), (class, due), by);
                }
                Some(Answer::Stale) => {
                    let answered = self.browser_answers((source, number), (class, due), by);
                    self.requests_by(source, (number, choice), (By::Browser, client), due);
                    return answered;
                }
                Some(Answer::Asks) => marks = self.asks_whether_good(source, number, client),
                Some(Answer::Sends) | None => {}
            }
        }
        if by == By::Browser {
            marks = self.asks_whether_good(source, number, client);
        }
        let state = &self.sources[source as usize];
        marks |= state.marks_of(client);
        let (caller, patience) = (state.caller, state.patience);
        let mut errand = Self::new_errand(by, caller, due);
        errand.number = number;
        errand.flow = choice.flow;
        errand.frame.pc = choice.pc;
        errand.client = client;
        errand.marks = marks;
        errand.address = state.address_of(client);
        let patience = patience.filter(|_| by != By::Browser);
        let span = patience.map(|law| self.cx.program.draw(law, number));
        let at = self.begins_errand(errand);
        if let (Some(span), Some(errand)) = (span, self.errands.get_mut(at))
            && errand.number == number
        {
            let event = Event::Patience(at);
            errand.patience = Some(self.cx.scheduler.after(span, Class::Timer, event));
        }
        at
    }

    /// What a client's browser does with a request, if it keeps anything.
    fn browser_is_asked(&mut self, source: u16, number: u64, client: u32) -> Option<Answer> {
        let now = self.cx.now();
        let browsers = self.sources[source as usize].browsers.as_mut()?;
        let key = self.cx.program.key_of(browsers.keys(), source, number);
        Some(browsers.asked(client, key, now))
    }

    /// The marks of a request that asks whether what its client has is still good.
    fn asks_whether_good(&mut self, source: u16, number: u64, client: u32) -> u16 {
        let now = self.cx.now();
        let Some(browsers) = &mut self.sources[source as usize].browsers else {
            return 0;
        };
        let key = self.cx.program.key_of(browsers.keys(), source, number);
        if browsers.is_unchanged(client, key, number, now) {
            Flags::CONDITIONAL
        } else {
            0
        }
    }

    /// A client's browser answers a request itself.
    fn browser_answers(
        &mut self,
        (source, number): (u16, u64),
        (class, due): (u16, SimTime),
        by: By,
    ) -> u32 {
        let now = self.cx.now();
        let outcome = Outcome::BrowserCache;
        self.cx.recorder.counts_attempts();
        self.cx.recorder.knows(number, 1);
        self.cx.recorder.outcome(class, due, now, outcome);
        self.source_notes(source, due, outcome);
        if let By::User(user) = by {
            self.answered.push_back((user, outcome));
        }
        NOBODY
    }

    /// An answer has come to a client whose browser may keep it.
    pub(super) fn browser_keeps(&mut self, flow: u16, number: u64, client: u32) {
        let now = self.cx.now();
        let source = self.flows[flow as usize].source;
        let state = &mut self.sources[source as usize];
        let is_kept = state
            .choices
            .iter()
            .any(|own| own.flow == flow && own.is_kept);
        if let (Some(browsers), true) = (&mut state.browsers, is_kept && client != NOBODY) {
            let key = self.cx.program.key_of(browsers.keys(), source, number);
            browsers.came(client, key, now);
        }
    }

    /// A load tool notes an answer, as it sees it.
    pub(super) fn source_notes(&mut self, source: u16, due: SimTime, outcome: Outcome) {
        let now = self.cx.now();
        let state = &self.sources[source as usize];
        let books = &state.books;
        // Without a balancer or a gateway there is nobody to answer in the place of a service that turns it
        // away.
        let refused = matches!(self.nodes[state.enters.index()], Node::Service(_));
        let is_timed = state.times_failures || outcome.is_answer(refused);
        self.cx.recorder.count(books.ends[outcome.index()]);
        if state
            .late_after
            .is_some_and(|limit| now.since(due) >= limit)
        {
            // wrk leaves what is late out of its latencies.
            self.cx.recorder.count(books.late);
        } else if is_timed && !matches!(outcome, Outcome::BrowserCache | Outcome::Interrupted) {
            self.cx.recorder.wait(books.answer, due, now);
        }
    }

    /// How long an attempt takes to get to the system; it is noted whether its connection is a new one.
    pub(super) fn way_there(&mut self, id: RequestId) -> SimDuration {
        let (now, request) = (self.cx.now(), *self.cx.requests.get(id));
        let source = self.flows[request.flow as usize].source as usize;
        if self.sources[source].way.is_none() {
            return SimDuration::ZERO;
        }
        let seed = request.seed();
        let last = self.last_use(source, id);
        let Some(way) = &self.sources[source].way else {
            return SimDuration::ZERO;
        };
        let is_new = !match last {
            Some(last) => way.is_open(last, now),
            None => way.is_reused(seed),
        };
        let rtt = way.round_trip(&self.cx.program, self.place_of(id), seed);
        let span = way.there(rtt, is_new, seed);
        if is_new {
            self.cx
                .requests
                .get_mut(id)
                .flags
                .set(Flags::NEW_CONNECTION | Flags::OVER_NEW);
        }
        self.uses_connection(source, id);
        span
    }

    /// How long the answer to an attempt takes to get back.
    pub(super) fn way_back(&mut self, id: RequestId, outcome: Outcome) -> SimDuration {
        let request = *self.cx.requests.get(id);
        let source = self.flows[request.flow as usize].source as usize;
        let Some(way) = &self.sources[source].way else {
            return SimDuration::ZERO;
        };
        let seed = request.seed();
        let program = &self.cx.program;
        let size = self.responses[request.flow as usize]
            .filter(|_| outcome == Outcome::Served)
            .map(|law| Bytes::new(program.draw(law, seed).as_nanos()));
        let rtt = way.round_trip(program, self.place_of(id), seed);
        let span = way.back(rtt, size, request.flags.has(Flags::OVER_NEW), seed);
        self.uses_connection(source, id);
        span
    }

    /// What tells a client's place in the network from others': its own number, or its request's.
    fn place_of(&self, id: RequestId) -> u64 {
        let extra = self.cx.requests.extra(id);
        if extra.client != NOBODY {
            return u64::from(extra.client);
        }
        let by = self.errands.get(extra.errand).map(|errand| errand.by);
        match by.and_then(|by| self.user_of(by)) {
            Some(user) => u64::from(user.source) << 32 | u64::from(user.seat),
            None => self.cx.requests.get(id).number,
        }
    }

    fn user_of(&self, by: By) -> Option<&super::user::User> {
        match by {
            By::User(user) => self.users.get(user),
            _ => None,
        }
    }

    /// When the connection of an attempt's client was used last; nothing if nothing is known of it.
    fn last_use(&self, source: usize, id: RequestId) -> Option<SimTime> {
        let extra = self.cx.requests.extra(id);
        let state = &self.sources[source];
        if let Some(last) = state.last_use(extra.client) {
            return Some(last);
        }
        let by = self.errands.get(extra.errand)?.by;
        self.user_of(by).map(|user| user.used)
    }

    /// The connection of an attempt's client is used now.
    fn uses_connection(&mut self, source: usize, id: RequestId) {
        let (now, extra) = (self.cx.now(), self.cx.requests.extra(id));
        self.sources[source].uses_connection(extra.client, now);
        let by = self.errands.get(extra.errand).map(|errand| errand.by);
        if let Some(By::User(user)) = by
            && let Some(user) = self.users.get_mut(user)
        {
            user.used = now;
        }
    }

    /// The first service that a request over a new connection comes to pays for its set-up.
    pub(super) fn pays_for_connection(&mut self, id: RequestId, otherwise: u16) -> Step {
        let request = self.cx.requests.get_mut(id);
        if !request.flags.has(Flags::NEW_CONNECTION) {
            return Step::Jump(otherwise);
        }
        request.flags.clear(Flags::NEW_CONNECTION);
        Step::Next
    }

    /// A client that asks only whether what it has is still good needs no more than that. Whoever else is
    /// called on its behalf gives a full answer.
    pub(super) fn is_not_modified(&self, id: RequestId, otherwise: u16) -> Step {
        let flags = self.cx.requests.get(id).flags;
        if flags.has(Flags::CONDITIONAL) && self.is_clients_own(id) {
            Step::Next
        } else {
            Step::Jump(otherwise)
        }
    }
}
