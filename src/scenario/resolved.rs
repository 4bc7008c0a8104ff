//! The scenario written back: every default, fragment and override in place.

use super::data::DataFile;
use super::plan::PlanSpec;
use super::shape::ScenarioSpec;
use super::sweep::SweepSpec;
use crate::spec::Spec as _;

/// The folder of data files beside a resolved scenario.
pub const INPUTS: &str = "inputs";

/// The text, without the sweep and the plan, and the data files under the names they have in it: by their contents, so
/// that the text alone says what is run.
pub(super) fn resolve(spec: &ScenarioSpec, used: Vec<DataFile>) -> (String, Vec<DataFile>) {
    let own = ScenarioSpec {
        uses: Vec::new(),
        sweep: None,
        plan: None,
        ..spec.clone()
    };
    let mut tree = own
        .write()
        .unwrap_or_else(|| toml::Value::Table(toml::Table::new()));
    let mut inputs = Vec::new();
    for file in used {
        let name = content_name(&file);
        rename(&mut tree, &file.path, &name);
        inputs.push(DataFile {
            path: name,
            bytes: file.bytes,
        });
    }
    inputs.sort_by(|a, b| a.path.cmp(&b.path));
    inputs.dedup_by(|a, b| a.path == b.path);
    (tree_text(&tree), inputs)
}

/// A sweep as text.
pub(super) fn sweep_text(sweep: &SweepSpec) -> String {
    let table: toml::Table = sweep
        .write()
        .map(|sweep| ("sweep".to_owned(), sweep))
        .into_iter()
        .collect();
    tree_text(&toml::Value::Table(table))
}

/// A plan as text.
pub(super) fn plan_text(plan: &PlanSpec, axes: &SweepSpec) -> String {
    let plan = plan.write().map(|plan| ("plan".to_owned(), plan));
    let table: toml::Table = plan.into_iter().collect();
    // Where the choices are those of the sweep, they are part of the plan all the same.
    let sweep = plan_axes(axes);
    format!("{}{sweep}", tree_text(&toml::Value::Table(table)))
}

fn plan_axes(axes: &SweepSpec) -> String {
    let mut text = String::new();
    for setting in axes.points().iter().flat_map(|own| &own.settings) {
        text.push_str(&format!("# {} = {}\n", setting.path, setting.label));
    }
    text
}

/// A scenario's tree as text.
pub(super) fn tree_text(tree: &toml::Value) -> String {
    toml::to_string_pretty(tree).expect("a tree of plain values can be written")
}

/// `inputs/1a2b3c4d-traffic.csv.gz`.
fn content_name(file: &DataFile) -> String {
    let hash = blake3::hash(&file.bytes).to_hex();
    let name = file.path.rsplit(['/', '\\']).next().unwrap_or("data");
    format!("{INPUTS}/{}-{name}", &hash[..8])
}

/// Gives a data file another name wherever a key that names data files does so.
fn rename(tree: &mut toml::Value, from: &str, to: &str) {
    match tree {
        toml::Value::Table(table) => {
            for (key, value) in table.iter_mut() {
                match value {
                    toml::Value::String(text)
                        if matches!(key.as_str(), "file" | "counts") && text == from =>
                    {
                        to.clone_into(text);
                    }
                    other => rename(other, from, to),
                }
            }
        }
        toml::Value::Array(items) => items.iter_mut().for_each(|item| rename(item, from, to)),
        _ => {}
    }
}
