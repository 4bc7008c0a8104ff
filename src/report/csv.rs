//! Tables for programs: CSV with a header row, full precision, one unit per column.

use std::io;

use crate::experiment::{Findings, QueueFindings, ResourceFindings, SourceFindings};
use crate::metrics::{Metric, Unit};
use crate::scenario::Point;
use crate::stats::Estimate;

/// Figures over time: one row per window and figure.
pub fn timeseries(findings: &Findings) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "from_s",
        "to_s",
        "component",
        "figure",
        "mean",
        "low",
        "high",
    ])?;
    let bounds = &findings.series.bounds_s;
    for column in &findings.series.columns {
        for (window, value) in column.values.iter().enumerate() {
            let (Some(from), Some(to)) = (bounds.get(window), bounds.get(window + 1)) else {
                continue;
            };
            let [mean, low, high] = cells(value.as_ref());
            let place = [from.to_string(), to.to_string()];
            let names = [column.component.clone(), column.figure.clone()];
            writer.write_record(place.into_iter().chain(names).chain([mean, low, high]))?;
        }
    }
    finish(writer)
}

/// Every look of every autoscaler in the first replication.
pub fn decisions(findings: &Findings) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "at_s",
        "service",
        "autoscaler",
        "throughput_per_s",
        "response_p95_s",
        "metric",
        "value",
        "target",
        "instances_before",
        "instances_wanted",
        "instances_after",
        "reason",
    ])?;
    for look in &findings.looks {
        writer.write_record([
            look.at_s.to_string(),
            look.service.clone(),
            look.autoscaler.clone(),
            look.throughput.to_string(),
            cell(look.response_p95_s),
            look.metric.clone().unwrap_or_default(),
            cell(look.value),
            cell(look.target),
            look.from.to_string(),
            look.wanted.to_string(),
            look.to.to_string(),
            look.reason.clone(),
        ])?;
    }
    finish(writer)
}

/// What happened to single requests in the first replication.
pub fn log(findings: &Findings) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["what", "subject", "from_s", "to_s", "outcome", "attempts"])?;
    for line in &findings.log {
        let what = if line.outcome.is_some() {
            "request"
        } else {
            "wait"
        };
        writer.write_record([
            what,
            &line.subject,
            &line.from_s.to_string(),
            &line.to_s.to_string(),
            line.outcome.as_deref().unwrap_or_default(),
            &line.attempts.map_or(String::new(), |own| own.to_string()),
        ])?;
    }
    finish(writer)
}

/// One row per point of a sweep: those that are complete, in order.
pub fn points(
    paths: &[String],
    points: &[Point],
    findings: &[Option<Findings>],
) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["point".to_owned()];
    header.extend(paths.iter().cloned());
    header.extend(["verdict", "replications", "requests"].map(str::to_owned));
    for metric in Metric::ALL {
        let name = with_unit(*metric);
        header.extend([name.clone(), format!("{name}_low"), format!("{name}_high")]);
    }
    header.extend(["breaks_first", "full_from_s"].map(str::to_owned));
    writer.write_record(&header)?;
    for (number, (point, findings)) in points.iter().zip(findings).enumerate() {
        let Some(findings) = findings else { continue };
        let mut row = vec![number.to_string()];
        row.extend(point.settings.iter().map(|setting| setting.label.clone()));
        let verdict = serde_json::to_value(findings.verdict)?;
        row.push(verdict.as_str().unwrap_or_default().to_owned());
        row.extend([
            findings.replications.to_string(),
            findings.requests.to_string(),
        ]);
        for metric in Metric::ALL {
            row.extend(cells(findings.figure(*metric)));
        }
        let full = findings
            .bottleneck
            .as_ref()
            .and_then(|found| Some((found, found.full?)));
        row.push(full.map_or(String::new(), |(found, _)| {
            format!("{} {}", found.component, found.what)
        }));
        row.push(full.map_or(String::new(), |(_, full)| full.from_s.to_string()));
        writer.write_record(&row)?;
    }
    finish(writer)
}

/// One row per resource.
pub fn resources(resources: &[ResourceFindings]) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let figures = [
        "used",
        "utilization",
        "waiting",
        "wait_mean_s",
        "wait_p50_s",
        "wait_p95_s",
        "wait_p99_s",
    ];
    let mut header = vec!["component".to_owned(), "resource".to_owned()];
    for figure in figures {
        header.extend([
            figure.to_owned(),
            format!("{figure}_low"),
            format!("{figure}_high"),
        ]);
    }
    header.push("utilization_busiest_window".to_owned());
    writer.write_record(&header)?;
    for own in resources {
        let mut row = vec![own.component.clone(), own.what.clone()];
        let waits = [
            &own.wait_mean_s,
            &own.wait_p50_s,
            &own.wait_p95_s,
            &own.wait_p99_s,
        ];
        for figure in [&own.used, &own.utilization, &own.waiting]
            .into_iter()
            .chain(waits)
        {
            row.extend(cells(figure.as_ref()));
        }
        row.push(
            own.utilization_peak
                .map_or(String::new(), |peak| peak.to_string()),
        );
        writer.write_record(&row)?;
    }
    finish(writer)
}

