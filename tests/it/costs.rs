//! What a run costs is what prices and times say.

use capsim::experiment::Findings;

use crate::support::{load, run};

const SYSTEM: &str = r#"
run = { horizon = "30m", replications = 2, window = "10s" }
sources.readers = { arrivals = "regular", rate = "2/s", enters = "edge" }
instances."x/lb" = { cost = "$0.02/h" }
instances."x/db.large" = { vcpu = 2, memory = "8GiB", cost = "$0.5/h" }
instances."x/node" = { vcpu = 2, cost = "$72/month" }
components.edge = { kind = "balancer", to = "web", policy = "round_robin", instance = "x/lb", transfer = "$0.1/GB" }
components.pg = { kind = "database", instance = "x/db.large", multi_az = true }
components.redis = { kind = "cache", capacity = 10, instance = "x/node", cost = "$0.03/h", nodes = 3 }

[components.web]
kind = "service"
instance = "x/node"
workers.count = 2
[components.web.operations.default]
steps = [
  { cache = "redis", keys = "k", on_miss = [{ query = "pg", time = "5ms" }] },
]
response = "250kB"

[keys.k]
count = 100
popularity = { zipf = 1.0 }
"#;

fn cost(findings: &Findings, name: &str) -> f64 {
    let part = findings.costs.iter().find(|part| part.name() == name);
    part.unwrap_or_else(|| panic!("{name}: {:?}", findings.costs))
        .usd
        .value
}

fn near(left: f64, right: f64) {
    assert!(
        (left - right).abs() < 1e-6 * right,
        "{left} against {right}"
    );
}

#[test]
fn every_component_costs_what_its_price_says() {
    let findings = run(&load(SYSTEM).scenario);
    near(cost(&findings, "edge"), 0.02 / 2.0);
    // A standby doubles the price; the nodes of the cache have a price of their own.
    near(cost(&findings, "pg"), 2.0 * 0.5 / 2.0);
    near(cost(&findings, "redis"), 3.0 * 0.03 / 2.0);
    near(cost(&findings, "web"), 0.1 / 2.0);
    let requests = findings.requests as f64 / 2.0;
    near(
        cost(&findings, "edge.transfer"),
        requests * 250_000.0 * 0.1 / 1e9,
    );
    let all: f64 = findings.costs.iter().map(|part| part.usd.value).sum();
    near(findings.figures["cost"].value, all);
}

/// The database has the vCPUs of its instance type: three queries at a time on two cores take half as long
/// again.
#[test]
fn a_database_has_the_cores_of_its_instance_type() {
    let text = SYSTEM
        .replace("\"regular\"", "{ batches = { size = 3 } }")
        .replace("workers.count = 2", "workers.count = 3")
        .replace(
            "cache = \"redis\", keys = \"k\", on_miss = [{ query = \"pg\", time = \"5ms\" }]",
            "query = \"pg\", time = \"10ms\"",
        );
    let findings = run(&load(&text).scenario);
    let median = findings.figures["latency_p50"].value;
    assert!((median - 0.015).abs() < 0.0002, "{median}");
}
