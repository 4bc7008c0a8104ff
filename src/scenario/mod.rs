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
mod plan;
mod resolved;
mod revisions;
mod shape;
mod sweep;

use std::path::Path;

pub use catalogue::{FAMILIES, catalogue};
pub use changes::{Change, changes};
pub use data::DataFile;
pub use document::Document;
use files::Remembering;
pub use files::{Disk, Files, Memory};
pub use plan::PlanSpec;
pub use resolved::INPUTS;
pub use shape::{
    InstanceType, KeysSpec, Replications, ReplicationsSpec, RunSpec, ScenarioSpec, Vary,
};
pub use sweep::{Point, Setting, SweepSpec, sets_traffic, show};

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
    /// What may be chosen, if it says so.
    pub plan: Option<Planned>,
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

/// What may be chosen, checked: every choice can be run.
#[derive(Debug)]
pub struct Planned {
    /// How sure the answer is to be.
    pub rule: PlanSpec,
    /// The choices.
    pub choices: Sweep,
    /// Whether they are those of the sweep, without what sets the traffic.
    pub is_of_sweep: bool,
}

/// Loads a scenario file, lays overrides `path=value` on top, and checks it, every point of its sweep
/// included.
pub fn load(files: &dyn Files, path: &Path, sets: &[String]) -> Result<Loaded, Problems> {
    load_for(files, path, sets, false)
}

/// Loads a scenario file as [`load`] does, to plan with it: where it has no `[plan]` with choices, they are those
/// of its sweep that do not set the traffic.
pub fn load_plan(files: &dyn Files, path: &Path, sets: &[String]) -> Result<Loaded, Problems> {
    load_for(files, path, sets, true)
}

fn load_for(
    files: &dyn Files,
    path: &Path,
    sets: &[String],
    is_planned: bool,
) -> Result<Loaded, Problems> {
    let mut found = Diagnostics::default();
    let files = Remembering::new(files);
    let mut document = Document::load(&files, path, sets, &mut found);
    let compiled = if found.has_errors() {
        None
    } else {
        check(&files, &mut document, &mut found)
    };
    let sweep = compiled.as_ref().and_then(|(_, spec)| spec.sweep.clone());
    let sweep = sweep.map(|sweep| {
        let points = check_points(&sweep, &files, &mut document, &mut found);
        (resolved::sweep_text(&sweep), sweep, points)
    });
    let planned = compiled
        .as_ref()
        .and_then(|(_, spec)| planned(spec, is_planned));
    let planned = planned.map(|(rule, axes, is_of_sweep)| {
        let points = check_points(&axes, &files, &mut document, &mut found);
        (rule, axes, points, is_of_sweep)
    });
    let (scenario, _) = match compiled {
        Some(compiled) if !found.has_errors() => compiled,
        _ => {
            return Err(Problems {
                found,
                sources: document.sources,
            });
        }
    };
    let memory = files.into_memory();
    let checked = |axes: &SweepSpec, points: Option<Vec<Point>>, resolved: String| {
        Some(Sweep {
            paths: axes.paths().into_iter().map(str::to_owned).collect(),
            points: points?,
            resolved,
            base: document.clone(),
            files: memory.clone(),
        })
    };
    let sweep = sweep.and_then(|(text, axes, points)| checked(&axes, points, text));
    let plan = planned.and_then(|(rule, axes, points, is_of_sweep)| {
        let text = resolved::plan_text(&rule, &axes);
        Some(Planned {
            choices: checked(&axes, points, text)?,
            rule,
            is_of_sweep,
        })
    });
    let name = path.file_stem();
    Ok(Loaded {
        name: name.map_or("scenario".to_owned(), |n| n.to_string_lossy().into_owned()),
        scenario,
        sweep,
        plan,
        warnings: Problems {
            found,
            sources: document.sources,
        },
    })
}

/// What may be chosen, and whether that is what the sweep tries.
fn planned(spec: &ScenarioSpec, is_planned: bool) -> Option<(PlanSpec, SweepSpec, bool)> {
    let rule = spec.plan.clone().unwrap_or_else(PlanSpec::built_in);
    if let Some(choices) = &rule.choose {
        let axes = choices.axes.clone();
        return Some((rule, axes, false));
    }
    let sweep = spec.sweep.as_ref().filter(|_| is_planned)?;
    Some((rule, sweep.without_traffic()?, true))
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
    let versions = revisions::versions(&spec, document, out);
    let places = revisions::places(&spec, &versions);
    let mut data = DataFiles::new(files, document);
    let blueprint = compile::compile(&spec, places.clone(), &mut data, out);
    let mut used = data.into_used();
    let mut blueprint = blueprint?;
    used.extend(revisions::add(
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

    /// The position of every point on each axis, by the order in which its values first come.
    pub fn places(&self) -> Vec<Vec<usize>> {
        let mut values: Vec<Vec<&str>> = vec![Vec::new(); self.paths.len()];
        let mut places = Vec::with_capacity(self.points.len());
        for point in &self.points {
            let place = point.settings.iter().zip(&mut values).map(|(own, values)| {
                let known = values.iter().position(|label| *label == own.label);
                known.unwrap_or_else(|| {
                    values.push(&own.label);
                    values.len() - 1
                })
            });
            places.push(place.collect());
        }
        places
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
