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

/// Two operations of the first service are one and the same of the second. What fails there is tried on the first
/// as what was asked for, whichever way it came to the balancer.
#[test]
fn a_retry_does_what_was_asked_for() {
    let behind = format!(
        "[components.lb]\nkind = \"balancer\"\npolicy = \"round_robin\"\n\
         to = [{{ service = \"first\" }}, {{ service = \"second\" }}]\n\
         next_upstream = {{ on = [\"http_500\"] }}\n\
         [components.first]\nkind = \"service\"\nworkers = {{ count = 2000 }}\n\
         operations.checkout.steps = [{{ wait = \"5s\" }}]\n\
         operations.default.steps = [{{ wait = \"10ms\" }}]\n\
         [components.second]\nkind = \"service\"\nworkers = {{ count = 2000 }}\n\
         operations.default.steps = [{{ call = \"outside\" }}]\n{OUTSIDE}"
    );
    let edge = "[components.edge]\nkind = \"rate_limiter\"\nto = \"lb\"\n\
                limits = [{ concurrency = { max = 1000 } }]\n";
    let [own, called] = systems(&behind);
    let gated = format!("{FRONT}enters = \"edge\"\n{edge}{behind}");
    for system in [own, called, gated] {
        let findings = run(&load(&system).scenario);
        assert!(share(&findings, "served") > 0.999_999);
        let longest = findings.figures["latency_p999"].value;
        assert!(longest < 0.1, "nobody asked for a checkout: {longest}");
    }
    let buyers = FRONT.to_owned() + "mix = { checkout = \"100%\" }\nenters = \"lb\"\n";
    let findings = run(&load(&(buyers + &behind)).scenario);
    let median = findings.figures["latency_p50"].value;
    assert!(median > 5.0, "everybody asked for one: {median}");
}

