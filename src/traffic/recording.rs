//! What a recording knows of its requests beside their instants: how much work each asked for, for which key,
//! by whom.
//!
//! A request of a recording is found again by its number: [`Place`]. Whatever is not recorded is drawn from
//! that number, as it is for other requests.

use std::sync::Arc;

use crate::diag::{Diagnostic, Diagnostics};
use crate::dist::empirical::Unit;
use crate::spec;
use crate::spec::{At, Column, Data, Named, finite};
use crate::units::SimDuration;

spec! {
    /// A column of times: `{ column = "demand_us", unit = "us" }`.
    pub struct RecordedTimes {
        /// The column.
        pub column: At<String>,
        /// Its unit.
        pub unit: At<Unit> = At::built_in(Unit::Milliseconds),
        /// What is added to each, in its unit: by how much a program's timers are late, say. What would be
        /// less than 0 then is 0.
        pub add: At<f64> = At::built_in(0.0),
    }
}

spec! {
    /// What is known of each request of a recording.
    pub struct RecordedColumns {
        /// Times, by the names by which steps refer to them: `{ cpu = { recorded = "demand" } }`.
        pub times: Named<RecordedTimes>,
        /// Columns of keys, by catalogue: whole numbers, of which 0 is the most popular key.
        pub keys: Named<At<String>>,
        /// The column of clients: any text that tells one from another. There are as many as the source has
        /// `clients`, or fewer.
        pub client: Option<At<String>>,
        /// The column of classes, which must be in the `mix` of the source; its shares are as recorded then.
        pub class: Option<At<String>>,
    }
}

impl RecordedColumns {
    /// What the rows with these positions in `file` say, in this order; nothing if there is a problem, which
    /// is reported.
    pub fn read(
        &self,
        file: &At<String>,
        rows: &[u32],
        data: &mut dyn Data,
        out: &mut Diagnostics,
    ) -> Option<Recording> {
        let before = out.n_errors();
        let mut own = Recording {
            n_rows: rows.len() as u32,
            ..Recording::default()
        };
        for (name, times) in &self.times.items {
            let read = times.read_all(file, rows, data, out);
            own.times
                .extend(read.map(|read| (name.value.clone(), read)));
        }
        for (catalogue, name) in &self.keys.items {
            let column = Column {
                file,
                name,
                expected: "a whole number from 0 on",
                read: |cell| {
                    finite(cell).filter(|key| *key >= 0.0 && key.fract() == 0.0 && *key < MOST_KEYS)
                },
            };
            let read = data.column(&column, out);
            own.keys.extend(read.map(|cells| {
                RecordedKeys {
                    catalogue: catalogue.clone(),
                    at: u16::MAX,
                    keys: rows
                        .iter()
                        .map(|row| cells[*row as usize] as u64 + 1)
                        .collect(),
                }
            }));
        }
        let mut labels = |name: &Option<At<String>>| {
            let (numbers, names) = data.labels(file, name.as_ref()?, out)?;
            let numbers = rows.iter().map(|row| numbers[*row as usize]).collect();
            Some(Labels { numbers, names })
        };
        own.clients = labels(&self.client);
        own.classes = labels(&self.class);
        (out.n_errors() == before).then_some(own)
    }
}

/// Keys have 48 bits.
const MOST_KEYS: f64 = 281_474_976_710_656.0;

impl RecordedTimes {
    fn read_all(
        &self,
        file: &At<String>,
        rows: &[u32],
        data: &mut dyn Data,
        out: &mut Diagnostics,
    ) -> Option<Arc<[SimDuration]>> {
        let column = Column {
            file,
            name: &self.column,
            expected: "a number that is not negative",
            read: |cell| finite(cell).filter(|number| *number >= 0.0),
        };
        let cells = data.column(&column, out)?;
        let scale = self.unit.value.nanos();
        let time = |row: &u32| {
            let cell = cells[*row as usize] + self.add.value;
            SimDuration::from_nanos_f64(cell.max(0.0) * scale)
        };
        Some(rows.iter().map(time).collect())
    }
}

/// Numbers that stand for names, by row.
#[derive(Debug, Clone)]
pub struct Labels {
    /// By row: the position of its name.
    pub numbers: Arc<[u32]>,
    /// The names, in order of their first appearance.
    pub names: Vec<String>,
}

