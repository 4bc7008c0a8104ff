//! Recording a latency: capsim's histogram against the `hdrhistogram` crate. Latencies are log-normal
//! and drawn beforehand; nanoseconds are per record.

mod interleaved;

use std::time::Duration;

use capsim::rng::Stream;
use capsim::stats::Histogram;
use capsim::units::SimDuration;
use criterion::{Criterion, Throughput};
use hdrhistogram::Histogram as HdrHistogram;
use interleaved::{Turn, compare, is_measuring, nanos, print_header};
use rand::SeedableRng as _;
use rand_distr::{Distribution as _, StandardNormal};

/// Latencies per iteration; with eight bytes each they stay in the nearest caches.
const BATCH: usize = 2_000;
/// How often a turn of the comparison records the batch.
const REPEATS: usize = 500;
/// What `hdrhistogram` is to tell apart: a microsecond to an hour, in nanoseconds.
const BOUNDS: (u64, u64) = (1_000, 3_600_000_000_000);

/// Around 20 ms, with a coefficient of variation of 1.
fn latencies() -> Vec<SimDuration> {
    let mut stream = Stream::seed_from_u64(1);
    let latency = |normal: f64| capsim::math::exp(16.5 + 0.83 * normal);
    let drawn = (0..BATCH).map(|_| latency(StandardNormal.sample(&mut stream)));
    drawn.map(SimDuration::from_nanos_f64).collect()
}

fn hdr(digits: u8) -> HdrHistogram<u64> {
    HdrHistogram::new_with_bounds(BOUNDS.0, BOUNDS.1, digits).expect("the bounds are in order")
}

fn record_all(histogram: &mut Histogram, latencies: &[SimDuration]) -> u64 {
    for latency in latencies {
        histogram.record(*latency);
    }
    histogram.n()
}

fn record_all_hdr(histogram: &mut HdrHistogram<u64>, latencies: &[SimDuration]) -> u64 {
    for latency in latencies {
        histogram.saturating_record(latency.as_nanos());
    }
    histogram.len()
}

/// Nanoseconds per record.
fn turn(mut record_all: impl FnMut() -> u64) -> f64 {
    nanos(|| (0..REPEATS).map(|_| record_all()).max()) / (REPEATS * BATCH) as f64
}

fn main() {
    let latencies = latencies();
    let mut ours = Histogram::default();
    let (mut hdr2, mut hdr3) = (hdr(2), hdr(3));
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("capsim", |bencher| {
        bencher.iter(|| record_all(&mut ours, &latencies));
    });
    group.bench_function("hdr_2_digits", |bencher| {
        bencher.iter(|| record_all_hdr(&mut hdr2, &latencies));
    });
    group.bench_function("hdr_3_digits", |bencher| {
        bencher.iter(|| record_all_hdr(&mut hdr3, &latencies));
    });
    group.finish();
    criterion.final_summary();
    check(&ours, &hdr2);
    if is_measuring() {
        print_header(
            "ns per record",
            &["capsim", "hdr, 2 digits", "hdr, 3 digits"],
        );
        let mut contestants: [Turn<'_>; 3] = [
            Box::new(|| turn(|| record_all(&mut ours, &latencies))),
            Box::new(|| turn(|| record_all_hdr(&mut hdr2, &latencies))),
            Box::new(|| turn(|| record_all_hdr(&mut hdr3, &latencies))),
        ];
        compare("log-normal", &mut contestants);
    }
}

/// Both saw the same latencies, if both saw any.
fn check(ours: &Histogram, hdr: &HdrHistogram<u64>) {
    let Some(median) = ours.quantile(0.5).filter(|_| !hdr.is_empty()) else {
        return;
    };
    let (found, expected) = (median.as_nanos() as f64, hdr.value_at_quantile(0.5) as f64);
    assert!(
        (found / expected - 1.0).abs() < 0.01,
        "the medians are {found} and {expected}"
    );
}