/// One of two servers has a service behind it whose instance crashes again and again, with requests in it that take
/// 5 s. To the balancer that is a failure of the server which waits: it tries the other, and nobody hears of it. It
/// makes no difference whether the service is called through a balancer, too, or calls another one itself.
#[test]
fn a_crash_behind_a_server_is_its_failure() {
    for calls in ["deep", "inner", "middle"] {
        let text = format!(
            "{FRONT}enters = \"lb\"\n\
             [components.lb]\nkind = \"balancer\"\npolicy = \"round_robin\"\n\
             to = [{{ service = \"good\" }}, {{ service = \"bad\" }}]\n\
             next_upstream = {{ on = [\"http_500\"] }}\n\
             [components.middle]\nkind = \"service\"\nworkers = {{ count = 2000 }}\n\
             operations.default.steps = [{{ call = \"inner\" }}]\n\
             [components.inner]\nkind = \"balancer\"\nto = \"deep\"\npolicy = \"least_outstanding\"\n\
             [components.deep]\nkind = \"service\"\nworkers = {{ count = 2000 }}\n\
             crash_after = \"7s\"\nboot = \"1s\"\n\
             operations.default.steps = [{{ wait = \"5s\" }}]\n{}",
            services(&format!("{{ call = \"{calls}\" }}"))
        );
        let findings = run(&load(&text).scenario);
        let served = share(&findings, "served");
        assert!(served > 0.999_999, "{calls}: {served}");
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
    let nowhere = share(&with("max_conns = 40"), "none_available");
    assert!((nowhere - lost).abs() < 0.03, "{nowhere}");
    let waits = with("max_conns = 40\nwait_for_server = \"75s\"");
    assert!(share(&waits, "none_available") < 0.01);
}

/// Of two requests one asks for its connection again after a second, when its client has left. A balancer that goes on
/// all the same has it done; another lets go of it.
#[test]
fn a_connection_is_asked_for_again_though_the_client_has_left() {
    let busy = |ignores: bool| {
        let system = format!(
            "[run]\nhorizon = \"5m\"\nreplications = 1\n\
             [sources.load]\nrate = \"0.2/s\"\nenters = \"lb\"\ntimeout = \"500ms\"\n\
             arrivals = {{ batches = {{ every = \"10s\" }} }}\n\
             [components.lb]\nkind = \"balancer\"\npolicy = \"round_robin\"\nto = \"web\"\n\
             max_fails = 1\nignore_client_abort = {ignores}\n\
             [components.web]\nkind = \"service\"\nworkers = {{ count = 1 }}\nbacklog = 0\n\
             when_full = \"drop\"\noperations.default.steps = [{{ wait = \"100ms\" }}]\n"
        );
        let findings = run(&load(&system).scenario);
        let mut all = findings.resources.iter();
        let workers = all.find(|own| own.component == "web" && own.what == "workers");
        let used = workers.and_then(|own| own.used.as_ref());
        used.expect("web has workers").value
    };
    for (ignores, expected) in [(false, 0.01), (true, 0.02)] {
        let used = busy(ignores);
        assert!((used - expected).abs() < 0.001, "{ignores}: {used}");
    }
}

/// Two requests at a time to a server that takes one and refuses the other. HAProxy asks it again after a
/// second, when it is idle; without retries that request is lost.
#[test]
fn a_refused_connection_is_asked_for_again() {
    let with = |retries: u32| {
        let system = format!(
            "[run]\nhorizon = \"5m\"\nreplications = 1\n\
             [sources.load]\nrate = \"0.2/s\"\nenters = \"lb\"\n\
             arrivals = {{ batches = {{ every = \"10s\" }} }}\n\
             [components.lb]\nkind = \"balancer\"\nmodel = \"haproxy\"\nto = \"web\"\n\
             retries = {{ max = {retries} }}\n\
             [components.web]\nkind = \"service\"\nworkers = {{ count = 1 }}\nbacklog = 0\n\
             operations.default.steps = [{{ wait = \"500ms\" }}]\n"
        );
        run(&load(&system).scenario)
    };
    let lost = share(&with(0), "queue_full");
    assert!((lost - 0.5).abs() < 0.01, "{lost}");
    let asked_again = with(3);
    assert!(share(&asked_again, "served") > 0.999_999);
    let latency = asked_again.figures["latency_mean"].value;
    assert!(
        (latency - 1.0).abs() < 0.01,
        "half 0.5 s, half 1.5 s: {latency}"
    );
}

/// One request goes for what many want; half of the time its server is late, and the balancer tries another. It
/// comes back under another number, and whoever waits for it goes on nevertheless. A limit in front counts each
/// request once.
#[test]
fn those_who_wait_for_a_request_that_was_tried_again_go_on() {
    let services = services("{ wait = \"5s\" }");
    let rules = "read_timeout = \"100ms\"\nnext_upstream = { on = [\"timeout\"] }";
    let text = |rule: &str| {
        format!(
            "{FRONT}enters = \"edge\"\n{}{services}\
             [keys.pages]\ncount = 3\npopularity = \"uniform\"\n\
             [components.edge]\nkind = \"rate_limiter\"\nto = \"front\"\n\
             limits = [{{ concurrency = {{ max = 60 }} }}]\n\
             [components.pages]\nkind = \"cache\"\nscope = \"shared\"\ncapacity = 10\n\
             ttl = \"500ms\"\non_concurrent_miss = {rule}\n\
             [components.front]\nkind = \"service\"\nworkers = {{ count = 2000 }}\n\
             operations.default.steps = [{{ cache = \"pages\", keys = \"pages\", on_miss = [{{ call = \"lb\" }}] }}]\n",
            balancer((1, 1), rules)
        )
    };
    for rule in ["\"single_flight\"", "{ lock = { timeout = \"2s\" } }"] {
        let findings = run(&load(&text(rule)).scenario);
        assert!(share(&findings, "served") > 0.999_999, "{rule}");
        let longest = findings.figures["latency_p999"].value;
        assert!(longest < 0.3, "{rule}: {longest}");
    }
}

fn heroku(run_for: &str, web: &str) -> Findings {
    let system = format!(
        "[run]\n{run_for}\nreplications = 1\n\
         [sources.load]\narrivals = \"regular\"\nrate = \"10/s\"\nenters = \"router\"\n\
         [components.router]\nkind = \"balancer\"\nmodel = \"heroku_router\"\nto = \"web\"\n\
         balancers = 1\n\
         [components.web]\nkind = \"service\"\n{web}\n"
    );
    run(&load(&system).scenario)
}

/// A dyno serves for 15 s, crashes, and takes 200 s to boot: whoever came in its first 125 s waits 75 s in vain
/// (H20), the others are served when it is up. It crashes again, and for 10 s nothing is on its way up: whoever
/// comes fails at once (H10).
#[test]
fn heroku_tells_dynos_that_boot_from_dynos_that_have_crashed() {
    let findings = heroku(
        "horizon = \"240s\"",
        "workers = { count = 1000 }\ncrash_after = \"15s\"\nboot = \"200s\"\n\
         operations.default.steps = [{ wait = \"1ms\" }]",
    );
    for (outcome, seconds, code) in [
        ("instances_starting", 125.0, "H20"),
        ("instances_down", 10.0, "H10"),
        ("served", 105.0, ""),
    ] {
        let own = share(&findings, outcome);
        assert!((own - seconds / 240.0).abs() < 0.005, "{outcome}: {own}");
        let mut outcomes = findings.outcomes.iter();
        let words = outcomes
            .find(|own| own.name == outcome)
            .map(|own| &own.words);
        assert!(words.is_some_and(|words| words.contains(code)), "{words:?}");
    }
}

/// Two dynos crash after 5 s and are back after 10 s, one of which takes a single request for good. Who waited for
/// them meanwhile and meets that one is sent to the other, by every router, like those who come later.
#[test]
fn those_who_waited_for_a_dyno_are_tried_on_another() {
    let dyno = "crash_after = \"5s\"\nboot = \"10s\"";
    let system = format!(
        "[run]\nhorizon = \"18s\"\nreplications = 1\n\
         [sources.load]\narrivals = \"regular\"\nrate = \"20/s\"\nenters = \"router\"\n\
         [components.router]\nkind = \"balancer\"\nmodel = \"heroku_router\"\n\
         to = [{{ service = \"good\" }}, {{ service = \"full\" }}]\n\
         [components.good]\nkind = \"service\"\nworkers = {{ count = 1000 }}\n{dyno}\n\
         operations.default.steps = [{{ wait = \"1ms\" }}]\n\
         [components.full]\nkind = \"service\"\nworkers = {{ count = 1 }}\nbacklog = 0\n{dyno}\n\
         operations.default.steps = [{{ wait = \"1h\" }}]\n"
    );
    let findings = run(&load(&system).scenario);
    assert!(share(&findings, "served") > 0.98);
    let refused = share(&findings, "queue_full");
    assert!(refused < 1e-9, "{refused}");
}

/// A dyno crashes after 5 s and is back after 30 s, in which 300 requests have come to wait for it. It is sent no
/// more of them than may be under way: of these and the 40 that come until the end, 200; the others are H11.
#[test]
fn those_who_waited_for_a_dyno_are_limited_like_others() {
    let findings = heroku(
        "horizon = \"39s\"\nwarm_up = \"0s\"",
        "workers = { count = 1000 }\ncrash_after = \"5s\"\nboot = \"30s\"\n\
         operations.default.steps = [{ wait = \"1h\" }]",
    );
    let shed = share(&findings, "shed");
    assert!((shed - 140.0 / 390.0).abs() < 0.006, "{shed}");
}

/// The one dyno is busy for good and refuses everybody else. A router that has seen that leaves it alone for 5 s;
/// then the next request finds out again (H21). All others wait for 75 s in vain (H99).
#[test]
fn heroku_waits_for_dynos_in_quarantine() {
    let findings = heroku(
        "horizon = \"20m\"\ndrain = \"80s\"",
        "workers = { count = 1 }\nbacklog = 0\noperations.default.steps = [{ wait = \"1h\" }]",
    );
    let (waited, refused) = (
        share(&findings, "none_available"),
        share(&findings, "queue_full"),
    );
    // One of fifty arrives, or looks again, just as the quarantine is over.
    assert!(waited > 0.95, "{waited}");
    assert!((0.015..0.03).contains(&refused), "{refused}");
}
