//! Who is behind a balancer: a service, or several servers with settings of their own.

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec;
use crate::spec::{At, Count, Definitions, Node, Spec, Value, list_of};
use crate::units::SimDuration;

spec! {
    /// A service behind a balancer; every instance of it is a server with these settings.
    pub struct ServerSpec {
        /// The service.
        pub service: At<String>,
        /// Its share of the requests in relation to other servers.
        pub weight: At<Count> = At::built_in(Count::new(1)),
        /// Whether it stands in only where no other server can be picked.
        pub backup: bool = false,
        /// Whether it is never picked.
        pub down: bool = false,
        /// How many requests may be under way at it; any number unless given here or for all servers.
        pub max_conns: Option<At<Count>>,
        /// How many may be while there is little to do. As for all servers unless given.
        pub min_conns: Option<At<Count>>,
        /// How many failures take it out of service for a while; 0: none do. As for all servers unless
        /// given.
        pub max_fails: Option<u32>,
        /// For how long it is out of service. As for all servers unless given.
        pub fail_timeout: Option<At<SimDuration>>,
    }
}

/// What is behind a balancer: the name of a service, or a list of servers.
#[derive(Debug, Clone)]
pub enum Backends {
    /// The instances of a service, all alike.
    One(At<String>),
    /// Services with settings of their own, in this order.
    Several(Vec<ServerSpec>),
}

impl Backends {
    /// The names of the services.
    pub fn services(&self) -> Vec<&At<String>> {
        match self {
            Self::One(service) => vec![service],
            Self::Several(servers) => servers.iter().map(|server| &server.service).collect(),
        }
    }

    /// The servers, one for each service.
    pub fn servers(&self) -> Vec<ServerSpec> {
        match self {
            Self::One(service) => vec![ServerSpec {
                service: service.clone(),
                weight: At::built_in(Count::new(1)),
                backup: false,
                down: false,
                max_conns: None,
                min_conns: None,
                max_fails: None,
                fail_timeout: None,
            }],
            Self::Several(servers) => servers.clone(),
        }
    }
}

impl Spec for Backends {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let Value::List(items) = &node.value else {
            return At::read(node, out).map(Self::One);
        };
        if items.is_empty() {
            let problem = "a balancer needs a server";
            out.push(Diagnostic::error(node.origin, problem));
            return None;
        }
        let servers: Vec<ServerSpec> = Spec::read(node, out)?;
        check_named_once(&servers, out);
        (servers.iter().any(|server| !server.backup) || is_reported(node.origin, out))
            .then_some(Self::Several(servers))
    }
    fn write(&self) -> Option<toml::Value> {
        match self {
            Self::One(service) => service.write(),
            Self::Several(servers) => servers.write(),
        }
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        let server = ServerSpec::schema(definitions);
        serde_json::json!({ "anyOf": [{ "type": "string" }, list_of(&server)] })
    }
}

fn check_named_once(servers: &[ServerSpec], out: &mut Diagnostics) {
    for (at, server) in servers.iter().enumerate() {
        let name = &server.service;
        if servers[..at].iter().any(|other| other.service == *name) {
            let problem = format!("`{}` stands here twice", name.value);
            let help = "every instance of a service is a server; give it a weight instead";
            out.push(Diagnostic::error(name.origin, problem).help(help));
        }
    }
}

/// Reports a group in which everybody only stands in for others; false.
fn is_reported(origin: Origin, out: &mut Diagnostics) -> bool {
    let problem = "all servers are backups: there is nobody to stand in for";
    out.push(Diagnostic::error(origin, problem));
    false
}
