//! What people do to a system at given times, and what goes wrong at given times.
//!
//! One file per action. To add one: write its file (the table that describes it, what it needs of the
//! component that it is about, what it does) and add its line to the list below.

mod crash;
mod deploy;
mod flush;
mod lose_zone;
mod pause_autoscaler;
mod resize;
mod restart;
mod scale;
mod slow;

pub(super) use deploy::Switch;

use super::{Context, Node, Plan};
use crate::diag::{Diagnostic, Diagnostics};
use crate::spec::At;
use crate::units::SimDuration;

/// What every action can do before a run.
trait Describe {
    /// What it does in a run.
    type Act;

    /// When it happens.
    fn at(&self) -> At<SimDuration>;

    /// The component that it happens to.
    fn target(&self) -> &At<String>;

    /// How many places for instances a service needs because of it that is meant to have `most` at most.
    fn places(&self, most: u32) -> u32 {
        most
    }

    /// True if instances of a service crash by it.
    fn crashes(&self) -> bool {
        false
    }

    /// Prepares the component for it; nothing if it is of no kind that this can happen to, or something is
    /// wrong, which is reported.
    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Self::Act>;
}

/// What every action can do in a run.
trait CarryOut {
    /// Does it.
    fn carry_out(&self, component: &mut Node, cx: &mut Context);
}

macro_rules! actions {
    ($( $(#[doc = $doc:literal])* $variant:ident: $module:ident = $lead:literal ),* $(,)?) => {
        crate::leads! {
            /// Something that is done to a component, or happens to it, at a given time.
            pub enum Action {
                $( $(#[doc = $doc])* $variant($module::$variant) = $lead ),*
            }
        }

        /// An action, ready to be carried out.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum Act {
            $( $(#[doc = $doc])* $variant($module::Act), )*
        }

        impl Action {
            /// When it happens.
            pub fn at(&self) -> At<SimDuration> {
                match self { $( Self::$variant(own) => own.at(), )* }
            }

            /// The component that it happens to.
            pub fn target(&self) -> &At<String> {
                match self { $( Self::$variant(own) => own.target(), )* }
            }

            /// How many places for instances a service needs because of it that is meant to have `most` at
            /// most.
            pub fn places(&self, most: u32) -> u32 {
                match self { $( Self::$variant(own) => own.places(most), )* }
            }

            /// True if instances of a service crash by it.
            pub fn crashes(&self) -> bool {
                match self { $( Self::$variant(own) => own.crashes(), )* }
            }

            /// Prepares the component for it; nothing if this cannot happen to it, which is reported.
            pub fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
                match self { $( Self::$variant(own) => own.plan(component, out).map(Act::$variant), )* }
            }
        }

        impl Act {
            /// Does it.
            pub(super) fn carry_out(&self, component: &mut Node, cx: &mut Context) {
                match self { $( Self::$variant(own) => own.carry_out(component, cx), )* }
            }
        }
    };
}

actions! {
    /// Changes the number of instances by hand.
    ScaleByHand: scale = "scale",
    /// Changes how many vCPUs instances have, while they run.
    ResizeInstances: resize = "resize",
    /// Replaces all instances by new ones, a few at a time or all together.
    DeployVersion: deploy = "deploy",
    /// Instances crash.
    CrashInstances: crash = "crash",
    /// Instances are told to stop, and started again.
    RestartInstances: restart = "restart",
    /// All instances in one zone are gone, and for some time none can start there.
    ZoneLoss: lose_zone = "lose_zone",
    /// The autoscalers of a service stop deciding for some time.
    AutoscalerPause: pause_autoscaler = "pause_autoscaler",
    /// A cache is emptied.
    FlushCache: flush = "flush",
    /// A dependency is slower for some time, or fails more often.
    SlowDependency: slow = "slow",
}

/// Reports a component to which something cannot happen.
fn wrong_kind(name: &At<String>, kind: &str, expected: &str, out: &mut Diagnostics) {
    let problem = format!("`{}` is a {kind}, not {expected}", name.value);
    out.push(Diagnostic::error(name.origin, problem).label(format!("expected {expected}")));
}

/// The service that is planned, if it is one; anything else is reported.
fn service_plan<'a>(
    name: &At<String>,
    component: &'a mut Plan,
    out: &mut Diagnostics,
) -> Option<&'a mut super::service::Plan> {
    let kind = component.kind();
    let Plan::Service(plan) = component else {
        wrong_kind(name, kind, "a service", out);
        return None;
    };
    Some(plan)
}

/// The service at work.
///
/// # Panics
/// If it is something else: the action was not planned for it.
fn service(component: &mut Node) -> &mut super::service::State {
    match component {
        Node::Service(service) => service,
        other => unreachable!("a service is meant, not {other:?}"),
    }
}
