//! After a burst of traffic: does the system come back, and when?
//!
//! A system that once served a load may fail to serve the same load after a burst: what piled up is served
//! to clients who have left, and these come back with retries that pile up in turn (Bronson et al.,
//! "Metastable Failures in Distributed Systems", 2021). It is told by comparing windows of the same
//! offered load, before the burst and after it.

use serde::{Deserialize, Serialize};

use super::findings::Series;

/// A system serves a load if at least this share of what is offered is answered to somebody who waits.
const SERVES: f64 = 0.95;
/// It is down if at most this share is.
const DOWN: f64 = 0.5;
/// Traffic is back to normal at this multiple of what it was before.
const NORMAL: f64 = 1.15;
/// A burst is at least this multiple of it.
const BURST: f64 = 1.5;
/// Windows of normal traffic after the burst without which nothing can be said.
const ENOUGH: usize = 3;

/// What becomes of the system after a burst.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// The load that it served before, per second.
    pub offered_before: f64,
    /// When the traffic was back to normal, in seconds.
    pub back_s: f64,
    /// When the system was down first, in seconds.
    pub down_s: f64,
    /// When it served the normal load again, for good; nothing if it did not within the run.
    pub recovered_s: Option<f64>,
    /// Requests per second that it answered in time over the last windows.
    pub goodput_at_end: f64,
    /// Requests per second that were offered then.
    pub offered_at_end: f64,
    /// Attempts per request then.
    pub attempts_per_request: f64,
    /// How far it has come over the time since the traffic was back: whether things got better at all.
    pub improves: bool,
}

impl Recovery {
    /// True if the system stays down under a load that it served before, and its own clients keep it
    /// there: attempts outnumber requests, and nothing gets better.
    pub fn is_metastable(&self) -> bool {
        self.recovered_s.is_none()
            && self.attempts_per_request > 1.2
            && self.goodput_at_end < DOWN * self.offered_at_end
            && !self.improves
    }
}

/// One window.
#[derive(Debug, Clone, Copy)]
struct Window {
    start_s: f64,
    offered: f64,
    goodput: f64,
    attempts: f64,
}

impl Window {
    fn share(&self) -> f64 {
        self.goodput / self.offered
    }
}

/// What becomes of the system after a burst; nothing if there is no burst, if it stays up, or if it was not
/// up before.
pub(super) fn find(series: &Series) -> Option<Recovery> {
    let windows = windows(series)?;
    let before = windows.iter().take_while(|w| w.share() >= SERVES);
    let n_before = before.clone().count();
    if n_before == 0 {
        return None;
    }
    // The load just before it begins to rise is what is normal; a rise may begin while all is well.
    let offered_before = before.map(|w| w.offered).fold(f64::INFINITY, f64::min);
    let down = windows.iter().position(|w| w.share() <= DOWN)?;
    let burst = windows
        .iter()
        .rposition(|w| w.offered > BURST * offered_before)?;
    let is_normal = |w: &Window| w.offered <= NORMAL * offered_before;
    let after = &windows[burst + 1..];
    let back = after.iter().position(is_normal)?;
    let after = &after[back..];
    if after.len() < ENOUGH || down > burst + 1 + back {
        return None;
    }
    let recovered = after
        .iter()
        .rposition(|w| w.share() < SERVES)
        .map_or(Some(0), |last| (last + 1 < after.len()).then_some(last + 1));
    let tail = &after[after.len() - (after.len() / 4).max(1)..];
    let head = &after[..(after.len() / 4).max(1)];
    let mean = |part: &[Window], of: fn(&Window) -> f64| {
        part.iter().map(of).sum::<f64>() / part.len() as f64
    };
    let (offered, attempts) = (mean(tail, |w| w.offered), mean(tail, |w| w.attempts));
    let share = |part: &[Window]| mean(part, |w| w.goodput) / mean(part, |w| w.offered);
    Some(Recovery {
        offered_before,
        back_s: after[0].start_s,
        down_s: windows[down].start_s,
        recovered_s: recovered.map(|at| after[at].start_s),
        goodput_at_end: mean(tail, |w| w.goodput),
        offered_at_end: offered,
        attempts_per_request: attempts / offered,
        improves: share(tail) > share(head) + 0.05,
    })
}

