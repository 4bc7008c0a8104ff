//! Two tables that are written as one: keys of their own, and keys that several tables share.

use super::{Definitions, Node, Spec};
use crate::diag::Diagnostics;

/// A table that can be read where keys of others stand beside its own.
pub trait Own: Spec {
    /// Reads the table, reporting unknown keys; those in `also` are somebody else's.
    fn read_with(node: &Node, also: &[&str], out: &mut Diagnostics) -> Option<Self>;

    /// Says in the schema what [`Own::read_with`] takes beyond what the table itself declares.
    fn loosen(_: &mut Definitions) {}
}

/// A set of keys that several tables share.
pub trait Shared: Spec {
    /// The keys.
    fn keys() -> Vec<&'static str>;

    /// Reads these keys of a table of which others read the rest.
    fn read_shared(node: &Node, out: &mut Diagnostics) -> Option<Self>;
}

/// A table with keys of its own and shared ones.
#[derive(Debug, Clone)]
pub struct With<A, B> {
    /// Its own keys.
    pub own: A,
    /// The shared ones.
    pub shared: B,
}

impl<A: Own, B: Shared> Spec for With<A, B> {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let own = A::read_with(node, &B::keys(), out);
        // What is no table at all has been reported.
        let shared = node.as_table().and_then(|_| B::read_shared(node, out));
        Some(Self {
            own: own?,
            shared: shared?,
        })
    }

    fn write(&self) -> Option<toml::Value> {
        merged(self.own.write(), self.shared.write())
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        let own = A::schema(definitions);
        A::loosen(definitions);
        let shared = B::schema(definitions);
        definitions.with_keys_of(&own, &shared);
        own
    }
}

impl<A: Own + Shared, B: Shared> Shared for With<A, B> {
    fn keys() -> Vec<&'static str> {
        A::keys().into_iter().chain(B::keys()).collect()
    }

    fn read_shared(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let (own, shared) = (A::read_shared(node, out), B::read_shared(node, out));
        Some(Self {
            own: own?,
            shared: shared?,
        })
    }
}

fn merged(own: Option<toml::Value>, shared: Option<toml::Value>) -> Option<toml::Value> {
    match (own, shared) {
        (Some(toml::Value::Table(mut own)), Some(toml::Value::Table(shared))) => {
            own.extend(shared);
            Some(toml::Value::Table(own))
        }
        (own, shared) => own.or(shared),
    }
}
