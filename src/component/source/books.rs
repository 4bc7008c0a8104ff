//! What is recorded of a source, as a load tool would count it.

use crate::component::Context;
use crate::metrics::{CounterId, LevelId, Outcome, Recorder, WaitId};
use crate::stats::Histogram;

/// What is recorded of a source.
#[derive(Debug, Clone, Copy)]
pub(in crate::component) struct Books {
    /// Users who are there.
    pub(in crate::component) users: LevelId,
    /// Rounds begun, done, and broken off because a request failed, or because the user was stopped.
    pub(in crate::component) begun: CounterId,
    pub(in crate::component) done: CounterId,
    pub(in crate::component) failed: CounterId,
    pub(in crate::component) interrupted: CounterId,
    /// Rounds that were due when no user was idle.
    pub(in crate::component) dropped: CounterId,
    /// Visitors who were not let in because too many were there.
    pub(in crate::component) skipped: CounterId,
    /// Times that a user was held up because its rounds took no time.
    pub(in crate::component) spun: CounterId,
    /// Answers that took longer than they should, but were waited for.
    pub(in crate::component) late: CounterId,
    /// How its requests ended, by outcome.
    pub(in crate::component) ends: [CounterId; Outcome::COUNT],
    /// How long rounds took.
    pub(in crate::component) round: WaitId,
    /// How long answers took, as a load tool sees it.
    pub(in crate::component) answer: WaitId,
}

impl Books {
    pub(super) fn open(cx: &mut Context) -> Self {
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
            late: recorder.add_counter(),
            ends: [(); Outcome::COUNT].map(|()| recorder.add_counter()),
            round: recorder.add_wait(),
            answer: recorder.add_wait(),
        }
    }

    /// What it came to.
    pub(super) fn account(&self, recorder: &Recorder) -> Account {
        let (books, n) = (self, |counter| recorder.counted(counter));
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
        let span: f64 = measured.map(seconds).sum();
        Account {
            begun: n(books.begun),
            done: n(books.done),
            failed: n(books.failed),
            interrupted: n(books.interrupted),
            dropped: n(books.dropped),
            skipped: n(books.skipped),
            spun: n(books.spun),
            late: n(books.late),
            ends: books.ends.iter().map(|end| n(*end)).collect(),
            rounds: recorder.waits(books.round),
            answers: recorder.waits(books.answer),
            users_most: most.max().unwrap_or(0),
            users_mean: if span > 0.0 { area / span } else { 0.0 },
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
    /// Answers that took longer than they should, but were waited for.
    pub late: u64,
    /// How its requests ended, by [`Outcome::index`].
    pub ends: Vec<u64>,
    /// How long rounds took.
    pub rounds: Histogram,
    /// How long answers took, every answer counted, as a load tool sees it.
    pub answers: Histogram,
    /// The most users at the same time in a window, and on average.
    pub users_most: u64,
    /// See `users_most`.
    pub users_mean: f64,
}
