//! Pools and databases against what theory and arithmetic say of them.

use capsim::experiment::{Advisory, Findings, ResourceFindings};

use crate::support::{load, run, share};

fn resource<'a>(findings: &'a Findings, component: &str, what: &str) -> &'a ResourceFindings {
    let mut all = findings.resources.iter();
    all.find(|own| own.component == component && own.what == what)
        .expect("the resource is there")
}

fn throughput(findings: &Findings) -> f64 {
    findings.figures["throughput"].value
}

/// A service of so many threads, each of whose requests is one query over a pool.
fn system(
    (seconds, rate, threads): (u32, f64, u32),
    query: &str,
    pool: &str,
    database: &str,
) -> String {
    format!(
        "[run]\nhorizon = \"{seconds}s\"\nwarm_up = \"10s\"\nwindow = \"10s\"\nreplications = 2\n\
         [sources.u]\narrivals = \"poisson\"\nrate = \"{rate}/s\"\nenters = \"web\"\n\
         [components.web]\nkind = \"service\"\nworkers = {{ count = {threads} }}\nbacklog = 100\n\
         operations.default.steps = [{{ query = \"pg\", pool = \"db\", {query} }}]\n\
         [components.web.pools.db]\nto = \"pg\"\n{pool}\n\
         [components.pg]\nkind = \"database\"\n{database}\n"
    )
}

/// Whatever the order of the connections and of those in line: with as many connections as there may be, the mean
/// wait is Erlang's, for 3 erlangs and 4 connections 50.9 ms.
#[test]
fn the_pools_of_all_software_wait_as_erlang_says() {
    for pool in [
        "model = \"node_postgres\"\nmax = 4\nidle_timeout = \"1h\"",
        "model = \"sqlalchemy\"\nmax = 4\noverflow = 0",
        "model = \"sqlalchemy\"\nmax = 4\noverflow = 0\nbarging = false\ntest = \"always\"",
        "model = \"hikari\"\nmin = 4\nmax = 4",
    ] {
        let query = "time = { exponential = \"100ms\" }";
        let text = system((6000, 30.0, 1000), query, pool, "cores = 64");
        let findings = run(&load(&text).scenario);
        let own = resource(&findings, "web", "pool db");
        let wait = own.wait_mean_s.as_ref().expect("waits").value;
        assert!((wait - 0.0509).abs() < 0.003, "{pool}: {wait}");
    }
}

/// A pool that does not wait is a loss system: Erlang's B of 10 connections at 10 erlangs is 0.2146.
#[test]
fn a_pool_that_does_not_wait_blocks_as_erlang_says() {
    let pool = "model = \"redis_py\"\nmax = 10";
    let text = system(
        (20_000, 10.0, 1000),
        "time = { exponential = \"1s\" }",
        pool,
        "cores = 64",
    );
    let findings = run(&load(&text).scenario);
    let blocked = share(&findings, "pool_full");
    assert!((blocked - 0.2146).abs() < 0.006, "{blocked}");
}

/// With N queries at work all the time the database does what the Universal Scalability Law says, on both sides
/// of its peak; with cores of its own, what they allow as well.
#[test]
fn many_at_a_time_do_as_much_as_the_law_says() {
    let law = |n: f64, sigma: f64, kappa: f64| {
        100.0 * n / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0))
    };
    let cases = [
        (
            10,
            "{ contention = 0.05, coherency = 0.001 }",
            law(10.0, 0.05, 0.001),
        ),
        (
            31,
            "{ contention = 0.05, coherency = 0.001 }",
            law(31.0, 0.05, 0.001),
        ),
        (
            120,
            "{ contention = 0.05, coherency = 0.001 }",
            law(120.0, 0.05, 0.001),
        ),
        (2, "{ coherency = 0.001 }", 200.0 / 1.002),
        (40, "{ coherency = 0.001 }", 400.0 / 2.56),
    ];
    for (threads, scaling, expected) in cases {
        let text = system(
            (100, 2000.0, threads),
            "time = { exponential = \"10ms\" }",
            "max = 500",
            &format!("cores = 4\nscaling = {scaling}"),
        );
        let done = throughput(&run(&load(&text).scenario));
        assert!(
            (done / expected - 1.0).abs() < 0.03,
            "{threads} {scaling}: {done} for {expected}"
        );
    }
}

