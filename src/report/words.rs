//! How findings are put into words: figures with their intervals, stretches of time, what breaks first.

use crate::component::service::STAGES;
use crate::experiment::{
    Advisory, Bottleneck, Findings, ObjectiveFindings, Recovery, StatedFindings, Stop, Violation,
};
use crate::metrics::{Metric, Unit};
use crate::objective::{Verdict, show};
use crate::stats::Estimate;
use crate::units::{SimDuration, SimTime, three_digits, with_suffix};

/// A figure with its interval, in the unit that suits it: `1.84 s ± 0.11`, `99.31 % ± 0.08`. Without an
/// interval, the figure alone.
pub fn estimate(unit: Unit, estimate: &Estimate) -> String {
    let value = show(unit, estimate.value);
    let Some(half) = estimate.half_width() else {
        return value;
    };
    let scale = match unit {
        Unit::Seconds => scale_of_seconds(estimate.value),
        Unit::Fraction => 100.0,
        Unit::PerSecond => scale_of_rate(estimate.value),
        Unit::Dollars | Unit::Number => 1.0,
    };
    let half = if unit == Unit::Fraction || half == 0.0 {
        half
    } else {
        // Finer than a tenth of the last digit that is shown, an interval is only noise to the reader;
        // rounded up it stays true.
        half.max(estimate.value.abs() * finest_share(estimate.value * scale))
    };
    format!("{value} ± {}", two_digits(half * scale))
}

/// A tenth of the third significant digit of a number, as a share of it.
fn finest_share(number: f64) -> f64 {
    if number == 0.0 {
        return 0.0;
    }
    let leading = 10f64.powi(crate::math::log10(number.abs()).floor() as i32);
    leading / 1000.0 / number.abs()
}

/// An estimate that may be missing.
pub fn maybe(unit: Unit, value: Option<&Estimate>) -> String {
    value.map_or_else(|| "no data".to_owned(), |value| estimate(unit, value))
}

/// The factor from seconds to the unit in which a span of that length is shown.
fn scale_of_seconds(seconds: f64) -> f64 {
    match seconds.abs() {
        s if s < 999.5e-9 => 1e9,
        s if s < 999.5e-6 => 1e6,
        s if s < 999.5e-3 => 1e3,
        s if s < 119.5 => 1.0,
        s if s < 7200.0 => 1.0 / 60.0,
        _ => 1.0 / 3600.0,
    }
}

fn scale_of_rate(per_second: f64) -> f64 {
    match per_second.abs() {
        r if r >= 999.5e6 => 1e-9,
        r if r >= 999.5e3 => 1e-6,
        r if r >= 999.5 => 1e-3,
        _ => 1.0,
    }
}

/// Two significant digits, never as an exponent: `0.11`, `12`, `0.0031`.
pub(super) fn two_digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = crate::math::log10(value.abs()).floor() as i32;
    let decimals = (1 - magnitude).clamp(0, 9) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A position on the clock of the run.
pub fn clock(seconds: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(seconds)
}

/// A span of seconds for people.
pub fn span(seconds: f64) -> SimDuration {
    SimDuration::from_secs_f64(seconds)
}

/// The unit of a metric by its name; a plain number for a name that is none.
pub fn unit_of(metric: &str) -> Unit {
    Metric::by_name(metric).map_or(Unit::Number, Metric::unit)
}

/// The sign of a verdict, and what stands for it where there are only ASCII characters.
pub const fn sign(verdict: Verdict, unicode: bool) -> &'static str {
    match (verdict, unicode) {
        (Verdict::Met, true) => "✓",
        (Verdict::NotMet, true) => "✗",
        (Verdict::Undecided, true) => "?",
        (Verdict::Met, false) => "ok",
        (Verdict::NotMet, false) => "FAIL",
        (Verdict::Undecided, false) => "??",
    }
}

/// The answer to "will it hold?", in a sentence.
pub fn answer(findings: &Findings) -> String {
    if let Some(at) = findings.overflow_s {
        return format!(
            "no: hopelessly overloaded, stopped at {} with too many requests in flight",
            clock(at)
        );
    }
    let metastable = findings.recovery.as_ref().filter(|own| own.is_metastable());
    if let Some(own) = metastable {
        return format!(
            "no: it goes down at {} and stays down, though the traffic is back to normal at {}: metastable",
            clock(own.down_s),
            clock(own.back_s)
        );
    }
    if findings.objectives.is_empty() {
        return "nothing to hold it against: the scenario has no objectives".to_owned();
    }
    let names = |verdict: Verdict| {
        let of = findings.objectives.iter().filter(|o| o.verdict == verdict);
        of.map(|o| o.name.as_str()).collect::<Vec<_>>()
    };
    match findings.verdict {
        Verdict::Met => "yes: every objective is met".to_owned(),
        Verdict::Undecided => {
            let open = names(Verdict::Undecided);
            format!("not certain: {} {} undecided", list(&open), be(&open))
        }
        Verdict::NotMet => {
            let missed = names(Verdict::NotMet);
            format!("no: {} {} missed", list(&missed), be(&missed))
        }
    }
}