/// The keys that the requests of a recording ask for, of one catalogue.
#[derive(Debug, Clone)]
pub struct RecordedKeys {
    /// The catalogue.
    pub catalogue: At<String>,
    /// The position of the catalogue, once that is known.
    pub at: u16,
    /// By row: the key, from 1 on.
    pub keys: Arc<[u64]>,
}

/// What is known of the requests of a recording, by row in order of their instants.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// How many requests there are.
    pub n_rows: u32,
    /// Times, by name.
    pub times: Vec<(String, Arc<[SimDuration]>)>,
    /// Keys, by catalogue.
    pub keys: Vec<RecordedKeys>,
    /// Who sends them.
    pub clients: Option<Labels>,
    /// Their classes.
    pub classes: Option<Labels>,
}

impl Recording {
    /// The keys of the catalogue at a position.
    #[inline]
    pub fn keys_of(&self, catalogue: u16) -> Option<&[u64]> {
        let found = self.keys.iter().find(|own| own.at == catalogue);
        found.map(|own| &*own.keys)
    }

    /// The times of this name.
    pub fn times(&self, name: &str) -> Option<&Arc<[SimDuration]>> {
        let found = self.times.iter().find(|(own, _)| own == name);
        found.map(|(_, times)| times)
    }
}

/// The most requests of a recording: their rows are part of their numbers.
pub const MOST_ROWS: u32 = 1 << ROW_BITS;

const ROW_BITS: u32 = 28;
const ATTEMPT_BITS: u32 = 16;
const SALT_BITS: u32 = 63 - ROW_BITS - ATTEMPT_BITS;
/// The bit of the numbers of requests that are not the recording's, though they come of one that is: jobs of
/// queues, health checks.
const APART: u64 = 1 << 63;

/// Which request of a recording, and which of its attempts.
///
/// The number of such a request is made of its row, the attempt, and bits that differ between replications, so
/// that what is not recorded does, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The row.
    pub row: u32,
    /// The attempt of the client; 0 is the first.
    pub attempt: u32,
}

impl Place {
    /// The number of the request of a row. `drawn` is the replication's own.
    pub const fn number(drawn: u64, row: u32) -> u64 {
        let salt = drawn >> (64 - SALT_BITS);
        salt << (ROW_BITS + ATTEMPT_BITS) | row as u64
    }

    /// The number of another attempt of the request with this number; from the 65535th on they are all alike.
    pub fn attempt_of(number: u64, attempt: u32) -> u64 {
        let attempt = u64::from(attempt.min((1 << ATTEMPT_BITS) - 1));
        Self::first_of(number) | attempt << ROW_BITS
    }

    /// The number of the first attempt of the request with this number.
    pub const fn first_of(number: u64) -> u64 {
        number & !(((1 << ATTEMPT_BITS) - 1) << ROW_BITS)
    }

    /// The number of something that comes of a request, but is not the recording's.
    pub const fn apart(number: u64) -> u64 {
        number | APART
    }

    /// Which request of a recording has this number, given that its source replays one.
    pub const fn of(number: u64) -> Option<Self> {
        if number & APART != 0 {
            return None;
        }
        Some(Self {
            row: (number & ((1 << ROW_BITS) - 1)) as u32,
            attempt: (number >> ROW_BITS & ((1 << ATTEMPT_BITS) - 1)) as u32,
        })
    }
}

/// Reports a recording with too many rows to number.
pub fn check_rows(file: &At<String>, n: usize, out: &mut Diagnostics) -> bool {
    let fits = n <= MOST_ROWS as usize;
    if !fits {
        let problem = format!("{n} requests are more than the {MOST_ROWS} that can be told apart");
        out.push(Diagnostic::error(file.origin, problem));
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_again() {
        for (row, attempt) in [(0, 0), (1, 3), (MOST_ROWS - 1, 65_535), (77, 65_536)] {
            for drawn in [0, u64::MAX, 0x1234_5678_9ABC_DEF0] {
                let first = Place::number(drawn, row);
                let number = Place::attempt_of(first, attempt);
                let attempt = attempt.min(65_535);
                assert_eq!(Place::of(number), Some(Place { row, attempt }));
                assert_eq!(Place::first_of(number), first);
                assert_eq!(Place::of(Place::apart(number)), None);
            }
        }
        assert_ne!(Place::number(0, 5), Place::number(u64::MAX, 5));
    }
}
