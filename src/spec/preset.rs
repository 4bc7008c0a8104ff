//! Presets: what a real product does unless it is told otherwise, as the table that one would write.
//!
//! A preset is a TOML file with comments beside the declaration of the table that it is for. A table that
//! names one (`model = "nginx"`) has the preset's keys laid under its own: a key that is given replaces the
//! preset's as a whole. To add one, write its file and add its line to the list.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use super::{Entry, Node, Table, Value, pick_word};
use crate::diag::{Diagnostics, Origin};

/// The key that names a preset.
pub const MODEL: &str = "model";

/// The settings of a product.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// What it is called in scenarios.
    pub name: &'static str,
    /// The keys that it sets, as TOML; the comment at the head says what it models.
    pub text: &'static str,
}

/// Declares the presets of a table: `presets! { "nginx": "presets/nginx.toml" }`, with paths as seen from
/// the file.
#[macro_export]
macro_rules! presets {
    ($( $name:literal: $path:literal ),* $(,)?) => {
        &[$( $crate::spec::Preset { name: $name, text: include_str!($path) } ),*]
    };
}

impl Preset {
    /// The comment at the head of the file, as text.
    pub fn about(&self) -> String {
        let comment = self.text.lines().map_while(|line| line.strip_prefix('#'));
        let lines: Vec<&str> = comment.map(str::trim).collect();
        super::schema::paragraph(&lines)
    }

    /// The keys that it sets; they stand where the preset is named.
    fn table(&self, origin: Origin) -> Table {
        let table: toml::Table = self
            .text
            .parse()
            .unwrap_or_else(|error| panic!("the preset `{}` is no TOML: {error}", self.name));
        from_toml(&table, origin)
    }
}

/// The table with the keys of the preset that it names, if it names one; nothing if there is no such
/// preset, which is reported.
pub fn lay_under<'a>(
    node: &'a Node,
    presets: &[Preset],
    out: &mut Diagnostics,
) -> Option<Cow<'a, Node>> {
    let Some((own, model)) = node
        .as_table()
        .and_then(|table| Some((table, &table.get(MODEL)?.node)))
    else {
        return Some(Cow::Borrowed(node));
    };
    let names: Vec<&str> = presets.iter().map(|preset| preset.name).collect();
    let name = pick_word(model, &names, out)?;
    let preset = presets
        .iter()
        .find(|preset| preset.name == name)
        .expect("pick_word gives one of the names");
    let mut whole = own.clone();
    let more = preset.table(model.origin).entries.into_iter();
    whole
        .entries
        .extend(more.filter(|entry| own.get(&entry.key).is_none()));
    Some(Cow::Owned(Node {
        value: Value::Table(whole),
        origin: node.origin,
    }))
}

/// Says in the schema of a table which presets it has, and lets it do without the keys that they set.
pub fn describe_presets(schema: &mut Json, presets: &[Preset]) {
    let names: Vec<&str> = presets.iter().map(|preset| preset.name).collect();
    let key = &mut schema["properties"][MODEL];
    let mut description = key["description"].as_str().unwrap_or("").to_owned();
    for preset in presets {
        description.push_str(&format!("\n\n`{}`: {}", preset.name, preset.about()));
    }
    *key = json!({ "description": description, "enum": names });
    let set: Vec<String> = presets
        .iter()
        .flat_map(|preset| preset.table(Origin::BUILT_IN).entries)
        .map(|entry| entry.key)
        .collect();
    if let Some(required) = schema.get_mut("required").and_then(Json::as_array_mut) {
        let may_be_set = |key: &Json| set.iter().any(|own| key == own);
        let (by_presets, always): (Vec<_>, Vec<_>) = required.drain(..).partition(may_be_set);
        *required = always;
        for key in by_presets.iter().filter_map(Json::as_str) {
            let own = &mut schema["properties"][key];
            let about = own["description"].as_str().unwrap_or("");
            own["description"] = format!("{about}\n\nRequired unless the `model` sets it.").into();
        }
    }
    let texts: serde_json::Map<String, Json> = presets
        .iter()
        .map(|preset| (preset.name.to_owned(), preset.text.into()))
        .collect();
    schema["x-presets"] = texts.into();
}

fn from_toml(table: &toml::Table, origin: Origin) -> Table {
    let entry = |(key, value): (&String, &toml::Value)| Entry {
        key: key.clone(),
        key_origin: origin,
        node: node_from_toml(value, origin),
    };
    Table {
        entries: table.iter().map(entry).collect(),
    }
}

fn node_from_toml(value: &toml::Value, origin: Origin) -> Node {
    let value = match value {
        toml::Value::String(text) => Value::Text(text.clone()),
        toml::Value::Integer(whole) => Value::Whole(*whole),
        toml::Value::Float(real) => Value::Real(*real),
        toml::Value::Boolean(truth) => Value::Truth(*truth),
        toml::Value::Datetime(date) => Value::Date(date.to_string()),
        toml::Value::Array(items) => {
            let items = items.iter().map(|item| node_from_toml(item, origin));
            Value::List(items.collect())
        }
        toml::Value::Table(table) => Value::Table(from_toml(table, origin)),
    };
    Node { value, origin }
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "declared tables are public")]
mod tests {
    use super::*;
    use crate::spec::{At, Count, Definitions, Spec as _};

    crate::spec! {
        /// A door.
        pub struct Door {
            /// Whose door it is.
            pub model: Option<At<String>>,
            /// How many pass at a time.
            pub width: At<Count>,
            /// How many wait.
            pub queue: At<Count> = At::built_in(Count::new(7)),
        }
        presets(&[Preset { name: "barn", text: "# A barn's.\nwidth = 4\nqueue = 9\n" }])
    }

    fn read(text: &str) -> Result<Door, usize> {
        let table: toml::Table = text.parse().expect("TOML");
        let node = node_from_toml(&toml::Value::Table(table), Origin::BUILT_IN);
        let mut out = Diagnostics::default();
        Door::read(&node, &mut out).ok_or(out.n_errors())
    }

    #[test]
    fn own_keys_lie_over_those_of_the_preset() {
        let of = |text| read(text).map(|door| (door.width.get(), door.queue.get()));
        assert_eq!(of("model = 'barn'"), Ok((4, 9)));
        assert_eq!(of("model = 'barn'\nwidth = 5"), Ok((5, 9)));
        assert_eq!(of("width = 5"), Ok((5, 7)));
        assert_eq!(of("model = 'bran'"), Err(1));
        // What was filled in can be read again as it is written.
        let door = read("model = 'barn'\nqueue = 1").expect("it is right");
        let text = door.write().expect("a table").to_string();
        assert!(
            text.contains("width = 4") && text.contains("barn"),
            "{text}"
        );
    }

    #[test]
    fn the_schema_names_the_presets() {
        let mut definitions = Definitions::default();
        Door::schema(&mut definitions);
        let door = &definitions.into_value()["Door"];
        assert_eq!(door["properties"]["model"]["enum"][0], "barn");
        assert_eq!(door["required"], Json::Array(Vec::new()));
        // That it is optional only with a model is said in words.
        let about = |key: &str| door["properties"][key]["description"].as_str();
        assert!(about("width").is_some_and(|text| text.contains("Required unless")));
        assert_eq!(about("queue"), Some("How many wait."));
    }
}
