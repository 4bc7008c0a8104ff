//! Recordings that sources replay: what they know is joined with who wants to know it.

use std::sync::Arc;

use super::Compiler;
use super::sources::Draft;
use crate::component::source::clients::Clients;
use crate::component::source::{Plan, SourceSpec};
use crate::diag::{Diagnostic, nearest};
use crate::spec::{At, listing};
use crate::traffic::arrivals::ArrivalProcess;
use crate::traffic::arrivals::replay::Replay;
use crate::traffic::recording::{RecordedColumns, Recording};

impl Compiler<'_> {
    /// What is recorded of a source's requests; nothing if nothing is, or if there is a problem, which is
    /// reported.
    pub(super) fn recording(&mut self, kind: &SourceSpec, draft: &Draft) -> Option<Arc<Recording>> {
        let replay = replayed(kind)?;
        let mut recording = replay.recording(self.data, self.out)??;
        if !draft.moves.is_empty() {
            let problem = "what is recorded is recorded of requests, not of visitors";
            self.out.push(
                Diagnostic::error(draft.origin, problem)
                    .label("this source has a flow")
                    .help("leave out `flow`, or the `columns` of the recording"),
            );
        }
        for own in &mut recording.keys {
            let found = self
                .spec
                .keys
                .resolve(&own.catalogue, "catalogue of keys", self.out);
            let Some((at, keys)) = found else {
                continue;
            };
            own.at = at as u16;
            let most = own.keys.iter().max().copied().unwrap_or(0);
            if most > keys.count.value {
                let problem = format!(
                    "the recording has a key {}, and the catalogue only those below {}",
                    most - 1,
                    keys.count.value
                );
                self.out.push(
                    Diagnostic::error(own.catalogue.origin, problem)
                        .related(keys.count.origin, "how many there are"),
                );
            }
        }
        Some(Arc::new(recording))
    }

    /// By class of a recording, the position of that class in the mix of its source.
    pub(super) fn classes_of(
        &mut self,
        recording: Option<&Recording>,
        clients: &Clients,
        kind: &SourceSpec,
    ) -> Vec<u16> {
        let Some(recording) = recording else {
            return Vec::new();
        };
        let columns = replayed(kind).and_then(|replay| replay.columns.as_ref());
        self.check_people(recording, clients, columns);
        if !clients.flow.is_empty() {
            return Vec::new();
        }
        let (Some(classes), Some(name)) = (
            &recording.classes,
            columns.and_then(|columns| columns.class.as_ref()),
        ) else {
            return Vec::new();
        };
        let mix = &clients.mix;
        let at = |class: &String| {
            if mix.items.is_empty() && class == "default" {
                return Some(0);
            }
            let found = mix.find(class).map(|(at, _)| at as u16);
            if found.is_none() {
                self.out.push(unknown_class(name, class, mix.names()));
            }
            found
        };
        classes.names.iter().filter_map(at).collect()
    }

    /// Reports clients of a recording for whom there is no place.
    fn check_people(
        &mut self,
        recording: &Recording,
        clients: &Clients,
        columns: Option<&RecordedColumns>,
    ) {
        let (Some(known), Some(name)) = (
            &recording.clients,
            columns.and_then(|columns| columns.client.as_ref()),
        ) else {
            return;
        };
        let n = known.names.len();
        match &clients.clients {
            None => self.out.push(
                Diagnostic::error(name.origin, "this source's clients are strangers").help(
                    format!("say who they are: clients = {{ population = {n} }}"),
                ),
            ),
            Some(people) if (people.population.get() as usize) < n => {
                let problem = format!("the recording has {n} clients");
                self.out.push(
                    Diagnostic::error(name.origin, problem)
                        .related(people.population.origin, "there are fewer"),
                );
            }
            Some(_) => {}
        }
    }

    /// Gives steps what is recorded for them; reports those for which nothing is.
    pub(super) fn join_recordings(&mut self, sources: &[Option<Plan>]) {
        let recording = |plan: &Option<Plan>| plan.as_ref()?.recording.clone();
        let recordings: Vec<_> = sources.iter().map(recording).collect();
        let n_known = recordings.iter().flatten().count();
        if n_known > 0 {
            self.program.recordings.clone_from(&recordings);
        }
        let is_placed = |plan: &Option<Plan>| plan.as_ref().is_some_and(Plan::numbers_places);
        self.program.places = sources.iter().map(is_placed).collect();
        for own in &mut self.program.recorded {
            let Some(name) = &own.name else { continue };
            let times = |of: &Option<Arc<Recording>>| of.as_ref()?.times(&name.value).cloned();
            own.by_source = recordings.iter().map(times).collect();
            // Where a source has problems, nobody knows what would be recorded.
            if own.by_source.iter().all(Option::is_none) && sources.iter().all(Option::is_some) {
                let known = recordings.iter().flatten().flat_map(|of| &of.times);
                let known: Vec<&str> = known.map(|(name, _)| name.as_str()).collect();
                let similar = nearest(&name.value, known.iter().copied());
                let problem = format!("no source's recording has times named `{}`", name.value);
                self.out.push(
                    Diagnostic::error(name.origin, problem)
                        .label(listing(known.iter().copied(), "column of times"))
                        .maybe_help(similar.map(|own| format!("a similar name exists: `{own}`"))),
                );
            }
        }
    }
}

/// The recording that a source replays, if it does.
fn replayed(kind: &SourceSpec) -> Option<&Replay> {
    match kind {
        SourceSpec::Open(open) => match &open.arrivals {
            ArrivalProcess::Replay(replay) => Some(replay),
            _ => None,
        },
        _ => None,
    }
}

fn unknown_class<'a>(
    name: &At<String>,
    class: &str,
    known: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    let problem = format!("the mix of this source has no class `{class}`");
    Diagnostic::error(name.origin, problem).label(listing(known, "class"))
}
