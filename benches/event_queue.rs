//! The event queue against the ones it was chosen over, in the hold model: a constant number of pending
//! events, of which the next is taken and another is scheduled an exponential time later. That is what
//! the engine does on nearly every event; nanoseconds are per such hold.

mod interleaved;
mod rejected;

use std::time::Duration;

use capsim::engine::EventQueue;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use interleaved::{Turn, compare, is_measuring, nanos, print_header};
use rand::SeedableRng as _;
use rand_distr::{Distribution as _, Exp1};
use rejected::{Event, NarrowKeys, Queue, Standard, WideKeys};

/// How many events are pending.
const POPULATIONS: [usize; 3] = [10, 1_000, 100_000];
/// Delays drawn beforehand: more than a branch predictor can learn by heart.
const DELAYS: usize = 1 << 16;
/// On average the next event is this far away, whatever the population.
const GAP: f64 = 1_000.0;
/// Holds of one turn.
const HOLDS: usize = 200_000;

/// The hold model around a queue.
struct Hold<Q> {
    queue: Q,
    delays: Vec<u64>,
    n_held: usize,
}

impl<Q: Queue> Hold<Q> {
    fn new(population: usize) -> Self {
        let mut rng = capsim::rng::Stream::seed_from_u64(1);
        let mean = GAP * population as f64;
        let delays = (0..DELAYS).map(|_| {
            let one: f64 = Exp1.sample(&mut rng);
            (mean * one) as u64 + 1
        });
        let mut hold = Self {
            queue: Q::with_room_for(population),
            delays: delays.collect(),
            n_held: 0,
        };
        for event in 0..population {
            hold.queue
                .schedule(hold.delays[event % DELAYS], event as Event);
        }
        // Into the steady state: every first event has gone.
        for _ in 0..4 * population {
            hold.next();
        }
        hold
    }

    #[inline]
    fn next(&mut self) -> (u64, Event) {
        let (now, event) = self.queue.take();
        let delay = self.delays[self.n_held % DELAYS];
        self.n_held += 1;
        self.queue.schedule(now + delay, event);
        (now, event)
    }

    /// A turn of the comparison: nanoseconds per hold.
    fn turn(&mut self) -> f64 {
        let time = nanos(|| {
            for _ in 1..HOLDS {
                self.next();
            }
            self.next()
        });
        time / HOLDS as f64
    }
}

fn measure<Q: Queue>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, population: usize) {
    let mut hold = Hold::<Q>::new(population);
    group.bench_function(BenchmarkId::new(name, population), |bencher| {
        bencher.iter(|| hold.next());
    });
    let (now, _) = hold.next();
    assert!(now < NarrowKeys::END, "the narrow keys have overflowed");
}

/// All queues take the same events at the same instants.
fn check(population: usize) {
    let mut tree = Hold::<EventQueue<Event>>::new(population);
    let mut wide = Hold::<WideKeys>::new(population);
    let mut standard = Hold::<Standard>::new(population);
    // Simultaneous events come in another order out of the narrow keys: instants only.
    let mut narrow = Hold::<NarrowKeys>::new(population);
    for _ in 0..10_000 {
        let next = tree.next();
        assert_eq!((wide.next(), standard.next()), (next, next), "wrong order");
        assert_eq!(narrow.next().0, next.0, "wrong instant");
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
        .configure_from_args();
    let mut group = criterion.benchmark_group("hold");
    group.throughput(Throughput::Elements(1));
    for population in POPULATIONS {
        check(population);
        measure::<EventQueue<Event>>(&mut group, "winner_tree", population);
        measure::<NarrowKeys>(&mut group, "4ary_u64", population);
        measure::<WideKeys>(&mut group, "4ary_u128", population);
        measure::<Standard>(&mut group, "standard", population);
    }
    group.finish();
    criterion.final_summary();
    if !is_measuring() {
        return;
    }
    print_header(
        "ns per hold",
        &["winner tree", "4-ary u64", "4-ary u128", "standard"],
    );
    for population in POPULATIONS {
        let mut tree = Hold::<EventQueue<Event>>::new(population);
        let mut narrow = Hold::<NarrowKeys>::new(population);
        let mut wide = Hold::<WideKeys>::new(population);
        let mut standard = Hold::<Standard>::new(population);
        let mut contestants: [Turn<'_>; 4] = [
            Box::new(|| tree.turn()),
            Box::new(|| narrow.turn()),
            Box::new(|| wide.turn()),
            Box::new(|| standard.turn()),
        ];
        compare(&population.to_string(), &mut contestants);
    }
}
