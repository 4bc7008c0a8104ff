//! How many pods, every two seconds.
//!
//! Source: `pkg/autoscaler/scaling/autoscaler.go`. Its arithmetic is double precision; so is this.

use super::max_window::MaxOverTime;
use crate::autoscaler::outcome::{Outcome, reasons};
use crate::units::{SimDuration, SimTime};

/// How often is decided.
pub const TICK: SimDuration = SimDuration::from_secs(2);

/// What a decision goes by; may change from one to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// Aimed at per pod, in the unit of the metric; above 0 (see [`super::target`]).
    pub target: f64,
    /// What one pod can bear, in the same unit.
    pub total: f64,
    /// Room for a burst that must be free lest the activator stay in the path: below 0, it always does;
    /// 0, only at zero pods.
    pub target_burst_capacity: f64,
    /// Panic starts when the panic window asks for this many times the ready pods, or more.
    pub panic_threshold: f64,
    /// A decision asks for this many times the ready pods at most; above 1.
    pub max_scale_up_rate: f64,
    /// A decision leaves one in this many of the ready pods at least; above 1.
    pub max_scale_down_rate: f64,
    /// Panic ends when this long has passed since the threshold was last reached.
    pub stable_window: SimDuration,
    /// The fewest pods if there are any; 1 has no effect.
    pub activation_scale: u32,
    /// For how long fewer pods must have been enough before there are fewer. Taken from the configuration
    /// that a state was started with.
    pub scale_down_delay: SimDuration,
    /// Whether any route leads to the revision; if none does it may shrink as fast as it likes.
    pub is_reachable: bool,
}

impl Config {
    /// The defaults of the cluster, for a target.
    pub fn new(target: super::target::Target) -> Self {
        Self {
            target: target.target,
            total: target.total,
            target_burst_capacity: 211.0,
            panic_threshold: 2.0,
            max_scale_up_rate: 1000.0,
            max_scale_down_rate: 2.0,
            stable_window: SimDuration::from_secs(60),
            activation_scale: 1,
            scale_down_delay: SimDuration::ZERO,
            is_reachable: true,
        }
    }
}

/// What a decision is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The present instant.
    pub now: SimTime,
    /// Pods that are ready; nothing if they cannot be counted.
    pub ready_pods: Option<u32>,
    /// The metric over all pods, averaged over the stable and the panic window; nothing without data,
    /// which is not 0.
    pub averages: Option<Averages>,
}

/// The metric over all pods, in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Averages {
    /// Over the stable window.
    pub stable: f64,
    /// Over the panic window.
    pub panic: f64,
}

reasons! {
    /// What a number of pods came from.
    Reason {
        AsWished = "as the stable window asks",
        Panic = "as the panic window asks",
        PanicFloor = "no shrinking in panic",
        ScaleUpRate = "at the greatest growth of one decision",
        ScaleDownRate = "at the greatest shrinking of one decision",
        ActivationScale = "the fewest pods if there are any",
        ScaleDownDelay = "fewer would do, but not for long enough",
    }
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Pods: what the windows ask for; after rates, activation scale and panic; after the delay. Bounds
    /// come later (see [`super::zero`]).
    pub pods: Outcome<Reason>,
    /// Whether panic rules.
    pub is_panicking: bool,
    /// What is free for a burst beyond what must be, in the unit of the metric, rounded down; below 0 the
    /// activator stays in the path.
    pub excess_burst_capacity: i32,
}

/// What is remembered from one decision to the next.
#[derive(Debug, Clone)]
pub struct State {
    /// Since when panic rules, if it does: the last time at which its threshold was reached.
    pub panic_since: Option<SimTime>,
    /// The most pods wished for in this panic: there are no fewer until it ends.
    pub panic_floor: u32,
    delay: Option<MaxOverTime>,
}

impl State {
    /// For a revision that is taken up at an instant with so many ready pods; nothing if they cannot be
    /// counted. With more than one it starts in panic, so that it does not shrink before there is data.
    pub fn start(config: &Config, now: SimTime, ready_pods: Option<u32>) -> Self {
        let ready = ready_pods.unwrap_or(0);
        let delay = config.scale_down_delay;
        Self {
            panic_since: (ready > 1).then_some(now),
            panic_floor: ready,
            delay: (delay > SimDuration::ZERO).then(|| MaxOverTime::new(delay, TICK)),
        }
    }

    /// Decides; nothing without a count of pods or without data.
    pub fn decide(&mut self, config: &Config, seen: &Observation) -> Option<Decision> {
        let ready_pods = seen.ready_pods?;
        let averages = seen.averages?;
        let ready = f64::from(ready_pods.max(1));
        let stable = wish(config, averages.stable, ready);
        let panic = wish(config, averages.panic, ready);
        self.panics(config, seen.now, panic.exact / ready);

        let is_panicking = self.panic_since.is_some();
        let (winner, asked) = if is_panicking && panic.pods > stable.pods {
            (panic, Reason::Panic)
        } else {
            (stable, Reason::AsWished)
        };
        let mut reason = winner.held_back.unwrap_or(asked);
        let mut damped = winner.pods;
        if is_panicking {
            if self.panic_floor > damped {
                reason = Reason::PanicFloor;
            }
            self.panic_floor = self.panic_floor.max(damped);
            damped = self.panic_floor;
        }
        let instances = match &mut self.delay {
            Some(delay) if config.is_reachable => delay.record(seen.now, damped),
            _ => damped,
        };
        if instances != damped {
            reason = Reason::ScaleDownDelay;
        }
        Some(Decision {
            pods: Outcome {
                wish: winner.exact as u32,
                damped,
                instances,
                reason,
            },
            is_panicking,
            excess_burst_capacity: excess_burst_capacity(config, ready_pods, averages.panic),
        })
    }

    /// Starts, extends or ends panic; `growth` is what the panic window asks for by ready pods.
    fn panics(&mut self, config: &Config, now: SimTime, growth: f64) {
        if growth >= config.panic_threshold {
            self.panic_since = Some(now);
        } else if self
            .panic_since
            .is_some_and(|since| since + config.stable_window < now)
        {
            self.panic_since = None;
            self.panic_floor = 0;
        }
    }
}

/// What one window asks for.
#[derive(Clone, Copy)]
struct Wish {
    /// Whole pods, before limits.
    exact: f64,
    /// After them.
    pods: u32,
    held_back: Option<Reason>,
}

fn wish(config: &Config, average: f64, ready: f64) -> Wish {
    let exact = (average / config.target).ceil();
    let most = (config.max_scale_up_rate * ready).ceil();
    let fewest = if config.is_reachable {
        (ready / config.max_scale_down_rate).floor()
    } else {
        0.0
    };
    let limited = exact.max(fewest).min(most);
    let mut held_back = None;
    if limited < exact {
        held_back = Some(Reason::ScaleUpRate);
    } else if limited > exact.max(0.0) {
        held_back = Some(Reason::ScaleDownRate);
    }
    let mut pods = limited as u32;
    if exact > 0.0 && config.activation_scale > pods.max(1) {
        pods = config.activation_scale;
        held_back = Some(Reason::ActivationScale);
    }
    Wish {
        exact,
        pods,
        held_back,
    }
}

fn excess_burst_capacity(config: &Config, ready_pods: u32, panic: f64) -> i32 {
    let burst = config.target_burst_capacity;
    if burst < 0.0 {
        -1
    } else if burst > 0.0 {
        (f64::from(ready_pods) * config.total - burst - panic).floor() as i32
    } else {
        0
    }
}
