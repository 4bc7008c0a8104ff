//! Random numbers and what is made of them: why streams are xoshiro256++ and the draws of requests are
//! `SplitMix64`, and what a draw costs the engine. Nanoseconds are per number.

mod interleaved;

use std::hint::black_box;
use std::time::Duration;

use capsim::diag::Diagnostics;
use capsim::dist::{Law, Sampler, exponential, lognormal};
use capsim::math;
use capsim::rng::{Draw, Salt, Stream};
use capsim::spec::{At, Column, Data};
use capsim::units::SimDuration;
use criterion::{Criterion, Throughput};
use interleaved::{Turn, compare, is_measuring, nanos, print_header};
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution as _, StandardNormal};
use rand_pcg::{Pcg64, Pcg64Mcg};

/// Numbers per iteration: the measuring itself is spread over that many.
const BATCH: u64 = 1_000;
/// How often a turn of the comparison goes through a batch.
const REPEATS: usize = 1_000;

/// Laws with parameters need no data files.
struct NoData;

impl Data for NoData {
    fn column(&mut self, _: &Column<'_>, _: &mut Diagnostics) -> Option<Vec<f64>> {
        None
    }

    fn labels(
        &mut self,
        _: &At<String>,
        _: &At<String>,
        _: &mut Diagnostics,
    ) -> Option<(Vec<u32>, Vec<String>)> {
        None
    }
}

fn sampler(law: &Law) -> Sampler {
    law.sampler(&mut NoData, &mut Diagnostics::default())
        .expect("a law with parameters has a sampler")
}

/// One number after the other from one generator, as a stream is used.
fn numbers<R: Rng + SeedableRng>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(BATCH));
    let mut rng = R::seed_from_u64(1);
    group.bench_function(name, |bencher| {
        bencher.iter(|| (0..BATCH).fold(0, |all, _| all ^ rng.next_u64()));
    });
    group.finish();
}

/// The first number of a generator made for it, as the draw of a request is.
fn first_numbers<R: Rng + SeedableRng>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group("first_number");
    group.throughput(Throughput::Elements(BATCH));
    let salt = black_box(1);
    let mut request = 0;
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            request += BATCH;
            (request..request + BATCH).fold(0, |all, n| all ^ R::seed_from_u64(n ^ salt).next_u64())
        });
    });
    group.finish();
}

/// Draws from a law: from a stream, and for requests, each from a generator of its own.
fn draws(criterion: &mut Criterion, name: &str, law: &Law) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(BATCH));
    let sampler = black_box(sampler(law));
    let mut stream = Stream::seed_from_u64(1);
    group.bench_function("stream", |bencher| {
        bencher.iter(|| (0..BATCH).fold(0, |all, _| all ^ sampler.sample(&mut stream).as_nanos()));
    });
    let salt = Salt::new("web/page/steps/0", "cpu");
    // The numbers of requests come from a stream themselves.
    let mut source = Stream::seed_from_u64(2);
    let requests: Vec<u64> = (0..BATCH).map(|_| source.next_u64()).collect();
    group.bench_function("request", |bencher| {
        bencher.iter(|| {
            requests.iter().fold(0, |all, request| {
                all ^ sampler.sample(&mut salt.draw(*request)).as_nanos()
            })
        });
    });
    group.finish();
}

/// A turn of the comparison: nanoseconds per value that `make` gives for one of `inputs`. The function is
/// known to the compiler, as where the engine calls it.
fn turn<T: Copy>(inputs: &[T], make: impl Fn(T) -> f64) -> f64 {
    let all = || -> f64 { inputs.iter().map(|input| make(*input)).sum() };
    let time = nanos(|| (0..REPEATS).map(|_| all()).sum::<f64>());
    time / (REPEATS * inputs.len()) as f64
}

/// The exponential function, and log-normal draws of requests with it.
fn compare_exponentials() {
    let mut stream = Stream::seed_from_u64(1);
    let requests: Vec<u64> = (0..BATCH).map(|_| stream.next_u64()).collect();
    let power = |request: u64| -> f64 {
        let normal: f64 = StandardNormal.sample(&mut Draw::seed_from_u64(request));
        16.5 + 0.83 * normal
    };
    let powers: Vec<f64> = requests.iter().map(|request| power(*request)).collect();
    #[expect(
        clippy::disallowed_methods,
        reason = "the platform's, for comparison only"
    )]
    let platform = |power: f64| power.exp();
    print_header("ns per value", &["capsim", "libm", "platform"]);
    let mut alone: [Turn<'_>; 3] = [
        Box::new(|| turn(&powers, math::exp)),
        Box::new(|| turn(&powers, libm::exp)),
        Box::new(|| turn(&powers, platform)),
    ];
    compare("exp", &mut alone);
    let mut draws: [Turn<'_>; 3] = [
        Box::new(|| turn(&requests, |request| math::exp(power(request)))),
        Box::new(|| turn(&requests, |request| libm::exp(power(request)))),
        Box::new(|| turn(&requests, |request| platform(power(request)))),
    ];
    compare("log-normal", &mut draws);
    let mut normal: [Turn<'_>; 1] = [Box::new(|| turn(&requests, power))];
    compare("normal only", &mut normal);
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
        .configure_from_args();
    numbers::<Stream>(&mut criterion, "xoshiro256++");
    numbers::<Draw>(&mut criterion, "splitmix64");
    numbers::<Pcg64Mcg>(&mut criterion, "pcg64_mcg");
    numbers::<Pcg64>(&mut criterion, "pcg64");
    first_numbers::<Draw>(&mut criterion, "splitmix64");
    first_numbers::<Stream>(&mut criterion, "xoshiro256++");
    first_numbers::<Pcg64Mcg>(&mut criterion, "pcg64_mcg");
    first_numbers::<Pcg64>(&mut criterion, "pcg64");
    let mean = At::built_in(SimDuration::from_secs_f64(0.02));
    let exponential = Law::Exponential(exponential::Exponential(mean));
    draws(&mut criterion, "exponential", &exponential);
    let lognormal = Law::LogNormal(lognormal::LogNormal {
        mean: Some(mean),
        cv: Some(At::built_in(1.0)),
        median: None,
        p95: None,
    });
    draws(&mut criterion, "lognormal", &lognormal);
    criterion.final_summary();
    if is_measuring() {
        compare_exponentials();
    }
}
