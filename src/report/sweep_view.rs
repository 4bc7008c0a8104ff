//! A complete sweep as reports see it: tables and charts name the same things alike.

use crate::experiment::{Findings, sets_traffic};
use crate::scenario::Point;

/// A sweep whose points are all complete.
#[derive(Debug, Clone, Copy)]
pub struct SweepView<'a> {
    /// The parameters that are set, by their paths.
    pub paths: &'a [String],
    /// The points.
    pub points: &'a [Point],
    /// What was found at each, in the same order.
    pub findings: &'a [Findings],
}

impl SweepView<'_> {
    /// The last part of a path that tells it from the others: `web.count` for `components.web.count`.
    pub fn short_path<'a>(&self, path: &'a str) -> &'a str {
        short_path(self.paths, path)
    }

    /// What a point sets apart from its traffic.
    pub fn configuration(&self, at: usize) -> String {
        let settings = self.points[at].settings.iter();
        let own = settings.filter(|setting| !sets_traffic(&setting.path));
        let text: Vec<_> = own
            .map(|setting| {
                format!(
                    "{} = {}",
                    self.short_path(&setting.path),
                    setting.label.clone()
                )
            })
            .collect();
        if text.is_empty() {
            "this configuration".to_owned()
        } else {
            text.join(", ")
        }
    }
}

/// See [`SweepView::short_path`].
pub(super) fn short_path<'a>(paths: &[String], path: &'a str) -> &'a str {
    let parts: Vec<usize> = path.match_indices('.').map(|(at, _)| at + 1).collect();
    let tails = parts.iter().rev().map(|at| &path[*at..]);
    // Two parts say more than one: `web.count`, not `count`.
    let is_clear = |tail: &&str| {
        let same = paths.iter().filter(|other| other.ends_with(*tail));
        tail.contains('.') && same.count() == 1
    };
    tails.into_iter().find(is_clear).unwrap_or(path)
}
