//! JSON Schema (draft 2020-12) of what can be written.

use std::any::TypeId;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The schemas of named tables and choices, collected while others refer to them.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    by_name: BTreeMap<&'static str, Value>,
    /// Whose each of them is: two types of the same name would be described as one.
    owners: BTreeMap<&'static str, TypeId>,
}

impl Definitions {
    /// A reference to the definition `name` of the type `T`, made by `make` the first time it is asked for.
    pub fn refer<T: 'static>(
        &mut self,
        name: &'static str,
        make: impl FnOnce(&mut Self) -> Value,
    ) -> Value {
        let owner = *self.owners.entry(name).or_insert(TypeId::of::<T>());
        // No scenario brings this about: whoever gives a table the name of another one sees it in any test.
        assert!(owner == TypeId::of::<T>(), "two tables are called {name}");
        if !self.by_name.contains_key(name) {
            // Entered before it is made, so that a table may contain itself (steps inside steps).
            self.by_name.insert(name, Value::Null);
            let definition = make(self);
            self.by_name.insert(name, definition);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// Gives the definition behind `reference` the key `kind`, which must be `word`; gives the
    /// reference back.
    pub fn with_kind(&mut self, reference: &Value, word: &str, doc: &[&str]) -> Value {
        let name = reference["$ref"]
            .as_str()
            .and_then(|path| path.rsplit('/').next());
        if let Some(definition) = name.and_then(|name| self.by_name.get_mut(name)) {
            definition["properties"]["kind"] =
                json!({ "const": word, "description": paragraph(doc) });
            match &mut definition["required"] {
                Value::Array(required) => required.insert(0, "kind".into()),
                absent => *absent = json!(["kind"]),
            }
        }
        reference.clone()
    }

    /// Lets the definition `name` do without its key `kind`.
    pub fn with_optional_kind(&mut self, name: &str) {
        if let Some(definition) = self.by_name.get_mut(name)
            && let Some(required) = definition["required"].as_array_mut()
        {
            required.retain(|key| key != "kind");
        }
    }

    /// Gives the definition behind `reference`, and each table that it is a choice of, the keys of the
    /// one behind `shared`, too.
    pub fn with_keys_of(&mut self, reference: &Value, shared: &Value) {
        let (Some(into), Some(from)) = (name_behind(reference), name_behind(shared)) else {
            return;
        };
        let (Some(table), Some(keys)) = (self.by_name.get(into), self.by_name.get(from)) else {
            return;
        };
        let (table, keys) = (table.clone(), keys.clone());
        for option in table["anyOf"].as_array().into_iter().flatten() {
            self.with_keys_of(option, shared);
        }
        let Some(into) = self.by_name.get_mut(into) else {
            return;
        };
        // A choice of tables has no properties of its own.
        let own = into.get_mut("properties").and_then(Value::as_object_mut);
        let (Some(own), Some(more)) = (own, keys["properties"].as_object()) else {
            return;
        };
        own.extend(more.keys().map(|key| {
            let path = format!("#/$defs/{from}/properties/{key}");
            (key.clone(), json!({ "$ref": path }))
        }));
        if let Some(more) = keys["required"].as_array() {
            match &mut into["required"] {
                Value::Array(required) => required.extend(more.clone()),
                absent => *absent = more.clone().into(),
            }
        }
    }

    /// All definitions, sorted by name.
    pub fn into_value(self) -> Value {
        self.by_name
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// The name of the definition that a reference means.
fn name_behind(reference: &Value) -> Option<&str> {
    reference["$ref"].as_str()?.strip_prefix("#/$defs/")
}

/// The schema of a key: its type's, with its own description and default beside it.
pub fn describe_field(schema: Value, doc: &[&str], default: Option<Value>) -> Value {
    let Value::Object(mut schema) = schema else {
        return schema;
    };
    if !doc.is_empty() {
        schema.insert("description".into(), paragraph(doc).into());
    }
    if let Some(default) = default {
        schema.insert("default".into(), default);
    }
    Value::Object(schema)
}

/// The schema of a table with the given keys: (name, schema, whether it must be there).
pub fn object(doc: &[&str], fields: Vec<(&str, Value, bool)>) -> Value {
    let required: Vec<_> = fields
        .iter()
        .filter(|f| f.2)
        .map(|f| f.0.to_owned())
        .collect();
    let properties: Map<String, Value> = fields
        .into_iter()
        .map(|(name, schema, _)| (name.to_owned(), schema))
        .collect();
    let mut schema = json!({
        "type": "object",
        "description": paragraph(doc),
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

/// The lines of a doc comment as text; empty lines separate paragraphs.
pub(super) fn paragraph(doc: &[&str]) -> String {
    let mut text = String::new();
    for line in doc.iter().map(|line| line.trim()) {
        if line.is_empty() {
            text.push_str("\n\n");
        } else {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push(' ');
            }
            text.push_str(line);
        }
    }
    text
}

/// The schema of one of several named variants, each a table with one key, or the bare name where the
/// variant needs nothing more.
pub fn schema_of_choice(doc: &[&str], variants: Vec<Variant>, more: Vec<Value>) -> Value {
    let bare: Vec<_> = variants.iter().filter(|v| v.bare).map(|v| v.name).collect();
    let mut options: Vec<Value> = variants
        .into_iter()
        .map(|v| {
            json!({
                "type": "object",
                "description": paragraph(v.doc),
                "properties": { v.name: v.schema },
                "required": [v.name],
                "additionalProperties": false,
            })
        })
        .collect();
    if !bare.is_empty() {
        options.push(json!({ "enum": bare }));
    }
    options.extend(more);
    json!({ "description": paragraph(doc), "anyOf": options })
}

/// One of several named variants.
#[derive(Debug)]
pub struct Variant {
    /// The name that is written.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static [&'static str],
    /// The schema of what stands behind the name.
    pub schema: Value,
    /// Whether the name alone will do.
    pub bare: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_described_once_and_may_contain_itself() {
        let mut definitions = Definitions::default();
        let reference = definitions.refer::<u8>("Step", |definitions| {
            definitions.refer::<u8>("Step", |_| unreachable!("it is being made"))
        });
        assert_eq!(reference["$ref"], "#/$defs/Step");
        assert_eq!(definitions.into_value()["Step"], reference);
    }

    #[test]
    #[should_panic(expected = "two tables are called Step")]
    fn two_tables_of_one_name_are_a_mistake() {
        let mut definitions = Definitions::default();
        definitions.refer::<u8>("Step", |_| Value::Null);
        definitions.refer::<u16>("Step", |_| Value::Null);
    }
}
