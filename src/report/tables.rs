//! What a run found, as tables that text and Markdown lay out each in its own way: so that both say the
//! same.

use std::collections::BTreeMap;

use super::words;
use crate::experiment::{
    CallerFindings, ElasticityFindings, Findings, QueueFindings, SourceFindings, Spread,
};
use crate::metrics::{Metric, Unit};
use crate::objective::show;
use crate::stats::Estimate;
use crate::units::with_suffix;

/// A table: what its rows are about comes first in each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Names of the columns after the first.
    pub(super) head: Vec<&'static str>,
    /// Rows, each with its name first.
    pub(super) rows: Vec<Vec<String>>,
    /// Columns that go where there is little room, the first to go first.
    pub(super) expendable: &'static [&'static str],
}

impl Table {
    fn new(head: Vec<&'static str>) -> Self {
        Self {
            head,
            rows: Vec::new(),
            expendable: &[],
        }
    }

    /// Without a column.
    pub(super) fn without(mut self, name: &str) -> Self {
        if let Some(at) = self.head.iter().position(|own| *own == name) {
            self.head.remove(at);
            for row in self.rows.iter_mut().filter(|row| row.len() > at + 1) {
                row.remove(at + 1);
            }
        }
        self
    }
}

/// A column: its name, and what is in it for an item; nothing where it has nothing to say.
type Column<'a, T> = (&'static str, &'a dyn Fn(&T) -> Option<String>);