/// A query that is given up has used the CPU until then, and its connection is good for the next.
#[test]
fn a_statement_timeout_ends_a_query() {
    let text = system(
        (200, 10.0, 1000),
        "time = \"3s\"",
        "max = 500",
        "cores = 100\nstatement_timeout = \"500ms\"",
    );
    let findings = run(&load(&text).scenario);
    assert!(share(&findings, "database_timeout") > 0.999);
    let used = resource(&findings, "pg", "CPU")
        .used
        .as_ref()
        .expect("used");
    assert!((used.value - 5.0).abs() < 0.3, "{}", used.value);
    let open = resource(&findings, "pg", "connections").used.as_ref();
    assert!(open.expect("open").value < 20.0);
}

/// Ten operations a second are ten reads a second; those who commit together share a flush.
#[test]
fn a_volume_does_as_much_as_it_may() {
    let storage = |hits: &str| {
        format!(
            "cores = 64\nstorage = {{ volume = {{ gp3 = {{ iops = 100 }} }}, hit_ratio = \"{hits}\", flush = \"10ms\" }}"
        )
    };
    let query = "time = \"0.1ms\", access = \"read\"";
    let text = system((100, 1000.0, 100), query, "max = 500", &storage("50%"));
    let done = throughput(&run(&load(&text).scenario));
    assert!((done - 200.0).abs() < 8.0, "{done}");
    let query = "time = \"0.1ms\", access = \"write\"";
    let text = system((100, 1000.0, 500), query, "max = 500", &storage("100%"));
    let findings = run(&load(&text).scenario);
    let done = throughput(&findings);
    assert!((done - 1000.0).abs() < 20.0, "{done}");
    // A commit waits for the rest of a flush and for its own: 5 + 10 ms on average.
    let mean = findings.figures["latency_mean"].value;
    assert!((mean - 0.0151).abs() < 0.0005, "{mean}");
}

/// Without credit a standard instance does what its baseline allows; an unlimited one goes on.
#[test]
fn without_credit_the_baseline_is_left() {
    for (mode, expected) in [("standard", 60.0), ("unlimited", 200.0)] {
        let text = system(
            (200, 1000.0, 50),
            "time = \"10ms\"",
            "max = 500",
            &format!("cores = 2\ncredits = {{ baseline = \"30%\", mode = \"{mode}\" }}"),
        );
        let done = throughput(&run(&load(&text).scenario));
        assert!((done - expected).abs() < 3.0, "{mode}: {done}");
    }
}

/// Beyond `max_connections` a new connection is refused; it costs the database nothing, and two round trips.
#[test]
fn too_many_clients_are_refused() {
    let text = system(
        (100, 100.0, 200),
        "time = \"1s\"",
        "max = 500\nround_trip = \"5ms\"",
        "cores = 500\nmax_connections = 50",
    );
    let findings = run(&load(&text).scenario);
    // 50 connections do 50 / 1.005 s of the 100 requests a second.
    let refused = share(&findings, "database_refused");
    assert!((refused - 0.5).abs() < 0.03, "{refused}");
    let open = resource(&findings, "pg", "connections");
    assert!(open.utilization.as_ref().expect("a limit").value > 0.9);
}

