//! Queues of background jobs against what must come out.

use capsim::experiment::{Findings, QueueFindings};
use capsim::stats::Estimate;

use crate::support::{load, run};

/// A system that publishes to `jobs` at once, with what the queue and its consumers say beside.
fn system(run: &str, rate: &str, queue: &str, consumer: &str, steps: &str) -> String {
    format!(
        "[run]\n{run}\n\
         [sources.s]\narrivals = \"poisson\"\nrate = \"{rate}\"\nenters = \"web\"\n\
         [components.web]\nkind = \"service\"\nworkers.count = 1000\n\
         operations.default.steps = [{{ publish = \"jobs\" }}]\n\
         [components.jobs]\nkind = \"queue\"\n{queue}\n\
         [components.workers]\nkind = \"service\"\n{consumer}\n\
         operations.work.steps = {steps}\n"
    )
}

fn jobs(findings: &Findings) -> &QueueFindings {
    findings.queues.first().expect("a queue")
}

fn near(what: &str, own: Option<Estimate>, exact: f64, tolerance: f64) {
    let value = own.unwrap_or_else(|| panic!("no {what}")).value;
    assert!(
        (value - exact).abs() <= tolerance * exact,
        "{what}: {value} instead of {exact}"
    );
}

const CONSUMES: &str = "consumes = [{ queue = \"jobs\", operation = \"work\" }]";

/// M/M/c with messages: however the workers are spread over instances, the queue in front of them is one.
/// Erlang C for a = 8 and c = 10: 40.92 % wait, 0.5 / (10 - 8) of them long on average.
#[test]
fn competing_consumers_are_one_station() {
    for (count, workers) in [(1, 10), (5, 2)] {
        let consumer = format!("count = {count}\nworkers.count = {workers}\n{CONSUMES}");
        let text = system(
            "horizon = \"20000s\"\nwarm_up = \"500s\"\nreplications = 6",
            "16/s",
            "",
            &consumer,
            "[{ wait = { exponential = \"500ms\" } }]",
        );
        let findings = run(&load(&text).scenario);
        let own = jobs(&findings);
        near("P(wait)", own.waited, 0.409_180, 0.02);
        near("E[wait]", own.wait_mean_s, 0.409_180 * 0.25, 0.04);
        near("E[whole]", own.whole_mean_s, 0.5 + 0.409_180 * 0.25, 0.02);
        near("done", own.done, 16.0, 0.01);
        // Publishing takes no time, and what is published is nobody's latency.
        near(
            "requests",
            findings.figures.get("throughput").copied(),
            16.0,
            0.01,
        );
        assert!(findings.figures["latency_p99"].value < 1e-6);
        let workers = findings.resources.iter().find(|r| r.component == "workers");
        near(
            "utilization",
            workers.expect("workers").utilization,
            0.8,
            0.01,
        );
    }
}

/// With workers enough, a message is given to another after the timeout T for as long as no run is over that is
/// its latest: the runs are independent, so a run that is given up by the queue never counts. With exponential
/// work of mean m, each delivery has the chance 1 - e^(-T/m) to be the last: e^(T/m) - 1 ... redeliveries per
/// message are e^(-T/m) / (1 - e^(-T/m)). All runs end well, so as many are done twice.
#[test]
fn a_visibility_timeout_below_the_tail_does_work_twice() {
    let consumer = format!("workers.count = 2000\n{CONSUMES}");
    let (timeout, mean) = (20.0_f64, 10.0_f64);
    let text = system(
        "horizon = \"20000s\"\nreplications = 4\ndrain = \"10m\"",
        "10/s",
        "visibility_timeout = \"20s\"",
        &consumer,
        "[{ wait = { exponential = \"10s\" } }]",
    );
    let findings = run(&load(&text).scenario);
    let own = jobs(&findings);
    let missed = (-timeout / mean).exp();
    let again = missed / (1.0 - missed);
    near("redelivered", own.redelivered, again, 0.03);
    near("duplicates", own.duplicates, again, 0.03);
    assert!(
        own.left.is_some_and(|left| left.value < 1.0),
        "{:?}",
        own.left
    );
    // With a limit of the deliveries, what misses all of them is a dead letter.
    let text = text.replace("\"20s\"\n", "\"20s\"\nmax_deliveries = 2\n");
    let findings = run(&load(&text).scenario);
    near("dead", jobs(&findings).dead, missed * missed, 0.06);
}

