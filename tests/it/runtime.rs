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

    /// What happens at the very end of a run belongs to its last window, though nothing is in flight after it.
    #[test]
    fn a_crash_at_the_end_is_counted() {
        let findings = system(
            20,
            "arrivals = \"regular\"\nrate = \"10/s\"",
            "workers = { count = 1000 }\ncrash_after = \"20s\"\n\
             operations.default.steps = [{ wait = \"1h\" }]",
        );
        near(share(&findings, "killed"), 1.0, 0.0);
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
        let starting = share(&findings, "instances_starting");
        near(
            starting + share(&findings, "instances_down"),
            85.0 / 90.0,
            0.01,
        );
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
        near(share(&at_once, "instances_starting"), 5.0 / 55.0, 0.03);
        near(share(&at_once, "killed"), 0.0, 0.0);
        let before = with("before", "finish");
        near(share(&before, "served"), 1.0, 0.0);
        near(share(&with("at_once", "drop"), "killed"), 1.0 / 55.0, 0.06);
    }
}

/// The average over the run of something that is kept over time.
fn average(findings: &Findings, name: &str) -> f64 {
    let columns = &findings.series.columns;
    let column = columns
        .iter()
        .find(|column| column.component == "web" && column.figure == name)
        .expect("the figure is kept");
    let bounds = findings.series.bounds_s.iter();
    let measured = bounds.zip(&column.values);
    let values: Vec<f64> = measured
        .filter(|(start, _)| **start >= findings.series.warm_up_s)
        .filter_map(|(_, value)| value.map(|estimate| estimate.value))
        .collect();
    values.iter().sum::<f64>() / values.len() as f64
}

mod cpu_quota {
    use super::*;

    const EIGHT: &str = "kind = \"users\"\nusers = 8";

    /// Eight workers that are always busy get the two CPUs of their quota, and stand still for three quarters
    /// of the time.
    #[test]
    fn busy_workers_get_the_quota_and_stand_still_for_the_rest() {
        for runtime in ["threads", "event_loop"] {
            let findings = system(
                200,
                EIGHT,
                &format!(
                    "vcpu = 16\nquota = {{ cpus = 2 }}\nworkers = {{ runtime = \"{runtime}\", count = 8 }}\n\
                     operations.default.steps = [{{ cpu = \"3ms\" }}]"
                ),
            );
            near(figure(&findings, Metric::Throughput), 2000.0 / 3.0, 0.01);
            near(average(&findings, "instances_throttled"), 0.75, 0.01);
        }
    }

    /// A burst of 400 ms of CPU on eight cores, with 200 ms per 100 ms: x ms into a period it takes 125 - x ms,
    /// but for the last quarter, from where it takes two more. On average over x that is 96.9 ms.
    #[test]
    fn a_burst_beyond_the_budget_waits_for_the_next_period() {
        let with = |mode: &str| {
            let findings = system(
                60_000,
                "arrivals = { batches = { size = 8 } }\nrate = \"0.16/s\"",
                &format!(
                    "vcpu = 8\nquota = {{ cpus = 2, mode = \"{mode}\" }}\nworkers = {{ count = 8 }}\n\
                     operations.default.steps = [{{ cpu = \"50ms\" }}]"
                ),
            );
            figure(&findings, Metric::LatencyMean)
        };
        near(with("cfs"), 0.0969, 0.03);
        // Without the pauses it would be 400 ms / 2 CPUs, now and then together with another burst.
        near(with("fluid"), 0.2, 0.03);
    }

    /// One thread cannot use more than one CPU: its quota changes nothing at all.
    #[test]
    fn a_single_thread_is_never_throttled() {
        let with = |quota: &str| {
            let findings = system(
                500,
                "arrivals = \"poisson\"\nrate = \"80/s\"",
                &format!(
                    "vcpu = 16\n{quota}\nworkers = {{ runtime = \"event_loop\", count = 1 }}\n\
                     operations.default.steps = [{{ cpu = {{ exponential = \"10ms\" }} }}]"
                ),
            );
            serde_json::to_string(&findings.figures).expect("figures can be written")
        };
        assert_eq!(with("quota = { cpus = 1 }"), with(""));
    }
}

mod processes {
    use super::*;

    fn latency(workers: &str, rate: u32, step: &str) -> f64 {
        let findings = system(
            4000,
            &format!("arrivals = \"poisson\"\nrate = \"{rate}/s\""),
            &format!(
                "vcpu = 16\nbacklog = \"unbounded\"\nworkers = {{ runtime = \"processes\", {workers} }}\n\
                 operations.default.steps = [{step}]"
            ),
        );
        figure(&findings, Metric::LatencyMean)
    }

