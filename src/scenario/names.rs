//! Names that refer to nothing, found in the tree alone.
//!
//! Names are resolved when everything else is right. Where something is not, this looks them up all the
//! same, so that one reading of a file shows every mistake in it.

use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::spec::{Entry, Node, Table, Value, listing};

/// Reports names that refer to nothing.
pub(super) fn check(root: &Table, out: &mut Diagnostics) {
    let mut checking = Checking { root, out };
    for source in inner(root.get("sources")) {
        checking.refers(source, "enters", "components", "component");
    }
    for component in inner(root.get("components")) {
        checking.refers(component, "to", "components", "component");
        checking.refers(component, "instance", "instances", "instance type");
        let Some(table) = component.node.as_table() else {
            continue;
        };
        for pool in inner(table.get("pools")) {
            checking.refers(pool, "to", "components", "component");
        }
        for operation in inner(table.get("operations")) {
            let steps = operation
                .node
                .as_table()
                .and_then(|operation| operation.get("steps"));
            checking.steps(steps);
        }
    }
}

struct Checking<'a> {
    root: &'a Table,
    out: &'a mut Diagnostics,
}

/// The entries of a table of tables.
fn inner(entry: Option<&Entry>) -> impl Iterator<Item = &Entry> {
    entry
        .and_then(|entry| entry.node.as_table())
        .into_iter()
        .flat_map(|table| &table.entries)
}

impl Checking<'_> {
    fn steps(&mut self, steps: Option<&Entry>) {
        let Some(Value::List(steps)) = steps.map(|entry| &entry.node.value) else {
            return;
        };
        for step in steps {
            let Some(table) = step.as_table() else {
                continue;
            };
            for key in ["cache", "query", "call", "publish"] {
                self.key(table, key, "components", "component");
            }
            self.key(table, "keys", "keys", "catalogue of keys");
            self.steps(table.get("on_miss"));
        }
    }

    fn refers(&mut self, owner: &Entry, key: &str, to: &str, what: &str) {
        if let Some(table) = owner.node.as_table() {
            self.key(table, key, to, what);
        }
    }

    fn key(&mut self, table: &Table, key: &str, to: &str, what: &str) {
        let Some(Node {
            value: Value::Text(name),
            origin,
        }) = table.get(key).map(|e| &e.node)
        else {
            return;
        };
        let names: Vec<&str> = inner(self.root.get(to))
            .map(|entry| entry.key.as_str())
            .collect();
        if names.contains(&name.as_str()) {
            return;
        }
        let label = listing(names.iter().copied(), what);
        let similar = nearest(name, names.iter().copied());
        self.out.push(
            Diagnostic::error(*origin, format!("no {what} is named `{name}`"))
                .label(label)
                .maybe_help(similar.map(|name| format!("a similar name exists: `{name}`"))),
        );
    }
}
