//! What a client is told by a product's balancer where a request goes wrong.

use crate::metrics::Outcome;

/// What somebody sees of an outcome who asks through a balancer of this model: the status, or the product's
/// own code in its log. Nothing for what balancers pass on as it is.
///
/// nginx: `ngx_http_upstream.c`. HAProxy: the list of status codes in its manual; what it logs of clients that
/// left has no status. Envoy: its response flags and what goes with them. AWS: troubleshooting of Application Load
/// Balancers. Heroku: the list of error codes in its documentation; all are 503, but for
/// H27 (499).
pub fn code(model: &str, outcome: Outcome) -> Option<&'static str> {
    use Outcome::{
        BackendTimeout, ClientAbort, ClientTimeout, ConnectRefused, ConnectTimeout,
        ConnectionLimit, InstancesDown, InstancesStarting, Killed, NoInstance, NoneAvailable,
        QueueFull, QueueTimeout, Shed,
    };
    Some(match (model, outcome) {
        ("nginx", outcome) if is_nobody(outcome) => "502",
        ("nginx", ConnectRefused | ConnectionLimit | QueueFull | Killed) | ("haproxy", Killed) => {
            "502"
        }
        ("nginx", ConnectTimeout | BackendTimeout) | ("haproxy", BackendTimeout) => "504",
        ("nginx", ClientTimeout | ClientAbort) => "499",
        ("haproxy", outcome) if is_nobody(outcome) => "503",
        (
            "haproxy",
            ConnectRefused | ConnectTimeout | ConnectionLimit | QueueFull | QueueTimeout | Shed,
        ) => "503",
        ("envoy" | "aws_alb", outcome) if is_nobody(outcome) => "503",
        (
            "envoy",
            ConnectRefused | ConnectTimeout | ConnectionLimit | QueueFull | Killed | Shed,
        ) => "503",
        ("envoy", BackendTimeout | QueueTimeout) => "504",
        ("envoy", ClientTimeout | ClientAbort) => "0 (DC)",
        ("aws_alb", ConnectRefused | ConnectionLimit | QueueFull | Killed) => "502",
        ("aws_alb", ConnectTimeout | BackendTimeout) => "504",
        ("aws_alb", ClientTimeout | ClientAbort) => "460",
        ("heroku_router", Outcome::Maintenance) => "H80",
        ("nginx" | "haproxy" | "envoy" | "aws_alb", Outcome::Maintenance) => "503",
        ("heroku_router", InstancesDown) => "H10",
        ("heroku_router", NoInstance) => "H14",
        ("heroku_router", InstancesStarting) => "H20",
        ("heroku_router", NoneAvailable) => "H99",
        ("heroku_router", ConnectRefused | ConnectionLimit | QueueFull) => "H21",
        ("heroku_router", ConnectTimeout) => "H19",
        ("heroku_router", BackendTimeout) => "H12",
        ("heroku_router", Killed) => "H13",
        ("heroku_router", Shed) => "H11",
        ("heroku_router", ClientTimeout | ClientAbort) => "H27",
        _ => return None,
    })
}

/// True if there was no server to send the request to, for whatever reason.
const fn is_nobody(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::NoInstance
            | Outcome::InstancesDown
            | Outcome::InstancesStarting
            | Outcome::NoneAvailable
    )
}