/// Jobs that fail with chance p are delivered until one does not: p / (1 - p) times more, or until the last
/// delivery that they may have.
#[test]
fn failed_jobs_come_again_until_they_are_dead() {
    let consumer = format!("workers.count = 100\n{CONSUMES}");
    let text = system(
        "horizon = \"20000s\"\nreplications = 4",
        "10/s",
        "",
        &consumer,
        "[{ call = \"outside\" }]",
    ) + "[components.outside]\nkind = \"dependency\"\nlatency = \"50ms\"\nerrors = \"40%\"\n";
    let own = jobs(&run(&load(&text).scenario)).clone();
    near("failed", own.failed, 0.4 / 0.6, 0.02);
    near("redelivered", own.redelivered, 0.4 / 0.6, 0.02);
    assert_eq!(own.dead.map(|dead| dead.value), Some(0.0));
    // A failure takes the 50 ms, and a millisecond for there and back.
    near(
        "E[whole]",
        own.whole_mean_s,
        0.05 / 0.6 + 0.001 * 0.4 / 0.6,
        0.02,
    );
    let limited = text.replace("kind = \"queue\"", "kind = \"queue\"\nmax_deliveries = 3");
    let own = jobs(&run(&load(&limited).scenario)).clone();
    near("dead", own.dead, 0.4_f64.powi(3), 0.06);
    near("redelivered", own.redelivered, 0.4 + 0.16, 0.02);
    let lost = text.replace(
        "kind = \"queue\"",
        "kind = \"queue\"\non_failure = \"lost\"",
    );
    near("lost", jobs(&run(&load(&lost).scenario)).lost, 0.4, 0.02);
}

/// With decorrelated jitter a wait is drawn from between the first and three times the last: 2, 3.5, 5.75 and 9.125 s on
/// average, during which a message is put off.
#[test]
fn waits_grow_from_the_last_one() {
    let consumer = format!("workers.count = 100\n{CONSUMES}");
    let text = system(
        "horizon = \"10000s\"\nwarm_up = \"500s\"\nwindow = \"9500s\"\nreplications = 4",
        "10/s",
        "max_deliveries = 5\non_failure.backoff.wait = \
         { exponential = \"1s\", cap = \"1000s\", jitter = \"decorrelated\" }",
        &consumer,
        "[{ call = \"outside\" }]",
    ) + "[components.outside]\nkind = \"dependency\"\nlatency = \"1ms\"\nerrors = \"100%\"\n";
    let findings = run(&load(&text).scenario);
    let delayed = findings.column("jobs", "messages_delayed");
    let last = delayed.expect("a column").values.last().copied();
    near("put off", last.flatten(), 203.75, 0.02);
}

/// A message that its consumer turned away at the door has not been delivered, and waits on: of four that come when
/// the instance is full for 0.9 s two are taken a second later, and the others as soon as those are done.
#[test]
fn who_is_turned_away_at_the_door_waits_on() {
    let consumer = format!(
        "workers.count = 1\nbacklog = 1\n{CONSUMES}\noperations.default.steps = [{{ wait = \"450ms\" }}]"
    );
    let others = "[sources.others]\narrivals = { batches = { every = \"10s\" } }\nrate = \"0.2/s\"\n\
         enters = \"workers\"\n[sources.s]";
    let text = system(
        "horizon = \"1000s\"\nreplications = 1",
        "0.4/s",
        "",
        &consumer,
        "[{ wait = \"100ms\" }]",
    )
    .replace("\"poisson\"", "{ batches = { every = \"10s\" } }")
    .replace("[sources.s]", others)
    .replace("operation = \"work\"", "operation = \"work\", prefetch = 2");
    let own = jobs(&run(&load(&text).scenario)).clone();
    near(
        "E[wait]",
        own.wait_mean_s,
        (1.0 + 1.0 + 1.1 + 1.2) / 4.0,
        0.001,
    );
    assert_eq!(own.redelivered.map(|n| n.value), Some(0.0));
}

/// What is not visible yet takes room, too: of ten a second that are put off for ten seconds, a queue with room for
/// five takes in five every ten seconds, whatever it does with the others.
#[test]
fn delayed_messages_take_room() {
    let consumer = format!("workers.count = 100\n{CONSUMES}");
    for when_full in ["reject", "block", "drop_oldest"] {
        let text = system(
            "horizon = \"500s\"\nwarm_up = \"100s\"\nwindow = \"100s\"\nreplications = 2\ndrain = \"0s\"",
            "10/s",
            &format!("delay = \"10s\"\nmax_length = 5\nwhen_full = \"{when_full}\""),
            &consumer,
            "[{ wait = \"1ms\" }]",
        )
        .replace("workers.count = 1000\n", "workers.count = 6000\n");
        let findings = run(&load(&text).scenario);
        let delayed = findings.column("jobs", "messages_delayed");
        for value in &delayed.expect("a column").values {
            let there = value.expect("a window").value;
            assert!(there <= 5.0, "{when_full}: {there}");
        }
        let own = jobs(&findings);
        let done = own.done.expect("counted").value;
        match when_full {
            // The five newest are all younger than that.
            "drop_oldest" => assert!(done < 0.01, "{done}"),
            _ => assert!((done - 0.5).abs() < 0.03, "{when_full}: {done}"),
        }
    }
}

