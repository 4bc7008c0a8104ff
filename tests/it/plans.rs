//! Plans against brute force: every choice with many replications.

use std::sync::Mutex;

use capsim::engine::Watch;
use capsim::experiment::plan::{Bench, Fate, Observation, Plan, Rule, plan};
use capsim::experiment::{Counters, Session};
use capsim::metrics::Metric;
use capsim::scenario::{Memory, Scenario, Sweep, load_plan};
use capsim::units::Fraction;

/// Replications of each choice that a plan may take, and that brute force would take.
const MANY: u32 = 250;

/// How many servers: a long horizon is replaced by many short ones.
const SERVERS: &str = r#"
[run]
horizon = "20s"
[sources.users]
arrivals = "poisson"
rate = "150/s"
enters = "web"
[components.web]
kind = "service"
count = 1
vcpu = 1
workers = { count = 1, backlog = 1000 }
cost = "$1/h"
operations.default.steps = [{ cpu = { exponential = "20ms" } }]
[objectives]
latency_p95 = "< 100ms"
success_rate = "> 99%"
[plan.choose]
"components.web.count" = { from = 1, to = 12 }
"#;

/// How many servers of which size, and how many connections each.
const POOLS: &str = r#"
[run]
horizon = "10s"
[sources.users]
arrivals = "poisson"
rate = "120/s"
enters = "web"
[components.web]
kind = "service"
count = 1
vcpu = 1
workers = { count = 8, backlog = 400 }
cost = "$1/h"
[components.web.pools.db]
to = "db"
max = 2
timeout = "1s"
[components.web.operations.default]
steps = [
  { cpu = { exponential = "10ms" } },
  { query = "db", pool = "db", time = { exponential = "25ms" } },
]
[components.db]
kind = "database"
cores = 4
cost = "$3/h"
[objectives]
latency_p95 = "< 250ms"
success_rate = "> 99%"
[plan.choose]
"components.web.count" = { from = 1, to = 4 }
"components.web.pools.db.max" = [1, 2, 4]
"components.db.cores" = [2, 4]
"#;

/// An autoscaler, whose costs vary.
const SCALED: &str = r#"
[run]
horizon = "60s"
[sources.users]
arrivals = "poisson"
rate = "30/s"
curve = [{ hold = "10s" }, { ramp_to = 4, over = "10s" }, { hold = "40s" }]
enters = "web"
timeout = "5s"
[components.web]
kind = "service"
count = 6
vcpu = 1
workers = { count = 4, backlog = 200 }
boot = { lognormal = { mean = "4s", cv = 0.3 } }
cost = "$1/h"
operations.default.steps = [{ cpu = { exponential = "20ms" } }]
[components.web.autoscaler]
kind = "script"
interval = "5s"
min = 2
max = 12
[objectives]
latency_p95 = "< 600ms"
success_rate = "> 98%"
[plan.choose]
"components.web.autoscaler.min" = { from = 1, to = 6 }
"components.web.autoscaler.add" = [1, 2]
"#;

struct InMemory {
    choices: Sweep,
    known: Mutex<Vec<Vec<Observation>>>,
    /// Fails after so many times of keeping something, as a crash would.
    left: Mutex<u32>,
}

impl InMemory {
    fn new(choices: Sweep) -> Self {
        let n = choices.points().len();
        Self {
            choices,
            known: Mutex::new(vec![Vec::new(); n]),
            left: Mutex::new(u32::MAX),
        }
    }
}

impl Bench for InMemory {
    type Error = &'static str;

    fn scenario(&self, choice: usize) -> Scenario {
        self.choices.scenario(choice)
    }

    fn places(&self) -> Vec<Vec<usize>> {
        self.choices.places()
    }

    fn known(&self) -> Vec<Vec<Observation>> {
        self.known.lock().expect("nobody panics").clone()
    }

    fn keep(&self, choice: usize, known: &[Observation]) -> Result<(), Self::Error> {
        let mut left = self.left.lock().expect("nobody panics");
        *left = left.checked_sub(1).ok_or("the disk is full")?;
        self.known.lock().expect("nobody panics")[choice] = known.to_vec();
        Ok(())
    }
}

fn choices(text: &str) -> Sweep {
    let files = Memory::default().with("test.toml", text);
    let loaded = load_plan(&files, std::path::Path::new("test.toml"), &[]);
    let loaded = loaded.unwrap_or_else(|p| panic!("{}", p.found.render(&p.sources, false)));
    loaded.plan.expect("choices").choices
}

fn rule(is_exhaustive: bool) -> Rule {
    Rule {
        confidence: Fraction::percent(95),
        tolerance: Fraction::percent(20),
        at_least: 8,
        at_most: MANY,
        is_exhaustive,
    }
}

fn planned(bench: &InMemory, rule: Rule) -> Result<Plan, &'static str> {
    let (watch, counters) = (Watch::default(), Counters::default());
    let session = Session {
        watch: &watch,
        counters: &counters,
    };
    plan(bench, rule, &session).map(|plan| plan.expect("nobody interrupts"))
}

/// Replications of each choice that these tests take by brute force; `CAPSIM_TEST_PLANS=250` takes as many as are
/// counted.
fn n_brute() -> u32 {
    let asked = std::env::var("CAPSIM_TEST_PLANS").ok();
    asked.map_or(40, |n| n.parse().expect("CAPSIM_TEST_PLANS is a number"))
}

