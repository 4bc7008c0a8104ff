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
        ConnectionLimit, Killed, NoInstance, QueueFull, QueueTimeout, Shed,
    };
    Some(match (model, outcome) {
        ("nginx", NoInstance | ConnectRefused | ConnectionLimit | QueueFull | Killed) => "502",
        ("nginx", ConnectTimeout | BackendTimeout) => "504",
        ("nginx", ClientTimeout | ClientAbort) => "499",
        (
            "haproxy",
            NoInstance | ConnectRefused | ConnectTimeout | ConnectionLimit | QueueFull
            | QueueTimeout | Shed,
        ) => "503",
        ("haproxy", BackendTimeout) => "504",
        ("haproxy", Killed) => "502",
        (
            "envoy",
            NoInstance | ConnectRefused | ConnectTimeout | ConnectionLimit | QueueFull | Killed
            | Shed,
        ) => "503",
        ("envoy", BackendTimeout | QueueTimeout) => "504",
        ("envoy", ClientTimeout | ClientAbort) => "0 (DC)",
        ("aws_alb", NoInstance) => "503",
        ("aws_alb", ConnectRefused | ConnectionLimit | QueueFull | Killed) => "502",
        ("aws_alb", ConnectTimeout | BackendTimeout) => "504",
        ("aws_alb", ClientTimeout | ClientAbort) => "460",
        ("heroku_router", NoInstance) => "H20 or H99",
        ("heroku_router", ConnectRefused | ConnectionLimit | QueueFull) => "H21",
        ("heroku_router", ConnectTimeout) => "H19",
        ("heroku_router", BackendTimeout) => "H12",
        ("heroku_router", Killed) => "H13",
        ("heroku_router", Shed) => "H11",
        ("heroku_router", ClientTimeout | ClientAbort) => "H27",
        _ => return None,
    })
}
