//! Data files: columns of CSV, plain or gzip.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

use super::document::Document;
use super::files::{Files, tidy};
use crate::diag::{Diagnostic, Diagnostics, Origin, nearest};
use crate::spec::{At, Column, Data};

/// Bad lines beyond this many are not shown one by one.
const MAX_BAD_LINES: usize = 5;
/// The largest file that is unpacked: beyond it, something is wrong.
const MAX_BYTES: u64 = 1 << 30;

/// A data file that a scenario uses.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// As the scenario names it.
    pub path: String,
    /// Its bytes, as they are stored.
    pub bytes: Vec<u8>,
}

/// Reads the data files of one document.
pub(super) struct DataFiles<'a> {
    files: &'a dyn Files,
    document: &'a mut Document,
    /// Everything read so far, by where it was found.
    read: BTreeMap<PathBuf, DataFile>,
}

impl<'a> DataFiles<'a> {
    pub(super) fn new(files: &'a dyn Files, document: &'a mut Document) -> Self {
        Self {
            files,
            document,
            read: BTreeMap::new(),
        }
    }

    /// Every file that was read.
    pub(super) fn into_used(self) -> Vec<DataFile> {
        self.read.into_values().collect()
    }

    fn text(&mut self, file: &At<String>, out: &mut Diagnostics) -> Option<String> {
        let path = tidy(&self.document.folder(file.origin).join(&file.value));
        let bytes = match self.read.get(&path) {
            Some(known) => known.bytes.clone(),
            None => match self.files.read(&path) {
                Ok(bytes) => {
                    let stored = DataFile {
                        path: file.value.clone(),
                        bytes: bytes.clone(),
                    };
                    self.read.insert(path, stored);
                    bytes
                }
                Err(error) => {
                    let problem = format!("cannot read {}: {error}", file.value);
                    out.push(Diagnostic::error(file.origin, problem));
                    return None;
                }
            },
        };
        let unpacked = unpack(bytes);
        let text = unpacked.and_then(|bytes| String::from_utf8(bytes).map_err(|e| e.to_string()));
        text.map_err(|error| {
            let problem = format!("cannot read {}: {error}", file.value);
            out.push(Diagnostic::error(file.origin, problem));
        })
        .ok()
    }

    /// Shows a line of a data file with what is wrong with it.
    fn bad_line(&mut self, name: &str, line: &Line<'_>, problem: String, out: &mut Diagnostics) {
        let source = self.document.add_data_line(name, line.text, line.number);
        let at = Origin::new(source, line.span.clone());
        out.push(Diagnostic::error(at, problem));
    }
}

/// A line of a data file, and the part of it that is wrong.
struct Line<'a> {
    number: usize,
    text: &'a str,
    span: std::ops::Range<usize>,
}

fn unpack(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    let mut unpacking = flate2::read::MultiGzDecoder::new(bytes.as_slice()).take(MAX_BYTES + 1);
    unpacking
        .read_to_end(&mut plain)
        .map_err(|error| error.to_string())?;
    if plain.len() as u64 > MAX_BYTES {
        return Err(format!("unpacks to more than {MAX_BYTES} bytes"));
    }
    Ok(plain)
}

/// The position of a column in the header of a file; reports one that is not there.
fn position(
    file: &At<String>,
    name: &At<String>,
    text: &str,
    out: &mut Diagnostics,
) -> Option<usize> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            let problem = format!("{} is not CSV: {error}", file.value);
            out.push(Diagnostic::error(file.origin, problem));
            return None;
        }
    };
    let at = header.iter().position(|own| own.trim() == name.value);
    if at.is_none() {
        let there_are = header.iter().collect::<Vec<_>>().join(", ");
        let similar = nearest(name, header.iter());
        let problem = format!("{} has no column `{}`", file.value, name.value);
        out.push(
            Diagnostic::error(name.origin, problem)
                .label(format!("columns: {there_are}"))
                .maybe_help(similar.map(|name| format!("a similar column exists: `{name}`"))),
        );
    }
    at
}

