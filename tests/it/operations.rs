//! What is done to a system while it runs, against what must come out.

use capsim::experiment::Findings;

use crate::support::{load, run, share};

/// A service with some waiting, and what is added to the scenario.
fn system(more: &str) -> Findings {
    let text = format!(
        "[run]\nhorizon = \"600s\"\nwindow = \"10s\"\nreplications = 3\n\
         [sources.u]\narrivals = \"poisson\"\nenters = \"web\"\n{more}"
    );
    run(&load(&text).scenario)
}

/// Everything but how many events it took to get there.
fn bytes(findings: &Findings) -> String {
    let findings = Findings {
        events: 0,
        ..findings.clone()
    };
    serde_json::to_string(&findings).expect("findings can be written")
}

const WEB: &str = "[components.web]\nkind = \"service\"\nboot = \"15s\"\nworkers = { count = 2 }\n\
                   operations.default.steps = [{ wait = { exponential = \"100ms\" } }]\n";
const AUTOSCALER: &str =
    "[components.web.autoscaler]\nkind = \"heroku_p95\"\nmin = 1\nmax = 9\ntarget = \"150ms\"\n";

mod set {
    use super::*;

    /// A rate that is set is a curve with a step, to the byte: what comes before comes as if nothing were set.
    #[test]
    fn a_rate_that_is_set_is_a_step_of_the_curve() {
        let stepped = system(&format!(
            "rate = \"10/s\"\ncurve = [{{ hold = \"200s\" }}, {{ step_to = 2 }}]\n{WEB}count = 3\n"
        ));
        let set = system(&format!(
            "rate = \"10/s\"\n{WEB}count = 3\n\
             [timeline.t]\nat = \"200s\"\nset = \"sources.u.rate\"\nto = \"20/s\"\n"
        ));
        assert!(bytes(&set) == bytes(&stepped), "they differ");
    }

    /// The rest of a ramp at twice the rate is that of a ramp that was twice as steep, spliced in the middle of it.
    #[test]
    fn a_curve_goes_on_at_the_new_rate() {
        let offered = |more: &str| {
            let findings = system(&format!(
                "rate = \"10/s\"\ncurve = [{{ ramp_to = 5, over = \"600s\" }}]\n{WEB}count = 90\n{more}"
            ));
            findings.requests as f64 / f64::from(findings.replications)
        };
        // 10/s × (1 + 4 x / 600 s), over 600 s: 18,000. Twice that from 300 s on: 6000 + 2 × 12,000.
        let plain = offered("");
        let set = offered("[timeline.t]\nat = \"300s\"\nset = \"sources.u.rate\"\nto = \"20/s\"\n");
        assert!((plain - 18_000.0).abs() < 400.0, "{plain}");
        assert!((set - 30_000.0).abs() < 500.0, "{set}");
    }

    #[test]
    fn a_count_that_is_set_is_scaling_by_hand() {
        let with = |timeline: &str| {
            bytes(&system(&format!(
                "rate = \"30/s\"\n{WEB}count = 3\n{timeline}"
            )))
        };
        let set = with("[timeline.t]\nat = \"99s\"\nset = \"components.web.count\"\nto = 5\n");
        let scaled = with("[timeline.t]\nat = \"99s\"\nscale = \"web\"\nto = 5\n");
        assert!(set == scaled, "they differ");
    }

    #[test]
    fn an_autoscaler_that_is_switched_off_is_paused() {
        let with = |timeline: &str| {
            bytes(&system(&format!(
                "rate = \"50/s\"\n{WEB}{AUTOSCALER}{timeline}"
            )))
        };
        let off = "set = \"components.web.autoscaler.enabled\"\nto = false\n";
        let off = with(&format!("[timeline.t]\nat = \"130s\"\n{off}"));
        let paused = with("[timeline.t]\nat = \"130s\"\npause_autoscaler = \"web\"\n");
        assert!(off == paused, "they differ");
        assert!(off != with(""), "nothing was paused");
    }

