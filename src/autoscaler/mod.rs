//! Autoscaling rules as pure functions with explicit state: what there is to see of a group of instances in, a
//! decision and its reason out. Clocks, delays and instances are not their business.
//!
//! One file per autoscaler. To add one: write its file (the table that describes it, its check, its
//! state, its rule) and add its line to the list below.
//!
//! What the real software decides is by itself, so that it can be held against what was recorded of it: [`hpa`],
//! [`kpa`], [`keda`], [`aws`], [`azure`], [`cloud_run`], [`threshold`]. The files of the list join these to a group:
//! [`kubernetes_hpa`], [`knative`], [`aws_target_tracking`], [`azure_monitor`], [`google_cloud_run`] and
//! [`threshold_script`] keep what their sensors have read, and explain what was decided.

pub mod aws;
pub mod aws_target_tracking;
pub mod azure;
pub mod azure_monitor;
pub mod cloud_run;
pub mod comparison;
pub mod count;
pub mod google_cloud_run;
mod group;
pub mod heroku_p95;
pub mod hpa;
pub mod keda;
pub mod knative;
pub mod kpa;
pub mod kubernetes_hpa;
pub mod outcome;
mod sensor;
pub mod threshold;
pub mod threshold_script;

pub use group::{Group, Phase, Reading, RequestTime};

use crate::diag::{Diagnostic, Diagnostics};
use crate::spec;
use crate::spec::{At, Count, Node, Own, With};
use crate::units::SimDuration;

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
    /// Somebody has switched it off, for some time or for good.
    Paused,
    /// It is switched off, as there is nothing to scale.
    SwitchedOff,
    /// Nothing has been measured that would tell.
    NoData,
    /// A change is wanted, and comes as fast as is allowed.
    TooFast,
    /// Something of the autoscaler's own, in words.
    Own(&'static str),
    /// Fewer would do, but would at once be too few.
    WouldFlap,
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
            Self::Paused => "switched off by hand",
            Self::SwitchedOff => "off, for there is nothing to scale",
            Self::NoData => "no data",
            Self::TooFast => "as fast as is allowed",
            Self::Own(words) => words,
            Self::WouldFlap => "fewer would at once be too few",
        }
    }
}

/// In what a figure is that an autoscaler goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share of something: 0.7 is 70 %.
    Share,
    /// So many.
    Count,
    /// So many a second.
    PerSecond,
    /// Seconds.
    Seconds,
}

/// The figure that a decision went by, beside what it is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// What it is.
    pub what: &'static str,
    /// In what.
    pub unit: Unit,
    /// What was seen; nothing without data.
    pub value: Option<f64>,
    /// What it is to be, or the bound that it crossed.
    pub target: f64,
}

impl Sight {
    /// What it is, with its unit.
    pub fn name(&self) -> String {
        let unit = match self.unit {
            Unit::Share => "share",
            Unit::Count => "count",
            Unit::PerSecond => "per second",
            Unit::Seconds => "s",
        };
        format!("{} ({unit})", self.what)
    }
}

/// What an autoscaler decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// How many instances the rule asks for, before anything that holds it back.
    pub wanted: u32,
    /// How many instances the group shall have.
    pub instances: u32,
    /// Why.
    pub reason: Reason,
    /// What it went by, if it was one figure.
    pub sight: Option<Sight>,
}

/// When an autoscaler does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// How often it decides.
    pub period: SimDuration,
    /// How long after the start of the run it decides first; somewhere within a period, drawn for each
    /// replication, unless it is given: clocks of different machines do not know of one another.
    pub first: Option<SimDuration>,
    /// How often its sensor reads the instances; nothing if it goes by what it is shown when it decides.
    pub scrape: Option<SimDuration>,
}

/// What every description of an autoscaler can do.
trait Describe {
    /// The autoscaler at work.
    type State;

    /// The autoscaler at the start of a run.
    fn start(&self) -> Self::State;

    /// The queues whose length it goes by, in the order in which it is shown them.
    fn queues(&self) -> Vec<&At<String>> {
        Vec::new()
    }
}

/// What every autoscaler can do.
trait Rule {
    /// When it does what.
    fn clock(&self) -> Clock;

    /// The fewest and the most instances it may ask for.
    fn range(&self) -> (u32, u32);

