//! The end-of-test summary of k6, in its default (compact) mode.

use super::{Tally, UNKNOWN, per_second, whole};
use crate::experiment::{SourceFindings, Spread};

/// Columns that k6 gives to names, dots included.
const NAME: usize = 72;
/// How far lines of metrics are from the margin.
const INDENT: &str = "    ";

/// A line of the summary.
enum Line {
    /// A distribution of times, with a name of its own or as a part of the one above.
    Trend(&'static str, Option<[f64; 6]>),
    /// A value and what stands beside it.
    Value(&'static str, String, Vec<String>),
}

/// The summary.
pub(super) fn report(source: &SourceFindings) -> String {
    let tally = Tally::of(source);
    let (sent, failed) = (tally.sent(), tally.failed());
    let count = |name, n: f64| {
        let rate = format!("{}/s", six_digits(per_second(n, source)));
        Line::Value(name, whole(n), vec![rate])
    };
    let share = if sent > 0.0 { failed / sent } else { 0.0 };
    let answers = source.answers.as_ref().map(trend);
    // Answers that were expected are not kept apart: they are known where there are no others.
    let expected = answers.filter(|_| failed.round() == 0.0);
    let http = [
        Line::Trend("http_req_duration", answers),
        Line::Trend("  { expected_response:true }", expected),
        Line::Value(
            "http_req_failed",
            // k6 cuts digits off instead of rounding.
            format!("{:.2}%", (share * 1e4).trunc() / 100.0),
            vec![format!("{} out of {}", whole(failed), whole(sent))],
        ),
        count("http_reqs", sent),
    ];
    let n = |value: Option<crate::stats::Estimate>| value.map_or(0.0, |own| own.value);
    let made = whole(n(source.users_most));
    // Of those who keep a pace only a part is at work; the others go round all the time.
    let at_work = if source.corrected.is_some() {
        made.as_str()
    } else {
        UNKNOWN
    };
    let gauge = |name, most: &str| {
        let beside = vec![format!("min={UNKNOWN}"), format!("max={most}")];
        Line::Value(name, UNKNOWN.to_owned(), beside)
    };
    let mut execution = Vec::new();
    if n(source.dropped).round() > 0.0 {
        execution.push(count("dropped_iterations", n(source.dropped)));
    }
    execution.extend([
        Line::Trend("iteration_duration", source.rounds.as_ref().map(trend)),
        count("iterations", n(source.done)),
        gauge("vus", at_work),
        gauge("vus_max", &made),
    ]);
    let network = ["data_received", "data_sent"]
        .map(|name| Line::Value(name, UNKNOWN.to_owned(), vec![UNKNOWN.to_owned()]));
    let sections = [
        ("HTTP", section(&http)),
        ("EXECUTION", section(&execution)),
        ("NETWORK", section(&network)),
    ];
    let mut text = "  █ TOTAL RESULTS\n".to_owned();
    for (name, lines) in sections {
        text.push_str(&format!("\n{INDENT}{name}\n{lines}"));
    }
    text
}

/// avg, min, med, max, p(90), p(95), in seconds.
fn trend(own: &Spread) -> [f64; 6] {
    [
        own.mean_s.value,
        own.min_s,
        own.p50_s.value,
        own.max_s,
        own.p90_s.value,
        own.p95_s.value,
    ]
}

/// The lines of a section, whose values stand below one another.
fn section(lines: &[Line]) -> String {
    const STATS: [&str; 6] = ["avg", "min", "med", "max", "p(90)", "p(95)"];
    let cells = |own: &Option<[f64; 6]>| {
        own.map_or([UNKNOWN; 6].map(str::to_owned), |own| own.map(duration))
    };
    let mut wide = [0; 6];
    let (mut value_wide, mut beside_wide) = (0, 0);
    for line in lines {
        match line {
            Line::Trend(_, own) => {
                for (wide, cell) in wide.iter_mut().zip(cells(own)) {
                    *wide = (*wide).max(cell.chars().count());
                }
            }
            Line::Value(_, value, beside) => {
                value_wide = value_wide.max(value.chars().count());
                let first = beside.first().map_or(0, |own| own.chars().count());
                beside_wide = beside_wide.max(first);
            }
        }
    }
    let mut text = String::new();
    for line in lines {
        let (name, data) = match line {
            Line::Trend(name, own) => {
                let all = STATS.iter().zip(cells(own)).zip(wide);
                let all = all.map(|((stat, cell), wide)| format!("{stat}={cell:<wide$}"));
                (name, all.collect::<Vec<_>>().join(" "))
            }
            Line::Value(name, value, beside) => {
                let beside = match beside.as_slice() {
                    [first, rest] => format!("{first:<beside_wide$} {rest}"),
                    other => other.join(" "),
                };
                (name, format!("{value:<value_wide$} {beside}"))
            }
        };
        let dots = ".".repeat(NAME - name.chars().count());
        text.push_str(&format!("{INDENT}{name}{dots}: {data}\n"));
    }
    text
}

/// Six digits behind the point at the most, and no zeros at the end.
fn six_digits(value: f64) -> String {
    without_zeros(&format!("{value:.6}"))
}

/// Two digits behind the point at the most, what is beyond cut off.
fn two_digits(value: f64) -> String {
    // A value such as 1.15 is a hair less in binary.
    without_zeros(&format!("{:.2}", ((value + 1e-9) * 100.0).trunc() / 100.0))
}

fn without_zeros(text: &str) -> String {
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() { "0" } else { text }.to_owned()
}

/// A time in the unit that k6 would choose: `665.35µs`, `1.2ms`, `4.1s`, `1m12s`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s <= 0.0 => "0s".to_owned(),
        s if s < 1e-6 => format!("{:.0}ns", (s * 1e9).trunc()),
        s if s < 1e-3 => format!("{}µs", two_digits(s * 1e6)),
        s if s < 1.0 => format!("{}ms", two_digits(s * 1e3)),
        s if s < 60.0 => format!("{}s", two_digits(s)),
        s => {
            let minutes = (s / 60.0).trunc();
            let rest = format!("{:.0}s", (s % 60.0).trunc());
            if minutes < 60.0 {
                return format!("{minutes:.0}m{rest}");
            }
            let hours = (minutes / 60.0).trunc();
            format!("{hours:.0}h{:.0}m{rest}", minutes % 60.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_k6() {
        let shown = [
            0.0,
            5e-7,
            0.000_665_359,
            0.001_2,
            0.999_999,
            4.1,
            72.9,
            3_725.0,
        ]
        .map(duration);
        let expected = [
            "0s",
            "500ns",
            "665.35µs",
            "1.2ms",
            "999.99ms",
            "4.1s",
            "1m12s",
            "1h2m5s",
        ];
        assert_eq!(shown, expected);
    }
}
