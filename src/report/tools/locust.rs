//! The tables that Locust 2 prints at the end of a run without its web page.

use super::{Tally, UNKNOWN, per_second, whole};
use crate::experiment::SourceFindings;

/// Columns of the type of a request.
const TYPE: usize = 8;
/// Columns of its name, on a terminal of a hundred columns.
const NAME: usize = 20;

/// The tables.
pub(super) fn report(source: &SourceFindings) -> String {
    // The first table saves four columns elsewhere.
    let name = NAME - TYPE + 4;
    let mut text = format!(
        "{:<TYPE$} {:<name$} {:>7} {:>12} |{:>7} {:>7} {:>7}{:>7} | {:>7} {:>11}\n",
        "Type", "Name", "# reqs", "# fails", "Avg", "Min", "Max", "Med", "req/s", "failures/s"
    );
    let rule = ruled(&[TYPE, name, 7, 13, 7, 7, 7, 7, 8, 11]);
    let tally = Tally::of(source);
    let (sent, failed) = (tally.sent(), tally.failed());
    let share = if sent > 0.0 { failed / sent } else { 0.0 };
    let answers = source.answers.as_ref();
    let [avg, min, max, med] = answers.map_or(
        [const { String::new() }; 4].map(|_| "0".to_owned()),
        |own| {
            let ms = |seconds: f64| format!("{:.0}", (seconds * 1e3).trunc());
            [
                ms(own.mean_s.value),
                ms(own.min_s),
                ms(own.max_s),
                bucket(own.p50_s.value),
            ]
        },
    );
    text.push_str(&format!("{rule}\n{rule}\n"));
    text.push_str(&format!(
        "{:<TYPE$} {:<name$} {:>7} {:>12} |{avg:>7} {min:>7} {max:>7}{med:>7} | {:>7.2} {:>11.2}\n\n",
        "",
        "Aggregated",
        whole(sent),
        format!("{}({:.2}%)", whole(failed), share * 100.0),
        per_second(sent, source),
        per_second(failed, source),
    ));
    text.push_str("Response time percentiles (approximated)\n");
    let row = |first: &str, name: &str, cells: [String; 11], last: &str| {
        let [median, rest @ ..] = cells;
        let rest: Vec<_> = rest.iter().map(|cell| format!("{cell:>6}")).collect();
        format!(
            "{first:<TYPE$} {name:<NAME$} {median:>8} {} {last:>6}\n",
            rest.join(" ")
        )
    };
    let head = [
        "50%", "66%", "75%", "80%", "90%", "95%", "98%", "99%", "99.9%", "99.99%", "100%",
    ];
    text.push_str(&row("Type", "Name", head.map(str::to_owned), "# reqs"));
    let rule = ruled(&[TYPE, NAME, 8, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6]);
    text.push_str(&format!("{rule}\n{rule}\n"));
    if let Some(own) = answers {
        let unknown = || UNKNOWN.to_owned();
        let cells = [
            bucket(own.p50_s.value),
            unknown(),
            bucket(own.p75_s.value),
            unknown(),
            bucket(own.p90_s.value),
            bucket(own.p95_s.value),
            unknown(),
            bucket(own.p99_s.value),
            bucket(own.p999_s.value),
            unknown(),
            bucket(own.max_s),
        ];
        text.push_str(&row("", "Aggregated", cells, &whole(sent)));
    }
    text.push('\n');
    text.push_str(&errors(source, tally));
    text
}

/// What went wrong, and how often; nothing if nothing did.
fn errors(source: &SourceFindings, tally: Tally) -> String {
    let causes = crate::metrics::Outcome::ALL.iter().filter_map(|outcome| {
        let n = source.ended(*outcome);
        let counts = !outcome.is_success() && *outcome != crate::metrics::Outcome::Interrupted;
        (counts && n.round() > 0.0).then(|| (whole(n), outcome.words()))
    });
    let causes: Vec<_> = causes.collect();
    if causes.is_empty() || tally.failed().round() == 0.0 {
        return String::new();
    }
    let rule = ruled(&[18, 80 + NAME - 19]);
    let mut text = format!("Error report\n{:<18} Error\n{rule}\n", "# occurrences");
    for (n, words) in causes {
        text.push_str(&format!("{n:<18} {words}\n"));
    }
    text + &rule + "\n"
}

fn ruled(columns: &[usize]) -> String {
    let columns: Vec<_> = columns.iter().map(|wide| "-".repeat(*wide)).collect();
    columns.join("|")
}

/// A time in milliseconds as Locust keeps it: two significant digits from 100 ms on.
fn bucket(seconds: f64) -> String {
    let ms = seconds * 1e3;
    let step = match ms {
        ms if ms < 100.0 => 1.0,
        ms if ms < 1_000.0 => 10.0,
        ms if ms < 10_000.0 => 100.0,
        _ => 1_000.0,
    };
    whole((ms / step).round() * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_as_locust_does() {
        let shown = [0.000_4, 0.052_4, 0.147, 3.432, 58_760e-3].map(bucket);
        assert_eq!(shown, ["0", "52", "150", "3400", "59000"]);
    }
}
