//! Tables whose keys are names that the user chose.

use serde_json::json;

use super::{At, Definitions, Fields, Node, Spec};
use crate::diag::{Diagnostic, Diagnostics, nearest};

/// Things by name, in the order in which they were written.
#[derive(Debug, Clone)]
pub struct Named<T> {
    /// Names and things.
    pub items: Vec<(At<String>, T)>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<T> Named<T> {
    /// Position and thing of `name`.
    pub fn find(&self, name: &str) -> Option<(usize, &T)> {
        let at = self.items.iter().position(|(own, _)| own.value == name)?;
        Some((at, &self.items[at].1))
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|(name, _)| name.value.as_str())
    }

    /// The position and thing that `name` refers to; reports a name that nothing has. `what` is the
    /// singular of what is named: `component`.
    pub fn resolve(
        &self,
        name: &At<String>,
        what: &str,
        out: &mut Diagnostics,
    ) -> Option<(usize, &T)> {
        let found = self.find(name);
        if found.is_none() {
            let label = listing(self.names(), what);
            let similar = nearest(name, self.names());
            out.push(
                Diagnostic::error(name.origin, format!("no {what} is named `{}`", name.value))
                    .label(label)
                    .maybe_help(similar.map(|name| format!("a similar name exists: `{name}`"))),
            );
        }
        found
    }
}

/// Names of catalogues (`aws/m5.large`) may have dots, behind a slash; other names may not, so that paths can
/// be written without quotes.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/');
    let (plain, in_catalogue) = text.split_once('/').unwrap_or((text, ""));
    !text.is_empty()
        && plain.chars().all(allowed)
        && in_catalogue.chars().all(|c| allowed(c) || c == '.')
}

/// More names than this are counted, not listed.
const MOST_LISTED: usize = 30;

/// What there is of `what`, for a message.
pub fn listing<'a>(names: impl Iterator<Item = &'a str>, what: &str) -> String {
    let all: Vec<_> = names.collect();
    match all.len() {
        0 => format!("there is no {what}"),
        1..=MOST_LISTED => format!("there are: {}", all.join(", ")),
        n => format!("there are {n} names, and this is none of them"),
    }
}

impl<T: Spec> Spec for Named<T> {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let Some(table) = node.as_table() else {
            // Not a table at all: let the usual message say so.
            Fields::open(node, &["a name of your choice"], out);
            return None;
        };
        let mut items = Vec::new();
        let mut complete = true;
        for entry in &table.entries {
            if !is_name(&entry.key) {
                out.push(
                    Diagnostic::error(entry.key_origin, format!("not a name: \"{}\"", entry.key))
                        .label("names are made of letters, digits, `_`, `-` and `/`"),
                );
                complete = false;
            }
            match T::read(&entry.node, out) {
                Some(item) => {
                    items.push((
                        At {
                            value: entry.key.clone(),
                            origin: entry.key_origin,
                        },
                        item,
                    ));
                }
                None => complete = false,
            }
        }
        complete.then_some(Self { items })
    }

    fn write(&self) -> Option<toml::Value> {
        let table: toml::Table = self
            .items
            .iter()
            .filter_map(|(name, item)| Some((name.value.clone(), item.write()?)))
            .collect();
        (!table.is_empty()).then_some(toml::Value::Table(table))
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({ "type": "object", "additionalProperties": T::schema(definitions) })
    }

    fn when_absent() -> Option<Self> {
        Some(Self::default())
    }
}