/// While a database is down queries are reset or refused; afterwards the pools open their connections anew, and all
/// is as before. Software that does not listen to its idle connections finds each of them broken.
#[test]
fn a_reboot_breaks_and_heals() {
    let of = |pool: &str| {
        let text = system(
            (100, 50.0, 200),
            "time = \"100ms\"",
            pool,
            "cores = 100\nmaintenance = [{ at = \"40s\", reboot = \"20s\" }]",
        )
        .replace("warm_up = \"10s\"", "warm_up = \"0s\"");
        run(&load(&text).scenario)
    };
    let findings = of("max = 100\norder = \"lifo\"");
    let (reset, refused) = (
        share(&findings, "database_reset"),
        share(&findings, "database_refused"),
    );
    assert!((refused - 0.2).abs() < 0.01, "{refused}");
    // Five were under way.
    assert!(reset > 0.0 && reset < 0.004, "{reset}");
    let late = of("max = 100\norder = \"lifo\"\nbreaks = \"on_use\"");
    assert!(share(&late, "database_reset") > reset);
    let tested = of("max = 100\norder = \"lifo\"\nbreaks = \"on_use\"\ntest = \"always\"");
    assert!((share(&tested, "database_reset") - reset).abs() < 1e-9);
}

/// A pool that was waiting to try again when its instance died does not come back without it.
#[test]
fn the_pool_of_an_instance_that_died_opens_nothing() {
    let text = system(
        (100, 10.0, 10),
        "time = \"10ms\"",
        "model = \"hikari\"",
        "cores = 100\nmaintenance = [{ at = \"40s\", reboot = \"20s\" }]",
    )
    .replace(
        "backlog = 100",
        "count = 4\ncrash_after = \"50s\"\nrestart = { boot = \"1h\" }",
    );
    let findings = run(&load(&text).scenario);
    let open = findings.column("pg", "connections_used").expect("a column");
    let at = |window: usize| open.values[window].expect("a window").value;
    assert!((at(3) - 40.0).abs() < 1e-9, "{}", at(3));
    assert!(at(9) < 1e-9, "{}", at(9));
}

/// A process that is started again opens the connections that it has from the start, as it did the first time.
#[test]
fn a_new_process_has_its_connections_from_the_start() {
    let process = "{ runtime = \"processes\", count = 1, max_requests = 60, boot = \"1s\" }";
    let text = system(
        (100, 1.0, 1),
        "time = \"10ms\"",
        "per = \"worker\"\nmin = 5\nmax = 5\neager = true",
        "cores = 100",
    )
    .replace("workers = { count = 1 }", &format!("workers = {process}"));
    let findings = run(&load(&text).scenario);
    let is_end = |own: &Advisory| matches!(own, Advisory::Incidents { .. });
    assert!(
        findings.advisories.iter().any(is_end),
        "a process has ended"
    );
    let open = findings.column("pg", "connections_used").expect("a column");
    let last = open.values.last().copied().flatten().expect("a window");
    assert!((last.value - 5.0).abs() < 1e-9, "{}", last.value);
}

/// While none of the pooler's connections can be opened, who comes fails at once, and not as late as those who wait
/// for one may.
#[test]
fn a_pooler_without_connections_fails_fast() {
    let of = |pooler: &str| {
        let text = system(
            (100, 50.0, 200),
            "time = \"10ms\"",
            "max = 90",
            "cores = 100\nmaintenance = [{ at = \"40s\", reboot = \"20s\" }]",
        )
        .replace("warm_up = \"10s\"", "warm_up = \"0s\"")
        .replace("query = \"pg\"", "query = \"bouncer\"")
        .replace("to = \"pg\"", "to = \"bouncer\"")
            + "[components.bouncer]\nkind = \"pooler\"\nto = \"pg\"\n"
            + pooler;
        run(&load(&text).scenario)
    };
    // Tried at 40, 55 and 70 s.
    let bouncer = of("model = \"pgbouncer\"\n");
    let refused = share(&bouncer, "database_refused");
    assert!((refused - 0.3).abs() < 0.02, "{refused}");
    assert!(bouncer.figures["latency_p99"].value < 0.1);
    let patient = of("model = \"pgbouncer\"\nfails_fast = false\n");
    assert!(share(&patient, "database_refused") < 0.01);
    assert!(patient.figures["latency_p99"].value > 20.0);
}

