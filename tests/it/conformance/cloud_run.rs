//! How many instances Cloud Run takes by its one-minute averages.

use capsim::autoscaler::cloud_run::{Config, Driver, Observation, decide};
use serde_json::{Value, json};

use super::fields::{expect, input};

pub(super) fn metrics_based(vector: &Value) -> Result<(), String> {
    let input = input(vector);
    let config = Config {
        cpu: Driver {
            capacity: input.number("cpus_per_instance")?,
            target: input.number("cpu_target")?,
        },
        concurrency: Driver {
            capacity: input.number("max_concurrency")?,
            target: input.number("concurrency_target")?,
        },
        bounds: input.bounds()?,
    };
    let seen = Observation {
        cores_used: input.number("average_cpu_cores_used")?,
        requests: input.number("average_concurrent_requests")?,
    };
    let ours = decide(&config, &seen);
    expect(vector, &json!({ "instances": ours.instances }))
}
