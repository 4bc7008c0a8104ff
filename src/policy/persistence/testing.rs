//! Reading tables from text in tests.

use crate::diag::{Diagnostics, Origin, Sources};
use crate::spec::{At, Column, Data, Entry, Node, Spec, Table, Value};

/// There are no data files.
pub(super) struct NoData;

impl Data for NoData {
    fn column(&mut self, _: &Column<'_>, _: &mut Diagnostics) -> Option<Vec<f64>> {
        None
    }

    fn labels(
        &mut self,
        _: &At<String>,
        _: &At<String>,
        _: &mut Diagnostics,
    ) -> Option<(Vec<u32>, Vec<String>)> {
        None
    }
}

/// Every node has a place of its own, so that messages can be told apart by what they point at.
fn node(value: &toml::Value, n: &mut usize) -> Node {
    *n += 1;
    let origin = Origin::new(Sources::default().add("test", ""), *n..*n);
    let value = match value {
        toml::Value::String(text) => Value::Text(text.clone()),
        toml::Value::Integer(number) => Value::Whole(*number),
        toml::Value::Float(number) => Value::Real(*number),
        toml::Value::Boolean(truth) => Value::Truth(*truth),
        toml::Value::Datetime(date) => Value::Date(date.to_string()),
        toml::Value::Array(items) => Value::List(items.iter().map(|item| node(item, n)).collect()),
        toml::Value::Table(table) => Value::Table(Table {
            entries: table
                .iter()
                .map(|(key, value)| Entry {
                    key: key.clone(),
                    key_origin: origin,
                    node: node(value, n),
                })
                .collect(),
        }),
    };
    Node { value, origin }
}

fn try_read<T: Spec>(text: &str) -> (Option<T>, Diagnostics) {
    let table: toml::Table = format!("it = {text}").parse().expect(text);
    let mut out = Diagnostics::default();
    let read = T::read(&node(&table["it"], &mut 0), &mut out);
    (read, out)
}

/// What the text says; it must be right, and must be the same after it was written and read again.
pub(super) fn read<T: Spec>(text: &str) -> T {
    let (read, out) = try_read::<T>(text);
    let read = read.unwrap_or_else(|| panic!("{text}: {:?}", out.sorted()));
    let written = read.write().expect("it is there");
    let again = try_read::<T>(&written.to_string());
    let again = again
        .0
        .unwrap_or_else(|| panic!("{written}: {:?}", again.1.sorted()));
    assert_eq!(again.write(), Some(written), "{text}");
    read
}

/// The problems of a text that is wrong, each with the number of places that it points at in front.
pub(super) fn problems<T: Spec>(text: &str) -> Vec<String> {
    let (read, out) = try_read::<T>(text);
    assert!(read.is_none(), "{text} is taken for right");
    let about = |d: &crate::diag::Diagnostic| {
        let places = 1 + d.related.iter().filter(|l| !l.origin.is_built_in()).count();
        format!("{places} {}", d.message)
    };
    out.sorted().into_iter().map(about).collect()
}
