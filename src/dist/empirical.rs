//! A law as measured: from quantiles, or from a column of a CSV file.

use std::sync::Arc;

use rand::Rng;

use super::{Sample, Shape, unit};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Column, Data, Named, finite};
use crate::units::SimDuration;
use crate::{spec, words};

words! {
    /// The unit of a column of numbers.
    pub enum Unit {
        /// Seconds.
        Seconds = "s",
        /// Milliseconds.
        Milliseconds = "ms",
        /// Microseconds.
        Microseconds = "us",
        /// Nanoseconds.
        Nanoseconds = "ns",
    }
}

impl Unit {
    /// How many nanoseconds it has.
    pub fn nanos(self) -> f64 {
        match self {
            Self::Seconds => 1e9,
            Self::Milliseconds => 1e6,
            Self::Microseconds => 1e3,
            Self::Nanoseconds => 1.0,
        }
    }
}

spec! {
    /// As measured. Between two known points the law is linear.
    pub struct Empirical {
        /// Known quantiles, such as `{ p0 = "1ms", p50 = "3ms", p99_9 = "80ms", p100 = "200ms" }`; from
        /// `p0`, the smallest value, to `p100`, the largest.
        pub quantiles: Named<At<SimDuration>>,
        /// A CSV file (plain or .gz) with one measured value per row.
        pub file: Option<At<String>>,
        /// The column of the file.
        pub column: Option<At<String>>,
        /// The unit of the column.
        pub unit: At<Unit> = At::built_in(Unit::Milliseconds),
    }
    check(Self::check)
}

impl Empirical {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        match (&self.file, &self.column, self.quantiles.items.is_empty()) {
            (Some(_), Some(_), true) => {}
            (None, None, false) => {
                self.points(table, out);
            }
            _ => out.push(
                Diagnostic::error(table, "an empirical law needs its quantiles or a file")
                    .label("`quantiles`, or `file` and `column`"),
            ),
        }
    }

    /// The known points, by share; reports what is not a rising sequence from p0 to p100.
    fn points(&self, table: Origin, out: &mut Diagnostics) -> Vec<(f64, f64)> {
        let mut points: Vec<(f64, &At<SimDuration>)> = Vec::new();
        for (name, span) in &self.quantiles.items {
            let percent = name
                .strip_prefix('p')
                .and_then(|digits| finite(&digits.replace('_', ".")));
            match percent.filter(|percent| (0.0..=100.0).contains(percent)) {
                Some(percent) => points.push((percent / 100.0, span)),
                None => out.push(
                    Diagnostic::error(name.origin, format!("not a percentile: `{}`", name.value))
                        .label("percentiles are written p0, p50, p99_9, p100"),
                ),
            }
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let ends = (points.first().map(|p| p.0), points.last().map(|p| p.0));
        if ends != (Some(0.0), Some(1.0)) {
            out.push(
                Diagnostic::error(table, "the quantiles must reach from p0 to p100")
                    .help("p0 is the smallest value there is, p100 the largest"),
            );
        }
        for pair in points
            .windows(2)
            .filter(|pair| pair[1].1.value < pair[0].1.value)
        {
            out.push(
                Diagnostic::error(pair[1].1.origin, "a higher percentile cannot be lower")
                    .related(pair[0].1.origin, "the percentile below it"),
            );
        }
        points
            .into_iter()
            .map(|(share, span)| (share, span.as_nanos() as f64))
            .collect()
    }

    fn measured(
        &self,
        file: &At<String>,
        name: &At<String>,
        data: &mut dyn Data,
        out: &mut Diagnostics,
    ) -> Option<Vec<(f64, f64)>> {
        let read = |cell: &str| finite(cell).filter(|number| *number >= 0.0);
        let column = Column {
            file,
            name,
            expected: "a number that is not negative",
            read,
        };
        let mut values = data.column(&column, out)?;
        values.sort_by(f64::total_cmp);
        if values.len() == 1 {
            values.push(values[0]);
        }
        let last = (values.len() - 1) as f64;
        let scale = self.unit.nanos();
        Some(
            values
                .iter()
                .enumerate()
                .map(|(i, v)| (i as f64 / last, v * scale))
                .collect(),
        )
    }
}

impl Shape for Empirical {
    type Sampler = Sampler;
    fn sampler(&self, data: &mut dyn Data, out: &mut Diagnostics) -> Option<Sampler> {
        let points = match (&self.file, &self.column) {
            (Some(file), Some(column)) => self.measured(file, column, data, out)?,
            _ => self.points(Origin::BUILT_IN, out),
        };
        let between = points
            .windows(2)
            .map(|p| (p[1].0 - p[0].0) * f64::midpoint(p[0].1, p[1].1));
        Some(Sampler {
            mean: between.sum(),
            points: points.into(),
        })
    }
}

/// By inversion of the piecewise linear distribution function.
#[derive(Debug, Clone)]
pub struct Sampler {
    /// Share and value of the known points, from 0 to 1.
    points: Arc<[(f64, f64)]>,
    mean: f64,
}

impl Sample for Sampler {
    #[inline]
    fn nanos<R: Rng>(&self, rng: &mut R) -> f64 {
        let at = unit(rng);
        let above = self.points.partition_point(|(share, _)| *share < at).max(1);
        let ((low, from), (high, to)) = (self.points[above - 1], self.points[above]);
        from + (to - from) * (at - low) / (high - low)
    }
    fn mean_nanos(&self) -> f64 {
        self.mean
    }
}
