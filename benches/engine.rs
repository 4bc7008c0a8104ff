//! What generality costs: capsim against loops written by hand for one model, in simulated requests.
//!
//! The quoted ratios are those of the table at the end, where both take turns. Both are built, with all
//! their memory, outside the measured time.

mod interleaved;
mod yardstick;

use std::path::Path;
use std::time::Duration;

use capsim::component::System;
use capsim::engine::{Ended, Watch};
use capsim::metrics::Recorder;
use capsim::rng::Streams;
use capsim::scenario::{Disk, Scenario, load};
use capsim::stats::Histogram;
use criterion::{BatchSize, Criterion, SamplingMode, Throughput};
use interleaved::{Turn, compare, is_measuring, nanos, print_header};
use yardstick::{Loop, Several, Single, Web, WebLoop};

/// How far the mean responses of both may be apart: they draw different numbers, and a queue at 80 %
/// forgets slowly.
const AGREEMENT: f64 = 0.04;
const SEED: u64 = 1;

/// A model, twice.
struct Model {
    name: &'static str,
    scenario: Scenario,
    by_hand: fn() -> Box<dyn Loop>,
    n_requests: u64,
}

impl Model {
    /// Loads the scenario, runs both once and holds them against each other.
    fn new(name: &'static str, file: &str, by_hand: fn() -> Box<dyn Loop>) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scenarios");
        let loaded = load(&Disk, &folder.join(file), &[]).unwrap_or_else(|problems| {
            panic!("{}", problems.found.render(&problems.sources, false))
        });
        let mut model = Self {
            name,
            scenario: loaded.scenario,
            by_hand,
            n_requests: 0,
        };
        let mut system = model.build();
        run(&mut system);
        model.n_requests = system.recorder().n_arrived();
        let ours = mean_response(system.recorder());
        let theirs = by_hand().run(model.n_requests);
        assert!(
            (ours / theirs - 1.0).abs() < AGREEMENT,
            "{name} is not the same model twice: mean responses {ours} ns and {theirs} ns"
        );
        model
    }

    fn build(&self) -> System {
        System::new(self.scenario.blueprint(), Streams::new(SEED, 0))
    }

    /// A turn of capsim: nanoseconds per request.
    fn turn(&self) -> f64 {
        let mut system = self.build();
        nanos(|| run(&mut system)) / self.n_requests as f64
    }

    /// A turn of the loop written by hand: nanoseconds per request.
    fn turn_by_hand(&self) -> f64 {
        let by_hand = (self.by_hand)();
        nanos(|| by_hand.run(self.n_requests)) / self.n_requests as f64
    }
}

fn run(system: &mut System) {
    let ended = system.run(&Watch::default());
    assert_ne!(ended, Ended::Interrupted, "nobody interrupts");
}

/// The mean response time, in nanoseconds.
fn mean_response(recorder: &Recorder) -> f64 {
    let (mut served, mut unserved) = (Histogram::default(), Histogram::default());
    for window in 0..recorder.n_closed() {
        recorder.add_latencies(window, 0, &mut served, &mut unserved);
    }
    assert_eq!(unserved.n(), 0, "nobody gives up in these models");
    served.mean().expect("requests were served").as_nanos() as f64
}

fn web() -> WebLoop {
    let web = Web {
        gap: 1e9 / 15_238.0,
        instances: 50,
        workers: 8,
        pool: 20,
        servers: 64,
    };
    WebLoop::new(web, SEED)
}

fn models() -> [Model; 3] {
    [
        Model::new("M/M/1", "mm1.toml", || {
            Box::new(Single::new(1e9 / 800.0, 1e6, SEED))
        }),
        Model::new("M/M/16", "mm16.toml", || {
            Box::new(Several::new(16, 1e9 / 12_800.0, 1e6, SEED))
        }),
        Model::new("W3", "w3.toml", || Box::new(web())),
    ]
}

fn main() {
    let models = models();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for model in &models {
        // A slash would be a folder of its own.
        let mut group = criterion.benchmark_group(model.name.replace('/', ""));
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Elements(model.n_requests));
        group.bench_function("capsim", |bencher| {
            bencher.iter_batched_ref(|| model.build(), run, BatchSize::PerIteration);
        });
        group.bench_function("yardstick", |bencher| {
            bencher.iter_batched(
                model.by_hand,
                |by_hand| by_hand.run(model.n_requests),
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
    criterion.final_summary();
    if is_measuring() {
        print_header("ns per request", &["yardstick", "capsim"]);
        for model in &models {
            let mut contestants: [Turn<'_>; 2] =
                [Box::new(|| model.turn_by_hand()), Box::new(|| model.turn())];
            compare(model.name, &mut contestants);
        }
    }
}
