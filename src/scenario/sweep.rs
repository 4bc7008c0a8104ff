//! What a sweep tries: axes whose product is taken, or a list of points.

use std::collections::BTreeSet;

use serde_json::json;

use super::document::Document;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::policy::persistence::Persistence;
use crate::spec::{At, Definitions, Entry, Fields, Node, Spec, Table, Value};

/// The most points of one sweep.
const MOST_POINTS: u128 = 100_000;

/// True for parameters that set the traffic. How a source's clients persist does not: it is something to
/// choose, as the parameters of components are.
pub fn sets_traffic(path: &str) -> bool {
    let mut parts = path.split('.');
    let is_source = parts.next() == Some("sources");
    let key = parts.nth(1).unwrap_or("");
    is_source && !Persistence::KEYS.contains(&key)
}

/// A parameter by its path, and a value for it.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The path, such as `components.web.count`.
    pub path: String,
    /// Where the path was written.
    pub path_origin: Origin,
    /// The value.
    pub value: Node,
    /// The value as it is shown in tables and charts.
    pub label: String,
}

impl Setting {
    /// Sets `path`, written at `path_origin`, to `value`.
    pub fn new(path: String, path_origin: Origin, value: Node) -> Self {
        let label = show(&value);
        Self {
            path,
            path_origin,
            value,
            label,
        }
    }

    /// What kind of thing it sets, if its value is a table that says so.
    fn kind(&self) -> Option<&str> {
        self.value.as_table()?.get("kind")?.node.as_text()
    }
}

/// Shows the kinds of tables instead of all that is in them, where that tells the points apart.
fn label_by_kind(points: &mut [Point]) {
    let Some(n) = points.first().map(|point| point.settings.len()) else {
        return;
    };
    for at in 0..n {
        let all = points.iter().map(|point| point.settings.get(at));
        let kinds = all.map(|own| own.and_then(|own| Some((own.kind()?, own.label.as_str()))));
        let Some(kinds) = kinds.collect::<Option<BTreeSet<_>>>() else {
            continue;
        };
        let n_kinds = kinds
            .iter()
            .map(|(kind, _)| kind)
            .collect::<BTreeSet<_>>()
            .len();
        if n_kinds < kinds.len() {
            continue;
        }
        for point in &mut *points {
            if let Some(kind) = point.settings[at].kind().map(str::to_owned) {
                point.settings[at].label = kind;
            }
        }
    }
}

/// A parameter and the values to try.
#[derive(Debug, Clone)]
struct Axis {
    path: String,
    origin: Origin,
    values: Vec<Node>,
}

/// What a sweep tries.
#[derive(Debug, Clone)]
pub struct SweepSpec {
    axes: Vec<Axis>,
    points: Vec<Vec<Setting>>,
    /// As it was written, to be written back.
    written: Node,
}

/// One point of a sweep: what is set.
#[derive(Debug, Clone)]
pub struct Point {
    /// The settings, in the order of the axes.
    pub settings: Vec<Setting>,
}

impl Point {
    /// Sets what the point sets.
    pub fn apply(&self, document: &mut Document, out: &mut Diagnostics) {
        for Setting {
            path,
            path_origin,
            value,
            ..
        } in &self.settings
        {
            document.set(path, *path_origin, value.clone(), out);
        }
    }
}

impl SweepSpec {
    /// All points: the listed ones, or the product of the axes, the last axis changing fastest.
    pub fn points(&self) -> Vec<Point> {
        let point = |settings: Vec<Setting>| Point { settings };
        let mut all: Vec<_> = if self.points.is_empty() {
            self.product().into_iter().map(point).collect()
        } else {
            self.points.iter().cloned().map(point).collect()
        };
        label_by_kind(&mut all);
        all
    }

    /// The product of the axes.
    fn product(&self) -> Vec<Vec<Setting>> {
        let mut points = vec![Vec::new()];
        for axis in &self.axes {
            let extend = |point: Vec<Setting>| {
                let setting =
                    |value: &Node| Setting::new(axis.path.clone(), axis.origin, value.clone());
                let longer = move |value: &Node| {
                    let mut longer = point.clone();
                    longer.push(setting(value));
                    longer
                };
                axis.values.iter().map(longer).collect::<Vec<_>>()
            };
            points = points.into_iter().flat_map(extend).collect();
        }
        points
    }

