//! Everything that ends an attempt or an errand, without any queue: closed forms throughout.

use capsim::math;
use capsim::metrics::Outcome;

use super::callers::{
    By, all, busy, ended, mean_of, per_errand, poisson, run_of, source, success, unlimited,
};
use super::harness::{Checked, Effort, Runs};
use super::laws::seconds;

/// Requests per second of the cases without a queue.
const RATE: f64 = 500.0;

/// Compares all of it.
pub(super) fn check_all(_: &str) -> Checked {
    let mut checked = Checked::default();
    check_until_deadline(&mut checked);
    check_counted_out(&mut checked);
    check_not_listed(&mut checked);
    check_patience(&mut checked);
    checked
}

/// The mean service time, the timeout of an attempt, and the chance that it runs out.
const MEAN: f64 = 0.1;
const TIMEOUT: f64 = 0.08;

fn late() -> f64 {
    math::exp(-TIMEOUT / MEAN)
}

/// A wait before each retry.
const BACKOFF: f64 = 0.02;

/// What becomes of attempts until a deadline, on average.
#[derive(Debug, Default)]
struct Course {
    attempts: f64,
    timeouts: f64,
    /// Time in which an attempt runs, and time until the answer or the end.
    worked: f64,
    latency: f64,
    lost: f64,
}

/// Attempts that are cut off by their timeouts, and all of them by a deadline. Who knows of the deadline does
/// not wait for a retry that would come too late.
fn course(deadline: f64, is_known: bool) -> Course {
    let mut all = Course::default();
    let (mut begins, mut open) = (0.0, 1.0);
    while begins < deadline {
        let lasts = TIMEOUT.min(deadline - begins);
        let fails = math::exp(-lasts / MEAN);
        all.attempts += open;
        all.worked += open * MEAN * (1.0 - fails);
        open *= fails;
        let next = begins + TIMEOUT + BACKOFF;
        if begins + TIMEOUT < deadline {
            all.timeouts += open;
        }
        if next < deadline {
            all.latency += open * BACKOFF;
        } else if !is_known {
            all.latency += open * (deadline - begins - lasts);
        }
        begins = next;
    }
    all.latency += all.worked;
    all.lost = open;
    all
}

/// Attempts at 0, 100 and 200 ms; a deadline that falls into the third, or into the wait before it. Clients
/// have it, or a service, or the clients of a service that notices. The servers notice too, or do not.
fn check_until_deadline(checked: &mut Checked) {
    for by in [By::Client, By::Service, By::ServiceOfClient] {
        for deadline in [0.25, 0.19] {
            for abandoned in ["cancel", "serve"] {
                check_deadline(by, deadline, abandoned, checked);
            }
        }
    }
}

fn check_deadline(by: By, deadline: f64, abandoned: &str, checked: &mut Checked) {
    let is_known = !matches!(by, By::ServiceOfClient);
    let (arrivals, own) = if is_known {
        (poisson(RATE), seconds(deadline))
    } else {
        let timeout = format!("timeout = {}\n", seconds(deadline));
        (poisson(RATE) + &timeout, "\"1h\"".to_owned())
    };
    let rules = [
        format!("timeout = {}", seconds(TIMEOUT)),
        format!("deadline = {own}"),
        format!(
            "retry = {{ attempts = \"unlimited\", on = [\"timeout\"], backoff = {} }}",
            seconds(BACKOFF)
        ),
    ];
    let steps = format!("{{ wait = {{ exponential = {} }} }}", seconds(MEAN));
    let text = run_of(Effort::fixed(3e5), RATE, 2.0)
        + &source(by, &arrivals, &rules)
        + &unlimited(&steps, &format!("abandoned = \"{abandoned}\""));
    let runs = Runs::of(&text);
    let expected = course(deadline, is_known);
    let name = |what: &str| format!("{deadline} s for {by:?}, {abandoned}: {what}");
    let sent = per_errand(&runs, |own| own.attempts);
    checked.exact(&name("attempts"), sent, expected.attempts, 0.005);
    let timeouts = per_errand(&runs, |own| own.timeouts);
    checked.exact(&name("timeouts"), timeouts, expected.timeouts, 0.01);
    let done = 1.0 - expected.lost;
    checked.exact(&name("success"), success(&runs), done, 0.005);
    let how = match by {
        By::Client | By::ServiceOfClient => Outcome::ClientTimeout,
        By::Service => Outcome::CallTimeout,
    };
    let gave_up = runs.share(|record| ended(record, how));
    checked.exact(&name("gave up"), gave_up, expected.lost, 0.03);
    let latency = mean_of(&runs, all);
    checked.exact(&name("latency"), latency, expected.latency, 0.005);
    let work = if abandoned == "cancel" {
        expected.worked
    } else {
        expected.attempts * MEAN
    };
    checked.exact(&name("busy"), busy(&runs), RATE * work, 0.01);
    checked.exact(&name("goodput"), runs.goodput(), RATE * done, 0.01);
    let answered = match (by, abandoned) {
        // Also those that nobody waits for any more.
        (By::Client, "serve") => expected.attempts,
        _ => done,
    };
    checked.exact(
        &name("throughput"),
        runs.throughput(),
        RATE * answered,
        0.01,
    );
}

