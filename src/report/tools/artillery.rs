//! The summary report of Artillery 2.

use super::{Tally, UNKNOWN, per_second, whole};
use crate::experiment::{SourceFindings, Spread};
use crate::stats::Estimate;

/// Columns up to where values stand.
const WIDE: usize = 79;

/// The report.
pub(super) fn report(source: &SourceFindings) -> String {
    let tally = Tally::of(source);
    let n = |value: Option<Estimate>| value.map_or(0.0, |own| own.value);
    let heading = format!("Summary report @ {UNKNOWN}");
    let line = "-".repeat(heading.len());
    let mut text = format!(
        "All VUs finished. Total time: {}\n\n{line}\n{heading}\n{line}\n\n",
        total_time(source.seconds)
    );
    // By name, as Artillery sorts them. What never happened is not there.
    let mut count = |name: &str, n: f64| {
        if n.round() > 0.0 {
            text.push_str(&padded(name, &whole(n)));
        }
    };
    count("errors.ECONNREFUSED", tally.refused);
    count("errors.ECONNRESET", tally.reset);
    count("errors.ETIMEDOUT", tally.timed_out);
    count("http.codes.200", tally.ok);
    count("http.codes.304", tally.not_modified);
    count("http.codes.5xx", tally.errors);
    text.push_str(&padded("http.downloaded_bytes", UNKNOWN));
    let rate = whole(per_second(tally.sent(), source)) + "/sec";
    text.push_str(&padded("http.request_rate", &rate));
    text.push_str(&padded("http.requests", &whole(tally.sent())));
    if let Some(own) = &source.answers {
        text.push_str(&summary("http.response_time", own, true));
        // Answers of one sort are not kept apart: they are known where there are no others.
        if tally.failed().round() == 0.0 {
            text.push_str(&summary("http.response_time.2xx", own, true));
        }
    }
    text.push_str(&padded("http.responses", &whole(tally.answered())));
    let (begun, failed) = (n(source.begun), n(source.broken_off));
    text.push_str(&padded("vusers.completed", &whole(n(source.done) - failed)));
    text.push_str(&padded("vusers.created", &whole(begun)));
    text.push_str(&padded("vusers.created_by_name.0", &whole(begun)));
    text.push_str(&padded("vusers.failed", &whole(failed)));
    if let Some(own) = &source.rounds {
        text.push_str(&summary("vusers.session_length", own, false));
    }
    if n(source.skipped).round() > 0.0 {
        text.push_str(&padded("vusers.skipped", &whole(n(source.skipped))));
    }
    text
}

fn padded(name: &str, value: &str) -> String {
    let dots = ".".repeat(WIDE.saturating_sub(name.chars().count() + 1));
    format!("{name}: {dots} {value}\n")
}

/// A distribution of times, in milliseconds. Artillery measures answers in whole ones.
fn summary(name: &str, own: &Spread, is_whole: bool) -> String {
    let end = |seconds: f64| {
        if is_whole {
            whole(seconds * 1e3)
        } else {
            tenths(seconds)
        }
    };
    let rows = [
        ("  min", end(own.min_s)),
        ("  max", end(own.max_s)),
        ("  mean", tenths(own.mean_s.value)),
        ("  median", tenths(own.p50_s.value)),
        ("  p95", tenths(own.p95_s.value)),
        ("  p99", tenths(own.p99_s.value)),
    ];
    let rows = rows.iter().map(|(name, value)| padded(name, value));
    format!("{name}:\n{}", rows.collect::<String>())
}

/// Milliseconds with one digit behind the point, unless it is a zero.
fn tenths(seconds: f64) -> String {
    let text = format!("{:.1}", seconds * 1e3);
    text.trim_end_matches(".0").to_owned()
}

/// The length of a test: `1 minute, 37 seconds`.
fn total_time(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let parts = [
        (days, "day", days > 0),
        (hours, "hour", days + hours > 0),
        (seconds / 60 % 60, "minute", seconds >= 60),
        (seconds % 60, "second", true),
    ];
    let parts = parts.iter().filter(|part| part.2);
    let parts = parts.map(|(n, what, _)| format!("{n} {what}{}", if *n == 1 { "" } else { "s" }));
    parts.collect::<Vec<_>>().join(", ")
}
