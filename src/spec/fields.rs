//! Reading the keys of one table.

use super::{Entry, Node, Spec, Table};
use crate::diag::{Diagnostic, Diagnostics, nearest};

/// A table that is being read: hands out its keys and knows which ones there may be.
#[derive(Debug)]
pub struct Fields<'a> {
    node: &'a Node,
    table: &'a Table,
    /// Keys that unknown ones are most like.
    meant: Vec<String>,
}

impl<'a> Fields<'a> {
    /// Opens a table, reporting every key that is not one of `known`; nothing if it is not a table.
    pub fn open(node: &'a Node, known: &[&str], out: &mut Diagnostics) -> Option<Self> {
        let Some(table) = node.as_table() else {
            let found = format!("expected a table, found {}", node.describe());
            out.push(
                Diagnostic::error(node.origin, found).label(format!("keys: {}", known.join(", "))),
            );
            return None;
        };
        let mut meant = Vec::new();
        let is_unknown = |entry: &&Entry| !known.contains(&entry.key.as_str());
        for entry in table.entries.iter().filter(is_unknown) {
            let similar = nearest(&entry.key, known.iter().copied());
            meant.extend(similar.map(str::to_owned));
            out.push(
                Diagnostic::error(entry.key_origin, format!("unknown key `{}`", entry.key))
                    .label(format!("expected one of: {}", known.join(", ")))
                    .maybe_help(similar.map(|key| format!("a similar key exists: `{key}`"))),
            );
        }
        Some(Self { node, table, meant })
    }

    /// Opens a table of which others read the other keys, and report those that nobody knows.
    pub fn open_shared(node: &'a Node, out: &mut Diagnostics) -> Option<Self> {
        let Some(table) = node.as_table() else {
            let found = format!("expected a table, found {}", node.describe());
            out.push(Diagnostic::error(node.origin, found));
            return None;
        };
        Some(Self {
            node,
            table,
            meant: Vec::new(),
        })
    }

    /// Reads `key`; without it, gives `default`, or what its type makes of a missing key, or reports
    /// that it is missing.
    pub fn take<T: Spec>(&self, key: &str, default: Option<T>, out: &mut Diagnostics) -> Option<T> {
        match self.table.get(key) {
            Some(entry) => T::read(&entry.node, out),
            None => default.or_else(T::when_absent).or_else(|| {
                if self.meant.contains(&key.to_owned()) {
                    // Misspelt, which has been reported.
                    return None;
                }
                out.push(
                    Diagnostic::error(self.node.origin, format!("missing key `{key}`"))
                        .label(format!("needs `{key}`")),
                );
                None
            }),
        }
    }
}
