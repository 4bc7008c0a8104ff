//! What piles up in queues of messages, and when it is worked off.

use serde::{Deserialize, Serialize};

use super::findings::Series;

/// A backlog is worked off when no more than this share of the most is left, and no more than a few messages.
const WORKED_OFF: f64 = 0.02;
/// Fewer messages than this on average over a window are no backlog.
const FEW: f64 = 10.0;

/// A backlog: messages that pile up faster than they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Backlog {
    /// The most messages that wait, on average over a window.
    pub most: f64,
    /// When that is, in seconds.
    pub most_s: f64,
    /// When it is worked off, in seconds; nothing if that is not within the run.
    pub worked_off_s: Option<f64>,
    /// How many messages are left at the end, if it is not.
    pub left: f64,
    /// How long it would take after the end at the pace of the last windows, in seconds; nothing if it does not
    /// shrink, or is worked off.
    pub more_s: Option<f64>,
}

/// The backlog of a queue; nothing if there is none to speak of.
pub(super) fn find(series: &Series, queue: &str) -> Option<Backlog> {
    let is_depth = |figure: &str| figure == "messages_used";
    let depth = series
        .columns
        .iter()
        .find(|column| column.component == queue && is_depth(&column.figure))?;
    let depth: Vec<f64> = depth
        .values
        .iter()
        .map_while(|v| v.map(|v| v.value))
        .collect();
    let (at, most) = depth
        .iter()
        .copied()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    if most < FEW {
        return None;
    }
    let is_gone = |n: &f64| *n <= (most * WORKED_OFF).max(FEW / 2.0);
    let gone = depth[at..].iter().position(is_gone).map(|more| at + more);
    let left = depth.last().copied().unwrap_or(0.0);
    // A tenth of the run, at least three windows, says how fast it shrinks.
    let n = (depth.len() / 10)
        .max(3)
        .min(depth.len() - 1 - at.min(depth.len() - 1));
    let more_s = (gone.is_none() && n >= 2)
        .then(|| {
            let last = depth.len() - 1;
            let seconds = series.bounds_s[last] - series.bounds_s[last - n];
            let pace = (depth[last - n] - depth[last]) / seconds;
            (pace > 0.0).then(|| left / pace)
        })
        .flatten();
    Some(Backlog {
        most,
        most_s: series.bounds_s[at],
        worked_off_s: gone.map(|window| series.bounds_s[window]),
        left: if gone.is_some() { 0.0 } else { left },
        more_s,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::findings::Column;
    use crate::stats::{Confidence, Estimate};

    fn series(depth: &[f64]) -> Series {
        let level = Confidence::new(0.95).expect("a level");
        let estimate = |n: &f64| Estimate::mean(&[*n, *n], level);
        Series {
            bounds_s: (0..=depth.len()).map(|at| at as f64 * 60.0).collect(),
            warm_up_s: 0.0,
            columns: vec![Column {
                component: "jobs".into(),
                figure: "messages_used".into(),
                values: depth.iter().map(estimate).collect(),
            }],
        }
    }

    #[test]
    fn a_backlog_is_worked_off_or_goes_on_at_its_pace() {
        let found = find(&series(&[0.0, 500.0, 1000.0, 400.0, 5.0, 0.0]), "jobs");
        let found = found.expect("a backlog");
        assert_eq!((found.most, found.most_s), (1000.0, 120.0));
        assert_eq!(found.worked_off_s, Some(240.0));
        // 100 messages fewer every minute: 700 take another seven.
        let falling = series(&[0.0, 1000.0, 1000.0, 1000.0, 900.0, 800.0, 700.0]);
        let found = find(&falling, "jobs").expect("a backlog");
        assert_eq!(found.worked_off_s, None);
        assert_eq!(found.more_s, Some(420.0));
        let growing = series(&[0.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
        assert_eq!(find(&growing, "jobs").expect("one").more_s, None);
        assert_eq!(find(&series(&[0.5, 2.0, 0.1]), "jobs"), None);
    }
}
