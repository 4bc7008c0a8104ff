//! Scenarios: from text to a checked description that can be run.
//!
//! ```text
//! text ─document─▶ Document ─spec─▶ ScenarioSpec ─compile─▶ Scenario
//! ```
//!
//! A [`Document`] is a tree in which every value knows its place; a [`ScenarioSpec`] has the right shape
//! and its quantities are read, but names are still names; a [`Scenario`] has every name resolved and
//! every check passed, and only this module can make one. Each stage reports every problem it finds.

mod catalogue;
mod changes;
mod compile;
mod data;
mod document;
mod files;
mod names;
mod resolved;
mod shape;
mod sweep;

use std::path::Path;

pub use catalogue::{FAMILIES, catalogue};
pub use data::DataFile;
pub use document::Document;
use files::Remembering;
pub use files::{Disk, Files, Memory};
pub use resolved::INPUTS;
pub use shape::{
    InstanceType, KeysSpec, Replications, ReplicationsSpec, RunSpec, ScenarioSpec, Vary,
};
pub use sweep::{Point, Setting, SweepSpec, show};

use crate::component::Blueprint;
use crate::diag::{Diagnostics, Sources};
use crate::objective::Objective;
use crate::spec::{Definitions, Node, Spec as _, Value};
use crate::stats::Confidence;
use data::DataFiles;

/// A checked scenario: what one point of an experiment runs.
#[derive(Debug, Clone)]
pub struct Scenario {
    title: String,
    seed: u64,
    replications: Replications,
    objectives: Vec<Objective>,
    blueprint: Blueprint,
    resolved: String,
    inputs: Vec<DataFile>,
}

impl Scenario {
    /// What it is about.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Where its random numbers start.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How many replications it asks for.
    pub fn replications(&self) -> Replications {
        self.replications
    }

    /// The level of its intervals.
    pub fn confidence(&self) -> Confidence {
        Confidence::new(self.replications.level.get()).expect("the level was checked")
    }

    /// Bounds that its runs are to keep.
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// The system it describes.
    pub fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// The scenario as text, every default written out; data files are named by their contents. Identifies
    /// what is run.
    pub fn resolved(&self) -> &str {
        &self.resolved
    }

    /// The data files that it uses, under the names they have in the resolved text.
    pub fn inputs(&self) -> &[DataFile] {
        &self.inputs
    }
}

/// Problems found, and the texts they are in.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    /// The problems.
    pub found: Diagnostics,
    /// The texts.
    pub sources: Sources,
}

/// A scenario file that was read and checked, sweep included.
#[derive(Debug)]
pub struct Loaded {
    /// The name of the file, without its ending.
    pub name: String,
    /// The scenario itself.
    pub scenario: Scenario,
    /// Its sweep, if it has one.
    pub sweep: Option<Sweep>,
    /// What is odd, but does not forbid running.
    pub warnings: Problems,
}

/// A sweep that was checked: every point can be run.
#[derive(Debug)]
pub struct Sweep {
    paths: Vec<String>,
    points: Vec<Point>,
    /// The sweep as text.
    resolved: String,
    base: Document,
    files: Memory,
}

/// Loads a scenario file, lays overrides `path=value` on top, and checks it, every point of its sweep
/// included.
pub fn load(files: &dyn Files, path: &Path, sets: &[String]) -> Result<Loaded, Problems> {
    let mut found = Diagnostics::default();
    let files = Remembering::new(files);
    let mut document = Document::load(&files, path, sets, &mut found);
    let compiled = if found.has_errors() {
        None
    } else {
        check(&files, &mut document, &mut found)
    };
    let sweep = compiled.as_ref().and_then(|(_, spec)| spec.sweep.clone());
    let sweep = match sweep {
        Some(sweep) => check_points(&sweep, &files, &mut document, &mut found),
        None => None,
    };
    match compiled {
        Some((scenario, spec)) if !found.has_errors() => Ok(Loaded {
            name: path
                .file_stem()
                .map_or("scenario".to_owned(), |n| n.to_string_lossy().into_owned()),
            scenario,
            sweep: sweep.map(|points| Sweep {
                paths: spec.sweep.as_ref().map_or(Vec::new(), |sweep| {
                    sweep.paths().into_iter().map(str::to_owned).collect()
                }),
                points,
                resolved: spec
                    .sweep
                    .as_ref()
                    .map_or(String::new(), resolved::sweep_text),
                base: document.clone(),
                files: files.into_memory(),
            }),
            warnings: Problems {
                found,
                sources: document.sources,
            },
        }),
        _ => Err(Problems {
            found,
            sources: document.sources,
        }),
    }
}

/// Reads and compiles a document.
fn check(
    files: &dyn Files,
    document: &mut Document,
    out: &mut Diagnostics,
) -> Option<(Scenario, ScenarioSpec)> {
    let root = Node {
        value: Value::Table(document.root.clone()),
        origin: document.origin,
    };
    let Some(spec) = ScenarioSpec::read(&root, out) else {
        names::check(&document.root, out);
        return None;
    };
    let versions = changes::versions(&spec, document, out);
    let places = changes::places(&spec, &versions);
    let mut data = DataFiles::new(files, document);
    let blueprint = compile::compile(&spec, places.clone(), &mut data, out);
    let mut used = data.into_used();
    let mut blueprint = blueprint?;
    used.extend(changes::add(
        versions,
        &places,
        (files, document),
        &mut blueprint,
        out,
    )?);
    let (resolved, inputs) = resolved::resolve(&spec, used);
    let title = spec
        .title
        .as_ref()
        .map_or_else(|| "Untitled".to_owned(), |title| title.value.clone());
    let scenario = Scenario {
        title,
        seed: spec.run.seed.value,
        replications: spec.run.replications.value,
        objectives: spec.objectives.items.clone(),
        blueprint,
        resolved,
        inputs,
    };
    Some((scenario, spec))
}

/// Checks every point of a sweep; nothing if there is a problem.
fn check_points(
    sweep: &SweepSpec,
    files: &dyn Files,
    document: &mut Document,
    out: &mut Diagnostics,
) -> Option<Vec<Point>> {
    let points = sweep.points();
    for point in &points {
        let mut own = document.clone();
        let mut found = Diagnostics::default();
        point.apply(&mut own, &mut found);
        if !found.has_errors() {
            check(files, &mut own, &mut found);
        }
        if found.has_errors() {
            // What the point adds to the texts (lines of data files) belongs to its problems.
            document.sources = own.sources;
            out.extend(found);
            return None;
        }
    }
    Some(points)
}

impl Sweep {
    /// The parameters that are set, by their paths.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The points.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The sweep as text; together with the scenario's it identifies what is run.
    pub fn resolved(&self) -> &str {
        &self.resolved
    }

    /// The scenario of a point.
    ///
    /// # Panics
    /// If there is no such point.
    pub fn scenario(&self, point: usize) -> Scenario {
        let (mut document, mut out) = (self.base.clone(), Diagnostics::default());
        self.points[point].apply(&mut document, &mut out);
        let checked = check(&self.files, &mut document, &mut out);
        let (scenario, _) = checked.expect("every point was checked when the sweep was loaded");
        scenario
    }
}

/// The JSON Schema (draft 2020-12) of scenarios.
pub fn schema() -> serde_json::Value {
    let mut definitions = Definitions::default();
    let root = ScenarioSpec::schema(&mut definitions);
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "capsim scenario",
        "$ref": root["$ref"],
        "$defs": definitions.into_value(),
    })
}
