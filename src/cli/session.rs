//! What a command that runs something sets up: threads, the interrupt, the clock, the progress.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;

use super::progress::Progress;
use super::terminal::say;
use super::{Exit, Global};
use crate::engine::Watch;
use crate::experiment::{Counters, Session};

/// What was measured of a command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timings {
    wall: Duration,
    threads: usize,
    events: u64,
    requests: u64,
}

/// Runs `work` on as many threads as asked for, showing progress, until it is done or interrupted.
pub(super) fn with_session<T: Send>(
    global: &Global,
    n_points: usize,
    work: impl FnOnce(&Session<'_>) -> T + Send,
) -> anyhow::Result<(T, Timings)> {
    let watch = Arc::new(Watch::default());
    let handler = Arc::clone(&watch);
    // The first interrupt stops the work, the second the program.
    ctrlc::set_handler(move || {
        if handler.interrupt.swap(true, Ordering::Relaxed) {
            leave_now();
        }
    })
    .context("cannot watch for interrupts")?;
    let threads = global.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.context("cannot start threads")?;
    let counters = Counters::default();
    let started = now();
    let session = Session {
        watch: &watch,
        counters: &counters,
    };
    let progress = Progress::new(global.progress, n_points);
    let done = progress.show_while(&session, || pool.install(|| work(&session)));
    let timings = Timings {
        wall: started.elapsed(),
        threads: pool.current_num_threads(),
        events: watch.events.load(Ordering::Relaxed),
        requests: counters.requests.load(Ordering::Relaxed),
    };
    Ok((done, timings))
}

#[expect(clippy::exit, reason = "a second interrupt must not wait for anything")]
fn leave_now() {
    std::process::exit(Exit::Interrupted as i32);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line may look at the clock"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

impl Timings {
    /// Prints them to stderr.
    pub(super) fn report(&self) {
        let seconds = self.wall.as_secs_f64();
        let rate = |n: u64| crate::units::with_suffix(n as f64 / seconds.max(1e-9));
        let memory = peak_memory().map_or("not known here".to_owned(), |bytes| {
            format!(
                "{} MiB",
                crate::units::three_digits(bytes as f64 / f64::from(1 << 20))
            )
        });
        say(&format!(
            "timings: {} events and {} requests in {} s on {} thread{}\n\
             \x20        {} events/s, {} requests/s; peak memory {memory}",
            crate::units::with_suffix(self.events as f64),
            crate::units::with_suffix(self.requests as f64),
            crate::units::three_digits(seconds),
            self.threads,
            if self.threads == 1 { "" } else { "s" },
            rate(self.events),
            rate(self.requests),
        ));
    }

    /// What is kept beside a result, but is no part of it.
    pub(super) fn environment(&self) -> serde_json::Value {
        json!({
            "finished": jiff::Timestamp::now().to_string(),
            "wall_s": self.wall.as_secs_f64(),
            "threads": self.threads,
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "peak_memory_bytes": peak_memory(),
        })
    }
}

/// The most memory that this process has had, in bytes; nothing where the system does not tell.
#[cfg(unix)]
fn peak_memory() -> Option<u64> {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).ok()?;
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    Some(usage.max_rss().unsigned_abs() * unit)
}

#[cfg(not(unix))]
fn peak_memory() -> Option<u64> {
    None
}
