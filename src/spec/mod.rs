//! The shape of scenario text: one declaration per table gives its reading, its JSON Schema, its
//! documentation and its writing back with every default filled in.
//!
//! A table is declared with [`spec!`](crate::spec!), a choice between named variants with
//! [`choice!`](crate::choice!), between bare words with [`words!`](crate::words!), between tables told
//! apart by their leading key with [`leads!`](crate::leads!), and a table whose `kind` decides about the
//! rest with [`kinds!`](crate::kinds!). Reading never stops at the first problem: it reports every one it
//! finds, with the place in the user's text, into one [`Diagnostics`].
//!
//! Why not serde: it stops at the first mistake in a table, loses positions behind tagged enums, and
//! describes mistakes in terms of Rust types.

mod data;
mod fields;
mod macros;
mod named;
mod node;
mod preset;
mod schema;
mod tool_duration;
mod values;
mod with;

pub use data::{Column, Data, finite};
pub use fields::Fields;
pub use macros::{
    pick, pick_kind, pick_lead, pick_word, read_empty, reads_empty, schema_of_kinds,
    schema_of_words,
};
pub use named::{Named, listing};
pub use node::{Entry, Node, Table, Value, number_text};
pub use preset::{MODEL, Preset, describe_presets, lay_under};
pub use schema::{Definitions, Variant, describe_field, object, schema_of_choice};
pub use tool_duration::{Millis, Seconds, ToolDuration};
pub use values::{At, Count, Given, list_of};
pub use with::{Own, Shared, With};

use crate::diag::Diagnostics;

/// What can be read from scenario text, described, and written back.
pub trait Spec: Sized {
    /// Reads a value. On a problem, reports it and gives nothing.
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self>;

    /// The value as TOML; nothing if there is nothing to write (an option that was not chosen).
    fn write(&self) -> Option<toml::Value>;

    /// The JSON Schema of the value; tables put theirs into `definitions` and refer to it.
    fn schema(definitions: &mut Definitions) -> serde_json::Value;

    /// What a key that is not there means, if it may be missing.
    fn when_absent() -> Option<Self> {
        None
    }
}
