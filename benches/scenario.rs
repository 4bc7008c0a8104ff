//! What comes before a run: reading and checking a scenario, building a replication.

use std::path::Path;
use std::time::Duration;

use capsim::component::System;
use capsim::rng::Streams;
use capsim::scenario::{Disk, Loaded, load};
use criterion::{BatchSize, Criterion};

/// The launch scenario, with the files it uses.
fn launch() -> Loaded {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/100x.toml");
    load(&Disk, Path::new(path), &[])
        .unwrap_or_else(|problems| panic!("{}", problems.found.render(&problems.sources, false)))
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut group = criterion.benchmark_group("100x");
    // Every point of the sweep is compiled, so that none can fail half-way.
    group.bench_function("load", |bencher| bencher.iter(launch));
    let scenario = launch().scenario;
    let streams = Streams::new(scenario.seed(), 0);
    group.bench_function("build", |bencher| {
        // The routine's result is dropped outside the measurement.
        bencher.iter_batched(
            || scenario.blueprint(),
            |blueprint| System::new(blueprint, streams),
            BatchSize::PerIteration,
        );
    });
    group.finish();
    criterion.final_summary();
}
