//! Autoscaling rules as pure functions with explicit state: an observation in, a decision and its reason
//! out. Measuring, delays and instances are not their business.
//!
//! One file per autoscaler. To add one: write its file (the table that describes it, its check, its
//! state, its rule) and add its line to the list below.
//!
//! [`hpa`] is a folder, because Kubernetes' controller is shown single pods; no simulated service shows it any
//! yet, so it is not in the list.

pub mod heroku_p95;
pub mod hpa;

use crate::units::{Rate, SimDuration, SimTime};

/// What an autoscaler is shown: the service as it was over the time since the last look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The present instant.
    pub now: SimTime,
    /// How many instances the service is meant to have at present.
    pub instances: u32,
    /// Answers per second.
    pub throughput: Rate,
    /// 95th percentile of the response time, as the balancer sees it; nothing without answers.
    pub response_p95: Option<SimDuration>,
}

/// Why a decision came out as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// More instances are needed.
    TooFew,
    /// Fewer would do.
    TooMany,
    /// It is right as it is.
    Right,
    /// A change is wanted, but the last one was too short a time ago.
    TooSoon,
    /// Fewer would do, but not for long enough yet.
    NotYetSure,
    /// A change is wanted, but the range does not allow it.
    AtLimit,
    /// The present number is outside the range.
    OutOfRange,
}

impl Reason {
    /// In words, for tables.
    pub const fn words(self) -> &'static str {
        match self {
            Self::TooFew => "too few",
            Self::TooMany => "more than needed",
            Self::Right => "as needed",
            Self::TooSoon => "too soon after the last change",
            Self::NotYetSure => "fewer would do, but not for long enough",
            Self::AtLimit => "at the limit of the range",
            Self::OutOfRange => "outside the range",
        }
    }
}

/// What an autoscaler decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// How many instances the rule asks for, before anything that holds it back.
    pub wanted: u32,
    /// How many instances the service shall have.
    pub instances: u32,
    /// Why.
    pub reason: Reason,
}

/// What every autoscaler can do.
trait Rule {
    /// How often it looks; it is shown the time since the last look.
    fn period(&self) -> SimDuration;

    /// The fewest and the most instances it may ask for.
    fn range(&self) -> (u32, u32);

    /// Decides.
    fn decide(&mut self, seen: &Observation) -> Decision;
}

macro_rules! autoscalers {
    ($( $(#[doc = $doc:literal])* $variant:ident: $module:ident = $word:literal ),* $(,)?) => {
        crate::kinds! {
            /// An autoscaler.
            pub enum AutoscalerSpec {
                $( $(#[doc = $doc])* $variant($module::$variant) = $word ),*
            }
        }

        /// An autoscaler at work.
        #[derive(Debug, Clone)]
        pub enum Autoscaler {
            $( $(#[doc = $doc])* $variant($module::State), )*
        }

        impl AutoscalerSpec {
            /// The autoscaler at the start of a run.
            pub fn start(&self) -> Autoscaler {
                match self { $( Self::$variant(own) => Autoscaler::$variant(own.start()), )* }
            }
        }

        impl Autoscaler {
            /// How often it looks; it is shown the time since the last look.
            pub fn period(&self) -> SimDuration {
                match self { $( Self::$variant(state) => state.period(), )* }
            }

            /// The fewest and the most instances it may ask for.
            pub fn range(&self) -> (u32, u32) {
                match self { $( Self::$variant(state) => state.range(), )* }
            }

            /// Decides.
            pub fn decide(&mut self, seen: &Observation) -> Decision {
                match self { $( Self::$variant(state) => state.decide(seen), )* }
            }
        }
    };
}

autoscalers! {
    /// Heroku's own autoscaling of web dynos, by the 95th percentile of the response time.
    HerokuP95: heroku_p95 = "heroku_p95",
}
