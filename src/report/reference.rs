//! The reference of the scenario language, made from its own declarations.

use std::fmt::Write as _;

use serde_json::Value;

use crate::diag::nearest;
use crate::scenario::schema;

/// The whole reference, as Markdown.
pub fn page() -> String {
    let schema = schema();
    let mut text = "# The scenario language\n\n".to_owned();
    text.push_str(
        "A scenario is a TOML file. This page is made from the program's own declarations; \
         `capsim kinds NAME` shows one section of it, `capsim schema` the same as JSON Schema for \
         editors.\n\n\
         Quantities are strings with their units: durations `\"250ms\"`, `\"2m30s\"`, `\"1d 12h\"`; rates \
         `\"200/s\"`, `\"1.2k/s\"`, `\"12000/min\"`; shares `\"70%\"`; prices `\"$0.69/h\"`, \
         `\"$500/month\"`; sizes `\"14kB\"`; bandwidths `\"20Mbit/s\"`. A bare number is a count, or has no dimension.\n\n",
    );
    let Some(definitions) = schema["$defs"].as_object() else {
        return text;
    };
    let root = schema["$ref"].as_str().map_or("", name_of);
    for name in reading_order(definitions, root) {
        text.push_str(&describe(&name, definitions));
    }
    text
}

/// What there is to choose from, by group: kinds, policies, laws, and the products that tables are preset for.
pub fn overview() -> String {
    let schema = schema();
    let Some(definitions) = schema["$defs"].as_object() else {
        return String::new();
    };
    let root = schema["$ref"].as_str().map_or("", name_of);
    let mut text = String::new();
    for name in reading_order(definitions, root) {
        let definition = &definitions[&name];
        let options = definition["anyOf"].as_array().into_iter().flatten();
        let named: Vec<_> = options
            .filter_map(|option| word_of(option, definitions))
            .collect();
        if named.len() > 1 {
            let _ = writeln!(text, "{}: {}", title(&name), first_sentence(definition));
            add_aligned(&mut text, &named);
        }
        let presets: Vec<_> = definition["x-presets"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, own)| {
                let own = own.as_str().unwrap_or("");
                (name.clone(), sentence(&comment(own)).to_owned())
            })
            .collect();
        if !presets.is_empty() {
            let _ = writeln!(text, "{} with model = \"...\":", title(&name));
            add_aligned(&mut text, &presets);
        }
    }
    text.push_str(
        "`capsim kinds NAME` explains one of these, a table, or a product and what is set for it; \
         `capsim kinds --all` everything.\n",
    );
    text
}

/// Names and what they mean, in two columns.
fn add_aligned(text: &mut String, named: &[(String, String)]) {
    let longest = named.iter().map(|(name, _)| name.chars().count()).max();
    let width = longest.unwrap_or(0);
    for (name, about) in named {
        let _ = writeln!(text, "  {name:width$}  {about}");
    }
    text.push('\n');
}

/// How an option of a choice is written, and what it is, in a sentence; nothing for what has no name.
fn word_of(
    option: &Value,
    definitions: &serde_json::Map<String, Value>,
) -> Option<(String, String)> {
    let table = match option["$ref"].as_str() {
        Some(path) => &definitions[name_of(path)],
        None => option,
    };
    let about = match option["description"].as_str() {
        Some(_) => first_sentence(option),
        None => first_sentence(table),
    };
    if let Some(kind) = table["properties"]["kind"]["const"].as_str() {
        return Some((kind.to_owned(), about));
    }
    let first = table["required"].as_array()?.first()?.as_str()?;
    Some((first.to_owned(), about))
}

fn first_sentence(value: &Value) -> String {
    sentence(value["description"].as_str().unwrap_or("").trim()).to_owned()
}

/// Text up to the end of its first sentence.
fn sentence(text: &str) -> &str {
    let end = text.find(". ").or_else(|| text.find(".\n"));
    let whole = end.map_or(text, |end| &text[..=end]);
    whole.split("\n\n").next().unwrap_or(whole)
}

