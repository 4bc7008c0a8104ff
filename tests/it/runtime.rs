//! The runtime of an instance against what must come out: its life, its CPU, its memory, its processes.

use capsim::experiment::Findings;
use capsim::metrics::Metric;

use crate::support::{load, run};

fn share(findings: &Findings, outcome: &str) -> f64 {
    let found = findings.outcomes.iter().find(|own| own.name == outcome);
    found.map_or(0.0, |own| own.share.value)
}

fn figure(findings: &Findings, metric: Metric) -> f64 {
    findings.figure(metric).expect("there is data").value
}

fn near(found: f64, expected: f64, relative: f64) {
    assert!(
        (found - expected).abs() <= relative * expected.abs(),
        "{found}, expected {expected}"
    );
}

/// A service `web` with these keys, and a source of requests for it.
fn system(horizon: u32, arrivals: &str, web: &str) -> Findings {
    let text = format!(
        "[run]\nhorizon = \"{horizon}s\"\nwarm_up = \"{}s\"\nwindow = \"10s\"\nreplications = 4\n\
         [sources.u]\nenters = \"web\"\n{arrivals}\n[components.web]\nkind = \"service\"\n{web}\n",
        horizon / 10,
    );
    run(&load(&text).scenario)
}

mod life {
    use super::*;

    const POISSON: &str = "arrivals = \"poisson\"\nrate = \"100/s\"";

    /// Up for 60 s on average and down for the 20 s that it boots: a quarter of the time. Nobody looks
    /// whether an instance is up, so a quarter of the requests is refused.
    #[test]
    fn who_is_down_and_not_taken_out_refuses_its_share() {
        let findings = system(
            4000,
            POISSON,
            "count = 10\nworkers = { count = 100 }\ncrash_after = { exponential = \"60s\" }\n\
             restart = { after = \"0s\", boot = \"20s\", deregisters = false }\n\
             operations.default.steps = [{ wait = \"0s\" }]",
        );
        near(share(&findings, "connect_refused"), 0.25, 0.04);
    }

    /// Crashes come at random, every 60 s of an instance's life: who works for a second is hit with
    /// probability 1 - exp(-1/60). Whoever is down gets nothing, so nothing else fails.
    #[test]
    fn a_crash_kills_what_is_in_the_instance() {
        let findings = system(
            2000,
            POISSON,
            "count = 10\nworkers = { count = 1000 }\ncrash_after = { exponential = \"60s\" }\n\
             restart = { after = \"0s\", boot = \"20s\" }\n\
             operations.default.steps = [{ wait = \"1s\" }]",
        );
        near(
            share(&findings, "killed"),
            1.0 - (-1.0f64 / 60.0).exp(),
            0.05,
        );
        near(
            share(&findings, "served") + share(&findings, "killed"),
            1.0,
            1e-9,
        );
    }

    /// Each life of 30 s is shorter than what makes the wait small again: 0, 10, 20, 40 and then 80 s of
    /// waiting follow one another.
    #[test]
    fn who_crashes_again_and_again_waits_longer_and_longer() {
        let findings = system(
            2200,
            "arrivals = \"regular\"\nrate = \"10/s\"",
            "workers = { count = 100 }\ncrash_after = \"30s\"\n\
             restart = { after = \"10s\", at_most = \"80s\", reset_after = \"10m\" }\n\
             operations.default.steps = [{ wait = \"0s\" }]",
        );
        // Up to 220 s: 30 s up, up again at 30, 70, 120 and 190. From then on 30 s of 110.
        near(share(&findings, "served"), 30.0 / 110.0, 0.02);
    }

    /// It serves for ten seconds, and then it never boots within what it is given.
    #[test]
    fn who_does_not_boot_in_time_never_serves() {
        let findings = system(
            100,
            "arrivals = \"regular\"\nrate = \"10/s\"",
            "workers = { count = 100 }\ncrash_after = \"15s\"\nboot = \"61s\"\nboot_timeout = \"60s\"\n\
             operations.default.steps = [{ wait = \"0s\" }]",
        );
        near(share(&findings, "no_instance"), 85.0 / 90.0, 0.01);
    }

    /// Old after 50 s, and 5 s to boot: without a new one at hand there is a gap in every 55 s; preboot
    /// leaves none. What the old one still does is lost only if it just exits.
    #[test]
    fn replacing_leaves_a_gap_unless_the_new_one_comes_first() {
        let with = |replace: &str, on_stop: &str| {
            system(
                5500,
                "arrivals = \"regular\"\nrate = \"20/s\"",
                &format!(
                    "workers = {{ count = 100 }}\nboot = \"5s\"\non_stop = \"{on_stop}\"\n\
                     cycle = {{ every = \"50s\", replace = \"{replace}\" }}\n\
                     operations.default.steps = [{{ wait = \"1s\" }}]"
                ),
            )
        };
        let at_once = with("at_once", "finish");
        near(share(&at_once, "no_instance"), 5.0 / 55.0, 0.03);
        near(share(&at_once, "killed"), 0.0, 0.0);
        let before = with("before", "finish");
        near(share(&before, "served"), 1.0, 0.0);
        near(share(&with("at_once", "drop"), "killed"), 1.0 / 55.0, 0.06);
    }
}