/// What piled up in queues of background jobs, a sentence for each that had a backlog.
pub fn backlogs(findings: &Findings) -> Vec<String> {
    let queues = findings.queues.iter();
    queues
        .filter_map(|queue| {
            let own = queue.backlog?;
            let most = format!(
                "{}: up to {} messages wait, at {}",
                queue.name,
                with_suffix(own.most.round()),
                clock(own.most_s)
            );
            Some(match (own.worked_off_s, own.more_s) {
                (Some(at), _) => format!(
                    "{most}; worked off at {}, {} later.",
                    clock(at),
                    clock(at - own.most_s)
                ),
                (None, Some(more)) => format!(
                    "{most}; {} are left at the end, and take another {} at that pace.",
                    with_suffix(own.left.round()),
                    clock(more)
                ),
                (None, None) => format!(
                    "{most}; {} are left at the end, and it gets no less: consumers do not keep up.",
                    with_suffix(own.left.round())
                ),
            })
        })
        .collect()
}

/// What becomes of the system after a burst, in a sentence.
pub fn recovery(own: &Recovery) -> String {
    let rate = |value: f64| show(Unit::PerSecond, value);
    let before = format!(
        "Down from {}. The traffic is back to {} at {}, which was served before",
        clock(own.down_s),
        rate(own.offered_before),
        clock(own.back_s)
    );
    match own.recovered_s {
        Some(at) if at <= own.back_s => format!("{before}, and is again at once."),
        Some(at) => format!(
            "{before}, and is again from {} on, {} later.",
            clock(at),
            clock(at - own.back_s)
        ),
        None if own.is_metastable() => format!(
            "{before}; now {} of {} are served in time, and it gets no better: {} attempts per request keep the system busy with answers that nobody waits for any more. It comes back only if the load falls far below normal, or clients retry less: give `retry` a `budget`.",
            rate(own.goodput_at_end),
            rate(own.offered_at_end),
            three_digits(own.attempts_per_request)
        ),
        None => format!(
            "{before}; at the end of the run {} of {} are served in time{}.",
            rate(own.goodput_at_end),
            rate(own.offered_at_end),
            if own.improves {
                ", and it is getting better"
            } else {
                ""
            }
        ),
    }
}

/// True if the run ends while an objective is broken: whatever it took until then, it may take longer.
fn ends_in_trouble(findings: &Findings) -> bool {
    let broken = findings.objectives.iter().flat_map(|own| &own.violated);
    findings.overflow_s.is_some()
        || broken.map(|own| own.to_s).fold(0.0, f64::max) >= findings.horizon_s
}

/// How long the system took to come back, for a cell; `>` where it had not at the end.
pub fn back_in(findings: &Findings, recovery: &Estimate) -> String {
    let more = if ends_in_trouble(findings) { "> " } else { "" };
    format!("{more}{}", show(Unit::Seconds, recovery.value.round()))
}

/// How long the system was in trouble, and what that cost; nothing if it was not.
pub fn trouble(findings: &Findings) -> Option<String> {
    let figure = |metric| findings.figure(metric);
    let all = figure(Metric::TroubleTime).filter(|all| all.value > 0.0)?;
    let longest = figure(Metric::RecoveryTime)?;
    let time = estimate(Unit::Seconds, all);
    let mut text = format!("for {time}");
    if ends_in_trouble(findings) {
        text += ", up to the end";
    } else if longest.value > all.value {
        text += &format!(", back after {}", estimate(Unit::Seconds, longest));
    } else if longest.value < all.value {
        text += &format!(", at most {} at a time", estimate(Unit::Seconds, longest));
    }
    if let Some(lost) = figure(Metric::RequestsLost).filter(|lost| lost.value > 0.0) {
        text += &format!("; {}", with_suffix(lost.value));
        if let Some(half) = lost.half_width() {
            text += &format!(" ± {}", with_suffix(half));
        }
        text += " requests lost";
    }
    Some(text)
}

