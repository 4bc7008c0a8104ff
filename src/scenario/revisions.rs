//! Parameters that the timeline sets while the system runs: the scenario with each of them, and what differs.

use super::compile::{self, components};
use super::data::{DataFile, DataFiles};
use super::document::{Document, split_path};
use super::files::Files;
use super::shape::ScenarioSpec;
use crate::component::program::{Op, Program};
use crate::component::source::{Begins, Choice};
use crate::component::timeline::{
    Action, Due, Entry, Happening, How, Revision, SETTABLE, SetParameter, Settable,
};
use crate::component::{Blueprint, NodeId};
use crate::diag::{Diagnostic, Diagnostics};
use crate::spec::{Node, Spec as _, Value};
use crate::units::{SimDuration, SimTime};

/// The scenario from an instant on.
pub(super) struct Version {
    /// When it begins.
    at: SimDuration,
    set: SetParameter,
    settable: &'static Settable,
    /// Which source or component, by position.
    subject: usize,
    document: Document,
    spec: ScenarioSpec,
}

/// The versions of a scenario, in the order of time; what is wrong with them is reported.
pub(super) fn versions(
    spec: &ScenarioSpec,
    document: &Document,
    out: &mut Diagnostics,
) -> Vec<Version> {
    let actions = spec.timeline.items.iter();
    let mut sets: Vec<_> = actions
        .filter_map(|(_, action)| match action {
            Action::SetParameter(set) => Some(set),
            _ => None,
        })
        .collect();
    sets.sort_by_key(|set| set.at.value);
    let mut versions: Vec<Version> = Vec::new();
    for set in sets {
        let last = versions.last().map_or(document, |last| &last.document);
        let mut document = last.clone();
        let Some((settable, subject)) = find(spec, set, out) else {
            continue;
        };
        let before = out.n_errors();
        document.set(&set.set.0, set.set.origin, set.to.0.clone(), out);
        if out.n_errors() > before {
            continue;
        }
        if let Some(spec) = read(&document, out) {
            versions.push(Version {
                at: set.at.value,
                set: set.clone(),
                settable,
                subject,
                document,
                spec,
            });
        }
    }
    versions
}

/// Reads a document that was right before something in it was set.
fn read(document: &Document, out: &mut Diagnostics) -> Option<ScenarioSpec> {
    let root = Node {
        value: Value::Table(document.root.clone()),
        origin: document.origin,
    };
    ScenarioSpec::read(&root, out)
}

/// What a parameter is of, and how it is set; reports one that cannot be set while the system runs.
fn find(
    spec: &ScenarioSpec,
    set: &SetParameter,
    out: &mut Diagnostics,
) -> Option<(&'static Settable, usize)> {
    let path = &set.set;
    let (sources, components) = (&spec.sources, &spec.components);
    let keys = split_path(&path.0).unwrap_or_default();
    let (of, position) = match &keys[..] {
        [table, name, _, ..] if table == "sources" => {
            let at = sources.items.iter().position(|(own, _)| own.value == *name);
            ("source", at)
        }
        [table, name, _, ..] if table == "components" => {
            let mut items = components.items.iter();
            let at = items.position(|(own, _)| own.value == *name);
            (
                at.map_or("component", |at| components.items[at].1.word()),
                at,
            )
        }
        _ => ("", None),
    };
    let settable = SETTABLE
        .iter()
        .find(|own| own.of == of && keys.len() > 2 && own.is_at(&keys[2..]));
    if let (Some(settable), Some(position)) = (settable, position) {
        return Some((settable, position));
    }
    let mut diagnostic;
    if position.is_none() && !of.is_empty() {
        let names: Vec<&str> = match of {
            "source" => sources.names().collect(),
            _ => components.names().collect(),
        };
        let what = if of == "source" {
            "source"
        } else {
            "component"
        };
        let problem = format!("no {what} is named `{}`", keys[1]);
        let similar = crate::diag::nearest(&keys[1], names.iter().copied());
        diagnostic = Diagnostic::error(path.origin, problem)
            .label(format!("there are: {}", names.join(", ")))
            .maybe_help(similar.map(|name| format!("a similar name exists: `{name}`")));
    } else {
        let problem = format!("`{}` cannot be set while the system runs", path.0);
        let can: Vec<_> = SETTABLE.iter().filter(|own| own.of == of).collect();
        diagnostic = Diagnostic::error(path.origin, problem);
        diagnostic = if can.is_empty() {
            let help = "what can be is something of a source or a component: components.web.count";
            diagnostic.help(help)
        } else {
            let can: Vec<_> = can.iter().map(|own| own.path).collect();
            diagnostic.help(format!("of a {of} these can be: {}", can.join(", ")))
        };
    }
    out.push(diagnostic);
    None
}

/// By component: the places for instances that all versions of a scenario need.
pub(super) fn places(spec: &ScenarioSpec, versions: &[Version]) -> Vec<u32> {
    let mut places = components::places(spec);
    for version in versions {
        for (most, own) in places.iter_mut().zip(components::places(&version.spec)) {
            // Where their number changes some drain while others start.
            *most = if own == *most {
                own
            } else {
                own.max(*most).saturating_mul(2)
            };
        }
    }
    places
}

