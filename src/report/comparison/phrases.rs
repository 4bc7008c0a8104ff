//! Differences in words.

use super::CompareView;
use crate::experiment::{Compared, Comparison, Stop, Word};
use crate::metrics::{Metric, Unit};
use crate::objective::show;
use crate::report::words::{list, two_digits};
use crate::stats::Estimate;
use crate::units::three_digits;

/// From here on one speaks of factors.
const DOUBLED: f64 = 1.0;

/// What comes of it, in a sentence.
pub fn verdict(view: CompareView<'_>) -> String {
    let found = view.found;
    let overloaded: Vec<&str> = [("A", &found.a), ("B", &found.b)]
        .into_iter()
        .filter(|(_, own)| own.overflow_s.is_some())
        .map(|(name, _)| name)
        .collect();
    if !overloaded.is_empty() {
        let be = if overloaded.len() == 1 { "is" } else { "are" };
        return format!(
            "{} {be} hopelessly overloaded, so no other difference means anything",
            list(&overloaded)
        );
    }
    if view.changes.is_empty() {
        return "nothing was changed: A and B are the same configuration".to_owned();
    }
    if found.pairs < 2 {
        return "one pair of replications has no interval, so nothing can be told apart: set run.replications to 5 or more".to_owned();
    }
    let mut clauses: Vec<String> = Vec::new();
    let cost = |own: &&Compared| own.name == Metric::Cost.name();
    clauses.extend(found.main().filter(cost).filter_map(of_cost));
    let others = || found.main().filter(|own| !cost(own));
    for own in others() {
        clauses.extend(of_difference(own));
    }
    let same: Vec<&str> = found
        .main()
        .filter(|own| own.word == Word::Same)
        .map(|own| own.words.as_str())
        .collect();
    if !same.is_empty() {
        let be = if same.len() == 1 { "is" } else { "are" };
        clauses.push(format!(
            "its {} {be} the same (within {} %)",
            list(&same),
            three_digits(found.tolerance * 100.0)
        ));
    }
    clauses.extend(found.main().filter_map(of_doubt));
    format!("B {}", clauses.join("; ")).replacen("B its", "B: its", 1)
}

fn of_cost(own: &Compared) -> Option<String> {
    let by = own.relative.as_ref().map(percent);
    match own.word {
        Word::Better => Some(format!(
            "is {}cheaper",
            by.map_or(String::new(), |by| by + " ")
        )),
        Word::Worse => Some(match by {
            Some(by) => format!("is {by} dearer"),
            None => format!("costs {}", show(Unit::Dollars, own.b?.value)),
        }),
        _ => None,
    }
}

fn of_difference(own: &Compared) -> Option<String> {
    let is_up = own.difference?.value > 0.0;
    if !matches!(
        own.word,
        Word::Better | Word::Worse | Word::Higher | Word::Lower
    ) {
        return match own.word {
            Word::OnlyA => Some(format!("has no {}", own.words)),
            Word::OnlyB => Some(format!("has a {}, which A has not", own.words)),
            _ => None,
        };
    }
    let way = if is_up { "higher" } else { "lower" };
    let relative = own.relative.filter(|own| own.interval.is_some());
    // Of a share the points are what is spoken of.
    let by = match relative {
        Some(relative) if own.unit != Unit::Fraction && relative.value >= DOUBLED => {
            let times = relative.map(|own| own + 1.0);
            let half = times.half_width().map_or(0.0, |half| half);
            let times = three_digits(times.value);
            let words = &own.words;
            return Some(format!(
                "its {words} is {times} ± {} times as high",
                two_digits(half)
            ));
        }
        Some(relative) if own.unit != Unit::Fraction => percent(&relative),
        _ => {
            let size = own.difference?.map(|by| if is_up { by } else { -by });
            let (low, high) = size.interval.unwrap_or((size.value, size.value));
            between(own.unit, low, high)
        }
    };
    Some(format!("its {} is {by} {way}", own.words))
}

fn of_doubt(own: &Compared) -> Option<String> {
    (own.word == Word::Undecided).then(|| {
        let by = match own.relative.and_then(|own| own.interval) {
            Some((low, high)) if own.unit != Unit::Fraction => {
                format!(" ({} … {} %)", signed(low * 100.0), signed(high * 100.0))
            }
            _ => interval(own).map_or(String::new(), |text| format!(" ({text})")),
        };
        format!("its {} cannot be told from A's{by}", own.words)
    })
}

