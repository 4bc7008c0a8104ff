//! What people do to a system at given times, and what goes wrong at given times.
//!
//! One file per action. To add one: write its file (the table that describes it, what it needs of the
//! component that it is about, what it does) and add its line to the list below.

mod crash;
mod deploy;
mod fail_over;
mod flush;
mod lose_zone;
mod maintenance;
mod pause_autoscaler;
mod reboot;
mod resize;
mod resize_instances;
mod restart;
mod scale;
mod set;
mod slow;
mod slow_instance;
mod when;

pub(super) use deploy::Switch;
pub use set::{How, Revision, SETTABLE, SetParameter, Settable};
pub use when::{Due, SHORTEST, When};

use super::{Context, Node, NodeId, Plan};
use crate::diag::{Diagnostic, Diagnostics};
use crate::rng::{Stream, Streams};
use crate::spec::At;

/// What every action can do before a run.
trait Describe {
    /// What it does in a run.
    type Act;

    /// When it happens.
    fn at(&self) -> &When;

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
    /// Does it; to whom exactly is drawn, where that is a matter of chance.
    fn carry_out(&self, component: &mut Node, drawn: Option<u64>, cx: &mut Context);
}

macro_rules! actions {
    ($( $(#[doc = $doc:literal])* $variant:ident: $module:ident = $lead:literal ),* $(,)?) => {
        crate::leads! {
            /// Something that is done to a component, or happens to it, at a given time.
            pub enum Action {
                $( $(#[doc = $doc])* $variant($module::$variant) = $lead, )*
                /// A parameter has another value from then on.
                SetParameter(set::SetParameter) = "set",
            }
        }

        /// An action, ready to be carried out.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum Act {
            $( $(#[doc = $doc])* $variant($module::Act), )*
        }

        impl Action {
            /// When it happens.
            pub fn at(&self) -> When {
                match self {
                    $( Self::$variant(own) => own.at().clone(), )*
                    Self::SetParameter(own) => When::Once(own.at),
                }
            }

            /// The component that it happens to; nothing if a parameter is set, of whatever it is.
            pub fn target(&self) -> Option<&At<String>> {
                match self {
                    $( Self::$variant(own) => Some(own.target()), )*
                    Self::SetParameter(_) => None,
                }
            }

            /// How many places for instances a service needs because of it that is meant to have `most` at
            /// most.
            pub fn places(&self, most: u32) -> u32 {
                match self {
                    $( Self::$variant(own) => own.places(most), )*
                    Self::SetParameter(_) => most,
                }
            }

            /// True if instances of a service crash by it.
            pub fn crashes(&self) -> bool {
                match self {
                    $( Self::$variant(own) => own.crashes(), )*
                    Self::SetParameter(_) => false,
                }
            }

            /// Prepares the component for it; nothing if this cannot happen to it, which is reported.
            pub fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
                match self {
                    $( Self::$variant(own) => own.plan(component, out).map(Act::$variant), )*
                    Self::SetParameter(_) => None,
                }
            }
        }

        impl Act {
            /// Does it; to whom exactly is drawn, where that is a matter of chance.
            pub(super) fn carry_out(&self, component: &mut Node, drawn: Option<u64>, cx: &mut Context) {
                match self { $( Self::$variant(own) => own.carry_out(component, drawn, cx), )* }
            }
        }
    };
}

actions! {
    /// Changes the number of instances by hand.
    ScaleByHand: scale = "scale",
    /// Changes how many vCPUs instances have, while they run.
    VcpuChange: resize_instances = "resize_instances",
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
    /// Instances are slower for some time.
    InstanceSlowdown: slow_instance = "slow_instance",
    /// Whoever comes is told to come again later.
    MaintenanceMode: maintenance = "maintenance",
    /// A database moves to a server of another size.
    ResizeDatabase: resize = "resize",
    /// The standby of a database takes over.
    FailOverDatabase: fail_over = "failover",
    /// A database starts anew.
    RebootDatabase: reboot = "reboot",
}

/// What the timeline has.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is called in the scenario.
    pub name: String,
    /// When.
    pub due: Due,
    /// What.
    pub what: Happening,
}

/// By entry of a timeline: where its chances come from.
pub(super) fn chances(timeline: &[Entry], streams: Streams) -> Vec<Stream> {
    let own = timeline.iter();
    own.map(|entry| streams.stream(&entry.name, "timeline"))
        .collect()
}

impl Entry {
    /// True if somebody is not to be reached by it for some time.
    pub fn closes(&self) -> bool {
        matches!(self.what, Happening::Act(_, Act::MaintenanceMode(_)))
    }
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Happening {
    /// Something is done to a component, or happens to it.
    Act(NodeId, Act),
    /// Something has other settings from then on.
    Revision(Box<Revision>),
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

/// The database that is planned, if it is one; anything else is reported.
fn database_plan<'a>(
    name: &At<String>,
    component: &'a mut Plan,
    out: &mut Diagnostics,
) -> Option<&'a mut super::database::Plan> {
    let kind = component.kind();
    let Plan::Database(plan) = component else {
        wrong_kind(name, kind, "a database", out);
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