/// Whether stated figures can be true, in a sentence.
pub fn stated(own: &StatedFindings) -> String {
    let (rate, latency) = (
        show(Unit::PerSecond, own.rate),
        show(Unit::Seconds, own.latency_s),
    );
    let think = if own.think_s > 0.0 {
        format!(" that pause for {}", show(Unit::Seconds, own.think_s))
    } else {
        String::new()
    };
    let users = with_thousands(u64::from(own.users));
    if own.consistent {
        return format!(
            "{}: {rate} at {latency} is what {users} users{think} have by Little's law",
            own.source
        );
    }
    format!(
        "{}: {rate} at {latency} is inconsistent: {users} users{think} at {rate} wait {} each by Little's law; at {latency} they would send {}",
        own.source,
        show(Unit::Seconds, own.implied_latency_s),
        show(Unit::PerSecond, own.implied_rate)
    )
}

/// A whole number with its thousands set apart: `10,000`.
fn with_thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn be(names: &[&str]) -> &'static str {
    if names.len() == 1 { "is" } else { "are" }
}

/// `a, b and c`.
pub fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// When a figure was on the wrong side of its bound, in words: at most three stretches.
pub fn when(violated: &[Violation]) -> String {
    const SHOWN: usize = 3;
    let stretch = |v: &Violation| format!("{} to {}", clock(v.from_s), clock(v.to_s));
    let mut text = violated
        .iter()
        .take(SHOWN)
        .map(stretch)
        .collect::<Vec<_>>()
        .join(", ");
    if violated.len() > SHOWN {
        let rest: f64 = violated.iter().map(|v| v.to_s - v.from_s).sum();
        text = format!(
            "{text} and {} more, {} in all",
            violated.len() - SHOWN,
            span(rest)
        );
    }
    text
}

/// More replications than this nobody would wait for.
const WORTH_IT: u32 = 1000;

/// What is to be said of an objective beside its figure.
pub fn remark(objective: &ObjectiveFindings, replications: u32) -> String {
    match objective.verdict {
        Verdict::Undecided => match (objective.estimate, objective.would_need) {
            (None, _) => "no data".to_owned(),
            (Some(_), Some(needs)) if needs > replications && needs <= WORTH_IT => {
                format!("undecided: needs about {needs} replications (has {replications})")
            }
            (Some(_), Some(needs)) if needs > WORTH_IT => {
                "undecided: too close to the bound to be told apart from it".to_owned()
            }
            _ => "undecided".to_owned(),
        },
        _ if objective.violated.is_empty() => String::new(),
        _ => format!("on the wrong side {}", when(&objective.violated)),
    }
}

/// What breaks first, in a sentence with numbers.
pub fn bottleneck(found: &Bottleneck) -> String {
    let Bottleneck {
        component,
        what,
        unit,
        ..
    } = found;
    let of = if what == "CPU" {
        format!("the CPU of {component}")
    } else {
        format!("{what} on {component}")
    };
    let Some(full) = found.full else {
        let share = three_digits(found.utilization_peak * 100.0);
        return format!("nothing is full; busiest is {of}, {share} % in the busiest window");
    };
    let all = match three_digits(full.capacity).as_str() {
        "1" => format!("its only {unit}"),
        several => format!("all {several} {unit}s"),
    };
    let mut text = format!(
        "{of} is full from {} to {}: {all} in use",
        clock(full.from_s),
        clock(full.to_s)
    );
    if full.waiting >= 0.5 {
        text.push_str(&format!(
            ", {} waiting at the worst",
            with_suffix(full.waiting)
        ));
    }
    if let Some(wait) = found.wait_p99_s.filter(|wait| *wait > 0.0) {
        text.push_str(&format!(", p99 wait {}", span(wait)));
    }
    if let Some((database, busy)) = &found.behind {
        let busy = three_digits(busy * 100.0);
        text.push_str(&format!("; {database} itself is {busy} % busy at the most"));
    }
    text
}