/// The comment at the head of a preset.
fn comment(preset: &str) -> String {
    let lines = preset.lines().map_while(|line| line.strip_prefix('#'));
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

/// What is set for a product, by table, as the scenario language has it; nothing if no product has this name.
pub fn preset(name: &str) -> Option<String> {
    let schema = schema();
    let definitions = schema["$defs"].as_object()?;
    let mut text = String::new();
    for (table, definition) in definitions {
        if let Some(own) = definition["x-presets"][name].as_str() {
            let _ = writeln!(
                text,
                "## {name}\n\nA preset of [{0}](#{1}), which lays these keys under those that are given: `model = \"{name}\"`\n\n```toml\n{2}\n```\n",
                title(table),
                title(table).to_lowercase(),
                own.trim_end()
            );
        }
    }
    (!text.is_empty()).then_some(text)
}

/// The sections of the reference about a name: the one that is called so, and those about what is written as
/// this word; the nearest name if there is none.
pub fn section(name: &str) -> Result<String, Option<String>> {
    let schema = schema();
    let Some(definitions) = schema["$defs"].as_object() else {
        return Err(None);
    };
    let wanted = name.replace(['_', '-'], "").to_lowercase();
    let called_so = |own: &&String| {
        let own = own.to_lowercase();
        own == wanted || own == format!("{wanted}spec")
    };
    let mut found: Vec<&str> = definitions
        .keys()
        .filter(called_so)
        .map(String::as_str)
        .collect();
    for definition in definitions.values() {
        for option in definition["anyOf"].as_array().into_iter().flatten() {
            let is_it = word_of(option, definitions).is_some_and(|(word, _)| word == name);
            let path = option["$ref"].as_str();
            let path = path.or_else(|| option["properties"][name]["$ref"].as_str());
            match path.map(name_of) {
                Some(own) if is_it && !found.contains(&own) => found.push(own),
                _ => {}
            }
        }
    }
    if found.is_empty() {
        return Err(nearest(name, definitions.keys().map(String::as_str)).map(str::to_owned));
    }
    let sections = found.iter().map(|own| describe(own, definitions));
    Ok(sections.collect())
}

/// Definitions as they are met from the top: what a reader needs first comes first.
fn reading_order(definitions: &serde_json::Map<String, Value>, root: &str) -> Vec<String> {
    let mut order = vec![root.to_owned()];
    let mut at = 0;
    while at < order.len() {
        let mut found = Vec::new();
        references(&definitions[&order[at]], &mut found);
        for name in found {
            if !order.contains(&name) {
                order.push(name);
            }
        }
        at += 1;
    }
    order
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(path) = object.get("$ref").and_then(Value::as_str) {
                found.push(name_of(path).to_owned());
            }
            object.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

/// The definition that a path means, or whose key it means: `#/$defs/Clients/properties/enters`.
fn name_of(path: &str) -> &str {
    let path = path.strip_prefix("#/$defs/").unwrap_or(path);
    path.split('/').next().unwrap_or(path)
}

/// The definition that a key comes from, if it is one that several tables share.
fn shared_from<'a>(
    key: &str,
    schema: &'a Value,
    definitions: &'a serde_json::Map<String, Value>,
) -> Option<&'a str> {
    let path = schema["$ref"].as_str()?;
    if !path.contains("/properties/") {
        return None;
    }
    let owner = name_of(path);
    // Which may have it from a third one.
    let further = &definitions[owner]["properties"][key];
    Some(shared_from(key, further, definitions).unwrap_or(owner))
}

/// What a table is called for readers: what it describes.
fn title(name: &str) -> &str {
    name.strip_suffix("Spec").unwrap_or(name)
}

/// A link to the section about a table.
fn link(name: &str) -> String {
    let title = title(name);
    format!("[{title}](#{})", title.to_lowercase())
}

