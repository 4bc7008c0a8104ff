//! What is said of tables that k6 would refuse.

use crate::traffic::tools::testing::wrong;

#[test]
fn every_executor_has_its_own_fields() {
    assert_eq!(
        wrong("[k6]\nexecutor = \"ramping-vus\"\nrate = 5\nvus = 3"),
        [
            "/k6: missing key `stages`",
            "/k6/rate: `ramping-vus` has no `rate`",
            "/k6/vus: `ramping-vus` has no `vus`",
        ]
    );
    assert_eq!(
        wrong("[k6]\nexecutor = \"constant-arrival-rate\""),
        [
            "/k6: missing key `duration`",
            "/k6: missing key `preAllocatedVUs`",
            "/k6: missing key `rate`",
        ]
    );
    assert_eq!(
        wrong("[k6]\nexecutor = \"externally-controlled\""),
        ["/k6/executor: `externally-controlled` was removed in k6 2.0"]
    );
    assert_eq!(
        wrong("[k6]\nexecutor = \"constant-vus\"\npreAllocatedVus = 1"),
        ["/k6: unknown key `preAllocatedVus`"]
    );
}

/// A table without its first line, and what is said of it.
const REFUSED: &[(&str, &str)] = &[
    (
        "executor = \"shared-iterations\"\nvus = 10\niterations = 5",
        "/k6/iterations: fewer iterations (5) than users to share them (10)",
    ),
    (
        "executor = \"shared-iterations\"\nvus = 10",
        "/k6/vus: fewer iterations (1) than users to share them (10)",
    ),
    (
        "executor = \"per-vu-iterations\"\niterations = 0",
        "/k6/iterations: `iterations` must be above 0",
    ),
    (
        "executor = \"constant-vus\"\nvus = 0\nduration = \"1m\"",
        "/k6/vus: `vus` must be above 0",
    ),
    (
        "executor = \"constant-vus\"\nduration = 60",
        "/k6/duration: `duration` must be at least 1s, not 60 ms",
    ),
    (
        "executor = \"constant-vus\"\nvus = 1000000000000000000\nduration = \"1m\"",
        "/k6/vus: expected at most 4294967295, found the number 1000000000000000000",
    ),
    (
        "executor = \"constant-vus\"\nvus = 4000000000\nduration = \"1m\"",
        "/k6/vus: `vus` is 4000000000, but k6 has at most 100000000 users",
    ),
    (
        "executor = \"ramping-vus\"\nstages = []",
        "/k6/stages: at least one stage is needed",
    ),
    (
        "executor = \"ramping-vus\"\nstartVUs = 0\nstages = [{ target = 0, duration = 9 }]",
        "/k6/stages: `startVUs` or one of the targets must be above 0",
    ),
    (
        "executor = \"ramping-vus\"\nstages = [{ target = 5, duration = 0 }]",
        "/k6/stages: these stages are over at once",
    ),
    (
        "executor = \"ramping-vus\"\nstages = [{ duration = \"1s\" }]",
        "/k6/stages/0: missing key `target`",
    ),
    (
        "executor = \"constant-arrival-rate\"\nrate = 0\nduration = \"1m\"\npreAllocatedVUs = 1",
        "/k6/rate: `rate` must be above 0",
    ),
    (
        "executor = \"constant-arrival-rate\"\nrate = 1.5\nduration = \"1m\"\npreAllocatedVUs = 1",
        "/k6/rate: expected a whole number, found the number 1.5",
    ),
    (
        "executor = \"constant-arrival-rate\"\nrate = 1\ntimeUnit = \"0ns\"\nduration = \"1m\"\n\
             preAllocatedVUs = 1",
        "/k6/timeUnit: `timeUnit` must be longer than 0",
    ),
    (
        "executor = \"constant-arrival-rate\"\nrate = 1\nduration = \"1m\"\npreAllocatedVUs = 3\n\
             maxVUs = 2",
        "/k6/maxVUs: `maxVUs` (2) is below `preAllocatedVUs` (3)",
    ),
    (
        "executor = \"constant-arrival-rate\"\nrate = 1\nduration = \"1m\"\npreAllocatedVUs = 0",
        "/k6/preAllocatedVUs: nobody is there to run iterations",
    ),
    (
        "executor = \"ramping-arrival-rate\"\nstages = [{ target = 0, duration = \"1s\" }]\n\
             preAllocatedVUs = 1",
        "/k6/stages: `startRate` or one of the targets must be above 0",
    ),
];

#[test]
fn what_k6_refuses_is_refused() {
    for (text, problem) in REFUSED {
        assert_eq!(wrong(&format!("[k6]\n{text}")), [*problem], "{text}");
    }
}
