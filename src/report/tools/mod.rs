//! What a load tool prints at the end of a test, filled from a simulation: so that a predicted load test
//! can be laid beside a real one.
//!
//! Counts are averages over the replications, rounded. What is not simulated (bytes, the moment at which
//! something was last looked at) is shown as `-`; [`Layout::left_out`] says why. Nothing is made up.

mod artillery;
mod k6;
mod locust;
mod wrk;

use crate::experiment::{Findings, SourceFindings};
use crate::metrics::{Group, Outcome};

/// What stands where a figure is not simulated.
const UNKNOWN: &str = "-";

/// The layout of a load tool's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The end-of-test summary of k6 1 and 2.
    K6,
    /// The summary report of Artillery 2.
    Artillery,
    /// The report of wrk 4 with `--latency`.
    Wrk,
    /// The tables that Locust 2 prints when it runs `--headless`.
    Locust,
}

impl Layout {
    /// The kind of source that it belongs to.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::K6 => "k6",
            Self::Artillery => "artillery",
            Self::Wrk => "wrk",
            Self::Locust => "locust",
        }
    }

    /// The reports of all sources of its kind, each below its name if there are several.
    pub fn report(self, findings: &Findings) -> String {
        let own = findings.sources.iter();
        let own: Vec<_> = own.filter(|source| source.kind == self.kind()).collect();
        let block = |source: &&SourceFindings| {
            let block = match self {
                Self::K6 => k6::report(source),
                Self::Artillery => artillery::report(source),
                Self::Wrk => wrk::report(source),
                Self::Locust => locust::report(source),
            };
            // Tools pad with spaces to the end of lines, which nobody sees and editors take away.
            let lines: Vec<&str> = block.lines().map(str::trim_end).collect();
            let block = lines.join("\n");
            if own.len() > 1 {
                format!("{}:\n{block}\n", source.name)
            } else {
                block + "\n"
            }
        };
        own.iter().map(block).collect::<Vec<_>>().join("\n")
    }

    /// What the report leaves open, and why.
    pub const fn left_out(self) -> &'static str {
        match self {
            Self::K6 => {
                "sizes are not modelled, and the users of a pace are only counted as they are made: what k6 would say of those is shown as -"
            }
            Self::Artillery => {
                "sizes and status codes are not modelled: http.downloaded_bytes is shown as -, answers that failed as http.codes.5xx"
            }
            Self::Wrk => {
                "sizes are not modelled, and threads are only known on average: what wrk would say of those is shown as -; its latencies are corrected for coordinated omission, as wrk does"
            }
            Self::Locust => {
                "a source is not told apart by request, and 66 %, 80 %, 98 % and 99.99 % are not kept: shown as -"
            }
        }
    }
}

/// What became of a source's requests, as a load tool sees them. Averages over the replications.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Tally {
    /// Answered in full.
    ok: f64,
    /// Answered with "not modified".
    not_modified: f64,
    /// Answered with an error.
    errors: f64,
    /// The tool's own timeout ran out, or its user left.
    timed_out: f64,
    /// The connection broke.
    reset: f64,
    /// No connection came about.
    refused: f64,
}

impl Tally {
    fn of(source: &SourceFindings) -> Self {
        let mut tally = Self::default();
        for outcome in Outcome::ALL {
            let n = source.ended(*outcome);
            let place = match (outcome, outcome.group()) {
                // The one was never sent, of the other the tool has not heard.
                (Outcome::BrowserCache | Outcome::Interrupted, _) => continue,
                (Outcome::NotModified, _) => &mut tally.not_modified,
                (_, Group::Served) => &mut tally.ok,
                (_, Group::GivenUp) => &mut tally.timed_out,
                (own, _) if own.is_answer(source.is_refused) => &mut tally.errors,
                (Outcome::Killed, _) => &mut tally.reset,
                _ => &mut tally.refused,
            };
            *place += n;
        }
        tally
    }

    /// Requests that were sent and heard of again.
    fn sent(self) -> f64 {
        self.answered() + self.unanswered()
    }

    /// Those that were answered, with whatever.
    fn answered(self) -> f64 {
        self.ok + self.not_modified + self.errors
    }

    /// Those that were not.
    fn unanswered(self) -> f64 {
        self.timed_out + self.reset + self.refused
    }

    /// Those that failed.
    fn failed(self) -> f64 {
        self.errors + self.unanswered()
    }
}

/// A rate over the length of a test; nothing for a test that took no time.
fn per_second(n: f64, source: &SourceFindings) -> f64 {
    if source.seconds > 0.0 {
        n / source.seconds
    } else {
        0.0
    }
}

/// A count as tools print it.
fn whole(n: f64) -> String {
    format!("{:.0}", n.round())
}
