//! From text to a tree: TOML with places, fragments by `uses`, overrides by `--set`.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::files::{Files, tidy};
use crate::diag::{Diagnostic, Diagnostics, Origin, SourceId, Sources, nearest};
use crate::spec::{Entry, Node, Table, Value};

/// Syntax errors beyond this many are most likely echoes of the first.
const MAX_SYNTAX_ERRORS: usize = 10;
/// Tables in which the second part of a path is a name that must exist already.
const NAMED: [&str; 4] = ["sources", "components", "keys", "instances"];

/// A scenario's tree, with everything that `uses` and overrides brought in, and the texts it came from.
#[derive(Debug, Clone)]
pub struct Document {
    /// The tree.
    pub root: Table,
    /// Where the scenario's own top level was written.
    pub origin: Origin,
    /// The texts.
    pub sources: Sources,
    /// The folder of each text, by its position.
    folders: Vec<PathBuf>,
}

impl Document {
    /// Reads a scenario, the fragments it uses, and lays the overrides `path=value` on top. What is wrong
    /// is reported; the tree then lacks it.
    pub fn load(files: &dyn Files, path: &Path, sets: &[String], out: &mut Diagnostics) -> Self {
        let mut document = Self {
            root: Table::default(),
            origin: Origin::BUILT_IN,
            sources: Sources::default(),
            folders: Vec::new(),
        };
        let mut loading = Loading {
            files,
            out,
            chain: Vec::new(),
        };
        if let Some(table) = document.load_file(&mut loading, path, None) {
            document.root = table;
            for set in sets {
                document.set_from_text(set, out);
            }
        }
        document
    }

    /// The folder against which a path written at `origin` is resolved: that of the text it stands in.
    pub fn folder(&self, origin: Origin) -> &Path {
        let position = self.sources.index(origin).unwrap_or(0);
        self.folders
            .get(position)
            .map_or(Path::new(""), PathBuf::as_path)
    }

    /// Keeps a line of a data file, to point at it.
    pub(super) fn add_data_line(&mut self, name: &str, line: &str, number: usize) -> SourceId {
        self.folders.push(PathBuf::new());
        self.sources.add_part(name, line, number)
    }

    fn add_source(&mut self, name: String, text: String, folder: &Path) -> SourceId {
        self.folders.push(folder.to_owned());
        self.sources.add(name, text)
    }

