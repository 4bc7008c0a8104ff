//! What persistence costs: the same clients without rules for retries, with rules that they do not need, and
//! in a storm in which a million of them wait for a timeout; in attempts, and what a user's round costs where
//! there are a million users.
//!
//! The quoted ratios are those of the table at the end, where all take turns.

mod cases;
mod interleaved;

use capsim::metrics::Recorder;

fn n_attempts(recorder: &Recorder) -> u64 {
    let windows = 0..recorder.n_closed();
    windows.map(|window| recorder.attempts_in(window)).sum()
}

fn main() {
    let names = ["plain", "calm", "storm", "users"];
    cases::bench("clients", names, ("attempt", n_attempts));
}
