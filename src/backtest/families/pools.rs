//! Pools: of threads, and of connections to PostgreSQL.

use super::{RECORDED_WAIT, Source, millis};
use crate::backtest::truth::{Problem, Repetition, Truth};

/// A fixed number of threads that take accepted connections from a queue.
pub(super) fn threads(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let (threads, queue) = (config.whole("c", 1)?, config.whole("queue", 0)?);
    let cpu = truth.server_cpu_ms();
    let source = Source {
        overhead: truth.overhead()?.less(cpu),
        late_ms: truth.lateness_ms(PYTHON_SLEEP_MS),
        ..Source::new(truth, repetition, "server")?
    };
    // A thread reads the request and writes the answer, too.
    Ok(format!(
        "{}[components.server]\nkind = \"service\"\nworkers = {{ runtime = \"threads\", count = {threads} }}\nbacklog = {queue}\n\n[components.server.operations.default]\nsteps = [\n  {{ cpu = {} }},    # HTTP itself\n  {RECORDED_WAIT},\n]\n",
        source.tables()?,
        millis(cpu)
    ))
}

/// How late Python's `time.sleep` is.
const PYTHON_SLEEP_MS: f64 = 0.2;
/// What `pg_sleep` takes on top through node-postgres: the round trip, and the server's timer.
const NODE_POSTGRES_MS: f64 = 1.0;
/// The same through `SQLAlchemy`, which also rolls back before the connection is given back.
const SQLALCHEMY_MS: f64 = 2.5;

/// The database: its queries sleep, and so do not keep one another from a core.
const SLEEPING_DATABASE: &str =
    "[components.postgres]\nkind = \"database\"\ncores = 1000\nmax_connections = 100\n";

/// Node with the pool of node-postgres.
pub(super) fn node_postgres(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let (max, timeout) = (config.whole("pool", 1)?, config.number("to", 0.0)?);
    let source = Source {
        late_ms: truth.lateness_ms(NODE_POSTGRES_MS),
        ..Source::new(truth, repetition, "api")?
    };
    // connectionTimeoutMillis = 0 waits for ever.
    let timeout = if timeout > 0.0 {
        format!("timeout = {}\n", millis(timeout))
    } else {
        String::new()
    };
    Ok(format!(
        "{}[components.api]\nkind = \"service\"\nworkers = {{ runtime = \"event_loop\", count = 1 }}\nbacklog = \"unbounded\"\n\n[components.api.pools.db]\nmodel = \"node_postgres\"\nto = \"postgres\"\nmax = {max}\n{timeout}connect = \"5ms\"\n\n[components.api.operations.default]\nsteps = [\n  {{ query = \"postgres\", pool = \"db\", time = {{ recorded = \"demand\" }} }},\n]\n\n{SLEEPING_DATABASE}",
        source.tables()?
    ))
}

/// A thread per request, and `SQLAlchemy`'s pool.
pub(super) fn sqlalchemy(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let (size, overflow) = (config.whole("pool", 1)?, config.whole("overflow", 0)?);
    let timeout = config.number("to", 0.0)?;
    let source = Source {
        late_ms: truth.lateness_ms(SQLALCHEMY_MS),
        ..Source::new(truth, repetition, "app")?
    };
    Ok(format!(
        "{}[components.app]\nkind = \"service\"\nworkers = {{ runtime = \"threads\", count = 10000 }}\n\n[components.app.pools.db]\nmodel = \"sqlalchemy\"\nto = \"postgres\"\nmax = {size}\noverflow = {overflow}\ntimeout = {}\n# a process of the server's own, and the password: 3 to 10 ms\nconnect = {{ uniform = {{ from = \"3ms\", to = \"10ms\" }} }}\n\n[components.app.operations.default]\nsteps = [\n  {{ query = \"postgres\", pool = \"db\", time = {{ recorded = \"demand\" }} }},\n]\n\n{SLEEPING_DATABASE}",
        source.tables()?,
        millis(timeout)
    ))
}