/// Windows in which something was offered, up to where a run was stopped. Requests count where they were
/// offered: what is answered later counts for the window in which it is answered.
fn windows(series: &Series) -> Option<Vec<Window>> {
    let column = |figure: &str| {
        let own = series.columns.iter();
        own.filter(|c| c.component.is_empty())
            .find(|c| c.figure == figure)
    };
    let (offered, unserved) = (column("offered_per_s")?, column("unserved_per_s")?);
    let (goodput, attempts) = (column("served_per_s")?, column("attempts_per_s")?);
    let windows = (0..offered.values.len()).filter_map(|at| {
        let value = |column: &super::findings::Column| column.values[at].map(|e| e.value);
        let start_s = series.bounds_s[at];
        let (offered, unserved) = (value(offered)?, value(unserved)?);
        // Either way of counting may flatter a window: by arrival what is served late, by answer what
        // has piled up. Down is what is down by both.
        let goodput = value(goodput)?.max(offered - unserved);
        let attempts = value(attempts)?;
        (offered > 0.0).then_some(Window {
            start_s,
            offered,
            goodput,
            attempts,
        })
    });
    let windows: Vec<Window> = windows.collect();
    (!windows.is_empty()).then_some(windows)
}

#[cfg(test)]
mod tests {
    use super::super::findings::Column;
    use super::*;
    use crate::stats::{Confidence, Estimate};

    fn series(offered: &[f64], served: &[f64], attempts: &[f64]) -> Series {
        let confidence = Confidence::new(0.95).expect("a level");
        let column = |figure: &str, values: &[f64]| Column {
            component: String::new(),
            figure: figure.to_owned(),
            values: values
                .iter()
                .map(|v| Estimate::mean(&[*v, *v], confidence))
                .collect(),
        };
        let unserved: Vec<f64> = offered.iter().zip(served).map(|(o, s)| o - s).collect();
        Series {
            bounds_s: (0..=offered.len()).map(|w| w as f64 * 10.0).collect(),
            warm_up_s: 0.0,
            columns: vec![
                column("offered_per_s", offered),
                column("served_per_s", served),
                column("unserved_per_s", &unserved),
                column("attempts_per_s", attempts),
            ],
        }
    }

    #[test]
    fn down_for_good_under_a_load_that_was_served_is_metastable() {
        let offered = [60., 60., 480., 60., 60., 60., 60., 60.];
        let served = [60., 60., 5., 0., 0., 0., 0., 0.];
        let attempts = [60., 60., 900., 120., 120., 120., 120., 120.];
        let found = find(&series(&offered, &served, &attempts)).expect("it goes down");
        assert!(found.is_metastable());
        assert_eq!((found.down_s, found.back_s), (20.0, 30.0));
        assert_eq!(found.recovered_s, None);
    }

    #[test]
    fn a_backlog_that_is_worked_off_is_a_recovery() {
        let offered = [60., 60., 480., 60., 60., 60., 60., 60.];
        let served = [60., 60., 100., 0., 20., 60., 60., 60.];
        let found = find(&series(&offered, &served, &offered)).expect("it goes down");
        assert!(!found.is_metastable());
        assert_eq!(found.recovered_s, Some(50.0));
    }

    #[test]
    fn without_a_burst_or_without_harm_there_is_nothing_to_recover_from() {
        let flat = [60.; 8];
        assert_eq!(find(&series(&flat, &flat, &flat)), None);
        let burst = [60., 60., 480., 60., 60., 60., 60., 60.];
        assert_eq!(find(&series(&burst, &burst, &burst)), None);
        // Down from the start: overloaded, which is another story.
        assert_eq!(find(&series(&burst, &[0.; 8], &burst)), None);
    }
}