    /// What is left to choose for the traffic that the scenario has: without the parameters that set it.
    /// Nothing if that is nothing.
    pub(super) fn without_traffic(&self) -> Option<Self> {
        let mut own = self.clone();
        own.axes.retain(|axis| !sets_traffic(&axis.path));
        let mut seen = BTreeSet::new();
        own.points.retain_mut(|point| {
            point.retain(|setting| !sets_traffic(&setting.path));
            seen.insert(
                point
                    .iter()
                    .map(|own| own.label.clone())
                    .collect::<Vec<_>>(),
            )
        });
        let is_empty = own.axes.is_empty() && own.points.iter().all(Vec::is_empty);
        (!is_empty).then_some(own)
    }

    /// The axes of `choose`.
    pub(super) fn read_choices(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let before = out.n_errors();
        let axes = read_axes(node, "plan", out);
        (out.n_errors() == before).then(|| Self {
            axes,
            points: Vec::new(),
            written: node.clone(),
        })
    }

    /// The paths that are set, in order.
    pub fn paths(&self) -> Vec<&str> {
        let first = self.points.first();
        let listed = first
            .into_iter()
            .flatten()
            .map(|setting| setting.path.as_str());
        self.axes
            .iter()
            .map(|axis| axis.path.as_str())
            .chain(listed)
            .collect()
    }
}

impl Spec for SweepSpec {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let before = out.n_errors();
        Fields::open(node, &["axes", "points"], out)?;
        let table = node.as_table()?;
        let mut sweep = Self {
            axes: Vec::new(),
            points: Vec::new(),
            written: node.clone(),
        };
        match (table.get("axes"), table.get("points")) {
            (Some(axes), None) => sweep.axes = read_axes(&axes.node, "sweep", out),
            (None, Some(points)) => sweep.points = read_points(&points.node, out),
            (Some(axes), Some(points)) => out.push(
                Diagnostic::error(points.key_origin, "a sweep has axes or points, not both")
                    .related(axes.key_origin, "the axes"),
            ),
            (None, None) => {
                let problem = "a sweep needs `axes` or `points`";
                out.push(Diagnostic::error(node.origin, problem));
            }
        }
        (out.n_errors() == before).then_some(sweep)
    }

    fn write(&self) -> Option<toml::Value> {
        Some(self.written.to_toml())
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        definitions.refer::<Self>("Sweep", |_| {
            json!({
                "type": "object",
                "description": "What `capsim sweep` tries: the product of `axes`, or the listed `points`.",
                "properties": {
                    "axes": {
                        "type": "object",
                        "description": "Parameters by their paths, such as \
                                        \"components.web.count\", and the values to try.",
                    },
                    "points": {
                        "type": "array",
                        "description": "Points, each a table of parameters and their values.",
                        "items": { "type": "object" },
                    },
                },
                "additionalProperties": false,
            })
        })
    }
}

/// The leaves of nested tables, by dotted path: `a.b.c` may be written with or without quotes.
fn leaves<'a>(table: &'a Table, prefix: &str, found: &mut Vec<(String, &'a Entry)>) {
    for entry in &table.entries {
        let path = if prefix.is_empty() {
            entry.key.clone()
        } else {
            format!("{prefix}.{}", entry.key)
        };
        match &entry.node.value {
            Value::Table(inner) if !is_range(inner) => leaves(inner, &path, found),
            _ => found.push((path, entry)),
        }
    }
}

/// Whether a table stands for equally spaced values: `{ from = 2, to = 20, step = 2 }`.
fn is_range(table: &Table) -> bool {
    let known = |entry: &Entry| ["from", "to", "step"].contains(&entry.key.as_str());
    table.get("from").is_some() && table.entries.iter().all(known)
}

