//! Autoscaling rules as pure functions with explicit state: what there is to see of a group of instances in, a
//! decision and its reason out. Clocks, delays and instances are not their business.
//!
//! One file per autoscaler. To add one: write its file (the table that describes it, its check, its
//! state, its rule) and add its line to the list below.
//!
//! What the real software decides is by itself, so that it can be held against what was recorded of it: [`hpa`],
//! [`kpa`], [`keda`], [`aws`], [`azure`], [`cloud_run`], [`threshold`]. The files of the list join these to a group:
//! [`kubernetes_hpa`], [`knative`], [`aws_target_tracking`], [`aws_step`], [`aws_simple`], [`azure_monitor`],
//! [`google_cloud_run`] and [`threshold_script`] keep what their sensors have read, and explain what was decided.

pub mod aws;
pub mod aws_predictive;
pub mod aws_simple;
pub mod aws_step;
pub mod aws_target_tracking;
pub mod azure;
pub mod azure_monitor;
pub mod cloud_run;
pub mod cloud_watch;
pub mod comparison;
pub mod concurrency;
pub mod count;
pub mod fixed;
pub mod google_cloud_run;
mod group;
pub mod heroku_p95;
pub mod hpa;
pub mod keda;
pub mod keda_scaler;
pub mod knative;
pub mod kpa;
pub mod kubernetes_hpa;
pub mod oracle;
pub mod outcome;
pub mod scheduled;
mod sensor;
pub mod threshold;
pub mod threshold_script;

pub use group::{Group, Phase, Reading, RequestTime};

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count, Node, Own, With};
use crate::units::{SimDuration, SimTime};
use count::Bounds;

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

    /// Where it goes by memory, which only services with a model of it have.
    fn needs_memory(&self) -> Option<Origin> {
        None
    }

    /// Whether it is shown what the sources will send.
    fn knows_future(&self) -> bool {
        false
    }

    /// For how long requests are held while there is no instance, where what it comes with does that.
    fn holds_requests(&self) -> Option<SimDuration> {
        None
    }
}

/// What every autoscaler can do.
trait Rule {
    /// When it does what.
    fn clock(&self) -> Clock;

    /// The fewest and the most instances it may ask for.
    fn range(&self) -> (u32, u32);

    /// Within what there are instances at the start; nothing if it has no say in that.
    fn range_at_start(&self) -> Option<(u32, u32)> {
        Some(self.range())
    }

    /// Whether its sensor goes by response times: then it is shown those since it last read.
    fn senses_responses(&self) -> bool {
        false
    }

    /// When it decides after it has decided now.
    fn next(&self, now: SimTime) -> SimTime {
        now + self.clock().period
    }

    /// Within what it holds the group now, whoever else decides.
    fn holds_to(&self) -> Bounds {
        Bounds::NONE
    }

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

    /// A request is held while there is no instance, the first one: it decides at once, if it hears of that.
    fn knock(&mut self, group: &Group<'_>) -> Decision {
        let instances = group.desired.max(1);
        Decision {
            wanted: instances,
            instances,
            reason: Reason::Own("a request is held"),
            sight: None,
        }
    }

    /// Decides. Of the instances it may see how far they have come; what they do it has from its sensor.
    fn decide(&mut self, group: &Group<'_>) -> Decision;
}

/// Reports a range that ends before it begins.
fn check_range(min: At<Count>, max: At<Count>, out: &mut Diagnostics) {
    let min = At {
        value: min.get(),
        origin: min.origin,
    };
    check_range_from_zero(min, max, out);
}

/// The same where there may be none at all.
fn check_range_from_zero(min: At<u32>, max: At<Count>, out: &mut Diagnostics) {
    if min.value > max.get() {
        out.push(
            Diagnostic::error(
                max.origin.or(min.origin),
                "autoscaler maximum is below its minimum",
            )
            .label(format!("maximum is {}", max.value))
            .related(min.origin, format!("minimum is {}", min.value))
            .help("did you swap them?"),
        );
    }
}

/// Says that a window has not even two readings.
fn check_window(window: At<SimDuration>, scrape: At<SimDuration>, out: &mut Diagnostics) {
    if window.value < scrape.value {
        let problem = "this window is shorter than the time between two readings";
        let every = format!("instances are read every {}", scrape.value);
        out.push(
            Diagnostic::warning(window.origin.or(scrape.origin), problem)
                .label("most windows have no reading")
                .related(scrape.origin, every),
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

            /// Where it goes by memory, which only services with a model of it have.
            pub fn needs_memory(&self) -> Option<Origin> {
                match self { $( Self::$variant(own) => own.needs_memory(), )* }
            }

            /// For how long requests are held while there is no instance, where what it comes with does that.
            pub fn holds_requests(&self) -> Option<SimDuration> {
                match self { $( Self::$variant(own) => own.holds_requests(), )* }
            }

            /// Whether it is shown what the sources will send.
            pub fn knows_future(&self) -> bool {
                match self { $( Self::$variant(own) => own.knows_future(), )* }
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

            /// Within what there are instances at the start; nothing if it has no say in that.
            pub fn range_at_start(&self) -> Option<(u32, u32)> {
                match self { $( Self::$variant(state) => state.range_at_start(), )* }
            }

            /// Whether its sensor goes by response times.
            pub fn senses_responses(&self) -> bool {
                match self { $( Self::$variant(state) => state.senses_responses(), )* }
            }

            /// When it decides after it has decided now.
            pub fn next(&self, now: SimTime) -> SimTime {
                match self { $( Self::$variant(state) => state.next(now), )* }
            }

            /// Within what it holds the group now, whoever else decides.
            pub fn holds_to(&self) -> Bounds {
                match self { $( Self::$variant(state) => state.holds_to(), )* }
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

            /// A request is held while there is no instance.
            pub fn knock(&mut self, group: &Group<'_>) -> Decision {
                match self { $( Self::$variant(state) => state.knock(group), )* }
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
    /// Step scaling of EC2 Auto Scaling, by alarms: the further beyond its threshold, the more.
    AwsStep: aws_step = "aws_step",
    /// Simple scaling of EC2 Auto Scaling, by alarms: one change, and then a cooldown.
    AwsSimple: aws_simple = "aws_simple",
    /// Predictive scaling of EC2 Auto Scaling, by a forecast that is given.
    AwsPredictive: aws_predictive = "aws_predictive",
    /// Other bounds or another number of instances at given times, beside an autoscaler or without one.
    Scheduled: scheduled = "scheduled",
    /// Kubernetes' horizontal pod autoscaler, by CPU, memory, requests or messages.
    KubernetesHpa: kubernetes_hpa = "hpa",
    /// KEDA: wakes a workload when there is something to do, and has an HPA for the rest.
    Keda: keda_scaler = "keda",
    /// Knative's autoscaler (KPA), by requests in flight or requests a second.
    Knative: knative = "knative",
    /// A script that looks at CPU and memory every minute and starts or stops a few.
    ThresholdScript: threshold_script = "script",
    /// Google Cloud Run's autoscaling, by CPU and by requests at a time.
    GoogleCloudRun: google_cloud_run = "cloud_run",
    /// Azure Monitor autoscale, by rules that add and rules that remove.
    AzureMonitor: azure_monitor = "azure",
    /// By requests at a time alone, as Replit's autoscale deployments and App Engine do it.
    Concurrency: concurrency = "concurrency",
    /// A fixed number of instances.
    Fixed: fixed = "fixed",
    /// One that knows the traffic to come: a yardstick, and nothing that one can run.
    Oracle: oracle = "oracle",
}
