//! Scenarios under `benches/scenarios`, each timed by criterion and then in turns with the others.

use std::path::Path;
use std::time::Duration;

use capsim::component::System;
use capsim::engine::{Ended, Watch};
use capsim::metrics::Recorder;
use capsim::rng::Streams;
use capsim::scenario::{Disk, Scenario, load};
use criterion::{BatchSize, Criterion, SamplingMode, Throughput};

use crate::interleaved::{Turn, compare, is_measuring, nanos, print_header};

/// What the time of a run is divided by: its name in the singular, and how many of them a run has.
pub(crate) type Unit = (&'static str, fn(&Recorder) -> u64);

/// A scenario, and how many units of work it has.
struct Case {
    name: &'static str,
    scenario: Scenario,
    n_units: u64,
}

impl Case {
    fn new(name: &'static str, (_, count): Unit) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scenarios");
        let loaded = load(&Disk, &folder.join(format!("{name}.toml")), &[]);
        let loaded = loaded.unwrap_or_else(|problems| {
            panic!("{}", problems.found.render(&problems.sources, false))
        });
        let mut case = Self {
            name,
            scenario: loaded.scenario,
            n_units: 0,
        };
        let mut system = case.build();
        run(&mut system);
        case.n_units = count(system.recorder());
        case
    }

    fn build(&self) -> System {
        System::new(self.scenario.blueprint(), Streams::new(1, 0))
    }

    /// A turn: nanoseconds per unit.
    fn turn(&self) -> f64 {
        let mut system = self.build();
        nanos(|| run(&mut system)) / self.n_units as f64
    }
}

fn run(system: &mut System) {
    let ended = system.run(&Watch::default());
    assert_ne!(ended, Ended::Interrupted, "nobody interrupts");
}

/// Times the scenarios with these names, and prints a table in which they take turns.
pub(crate) fn bench<const N: usize>(title: &str, names: [&'static str; N], unit: Unit) {
    let cases = names.map(|name| Case::new(name, unit));
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for case in &cases {
        let mut group = criterion.benchmark_group(case.name);
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Elements(case.n_units));
        group.bench_function("capsim", |bencher| {
            bencher.iter_batched_ref(|| case.build(), run, BatchSize::PerIteration);
        });
        group.finish();
    }
    criterion.final_summary();
    if is_measuring() {
        print_header(&format!("ns per {}", unit.0), &names);
        let mut turns = cases
            .each_ref()
            .map(|case| -> Turn<'_> { Box::new(|| case.turn()) });
        compare(title, &mut turns);
    }
}
