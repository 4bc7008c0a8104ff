//! Which requests nginx's `limit_conn` lets in.

use std::collections::BTreeMap;

use capsim::policy::admission::limit_conn::LimitConn;
use capsim::policy::admission::{LimitKey, RequestLimit, Sender, Verdict};
use capsim::spec::{At, Count};
use capsim::units::SimTime;
use serde_json::Value;

use super::addresses::Addresses;

fn limit(limit: &Value) -> Result<RequestLimit, String> {
    let max = limit["conns"].as_u64().and_then(|n| u32::try_from(n).ok());
    let key = match limit["key"].as_str() {
        Some("ip") => LimitKey::Address,
        Some("server") => LimitKey::All,
        other => return Err(format!("unknown key {other:?}")),
    };
    Ok(RequestLimit::LimitConn(LimitConn {
        max: At::built_in(Count::new(max.filter(|max| *max > 0).ok_or("no conns")?)),
        key: At::built_in(key),
        zone_size: None,
    }))
}

pub(super) fn check(vector: &Value) -> Result<(), String> {
    let config = &vector["config"];
    let specs = config["limits"].as_array().ok_or("no limits")?;
    let specs: Vec<_> = specs.iter().map(limit).collect::<Result<_, _>>()?;
    let mut limits = capsim::policy::admission::start(&specs);
    let [location] = &mut limits[..] else {
        return Err("the limits of one location are one".to_owned());
    };
    let mut addresses = Addresses::default();
    let mut open = BTreeMap::new();
    for step in vector["steps"].as_array().ok_or("no steps")? {
        let id = step["id"].to_string();
        if step["op"] == "release" {
            if let Some(sender) = open.remove(&id) {
                location.done(sender);
            }
            continue;
        }
        let address = addresses.number(&step["client_ip"])?;
        let sender = Sender {
            client: Some(address),
            address: Some(address),
        };
        let is_accepted = location.ask(sender, SimTime::ZERO) == Verdict::Pass;
        if is_accepted {
            open.insert(id.clone(), sender);
        }
        let status = if is_accepted {
            Value::from(200)
        } else {
            config["status"].clone()
        };
        if step["accepted"] != is_accepted || step["status"] != status {
            return Err(format!("{id} is answered with {status}: {step}"));
        }
    }
    Ok(())
}