    /// Four processes of one thread, three quarters busy: one line for all is M/M/4, with 150.9 ms by Erlang's
    /// formula; connections taken blindly make four M/M/1 of it, with 400 ms. Puma is close to the first.
    #[test]
    fn how_connections_are_taken_decides_how_long_they_wait() {
        let with = |accept: &str| {
            let workers = format!("count = 4, accept = \"{accept}\"");
            latency(&workers, 30, "{ wait = { exponential = \"100ms\" } }")
        };
        near(with("central"), 0.1509, 0.03);
        near(with("greedy"), 0.4, 0.05);
        let race = with("race");
        assert!((0.1509..0.2).contains(&race), "{race}");
    }

    /// Five clients with a connection each, over four processes in turn: two share one for good and get half of it
    /// each, so that a quarter of all answers takes twice as long as the others.
    #[test]
    fn a_client_stays_with_the_process_that_got_its_connection() {
        let source = |at| {
            format!(
                "[sources.u{at}]\nenters = \"web\"\nkind = \"users\"\nusers = 1\n\
                 clients = {{ population = 1 }}\n"
            )
        };
        let sources: Vec<String> = (0..5).map(source).collect();
        let sources = sources.concat();
        let text = format!(
            "[run]\nhorizon = \"100s\"\nreplications = 2\n{sources}[components.web]\nkind = \"service\"\n\
             vcpu = 4\nworkers = {{ runtime = \"event_loop\", count = 4, accept = \"by_connection\" }}\n\
             operations.default.steps = [{{ cpu = \"10ms\" }}]\n"
        );
        let findings = run(&load(&text).scenario);
        near(figure(&findings, Metric::LatencyP50), 0.01, 0.02);
        near(figure(&findings, Metric::LatencyP90), 0.02, 0.02);
        near(figure(&findings, Metric::LatencyMean), 0.0125, 0.02);
    }

    /// Threads that share an interpreter lock are one server for the CPU, however many cores there are: M/M/1
    /// with 40 ms. Without it they do not wait for one another.
    #[test]
    fn threads_share_the_lock_of_their_process() {
        let step = "{ cpu = { exponential = \"10ms\" } }";
        near(latency("count = 1, threads = 500", 75, step), 0.04, 0.04);
        let without = "count = 1, threads = 500, interpreter_lock = false";
        near(latency(without, 75, step), 0.01, 0.02);
    }

    /// Who takes longer than the server allows is killed with its process, and whoever waits for that is served
    /// after it has started again.
    #[test]
    fn a_request_that_takes_too_long_takes_its_process_with_it() {
        let findings = system(
            20_000,
            "arrivals = \"regular\"\nrate = \"36/h\"",
            "workers = { model = \"gunicorn_sync\", count = 1, boot = \"50s\" }\n\
             operations.default.steps = [{ wait = { mixture = [{ share = \"50%\", law = \"29s\" }, \
             { share = \"50%\", law = \"40s\" }] } }]",
        );
        near(share(&findings, "killed"), 0.5, 0.15);
        near(
            share(&findings, "killed") + share(&findings, "served"),
            1.0,
            0.01,
        );
        // Down for 50 s of every other 100 s.
        near(average(&findings, "workers_capacity"), 0.75, 0.1);
    }

    /// A process that starts again after 100 requests and takes 10 s for it: nine requests wait 9, 8, ... 1 s.
    #[test]
    fn a_process_starts_again_after_so_many_requests() {
        let findings = system(
            5000,
            "arrivals = \"regular\"\nrate = \"1/s\"",
            "workers = { runtime = \"processes\", count = 1, max_requests = 100, boot = \"10s\" }\n\
             operations.default.steps = [{ wait = \"0s\" }]",
        );
        near(figure(&findings, Metric::LatencyMean), 0.45, 0.03);
        near(share(&findings, "served"), 1.0, 0.0);
    }

    /// Two come at once, and there is a place for one: the other's packet is dropped and sent again after 1 s.
    #[test]
    fn who_is_not_answered_comes_again_after_a_second() {
        let findings = system(
            100_000,
            "arrivals = { batches = { size = 2 } }\nrate = \"0.02/s\"",
            "workers = { count = 1 }\nbacklog = 0\nwhen_full = \"drop\"\n\
             operations.default.steps = [{ wait = \"100ms\" }]",
        );
        near(figure(&findings, Metric::LatencyMean), 0.6, 0.02);
        near(figure(&findings, Metric::LatencyP90), 1.1, 0.02);
    }

    /// Nobody ever finds a place: the seventh packet is the last one, and 127 s are over.
    #[test]
    fn who_is_never_answered_gives_up_after_two_minutes() {
        let findings = system(
            2000,
            "arrivals = \"regular\"\nrate = \"0.1/s\"",
            "workers = { count = 1 }\nbacklog = 0\nwhen_full = \"drop\"\n\
             operations.default.steps = [{ wait = \"2h\" }]",
        );
        near(share(&findings, "connect_timeout"), 1.0, 0.0);
        near(figure(&findings, Metric::LatencyP50), 127.0, 0.01);
    }
}