/// A bounded queue in front of workers is M/M/c/K. Rejecting: c = 2, a = 1.8, four places to wait.
#[test]
fn a_full_queue_rejects_as_a_loss_system_does() {
    let consumer = format!("workers.count = 2\n{CONSUMES}");
    let text = system(
        "horizon = \"20000s\"\nwarm_up = \"200s\"\nreplications = 6",
        "18/s",
        "max_length = 4",
        &consumer,
        "[{ wait = { exponential = \"100ms\" } }]",
    );
    let findings = run(&load(&text).scenario);
    // p(n) up to c: a^n / n!; beyond: times a / c.
    let (a, c) = (1.8_f64, 2.0_f64);
    let mut p = vec![1.0, a];
    for n in 2..=6 {
        p.push(p[n - 1] * a / c.min(n as f64));
    }
    let blocked = p[6] / p.iter().sum::<f64>();
    near("rejected", jobs(&findings).rejected, blocked, 0.03);
    let failed = findings
        .outcomes
        .iter()
        .find(|own| own.name == "broker_full");
    near(
        "failed requests",
        failed.map(|own| own.share),
        blocked,
        0.03,
    );
    // Blocked publishers wait outside, and everything gets done: to them it is M/M/2 without a bound.
    let text = text.replace("max_length = 4", "max_length = 4\nwhen_full = \"block\"");
    let findings = run(&load(&text).scenario);
    let own = jobs(&findings);
    near("done", own.done, 18.0, 0.01);
    let erlang_c = (a * a / 2.0 / (1.0 - 0.9)) / (1.0 + a + a * a / 2.0 / (1.0 - 0.9));
    let (whole, rate) = (erlang_c * 0.1 / (2.0 - 1.8), 18.0);
    // Time in the queue and time before it, together, are the wait of M/M/2.
    let before = findings.figures["latency_mean"].value;
    let together = before + own.wait_mean_s.expect("waits").value;
    assert!(
        (together - whole).abs() < 0.05 * whole,
        "{together} instead of {whole} at {rate}/s"
    );
}

/// Consumers that ask every 10 s find a message after 5 s on average, when they are idle.
#[test]
fn polling_takes_half_of_the_interval() {
    let consumer = format!("workers.count = 50\n{CONSUMES}");
    let text = system(
        "horizon = \"20000s\"\nreplications = 4",
        "1/s",
        "poll = \"10s\"",
        &consumer,
        "[{ wait = \"1ms\" }]",
    );
    let findings = run(&load(&text).scenario);
    // A worker that has done one asks at once, and finds those that came with it.
    near("E[wait]", jobs(&findings).wait_mean_s, 5.0, 0.05);
}

/// What a killed consumer had is there again at once, or after the visibility timeout, or never.
#[test]
fn what_a_killed_consumer_had() {
    // A scaler that goes down to one instance kills nine of ten after their time to drain.
    let consumer = format!(
        "count = 10\nworkers.count = 1\ndrain = \"1s\"\n\
         autoscaler = {{ kind = \"heroku_p95\", min = 1, max = 10, target = \"10h\" }}\n{CONSUMES}"
    );
    let of = |queue: &str| {
        let text = system(
            "horizon = \"2h\"\nreplications = 3\ndrain = \"1h\"",
            "0.01/s",
            queue,
            &consumer,
            "[{ wait = \"10m\" }]",
        );
        jobs(&run(&load(&text).scenario)).clone()
    };
    let kept = of("");
    assert!(kept.redelivered.is_some_and(|n| n.value > 0.0), "{kept:?}");
    assert_eq!(kept.lost.map(|n| n.value), Some(0.0));
    let lost = of("on_lost = \"lost\"");
    near(
        "lost",
        lost.lost,
        kept.redelivered.expect("some").value,
        0.6,
    );
    assert_eq!(lost.redelivered.map(|n| n.value), Some(0.0));
}
