//! The breaker against walks through resilience4j's documented states, by hand.

use super::super::testing::{problems, read};
use super::*;

fn at(seconds: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(seconds)
}

fn breaker(text: &str) -> Breaker {
    read::<BreakerSpec>(text).start()
}

const QUICK: SimDuration = SimDuration::from_nanos(1_000_000);
const SLOW: SimDuration = SimDuration::from_secs(61);

/// Lets one call through and records it at the same instant.
fn call(breaker: &mut Breaker, now: f64, ok: bool) -> State {
    let permit = breaker.admit(at(now)).expect("it lets calls through");
    breaker.record(permit, at(now), ok, QUICK);
    breaker.state(at(now))
}

#[test]
fn with_its_defaults_it_opens_at_half_of_a_hundred_and_closes_after_ten_trials() {
    let mut breaker = breaker("{}");
    // 99 failures are not enough calls to say anything.
    for _ in 0..99 {
        assert_eq!(call(&mut breaker, 1.0, false), State::Closed);
    }
    assert_eq!(call(&mut breaker, 2.0, true), State::Open);
    assert_eq!(breaker.admit(at(2.1)), None);
    // Sixty seconds later to the nanosecond is not later than sixty seconds.
    assert_eq!(breaker.admit(at(62.0)), None);
    assert_eq!(breaker.state(at(500.0)), State::Open, "nobody called");
    let permits: Vec<_> = (0..11).map(|_| breaker.admit(at(62.001))).collect();
    assert_eq!(permits.iter().flatten().count(), 10);
    assert_eq!(breaker.state(at(62.001)), State::HalfOpen);
    // Four of ten fail: below half.
    for (i, permit) in permits.into_iter().flatten().enumerate() {
        assert_eq!(breaker.state(at(63.0)), State::HalfOpen);
        breaker.record(permit, at(63.0), i >= 4, QUICK);
    }
    assert_eq!(breaker.state(at(63.0)), State::Closed);
    // The window is empty again: 99 more failures do not open it, the hundredth does.
    for _ in 0..99 {
        assert_eq!(call(&mut breaker, 64.0, false), State::Closed);
    }
    assert_eq!(call(&mut breaker, 64.0, false), State::Open);
}

#[test]
fn five_of_ten_trials_open_it_again_and_the_wait_starts_anew() {
    let mut breaker = breaker("{ sliding_window_size = 10, wait_in_open = \"5s\" }");
    // A window of 10 lowers the minimum of 100 to 10.
    for _ in 0..9 {
        assert_eq!(call(&mut breaker, 0.0, false), State::Closed);
    }
    assert_eq!(call(&mut breaker, 0.0, false), State::Open);
    for i in 0..9 {
        assert_eq!(call(&mut breaker, 6.0, i % 2 == 0), State::HalfOpen);
    }
    assert_eq!(call(&mut breaker, 7.0, false), State::Open);
    assert_eq!(breaker.admit(at(12.0)), None);
    // The second trial begins with an empty window, too.
    for _ in 0..9 {
        assert_eq!(call(&mut breaker, 12.5, true), State::HalfOpen);
    }
    assert_eq!(call(&mut breaker, 12.5, true), State::Closed);
}

#[test]
fn old_calls_leave_a_window_of_calls() {
    let mut breaker = breaker("{ sliding_window_size = 4, minimum_calls = 4 }");
    // Never two failures among any four in a row.
    for ok in [false, true, true, true, false, true, true, true, true] {
        assert_eq!(call(&mut breaker, 0.0, ok), State::Closed);
    }
    assert_eq!(call(&mut breaker, 0.0, false), State::Closed);
    assert_eq!(call(&mut breaker, 0.0, true), State::Closed);
    assert_eq!(call(&mut breaker, 0.0, false), State::Open);
}

/// A window of 3 s holds the present second and the two before it.
#[test]
fn old_seconds_leave_a_window_of_time() {
    let spec =
        "{ sliding_window_type = \"time\", sliding_window_size = \"3s\", minimum_calls = 2 }";
    let mut one = breaker(spec);
    assert_eq!(call(&mut one, 0.9, false), State::Closed);
    assert_eq!(
        call(&mut one, 2.9, false),
        State::Open,
        "0, 1 and 2 are three seconds"
    );
    let mut two = breaker(spec);
    assert_eq!(call(&mut two, 0.9, false), State::Closed);
    assert_eq!(
        call(&mut two, 3.0, false),
        State::Closed,
        "second 0 is gone"
    );
    assert_eq!(call(&mut two, 3.1, true), State::Open, "one of two");
}