mod memory {
    use super::*;

    /// 100 MB are free, each request leaves 1 MB behind, one comes per second: the 101st is one too many. Nine come
    /// in the 10 s that it is down.
    #[test]
    fn who_leaks_is_killed_when_memory_is_used_up() {
        let findings = system(
            11_100,
            "arrivals = \"regular\"\nrate = \"1/s\"",
            "workers = { count = 9 }\nmemory = { limit = \"150MB\", base = \"50MB\", leak_per_request = \"1MB\" }\n\
             restart = { after = \"0s\", boot = \"10s\" }\noperations.default.steps = [{ wait = \"0s\" }]",
        );
        near(share(&findings, "instances_starting"), 9.0 / 110.0, 0.03);
        // It fills up evenly: 100 MB on average while it is up.
        near(
            average(&findings, "memory_used"),
            100.0 * 100.0 / 110.0,
            0.03,
        );
    }

    /// Half as much again as there is, killed at twice of it, ten times slower then: 1 + 9/2 times as slow.
    #[test]
    fn who_swaps_is_slower_the_more_it_swaps() {
        let findings = system(
            1000,
            "arrivals = \"regular\"\nrate = \"1/s\"",
            "workers = { count = 9 }\nmemory = { limit = \"100MB\", base = \"90MB\", per_request = \"60MB\", over = \"swap\" }\n\
             operations.default.steps = [{ cpu = \"10ms\" }]",
        );
        near(figure(&findings, Metric::LatencyMean), 0.055, 0.01);
    }

    /// Each of two processes ends after 100 requests and is away for 10 s; the other serves meanwhile.
    #[test]
    fn a_full_heap_ends_its_process_and_no_other() {
        let findings = system(
            10_000,
            "arrivals = \"regular\"\nrate = \"1/s\"",
            "workers = { runtime = \"event_loop\", count = 2, boot = \"10s\" }\n\
             memory = { limit = \"1GB\", base = \"50MB\", leak_per_request = \"1MB\", heap_limit = \"100MB\" }\n\
             operations.default.steps = [{ cpu = \"1ms\" }]",
        );
        let refused = share(&findings, "connect_refused");
        near(share(&findings, "served") + refused, 1.0, 1e-9);
        assert!(refused < 0.06, "{refused}");
        let away = 2.0 - average(&findings, "workers_capacity");
        // Some 100 requests each in 200 s, and then 10 s away.
        near(away, 2.0 * 10.0 / 210.0, 0.15);
    }
}

mod slower_at_times {
    use super::*;

    const ONE_A_SECOND: &str = "arrivals = \"poisson\"\nrate = \"1/s\"";

    fn mean(web: &str) -> f64 {
        let findings = system(20_000, ONE_A_SECOND, web);
        figure(&findings, Metric::LatencyMean)
    }

    /// A second in eleven everything stands still; who comes then waits for half a second on average. That is so
    /// whether threads are stopped as they work or a loop is found not to have been there.
    #[test]
    fn who_comes_in_a_pause_waits_for_its_end() {
        let pauses = "pauses = { every = { exponential = \"10s\" }, length = \"1s\" }";
        let step = "operations.default.steps = [{ cpu = \"1ms\" }]";
        let expected = 0.001 + 0.5 / 11.0;
        let threads = format!("workers = {{ count = 100, {pauses} }}\n{step}");
        near(mean(&threads), expected, 0.08);
        let event_loop =
            format!("workers = {{ runtime = \"event_loop\", count = 1, {pauses} }}\n{step}");
        near(mean(&event_loop), expected, 0.08);
    }

    /// Every tenth request collects garbage for 20 ms, and the collector takes a tenth beside.
    #[test]
    fn collecting_garbage_costs_in_proportion_to_requests() {
        let latency = mean(
            "workers = { runtime = \"event_loop\", count = 1, pauses = { every_requests = 10, length = \"20ms\", \
             cpu_share = \"10%\" } }\noperations.default.steps = [{ cpu = \"10ms\" }]",
        );
        // 13 ms of work per request, and a little waiting.
        assert!((0.013..0.0134).contains(&latency), "{latency}");
    }

    /// Five times as slow at first, and a third of the excess after 100 requests: of 1000 the last 900 take
    /// 1 + 4 * 100.5 exp(-1) / 900 times as long as later ones.
    #[test]
    fn a_process_gets_warm_by_what_it_does() {
        let findings = system(
            1000,
            "arrivals = \"regular\"\nrate = \"1/s\"",
            "workers = { count = 1, warm_up = { factor = 5, requests = 100 } }\n\
             operations.default.steps = [{ cpu = \"10ms\" }]",
        );
        near(figure(&findings, Metric::LatencyMean), 0.011_643, 0.01);
    }
}
