//! Charts, as SVG text that needs nothing else.
//!
//! The title of a chart is what it shows, in a sentence; its subtitle says what is drawn. Curves are
//! labelled where they end, so that no legend has to be looked up. A chart without data is left out.
//!
//! Text is measured with the widths of the embedded font, so nothing is cut off or overlaps. The same
//! findings give the same bytes.

mod accuracy;
mod capacity;
mod cdf;
mod cost;
mod differences;
mod followers;
mod font;
mod heat_cells;
mod heatmap;
mod instances;
mod latency;
mod load_curves;
mod over_time;
mod palette;
mod panel;
#[cfg(feature = "png")]
mod png;
#[cfg(test)]
mod samples;
mod scale;
mod sheet;
#[cfg(test)]
mod states;
mod sweep_words;
#[cfg(test)]
mod tests;
mod traffic;
mod users;
mod utilization;
mod wording;

#[cfg(feature = "png")]
pub use png::{PngError, png};

use crate::backtest::{Comparison, Summary};
use crate::experiment::Findings;
use crate::report::{CompareView, SweepView, words};

/// A chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The name of its file, without the ending.
    pub name: &'static str,
    /// The picture.
    pub svg: String,
}

impl Chart {
    /// A chart of a run: its text alternative ends with the answer that the run gives.
    fn of(findings: &Findings, name: &'static str, mut sheet: sheet::Sheet) -> Self {
        sheet.tell(&format!("Will it hold? {}.", words::answer(findings)));
        Self::new(name, sheet)
    }

    fn new(name: &'static str, sheet: sheet::Sheet) -> Self {
        let svg = sheet.finish();
        Self { name, svg }
    }
}

/// The charts of a run that have data.
pub fn of_run(title: &str, findings: &Findings) -> Vec<Chart> {
    let charts = [
        traffic::chart(title, findings),
        users::chart(title, findings),
        latency::chart(title, findings),
        cdf::chart(title, findings),
        capacity::chart(title, findings),
        utilization::chart(title, findings),
    ];
    charts.into_iter().flatten().collect()
}

/// The charts of a sweep that have data. Those of the point that is chosen are charts of a run.
pub fn of_sweep(title: &str, sweep: SweepView<'_>) -> Vec<Chart> {
    let charts = [
        load_curves::chart(title, sweep),
        heatmap::chart(title, sweep),
        cost::chart(title, sweep),
        followers::chart(title, sweep),
    ];
    charts.into_iter().flatten().collect()
}

/// The charts of a comparison that have data.
pub fn of_comparison(view: CompareView<'_>) -> Vec<Chart> {
    differences::chart(view).into_iter().collect()
}

/// The charts of a backtest that have data.
pub fn of_backtest(comparisons: &[Comparison], summary: &Summary) -> Vec<Chart> {
    let charts = [
        accuracy::scatter(comparisons, summary),
        accuracy::over_time(comparisons),
    ];
    charts.into_iter().flatten().collect()
}
