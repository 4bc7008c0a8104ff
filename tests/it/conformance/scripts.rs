//! What a script that looks at CPU and memory does.

use capsim::autoscaler::threshold::{Config, Down, Emergency, Observation, Up, decide};
use serde_json::{Value, json};

use super::fields::{Fields, expect, input, zero};

fn script(own: Fields<'_>) -> Result<Config, String> {
    let (up, down) = (own.inner("up"), own.inner("down"));
    let emergency = own.inner("emergency");
    Ok(Config {
        interval: own.span("interval_s")?,
        bounds: own.bounds()?,
        schedule: Vec::new(),
        up: Up {
            cpu_above: up.number("cpu_above")?,
            memory_above: up.number("memory_above")?,
            step: up.count("step")?,
        },
        down: Down {
            cpu_below: down.number("cpu_below")?,
            memory_below: down.number("memory_below")?,
            step: down.count("step")?,
        },
        emergency: if emergency.0.is_null() {
            None
        } else {
            Some(Emergency {
                error_rate_above: emergency.number("error_rate_above")?,
                step: emergency.count("step")?,
            })
        },
    })
}

fn look(config: &Config, replicas: u32, own: Fields<'_>) -> Result<u32, String> {
    let seen = Observation {
        now: zero(),
        replicas,
        cpu: own.number("cpu_percent")?,
        memory: own.number("memory_percent")?,
        error_rate: own.maybe_number("error_rate")?,
    };
    Ok(decide(config, &seen).instances)
}

/// With emergencies or without.
pub(super) fn once(vector: &Value) -> Result<(), String> {
    let input = input(vector);
    let config = script(input.inner("config"))?;
    let ours = look(&config, input.count("replicas")?, input)?;
    expect(vector, &json!({ "replicas": ours }))
}

pub(super) fn loop_sequence(vector: &Value) -> Result<(), String> {
    let input = input(vector);
    let config = script(input.inner("config"))?;
    let mut replicas = input.count("initial")?;
    let mut ours = Vec::new();
    for tick in input.list("ticks")? {
        replicas = look(&config, replicas, Fields(tick))?;
        ours.push(replicas);
    }
    expect(vector, &json!({ "replicas": ours }))
}
