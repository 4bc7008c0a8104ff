//! Scenario text as a tree in which every value knows where it was written.

use crate::diag::Origin;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it was written.
    pub origin: Origin,
}

/// A TOML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer.
    Whole(i64),
    /// A float; may be infinite or not a number.
    Real(f64),
    /// A boolean.
    Truth(bool),
    /// A date or time, as text; no key of a scenario wants one.
    Date(String),
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Table),
}

/// A table: keys in the order in which they were written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Keys and values.
    pub entries: Vec<Entry>,
}

/// One key of a table with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key was written.
    pub key_origin: Origin,
    /// The value.
    pub node: Node,
}

impl Table {
    /// The entry of `key`.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The entry of `key`, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.key == key)
    }

    /// Takes the entry of `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    /// Lays `over` on top: tables merge key by key, anything else is replaced.
    pub fn overlay(&mut self, over: Self) {
        for theirs in over.entries {
            match self.get_mut(&theirs.key) {
                Some(mine) => mine.overlay(theirs),
                None => self.entries.push(theirs),
            }
        }
    }
}

impl Entry {
    fn overlay(&mut self, over: Self) {
        self.key_origin = over.key_origin;
        match (&mut self.node.value, over.node.value) {
            (Value::Table(mine), Value::Table(theirs)) => {
                mine.overlay(theirs);
                self.node.origin = over.node.origin;
            }
            (mine, theirs) => {
                *mine = theirs;
                self.node.origin = over.node.origin;
            }
        }
    }
}

impl Node {
    /// An empty table at `origin`.
    pub fn empty_table(origin: Origin) -> Self {
        Self {
            value: Value::Table(Table::default()),
            origin,
        }
    }

    /// The table, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The value as TOML.
    pub fn to_toml(&self) -> toml::Value {
        match &self.value {
            Value::Text(text) | Value::Date(text) => toml::Value::String(text.clone()),
            Value::Whole(number) => toml::Value::Integer(*number),
            Value::Real(number) => toml::Value::Float(*number),
            Value::Truth(truth) => toml::Value::Boolean(*truth),
            Value::List(items) => toml::Value::Array(items.iter().map(Self::to_toml).collect()),
            Value::Table(table) => {
                let entry = |entry: &Entry| (entry.key.clone(), entry.node.to_toml());
                toml::Value::Table(table.entries.iter().map(entry).collect())
            }
        }
    }

    /// The string, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What was found here, in words: `the string "fast"`, `a table`.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Text(text) if text.chars().count() <= 40 => format!("the string \"{text}\""),
            Value::Text(_) => "a string".to_owned(),
            Value::Whole(number) => format!("the number {number}"),
            Value::Real(number) => format!("the number {}", number_text(*number)),
            Value::Truth(truth) => format!("`{truth}`"),
            Value::Date(_) => "a date".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

/// A number as a person would write it: with an exponent where there would be no end of digits.
pub fn number_text(number: f64) -> String {
    if number.is_finite() && number != 0.0 && !(1e-6..1e15).contains(&number.abs()) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}