    /// Its settings are those of `fresh` from now on. What it remembers it keeps, as far as it still means the same;
    /// one that does not say what that is begins anew.
    fn adopts(&mut self, fresh: Self)
    where
        Self: Sized,
    {
        *self = fresh;
    }

    /// Its sensor reads the group. What it has read it may use from now on.
    fn scrape(&mut self, _: &Group<'_>) {}

    /// Decides. Of the instances it may see how far they have come; what they do it has from its sensor.
    fn decide(&mut self, group: &Group<'_>) -> Decision;
}

/// Reports a range that ends before it begins.
fn check_range(min: At<Count>, max: At<Count>, out: &mut Diagnostics) {
    if min.value > max.value {
        out.push(
            Diagnostic::error(max.origin, "autoscaler maximum is below its minimum")
                .label(format!("maximum is {}", max.value))
                .related(min.origin, format!("minimum is {}", min.value))
                .help("did you swap them?"),
        );
    }
}

/// Why a number of instances that is applied as it was arrived at came out as it did.
fn compare(before: u32, wanted: u32, after: u32, (min, max): (u32, u32)) -> Reason {
    if !(min..=max).contains(&before) {
        Reason::OutOfRange
    } else if after > before {
        Reason::TooFew
    } else if after < before {
        Reason::TooMany
    } else if wanted < min || wanted > max {
        Reason::AtLimit
    } else {
        Reason::Right
    }
}

spec! {
    /// What every autoscaler has beside its own rules.
    pub struct AutoscalerSwitch {
        /// Whether it may change anything. One that may not looks all the same, and says what it would have done.
        pub enabled: bool = true,
    }
}

/// An autoscaler's rules, and whether it is switched on.
pub type Switched = With<AutoscalerSpec, AutoscalerSwitch>;

impl Own for AutoscalerSpec {
    fn read_with(node: &Node, also: &[&str], out: &mut Diagnostics) -> Option<Self> {
        Self::read_beside(node, also, None, out)
    }
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

            /// The queues whose length it goes by, in the order in which it is shown them.
            pub fn queues(&self) -> Vec<&At<String>> {
                match self { $( Self::$variant(own) => own.queues(), )* }
            }
        }

        impl Autoscaler {
            /// When it does what.
            pub fn clock(&self) -> Clock {
                match self { $( Self::$variant(state) => state.clock(), )* }
            }

            /// The fewest and the most instances it may ask for.
            pub fn range(&self) -> (u32, u32) {
                match self { $( Self::$variant(state) => state.range(), )* }
            }

            /// Its settings are those of `fresh`, an autoscaler of the same kind, from now on; what it remembers it
            /// keeps as far as it still means the same.
            ///
            /// # Panics
            /// If the other is of another kind.
            pub fn adopts(&mut self, fresh: Self) {
                match (self, fresh) {
                    $( (Self::$variant(own), Self::$variant(fresh)) => own.adopts(fresh), )*
                    (own, fresh) => unreachable!("{own:?} cannot become {fresh:?}"),
                }
            }

            /// Its sensor reads the group.
            pub fn scrape(&mut self, group: &Group<'_>) {
                match self { $( Self::$variant(state) => state.scrape(group), )* }
            }

            /// Decides.
            pub fn decide(&mut self, group: &Group<'_>) -> Decision {
                match self { $( Self::$variant(state) => state.decide(group), )* }
            }
        }
    };
}

autoscalers! {
    /// Heroku's own autoscaling of web dynos, by the 95th percentile of the response time.
    HerokuP95: heroku_p95 = "heroku_p95",
    /// Target tracking of EC2 Auto Scaling, by CPU or requests.
    AwsTargetTracking: aws_target_tracking = "aws_target_tracking",
    /// Kubernetes' horizontal pod autoscaler, by CPU, memory, requests or messages.
    KubernetesHpa: kubernetes_hpa = "hpa",
    /// Knative's autoscaler (KPA), by requests in flight or requests a second.
    Knative: knative = "knative",
    /// A script that looks at CPU and memory every minute and starts or stops a few.
    ThresholdScript: threshold_script = "script",
    /// Google Cloud Run's autoscaling, by CPU and by requests at a time.
    GoogleCloudRun: google_cloud_run = "cloud_run",
    /// Azure Monitor autoscale, by rules that add and rules that remove.
    AzureMonitor: azure_monitor = "azure",
}
