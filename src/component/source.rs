//! A source: where requests come from.

use rand::Rng as _;

use super::NodeId;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::engine::LaneId;
use crate::rng::{Salt, Stream, Streams};
use crate::spec;
use crate::spec::{At, Named};
use crate::traffic::arrivals::{ArrivalProcess, Arrivals, Gaps};
use crate::traffic::curve::{Curve, CurvePiece};
use crate::units::{Fraction, Rate, SimDuration, SimTime};

spec! {
    /// Where requests come from: an open source, which does not wait for answers.
    pub struct Source {
        /// With what randomness they come.
        pub arrivals: ArrivalProcess,
        /// How many come at level 1 of the curve.
        pub rate: Option<At<Rate>>,
        /// The rate over time, as multiples of `rate`; constant unless given.
        pub curve: Vec<CurvePiece>,
        /// The classes of requests and their shares; all of class `default` unless given.
        pub mix: Named<At<Fraction>>,
        /// The balancer or the service that they enter.
        pub enters: At<String>,
        /// How long a client waits before it gives up; for ever unless given. The system does not hear
        /// of it.
        pub timeout: Option<At<SimDuration>>,
    }
    check(Self::check)
}

/// How far the shares of a mix may add up to something else than 100 %.
const ROUNDING: f64 = 1e-6;

impl Source {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        match (&self.rate, self.arrivals.brings_its_times()) {
            (None, false) => {
                out.push(Diagnostic::error(table, "missing key `rate`").label("needs `rate`"));
            }
            (Some(rate), true) => out.push(
                Diagnostic::error(rate.origin, "recorded arrivals have no rate")
                    .help("to play them faster or slower, set `speed`"),
            ),
            (Some(rate), false) if rate.value == Rate::ZERO => {
                out.push(Diagnostic::error(
                    rate.origin,
                    "a source needs a rate above 0",
                ));
            }
            _ => {}
        }
        let sum: f64 = self.mix.items.iter().map(|(_, share)| share.get()).sum();
        if let Some((name, _)) = self.mix.items.first()
            && (sum - 1.0).abs() > ROUNDING
        {
            let problem = format!(
                "the shares of the mix add up to {}%, not 100%",
                (sum * 1e6).round() / 1e4
            );
            out.push(Diagnostic::error(name.origin, problem));
        }
        if let Some(timeout) = self
            .timeout
            .filter(|timeout| timeout.value == SimDuration::ZERO)
        {
            out.push(Diagnostic::error(
                timeout.origin,
                "a timeout must be longer than 0",
            ));
        }
    }
}

/// A source with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Its arrival process.
    pub gaps: Gaps,
    /// Its rate over time.
    pub curve: Curve,
    /// What its requests enter.
    pub enters: NodeId,
    /// How long a client waits.
    pub timeout: Option<SimDuration>,
    /// Its classes.
    pub choices: Vec<Choice>,
}

/// One class of a source's requests.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// Chosen if a uniform 64-bit number is below this, and not below that of the one before.
    pub below: u64,
    /// Which source and class, by position in [`Blueprint::flows`](super::Blueprint::flows).
    pub flow: u16,
    /// Where the operation of the class starts in the service that they enter.
    pub pc: u16,
}

/// How many arrivals are drawn at a time.
const BATCH: usize = 64;

/// A source at work.
#[derive(Debug)]
pub(super) struct State {
    arrivals: Arrivals,
    numbers: Stream,
    /// Arrivals that have been drawn ahead, and how many of them have come.
    ahead: [SimTime; BATCH],
    n_come: usize,
    /// No request arrives at or after this.
    horizon: SimTime,
    salt: Salt,
    choices: Vec<Choice>,
    pub(super) enters: NodeId,
    /// The lane of its clients' timeouts.
    pub(super) lane: Option<LaneId>,
}

impl State {
    pub(super) fn new(
        plan: &Plan,
        streams: Streams,
        lane: Option<LaneId>,
        horizon: SimTime,
    ) -> Self {
        let stream = streams.stream(&plan.name, "arrivals");
        Self {
            arrivals: Arrivals::new(plan.gaps.clone(), &plan.curve, stream),
            numbers: streams.stream(&plan.name, "requests"),
            ahead: [SimTime::NEVER; BATCH],
            n_come: BATCH,
            horizon,
            salt: Salt::new(&plan.name, "class"),
            choices: plan.choices.clone(),
            enters: plan.enters,
            lane,
        }
    }

    /// The instant of the next arrival; [`SimTime::NEVER`] if no more come.
    #[inline]
    pub(super) fn next_arrival(&mut self) -> SimTime {
        if self.n_come == BATCH {
            self.arrivals.fill(&mut self.ahead);
            self.n_come = 0;
        }
        let at = self.ahead[self.n_come];
        self.n_come += 1;
        if at < self.horizon {
            at
        } else {
            SimTime::NEVER
        }
    }

    /// The number and the class of the request that arrives.
    #[inline]
    pub(super) fn next_request(&mut self) -> (u64, Choice) {
        let number = self.numbers.next_u64();
        if let [only] = self.choices[..] {
            return (number, only);
        }
        let drawn = self.salt.uniform(number);
        let last = self.choices.len() - 1;
        let chosen = self
            .choices
            .iter()
            .position(|choice| drawn < choice.below)
            .unwrap_or(last);
        (number, self.choices[chosen])
    }
}