    /// Reads a file and lays it over the fragments it uses.
    fn load_file(
        &mut self,
        loading: &mut Loading<'_>,
        path: &Path,
        asked_at: Option<Origin>,
    ) -> Option<Table> {
        let name = path.display().to_string();
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let bytes = match loading.files.read(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let at = asked_at.unwrap_or(Origin::BUILT_IN);
                loading.out.push(Diagnostic::error(
                    at,
                    format!("cannot read {name}: {error}"),
                ));
                return None;
            }
        };
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let source = self.add_source(name, text, &folder);
                let at = Origin::new(source, valid..valid + '\u{fffd}'.len_utf8());
                loading.out.push(
                    Diagnostic::error(at, "this file is not UTF-8 text")
                        .label("not UTF-8 from here"),
                );
                return None;
            }
        };
        let source = self.add_source(name, text.clone(), &folder);
        if asked_at.is_none() {
            self.origin = Origin::new(source, 0..0);
        }
        let own = parse(source, &text, loading.out)?;
        loading.chain.push(tidy(path));
        let whole = self.lay_over_fragments(loading, own, &folder);
        loading.chain.pop();
        Some(whole)
    }

    fn lay_over_fragments(
        &mut self,
        loading: &mut Loading<'_>,
        mut own: Table,
        folder: &Path,
    ) -> Table {
        let mut whole = Table::default();
        let uses = own.remove("uses");
        for (path, origin) in fragment_paths(uses.as_ref(), loading.out) {
            let path = folder.join(path);
            let at = loading.chain.iter().position(|other| *other == tidy(&path));
            if let Some(at) = at {
                // As seen from the folder of the first: where that is, is said above.
                let ring = &loading.chain[at..];
                let here = ring[0].parent().unwrap_or(Path::new(""));
                let mut ring: Vec<_> = ring
                    .iter()
                    .map(|path| {
                        path.strip_prefix(here)
                            .unwrap_or(path)
                            .display()
                            .to_string()
                    })
                    .collect();
                ring.push(ring[0].clone());
                let problem = "these files use one another in a ring";
                loading
                    .out
                    .push(Diagnostic::error(origin, problem).label(ring.join(" → ")));
                continue;
            }
            if let Some(fragment) = self.load_file(loading, &path, Some(origin)) {
                whole.overlay(fragment);
            }
        }
        whole.overlay(own);
        whole
    }

    /// Lays one override `path=value` on top.
    fn set_from_text(&mut self, text: &str, out: &mut Diagnostics) {
        let source = self.add_source("--set".to_owned(), text.to_owned(), Path::new(""));
        let whole = Origin::new(source, 0..text.len());
        let Some((path, value)) = text.split_once('=') else {
            out.push(
                Diagnostic::error(whole, "an override has a path and a value")
                    .help("write --set components.web.count=20"),
            );
            return;
        };
        let value_at = Origin::new(source, path.len() + 1..text.len());
        let value = parse_value(value.trim(), value_at);
        self.set(path.trim(), whole, value, out);
    }

    /// Puts `value` at `path`. What the path names must exist, as far as names are concerned.
    pub fn set(&mut self, path: &str, path_origin: Origin, value: Node, out: &mut Diagnostics) {
        let Some(keys) = split_path(path) else {
            out.push(
                Diagnostic::error(path_origin, format!("not a path: \"{path}\""))
                    .help("write the keys with dots between them: components.web.count"),
            );
            return;
        };
        if let [table, name, _, ..] = &keys[..]
            && NAMED.contains(&table.as_str())
            && let Some(known) = self.root.get(table).and_then(|own| own.node.as_table())
            && known.get(name).is_none()
        {
            let names = known.entries.iter().map(|entry| entry.key.as_str());
            let similar = nearest(name, names.clone());
            let there_are = names.collect::<Vec<_>>().join(", ");
            let what = table.trim_end_matches('s');
            out.push(
                Diagnostic::error(path_origin, format!("no {what} is named `{name}`"))
                    .label(format!("there are: {there_are}"))
                    .maybe_help(similar.map(|name| format!("a similar name exists: `{name}`"))),
            );
            return;
        }
        if let Err(key) = put(&mut self.root, &keys, path_origin, value) {
            let problem = format!("`{key}` has no keys of its own");
            out.push(Diagnostic::error(path_origin, problem));
        }
    }
}

/// Puts a value below a table; gives the key that nothing can be put below.
fn put(table: &mut Table, keys: &[String], at: Origin, value: Node) -> Result<(), String> {
    let (key, rest) = (&keys[0], &keys[1..]);
    if table.get(key).is_none() {
        table.entries.push(Entry {
            key: key.clone(),
            key_origin: at,
            node: Node::empty_table(at),
        });
    }
    let entry = table
        .get_mut(key)
        .expect("it was there or has just been put there");
    if rest.is_empty() {
        (entry.node, entry.key_origin) = (value, at);
        return Ok(());
    }
    put_into(&mut entry.node, key, rest, at, value)
}

/// The same below the value of `key`, which may be a list, too.
fn put_into(
    node: &mut Node,
    key: &str,
    rest: &[String],
    at: Origin,
    value: Node,
) -> Result<(), String> {
    match &mut node.value {
        Value::Table(table) => put(table, rest, at, value),
        Value::List(items) => {
            let number = rest[0].parse::<usize>().ok();
            let item = number.and_then(|number| items.get_mut(number));
            match item {
                Some(item) if rest.len() == 1 => {
                    *item = value;
                    Ok(())
                }
                Some(item) => put_into(item, &rest[0], &rest[1..], at, value),
                None => Err(key.to_owned()),
            }
        }
        _ => Err(key.to_owned()),
    }
}