fn describe(name: &str, definitions: &serde_json::Map<String, Value>) -> String {
    let definition = &definitions[name];
    let mut text = format!("## {}\n\n", title(name));
    if let Some(about) = definition["description"].as_str() {
        let _ = write!(text, "{}\n\n", about.trim());
    }
    if let Some(properties) = definition["properties"].as_object() {
        let required: Vec<&str> = definition["required"].as_array().map_or(Vec::new(), |all| {
            all.iter().filter_map(Value::as_str).collect()
        });
        let mut shared: Vec<&str> = Vec::new();
        for (key, schema) in properties {
            if let Some(from) = shared_from(key, schema, definitions) {
                if !shared.contains(&from) {
                    shared.push(from);
                }
                continue;
            }
            let must = if required.contains(&key.as_str()) {
                ", required"
            } else {
                ""
            };
            let _ = write!(text, "- **`{key}`** ({}{must})", type_of(schema));
            if let Some(about) = schema["description"].as_str() {
                let _ = write!(text, ": {}", about.replace("\n\n", " ").trim());
            }
            if let Some(default) = schema.get("default").filter(|_| must.is_empty()) {
                let _ = write!(text, " Default: `{}`.", plain(default));
            }
            text.push('\n');
        }
        if !shared.is_empty() {
            shared.sort_unstable();
            let links: Vec<_> = shared.into_iter().map(link).collect();
            let _ = writeln!(text, "- and the keys of {}", links.join(" and "));
        }
        text.push('\n');
    }
    if let Some(presets) = definition["x-presets"].as_object() {
        for (name, toml) in presets {
            let toml = toml.as_str().unwrap_or("").trim();
            let _ = write!(
                text,
                "`model = \"{name}\"` stands for:\n\n```toml\n{toml}\n```\n\n"
            );
        }
    }
    if let Some(options) = definition["anyOf"].as_array() {
        for option in options {
            text.push_str(&describe_option(option, definitions));
        }
        text.push('\n');
    }
    text
}

fn describe_option(option: &Value, definitions: &serde_json::Map<String, Value>) -> String {
    // An option that is a table of its own is described there; its first sentence says which it is.
    let table = option["$ref"]
        .as_str()
        .map(|path| &definitions[name_of(path)]);
    let about = option["description"]
        .as_str()
        .or_else(|| table?["description"].as_str()?.split("\n\n").next())
        .unwrap_or("")
        .trim();
    if let Some(words) = option["enum"].as_array() {
        let words: Vec<_> = words
            .iter()
            .map(|word| format!("`{}`", plain(word)))
            .collect();
        return format!(
            "- or the bare name, where nothing more is needed: {}\n",
            words.join(", ")
        );
    }
    let inner = option["properties"]
        .as_object()
        .and_then(|properties| properties.iter().next());
    match inner {
        Some((word, schema)) => format!("- **`{word}`** ({}): {about}\n", type_of(schema)),
        None => format!("- {}: {about}\n", type_of(option)),
    }
}

/// What kind of value a schema describes, in a few words.
fn type_of(schema: &Value) -> String {
    if let Some(path) = schema["$ref"].as_str() {
        return link(name_of(path));
    }
    if let Some(constant) = schema.get("const") {
        return format!("`{}`", plain(constant));
    }
    if let Some(words) = schema["enum"].as_array() {
        return words
            .iter()
            .map(|word| format!("`{}`", plain(word)))
            .collect::<Vec<_>>()
            .join(" | ");
    }
    if let Some(options) = schema["anyOf"].as_array() {
        return options.iter().map(type_of).collect::<Vec<_>>().join(" | ");
    }
    match schema["type"].as_str() {
        Some("string") => match schema["pattern"].as_str() {
            Some(pattern) if pattern.contains("bit") => "bandwidth".to_owned(),
            Some(pattern) if pattern.contains("iB") => "size".to_owned(),
            Some(pattern) if pattern.contains('%') => "share".to_owned(),
            Some(pattern) if pattern.contains('$') && pattern.contains("\\$") => "price".to_owned(),
            Some(pattern) if pattern.contains('/') => "rate".to_owned(),
            Some(_) => "duration".to_owned(),
            None => "string".to_owned(),
        },
        Some("integer") => "whole number".to_owned(),
        Some("array") => format!("list of {}", type_of(&schema["items"])),
        Some("object") => match schema.get("additionalProperties") {
            Some(inner) if inner.is_object() => format!("by name, {}", type_of(inner)),
            _ => "table".to_owned(),
        },
        Some(other) => other.to_owned(),
        None => "value".to_owned(),
    }
}

/// A value as it would be written in a scenario, without the quotes of a string.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| match value {
                    Value::String(text) => format!("{key} = \"{text}\""),
                    value => format!("{key} = {}", plain(value)),
                })
                .collect();
            match fields.as_slice() {
                [] => "{}".to_owned(),
                fields => format!("{{ {} }}", fields.join(", ")),
            }
        }
        value => value.to_string(),
    }
}
