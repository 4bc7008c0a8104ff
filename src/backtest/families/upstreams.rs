//! Several servers behind nginx: how they are picked, and what happens when they go.

use std::fmt::Write as _;

use super::{NODE_TIMER_MS, RECORDED_WAIT, Slots, Source, millis, quoted, seconds};
use crate::backtest::truth::{Problem, Repetition, Truth};

/// How long Node takes from being started until its port is open.
const NODE_START_S: f64 = 0.15;

/// nginx's words for how it picks, and those of a scenario.
const METHODS: &[(&str, &str)] = &[
    ("", "round_robin"),
    ("least_conn", "least_conn"),
    ("ip_hash", "ip_hash"),
    ("random", "random"),
    ("random two", "random_two"),
    ("random two least_conn", "random_two"),
];

fn method(truth: &Truth) -> Result<&'static str, Problem> {
    let config = truth.config();
    let given = config.text("method")?;
    let plain = given.trim().trim_end_matches(';').trim();
    let found = METHODS.iter().find(|own| own.0 == plain);
    found.map(|own| own.1).ok_or_else(|| {
        let known: Vec<&str> = METHODS.iter().map(|own| own.0).collect();
        config
            .wrong("method", "a method of nginx", &format!("`{given}`"))
            .help(format!("known are: {}, and none", known[1..].join(", ")))
    })
}

/// nginx in front of `weights.len()` servers `node0`, `node1` and so on.
fn nginx(policy: &str, weights: &[f64], more: &str) -> String {
    let mut servers = String::new();
    for (at, weight) in weights.iter().enumerate() {
        let _ = writeln!(
            servers,
            "  {{ service = \"node{at}\", weight = {weight} }},"
        );
    }
    format!(
        "[components.nginx]\nkind = \"balancer\"\nmodel = \"nginx\"\npolicy = {}\nto = [\n{servers}]\n{more}\n",
        quoted(policy)
    )
}

/// A server behind nginx.
fn server(at: u32, slots: u32, more: &str) -> String {
    let own = Slots {
        name: &format!("node{at}"),
        at_a_time: slots,
        cpu_ms: 0.0,
        step: RECORDED_WAIT,
        more,
    };
    own.tables()
}

/// How many failures take a server out, and for how long.
fn failures(truth: &Truth) -> Result<String, Problem> {
    let config = truth.config();
    let (fails, timeout) = (
        config.maybe("max_fails", 0.0)?,
        config.maybe("fail_timeout", 1.0)?,
    );
    let mut text = String::new();
    if let Some(fails) = fails {
        let _ = writeln!(text, "max_fails = {fails}");
    }
    if let Some(timeout) = timeout {
        let _ = writeln!(text, "fail_timeout = {}", seconds(timeout));
    }
    Ok(text)
}

/// nginx in front of equal servers; one may be killed and started again.
pub(super) fn balanced(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let (slots, n) = (config.whole("slots", 1)?, config.whole("backends", 1)?);
    let mut weights = config.numbers("weights")?;
    if weights.is_empty() {
        weights = vec![1.0; n as usize];
    }
    if weights.len() != n as usize || weights.iter().any(|own| *own < 1.0 || own.fract() != 0.0) {
        let expected = format!("{n} whole numbers from 1 on");
        return Err(config.wrong("weights", &expected, &format!("{weights:?}")));
    }
    let source = Source {
        late_ms: truth.lateness_ms(NODE_TIMER_MS),
        ..Source::new(truth, repetition, "nginx")?
    };
    let mut text = source.tables()?;
    text.push_str(&nginx(method(truth)?, &weights, &failures(truth)?));
    let kill = config.numbers("kill")?;
    for at in 0..n {
        // The second of them is the one that is killed.
        let more = match kill[..] {
            [from, to] if at == 1 && to >= from => {
                format!(
                    "restart = {{ boot = {}, deregisters = false }}\n",
                    seconds(to - from + NODE_START_S)
                )
            }
            _ => String::new(),
        };
        text.push_str(&server(at, slots, &more));
    }
    match kill[..] {
        [] => {}
        [from, to] if to >= from => {
            let _ = writeln!(
                text,
                "[timeline]\nkill = {{ at = {}, crash = \"node1\" }}",
                seconds(from)
            );
        }
        _ => return Err(config.wrong("kill", "[from, to] in seconds", &format!("{kill:?}"))),
    }
    Ok(text)
}

/// Servers behind nginx that are stopped and started again one after another.
pub(super) fn restarted(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let (slots, n) = (config.whole("slots", 1)?, config.whole("backends", 1)?);
    let (first, interval) = (
        config.number("first", 0.0)?,
        config.number("interval", 0.0)?,
    );
    let boot = config.number("boot_ms", 0.0)? + NODE_START_S * 1e3;
    let (how, drain) = (
        config.text("how")?,
        config.maybe("drain_ms", 0.0)?.unwrap_or(0.0),
    );
    let action = match how {
        "kill" => "crash",
        "drain" => "restart",
        other => {
            let found = format!("`{other}`");
            return Err(config.wrong("how", "`kill` or `drain`", &found));
        }
    };
    let mut more = failures(truth)?;
    if config.text("method")? != "GET" && config.text("method")? != "HEAD" {
        more.push_str("not_idempotent = [\"default\"]\n");
    }
    let source = Source {
        late_ms: truth.lateness_ms(NODE_TIMER_MS),
        ..Source::new(truth, repetition, "nginx")?
    };
    let mut text = source.tables()?;
    text.push_str(&nginx("round_robin", &vec![1.0; n as usize], &more));
    for at in 0..n {
        let more = format!(
            "drain = {}\nrestart = {{ boot = {}, deregisters = false }}\n",
            millis(drain),
            millis(boot)
        );
        text.push_str(&server(at, slots, &more));
    }
    text.push_str("[timeline]\n");
    for at in 0..n {
        let when = first + f64::from(at) * interval;
        if when < repetition.duration_s {
            let _ = writeln!(
                text,
                "stop{at} = {{ at = {}, {action} = \"node{at}\" }}",
                seconds(when)
            );
        }
    }
    Ok(text)
}
