//! Data files that a scenario refers to.

use super::At;
use crate::diag::Diagnostics;

/// A column of a data file, and how its cells are read.
#[derive(Debug)]
pub struct Column<'a> {
    /// Path of the file (CSV with a header, plain or gzip), as the scenario gives it.
    pub file: &'a At<String>,
    /// The column's name in the header.
    pub name: &'a At<String>,
    /// What a cell must be, for the message about one that is not: `a number of milliseconds`.
    pub expected: &'static str,
    /// Reads a cell.
    pub read: fn(&str) -> Option<f64>,
}

/// Where data files come from. The only way in which reading a scenario touches the world outside it.
pub trait Data {
    /// All cells of a column, in the order of the rows, at least one. Reports a file that cannot be
    /// read, a column that is not there, the lines whose cell is not as expected.
    fn column(&mut self, column: &Column<'_>, out: &mut Diagnostics) -> Option<Vec<f64>>;

    /// All cells of a column as text: numbers that stand for names, in the order of the rows, and the names in
    /// the order in which they come first. Reports what [`Data::column`] does.
    fn labels(
        &mut self,
        file: &At<String>,
        name: &At<String>,
        out: &mut Diagnostics,
    ) -> Option<(Vec<u32>, Vec<String>)>;
}

/// Reads a finite number.
pub fn finite(cell: &str) -> Option<f64> {
    cell.trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}
