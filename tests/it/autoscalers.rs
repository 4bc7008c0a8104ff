//! Autoscalers in whole systems: when they act, within what they hold one another, and what becomes of requests that
//! come while there is no instance.

use capsim::experiment::{Choice, Findings, Look, choose};

use crate::support::{load, run, share};

/// A service whose requests take 10 ms of CPU each, and what scales it.
fn system(run: &str, source: &str, service: &str) -> String {
    format!(
        "[run]\n{run}\n\
         [sources.visitors]\n{source}\n\
         [components.web]\nkind = \"service\"\nvcpu = 1\nworkers.count = 50\n\
         operations.default.steps = [{{ cpu = \"10ms\" }}]\n{service}\n"
    )
}

fn run_of(text: &str) -> Findings {
    run(&load(text).scenario)
}

fn looks<'a>(findings: &'a Findings, autoscaler: &'a str) -> impl Iterator<Item = &'a Look> {
    let all = findings.looks.iter();
    all.filter(move |look| look.autoscaler == autoscaler)
}

/// When an autoscaler changed something, and to what.
fn changes(findings: &Findings, autoscaler: &str) -> Vec<(f64, u32)> {
    let changed = looks(findings, autoscaler).filter(|look| look.from != look.to);
    changed.map(|look| (look.at_s, look.to)).collect()
}

/// Ten requests every five minutes, to a service that has gone to sleep by then and takes three seconds to wake up.
fn sleeper(front: &str, autoscaler: &str) -> Findings {
    let enters = if front.is_empty() { "web" } else { "front" };
    let source = format!(
        "arrivals = {{ batches = {{ every = \"5m\" }} }}\nrate = {}\nenters = \"{enters}\"",
        "\"0.0333334/s\""
    );
    let service = format!("boot = \"3s\"\nautoscaler = {autoscaler}\n{front}");
    run_of(&system(
        "horizon = \"1600s\"\nreplications = 2",
        &source,
        &service,
    ))
}

/// All of the requests that find nobody wait for the three seconds, and are served then, whoever is in front.
#[test]
fn requests_are_held_until_there_is_an_instance() {
    let front = "[components.front]\nkind = \"balancer\"\nto = \"web\"\npolicy = \"round_robin\"";
    let group = format!("{front}\nmax_fails = 1");
    let knative = "{ kind = \"knative\", max = 5 }";
    for front in ["", front, &group] {
        let findings = sleeper(front, knative);
        assert!(
            (share(&findings, "served") - 1.0).abs() < 1e-9,
            "{front}: {:?}",
            findings.outcomes
        );
        let (p50, longest) = (
            findings.figures["latency_p50"],
            findings.figures["latency_p99"],
        );
        assert!((3.0..3.11).contains(&p50.value), "{front}: {p50:?}");
        assert!((3.0..3.15).contains(&longest.value), "{front}: {longest:?}");
        // It sleeps 90 s after the last request, as far as Knative looks: the window and the grace.
        let asleep = changes(&findings, "knative");
        assert!(asleep.len() >= 8, "{asleep:?}");
        let woken: Vec<_> = asleep
            .iter()
            .filter(|(_, to)| *to == 1)
            .map(|(at, _)| *at)
            .collect();
        assert_eq!(woken[..4], [300.0, 600.0, 900.0, 1200.0]);
    }
}

/// Whoever is held for longer than that is let go of, as one that nobody holds is at once.
#[test]
fn nobody_is_held_for_longer_than_is_said() {
    let findings = sleeper(
        "",
        "{ kind = \"cloud_run\", idle = \"30s\", hold = \"2s\" }",
    );
    let starting = share(&findings, "instances_starting");
    assert!((starting - 1.0).abs() < 1e-9, "{:?}", findings.outcomes);
    let p50 = findings.column("web", "requests_held").expect("a column");
    let held: f64 = p50.values.iter().flatten().map(|own| own.value).sum();
    assert!(held > 0.0);
    // Nobody holds where there is always an instance.
    let findings = sleeper("", "{ kind = \"cloud_run\", min = 1, idle = \"30s\" }");
    assert!((share(&findings, "served") - 1.0).abs() < 1e-9);
    assert!(findings.column("web", "requests_held").is_none());
}

/// A client that gives up while it is held has given up; one that tries again is held again, and served in the end.
#[test]
fn who_gives_up_while_held_has_given_up() {
    let of = |more: &str| {
        let source = format!(
            "arrivals = {{ batches = {{ every = \"5m\" }} }}\nrate = \"0.0333334/s\"\nenters = \"web\"\n\
             timeout = \"1s\"\n{more}"
        );
        let service = "boot = \"3s\"\nautoscaler = { kind = \"knative\", max = 5 }";
        let run = "horizon = \"1600s\"\nreplications = 2";
        run_of(&system(run, &source, service))
    };
    assert!((share(&of(""), "client_timeout") - 1.0).abs() < 1e-9);
    let again = of("retry = { attempts = 5, backoff = \"500ms\" }");
    assert!(
        (share(&again, "served") - 1.0).abs() < 1e-9,
        "{:?}",
        again.outcomes
    );
}

const STEADY: &str = "arrivals = \"poisson\"\nrate = \"30/s\"\nenters = \"web\"";

