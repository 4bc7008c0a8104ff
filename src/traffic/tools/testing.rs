//! Reading tables in tests: a table, or what is wrong with it and where.

use crate::diag::{Diagnostics, Origin, SourceId, Sources};
use crate::rng::{Stream, Streams};
use crate::spec::{Entry, Node, Spec, Table, Value};
use crate::units::SimDuration;

use super::{Due, Plan, Tool};

/// A tree in which every value has a place, and the paths of the places.
struct Tree {
    source: SourceId,
    paths: Vec<(Origin, String)>,
}

impl Tree {
    fn node(&mut self, value: &toml::Value, path: &str) -> Node {
        let start = self.paths.len();
        let origin = Origin::new(self.source, start..start + 1);
        self.paths.push((origin, path.to_owned()));
        let value = match value {
            toml::Value::String(text) => Value::Text(text.clone()),
            toml::Value::Integer(number) => Value::Whole(*number),
            toml::Value::Float(number) => Value::Real(*number),
            toml::Value::Boolean(truth) => Value::Truth(*truth),
            toml::Value::Datetime(date) => Value::Date(date.to_string()),
            toml::Value::Array(items) => Value::List(
                (0..)
                    .zip(items)
                    .map(|(i, item)| self.node(item, &format!("{path}/{i}")))
                    .collect(),
            ),
            toml::Value::Table(table) => Value::Table(Table {
                entries: table
                    .iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        key_origin: origin,
                        node: self.node(value, &format!("{path}/{key}")),
                    })
                    .collect(),
            }),
        };
        Node { value, origin }
    }
}

/// The table that `text` is, or every problem as `path: message`.
pub(super) fn read<T: Spec>(text: &str) -> Result<T, Vec<String>> {
    let value: toml::Table = text.parse().expect(text);
    let mut tree = Tree {
        source: Sources::default().add("test", ""),
        paths: Vec::new(),
    };
    let node = tree.node(&toml::Value::Table(value), "");
    let mut out = Diagnostics::default();
    let read = T::read(&node, &mut out);
    let path = |origin| tree.paths.iter().find(|(at, _)| *at == origin);
    let said = out.sorted().into_iter().map(|d| {
        let path = path(d.primary.origin).map_or("nowhere", |(_, path)| path);
        format!("{path}: {}", d.message)
    });
    let said: Vec<_> = said.collect();
    match read {
        Some(read) if !out.has_errors() => Ok(read),
        read => {
            assert!(read.is_none() && out.has_errors(), "{text}: {said:?}");
            Err(said)
        }
    }
}

/// What the tool does with the table.
pub(super) fn plan(text: &str) -> Plan {
    let tool: Tool = read(text).unwrap_or_else(|said| panic!("{text}: {said:?}"));
    // What is written reads back, and is the same plan.
    let written = tool.write().expect("a table");
    let again: Tool = read(&toml::to_string(&written).expect("TOML")).expect("what was written");
    let plan = tool.plan();
    assert_eq!(format!("{plan:?}"), format!("{:?}", again.plan()));
    plan
}

/// What is wrong with the table.
pub(super) fn wrong(text: &str) -> Vec<String> {
    read::<Tool>(text).map(|_| ()).expect_err(text)
}

/// A stream of random numbers.
pub(super) fn stream() -> Stream {
    Streams::new(1, 0).stream("test", "arrivals")
}

/// The next `n` instants in nanoseconds, with phases.
pub(super) fn ticks(due: &mut Due, n: usize) -> Vec<(u64, u32)> {
    let mut stream = stream();
    std::iter::from_fn(|| due.next(&mut stream))
        .take(n)
        .map(|tick| (tick.at.as_nanos(), tick.phase))
        .collect()
}

/// So many seconds.
pub(super) const fn secs(seconds: u64) -> SimDuration {
    SimDuration::from_secs(seconds)
}