    /// Whoever gets the settings that it has keeps everything: what it remembers, what it has counted.
    #[test]
    fn what_is_set_to_what_it_is_changes_nothing() {
        let rest = format!(
            "{WEB}{AUTOSCALER}[components.web.pools.db]\nto = \"pg\"\nmax = 3\n\
             [components.pg]\nkind = \"database\"\ncores = 1\n\
             [components.limit]\nkind = \"rate_limiter\"\nto = \"web\"\n\
             limits = [{{ token_bucket = {{ rate = \"20/s\", burst = 30 }} }}, {{ concurrency = {{ max = 9 }} }}]\n"
        );
        let rest = rest.replace(
            "operations.default.steps = [",
            "operations.default.steps = [{ query = \"pg\", pool = \"db\", time = \"5ms\" }, ",
        );
        let with = |timeline: &str| {
            let text = format!("rate = \"40/s\"\ntimeout = \"3s\"\n{rest}{timeline}");
            let text = text.replace("enters = \"web\"", "enters = \"limit\"");
            bytes(&system(&text))
        };
        let mut all = String::new();
        for (number, (path, to)) in [
            ("sources.u.rate", "\"40/s\""),
            ("sources.u.timeout", "\"3s\""),
            ("components.web.autoscaler.target", "\"150ms\""),
            ("components.web.pools.db.max", "3"),
            ("components.limit.limits.0.token_bucket.burst", "30"),
            ("components.limit.limits.1.concurrency.max", "9"),
            ("components.web.operations.default.steps.0.time", "\"5ms\""),
        ]
        .into_iter()
        .enumerate()
        {
            all += &format!(
                "[timeline.t{number}]\nat = \"{}s\"\nset = \"{path}\"\nto = {to}\n",
                150 + number
            );
        }
        // Resuming a bucket at an instant splits a sum of floating point numbers, which rounds elsewhere: no more.
        let count = |text: &str| {
            let findings: serde_json::Value = serde_json::from_str(text).expect("JSON");
            (findings["outcomes"].clone(), findings["looks"].clone())
        };
        assert_eq!(count(&with(&all)), count(&with("")));
    }

    /// Timers that are set keep their length; those that are set afterwards have the new one.
    #[test]
    fn a_shorter_timeout_is_that_of_requests_sent_from_then_on() {
        let text = "rate = \"10/s\"\ntimeout = \"100s\"\n\
             [components.web]\nkind = \"service\"\nworkers = { count = 10000 }\n\
             operations.default.steps = [{ wait = \"50s\" }]\n\
             [timeline.t]\nat = \"300s\"\nset = \"sources.u.timeout\"\nto = \"20s\"\n";
        let findings = system(text);
        let late = share(&findings, "client_timeout");
        assert!((late - 0.5).abs() < 0.03, "{late}");
    }
}

mod way_to_service {
    use super::*;

    fn stages(findings: &Findings) -> Vec<(String, f64)> {
        let own = findings.scale_ups.get("web").expect("instances have come");
        own.iter()
            .map(|(name, times)| (name.clone(), times.mean_s.value))
            .collect()
    }

    fn near(found: &[(String, f64)], expected: &[(&str, f64)]) {
        for (name, seconds) in expected {
            let own = found.iter().find(|own| own.0 == *name);
            let own = own.map_or(f64::NAN, |own| own.1);
            // Histograms round to a hundredth.
            assert!(
                (own - seconds).abs() <= 0.01 * seconds,
                "{name}: {own}, expected {seconds}"
            );
        }
    }

    /// 60 s machine, 20 s image, 15 s boot. The second pod of a machine waits for the same one, and finds the image
    /// there; two of three to a machine, so five more pods than the first one need two machines.
    #[test]
    fn machine_image_and_boot_follow_one_another() {
        let findings = system(&format!(
            "rate = \"1/s\"\n{WEB}count = 1\n\
             provisioning = {{ machine = \"60s\", image_pull = \"20s\", per_machine = 3 }}\n\
             [timeline.t]\nat = \"100s\"\nscale = \"web\"\nto = 6\n"
        ));
        // Places 1 and 2 are on the machine that is there: 15 s. Three come on a new one: 95 s.
        near(
            &stages(&findings),
            &[
                ("machine", 60.0 * 3.0 / 5.0),
                ("image", 20.0 * 3.0 / 5.0),
                ("boot", 15.0),
                ("scale_up", (2.0 * 15.0 + 3.0 * 95.0) / 5.0),
            ],
        );
    }