/// Rows of columns of which only those are shown in which there is something.
fn where_something_is<T>(own: &[(String, &T)], columns: &[Column<'_, T>]) -> Table {
    let filled = |column: &&Column<'_, T>| own.iter().any(|(_, item)| column.1(item).is_some());
    let shown: Vec<_> = columns.iter().filter(filled).collect();
    let mut table = Table::new(shown.iter().map(|column| column.0).collect());
    for (name, item) in own {
        let cells = shown
            .iter()
            .map(|column| column.1(item).unwrap_or_default());
        table
            .rows
            .push(std::iter::once(name.clone()).chain(cells).collect());
    }
    table
}

/// Latencies, of all requests and by class.
pub(super) fn latency(findings: &Findings) -> Table {
    const SHOWN: [(Metric, &str); 5] = [
        (Metric::LatencyP50, "p50"),
        (Metric::LatencyP90, "p90"),
        (Metric::LatencyP95, "p95"),
        (Metric::LatencyP99, "p99"),
        (Metric::LatencyP999, "p99.9"),
    ];
    let row = |name: &str, figures: &BTreeMap<String, Estimate>| {
        let cell = |(metric, _): (Metric, &str)| {
            let value = figures.get(metric.name());
            value.map_or("no data".to_owned(), |it| show(Unit::Seconds, it.value))
        };
        std::iter::once(name.to_owned())
            .chain(SHOWN.map(cell))
            .collect()
    };
    let mut table = Table::new(SHOWN.map(|own| own.1).to_vec());
    table.rows.push(row("all", &findings.figures));
    if findings.classes.len() > 1 {
        let classes = findings.classes.iter();
        table
            .rows
            .extend(classes.map(|class| row(&class.name, &class.figures)));
    }
    table
}

/// What can run out, and how busy it was; the hit ratios of caches; what limits turn away.
pub(super) fn busy(findings: &Findings) -> Table {
    let mut table = Table::new(vec!["average", "busiest window", "p99 wait"]);
    let limited = findings.resources.iter();
    for own in limited.filter(|own| own.utilization.is_some()) {
        let share = |value: f64| show(Unit::Fraction, value);
        let busy = own.utilization.map(|busy| share(busy.value));
        let wait = own.wait_p99_s.map(|wait| show(Unit::Seconds, wait.value));
        table.rows.push(vec![
            format!("{} {}", own.component, own.what),
            busy.unwrap_or_default(),
            own.utilization_peak.map_or(String::new(), share),
            wait.unwrap_or_default(),
        ]);
    }
    for (cache, ratio) in &findings.hit_ratios {
        let ratio = words::estimate(Unit::Fraction, ratio);
        table.rows.push(vec![format!("{cache} hit ratio"), ratio]);
        let shares = findings.cache_shares.get(cache).into_iter().flatten();
        for (what, share) in shares {
            let share = words::estimate(Unit::Fraction, share);
            table.rows.push(vec![format!("{cache} {what}"), share]);
        }
        if let Some(ages) = findings.served_ages.get(cache) {
            let [mean, p95] = [ages.mean_s, ages.p95_s].map(|own| show(Unit::Seconds, own.value));
            let cells = vec![format!("{cache} age at hit"), format!("{mean}, p95 {p95}")];
            table.rows.push(cells);
        }
    }
    for (limit, share) in &findings.turned_away {
        let share = words::estimate(Unit::Fraction, share);
        table.rows.push(vec![format!("{limit} turns away"), share]);
    }
    table
}

/// How well autoscaled services followed the demand for them; nothing without an autoscaler.
pub(super) fn elasticity(findings: &Findings) -> Option<Table> {
    if findings.elasticities.is_empty() {
        return None;
    }
    let share = |own: &Estimate| Some(show(Unit::Fraction, own.value));
    let own = findings.elasticities.iter();
    let own: Vec<_> = own.map(|own| (own.service.clone(), own)).collect();
    let mut table = where_something_is(
        &own,
        &[
            ("too few for", &|own: &ElasticityFindings| {
                share(&own.too_few_time)
            }),
            ("by", &|own| share(&own.too_few_by)),
            ("too many for", &|own| share(&own.too_many_time)),
            ("by ", &|own| share(&own.too_many_by)),
            ("instability", &|own| share(&own.instability)),
            ("deviation", &|own| {
                Some(show(Unit::Number, own.deviation.value))
            }),
            ("cost with foresight", &|own| {
                let cost = own.cost_with_foresight_usd.as_ref()?;
                Some(show(Unit::Dollars, cost.value))
            }),
        ],
    );
    table.expendable = &["instability", "deviation"];
    Some(table)
}

/// Those who had to persist: whoever had something to retry, to copy or to keep back. Nothing if nobody had.
pub(super) fn callers(findings: &Findings) -> Option<Table> {
    let some = |unit: Unit, value: Option<Estimate>| {
        let value = value.filter(|own| own.value > 0.0)?;
        Some(show(unit, value.value))
    };
    let rate = |value: Option<Estimate>| some(Unit::PerSecond, value);
    let had_to = |own: &&CallerFindings| {
        [
            own.retries,
            own.hedges,
            own.timed_out,
            own.out_of_budget,
            own.breaker_rejections,
            own.limit_rejections,
        ]
        .iter()
        .flatten()
        .any(|it| it.value > 0.0)
    };
    let own: Vec<_> = findings
        .callers
        .iter()
        .filter(had_to)
        .map(|caller| (caller.name.clone(), caller))
        .collect();
    if own.is_empty() {
        return None;
    }
    let mut table = where_something_is(
        &own,
        &[
            ("wants", &|own: &CallerFindings| rate(own.errands)),
            ("attempts each", &|own| {
                some(Unit::Number, own.attempts_per_errand)
            }),
            ("retries", &|own| rate(own.retries)),
            ("copies", &|own| rate(own.hedges)),
            ("too late", &|own| some(Unit::Fraction, own.timed_out)),
            ("out of budget", &|own| rate(own.out_of_budget)),
            ("breaker open", &|own| rate(own.breaker_rejections)),
            ("over limit", &|own| rate(own.limit_rejections)),
        ],
    );
    table.expendable = &["wants", "copies", "too late", "over limit"];
    Some(table)
}

/// Queues of background jobs; nothing without one.
pub(super) fn queues(findings: &Findings) -> Option<Table> {
    if findings.queues.is_empty() {
        return None;
    }
    let rate = |value: Option<Estimate>| value.map(|own| show(Unit::PerSecond, own.value));
    let time = |value: Option<Estimate>| value.map(|own| show(Unit::Seconds, own.value));
    let some = |unit: Unit, value: Option<Estimate>| {
        let value = value.filter(|own| own.value > 0.0)?;
        Some(show(unit, value.value))
    };
    let queues = findings.queues.iter();
    let own: Vec<_> = queues.map(|own| (own.name.clone(), own)).collect();
    let mut table = where_something_is(
        &own,
        &[
            ("published", &|own: &QueueFindings| rate(own.published)),
            ("done", &|own| rate(own.done)),
            ("wait p50", &|own| time(own.wait_p50_s)),
            ("p95", &|own| time(own.wait_p95_s)),
            ("until done p95", &|own| time(own.whole_p95_s)),
            ("oldest", &|own| {
                let age = own.oldest_most_s.filter(|age| *age > 0.0);
                age.map(|age| show(Unit::Seconds, age))
            }),
            ("redelivered", &|own| some(Unit::Fraction, own.redelivered)),
            ("done twice", &|own| some(Unit::Fraction, own.duplicates)),
            ("failed", &|own| some(Unit::Fraction, own.failed)),
            ("dead", &|own| some(Unit::Fraction, own.dead)),
            ("lost", &|own| some(Unit::Fraction, own.lost)),
            ("dropped", &|own| some(Unit::Fraction, own.dropped)),
            ("refused", &|own| some(Unit::Fraction, own.rejected)),
        ],
    );
    table.expendable = &["oldest", "wait p50", "failed", "redelivered"];
    Some(table)
}

/// Sources with users, and what became of their rounds; nothing without such a source.
pub(super) fn users(findings: &Findings) -> Option<Table> {
    if findings.sources.is_empty() {
        return None;
    }
    let always = |value: Option<Estimate>| {
        let shown = value.map(|own| with_suffix(own.value));
        shown.or_else(|| Some("no data".to_owned()))
    };
    let some = |value: Option<Estimate>| {
        let value = value.filter(|own| own.value > 0.0)?;
        Some(with_suffix(value.value))
    };
    let sources = findings.sources.iter();
    let own: Vec<_> = sources.map(|own| (own.name.clone(), own)).collect();
    let mut table = where_something_is(
        &own,
        &[
            ("kind", &|own: &SourceFindings| Some(own.kind.clone())),
            ("at most", &|own| always(own.users_most)),
            ("on average", &|own| always(own.users)),
            ("rounds", &|own| always(own.done)),
            ("broken off", &|own| some(own.broken_off)),
            ("dropped", &|own| some(own.dropped)),
            ("skipped", &|own| some(own.skipped)),
            ("cut off", &|own| some(own.interrupted)),
            ("late answers", &|own| some(own.late)),
        ],
    );
    table.expendable = &["on average", "kind", "late answers", "cut off"];
    Some(table)
}

/// How long answers to a source took: as its tool reports it, and for clients who do not wait for one
/// another where that differs. Nothing without an answer.
pub(super) fn answers(source: &SourceFindings) -> Option<Table> {
    let cells = |own: &Spread| {
        let times = [own.p50_s.value, own.p95_s.value, own.p99_s.value, own.max_s];
        times.map(|seconds| show(Unit::Seconds, seconds))
    };
    let row = |name: String, own: &Spread| std::iter::once(name).chain(cells(own)).collect();
    let (reported, felt) = match source.kind.as_str() {
        // What wrk prints is corrected already.
        "wrk" => (
            "as measured".to_owned(),
            "as wrk reports them, corrected".to_owned(),
        ),
        "open" | "users" => ("as its users see them".to_owned(), FELT.to_owned()),
        tool => (format!("as {tool} reports them"), FELT.to_owned()),
    };
    let answers = source.answers.as_ref()?;
    let mut table = Table::new(vec!["p50", "p95", "p99", "max"]);
    table.expendable = &["max", "p95"];
    table.rows.push(row(reported, answers));
    let corrected = source.corrected.as_ref();
    if let Some(own) = corrected.filter(|own| cells(own) != cells(answers)) {
        table.rows.push(row(felt, own));
    }
    Some(table)
}

/// The row for those who do not wait for one another.
const FELT: &str = "felt by independent clients";

/// A gap between what is reported and what is felt that is worth a sentence.
const CONSIDERABLE: f64 = 1.2;

/// Why what is felt is longer than what is reported, in a sentence; nothing if it hardly is.
pub(super) fn why_felt(source: &SourceFindings) -> Option<String> {
    let (answers, corrected) = (source.answers.as_ref()?, source.corrected.as_ref()?);
    let quantiles = |own: &Spread| {
        [
            ("p50", own.p50_s.value),
            ("p95", own.p95_s.value),
            ("p99", own.p99_s.value),
        ]
    };
    let factors = quantiles(answers).into_iter().zip(quantiles(corrected));
    let factors = factors.filter(|((_, before), _)| *before > 0.0);
    let (name, factor) = factors
        .map(|((name, before), (_, after))| (name, after / before))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    if factor <= CONSIDERABLE {
        return None;
    }
    Some(format!(
        "{} of {} wait for an answer before they ask again, so a slow answer keeps requests from being sent that would have been slow, too. With those, one every {} for each of them, {name} is {} times as long: that is what clients feel who do not wait for one another.",
        if source.kind == "wrk" {
            "Connections"
        } else {
            "Users"
        },
        source.name,
        show(Unit::Seconds, source.expected_gap_s?),
        crate::units::three_digits(factor),
    ))
}

/// How requests ended: what it is called, and its share.
pub(super) fn outcomes(findings: &Findings) -> Vec<(String, String)> {
    let outcomes = findings.outcomes.iter();
    outcomes
        .map(|own| (own.words.clone(), show(Unit::Fraction, own.share.value)))
        .collect()
}
