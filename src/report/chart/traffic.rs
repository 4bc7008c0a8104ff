//! Offered against served requests over time, and instances on the same clock.

use std::borrow::Cow;

use super::Chart;
use super::instances::{Count, draw_counts, instances};
use super::over_time::{Fold, clock, most, points, shade_unmeasured, windows_per_point, with_data};
use super::palette::{BOUND, BOUND_TEXT, Colour, IN_VAIN, MAIN, MUTED, UNSURE, UNSURE_TEXT};
use super::panel::{EndLabel, Frame, Look, Panel, room_beside, room_for};
use super::scale::Scale;
use super::sheet::{Heading, MARGIN, Sheet, WIDTH};
use super::wording::{most_missed, source};
use crate::experiment::{Column, Findings};
use crate::metrics::{Metric, Unit};
use crate::objective::show;
use crate::report::words;
use crate::stats::Estimate;
use crate::units::three_digits;

/// A rate over time.
struct Rate<'a> {
    name: &'static str,
    column: Cow<'a, Column>,
    look: Look,
    text: Colour,
}

/// The chart; nothing without requests.
pub(super) fn chart(title: &str, findings: &Findings) -> Option<Chart> {
    let offered = with_data(findings, "", "offered_per_s")?;
    if most([offered]) <= 0.0 {
        return None;
    }
    let rates = rates(findings, offered);
    let (what, counts) = instances(findings);
    let source = source(title, findings, "bands");
    let heading = Heading {
        title: finding(findings, offered) + &of_what_was_due(findings),
        subtitle: subtitle(findings, &rates, &counts),
        source: &source,
    };
    let has_counts = !counts.is_empty();
    let mut sheet = Sheet::new(&heading, if has_counts { 1160.0 } else { 860.0 });
    let y = Scale::from_zero(
        Unit::PerSecond,
        most(rates.iter().map(|rate| rate.column.as_ref())),
    );
    let n_most = counts
        .iter()
        .flat_map(|count| count.steps.iter().map(|step| step.value.value));
    let y_counts = Scale::from_zero(Unit::Number, n_most.fold(0.0, f64::max));
    let names = rates.iter().map(|rate| rate.name);
    let names = names.chain(counts.iter().map(|count| count.name.as_str()));
    let (top, bottom) = (sheet.top + 44.0, sheet.bottom() - 36.0);
    let split = if has_counts {
        top + (bottom - top) * 0.6
    } else {
        bottom
    };
    let frame = Frame {
        left: MARGIN + room_beside(&y).max(room_beside(&y_counts)),
        top,
        right: WIDTH - MARGIN - room_for(names),
        bottom: split,
    };
    let upper = Panel::new(frame, clock(findings), y);
    let has_attempts = rates.iter().any(|rate| rate.name == "attempts");
    let what_comes = if has_attempts {
        "Requests and attempts per second"
    } else {
        "Requests per second"
    };
    upper.heading(&mut sheet, what_comes);
    shade_unmeasured(&mut sheet, &upper, findings);
    upper.grid(&mut sheet, !has_counts);
    draw_rates(&mut sheet, &upper, findings, &rates);
    if has_counts {
        let frame = Frame {
            top: split + 70.0,
            bottom,
            ..frame
        };
        let lower = Panel::new(frame, clock(findings), y_counts);
        lower.heading(&mut sheet, &what);
        lower.grid(&mut sheet, true);
        draw_counts(&mut sheet, &lower, &counts);
    }
    Some(Chart::of(findings, "traffic", sheet))
}

/// What is offered says little where a load test cannot begin much of what it should: the end of a
/// sentence, or nothing.
fn of_what_was_due(findings: &Findings) -> String {
    let much = most_missed(findings).filter(|(_, share)| *share >= 0.01);
    much.map_or_else(String::new, |(own, share)| {
        format!(
            "; {} could not begin {} of what was due",
            own.name,
            show(Unit::Fraction, share)
        )
    })
}

/// What the chart shows, as a sentence.
fn finding(findings: &Findings, offered: &Column) -> String {
    let rate = |metric: Metric| findings.figure(metric).map(|figure| figure.value);
    let peak = rate(Metric::OfferedPeak).unwrap_or_else(|| most([offered]));
    let peak_text = show(Unit::PerSecond, peak);
    if let Some(at) = findings.overflow_s {
        let at = words::clock(at);
        return format!(
            "Overloaded at {peak_text}: the run was stopped at {at} with too many requests in flight"
        );
    }
    if let Some(sentence) = recovery(findings).or_else(|| persistence(findings)) {
        return sentence;
    }
    let answered = rate(Metric::GoodputPeak).unwrap_or(peak);
    // Users who all start at once offer more than anybody ever answers.
    let upto = show(Unit::PerSecond, answered.min(peak));
    match rate(Metric::ErrorRate) {
        None => format!("Up to {peak_text} are offered; none of them has ended yet"),
        Some(0.0) => format!("Every request is served, up to {upto}"),
        Some(share) if share < 1e-5 => {
            format!("All but 0.001 % of requests are served, up to {upto}")
        }
        Some(share) if answered < 0.95 * peak => format!(
            "{} of requests are not served: at most {} of {peak_text} are answered",
            show(Unit::Fraction, share),
            show(Unit::PerSecond, answered),
        ),
        Some(share) => format!(
            "{} of requests are not served, up to {peak_text} are offered",
            show(Unit::Fraction, share)
        ),
    }
}

