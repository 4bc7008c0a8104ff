//! What breaks first: the resource that is full before any other.

use serde::{Deserialize, Serialize};

use super::findings::{Column, ResourceFindings, Series};
use crate::component::Plan;

/// A resource is full in a window in which this share of it is in use, and somebody waits if anybody can.
const FULL: f64 = 0.98;
/// Somebody waits: at least this many on average over the window.
const WAITS: f64 = 0.5;

/// What breaks first, or, if nothing does, what is busiest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bottleneck {
    /// The component.
    pub component: String,
    /// Its resource: `workers`, `CPU`, `pool db`.
    pub what: String,
    /// One of them.
    pub unit: String,
    /// When it is full; nothing if it never is.
    pub full: Option<Full>,
    /// Busy share of its busiest window.
    pub utilization_peak: f64,
    /// 99th percentile of the wait for it in seconds, if anybody can wait.
    pub wait_p99_s: Option<f64>,
    /// What is behind it: the busy share of the database that a pool leads to, at its busiest.
    pub behind: Option<(String, f64)>,
}

/// A stretch of time in which a resource is full.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Full {
    /// From, in seconds.
    pub from_s: f64,
    /// To, in seconds.
    pub to_s: f64,
    /// How much there is of it then.
    pub capacity: f64,
    /// The most requests that wait for it, on average over a window.
    pub waiting: f64,
}

/// Finds it. Of resources that are full from the same window on, the one that is behind the others is
/// meant: workers are held by requests that wait for a connection, connections by queries that wait for a
/// core.
pub(super) fn find(
    series: &Series,
    resources: &[ResourceFindings],
    nodes: &[Plan],
) -> Option<Bottleneck> {
    let full = resources.iter().filter_map(|resource| {
        let full = full_stretch(series, resource)?;
        Some((resource, full))
    });
    let first = full.min_by(|(a, full_a), (b, full_b)| {
        full_a
            .from_s
            .total_cmp(&full_b.from_s)
            .then(depth(b, nodes).cmp(&depth(a, nodes)))
    });
    if let Some((resource, full)) = first {
        return Some(describe(resource, Some(full), resources, nodes));
    }
    let busy = resources
        .iter()
        .filter(|resource| resource.utilization_peak.is_some());
    let busiest = busy.max_by(|a, b| {
        let peak = |r: &ResourceFindings| r.utilization_peak.unwrap_or(0.0);
        peak(a)
            .total_cmp(&peak(b))
            .then(depth(a, nodes).cmp(&depth(b, nodes)))
    });
    busiest.map(|resource| describe(resource, None, resources, nodes))
}

/// How far behind the others a resource is: higher is further.
fn depth(resource: &ResourceFindings, nodes: &[Plan]) -> u8 {
    let node = nodes.iter().find(|plan| plan.name() == resource.component);
    match (node, resource.what.as_str()) {
        (Some(Plan::Database(_)), "CPU") => 5,
        (Some(Plan::Dependency(_)), _) => 5,
        (Some(Plan::Database(_)), _) => 4,
        (_, what) if what.starts_with("pool ") => 3,
        (_, "CPU") => 2,
        _ => 1,
    }
}

/// The first stretch of windows in which a resource is full, on and off: pauses of up to two windows are
/// bridged, and a stretch of fewer than three windows counts only if there is no longer one.
fn full_stretch(series: &Series, resource: &ResourceFindings) -> Option<Full> {
    const PAUSE: usize = 2;
    const LASTING: usize = 3;
    let name = resource.what.replace(' ', "_").to_lowercase();
    let column = |part: &str| {
        let figure = format!("{name}_{part}");
        let is_it = |c: &&Column| c.component == resource.component && c.figure == figure;
        series.columns.iter().find(is_it)
    };
    let (used, capacity, waiting) = (column("used")?, column("capacity")?, column("waiting"));
    let value =
        |column: &Column, at: usize| column.values[at].map_or(0.0, |estimate| estimate.value);
    let is_full = |at: &usize| {
        let (in_use, there) = (value(used, *at), value(capacity, *at));
        let somebody_waits = waiting.is_none_or(|column| value(column, *at) >= WAITS);
        there > 0.0 && in_use >= FULL * there && somebody_waits
    };
    let measured = (0..used.values.len()).filter(|at| series.bounds_s[*at] >= series.warm_up_s);
    let mut stretches: Vec<std::ops::RangeInclusive<usize>> = Vec::new();
    for at in measured.filter(is_full) {
        match stretches.last_mut() {
            Some(last) if at - last.end() <= PAUSE + 1 => *last = *last.start()..=at,
            _ => stretches.push(at..=at),
        }
    }
    let long = |stretch: &std::ops::RangeInclusive<usize>| stretch.clone().count();
    let lasting = stretches.iter().find(|stretch| long(stretch) >= LASTING);
    let stretch = lasting.or_else(|| stretches.iter().rev().max_by_key(|stretch| long(stretch)))?;
    let in_line = |at: usize| waiting.map_or(0.0, |column| value(column, at));
    Some(Full {
        from_s: series.bounds_s[*stretch.start()],
        to_s: series.bounds_s[stretch.end() + 1],
        capacity: value(capacity, *stretch.start()),
        waiting: stretch.clone().map(in_line).fold(0.0, f64::max),
    })
}

fn describe(
    resource: &ResourceFindings,
    full: Option<Full>,
    resources: &[ResourceFindings],
    nodes: &[Plan],
) -> Bottleneck {
    let behind = pool_leads_to(resource, nodes).and_then(|database| {
        let is_cpu = |r: &&ResourceFindings| r.component == database && r.what == "CPU";
        Some((
            database.clone(),
            resources.iter().find(is_cpu)?.utilization_peak?,
        ))
    });
    Bottleneck {
        component: resource.component.clone(),
        what: resource.what.clone(),
        unit: resource.unit.clone(),
        full,
        utilization_peak: resource.utilization_peak.unwrap_or(0.0),
        wait_p99_s: resource.wait_p99_s.map(|wait| wait.value),
        behind,
    }
}

/// The database that a pool leads to.
fn pool_leads_to(resource: &ResourceFindings, nodes: &[Plan]) -> Option<String> {
    let pool = resource.what.strip_prefix("pool ")?;
    let service = nodes
        .iter()
        .find(|plan| plan.name() == resource.component)?;
    let Plan::Service(service) = service else {
        return None;
    };
    let to = service.pools.iter().find(|plan| plan.name == pool)?.to;
    Some(nodes[to.index()].name().to_owned())
}