struct Loading<'a> {
    files: &'a dyn Files,
    out: &'a mut Diagnostics,
    /// The files that are being read, each used by the one before.
    chain: Vec<PathBuf>,
}

/// The keys of a dotted path, which may be quoted as in TOML.
pub(super) fn split_path(path: &str) -> Option<Vec<String>> {
    let text = format!("{path} = 0");
    let table = DeTable::parse(&text).ok()?;
    let mut keys = Vec::new();
    let mut table = table.get_ref();
    loop {
        let (key, value) = table.iter().next()?;
        keys.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Some(keys),
        }
    }
}

/// A value on the command line: TOML, or else a string.
fn parse_value(text: &str, origin: Origin) -> Node {
    let wrapped = format!("value = {text}");
    let parsed = DeTable::parse(&wrapped).ok().and_then(|table| {
        let (_, value) = table.get_ref().iter().next()?;
        Some(convert(value.get_ref(), &|_| origin))
    });
    let value = parsed.unwrap_or_else(|| Value::Text(text.to_owned()));
    Node { value, origin }
}

fn fragment_paths(uses: Option<&Entry>, out: &mut Diagnostics) -> Vec<(String, Origin)> {
    let Some(entry) = uses else { return Vec::new() };
    let Value::List(items) = &entry.node.value else {
        let found = format!("expected a list of files, found {}", entry.node.describe());
        out.push(Diagnostic::error(entry.node.origin, found));
        return Vec::new();
    };
    let path = |item: &Node| match item.as_text() {
        Some(text) => Some((text.to_owned(), item.origin)),
        None => {
            let found = format!("expected the path of a file, found {}", item.describe());
            out.push(Diagnostic::error(item.origin, found));
            None
        }
    };
    items.iter().filter_map(path).collect()
}

/// The tree of a text; nothing if it is not TOML, which is reported: the first error of each line.
fn parse(source: SourceId, text: &str, out: &mut Diagnostics) -> Option<Table> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut lines = Vec::new();
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let line = text[..span.start.min(text.len())].matches('\n').count();
        if !lines.contains(&line) && lines.len() < MAX_SYNTAX_ERRORS {
            lines.push(line);
            // The message may go on about what was expected in further lines.
            let mut parts = error.message().lines();
            let mut message = parts.next().unwrap_or("not TOML").to_owned();
            if message == "duplicate key" {
                message = format!("duplicate key `{}`", &text[span.clone()]);
            }
            let more = parts.collect::<Vec<_>>().join("; ");
            out.push(Diagnostic::error(Origin::new(source, span), message).label(more));
        }
    }
    if !errors.is_empty() {
        return None;
    }
    Some(convert_table(table.get_ref(), &|span| {
        Origin::new(source, span)
    }))
}

/// Tells the place of the bytes of a span.
type Place<'a> = &'a dyn Fn(std::ops::Range<usize>) -> Origin;

fn convert_table(table: &DeTable<'_>, at: Place<'_>) -> Table {
    let mut entries = Vec::new();
    for (key, value) in table {
        entries.push(Entry {
            key: key.get_ref().to_string(),
            key_origin: at(key.span()),
            node: Node {
                value: convert(value.get_ref(), at),
                origin: at(value.span()),
            },
        });
    }
    Table { entries }
}

fn convert(value: &DeValue<'_>, at: Place<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            // Beyond 64 bits it is no count of anything, but still a number.
            match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(whole) => Value::Whole(whole),
                Err(_) => Value::Real(number.as_str().parse().unwrap_or(f64::INFINITY)),
            }
        }
        DeValue::Float(number) => Value::Real(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Value::Truth(*truth),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node {
                    value: convert(item.get_ref(), at),
                    origin: at(item.span()),
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(table, at)),
    }
}