/// What a burst does to the system, as a sentence; nothing if it takes it in its stride.
fn recovery(findings: &Findings) -> Option<String> {
    let own = findings.recovery.as_ref()?;
    let down = words::clock(own.down_s);
    if own.is_metastable() {
        let each = three_digits(own.attempts_per_request);
        return Some(format!(
            "Down from {down}, and it stays down: clients attempt each request {each} times, and leave before it is answered"
        ));
    }
    let back = own.recovered_s.filter(|at| *at > own.back_s)?;
    Some(format!(
        "Down from {down}, back at {}: {} after the traffic is",
        words::clock(back),
        words::clock(back - own.back_s)
    ))
}

/// Retries and answers in vain are worth a title from these on.
const MANY_ATTEMPTS: f64 = 1.1;
/// See [`MANY_ATTEMPTS`].
const MUCH_IN_VAIN: f64 = 0.1;

/// What clients who persist do to the system, as a sentence; nothing where that is little.
fn persistence(findings: &Findings) -> Option<String> {
    let value = |metric: Metric| findings.figure(metric).map(|figure| figure.value);
    let attempts = value(Metric::AttemptsPerRequest).filter(|each| *each >= MANY_ATTEMPTS);
    let in_vain = value(Metric::Throughput)
        .zip(value(Metric::Goodput))
        .filter(|(all, _)| *all > 0.0)
        .map(|(all, good)| 1.0 - good / all)
        .filter(|share| *share >= MUCH_IN_VAIN)
        .map(|share| show(Unit::Fraction, share));
    let each = attempts.map(three_digits);
    Some(match (each, in_vain) {
        (None, None) => return None,
        (Some(each), Some(share)) => format!(
            "Clients attempt each request {each} times, and {share} of the answers come when nobody waits for them any more"
        ),
        (None, Some(share)) => {
            format!("{share} of the answers come when nobody waits for them any more")
        }
        (Some(each), None) => {
            let failed = value(Metric::ErrorRate).unwrap_or(0.0);
            format!(
                "Clients attempt each request {each} times; {} of requests are not served in the end",
                show(Unit::Fraction, failed)
            )
        }
    })
}

fn subtitle(findings: &Findings, rates: &[Rate<'_>], counts: &[Count]) -> String {
    let window = findings
        .series
        .bounds_s
        .get(1)
        .zip(findings.series.bounds_s.first());
    let window = window.map_or(String::new(), |(b, a)| {
        format!(
            ", in windows of {}",
            words::span((b - a) * windows_per_point(findings) as f64)
        )
    });
    let mut names: Vec<&str> = rates.iter().map(|rate| rate.name).collect();
    names[1..].reverse();
    let instances = if counts.is_empty() {
        ""
    } else {
        "; and the instances there were"
    };
    format!("Per second{window}: {}{instances}", words::list(&names))
}

fn rates<'a>(findings: &'a Findings, offered: &'a Column) -> Vec<Rate<'a>> {
    let rate = |name, column, colour, text, thick| Rate {
        name,
        column,
        look: Look::new(colour, thick),
        text,
    };
    let own = |figure| with_data(findings, "", figure);
    let mut rates = vec![rate("offered", Cow::Borrowed(offered), MUTED, MUTED, 8)];
    let attempts = own("attempts_per_s").filter(|column| visibly_above(column, offered));
    if let Some(column) = attempts {
        rates.push(rate(
            "attempts",
            Cow::Borrowed(column),
            UNSURE,
            UNSURE_TEXT,
            5,
        ));
    }
    if let Some(column) = own("unserved_per_s").filter(|column| most([*column]) > 0.0) {
        rates.push(rate(
            "not served",
            Cow::Borrowed(column),
            BOUND,
            BOUND_TEXT,
            4,
        ));
    }
    let Some(in_time) = own("served_per_s") else {
        return rates;
    };
    let all = own("answered_per_s").filter(|all| visibly_above(all, in_time));
    if let Some(all) = all {
        let in_vain = Cow::Owned(difference(all, in_time));
        rates.push(rate("answered in vain", in_vain, IN_VAIN, IN_VAIN, 4));
    }
    let name = if all.is_some() {
        "answered in time"
    } else {
        "answered"
    };
    rates.push(rate(name, Cow::Borrowed(in_time), MAIN, MAIN, 4));
    rates
}

/// Curves closer together than this share of the panel cannot be told apart.
const VISIBLE: f64 = 0.03;

/// True if `upper` is so far above `lower` somewhere that it is seen.
fn visibly_above(upper: &Column, lower: &Column) -> bool {
    let least = VISIBLE * most([upper, lower]);
    let pairs = upper.values.iter().zip(&lower.values);
    pairs
        .filter_map(|(upper, lower)| Some(upper.as_ref()?.value - lower.as_ref()?.value))
        .any(|more| more > least)
}

/// One column without another. Of a difference of means the interval is not known.
fn difference(all: &Column, part: &Column) -> Column {
    let values = all.values.iter().zip(&part.values);
    let rest = |(all, part): (&Option<Estimate>, &Option<Estimate>)| {
        let value = (all.as_ref()?.value - part.as_ref()?.value).max(0.0);
        Some(Estimate {
            value,
            interval: None,
        })
    };
    Column {
        values: values.map(rest).collect(),
        ..all.clone()
    }
}

fn draw_rates(sheet: &mut Sheet, panel: &Panel, findings: &Findings, rates: &[Rate<'_>]) {
    let mut labels = Vec::new();
    for rate in rates {
        panel.curve(
            sheet,
            &points(findings, &rate.column, Fold::Mean),
            rate.look,
        );
        if let Some(last) = rate.column.values.iter().rev().flatten().next() {
            labels.push(EndLabel {
                text: rate.name.to_owned(),
                y: panel.y.at(last.value),
                colour: rate.text,
            });
        }
    }
    panel.end_labels(sheet, &labels);
}