#[test]
fn slow_calls_open_it_too() {
    let mut breaker = breaker(
        "{ sliding_window_size = 2, slow_call_rate_threshold = \"100%\", slow_call_duration = \"61s\" }",
    );
    let mut slow = |took| {
        let permit = breaker.admit(at(0.0)).expect("closed");
        breaker.record(permit, at(0.0), true, took);
        breaker.state(at(0.0))
    };
    assert_eq!(slow(SLOW), State::Closed);
    assert_eq!(
        slow(SLOW),
        State::Closed,
        "as long as the threshold is not longer"
    );
    let slower = SLOW + SimDuration::from_nanos(1);
    assert_eq!(slow(slower), State::Closed);
    assert_eq!(slow(slower), State::Open);
}

/// Three calls are under way when it opens; their results come in during the trial.
#[test]
fn late_results_decide_about_a_trial_or_are_forgotten() {
    let spec = |late| {
        format!(
            "{{ sliding_window_size = 2, permitted_calls_in_half_open = 2, late_results = \"{late}\" }}"
        )
    };
    for (late, after) in [("count", State::Open), ("ignore", State::Closed)] {
        let mut breaker = breaker(&spec(late));
        let permits: Vec<_> = (0..3).filter_map(|_| breaker.admit(at(0.0))).collect();
        assert_eq!(call(&mut breaker, 1.0, false), State::Closed);
        assert_eq!(call(&mut breaker, 1.0, false), State::Open);
        breaker.record(permits[0], at(2.0), true, QUICK);
        assert_eq!(
            breaker.state(at(2.0)),
            State::Open,
            "nothing counts while it is open"
        );
        assert_eq!(call(&mut breaker, 70.0, true), State::HalfOpen);
        // One success on trial; one failure from long ago: half of two.
        breaker.record(permits[1], at(71.0), false, SLOW);
        if late == "ignore" {
            assert_eq!(breaker.state(at(71.0)), State::HalfOpen);
            call(&mut breaker, 72.0, true);
        }
        assert_eq!(breaker.state(at(73.0)), after);
    }
}

#[test]
fn a_trial_can_run_out_of_time() {
    let open = |text: &str| {
        let mut breaker = breaker(text);
        assert_eq!(call(&mut breaker, 0.0, false), State::Open);
        assert!(breaker.admit(at(61.0)).is_some(), "the only trial");
        breaker
    };
    let mut patient = open("{ sliding_window_size = 1, permitted_calls_in_half_open = 1 }");
    assert_eq!(
        patient.admit(at(1e6)),
        None,
        "it waits for its trial for ever"
    );
    patient.release(Permit(2), at(1e6));
    assert!(patient.admit(at(1e6)).is_some(), "the trial was given back");
    let mut strict = open(
        "{ sliding_window_size = 1, permitted_calls_in_half_open = 1, max_wait_in_half_open = \"9s\" }",
    );
    assert_eq!(strict.state(at(69.9)), State::HalfOpen);
    assert_eq!(strict.state(at(70.0)), State::Open);
    // Open again since 70 s, though nobody called, so the wait ends at 130 s.
    assert_eq!(strict.admit(at(130.0)), None);
    assert!(strict.admit(at(130.1)).is_some());
}

/// With a minimum below the number of trials, the trial is over as soon as the minimum is known.
#[test]
fn a_small_minimum_shortens_the_trial() {
    let mut breaker = breaker("{ minimum_calls = 2, sliding_window_size = 2 }");
    call(&mut breaker, 0.0, false);
    assert_eq!(call(&mut breaker, 0.0, false), State::Open);
    assert_eq!(call(&mut breaker, 61.0, true), State::HalfOpen);
    assert_eq!(call(&mut breaker, 61.0, true), State::Closed);
}

#[test]
fn what_is_wrong_is_said() {
    let about = |text: &str| problems::<BreakerSpec>(text).join("; ");
    assert!(about("{ failure_rate_threshold = \"0%\" }").contains("above 0%"));
    assert!(about("{ wait_in_open = \"0s\" }").contains("longer than 0"));
    let mixed = about("{ sliding_window_type = \"time\", sliding_window_size = 100 }");
    assert_eq!(mixed, "2 the size of this window is a time");
    assert!(about("{ sliding_window_size = \"1500ms\" }").contains("whole seconds"));
    assert!(about("{ sliding_window_size = \"2h\" }").contains("3600 s"));
    assert!(about("{ sliding_window_size = 4000000000 }").contains("at most 100000 calls"));
    assert!(about("{ sliding_window_size = 0 }").contains("at least 1"));
    assert!(about("{ sliding_window_size = true }").contains("a number of calls or a duration"));
    assert!(about("{ permitted_calls_in_half_open = 4000000000 }").contains("on trial"));
}
