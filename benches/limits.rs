//! What limits cost: the web path without, and behind nginx's `limit_req` per address over a million clients.
//!
//! The quoted ratio is that of the table at the end, where both take turns.

mod interleaved;

use std::path::Path;
use std::time::Duration;

use capsim::component::System;
use capsim::engine::{Ended, Watch};
use capsim::rng::Streams;
use capsim::scenario::{Disk, Scenario, load};
use criterion::{BatchSize, Criterion, SamplingMode, Throughput};
use interleaved::{Turn, compare, is_measuring, nanos, print_header};

/// A scenario, and how many requests it has.
struct Case {
    name: &'static str,
    scenario: Scenario,
    n_requests: u64,
}

impl Case {
    fn new(name: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scenarios");
        let loaded = load(&Disk, &folder.join(format!("{name}.toml")), &[]);
        let loaded = loaded.unwrap_or_else(|problems| {
            panic!("{}", problems.found.render(&problems.sources, false))
        });
        let mut case = Self {
            name,
            scenario: loaded.scenario,
            n_requests: 0,
        };
        let mut system = case.build();
        run(&mut system);
        case.n_requests = system.recorder().n_arrived();
        case
    }

    fn build(&self) -> System {
        System::new(self.scenario.blueprint(), Streams::new(1, 0))
    }

    /// A turn: nanoseconds per request.
    fn turn(&self) -> f64 {
        let mut system = self.build();
        nanos(|| run(&mut system)) / self.n_requests as f64
    }
}

fn run(system: &mut System) {
    let ended = system.run(&Watch::default());
    assert_ne!(ended, Ended::Interrupted, "nobody interrupts");
}

fn main() {
    let cases = ["w3", "w3_limit_req"].map(Case::new);
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for case in &cases {
        let mut group = criterion.benchmark_group(case.name);
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Elements(case.n_requests));
        group.bench_function("capsim", |bencher| {
            bencher.iter_batched_ref(|| case.build(), run, BatchSize::PerIteration);
        });
        group.finish();
    }
    criterion.final_summary();
    if is_measuring() {
        let names = cases.each_ref().map(|case| case.name);
        print_header("ns per request", &names);
        let mut turns = cases
            .each_ref()
            .map(|case| -> Turn<'_> { Box::new(|| case.turn()) });
        compare("limits", &mut turns);
    }
}