/// Opening connections is work for the database: 100 at once at 10 ms each keep 2 cores busy for half a second.
#[test]
fn a_reconnect_storm_is_work() {
    let text = "[run]\nhorizon = \"10s\"\nwindow = \"1s\"\nreplications = 1\n\
         [sources.u]\narrivals = { batches = { every = \"5s\" } }\nrate = \"20/s\"\nenters = \"web\"\n\
         [components.web]\nkind = \"service\"\nworkers = { count = 200 }\n\
         operations.default.steps = [{ query = \"pg\", pool = \"db\", time = \"0s\" }]\n\
         [components.web.pools.db]\nto = \"pg\"\nmax = 100\neager = false\nconnect = \"7ms\"\nidle_timeout = \"1s\"\n\
         [components.pg]\nkind = \"database\"\ncores = 2\nconnect_cost = \"10ms\"\n";
    let findings = run(&load(text).scenario);
    let slowest = findings.figures["latency_p99"].value;
    assert!((slowest - 0.507).abs() < 0.01, "{slowest}");
}

/// A pooler's connections are servers, those who wait for them a line: Erlang's wait for 3 erlangs and 4 connections,
/// however many clients there are; and the database sees 4 connections.
#[test]
fn a_pooler_waits_as_erlang_says() {
    let text = system(
        (6000, 30.0, 1000),
        "time = { exponential = \"100ms\" }",
        "max = 500",
        "cores = 64",
    )
    .replace("query = \"pg\"", "query = \"bouncer\"")
    .replace("to = \"pg\"", "to = \"bouncer\"")
        + "[components.bouncer]\nkind = \"pooler\"\nto = \"pg\"\nsize = 4\n";
    let findings = run(&load(&text).scenario);
    let own = resource(&findings, "bouncer", "pool pg");
    let wait = own.wait_mean_s.as_ref().expect("waits").value;
    assert!((wait - 0.0509).abs() < 0.003, "{wait}");
    let open = resource(&findings, "pg", "connections").used.as_ref();
    assert!((open.expect("open").value - 4.0).abs() < 0.01);
}

/// By session a client keeps the connection that it got first: as many clients as connections never wait at the
/// pooler, and hold all of them; of more clients some get none, and are disconnected, where by transaction there
/// is enough for all.
#[test]
fn a_session_keeps_its_connection() {
    let of = |rate: f64, clients: &str, pooler: &str| {
        let text = system(
            (6000, rate, 1000),
            "time = { exponential = \"100ms\" }",
            clients,
            "cores = 64",
        )
        .replace("query = \"pg\"", "query = \"bouncer\"")
        .replace("to = \"pg\"", "to = \"bouncer\"")
            + "[components.bouncer]\nkind = \"pooler\"\nto = \"pg\"\ntimeout = \"1s\"\n"
            + pooler;
        run(&load(&text).scenario)
    };
    let enough = of(30.0, "max = 4", "pooling = \"session\"\nsize = 4\n");
    let own = resource(&enough, "bouncer", "pool pg");
    assert!((own.used.expect("used").value - 4.0).abs() < 0.01);
    assert!(own.wait_mean_s.expect("waits").value < 1e-6);
    let before = resource(&enough, "web", "pool db").wait_mean_s;
    let before = before.expect("waits").value;
    assert!((before - 0.0509).abs() < 0.003, "{before}");
    let timeouts = |pooling: &str| {
        let findings = of(
            10.0,
            "max = 20",
            &format!("pooling = \"{pooling}\"\nsize = 2\n"),
        );
        share(&findings, "pool_timeout")
    };
    let (session, transaction) = (timeouts("session"), timeouts("transaction"));
    assert!(transaction < 1e-3, "{transaction}");
    assert!(session > 0.02, "{session}");
}