/// Compiles the versions and adds what differs to the blueprint; nothing if there is a problem, which is reported.
/// Gives the data files that they use.
pub(super) fn add(
    versions: Vec<Version>,
    places: &[u32],
    (files, document): (&dyn Files, &mut Document),
    blueprint: &mut Blueprint,
    out: &mut Diagnostics,
) -> Option<Vec<DataFile>> {
    let (before, mut used) = (out.n_errors(), Vec::new());
    let mut last = blueprint.clone();
    for mut version in versions {
        let mut found = Diagnostics::default();
        let mut data = DataFiles::new(files, &mut version.document);
        let compiled = compile::compile(&version.spec, places.to_vec(), &mut data, &mut found);
        used.extend(data.into_used());
        if found.has_errors() {
            document.sources = version.document.sources;
            out.extend(found);
            return None;
        }
        let Some(next) = compiled else { continue };
        if let Err(problem) = version.revise(&last, &next, blueprint) {
            let path = &version.set.set;
            out.push(Diagnostic::error(path.origin, problem));
        }
        last = next;
    }
    (out.n_errors() == before).then_some(used)
}

impl Version {
    /// Adds to a blueprint what is different from `last` to `next`; says why that cannot be.
    fn revise(
        &self,
        last: &Blueprint,
        next: &Blueprint,
        blueprint: &mut Blueprint,
    ) -> Result<(), String> {
        let at = self.subject;
        let revision = match self.settable.how {
            How::Rate => {
                let source = &mut blueprint.sources[at].begins;
                return rate(source, &next.sources[at].begins, SimTime::ZERO + self.at);
            }
            How::Mix => {
                let (old, new) = (&last.sources[at].choices, &next.sources[at].choices);
                let class = |own: &Choice| (own.flow, own.pc, own.is_kept);
                if !old.iter().map(class).eq(new.iter().map(class)) {
                    let problem =
                        "the classes of its requests are those that it has from the start";
                    return Err(problem.to_owned());
                }
                Revision::Mix(at as u16, new.clone())
            }
            How::Timeout => {
                let of = |from: &Blueprint| {
                    let source = &from.sources[at];
                    let caller = source.caller.map(|own| &from.callers[own as usize]);
                    source
                        .timeout
                        .or_else(|| caller.and_then(|own| own.timeout))
                };
                let (Some(_), Some(timeout)) = (of(last), of(next)) else {
                    let problem = "whoever waits for ever, or as a load tool does, gets no timeout while it runs";
                    return Err(problem.to_owned());
                };
                Revision::Timeout(at as u16, timeout)
            }
            How::Retry => {
                let of = |from: &Blueprint| {
                    let caller = from.sources[at].caller?;
                    let retry = from.callers[caller as usize].retry.clone();
                    Some((caller, retry?))
                };
                let (Some(_), Some((caller, retry))) = (of(last), of(next)) else {
                    let problem = "whoever does not try again does not begin to while it runs";
                    return Err(problem.to_owned());
                };
                Revision::Retry(caller, retry)
            }
            How::Steps => steps(&last.program, &next.program)?,
            How::Component => {
                last.nodes[at].can_become(&next.nodes[at])?;
                Revision::Component(NodeId::new(at), next.nodes[at].clone())
            }
        };
        blueprint.timeline.push(Entry {
            name: self.set.set.0.clone(),
            due: Due::Once(self.at),
            what: Happening::Revision(Box::new(revision)),
        });
        Ok(())
    }
}

/// A source has another rate from an instant on. What comes before that, comes as if it had not.
fn rate(source: &mut Begins, other: &Begins, at: SimTime) -> Result<(), String> {
    match (source, other) {
        (
            Begins::Arrivals { curve, gaps },
            Begins::Arrivals {
                curve: other,
                gaps: same,
            },
        ) if format!("{gaps:?}") == format!("{same:?}") => {
            *curve = curve.then(at, other);
            Ok(())
        }
        (Begins::Arrivals { .. }, _) => {
            Err("arrivals of this kind depend on the rate at the start".to_owned())
        }
        _ => Err("a source of this kind has no rate that could change".to_owned()),
    }
}

/// What draws differently: laws, and chances. Everything else has to be the same.
fn steps(last: &Program, next: &Program) -> Result<Revision, String> {
    let is_shape = |(old, new): (&Op, &Op)| match (old, new) {
        (
            Op::Chance { otherwise, .. },
            Op::Chance {
                otherwise: other, ..
            },
        ) => otherwise == other,
        (old, new) => format!("{old:?}") == format!("{new:?}"),
    };
    let is_same = last.ops.len() == next.ops.len() && last.laws.len() == next.laws.len();
    if !is_same || !last.ops.iter().zip(&next.ops).all(is_shape) {
        let problem =
            "of steps only how much work, how long and how often can change while it runs";
        return Err(problem.to_owned());
    }
    let laws = last.laws.iter().zip(&next.laws).enumerate();
    let laws = laws.filter(|(_, (old, new))| format!("{old:?}") != format!("{new:?}"));
    let ops = last.ops.iter().zip(&next.ops).enumerate();
    let ops = ops.filter(|(_, (old, new))| format!("{old:?}") != format!("{new:?}"));
    Ok(Revision::Steps(
        laws.map(|(at, (_, law))| (at, law.clone())).collect(),
        ops.map(|(at, (_, op))| (at, *op)).collect(),
    ))
}
