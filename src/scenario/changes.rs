//! What differs between two scenarios, key by key, defaults included.

use toml::{Table, Value};

use super::Scenario;

/// A key whose values differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path of the key, such as `components.web.count`.
    pub path: String,
    /// What A says, as TOML, strings without quotes; nothing where A does not have it.
    pub a: Option<String>,
    /// What B says.
    pub b: Option<String>,
}

/// Keys of which a scenario that is drawn like another has the other's values.
const DRAWN: [&str; 2] = ["seed", "replications"];

impl Scenario {
    /// The same scenario with the seed and the rule for replications of another, so that replication number r
    /// of both sees the same random numbers.
    #[must_use]
    pub fn drawn_like(&self, other: &Self) -> Self {
        let (mut own, theirs) = (tree(self), tree(other));
        if let (Some(Value::Table(own)), Some(Value::Table(theirs))) =
            (own.get_mut("run"), theirs.get("run"))
        {
            for key in DRAWN {
                if let Some(value) = theirs.get(key) {
                    own.insert(key.to_owned(), value.clone());
                }
            }
        }
        Self {
            seed: other.seed,
            replications: other.replications,
            resolved: super::resolved::tree_text(&Value::Table(own)),
            ..self.clone()
        }
    }
}

/// What differs from A to B, in the order of A, what only B has where B has it. Their titles may differ as they
/// like. What a whole table has and the other scenario lacks is one change.
pub fn changes(a: &Scenario, b: &Scenario) -> Vec<Change> {
    let (a, b) = (tree(a), tree(b));
    let mut found = Vec::new();
    compare_tables(&a, &b, "", &mut found);
    found.retain(|change| change.path != "title");
    found
}

fn tree(scenario: &Scenario) -> Table {
    scenario
        .resolved()
        .parse()
        .expect("a resolved scenario is TOML")
}

fn compare_tables(a: &Table, b: &Table, prefix: &str, found: &mut Vec<Change>) {
    let path = |key: &str| format!("{prefix}{}", quoted(key));
    for (key, own) in a {
        match b.get(key) {
            Some(other) => compare_values(own, other, &path(key), found),
            None => found.push(Change {
                path: path(key),
                a: Some(text(own)),
                b: None,
            }),
        }
    }
    for (key, other) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
        found.push(Change {
            path: path(key),
            a: None,
            b: Some(text(other)),
        });
    }
}

fn compare_values(a: &Value, b: &Value, path: &str, found: &mut Vec<Change>) {
    match (a, b) {
        (Value::Table(own), Value::Table(other)) if is_like(own, other) => {
            compare_tables(own, other, &format!("{path}."), found);
        }
        // Of lists that are as long, the items that differ.
        (Value::Array(own), Value::Array(other)) if own.len() == other.len() => {
            for (at, (own, other)) in own.iter().zip(other).enumerate() {
                compare_values(own, other, &format!("{path}.{at}"), found);
            }
        }
        _ if a == b => {}
        _ => found.push(Change {
            path: path.to_owned(),
            a: Some(text(a)),
            b: Some(text(b)),
        }),
    }
}

/// Whether two tables are of the same kind: of others each key would differ, so they differ as wholes.
fn is_like(a: &Table, b: &Table) -> bool {
    let says = |own: &Table| own.get("kind").cloned();
    let is_choice = |own: &Table| own.len() == 1;
    says(a) == says(b) && !(is_choice(a) && is_choice(b) && a.keys().next() != b.keys().next())
}

/// A key as it is written in a path.
fn quoted(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        Value::String(key.to_owned()).to_string()
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