/// A relative difference without its direction: `31 % ± 4`.
pub(in crate::report) fn percent(relative: &Estimate) -> String {
    let share = three_digits(relative.value.abs() * 100.0);
    let half = relative.interval.map(|(low, high)| {
        let half = (high - relative.value).max(relative.value - low);
        if half > 1e-9 {
            (half * 100.0).max(0.005)
        } else {
            0.0
        }
    });
    let half = half.filter(|half| *half > 0.0).map(two_digits);
    half.map_or(format!("{share} %"), |half| format!("{share} % ± {half}"))
}

/// The interval of a difference: `-1.53 s … -1.41 s`; of shares in points.
pub(in crate::report) fn interval(own: &Compared) -> Option<String> {
    let (low, high) = own.difference?.interval?;
    let is_exact = high - low <= (low.abs() + high.abs()) * 1e-9;
    Some(match own.unit {
        Unit::Fraction if is_exact => format!("{} points", signed(low * 100.0)),
        unit if is_exact => with_sign(unit, low),
        Unit::Fraction => {
            let [low, high] = [low, high].map(|end| signed(end * 100.0));
            format!("{low} … {high} points")
        }
        unit => format!("{} … {}", with_sign(unit, low), with_sign(unit, high)),
    })
}

/// A positive stretch of a difference.
fn between(unit: Unit, low: f64, high: f64) -> String {
    match unit {
        Unit::Fraction => {
            let [low, high] = [low, high].map(|end| three_digits(end * 100.0));
            format!("{low} to {high} points")
        }
        unit => format!("{} to {}", show(unit, low.max(0.0)), show(unit, high)),
    }
}

fn with_sign(unit: Unit, value: f64) -> String {
    let sign = match value {
        v if v > 0.0 => "+",
        v if v < 0.0 => "-",
        _ => "",
    };
    format!("{sign}{}", show(unit, value.abs()))
}

fn signed(value: f64) -> String {
    if value > 0.0 {
        format!("+{}", three_digits(value))
    } else {
        three_digits(value)
    }
}

/// What a difference means, in a word.
pub(in crate::report) const fn word(word: Word) -> &'static str {
    match word {
        Word::Better => "better",
        Word::Worse => "worse",
        Word::Higher => "higher",
        Word::Lower => "lower",
        Word::Same => "same",
        Word::Undecided => "undecided",
        Word::OnlyA => "only A",
        Word::OnlyB => "only B",
    }
}

/// How much the common random numbers were worth, in a sentence.
pub(in crate::report) fn drawn_alike(found: &Comparison) -> String {
    let saw = match found.same_requests {
        Some(n) => format!(
            "Both saw the same {} requests in each pair of replications",
            crate::units::with_suffix(n)
        ),
        None => "Both had the same random numbers, but not the same number of requests".to_owned(),
    };
    let saved: Vec<(f64, &str)> = found
        .main()
        .filter_map(|own| Some((own.saved?, own.words.as_str())))
        .collect();
    let least = saved.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0));
    let most = saved.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0));
    let times = |(factor, name): (f64, &str)| format!("{} for {name}", three_digits(factor));
    match (least, most) {
        (Some((factor, name)), Some(most)) if name == most.1 => format!(
            "{saw}: without that, the same interval takes {} times as many for {name}.",
            three_digits(factor)
        ),
        (Some(least), Some(most)) => format!(
            "{saw}: without that, the same intervals take more pairs, by factors from {} to {}.",
            times(least),
            times(most)
        ),
        _ => format!("{saw}."),
    }
}

/// What the intervals are, and why there were no more pairs.
pub(in crate::report) fn precision(found: &Comparison) -> String {
    let level = three_digits(found.level * 100.0);
    let main: Vec<&str> = found.main().map(|own| own.words.as_str()).collect();
    let together = match main.len() {
        0 | 1 => String::new(),
        _ => format!(
            " Those of {} hold together (Bonferroni); every other one by itself.",
            list(&main)
        ),
    };
    let stop = match found.stop {
        Stop::Precise => " There were as many pairs as the asked precision took.",
        Stop::AtMost => " The asked precision was not reached with at_most pairs.",
        Stop::AsAsked | Stop::Decided => "",
    };
    format!(
        "{level} % intervals of the paired differences; less than {} % is \"same\".{together}{stop}",
        three_digits(found.tolerance * 100.0)
    )
}
