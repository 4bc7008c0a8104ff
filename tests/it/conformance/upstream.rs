//! Which servers nginx tries, in which order, and what it answers.

use std::collections::BTreeMap;

use capsim::diag::{Diagnostics, Origin};
use capsim::policy::upstream::{
    Address, Ask, Asked, Condition, Ending, Group, Method, Next, NextRules, Server, Trial,
};
use capsim::rng::Salt;
use capsim::spec::{Node, Spec, Value as SpecValue};
use capsim::units::SimTime;
use serde_json::Value;

/// A word of the configuration, as a scenario would have it.
fn word<T: Spec>(text: &str) -> Result<T, String> {
    let node = Node {
        value: SpecValue::Text(text.to_owned()),
        origin: Origin::BUILT_IN,
    };
    T::read(&node, &mut Diagnostics::default()).ok_or_else(|| format!("`{text}` is not known"))
}

fn address(text: &str) -> Result<Address, String> {
    match text.parse().map_err(|_| format!("no address: {text}"))? {
        std::net::IpAddr::V4(own) => {
            let [a, b, c, _] = own.octets();
            Ok(Address::V4([a, b, c]))
        }
        std::net::IpAddr::V6(own) => Ok(Address::V6(own.octets())),
    }
}

fn number(value: &Value) -> Result<u32, String> {
    let number = value.as_u64().and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("expected a number, not {value}"))
}

fn text(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("expected text, not {value}"))
}

/// What a server does with a request.
fn ending(mode: &str) -> Result<Ending, String> {
    Ok(match mode {
        "ok" => Ending::Answered(200),
        "refuse" => Ending::Refused,
        "reset" => Ending::Broken,
        "hang" => Ending::Late,
        _ => {
            let status = mode.strip_prefix("status:").and_then(|s| s.parse().ok());
            Ending::Answered(status.ok_or_else(|| format!("unknown mode {mode}"))?)
        }
    })
}

/// What nginx did with a request.
#[derive(Debug, PartialEq, Eq)]
struct Course {
    tried: Vec<String>,
    statuses: Vec<u16>,
    status: u16,
}

struct Proxy {
    group: Group,
    names: Vec<String>,
    modes: Vec<Ending>,
    /// By id: who holds a request open.
    held: BTreeMap<String, u32>,
}

impl Proxy {
    fn new(config: &Value) -> Result<Self, String> {
        let (mut servers, mut names) = (Vec::new(), Vec::new());
        for server in config["servers"].as_array().ok_or("no servers")? {
            names.push(text(&server["name"])?.to_owned());
            servers.push(Server {
                weight: number(&server["weight"])?,
                max_fails: number(&server["max_fails"])?,
                fail_timeout_s: number(&server["fail_timeout_s"])?.into(),
                max_conns: number(&server["max_conns"])?,
                backup: server["backup"] == true,
                down: server["down"] == true,
                ..Server::default()
            });
        }
        let mut on = Vec::new();
        for condition in config["next_upstream"].as_array().ok_or("no conditions")? {
            let condition = text(condition)?;
            if condition != "off" {
                on.push(word::<Condition>(condition)?);
            }
        }
        let rules = NextRules::new(on, number(&config["next_upstream_tries"])?, None);
        let method: Method = word(text(&config["method"])?)?;
        let mut group = Group::new(&servers, &method, rules);
        (0..servers.len() as u32).for_each(|peer| group.join(peer));
        Ok(Self {
            group,
            modes: vec![Ending::Answered(200); names.len()],
            names,
            held: BTreeMap::new(),
        })
    }

    fn sets(&mut self, step: &Value) -> Result<(), String> {
        let server = text(&step["server"])?;
        let at = self.names.iter().position(|name| name == server);
        self.modes[at.ok_or("no such server")?] = ending(text(&step["mode"])?)?;
        Ok(())
    }

    fn request(&mut self, step: &Value, held: Option<&str>) -> Result<Course, String> {
        let now = SimTime::from_nanos(u64::from(number(&step["t_s"])?) * 1_000_000_000);
        let is_idempotent = !matches!(text(&step["method"])?, "POST" | "LOCK" | "PATCH");
        let address = address(text(&step["client_ip"])?)?;
        let mut trial = Trial::default();
        self.group.begins(&mut trial, now);
        let (mut tried, mut statuses) = (Vec::new(), Vec::new());
        loop {
            let mut ask = Ask {
                now,
                address,
                trial: &mut trial,
                draw: Salt::new("conformance", "pick").draw(tried.len() as u64),
            };
            let Some(peer) = self.group.pick(&mut ask) else {
                tried.push("none".to_owned());
                statuses.push(502);
                break;
            };
            tried.push(self.names[peer as usize].clone());
            let ending = self.modes[peer as usize];
            statuses.push(ending.status());
            if let (Some(id), Ending::Answered(200)) = (held, ending) {
                self.held.insert(id.to_owned(), peer);
                break;
            }
            let books = (&mut trial, now);
            let asked = Asked {
                is_idempotent,
                is_bound: false,
            };
            if self.group.ends(peer, (ending, asked), books) == Next::Nowhere {
                break;
            }
        }
        let status = statuses.last().copied().unwrap_or(0);
        Ok(Course {
            tried,
            statuses,
            status,
        })
    }
}

fn expected(step: &Value) -> Result<Course, String> {
    let list = |key: &str| step[key].as_array().ok_or(format!("no {key}"));
    let tried = list("tried")?.iter().map(|s| text(s).map(str::to_owned));
    let statuses = list("tried_status")?;
    let statuses = statuses.iter().map(|s| number(s).map(|s| s as u16));
    Ok(Course {
        tried: tried.collect::<Result<_, _>>()?,
        statuses: statuses.collect::<Result<_, _>>()?,
        status: number(&step["status"])? as u16,
    })
}

pub(super) fn check(vector: &Value) -> Result<(), String> {
    let mut proxy = Proxy::new(&vector["config"])?;
    let steps = vector["steps"].as_array().ok_or("no steps")?;
    for (at, step) in steps.iter().enumerate() {
        let held = match text(&step["op"])? {
            "set" => {
                proxy.sets(step)?;
                continue;
            }
            "wait" => continue,
            "release" => {
                if let Some(peer) = proxy.held.remove(text(&step["id"])?) {
                    proxy.group.is_served(peer);
                }
                continue;
            }
            "hold" => Some(text(&step["id"])?),
            "request" => None,
            other => return Err(format!("step {at}: unknown operation {other}")),
        };
        let (got, expected) = (proxy.request(step, held)?, expected(step)?);
        if got != expected {
            return Err(format!("step {at}: {got:?}, nginx had {expected:?}"));
        }
    }
    Ok(())
}
