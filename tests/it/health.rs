//! Balancers that look at how well their servers are, in whole systems.

use capsim::experiment::Findings;
use capsim::scenario::Memory;

use crate::support::{load, load_with, run};

/// A hundred requests per second to a balancer.
const FRONT: &str = "
[run]
horizon = \"2m\"
replications = 4
[sources.load]
arrivals = \"poisson\"
rate = \"100/s\"
enters = \"lb\"
[components.lb]
kind = \"balancer\"
";

/// A balancer with these rules, behind which each service has one server.
fn system(lb: &str, services: &[(&str, &str)]) -> String {
    let mut text = FRONT.to_owned();
    let to: Vec<String> = services
        .iter()
        .map(|(name, _)| format!("{{ service = \"{name}\" }}"))
        .collect();
    text += &format!("to = [{}]\n{lb}\n", to.join(", "));
    for (name, own) in services {
        text += &format!("[components.{name}]\nkind = \"service\"\n{own}\n");
    }
    text
}

/// Answers at once.
const GOOD: &str = "workers = { count = 2000 }\noperations.default.steps = [{ wait = \"10ms\" }]";
/// Answers with an error, always.
const BAD: &str = "workers = { count = 2000 }\noperations.default.steps = [{ call = \"outside\" }]\n\
                   [components.outside]\nkind = \"dependency\"\nlatency = \"1ms\"\nerrors = \"100%\"\n";

fn share(findings: &Findings, outcome: &str) -> f64 {
    let own = findings.outcomes.iter().find(|own| own.name == outcome);
    own.map_or(0.0, |own| own.share.value)
}

fn findings(lb: &str, services: &[(&str, &str)]) -> Findings {
    run(&load(&system(lb, services)).scenario)
}

/// One of two servers dies after 20 s of 120 and stays dead. Half of what comes until it is found out is refused:
/// with AWS's checks that takes one interval to two.
#[test]
fn a_dead_server_is_found_out_by_the_second_check_that_fails() {
    let dies = "workers = { count = 2000 }\ncrash_after = \"20s\"\nboot = \"1h\"\n\
                restart = { deregisters = false }\n\
                operations.default.steps = [{ wait = \"10ms\" }]";
    let refused = |lb: &str| {
        let own = findings(
            &format!("policy = \"round_robin\"\n{lb}"),
            &[("a", GOOD), ("b", dies)],
        );
        share(&own, "connect_refused")
    };
    let unseen = refused("max_fails = 0\nbalancers = 1\nread_timeout = \"60s\"");
    assert!((unseen - 0.5 * 100.0 / 120.0).abs() < 0.01, "{unseen}");
    let seen = refused("health_check = { interval = \"10s\", fall = 2 }");
    let bounds = 0.5 * 10.0 / 120.0..0.5 * 20.0 / 120.0;
    assert!(bounds.contains(&seen), "{seen}");
    // Four balancers find it out one by one, each by its own checks: the mean is that of the phases.
    let four = refused("balancers = 4\nhealth_check = { interval = \"10s\", fall = 2 }");
    assert!((four - 0.5 * 15.0 / 120.0).abs() < 0.008, "{four}");
}

/// A check that asks for what every server needs takes all of them out when that is gone, though most requests
/// could be served: a balancer that fails open serves them, one that does not sends them away.
#[test]
fn deep_checks_take_everybody_out_at_once() {
    let deep = "workers = { count = 2000 }\noperations.default.steps = [{ wait = \"10ms\" }]\n\
                operations.deep.steps = [{ call = \"outside\" }]\n";
    let outside =
        "[components.outside]\nkind = \"dependency\"\nlatency = \"1ms\"\nerrors = \"100%\"";
    let with = |rules: &str| {
        let lb = format!(
            "policy = \"round_robin\"\n{rules}\n\
             health_check = {{ operation = \"deep\", interval = \"5s\", fall = 2 }}"
        );
        let last = format!("{deep}{outside}");
        findings(&lb, &[("a", deep), ("b", deep), ("c", &last)])
    };
    let closed = share(&with(""), "none_available");
    assert!((0.91..0.96).contains(&closed), "{closed}");
    let open = share(&with("on_all_unhealthy = \"use_all\""), "served");
    assert!(open > 0.999_999, "{open}");
}

/// One of three servers is asked for four times what it can do, by its weight. A check waits behind the requests
/// in its queue, and finds it out; what comes to it then goes to the others until it has caught up.
#[test]
fn checks_wait_like_requests() {
    let slow = "workers = { count = 1 }\nbacklog = \"unbounded\"\n\
                operations.default.steps = [{ cpu = \"40ms\" }]";
    let p99 = |rules: &str| {
        let own = findings(
            &format!("policy = \"round_robin\"\nread_timeout = \"1h\"\n{rules}"),
            &[("a", GOOD), ("b", GOOD), ("c", slow)],
        );
        own.figures["latency_p99"].value
    };
    let (blind, watched) = (
        p99(""),
        p99("health_check = { interval = \"1s\", timeout = \"500ms\", fall = 1, rise = 1 }"),
    );
    assert!(blind > 15.0 && watched < 3.0, "{blind} {watched}");
}

