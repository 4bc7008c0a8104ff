//! Caches: nginx's `proxy_cache`, and Redis.

use super::{NODE_TIMER_MS, RECORDED_WAIT, Slots, Source, millis, seconds};
use crate::backtest::truth::{Problem, Repetition, Truth};

fn catalogue(name: &str, truth: &Truth) -> Result<String, Problem> {
    let config = truth.config();
    let keys = config.whole("keys", 1)?;
    let zipf = config.maybe("zipf", 0.0)?.unwrap_or(0.0);
    Ok(format!(
        "[keys.{name}]\ncount = {keys}\npopularity = {{ zipf = {zipf:?} }}\n\n"
    ))
}

/// nginx's cache in front of Node.
pub(super) fn proxy_cache(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let (slots, ttl) = (config.whole("slots", 1)?, config.number("ttl", 0.0)?);
    let directives = config.text("lock")?;
    let mut cache = String::new();
    for directive in directives
        .split(';')
        .map(str::trim)
        .filter(|own| !own.is_empty())
    {
        cache.push_str(&proxy_directive(truth, directive)?);
    }
    // What is found in the cache has only half of the way to go.
    let (all, near) = (truth.overhead()?, truth.nearer_overhead()?);
    let hop = all.p50_ms - near.p50_ms;
    if cache.contains("lock.") {
        cache = cache.replace("lock = true\n", "");
    }
    let source = Source {
        keys: Some("pages"),
        late_ms: NODE_TIMER_MS,
        overhead: near,
        shares: true,
        ..Source::new(truth, repetition, "nginx")?
    };
    Ok(format!(
        "{}{}[components.nginx]\nkind = \"http_cache\"\nmodel = \"nginx\"\nto = \"hop\"\nkeys = \"pages\"\nvalid = {}\n{cache}\n[components.hop]\nkind = \"balancer\"\nto = \"origin\"\npolicy = \"round_robin\"\ndelay = {}    # a new connection, and the way to Node and back\n\n{}",
        source.tables()?,
        catalogue("pages", truth)?,
        seconds(ttl),
        millis(hop),
        Slots {
            name: "origin",
            at_a_time: slots,
            cpu_ms: 0.0,
            step: RECORDED_WAIT,
            more: "",
        }
        .tables()
    ))
}

/// A directive of nginx, as a key of an HTTP cache. Where a lock has times of its own they are in a table.
fn proxy_directive(truth: &Truth, directive: &str) -> Result<String, Problem> {
    let words: Vec<&str> = directive.split_whitespace().collect();
    let on = |word: &str| matches!(word, "on");
    Ok(match words[..] {
        ["proxy_cache_lock", state] => format!("lock = {}\n", on(state)),
        ["proxy_cache_lock_timeout", time] => format!("lock.timeout = \"{time}\"\n"),
        ["proxy_cache_lock_age", time] => format!("lock.age = \"{time}\"\n"),
        ["proxy_cache_background_update", state] => format!("background_update = {}\n", on(state)),
        ["proxy_cache_revalidate", state] => format!("revalidate = {}\n", on(state)),
        ["proxy_cache_min_uses", n] if n.parse::<u32>().is_ok() => format!("min_uses = {n}\n"),
        ["proxy_cache_use_stale", "off"] => "use_stale = []\n".to_owned(),
        ["proxy_cache_use_stale", ..] => {
            let cases: Vec<String> = words[1..].iter().map(|own| format!("\"{own}\"")).collect();
            format!("use_stale = [{}]\n", cases.join(", "))
        }
        _ => {
            let expected = "directives of proxy_cache";
            return Err(truth
                .config()
                .wrong("lock", expected, &format!("`{directive}`")));
        }
    })
}

/// What Redis calls its policies, and what a scenario does.
const POLICIES: &[(&str, &str)] = &[
    ("allkeys-lru", "redis_lru"),
    ("allkeys-lfu", "redis_lfu"),
    ("allkeys-random", "random"),
];

/// Who leaves a full Redis: said where the software is described.
fn redis_policy(truth: &Truth) -> Result<&'static str, Problem> {
    let words = truth.stack.iter().flat_map(|line| line.split_whitespace());
    let mut after = words.skip_while(|word| *word != "maxmemory-policy").skip(1);
    let name = after
        .next()
        .map_or("allkeys-lru", |word| word.trim_end_matches([',', ';', '.']));
    let found = POLICIES.iter().find(|own| own.0 == name);
    found.map(|own| own.1).ok_or_else(|| {
        let known: Vec<&str> = POLICIES.iter().map(|own| own.0).collect();
        Problem::new(
            &truth.file,
            format!("the policy `{name}` of Redis is not known"),
        )
        .help(format!("there are: {}", known.join(", ")))
    })
}

/// What Redis keeps for an entry beside its value: an object, an entry of the dictionary, a short key.
const REDIS_ENTRY_BYTES: f64 = 16.0 + 24.0 + 16.0 + 8.0;

/// The sizes in which jemalloc gives out memory up to 4 KiB: four for each doubling.
fn allocated(bytes: f64) -> f64 {
    let mut step: f64 = 16.0;
    while bytes > step * 8.0 {
        step *= 2.0;
    }
    (bytes / step).ceil() * step
}

/// Node in front of a Redis that is full.
pub(super) fn redis(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let (kib, value) = (
        config.number("extra_kb", 1.0)?,
        config.number("value", 1.0)?,
    );
    let miss = config.number("miss", 0.0)? * 1e3;
    // What is realised of a timer is not what was asked for.
    let realised = &truth.json["realised_demand"];
    let miss = match (realised["mean_ms"].as_f64(), realised["cv"].as_f64()) {
        (Some(mean), Some(cv)) if mean > 0.0 && cv > 0.001 => {
            format!(
                "{{ lognormal = {{ mean = {}, cv = {cv:.3} }} }}",
                millis(mean)
            )
        }
        _ => millis(miss),
    };
    // A string has a header and ends with a zero.
    let entry = allocated(value + 4.0) + REDIS_ENTRY_BYTES;
    let capacity = (kib * 1024.0 / entry).floor().max(1.0);
    let cpu = truth.server_cpu_ms();
    let source = Source {
        keys: Some("items"),
        overhead: truth.overhead()?.less(cpu),
        ..Source::new(truth, repetition, "api")?
    };
    Ok(format!(
        "{}{}[components.api]\nkind = \"service\"\nworkers = {{ runtime = \"event_loop\", count = 1 }}\nbacklog = \"unbounded\"\n\n[components.api.operations.default]\nsteps = [\n  {{ cpu = {} }},    # HTTP itself\n  {{ cache = \"redis\", keys = \"items\", on_miss = [{{ wait = {} }}] }},\n]\n\n[components.redis]\nkind = \"cache\"\ncapacity = {capacity}\npolicy = \"{}\"\nserver = {{ command = \"10us\" }}\ntime = \"100us\"    # over loopback and back\n",
        source.tables()?,
        catalogue("items", truth)?,
        millis(cpu),
        miss,
        redis_policy(truth)?
    ))
}