/// One row per figure of a run, by a path that names it.
pub fn figures(findings: &Findings) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["name", "value", "low", "high", "unit"])?;
    let mut put = |name: String, value: Option<&Estimate>, unit: &str| match value {
        // What there is no data of has no row.
        None => Ok(()),
        Some(_) => {
            let [value, low, high] = cells(value);
            writer.write_record([name, value, low, high, unit.to_owned()])
        }
    };
    let symbol = |metric: &str| super::words::unit_of(metric).symbol();
    for (name, value) in &findings.figures {
        put(name.clone(), Some(value), symbol(name))?;
    }
    for class in &findings.classes {
        for (name, value) in &class.figures {
            let path = format!("classes.{}.{name}", class.name);
            put(path, Some(value), symbol(name))?;
        }
    }
    for own in &findings.outcomes {
        put(format!("outcomes.{}", own.name), Some(&own.share), "1")?;
    }
    for source in &findings.sources {
        of_source(source, &mut put)?;
    }
    for own in &findings.callers {
        let rates = [
            ("errands", own.errands),
            ("retries", own.retries),
            ("hedges", own.hedges),
            ("out_of_budget", own.out_of_budget),
            ("breaker_rejections", own.breaker_rejections),
            ("limit_rejections", own.limit_rejections),
        ];
        let path = |name: &str| format!("callers.{}.{name}", own.name);
        for (name, value) in rates {
            put(path(name), value.as_ref(), "1/s")?;
        }
        put(
            path("attempts_per_errand"),
            own.attempts_per_errand.as_ref(),
            "1",
        )?;
        put(path("timed_out"), own.timed_out.as_ref(), "1")?;
    }
    for own in &findings.resources {
        let path = |name: &str| format!("resources.{}.{}.{name}", own.component, own.what);
        put(path("utilization"), own.utilization.as_ref(), "1")?;
        put(path("waiting"), own.waiting.as_ref(), "1")?;
        put(path("wait_p99"), own.wait_p99_s.as_ref(), "s")?;
    }
    for own in &findings.queues {
        of_queue(own, &mut put)?;
    }
    for (cache, ratio) in &findings.hit_ratios {
        put(format!("hit_ratios.{cache}"), Some(ratio), "1")?;
    }
    for (limit, share) in &findings.turned_away {
        put(format!("turned_away.{limit}"), Some(share), "1")?;
    }
    of_caches(findings, &mut put)?;
    for part in &findings.costs {
        put(format!("costs.{}", part.name()), Some(&part.usd), "usd")?;
    }
    of_elasticity(findings, &mut put)?;
    finish(writer)
}

/// The rows of how well autoscaled services followed their demand.
fn of_elasticity(
    findings: &Findings,
    put: &mut impl FnMut(String, Option<&Estimate>, &str) -> csv::Result<()>,
) -> csv::Result<()> {
    for own in &findings.elasticities {
        let path = |name: &str| format!("elasticity.{}.{name}", own.service);
        put(path("too_few_time"), Some(&own.too_few_time), "1")?;
        put(path("too_few_by"), Some(&own.too_few_by), "1")?;
        put(path("too_many_time"), Some(&own.too_many_time), "1")?;
        put(path("too_many_by"), Some(&own.too_many_by), "1")?;
        put(path("instability"), Some(&own.instability), "1")?;
        put(path("deviation"), Some(&own.deviation), "1")?;
        let cost = own.cost_with_foresight_usd.as_ref();
        put(path("cost_with_foresight"), cost, "usd")?;
    }
    Ok(())
}

/// The rows of what became of look-ups, and of how old what was given out was.
fn of_caches(
    findings: &Findings,
    put: &mut impl FnMut(String, Option<&Estimate>, &str) -> csv::Result<()>,
) -> csv::Result<()> {
    for (cache, shares) in &findings.cache_shares {
        for (what, share) in shares {
            put(format!("caches.{cache}.{what}"), Some(share), "1")?;
        }
    }
    for (service, stages) in &findings.scale_ups {
        for (stage, times) in stages {
            let name = format!("scale_ups.{service}.{stage}");
            put(format!("{name}.mean"), Some(&times.mean_s), "s")?;
            put(format!("{name}.p95"), Some(&times.p95_s), "s")?;
        }
    }
    for (cache, ages) in &findings.served_ages {
        put(format!("served_ages.{cache}.mean"), Some(&ages.mean_s), "s")?;
        put(format!("served_ages.{cache}.p95"), Some(&ages.p95_s), "s")?;
    }
    Ok(())
}