impl Data for DataFiles<'_> {
    fn column(&mut self, column: &Column<'_>, out: &mut Diagnostics) -> Option<Vec<f64>> {
        self.read_column(column.file, column.name, out, |own, at, text, out| {
            own.cells(column, (at, text), out)
        })
    }

    fn labels(
        &mut self,
        file: &At<String>,
        name: &At<String>,
        out: &mut Diagnostics,
    ) -> Option<(Vec<u32>, Vec<String>)> {
        let mut names: Vec<String> = Vec::new();
        let mut known: BTreeMap<String, u32> = BTreeMap::new();
        let read = |own: &mut Self, at: usize, text: &str, out: &mut Diagnostics| {
            let mut number_of = |cell: &str| {
                let cell = cell.trim();
                if cell.is_empty() {
                    return None;
                }
                if let Some(number) = known.get(cell) {
                    return Some(*number);
                }
                let number = names.len() as u32;
                known.insert(cell.to_owned(), number);
                names.push(cell.to_owned());
                Some(number)
            };
            own.rows((file, at, text), "a name", &mut number_of, out)
        };
        let numbers = self.read_column(file, name, out, read)?;
        Some((numbers, names))
    }
}

impl DataFiles<'_> {
    /// Reads a column by `read`, which is given its position and the text of the file; nothing if there is no
    /// such column, no row, or a problem, which is reported.
    fn read_column<T>(
        &mut self,
        file: &At<String>,
        name: &At<String>,
        out: &mut Diagnostics,
        read: impl FnOnce(&mut Self, usize, &str, &mut Diagnostics) -> Vec<T>,
    ) -> Option<Vec<T>> {
        let text = self.text(file, out)?;
        let before = out.n_errors();
        let at = position(file, name, &text, out)?;
        let values = read(self, at, &text, out);
        if out.n_errors() > before {
            return None;
        }
        if values.is_empty() {
            let problem = format!("{} has a header, but no rows", file.value);
            out.push(Diagnostic::error(file.origin, problem));
            return None;
        }
        Some(values)
    }

    fn cells(
        &mut self,
        column: &Column<'_>,
        (at, text): (usize, &str),
        out: &mut Diagnostics,
    ) -> Vec<f64> {
        let mut read = column.read;
        self.rows((column.file, at, text), column.expected, &mut read, out)
    }

    fn rows<T>(
        &mut self,
        (file, at, text): (&At<String>, usize, &str),
        expected: &str,
        read: &mut dyn FnMut(&str) -> Option<T>,
        out: &mut Diagnostics,
    ) -> Vec<T> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(false)
            .from_reader(text.as_bytes());
        let mut values = Vec::new();
        let mut bad = Vec::new();
        for record in reader.records() {
            match record {
                Ok(record) => match read(&record[at]) {
                    Some(value) => values.push(value),
                    None => {
                        let number = record.position().map_or(0, csv::Position::line);
                        let problem = format!("expected {expected}, found \"{}\"", &record[at]);
                        bad.push((number, Some(record[at].to_owned()), problem));
                    }
                },
                Err(error) => {
                    let number = error.position().map_or(0, csv::Position::line);
                    let problem = match error.kind() {
                        csv::ErrorKind::UnequalLengths {
                            expected_len, len, ..
                        } => {
                            format!("expected {expected_len} columns, found {len}")
                        }
                        _ => error.to_string(),
                    };
                    bad.push((number, None, problem));
                }
            }
        }
        let n_bad = bad.len();
        for (number, cell, problem) in bad.into_iter().take(MAX_BAD_LINES) {
            let line = text
                .lines()
                .nth((number as usize).saturating_sub(1))
                .unwrap_or("");
            let start = cell.as_ref().and_then(|cell| line.find(cell.as_str()));
            let span = start.map_or(0..line.len(), |s| s..s + cell.map_or(0, |cell| cell.len()));
            let line = Line {
                number: number as usize,
                text: line,
                span,
            };
            self.bad_line(&file.value, &line, problem, out);
        }
        if n_bad > MAX_BAD_LINES {
            let problem = format!("{n_bad} lines of {} cannot be read", file.value);
            let shown = format!("the first {MAX_BAD_LINES} are shown");
            out.push(Diagnostic::error(file.origin, problem).label(shown));
        }
        values
    }
}