/// A server that answers with errors only, beside one that does not: a bout of five ejects it for 30 s, then for
/// 60 s. Without that half of the answers are errors.
#[test]
fn bad_answers_eject() {
    let failed = |rules: &str| {
        let lb =
            format!("policy = \"round_robin\"\nmax_fails = 0\nread_timeout = \"60s\"\n{rules}");
        share(
            &findings(&lb, &[("a", GOOD), ("b", BAD)]),
            "dependency_error",
        )
    };
    let without = failed("");
    assert!((without - 0.5).abs() < 0.01, "{without}");
    let with = failed("outlier_detection = {}");
    // Five at the beginning, five after 30 to 40 s, and five after 90 to 110 s of the 12,000 in 120 s.
    assert!((with - 15.0 / 12_000.0).abs() < 0.000_3, "{with}");
}

/// A server crashes after 60 s with requests under way that never end, and is back 5 s later. In its slow start it may
/// have one of those who wait, then two after 4 s, three after 6, up to ten: those are sent to it though nobody comes
/// back.
#[test]
fn those_who_wait_go_on_as_the_limit_grows() {
    let text = "[run]\nhorizon = \"85s\"\nreplications = 1\n\
                [sources.load]\narrivals = \"regular\"\nrate = \"1/s\"\nenters = \"lb\"\n\
                [components.lb]\nkind = \"balancer\"\npolicy = \"round_robin\"\nto = \"web\"\n\
                max_conns = 10\nqueue = {}\nslow_start = \"20s\"\n\
                slow_start_rules = { in_steps = true, limits_too = true }\n\
                [components.web]\nkind = \"service\"\nworkers = { count = 99 }\n\
                crash_after = \"60s\"\nboot = \"5s\"\n\
                operations.default.steps = [{ wait = \"1h\" }]\n";
    let findings = run(&load(text).scenario);
    let mut all = findings.resources.iter();
    let workers = all.find(|own| own.component == "web" && own.what == "workers");
    let used = workers.and_then(|own| own.used.as_ref());
    let used = used.expect("web has workers").value * 85.0;
    let before = 545.0;
    let after = 2.0 * f64::from((1..10).sum::<u32>() + 1);
    assert!((used - before - after).abs() < 12.0, "{used}");
}

/// What is left to chance depends on the seed: how many bouts of five failures a server has until one of them
/// ejects it for good.
#[test]
fn chance_depends_on_the_seed() {
    let bad = format!("{GOOD}\n[components.bad]\nkind = \"service\"\n{BAD}");
    let text = format!(
        "[run]\nhorizon = \"20s\"\nwarm_up = \"0s\"\nreplications = 1\n\
         [sources.load]\narrivals = \"regular\"\nrate = \"100/s\"\nenters = \"lb\"\n\
         [components.lb]\nkind = \"balancer\"\npolicy = \"round_robin\"\n\
         to = [{{ service = \"good\" }}, {{ service = \"bad\" }}]\n\
         outlier_detection = {{ base_ejection_time = \"1h\", max_ejection_time = \"1h\", \
         enforcing_consecutive_5xx = \"10%\", enforcing_success_rate = \"0%\" }}\n\
         [components.good]\nkind = \"service\"\n{bad}"
    );
    let of = |seed: &str| {
        let files = Memory::default().with("test.toml", text.as_str());
        let findings = run(&load_with(&files, &[format!("run.seed={seed}")]).scenario);
        (share(&findings, "dependency_error") * 2000.0).round() as u64
    };
    let mut failed: Vec<u64> = ["1", "2", "3", "4", "5", "6"].map(of).to_vec();
    assert!(failed.iter().all(|n| n.is_multiple_of(5)), "{failed:?}");
    failed.sort_unstable();
    failed.dedup();
    assert!(failed.len() > 2, "{failed:?}");
}

/// One of two servers dies after 70 s of 120 and is back 15 s later. Its requests take a second, so that it has
/// 50 of them under way. With a slow start of 70 s its weight is `t / 70 s` of the other's, and it gets
/// `100 s / (1 + s)` of the requests: 640 in the 35 s that are left, instead of 1725.
#[test]
fn who_comes_back_begins_slowly() {
    let dies = "workers = { count = 2000 }\ncrash_after = \"70s\"\nrestart = { boot = \"15s\" }\n\
                operations.default.steps = [{ wait = \"1s\" }]";
    let busy = |rules: &str| {
        let lb = format!("policy = \"round_robin\"\nread_timeout = \"60s\"\n{rules}");
        let own = findings(&lb, &[("a", GOOD), ("b", dies)]);
        let mut all = own.resources.iter();
        let workers = all.find(|own| own.component == "b" && own.what == "workers");
        let used = workers.and_then(|own| own.used.as_ref());
        used.expect("b has workers").value * 120.0
    };
    let before = 50.0 * 69.5;
    let (at_once, slowly) = (busy(""), busy("slow_start = \"70s\""));
    assert!((at_once - before - 1725.0).abs() < 100.0, "{at_once}");
    assert!((slowly - before - 640.0).abs() < 100.0, "{slowly}");
}
