//! The report of wrk 4, with its latency distribution (`--latency`).

use super::{Tally, UNKNOWN, per_second, whole};
use crate::experiment::SourceFindings;

/// The report.
pub(super) fn report(source: &SourceFindings) -> String {
    let tally = Tally::of(source);
    let late = source.late.map_or(0.0, |own| own.value);
    let completed = tally.answered();
    let rate = per_second(completed, source);
    let asked = source.threads;
    let (threads, connections) = asked.map_or_else(
        || (UNKNOWN.to_owned(), UNKNOWN.to_owned()),
        |(threads, connections)| (threads.to_string(), connections.to_string()),
    );
    let mut text = format!(
        "Running {} test @ {UNKNOWN}\n  {threads} threads and {connections} connections\n",
        units(source.seconds, "s", &["m"], 60.0, 0),
    );
    // wrk corrects its latencies before it prints them; too few answers to do so leave them as they are.
    let latency = source.corrected.as_ref().or(source.answers.as_ref());
    let each = asked.map(|(threads, _)| rate / f64::from(threads.max(1)));
    let row = |name: &str, avg: &str, sd: &str, max: &str, within: &str| {
        format!(
            "    {name:<10}{}{}{}{within:>9}\n",
            placed(avg, 8),
            placed(sd, 10),
            placed(max, 9)
        )
    };
    text.push_str("  Thread Stats   Avg      Stdev     Max   +/- Stdev\n");
    text.push_str(&latency.map_or_else(
        || row("Latency", "0.00us", "0.00us", "0.00us", "nan%"),
        |own| {
            let within = format!("{:.2}%", own.within_sd * 100.0);
            let [avg, sd, max] = [own.mean_s.value, own.sd_s, own.max_s].map(time);
            row("Latency", &avg, &sd, &max, &within)
        },
    ));
    let each = each.map_or(UNKNOWN.to_owned(), metric);
    text.push_str(&row("Req/Sec", &each, UNKNOWN, UNKNOWN, UNKNOWN));
    if let Some(own) = latency {
        text.push_str("  Latency Distribution\n");
        let quantiles = [
            (50, own.p50_s),
            (75, own.p75_s),
            (90, own.p90_s),
            (99, own.p99_s),
        ];
        for (percent, own) in quantiles {
            text.push_str(&format!("{percent:>7}%{}\n", placed(&time(own.value), 10)));
        }
    }
    text.push_str(&format!(
        "  {} requests in {}, {UNKNOWN} read\n",
        whole(completed),
        time(source.seconds)
    ));
    let errors = [tally.refused, tally.reset, late + tally.timed_out].map(f64::round);
    if errors.iter().any(|n| *n > 0.0) {
        let [connect, read, timeout] = errors.map(whole);
        text.push_str(&format!(
            "  Socket errors: connect {connect}, read {read}, write 0, timeout {timeout}\n"
        ));
    }
    if tally.errors.round() > 0.0 {
        text.push_str(&format!(
            "  Non-2xx or 3xx responses: {}\n",
            whole(tally.errors)
        ));
    }
    text.push_str(&format!("Requests/sec: {rate:>9.2}\n"));
    text.push_str(&format!("Transfer/sec: {UNKNOWN:>10}\n"));
    text
}

/// A value at the right of its column, with its unit beyond it as wrk aligns it.
fn placed(text: &str, wide: usize) -> String {
    let mut last = text.chars().rev();
    let letters = [last.next(), last.next()];
    let letters = letters.iter().flatten().filter(|c| c.is_ascii_alphabetic());
    let pad = 2 - letters.count();
    format!("{text:>wide$}{}", " ".repeat(pad), wide = wide - pad)
}

/// A time, from microseconds on: `850.00us`, `1.63s`, `1.00m`.
fn time(seconds: f64) -> String {
    if seconds < 1.0 {
        units(seconds * 1e6, "us", &["ms"], 1e3, 2)
    } else {
        units(seconds, "s", &["m"], 60.0, 2)
    }
}

/// A number with its power of a thousand.
fn metric(value: f64) -> String {
    units(value, "", &["k", "M", "G", "T"], 1e3, 2)
}

/// A value in the unit that wrk chooses: the next one from 85 % of it on.
fn units(value: f64, base: &str, further: &[&str], scale: f64, digits: usize) -> String {
    let (mut value, mut unit) = (value, base);
    for next in further {
        if value < scale * 0.85 {
            break;
        }
        (value, unit) = (value / scale, next);
    }
    format!("{value:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_wrk() {
        let shown = [0.0, 0.000_15, 0.000_86, 0.883, 0.999, 1.35, 30.0, 52.0].map(time);
        let expected = [
            "0.00us", "150.00us", "0.86ms", "883.00ms", "999.00ms", "1.35s", "30.00s", "0.87m",
        ];
        assert_eq!(shown, expected);
        assert_eq!([20.72, 12_960.0].map(metric), ["20.72", "12.96k"]);
        assert_eq!(placed("1.63s", 10), "    1.63s ");
        assert_eq!(placed("409.18ms", 10), "  409.18ms");
    }
}
