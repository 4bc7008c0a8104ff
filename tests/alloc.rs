//! The event loop does not allocate: counted over the second half of the launch scenario.
//!
//! A binary of its own, because it replaces the allocator.

use std::alloc::{GlobalAlloc, Layout, System as SystemAllocator};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use capsim::component::System;
use capsim::engine::{Ended, Watch};
use capsim::rng::Streams;
use capsim::scenario::{self, Disk};
use capsim::units::{SimDuration, SimTime};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written without; it passes everything on"
)]
// SAFETY: every call is passed on unchanged to the system's allocator, which upholds the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { SystemAllocator.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { SystemAllocator.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { SystemAllocator.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs a scenario and counts what its second half allocates; gives how many events that had, too.
fn allocations_of_second_half(path: &str, sets: &[&str], seconds: u64) -> (u64, u64) {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let loaded = scenario::load(&Disk, Path::new(path), &sets).expect("the scenario is fine");
    let mut system = System::new(loaded.scenario.blueprint(), Streams::new(1, 0));
    let watch = Watch::default();
    let half = SimTime::ZERO + SimDuration::from_secs(seconds / 2);
    let end = SimTime::ZERO + SimDuration::from_secs(seconds - 1);
    assert_eq!(system.run_until(half, &watch), Ended::AtLimit);
    let events = system.n_events();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    assert_eq!(system.run_until(end, &watch), Ended::AtLimit);
    let allocated = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert!(before > 1000, "the allocator is counted");
    (allocated, system.n_events() - events)
}

/// All cases in one test: they count the allocations of the whole process.
#[test]
fn the_second_half_of_a_run_allocates_nothing() {
    // A tenth of the traffic keeps the test short; caches are small enough to be full by half-time.
    let (allocated, events) = allocations_of_second_half(
        concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/100x.toml"),
        &[
            "sources.visitors.rate=20/s",
            "components.pages.capacity=100",
        ],
        45 * 60,
    );
    assert!(events > 1_000_000, "the second half is no idle time");
    assert_eq!(allocated, 0, "in {events} events");
    // Users with pages to load, clients who try again, and a service that persists with what it calls.
    let (allocated, events) = allocations_of_second_half(
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/specs/alloc/persistent.toml"
        ),
        &[],
        600,
    );
    assert!(events > 1_000_000, "the second half is no idle time");
    assert_eq!(allocated, 0, "in {events} events with users and retries");
    // Caches that others wait for, and that ask by themselves.
    let (allocated, events) = allocations_of_second_half(
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/specs/alloc/http_cache.toml"
        ),
        &[],
        600,
    );
    assert!(events > 1_000_000, "the second half is no idle time");
    assert_eq!(allocated, 0, "in {events} events with an HTTP cache");
    // Requests that wait in a balancer.
    let (allocated, events) = allocations_of_second_half(
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/scenarios/components/haproxy.toml"
        ),
        &[],
        300,
    );
    assert!(events > 200_000, "the second half is no idle time");
    assert_eq!(allocated, 0, "in {events} events with a line in a balancer");
    // Background jobs.
    let (allocated, events) = allocations_of_second_half(
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/specs/alloc/queues.toml"),
        &[],
        600,
    );
    assert!(events > 1_000_000, "the second half is no idle time");
    assert_eq!(allocated, 0, "in {events} events with background jobs");
    // Limits, failing servers, processes, pools, rows.
    let (allocated, events) = allocations_of_second_half(
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/specs/alloc/web_tier.toml"
        ),
        &[],
        600,
    );
    assert!(events > 1_000_000, "the second half is no idle time");
    assert_eq!(allocated, 0, "in {events} events of a web tier");
}