/// Two replicas share the reads evenly, the primary keeps the writes; each server has connections of its own.
#[test]
fn replicas_carry_the_reads() {
    let text = system(
        (200, 100.0, 1000),
        "time = { exponential = \"10ms\" }",
        "max = 50",
        "cores = 8\nreplicas = { count = 2 }",
    )
    .replace(
        "default.steps = [",
        "default.steps = [{ query = \"pg\", pool = \"db\", time = { exponential = \"20ms\" }, access = \"write\" }, ",
    );
    let findings = run(&load(&text).scenario);
    for (server, cores) in [("pg", 2.0), ("pg replica 1", 0.5), ("pg replica 2", 0.5)] {
        let used = resource(&findings, server, "CPU").used.as_ref();
        let used = used.expect("used").value;
        assert!((used / cores - 1.0).abs() < 0.05, "{server}: {used}");
    }
    let lag = findings
        .column("pg", "replication_lag_ms")
        .expect("a column");
    let last = lag.values.last().copied().flatten().expect("a window");
    assert!((last.value - 20.0).abs() < 0.5, "{}", last.value);
}

/// A client's own reads after its writes go to the primary for a while, also where they are of another class; nobody
/// else's do.
#[test]
fn what_a_client_has_written_it_reads_whatever_the_class() {
    let text = "[run]\nhorizon = \"200s\"\nreplications = 2\n\
         [sources.u]\nenters = \"web\"\narrivals = \"poisson\"\nrate = \"100/s\"\nclients = { population = 1 }\n\
         mix = { write = \"50%\", read = \"50%\" }\n\
         [components.web]\nkind = \"service\"\nworkers = { count = 100 }\n\
         operations.write.steps = [{ query = \"pg\", pool = \"db\", time = \"1ms\", access = \"write\" }]\n\
         operations.read.steps = [{ query = \"pg\", pool = \"db\", time = \"1ms\" }]\n\
         [components.web.pools.db]\nto = \"pg\"\nmax = 50\n\
         [components.pg]\nkind = \"database\"\ncores = 8\nreplicas = { count = 1, sticky_for = \"1h\" }\n";
    let findings = run(&load(text).scenario);
    let used = resource(&findings, "pg replica 1", "CPU").used.as_ref();
    let used = used.expect("used").value;
    assert!(used < 0.001, "{used}");
}

/// A row that everybody changes is a server of its own, whatever the cores: with 300 changes of 2 ms a second the mean
/// wait for it is 3 ms, that of M/M/1. A row each is never waited for.
#[test]
fn a_hot_row_is_a_single_server() {
    let changes = |n: u64| {
        let query = "time = { exponential = \"2ms\" }, access = \"write\", row = \"stock\"";
        let text = system((2000, 300.0, 1000), query, "max = 500", "cores = 64");
        let findings = run(&load(&format!(
            "{text}[keys.stock]\ncount = {n}\npopularity = \"uniform\"\n"
        ))
        .scenario);
        let row = resource(&findings, "pg", "hottest row of stock");
        let wait = row.wait_mean_s.as_ref().expect("waits").value;
        (row.utilization.as_ref().expect("in use").value, wait)
    };
    let (used, wait) = changes(1);
    assert!((used - 0.6).abs() < 0.01, "{used}");
    assert!((wait - 0.003).abs() < 0.000_2, "{wait}");
    let (used, wait) = changes(100_000_000);
    assert!(used < 0.001 && wait < 1e-6, "{used}, {wait}");
}

/// Twice as many changes as a row takes: half of them wait as long as they may, and fail. A reboot in the middle
/// leaves nobody in line for what is gone.
#[test]
fn a_lock_timeout_ends_the_wait_for_a_row() {
    let query = "time = { exponential = \"2ms\" }, access = \"write\", row = \"stock\"";
    let database = "cores = 64\nlock_timeout = \"200ms\"\n\
                    maintenance = [{ at = \"90s\", reboot = \"1s\" }]";
    let text = system((200, 1000.0, 1000), query, "max = 500", database);
    let findings = run(&load(&format!(
        "{text}[keys.stock]\ncount = 1\npopularity = \"uniform\"\n"
    ))
    .scenario);
    let failed = share(&findings, "database_conflict");
    assert!((failed - 0.5).abs() < 0.02, "{failed}");
    let served = throughput(&findings) / 500.0;
    assert!(served > 0.95, "{served}");
    let latency = findings.figures["latency_p99"].value;
    assert!((latency - 0.2).abs() < 0.02, "{latency}");
}
