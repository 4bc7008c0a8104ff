//! What is recorded of requests, where their programs want to know how much work something is, or for which key.

use std::num::NonZeroU16;
use std::sync::Arc;

use super::program::{Demand, KeysId, Program};
use super::request::Request;
use crate::spec::At;
use crate::traffic::hashed::Hashed;
use crate::traffic::recording::{Place, Recording};
use crate::units::SimDuration;

/// Which recorded times, by position in [`Program::recorded`], counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedId(NonZeroU16);

/// Times that a step takes as recorded.
#[derive(Debug, Clone)]
pub struct RecordedWork {
    /// Their name; nothing where all is drawn by a hash.
    pub name: Option<At<String>>,
    /// By source: what is recorded of each row.
    pub by_source: Vec<Option<Arc<[SimDuration]>>>,
    /// What the further attempts of a client ask for.
    pub hashed: Option<Hashed>,
    /// Whether further attempts ask for the same.
    pub repeated: bool,
    /// Whether a law says what is asked for where nothing is recorded.
    pub has_law: bool,
}

impl RecordedWork {
    /// True if a hash says what is asked for where `times` do not.
    fn is_hashed(&self, times: Option<&Arc<[SimDuration]>>) -> bool {
        self.name.is_none() || times.is_some()
    }
}

impl Program {
    /// What `demand` is for a request: as recorded, or as drawn.
    #[inline]
    pub fn work(&self, demand: Demand, request: &Request) -> SimDuration {
        match demand.recorded {
            None => self.draw(demand, request.seed()),
            Some(recorded) => self.recorded_work(demand, recorded, request),
        }
    }

    #[cold]
    fn recorded_work(&self, demand: Demand, id: RecordedId, request: &Request) -> SimDuration {
        let own = &self.recorded[usize::from(id.0.get()) - 1];
        let source = self.source_of[request.flow as usize];
        let times = own.by_source.get(source as usize).and_then(Option::as_ref);
        let is_placed = self.places.get(source as usize).is_some_and(|own| *own);
        let place = Some(request.number)
            .filter(|_| is_placed)
            .and_then(Place::of);
        match (times, place, &own.hashed) {
            (Some(times), Some(Place { row, attempt }), _) if attempt == 0 || own.repeated => {
                times[row as usize]
            }
            (_, Some(Place { row, attempt }), Some(hashed)) if own.is_hashed(times) => {
                hashed.draw(row.into(), attempt.into())
            }
            _ if own.has_law => self.draw(demand, request.seed()),
            _ => {
                let known = times.or_else(|| own.by_source.iter().flatten().next());
                let known = known.expect("what is recorded is recorded by a source");
                known[demand.salt.index(request.seed(), known.len() as u32) as usize]
            }
        }
    }

    /// Adds times that a step takes as recorded.
    ///
    /// # Panics
    /// If there are more than 65535.
    pub fn add_recorded(&mut self, own: RecordedWork) -> RecordedId {
        self.recorded.push(own);
        let number = u16::try_from(self.recorded.len()).ok();
        RecordedId(
            number
                .and_then(NonZeroU16::new)
                .expect("programs are checked to be small"),
        )
    }

    /// What is recorded of the requests of a flow, if anything is.
    #[inline]
    pub fn recording(&self, flow: u16) -> Option<&Recording> {
        if self.recordings.is_empty() {
            return None;
        }
        let source = self.source_of[flow as usize];
        self.recordings[source as usize].as_deref()
    }

    /// The key that a request asks for, of a catalogue; always the same for the same request.
    #[inline]
    pub fn key(&self, keys: KeysId, request: &Request) -> u64 {
        if self.recordings.is_empty() {
            return self.keys[keys.0 as usize].key(request.number);
        }
        let source = self.source_of[request.flow as usize];
        self.key_of(keys, source, request.number)
    }

    /// The key that a source's request with this number asks for.
    pub fn key_of(&self, keys: KeysId, source: u16, number: u64) -> u64 {
        let recording = self.recordings.get(source as usize);
        if let Some(recording) = recording.and_then(Option::as_deref)
            && let Some(place) = Place::of(number)
            && let Some(recorded) = recording.keys_of(keys.0)
        {
            return recorded[place.row as usize];
        }
        self.keys[keys.0 as usize].key(number)
    }

    /// The number of something that comes of a request of a flow, but is not the recording's: a job.
    #[inline]
    pub fn apart(&self, flow: u16, number: u64) -> u64 {
        match self.recording(flow) {
            Some(_) => Place::apart(number),
            None => number,
        }
    }
}
