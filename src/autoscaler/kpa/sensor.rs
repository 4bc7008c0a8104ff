//! What is measured, of how many pods, over which windows.

use crate::units::SimDuration;

/// How often a revision is scraped; also the length of a bucket.
pub const BUCKET: SimDuration = SimDuration::from_secs(1);

/// How many pods of a revision are scraped to stand for all: all up to three, then as many as estimate the
/// mean with a margin of error of half a standard deviation at 95 % (never more than 16).
///
/// Source: `pkg/autoscaler/metrics/sample_size.go`.
pub fn sample_size(n_pods: u32) -> u32 {
    /// (1.96 · 10 / 5)², the critical value of the normal law, the deviation, the margin.
    const ENOUGH: f64 = 15.3664;
    if n_pods <= 3 {
        return n_pods;
    }
    let all = f64::from(n_pods);
    (all * ENOUGH / (all + ENOUGH - 1.0)).ceil() as u32
}

/// The window that panic is judged by: a percentage (1 to 100) of the stable one, in whole seconds, one at
/// least.
///
/// Source: `pkg/reconciler/autoscaling/resources/metric.go`.
pub fn panic_window(stable: SimDuration, percent: f64) -> SimDuration {
    let share = (stable.as_nanos() as f64 * percent / 100.0) as u64;
    let second = BUCKET.as_nanos();
    let whole = (share + second / 2) / second;
    SimDuration::from_secs(whole).max(BUCKET)
}