/// The rows of a queue of background jobs.
fn of_queue(
    own: &QueueFindings,
    put: &mut impl FnMut(String, Option<&Estimate>, &str) -> csv::Result<()>,
) -> csv::Result<()> {
    let path = |name: &str| format!("queues.{}.{name}", own.name);
    put(path("published"), own.published.as_ref(), "1/s")?;
    put(path("done"), own.done.as_ref(), "1/s")?;
    put(path("wait_mean"), own.wait_mean_s.as_ref(), "s")?;
    put(path("wait_p50"), own.wait_p50_s.as_ref(), "s")?;
    put(path("wait_p95"), own.wait_p95_s.as_ref(), "s")?;
    put(path("wait_p99"), own.wait_p99_s.as_ref(), "s")?;
    put(path("until_done_p50"), own.whole_p50_s.as_ref(), "s")?;
    put(path("until_done_p95"), own.whole_p95_s.as_ref(), "s")?;
    put(path("until_done_p99"), own.whole_p99_s.as_ref(), "s")?;
    put(path("redelivered"), own.redelivered.as_ref(), "1")?;
    put(path("duplicates"), own.duplicates.as_ref(), "1")?;
    put(path("failed"), own.failed.as_ref(), "1")?;
    put(path("dead"), own.dead.as_ref(), "1")?;
    put(path("lost"), own.lost.as_ref(), "1")?;
    put(path("dropped"), own.dropped.as_ref(), "1")?;
    put(path("rejected"), own.rejected.as_ref(), "1")?;
    put(path("left"), own.left.as_ref(), "1")
}

/// The rows of a source with users.
fn of_source(
    own: &SourceFindings,
    put: &mut impl FnMut(String, Option<&Estimate>, &str) -> csv::Result<()>,
) -> csv::Result<()> {
    let path = |name: &str| format!("sources.{}.{name}", own.name);
    let counts = [
        ("users", own.users),
        ("users_most", own.users_most),
        ("rounds.begun", own.begun),
        ("rounds.done", own.done),
        ("rounds.broken_off", own.broken_off),
        ("rounds.interrupted", own.interrupted),
        ("rounds.dropped", own.dropped),
        ("rounds.skipped", own.skipped),
        ("late", own.late),
    ];
    for (name, value) in counts {
        put(path(name), value.as_ref(), "1")?;
    }
    for (outcome, n) in &own.ends {
        put(path(&format!("requests.{outcome}")), Some(n), "1")?;
    }
    let spreads = [
        ("round_times", &own.rounds),
        ("reported", &own.answers),
        ("corrected", &own.corrected),
    ];
    for (what, spread) in spreads {
        let Some(spread) = spread else { continue };
        let quantiles = [
            ("mean", &spread.mean_s),
            ("p50", &spread.p50_s),
            ("p75", &spread.p75_s),
            ("p90", &spread.p90_s),
            ("p95", &spread.p95_s),
            ("p99", &spread.p99_s),
            ("p999", &spread.p999_s),
        ];
        for (name, value) in quantiles {
            put(path(&format!("{what}.{name}")), Some(value), "s")?;
        }
    }
    Ok(())
}

/// A metric's column: its name with its unit last.
fn with_unit(metric: Metric) -> String {
    match metric.unit() {
        Unit::Seconds => format!("{}_s", metric.name()),
        Unit::PerSecond => format!("{}_per_s", metric.name()),
        Unit::Dollars => format!("{}_usd", metric.name()),
        Unit::Fraction | Unit::Number => metric.name().to_owned(),
    }
}

/// Figure and interval; empty where there is none.
/// A figure that may not be there.
fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn cells(estimate: Option<&Estimate>) -> [String; 3] {
    let Some(estimate) = estimate else {
        return Default::default();
    };
    let (low, high) = estimate
        .interval
        .map_or_else(Default::default, |(low, high)| {
            (low.to_string(), high.to_string())
        });
    [estimate.value.to_string(), low, high]
}

fn finish(writer: csv::Writer<Vec<u8>>) -> io::Result<Vec<u8>> {
    writer
        .into_inner()
        .map_err(|error| io::Error::other(error.to_string()))
}