#[test]
fn a_fixed_count_is_put_right_and_a_schedule_holds_everybody() {
    let text = system(
        "horizon = \"5m\"\nreplications = 1",
        STEADY,
        "autoscaler = { kind = \"fixed\", count = 3 }\n\
         [timeline.by_hand]\nat = \"100s\"\nscale = \"web\"\nto = 9",
    );
    let put_right = changes(&run_of(&text), "fixed");
    assert!(
        matches!(put_right[..], [(at, 3)] if (100.0..115.0).contains(&at)),
        "{put_right:?}"
    );

    // The script would have one; between 60 and 180 s there are six, after that at most two.
    let text = system(
        "horizon = \"5m\"\nreplications = 1",
        STEADY,
        "count = 4\n[components.web.autoscalers.script]\nkind = \"script\"\nmax = 10\ninterval = \"10s\"\n\
         [components.web.autoscalers.launch]\nkind = \"scheduled\"\n\
         actions = [{ at = \"60s\", min = 6 }, { at = \"180s\", min = 1, max = 2 }]",
    );
    let findings = run_of(&text);
    assert_eq!(changes(&findings, "launch"), [(60.0, 6), (180.0, 2)]);
    for look in looks(&findings, "script").filter(|look| (60.0..180.0).contains(&look.at_s)) {
        assert_eq!((look.wanted, look.to), (5, 6), "{look:?}");
        assert_eq!(look.reason, "at the limit of the range");
    }
}

/// 30 requests a second need 0.3 vCPUs, 300 need 3: at 60 % one instance and five. Those that the step needs have
/// booted when it comes, and are there until it is over.
#[test]
fn an_oracle_has_what_is_needed_when_it_is_needed() {
    let source = "arrivals = \"poisson\"\nrate = \"30/s\"\nenters = \"web\"\n\
                  curve = [{ hold = \"300s\" }, { step_to = 10 }, { hold = \"300s\" }, { step_to = 1 }]";
    let service = "boot = \"40s\"\n\
                   autoscaler = { kind = \"oracle\", max = 20, target = { cpu = \"60%\" } }";
    let text = system("horizon = \"900s\"\nreplications = 1", source, service);
    let findings = run_of(&text);
    let changed: Vec<_> = changes(&findings, "oracle");
    let up = changed.iter().find(|(_, to)| *to > 2).expect("it grows");
    assert!((250.0..=260.0).contains(&up.0), "{changed:?}");
    // What it has measured by then is known to a few percent.
    assert!((5..=6).contains(&up.1), "{changed:?}");
    let down = changed
        .iter()
        .rev()
        .find(|(_, to)| *to <= 2)
        .expect("it shrinks");
    assert!((600.0..=606.0).contains(&down.0), "{changed:?}");
    let column = findings
        .column("web", "instances_in_service")
        .expect("a column");
    let at_step = findings
        .series
        .bounds_s
        .iter()
        .position(|from| *from >= 300.0);
    let serving = column.values[at_step.expect("a window")]
        .expect("data")
        .value;
    assert!(serving >= 5.0, "{serving}");
}

/// An oracle is cheaper than what one can have, and nobody is told to choose it.
#[test]
fn nobody_is_told_to_choose_an_oracle() {
    let source = "arrivals = \"poisson\"\nrate = \"30/s\"\nenters = \"web\"";
    let of = |autoscaler: &str| {
        let service = format!("cost = \"$1/h\"\nautoscaler = {autoscaler}");
        let text = system("horizon = \"60s\"\nreplications = 2", source, &service);
        run_of(&format!("{text}\n[objectives]\nsuccess_rate = \"> 1%\"\n"))
    };
    let all = [
        of("{ kind = \"oracle\", max = 9, target = { cpu = \"60%\" } }"),
        of("{ kind = \"fixed\", count = 3 }"),
        of("{ kind = \"fixed\", count = 2 }"),
    ];
    let cost = |at: usize| all[at].figures["cost"].value;
    assert!(cost(0) < cost(2) && cost(2) < cost(1));
    assert_eq!(choose(&[0, 1, 2], &all), Some(Choice::Cheapest(2)));
    assert_eq!(choose(&[0], &all), Some(Choice::Cheapest(0)));
}

/// From a step in the load to an alarm of three minutes: until the first whole minute begins, three minutes, half a
/// minute for the report, and until the next evaluation.
#[test]
fn an_alarm_of_three_minutes_takes_up_to_five_and_a_half() {
    let service = "count = 1\n[components.web.autoscaler]\nkind = \"aws_step\"\nmin = 1\nmax = 20\n\
        policies = [{ alarm = { metric = \"cpu\", above = 60, evaluation_periods = 3 }, \
        steps = [{ from = 0, by = 3 }] }]";
    let mut reactions = Vec::new();
    for (seed, step) in [(1, 300), (2, 315), (3, 330), (4, 359)] {
        let source = format!(
            "arrivals = \"poisson\"\nrate = \"20/s\"\nenters = \"web\"\n\
             curve = [{{ hold = \"{step}s\" }}, {{ step_to = 4 }}]"
        );
        let run = format!("horizon = \"900s\"\nreplications = 1\nseed = {seed}");
        let findings = run_of(&system(&run, &source, service));
        let first = changes(&findings, "aws_step")[0];
        assert_eq!(first.1, 4);
        reactions.push(first.0 - f64::from(step));
    }
    let (low, high) = (210.0, 330.0);
    assert!(
        reactions.iter().all(|own| (low..=high).contains(own)),
        "{reactions:?}"
    );
}