    /// With room for three machines the fourth is refused, every 30 s.
    #[test]
    fn what_is_beyond_the_quota_is_tried_again() {
        let findings = system(&format!(
            "rate = \"1/s\"\n{WEB}count = 3\n\
             provisioning = {{ machine = \"10s\", quota = 3, retry_every = \"30s\" }}\n\
             [timeline.a]\nat = \"100s\"\nscale = \"web\"\nto = 4\n"
        ));
        assert!(!findings.scale_ups.contains_key("web"), "nobody has come");
        let refused = findings
            .advisories
            .iter()
            .any(|advisory| format!("{advisory:?}").contains("launches_refused"));
        assert!(refused, "{:?}", findings.advisories);
    }

    /// The provider launches one every 10 s: the third waits for 20 s.
    #[test]
    fn machines_come_at_the_rate_of_launches() {
        let findings = system(&format!(
            "rate = \"1/s\"\n{WEB}count = 1\nprovisioning = {{ launch_rate = \"6/min\" }}\n\
             [timeline.a]\nat = \"100s\"\nscale = \"web\"\nto = 4\n"
        ));
        near(
            &stages(&findings),
            &[("provider", 10.0), ("boot", 15.0), ("scale_up", 25.0)],
        );
    }

    /// Two stand by and are there after 5 s; the third comes the long way.
    #[test]
    fn who_stands_by_is_there_at_once() {
        let findings = system(&format!(
            "rate = \"1/s\"\n{WEB}count = 1\n\
             provisioning = {{ machine = \"60s\", warm_pool = {{ min_size = 2, max_prepared = 3, resume = \"5s\" }} }}\n\
             [timeline.a]\nat = \"100s\"\nscale = \"web\"\nto = 4\n"
        ));
        near(
            &stages(&findings),
            &[("scale_up", (5.0 + 5.0 + 75.0) / 3.0)],
        );
    }
}

/// Told to come again later for a tenth of the time: a tenth of the requests, and none that was under way.
#[test]
fn maintenance_turns_away_whoever_comes_meanwhile() {
    let findings = system(&format!(
        "rate = \"30/s\"\n{WEB}count = 90\n[timeline.t]\nat = \"300s\"\nmaintenance = \"web\"\nlasts = \"60s\"\n"
    ));
    let (turned_away, served) = (share(&findings, "maintenance"), share(&findings, "served"));
    assert!((turned_away - 0.1).abs() < 0.01, "{turned_away}");
    assert!((turned_away + served - 1.0).abs() < 1e-9, "{served}");
}

/// An operation of a database is the same, wherever it is written.
#[test]
fn a_database_is_resized_from_the_timeline_as_from_its_own_table() {
    let with = |own: &str, timeline: &str| {
        bytes(&system(&format!(
            "rate = \"30/s\"\n{WEB}count = 3\n[components.pg]\nkind = \"database\"\ncores = 1\n{own}{timeline}"
        )
        .replace("steps = [", "steps = [{ query = \"pg\", time = \"20ms\" }, ")))
    };
    let own = with(
        "maintenance = [{ at = \"100s\", resize = { cores = 4, outage = \"30s\" } }]\n",
        "",
    );
    let timeline = with(
        "",
        "[timeline.t]\nat = \"100s\"\nresize = \"pg\"\ncores = 4\noutage = \"30s\"\n",
    );
    assert!(own == timeline, "they differ");
}

/// What comes at random comes as often as its rate says: 600 s at one in 5 s are 120, give or take 11; in three runs
/// 360, give or take 19.
#[test]
fn faults_come_at_their_rates() {
    let findings = system(&format!(
        "rate = \"1/s\"\n{WEB}count = 40\nrestart = {{ after = \"0s\", boot = \"0s\" }}\n\
         [timeline.t]\nat = {{ every = {{ exponential = \"5s\" }} }}\ncrash = \"web\"\n"
    ));
    let crashes = findings
        .advisories
        .iter()
        .find_map(|advisory| match advisory {
            capsim::experiment::Advisory::Incidents { what, times, .. } if what == "crashes" => {
                Some(*times)
            }
            _ => None,
        });
    let crashes = crashes.expect("instances have crashed");
    assert!(
        (crashes - 120.0).abs() < 4.0 * 11.0 / 3.0_f64.sqrt(),
        "{crashes}"
    );
}