/// Cost of each choice, and whether it meets every objective, by as many replications as there may be.
fn brute_force(choices: &Sweep) -> Vec<(f64, bool)> {
    let one = |at: usize| {
        let sets = format!("replications = {}", n_brute());
        let text = choices.scenario(at).resolved().to_owned();
        let scenario = crate::support::load(&with_replications(&text, &sets)).scenario;
        let found = crate::support::run(&scenario);
        let met = found
            .objectives
            .iter()
            .zip(scenario.objectives())
            .all(|(found, asked)| found.estimate.is_some_and(|own| asked.holds(own.value)));
        (
            found.figure(Metric::Cost).expect("a cost").value,
            met && found.overflow_s.is_none(),
        )
    };
    (0..choices.points().len()).map(one).collect()
}

fn with_replications(resolved: &str, rule: &str) -> String {
    let mut tree: toml::Table = resolved.parse().expect("TOML");
    let rule: toml::Table = rule.parse().expect("TOML");
    let run = tree
        .get_mut("run")
        .and_then(|run| run.as_table_mut())
        .expect("[run]");
    run.extend(rule);
    tree.to_string()
}

/// The answer is that of brute force, or costs the same up to what may go either way.
#[expect(clippy::print_stdout, reason = "the figures of the experiment")]
fn agrees(text: &str, name: &str) {
    let bench = InMemory::new(choices(text));
    let found = planned(&bench, rule(false)).expect("nothing fails");
    let all = brute_force(&bench.choices);
    let best = all
        .iter()
        .filter(|own| own.1)
        .map(|own| own.0)
        .fold(f64::INFINITY, f64::min);
    let chosen = found
        .chosen
        .unwrap_or_else(|| panic!("{name}: nothing found: {found:?}"));
    let brute = all.len() as u64 * u64::from(MANY);
    println!(
        "{name}: {} choices, chosen {chosen} for {:.4}, brute force {best:.4}, {} of {brute} replications",
        all.len(),
        found.tried[chosen].cost,
        found.replications
    );
    assert!(
        all[chosen].1,
        "{name}: {chosen} does not meet the objectives"
    );
    assert!(
        (all[chosen].0 / best - 1.0).abs() < 0.02,
        "{name}: {} against {best}",
        all[chosen].0
    );
    assert!(
        found.replications * 10 <= brute,
        "{name}: {} of {brute}",
        found.replications
    );
}

#[test]
fn servers_as_brute_force_has_them() {
    agrees(SERVERS, "servers");
}

#[test]
fn pools_as_brute_force_has_them() {
    agrees(POOLS, "pools");
}

#[test]
fn scaled_as_brute_force_has_them() {
    agrees(SCALED, "scaled");
}

/// What is cheaper than the answer is known to miss, whether by a test or because it can be no better than what
/// misses; without shortcuts the answer is the same.
#[test]
fn shortcuts_do_not_change_the_answer() {
    let bench = InMemory::new(choices(SERVERS));
    let (quick, full) = (
        planned(&bench, rule(false)),
        planned(&InMemory::new(choices(SERVERS)), rule(true)),
    );
    let (quick, full) = (quick.expect("a plan"), full.expect("a plan"));
    assert_eq!(quick.chosen, full.chosen);
    let chosen = quick.chosen.expect("an answer");
    let is_known = |own: &Fate| {
        matches!(
            own,
            Fate::Missed { .. } | Fate::Overloaded | Fate::LeftOut { .. }
        )
    };
    assert!(quick.tried[..chosen].iter().all(|own| is_known(&own.fate)));
    assert!(
        quick
            .tried
            .iter()
            .any(|own| matches!(own.fate, Fate::LeftOut { .. }))
    );
    assert!(
        !full
            .tried
            .iter()
            .any(|own| matches!(own.fate, Fate::LeftOut { .. }))
    );
    assert!(quick.replications < full.replications);
}

/// A search that was cut off anywhere goes on to the same plan, and does nothing twice.
#[test]
fn a_search_goes_on_where_it_was() {
    let whole = planned(&InMemory::new(choices(SCALED)), rule(false)).expect("a plan");
    for cut in [3, 12, 14, 17] {
        let bench = InMemory::new(choices(SCALED));
        *bench.left.lock().expect("nobody panics") = cut;
        assert!(planned(&bench, rule(false)).is_err(), "cut off after {cut}");
        *bench.left.lock().expect("nobody panics") = u32::MAX;
        assert_eq!(
            planned(&bench, rule(false)).as_ref(),
            Ok(&whole),
            "after {cut}"
        );
    }
}

/// Where nothing meets the objectives that is said, and where it cannot be decided, that.
#[test]
fn no_answer_is_an_answer() {
    let hopeless = SERVERS.replace("to = 12", "to = 2");
    let found = planned(&InMemory::new(choices(&hopeless)), rule(false)).expect("a plan");
    assert_eq!((found.chosen, found.open.len()), (None, 0));
    let short = Rule {
        at_most: 8,
        tolerance: Fraction::percent(1),
        ..rule(false)
    };
    let close = SERVERS.replace("from = 1, to = 12", "from = 4, to = 4");
    let found = planned(&InMemory::new(choices(&close)), short).expect("a plan");
    assert_eq!((found.chosen, found.open), (None, vec![0]));
}
