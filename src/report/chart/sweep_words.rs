//! How the points of a sweep are named in charts.

use crate::experiment::Load;
use crate::experiment::sets_traffic;
use crate::report::SweepView;
use crate::units::three_digits;

use super::font::fit;
use super::sheet::{TEXT, WIDTH};

/// Names of points, as short as they can be.
pub(super) struct Names<'a> {
    sweep: SweepView<'a>,
    /// The parameters that are not traffic and differ between points.
    own: Vec<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn new(sweep: SweepView<'a>) -> Self {
        let paths = sweep.paths.iter().map(String::as_str);
        let own = paths.filter(|path| !sets_traffic(path)).collect();
        Self { sweep, own }
    }

    /// The configuration in a sentence: `web.count = 20`.
    pub(super) fn subject(&self, at: usize) -> String {
        if self.own.is_empty() {
            "The system".to_owned()
        } else {
            self.sweep.configuration(at)
        }
    }

    /// The configuration beside a line or dot: with one parameter its value alone.
    pub(super) fn short(&self, at: usize) -> String {
        let text = match self.own.as_slice() {
            [] => String::new(),
            [only] => setting(self.sweep, at, only),
            _ => self
                .own
                .iter()
                .map(|path| setting(self.sweep, at, path))
                .collect::<Vec<_>>()
                .join(", "),
        };
        fit(&text, TEXT, WIDTH * 0.3)
    }

    /// The parameters that the short names give the values of.
    pub(super) fn parameters(&self) -> Option<String> {
        let short: Vec<&str> = self
            .own
            .iter()
            .map(|path| self.sweep.short_path(path))
            .collect();
        (!short.is_empty()).then(|| short.join(", "))
    }

    /// `; one line per web.count`
    pub(super) fn one_line_per(&self) -> String {
        self.parameters()
            .map_or(String::new(), |all| format!("; one line per {all}"))
    }
}

/// The value of a parameter at a point.
pub(super) fn setting(sweep: SweepView<'_>, at: usize, path: &str) -> String {
    let own = sweep.points[at]
        .settings
        .iter()
        .find(|setting| setting.path == path);
    own.map_or_else(String::new, |setting| setting.label.clone())
}

/// Where a chart of a sweep comes from; `intervals` says how they are drawn, if they are.
pub(super) fn source(title: &str, sweep: SweepView<'_>, intervals: &str) -> String {
    let points = super::wording::count(sweep.points.len(), "point");
    let fewest = sweep
        .findings
        .iter()
        .map(|findings| findings.replications)
        .min()
        .unwrap_or(0);
    let most = sweep
        .findings
        .iter()
        .map(|findings| findings.replications)
        .max()
        .unwrap_or(0);
    let level = sweep
        .findings
        .first()
        .map_or(0.95, |findings| findings.level);
    let bands = if intervals.is_empty() {
        String::new()
    } else {
        format!(
            "; {intervals} are {} % intervals",
            three_digits(level * 100.0)
        )
    };
    match (fewest, most) {
        (_, 0 | 1) => format!("{title} · {points}, one replication each"),
        (a, b) if a == b => format!("{title} · {points} of {a} replications{bands}"),
        (a, b) => format!("{title} · {points} of {a} to {b} replications{bands}"),
    }
}

/// A traffic in a sentence: `2.04 k/s`.
pub(super) fn at_load(load: &Load) -> String {
    crate::objective::show(crate::metrics::Unit::PerSecond, load.offered_peak)
}

/// True if every point was run once, which decides nothing.
pub(super) fn is_single(sweep: SweepView<'_>) -> bool {
    sweep
        .findings
        .iter()
        .all(|findings| findings.replications == 1)
}
