//! What clients are: how their requests become errands.

use super::errand::By;
use super::source::Choice;
use super::{Event, System};
use crate::engine::Class;
use crate::metrics::Outcome;
use crate::units::SimTime;

impl System {
    /// An arrival at an open source whose clients do more than wait for one answer.
    pub(super) fn arrives_with_care(&mut self, source: u16) {
        if self.is_overfull() {
            return self.overflows();
        }
        let now = self.cx.now();
        let drawn = self.sources[source as usize].next_request();
        let client = super::arena::NOBODY;
        self.requests_by(source, drawn, (By::Source, client), now);
    }

    /// A client sends a request that was due at `due`; gives the errand that it becomes.
    pub(super) fn requests_by(
        &mut self,
        source: u16,
        (number, choice): (u64, Choice),
        (by, client): (By, u32),
        due: SimTime,
    ) -> u32 {
        let state = &self.sources[source as usize];
        let (caller, patience) = (state.caller, state.patience);
        let class = self.flows[choice.flow as usize].class;
        self.cx.recorder.arrival(class);
        let mut errand = Self::new_errand(by, caller, due);
        errand.number = number;
        errand.flow = choice.flow;
        errand.frame.pc = choice.pc;
        errand.client = client;
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

    /// A load tool notes an answer, as it sees it.
    pub(super) fn source_notes(&mut self, source: u16, due: SimTime, outcome: Outcome) {
        let now = self.cx.now();
        let state = &self.sources[source as usize];
        let books = &state.books;
        self.cx.recorder.count(books.ends[outcome.index()]);
        if state
            .late_after
            .is_some_and(|limit| now.since(due) >= limit)
        {
            // wrk leaves what is late out of its latencies.
            self.cx.recorder.count(books.late);
        } else if !matches!(outcome, Outcome::BrowserCache | Outcome::Interrupted) {
            self.cx.recorder.wait(books.answer, due, now);
        }
    }
}
