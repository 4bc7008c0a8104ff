//! Progress on stderr: a line that is redrawn on a terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ProgressHow;
use super::session::now;
use super::terminal::say;
use crate::experiment::Session;
use crate::report::words;
use crate::units::with_suffix;

/// How often a redrawn line is redrawn.
const REDRAW: Duration = Duration::from_millis(100);
/// How often a log gets a line.
const LINE: Duration = Duration::from_secs(30);
/// Before this much time, or this share of the work, an estimate of the rest is worth nothing.
const ESTIMATE_AFTER: Duration = Duration::from_secs(10);
const ESTIMATE_AFTER_SHARE: f64 = 0.05;
/// Before this many seconds a rate says nothing.
const RATE_AFTER_S: f64 = 0.5;

pub(super) struct Progress {
    how: ProgressHow,
    n_points: usize,
}

/// Does something when it goes out of scope.
struct Finally<F: Fn()>(F);

impl<F: Fn()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl Progress {
    pub(super) fn new(how: ProgressHow, n_points: usize) -> Self {
        let how = match how {
            ProgressHow::Auto if std::io::stderr().is_terminal() => ProgressHow::Bar,
            ProgressHow::Auto => ProgressHow::Lines,
            how => how,
        };
        Self { how, n_points }
    }

    /// Shows the progress of a session while `work` is done.
    pub(super) fn show_while<T>(&self, session: &Session<'_>, work: impl FnOnce() -> T) -> T {
        if self.how == ProgressHow::None {
            return work();
        }
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let shower = scope.spawn(|| self.show(session, &done));
            // Also when the work panics: the scope would wait for ever.
            let _end = Finally(|| {
                done.store(true, Ordering::Relaxed);
                shower.thread().unpark();
            });
            work()
        })
    }

    fn show(&self, session: &Session<'_>, done: &AtomicBool) {
        let started = now();
        let bar = (self.how == ProgressHow::Bar).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(
                ProgressStyle::with_template("{msg}").unwrap_or(ProgressStyle::default_bar()),
            );
            bar
        });
        let mut last_line: Option<Instant> = None;
        while !done.load(Ordering::Relaxed) {
            match &bar {
                Some(bar) => bar.set_message(self.line(session, started.elapsed())),
                None if has_begun(session)
                    && last_line.is_none_or(|last| last.elapsed() >= LINE) =>
                {
                    last_line = Some(now());
                    say(&self.line(session, started.elapsed()));
                }
                None => {}
            }
            std::thread::park_timeout(REDRAW);
        }
        match bar {
            Some(bar) => bar.finish_and_clear(),
            None => say(&self.line(session, started.elapsed())),
        }
    }

    /// `7/12 points   84/240 runs   38.2 M events/s   about 2m10s left`.
    fn line(&self, session: &Session<'_>, elapsed: Duration) -> String {
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (runs, planned) = (
            load(&session.counters.runs),
            load(&session.counters.runs_planned),
        );
        let seconds = elapsed.as_secs_f64();
        let mut parts = Vec::new();
        let mut share = runs as f64 / planned.max(1) as f64;
        if self.n_points > 1 {
            let points = load(&session.counters.points);
            parts.push(format!("{points}/{} points", self.n_points));
            // Points that have not begun have no runs planned yet.
            share = points as f64 / self.n_points as f64;
        }
        parts.push(format!("{runs}/{planned} runs"));
        if seconds >= RATE_AFTER_S {
            parts.push(format!(
                "{} events/s",
                with_suffix(load(&session.watch.events) as f64 / seconds)
            ));
        }
        let worth = elapsed >= ESTIMATE_AFTER || share >= ESTIMATE_AFTER_SHARE;
        if worth && share > 0.0 && share < 1.0 {
            parts.push(format!(
                "about {} left",
                words::clock(seconds * (1.0 - share) / share)
            ));
        }
        parts.join("   ")
    }
}

/// True once it is known how much there is to do.
fn has_begun(session: &Session<'_>) -> bool {
    session.counters.runs_planned.load(Ordering::Relaxed) > 0
}
