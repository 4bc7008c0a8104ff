//! What nginx's `limit_req` says to each request, and how far each key is above its rate.

use capsim::policy::admission::limit_req::{LimitReq, State, WholeRate};
use capsim::policy::admission::{LimitKey, RequestLimit, Sender, Verdict};
use capsim::spec::At;
use capsim::units::{SimDuration, SimTime};
use serde_json::Value;

use super::addresses::Addresses;

/// A limit as a scenario would have it.
fn limit(config: &Value, limit: &Value) -> Result<LimitReq, String> {
    let name = &limit["zone"];
    let zones = config["zones"].as_array().ok_or("no zones")?;
    let zone = zones.iter().find(|zone| zone["name"] == *name);
    let zone = zone.ok_or_else(|| format!("no zone {name}"))?;
    let text = zone["rate"].as_str().ok_or("no rate")?;
    let rate: WholeRate = text.parse().map_err(|()| format!("no rate: {text}"))?;
    if zone["rate_milli"].as_i64() != Some(rate.milli()) {
        return Err(format!("{text} is stored as {}", rate.milli()));
    }
    let count = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
    Ok(LimitReq {
        rate: At::built_in(rate),
        burst: At::built_in(count(&limit["burst"]).ok_or("no burst")?),
        delay: count(&limit["delay"]).map(At::built_in),
        nodelay: At::built_in(limit["delay"] == "nodelay"),
        key: At::built_in(match zone["key"].as_str() {
            Some("ip") => LimitKey::Address,
            Some("server") => LimitKey::All,
            other => return Err(format!("unknown key {other:?}")),
        }),
        zone_size: None,
    })
}

/// The checks of one request as the vector writes them.
fn checks(state: &State, verdict: Verdict, n_limits: usize) -> Value {
    let is_rejected = matches!(verdict, Verdict::Reject(_));
    let found = state.checks().iter().enumerate().map(|(at, check)| {
        let rc = match (check.is_busy, at + 1 == n_limits) {
            (true, _) => "busy",
            (false, true) => "ok",
            (false, false) => "ok_not_last",
        };
        assert_eq!(check.is_busy, is_rejected && at + 1 == state.checks().len());
        serde_json::json!({ "limit": at, "rc": rc, "excess_milli": check.excess })
    });
    found.collect()
}

pub(super) fn check(vector: &Value) -> Result<(), String> {
    let config = &vector["config"];
    let specs = config["limits"].as_array().ok_or("no limits")?;
    let specs: Vec<_> = specs
        .iter()
        .map(|own| limit(config, own).map(RequestLimit::LimitReq))
        .collect::<Result<_, _>>()?;
    let mut limits = capsim::policy::admission::start(&specs);
    let [capsim::policy::admission::Limit::LimitReq(state)] = &mut limits[..] else {
        return Err("the limits of one location are one".to_owned());
    };
    let (is_dry, refusal) = (config["dry_run"] == true, &config["status"]);
    let mut addresses = Addresses::default();
    for request in vector["requests"].as_array().ok_or("no requests")? {
        let ms = request["t_ms"].as_u64().ok_or("no time")?;
        let address = addresses.number(&request["client_ip"])?;
        let sender = Sender {
            client: Some(address),
            address: Some(address),
        };
        let now = SimTime::ZERO + SimDuration::from_nanos(ms * 1_000_000);
        let verdict = state.ask(sender, now);
        let (result, delay) = match verdict {
            Verdict::Pass => ("PASSED", 0),
            Verdict::Delay(_) if is_dry => ("DELAYED", 0),
            Verdict::Delay(span) => ("DELAYED", span.as_nanos() / 1_000_000),
            Verdict::Reject(_) => ("REJECTED", 0),
        };
        let turned_away = result == "REJECTED" && !is_dry;
        let suffix = if is_dry && result != "PASSED" {
            "_DRY_RUN"
        } else {
            ""
        };
        let ours = serde_json::json!({
            "status": if turned_away { refusal.clone() } else { 200.into() },
            "result": format!("{result}{suffix}"),
            "delay_ms": delay,
            "checks": checks(state, verdict, specs.len()),
        });
        for key in ["status", "result", "delay_ms", "checks"] {
            if ours[key] != request[key] {
                return Err(format!(
                    "at {ms} ms {key} is {}, nginx had {}",
                    ours[key], request[key]
                ));
            }
        }
    }
    Ok(())
}