/// The values of a range of whole numbers.
fn read_range(node: &Node, out: &mut Diagnostics) -> Option<Vec<Node>> {
    let fields = Fields::open(node, &["from", "to", "step"], out)?;
    let from = fields.take::<At<u64>>("from", None, out);
    let to = fields.take::<At<u64>>("to", None, out);
    let step = fields.take::<At<u64>>("step", Some(At::built_in(1)), out);
    let (from, to, step) = (from?, to?, step?);
    if from.value > to.value {
        let problem = "the range ends before it begins";
        let from = format!("from {}", from.value);
        out.push(Diagnostic::error(to.origin, problem).related(node.origin, from));
        return None;
    }
    if step.value == 0 {
        out.push(Diagnostic::error(
            step.origin,
            "the step must be more than 0",
        ));
        return None;
    }
    let n = (to.value - from.value) / step.value + 1;
    if u128::from(n) > MOST_POINTS {
        let problem = format!("a range of {n} values; at most {MOST_POINTS} are tried");
        out.push(Diagnostic::error(node.origin, problem));
        return None;
    }
    let value = |at: u64| Node {
        value: Value::Whole((from.value + at * step.value).cast_signed()),
        origin: node.origin,
    };
    Some((0..n).map(value).collect())
}

fn read_axes(node: &Node, what: &str, out: &mut Diagnostics) -> Vec<Axis> {
    let Some(table) = node.as_table() else {
        let problem = format!("expected a table of parameters, found {}", node.describe());
        out.push(Diagnostic::error(node.origin, problem));
        return Vec::new();
    };
    let mut found = Vec::new();
    leaves(table, "", &mut found);
    if found.is_empty() {
        let help = "write \"components.web.count\" = [5, 10, 20]";
        let problem = format!("a {what} needs an axis");
        out.push(Diagnostic::error(node.origin, problem).help(help));
    }
    let mut axes = Vec::new();
    for (path, entry) in found {
        match &entry.node.value {
            Value::List(values) if !values.is_empty() => {
                axes.push(Axis {
                    path,
                    origin: entry.key_origin,
                    values: values.clone(),
                });
            }
            Value::Table(_) => axes.extend(read_range(&entry.node, out).map(|values| Axis {
                path,
                origin: entry.key_origin,
                values,
            })),
            Value::List(_) => {
                out.push(Diagnostic::error(
                    entry.node.origin,
                    "an axis needs values to try",
                ));
            }
            _ => {
                let problem = format!("expected a list of values, found {}", entry.node.describe());
                let help = "write [5, 10, 20], or { from = 5, to = 20, step = 5 }";
                out.push(Diagnostic::error(entry.node.origin, problem).help(help));
            }
        }
    }
    let n_points = axes
        .iter()
        .map(|axis| axis.values.len() as u128)
        .product::<u128>();
    if n_points > MOST_POINTS {
        let problem = format!("this {what} has {n_points} points; at most {MOST_POINTS} are run");
        out.push(
            Diagnostic::error(node.origin, problem).help("try fewer values, or list the points"),
        );
    }
    axes
}

fn read_points(node: &Node, out: &mut Diagnostics) -> Vec<Vec<Setting>> {
    let Value::List(items) = &node.value else {
        let problem = format!("expected a list of points, found {}", node.describe());
        out.push(Diagnostic::error(node.origin, problem));
        return Vec::new();
    };
    if items.is_empty() || items.len() as u128 > MOST_POINTS {
        let problem = format!(
            "expected between 1 and {MOST_POINTS} points, found {}",
            items.len()
        );
        out.push(Diagnostic::error(node.origin, problem));
        return Vec::new();
    }
    let mut points: Vec<Vec<Setting>> = Vec::new();
    for item in items {
        let Some(table) = item.as_table() else {
            let problem = format!("expected a table of parameters, found {}", item.describe());
            out.push(Diagnostic::error(item.origin, problem));
            continue;
        };
        let mut found = Vec::new();
        leaves(table, "", &mut found);
        let setting = |(path, entry): (String, &Entry)| {
            Setting::new(path, entry.key_origin, entry.node.clone())
        };
        let settings: Vec<_> = found.into_iter().map(setting).collect();
        let paths = |point: &[Setting]| point.iter().map(|s| s.path.clone()).collect::<Vec<_>>();
        if let Some(first) = points.first()
            && paths(first) != paths(&settings)
        {
            let problem = "every point must set the same parameters, in the same order";
            let label = format!("the first point sets {}", paths(first).join(", "));
            out.push(Diagnostic::error(item.origin, problem).label(label));
            continue;
        }
        points.push(settings);
    }
    points
}

/// A value as it is shown in tables: strings without quotes.
pub fn show(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => text.clone(),
        _ => node.to_toml().to_string(),
    }
}
