//! Comparisons that hold on a noisy machine: contestants take turns within one run.
//!
//! Criterion measures one contestant after the other, so what else the machine does in the meantime ends
//! up in their ratio. Here every round runs all contestants back to back, every second round in reverse;
//! a round gives one ratio, and the median over the rounds is what is quoted.

use std::hint::black_box;
use std::time::Instant;

/// How many rounds a comparison takes; odd, so that the median is one of them.
const ROUNDS: usize = 15;
/// Width of a column of the table.
const COLUMN: usize = 28;

/// Nanoseconds that `work` takes.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures wall-clock time"
)]
pub(crate) fn nanos<T>(work: impl FnOnce() -> T) -> f64 {
    let begin = Instant::now();
    black_box(work());
    begin.elapsed().as_nanos() as f64
}

/// One contestant: takes a turn, gives the nanoseconds per unit of work.
pub(crate) type Turn<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// True if benchmarks are to be measured, not just listed or tried out.
pub(crate) fn is_measuring() -> bool {
    let mut measuring = false;
    for argument in std::env::args() {
        match argument.as_str() {
            "--bench" => measuring = true,
            "--test" | "--list" => return false,
            _ => {}
        }
    }
    measuring
}

/// Prints what the columns of [`compare`] are, the contestants in order.
pub(crate) fn print_header(unit: &str, contestants: &[&str]) {
    let columns = contestants.iter().map(|name| format!("{name:>COLUMN$}"));
    print(&format!(
        "\nInterleaved, medians of {ROUNDS} rounds: {unit}; times the first (quartiles)"
    ));
    print(&format!("{:12}{}", "", columns.collect::<String>()));
}

/// Lets the contestants take turns; prints a line of the table.
pub(crate) fn compare(case: &str, contestants: &mut [Turn<'_>]) {
    let n = contestants.len();
    let mut times = vec![Vec::with_capacity(ROUNDS); n];
    for round in 0..ROUNDS {
        for step in 0..n {
            let at = if round % 2 == 0 { step } else { n - 1 - step };
            times[at].push(contestants[at]());
        }
    }
    let columns = times.iter().enumerate().map(|(at, own)| {
        let time = sorted(own.clone())[ROUNDS / 2];
        if at == 0 {
            return format!("{time:>COLUMN$.2}");
        }
        let ratios = sorted(own.iter().zip(&times[0]).map(|(a, b)| a / b).collect());
        let (low, high) = (ratios[ROUNDS / 4], ratios[3 * ROUNDS / 4]);
        let ratio = ratios[ROUNDS / 2];
        format!(
            "{:>COLUMN$}",
            format!("{time:.2} ×{ratio:.2} ({low:.2}–{high:.2})")
        )
    });
    print(&format!("{case:12}{}", columns.collect::<String>()));
}

fn sorted(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    times
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn print(line: &str) {
    println!("{line}");
}