/// What weakens a result, in a sentence that says what to do.
pub fn advisory(advisory: &Advisory) -> String {
    match advisory {
        Advisory::FewSamples { metric, have, want } => format!(
            "{metric} rests on {have} requests per replication (of {want} that it should): an order of magnitude; a longer run would tell more"
        ),
        Advisory::Imprecise { metric, have, want } => format!(
            "{metric} is known to ± {} %, {} % was asked: allow more replications",
            three_digits(have * 100.0),
            three_digits(want * 100.0)
        ),
        Advisory::StillInFlight { share } => format!(
            "{} of all requests were still in flight at the end and are in no figure: lengthen run.drain",
            show(Unit::Fraction, *share)
        ),
        Advisory::Overflow {
            replications,
            first_s,
            cap,
        } => format!(
            "{replications} replication{} stopped with {} requests in flight (run.max_in_flight), the first at {}: all figures are of the time before",
            if *replications == 1 { "" } else { "s" },
            with_suffix(*cap as f64),
            clock(*first_s)
        ),
        Advisory::NoTime { source, times } => format!(
            "users of {source} went round without any time passing, {} times per replication; each time one was held up for 10 ms or more, so its rates mean nothing: give it a pause, or the system some time",
            three_digits(*times)
        ),
        Advisory::Dropped { source, share } => format!(
            "{source} could not begin {} of what was due: too few users for this load, so the test shows less than it was meant to",
            show(Unit::Fraction, *share)
        ),
        Advisory::Incidents {
            component,
            what,
            times,
        } => format!(
            "{component}: {} per replication: {}",
            three_digits(*times),
            what.replace('_', " ")
        ),
        Advisory::Flapping {
            service,
            share,
            turns,
        } => format!(
            "{service} flaps: in {} of the replications its autoscaler changed direction three times within 15 minutes or faster, {} times per replication in all; a lower target, a longer cooldown or a longer look back would hold it still",
            show(Unit::Fraction, *share),
            three_digits(*turns)
        ),
        Advisory::RatioMode { component } => format!(
            "{component} ran in ratio mode: hits by Che's approximation, not simulated keys"
        ),
        Advisory::SingleReplication => {
            "one replication has no interval: set run.replications to 5 or more".to_owned()
        }
    }
}

/// How long it took from asking for an instance until it was in service, and its stages: `web  1m32s from asked to in
/// service: machine 60 s, boot 32 s`.
pub fn scale_ups(findings: &Findings) -> impl Iterator<Item = String> {
    let all = findings.scale_ups.iter();
    all.filter_map(|(service, stages)| {
        let total = stages.get("scale_up")?;
        if total.mean_s.value <= 0.0 {
            return None;
        }
        let of = |stage: &&str| {
            let mean = stages.get(*stage)?.mean_s.value;
            (mean > 0.0).then(|| format!("{stage} {}", show(Unit::Seconds, mean)))
        };
        let parts: Vec<_> = STAGES.iter().filter_map(of).collect();
        let parts = if parts.is_empty() {
            String::new()
        } else {
            format!(": {}", parts.join(", "))
        };
        let total = estimate(Unit::Seconds, &total.mean_s);
        Some(format!(
            "{service}  {total} from asked for to in service{parts}"
        ))
    })
}

/// What a run consisted of: `seed 1 · 4 replications · 60 s each`.
pub fn about(seed: u64, findings: &Findings) -> String {
    format!(
        "seed {seed} · {} replication{} · {} each",
        findings.replications,
        if findings.replications == 1 { "" } else { "s" },
        span(findings.horizon_s),
    )
}

/// What the intervals of a run are; nothing where there are none.
pub fn intervals(findings: &Findings) -> String {
    if findings.replications < 2 {
        return String::new();
    }
    let level = three_digits(findings.level * 100.0);
    format!("{level} % intervals across replications")
}

/// Two figures closer than this, relative to the larger, are the same to a reader.
const SAME: f64 = 0.005;

/// What was offered and what became of it. Attempts are only mentioned where they are not the requests,
/// and goodput only where it is not the throughput.
pub fn traffic(findings: &Findings) -> String {
    let value = |metric: Metric| findings.figure(metric).map(|figure| figure.value);
    let figure = |metric: Metric| {
        value(metric).map_or("no data".to_owned(), |value| show(metric.unit(), value))
    };
    let peak = |metric: Metric| format!("at the most {}", figure(metric));
    let mut parts = vec![format!(
        "offered {}, {}",
        figure(Metric::Offered),
        peak(Metric::OfferedPeak)
    )];
    if let Some(each) = value(Metric::AttemptsPerRequest)
        && (each - 1.0).abs() > SAME
    {
        let attempts = figure(Metric::Attempts);
        parts.push(format!(
            "attempts {attempts}, {} per request",
            three_digits(each)
        ));
    }
    let mut answered = format!(
        "answered {}, {}",
        figure(Metric::Throughput),
        peak(Metric::ThroughputPeak)
    );
    if let (Some(all), Some(good)) = (value(Metric::Throughput), value(Metric::Goodput))
        && all - good > SAME * all
    {
        let good = figure(Metric::Goodput);
        answered.push_str(&format!(", of these {good} to somebody who still waited"));
    }
    parts.push(answered);
    parts.join("; ")
}

/// Why there were no more replications, in words.
pub const fn stop(stop: Stop) -> &'static str {
    match stop {
        Stop::AsAsked => "as many as were asked for",
        Stop::Decided => "every objective is decided",
        Stop::Precise => "as precise as was asked",
        Stop::AtMost => "no more were allowed",
    }
}
