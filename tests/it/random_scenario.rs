//! Random valid scenarios, from a seed.
//!
//! Small systems with everything that the language knows, in combinations that nobody would write:
//! starved pools, backlogs of nothing, instances killed while they drain, clients that give up at once.

mod autoscalers;
mod caches;
mod gateways;
mod health;
mod persistence;
mod pools;
mod queues;
mod runtime;
mod sources;
mod timeline;

use std::fmt::Write as _;

use rand::{Rng as _, SeedableRng as _};
use rand_xoshiro::Xoshiro256PlusPlus;

pub(crate) struct Generator {
    rng: Xoshiro256PlusPlus,
    /// By service: whether its pool leads to the pooler.
    bounces: [bool; 3],
    /// Whether the operation that is written publishes: what is done for a message may not.
    publishes: bool,
    /// Whether caches need the keys themselves.
    tells_keys_apart: bool,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            bounces: [false; 3],
            publishes: false,
            tells_keys_apart: true,
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.rng.next_u64() % n
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn one_of<'a>(&mut self, options: &[&'a str]) -> &'a str {
        options[self.below(options.len() as u64) as usize]
    }

    /// A law with a mean of about `ms` milliseconds.
    fn law(&mut self, ms: u64) -> String {
        let mean = format!("\"{}us\"", ms * 1000 / 2 + self.below(ms * 1000) + 1);
        match self.below(8) {
            0 => mean,
            1 | 2 => format!("{{ exponential = {mean} }}"),
            3 => format!("{{ lognormal = {{ mean = {mean}, cv = 1.5 }} }}"),
            4 => format!("{{ gamma = {{ mean = {mean}, cv = 0.5 }} }}"),
            5 => format!("{{ hyperexponential = {{ mean = {mean}, cv = 3 }} }}"),
            6 => format!("{{ uniform = {{ from = \"0s\", to = \"{}ms\" }} }}", 2 * ms),
            _ => format!("{{ weibull = {{ mean = {mean}, shape = 0.7 }} }}"),
        }
    }

    fn probability(&mut self) -> String {
        if self.chance(30) {
            format!(", probability = \"{}%\"", self.between(1, 99))
        } else {
            String::new()
        }
    }

    fn steps(&mut self, service: usize, n_services: usize, depth: u32) -> String {
        let mut steps = Vec::new();
        for _ in 0..self.between(u64::from(depth == 0), 3) {
            let law = self.law(4);
            let probability = self.probability();
            // A service may call those behind it only: no rings.
            let can_call = service + 1 < n_services;
            steps.push(match self.below(9) {
                7 => format!("{{ rate_limit = \"limiter{service}\"{probability} }}"),
                8 if !self.publishes => format!("{{ wait = {law}{probability} }}"),
                8 => {
                    let rules = self.persistence_inline();
                    let queue = self.one_of(&["jobs", "mails"]).to_owned();
                    format!("{{ publish = \"{queue}\"{probability}{rules} }}")
                }
                0 | 1 => format!("{{ cpu = {law}{probability} }}"),
                2 if self.chance(30) => {
                    // Long enough to be caught in the middle when an instance is killed.
                    let long = self.law(3000);
                    format!("{{ wait = {long}{probability} }}")
                }
                2 => format!("{{ wait = {law}{probability} }}"),
                3 => {
                    let rules = self.persistence_inline();
                    let access = self.one_of(&[
                        "\"read\"",
                        "\"write\"",
                        "\"write\", row = \"urls\"",
                    ]);
                    let to = if self.bounces[service] { "bouncer" } else { "pg" };
                    format!("{{ query = \"{to}\", pool = \"db\", time = {law}, access = {access}{probability}{rules} }}")
                }
                4 if depth < 2 => {
                    let cache = self.one_of(&["shared", "own"]).to_owned();
                    let cache = if cache == "own" {
                        format!("own{service}")
                    } else {
                        cache
                    };
                    let inner = self.steps(service, n_services, depth + 1);
                    format!(
                        "{{ cache = \"{cache}\", keys = \"urls\", on_miss = {inner}{probability} }}"
                    )
                }
                5 if can_call => {
                    let to = self.between(service as u64 + 1, n_services as u64 - 1);
                    let to = self.way_into(to as usize);
                    let rules = self.persistence_inline();
                    format!("{{ call = \"{to}\"{probability}{rules} }}")
                }
                5 => {
                    let rules = self.persistence_inline();
                    format!("{{ query = \"pg\", time = {law}{probability}{rules} }}")
                }
                _ => {
                    let rules = self.persistence_inline();
                    format!("{{ call = \"outside\"{probability}{rules} }}")
                }
            });
        }
        format!("[{}]", steps.join(", "))
    }

    fn service(&mut self, at: usize, n_services: usize, text: &mut String) {
        let _ = writeln!(text, "[components.s{at}]\nkind = \"service\"");
        let _ = writeln!(text, "count = {}", self.between(1, 4));
        text.push_str("zones = 2\n");
        let workers = self.workers(text);
        if self.chance(60) {
            let _ = writeln!(text, "vcpu = {}", self.one_of(&["0.3", "1", "2", "8"]));
        }
        if self.chance(50) {
            let _ = writeln!(
                text,
                "backlog = {}",
                self.one_of(&["0", "3", "50", "\"unbounded\""])
            );
        }
        if self.chance(40) {
            let _ = writeln!(text, "max_connections = {}", self.between(1, 60));
        }
        self.limits_of_waiting(text);
        let _ = writeln!(text, "boot = {}", self.law(20_000));
        let _ = writeln!(
            text,
            "drain = \"{}ms\"",
            self.one_of(&["0", "1", "200", "30000"])
        );
        let _ = writeln!(text, "balance = \"{}\"", self.policy());
        self.life(text);
        self.provisioning(text);
        self.pool(at, workers, text);
        self.autoscaler(at, text);
        self.consumes(text);
        self.own_cache(at, workers.are_processes, text);
        self.limiter(at, workers.are_processes, text);
        for class in ["default", "page"] {
            if class == "default" || self.chance(60) {
                self.publishes = class == "page";
                let steps = self.steps(at, n_services, 0);
                let _ = writeln!(
                    text,
                    "[components.s{at}.operations.{class}]\nsteps = {steps}"
                );
                self.answers(text);
            }
        }
        self.balancer(at, n_services, text);
    }

    fn balancer(&mut self, at: usize, n_services: usize, text: &mut String) {
        let _ = writeln!(text, "[components.lb{at}]\nkind = \"balancer\"");
        let has_group = self.chance(60);
        let policy = if has_group && self.chance(50) {
            self.one_of(&[
                "least_conn",
                "leastconn",
                "least_request",
                "first",
                "{ random_draws = { draws = 3 } }",
                "source",
            ])
            .to_owned()
        } else {
            self.policy()
        };
        let policy = if policy.starts_with('{') {
            policy
        } else {
            format!("\"{policy}\"")
        };
        let _ = writeln!(text, "policy = {policy}");
        let knows_backups = !policy.contains("random\"");
        self.servers(at, n_services, has_group && knows_backups, text);
        if self.chance(30) {
            let _ = writeln!(text, "delay = {}", self.law(1));
        }
        if self.chance(40) {
            let _ = writeln!(text, "sticky = \"{}\"", self.one_of(&["client", "address"]));
        }
        if has_group {
            self.servers_that_fail(text);
        }
        if self.chance(40) {
            self.health(&policy, text);
        }
    }

    /// Who is behind a balancer: its own service, with others that stand further behind.
    fn servers(&mut self, at: usize, n_services: usize, several: bool, text: &mut String) {
        if !several || at + 1 == n_services || self.chance(60) {
            let _ = writeln!(text, "to = \"s{at}\"");
            return;
        }
        let other = self.between(at as u64 + 1, n_services as u64 - 1);
        let how = self.one_of(&["", ", weight = 3", ", backup = true", ", down = true"]);
        let _ = writeln!(
            text,
            "to = [{{ service = \"s{at}\", weight = 2 }}, {{ service = \"s{other}\"{how} }}]"
        );
    }

    /// How requests wait at a balancer for a server with room.
    fn line(&mut self, max: u64, text: &mut String) {
        let mut own = Vec::new();
        if self.chance(70) {
            own.push(format!(
                "timeout = \"{}\"",
                self.one_of(&["3ms", "80ms", "5s"])
            ));
        }
        if self.chance(30) {
            own.push(format!("max = {}", self.between(1, 30)));
        }
        if self.chance(30) {
            own.push(format!("max_per_server = {}", self.between(1, 4)));
        }
        let _ = writeln!(text, "queue = {{ {} }}", own.join(", "));
        if self.chance(30) {
            let min = self.between(1, max);
            let _ = writeln!(
                text,
                "min_conns = {min}\nfull_conns = {}",
                self.between(1, 40)
            );
        }
    }

    /// What is said of the answers of an operation.
    fn answers(&mut self, text: &mut String) {
        if self.chance(30) {
            text.push_str("response = { mean = \"40kB\", cv = 1.2, compressed_to = \"30%\" }\n");
        }
        if self.chance(20) {
            let control = self.one_of(&[
                "no-store",
                "s-maxage=1, stale-while-revalidate=2",
                "max-age=2, stale-if-error=9",
            ]);
            let _ = writeln!(text, "cache_control = \"{control}\"");
        }
        if self.chance(30) {
            let law = self.law(2);
            let _ = writeln!(text, "not_modified = [{{ cpu = {law} }}]");
        }
    }

    /// What a balancer does about servers that fail, are late or have enough.
    fn servers_that_fail(&mut self, text: &mut String) {
        let _ = writeln!(text, "balancers = {}", 1 + self.below(3));
        let _ = writeln!(text, "max_fails = {}", self.below(3));
        let _ = writeln!(text, "fail_timeout = \"{}s\"", self.below(3));
        if self.chance(60) {
            let max = 1 + self.below(6);
            let _ = writeln!(text, "max_conns = {max}");
            if self.chance(70) {
                self.line(max, text);
            }
        }
        if self.chance(60) {
            let timeout = self.one_of(&["5ms", "40ms", "700ms"]);
            let _ = writeln!(text, "read_timeout = \"{timeout}\"");
        }
        if self.chance(20) {
            text.push_str("ignore_client_abort = true\n");
        }
        if self.chance(30) {
            let on = self.one_of(&[
                "\"connect_failure\"",
                "\"connect_failure\", \"empty_response\", \"response_timeout\", \"http_503\"",
            ]);
            let redispatch = self.one_of(&["never", "last", "each"]);
            let max = self.below(5);
            let _ = writeln!(
                text,
                "retries = {{ max = {max}, on = [{on}], redispatch = \"{redispatch}\" }}"
            );
        } else if self.chance(70) {
            let on = self.one_of(&[
                "\"error\", \"timeout\"",
                "\"timeout\", \"http_500\", \"http_503\", \"non_idempotent\"",
                "\"connect_failure\"",
            ]);
            let tries = self.below(4);
            let anywhere = self.one_of(&["", ", anywhere = true", ", backoff = \"4ms\""]);
            let _ = writeln!(
                text,
                "next_upstream = {{ on = [{on}], tries = {tries}{anywhere} }}"
            );
        }
        if self.chance(30) {
            text.push_str("quarantine = \"300ms\"\n");
        }
        if self.chance(30) {
            text.push_str("wait_for_server = \"2s\"\n");
        }
        if self.chance(30) {
            let _ = writeln!(text, "in_flight_per_server = {}", 1 + self.below(8));
        }
    }

    fn limits_of_waiting(&mut self, text: &mut String) {
        let _ = writeln!(
            text,
            "abandoned = \"{}\"",
            self.one_of(&["serve", "skip", "stop", "cancel"])
        );
        if self.chance(40) {
            let limit = match self.below(3) {
                0 => "\"8ms\"".to_owned(),
                1 => "\"500ms\"".to_owned(),
                _ => self.law(10),
            };
            let _ = writeln!(text, "queue_timeout = {limit}");
        }
        if self.chance(30) {
            text.push_str("retry_after = \"300ms\"\n");
        }
        if self.chance(30) {
            let _ = writeln!(text, "handshake = {}", self.law(1));
        }
    }

    fn own_cache(&mut self, at: usize, are_processes: bool, text: &mut String) {
        let scope = if are_processes {
            self.one_of(&["worker", "instance"])
        } else {
            "instance"
        };
        let _ = writeln!(
            text,
            "[components.own{at}]\nkind = \"cache\"\nscope = \"{scope}\""
        );
        self.cache(40, text);
    }

    fn policy(&mut self) -> String {
        self.one_of(&["round_robin", "random", "least_outstanding", "power_of_two"])
            .to_owned()
    }

    /// A scenario of some thousand requests.
    pub(crate) fn scenario(&mut self) -> String {
        let mut text = format!(
            "[run]\nhorizon = \"{}s\"\nreplications = 3\nseed = {}\ndrain = \"{}s\"\n",
            if self.chance(20) {
                self.between(60, 300)
            } else {
                self.between(10, 40)
            },
            self.below(1000),
            self.one_of(&["0", "5", "60"])
        );
        if self.chance(40) {
            text.push_str("warm_up = \"7s\"\n");
        }
        if self.chance(20) {
            text.push_str("max_in_flight = 60\n");
        }
        for at in 0..self.between(1, 3) {
            self.source(at as usize, &mut text);
        }
        let n_services = self.between(1, 3) as usize;
        self.tells_keys_apart = self.chance(70);
        for at in 0..n_services {
            self.bounces[at] = self.chance(30);
            self.service(at, n_services, &mut text);
            self.gateways(at, &mut text);
        }
        self.timeline(n_services, &mut text);
        text.push_str("[components.shared]\nkind = \"cache\"\n");
        self.cache(200, &mut text);
        let vary = if self.tells_keys_apart {
            self.one_of(&["nobody", "authenticated", "client"])
        } else {
            "nobody"
        };
        let popularity = self.one_of(&["\"uniform\"", "{ zipf = 0.9 }"]);
        let _ = writeln!(
            text,
            "[keys.urls]\ncount = {}\npopularity = {popularity}\nvary = \"{vary}\"\n\
             size = {{ mean = \"1kB\", cv = 2 }}",
            self.between(1, 500)
        );
        if self.tells_keys_apart && self.chance(30) {
            let _ = writeln!(text, "missing = \"{}%\"", self.between(1, 99));
        }
        let _ = writeln!(
            text,
            "[components.pg]\nkind = \"database\"\ncores = {}",
            self.one_of(&["0.5", "2", "64"])
        );
        self.limits_of_database(&mut text);
        self.pooler(&mut text);
        self.queue("jobs", &mut text);
        self.queue("mails", &mut text);
        let _ = writeln!(
            text,
            "[components.outside]\nkind = \"dependency\"\nlatency = {}",
            self.law(20)
        );
        if self.chance(60) {
            let over_limit = self.one_of(&["reject", "wait"]);
            let _ = writeln!(
                text,
                "max_concurrent = {}\nover_limit = \"{over_limit}\"",
                self.between(1, 5)
            );
        }
        let _ = writeln!(text, "errors = \"{}%\"", self.below(30));
        text
    }
}
