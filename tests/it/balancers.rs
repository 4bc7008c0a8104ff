//! Balancers whose servers differ, fail or are late, in whole systems.

use capsim::experiment::Findings;

use crate::support::{load, run};

/// Fifty requests per second to whatever stands behind `lb`.
const FRONT: &str = "
[run]
horizon = \"40s\"
replications = 2
[sources.load]
arrivals = \"poisson\"
rate = \"50/s\"
";

/// Two services: one answers at once, the other as `steps` say.
fn services(steps: &str) -> String {
    let service = |name: &str, steps: &str| {
        format!(
            "[components.{name}]\nkind = \"service\"\nworkers = {{ count = 2000 }}\n\
             operations.default.steps = [{steps}]\n"
        )
    };
    format!(
        "{}{}",
        service("good", "{ wait = \"10ms\" }"),
        service("bad", steps)
    )
}

fn balancer(weights: (u32, u32), rules: &str) -> String {
    format!(
        "[components.lb]\nkind = \"balancer\"\npolicy = \"round_robin\"\n\
         to = [{{ service = \"good\", weight = {} }}, {{ service = \"bad\", weight = {} }}]\n{rules}\n",
        weights.0, weights.1
    )
}

/// Requests that come to the balancer at once, or that a service makes for others.
fn systems(behind: &str) -> [String; 2] {
    let front = "[components.front]\nkind = \"service\"\nworkers = { count = 2000 }\n\
                 operations.default.steps = [{ call = \"lb\" }, { wait = \"1ms\" }]\n";
    [
        format!("{FRONT}enters = \"lb\"\n{behind}"),
        format!("{FRONT}enters = \"front\"\n{front}{behind}"),
    ]
}

fn share(findings: &Findings, outcome: &str) -> f64 {
    let own = findings.outcomes.iter().find(|own| own.name == outcome);
    own.map_or(0.0, |own| own.share.value)
}

const OUTSIDE: &str =
    "[components.outside]\nkind = \"dependency\"\nlatency = \"1ms\"\nerrors = \"100%\"\n";

/// Three to one by weight: a quarter meets the errors. Tried on the next server, nobody does.
#[test]
fn weights_share_out_and_the_next_server_helps() {
    let services = services("{ call = \"outside\" }") + OUTSIDE;
    for system in systems(&(balancer((3, 1), "") + &services)) {
        let failed = share(&run(&load(&system).scenario), "dependency_error");
        assert!((failed - 0.25).abs() < 0.01, "{failed}");
    }
    let rules = "next_upstream = { on = [\"http_500\"] }";
    for system in systems(&(balancer((3, 1), rules) + &services)) {
        let served = share(&run(&load(&system).scenario), "served");
        assert!(served > 0.999_999, "{served}");
    }
}

/// Half of the requests go to a server that answers after 5 s, of which the balancer waits for one. With a
/// second try everybody is served. With failures counted, the late server is out of service but for a probe
/// now and then.
#[test]
fn late_answers_are_given_up_tried_again_and_counted() {
    let services = services("{ wait = \"5s\" }");
    let with = |rules: &str| {
        let rules = format!("read_timeout = \"1s\"\n{rules}");
        systems(&(balancer((1, 1), &rules) + &services)).map(|system| run(&load(&system).scenario))
    };
    for findings in with("") {
        let late = share(&findings, "backend_timeout");
        assert!((late - 0.5).abs() < 0.02, "{late}");
    }
    for findings in with("next_upstream = { on = [\"timeout\"] }") {
        assert!(share(&findings, "served") > 0.999_999);
        let p99 = findings.figures["latency_p99"].value;
        assert!((1.0..1.1).contains(&p99), "{p99}");
    }
    for findings in with("max_fails = 1\nfail_timeout = \"10s\"") {
        // In 40 s about four times a second's worth of requests before the first of them is known to be late,
        // once all of them, then one probe each.
        let late = share(&findings, "backend_timeout");
        assert!((0.005..0.03).contains(&late), "{late}");
    }
}

/// What a balancer has under way is limited, and what finds no server waits for one only if told so.
#[test]
fn limits_turn_away() {
    let service = "[components.web]\nkind = \"service\"\nworkers = { count = 100 }\n\
                   operations.default.steps = [{ wait = \"1s\" }]\n";
    let with = |rules: &str| {
        let lb = "[components.lb]\nkind = \"balancer\"\npolicy = \"random\"\nto = \"web\"\n";
        let system = format!("{FRONT}enters = \"lb\"\n{lb}{rules}\n{service}");
        run(&load(&system).scenario)
    };
    // Erlang's loss formula: 50 erlangs and 40 places.
    let lost = 0.2498;
    let shed = share(&with("in_flight_per_server = 40"), "shed");
    assert!((shed - lost).abs() < 0.03, "{shed}");
    let nowhere = share(&with("max_conns = 40"), "no_instance");
    assert!((nowhere - lost).abs() < 0.03, "{nowhere}");
    let waits = with("max_conns = 40\nwait_for_server = \"75s\"");
    assert!(share(&waits, "no_instance") < 0.01);
}