/// What is not listed is not tried again.
fn check_not_listed(checked: &mut Checked) {
    let steps = format!("{{ wait = {{ exponential = {} }} }}", seconds(MEAN));
    for by in [By::Client, By::Service] {
        let on = match by {
            By::Client => "[\"rejected\", \"failed\"]",
            _ => "[\"rejected\"]",
        };
        let rules = [
            format!("timeout = {}", seconds(TIMEOUT)),
            format!("retry = {{ attempts = 3, on = {on} }}"),
        ];
        let text = run_of(Effort::fixed(2e5), RATE, 2.0)
            + &source(by, &poisson(RATE), &rules)
            + &unlimited(&steps, "");
        let runs = Runs::of(&text);
        let name = |what: &str| format!("{by:?} tries again on {on}: {what}");
        let sent = per_errand(&runs, |own| own.attempts);
        checked.exact(&name("attempts"), sent, 1.0, 1e-9);
        checked.exact(&name("success"), success(&runs), 1.0 - late(), 0.01);
    }
}

/// Three attempts, with waits before the second and the third that have known means.
fn check_counted_out(checked: &mut Checked) {
    let q = late();
    let steps = format!("{{ wait = {{ exponential = {} }} }}", seconds(MEAN));
    for (backoff, waits) in [
        (
            "{ exponential = \"20ms\", jitter = \"none\" }",
            [0.02, 0.04],
        ),
        (
            "{ exponential = \"20ms\", jitter = \"full\" }",
            [0.01, 0.02],
        ),
        (
            "{ exponential = \"20ms\", factor = 3, jitter = \"equal\" }",
            [0.015, 0.045],
        ),
        (
            "{ exponential = \"20ms\", factor = 9, cap = \"50ms\", jitter = \"none\" }",
            [0.02, 0.05],
        ),
        (
            "{ exponential = \"20ms\", jitter = \"decorrelated\" }",
            [0.04, 0.07],
        ),
        (
            "{ law = { uniform = { from = \"10ms\", to = \"50ms\" } } }",
            [0.03, 0.03],
        ),
        ("\"0s\"", [0.0, 0.0]),
    ] {
        for by in [By::Client, By::Service] {
            let rules = [
                format!("timeout = {}", seconds(TIMEOUT)),
                format!("retry = {{ attempts = 3, backoff = {backoff} }}"),
            ];
            let text = run_of(Effort::fixed(2e5), RATE, 2.0)
                + &source(by, &poisson(RATE), &rules)
                + &unlimited(&steps, "abandoned = \"cancel\"");
            let runs = Runs::of(&text);
            let name = |what: &str| format!("backoff of {by:?} {backoff}: {what}");
            let attempts = 1.0 + q + q * q;
            let sent = per_errand(&runs, |own| own.attempts);
            checked.exact(&name("attempts"), sent, attempts, 0.01);
            checked.exact(&name("success"), success(&runs), 1.0 - q * q * q, 0.01);
            let worked = MEAN * (1.0 - q) * attempts;
            let latency = worked + q * waits[0] + q * q * waits[1];
            checked.exact(&name("latency"), mean_of(&runs, all), latency, 0.01);
            checked.exact(&name("busy"), busy(&runs), RATE * worked, 0.01);
        }
    }
}

/// A client's patience covers all of its attempts: they begin at 0, 150 and 300 ms if those before have
/// failed, and it leaves after 330 ms.
fn check_patience(checked: &mut Checked) {
    let rules = [
        "patience = \"330ms\"".to_owned(),
        "deadline = \"1h\"".to_owned(),
        "retry = { attempts = \"unlimited\", backoff = \"100ms\" }".to_owned(),
    ];
    let steps =
        "{ call = \"failure\", probability = \"50%\" }, { wait = { exponential = \"20ms\" } }";
    let text = run_of(Effort::fixed(4e5), RATE, 2.0)
        + &source(By::Client, &poisson(RATE), &rules)
        + &unlimited(steps, "abandoned = \"cancel\"")
        + "[components.failure]\nkind = \"dependency\"\nlatency = \"50ms\"\nerrors = \"100%\"\n";
    let runs = Runs::of(&text);
    let in_time = |starts: f64| 1.0 - math::exp(-(0.33 - starts) / 0.02);
    let done = 0.5 * in_time(0.0) + 0.25 * in_time(0.15) + 0.125 * in_time(0.3);
    checked.exact("patience: success", success(&runs), done, 0.005);
    let left = runs.share(|record| ended(record, Outcome::ClientAbort));
    checked.exact("patience: left", left, 1.0 - done, 0.02);
    let sent = per_errand(&runs, |own| own.attempts);
    checked.exact("patience: attempts", sent, 1.75, 0.005);
}
