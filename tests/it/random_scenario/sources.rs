//! Random sources: of every kind, with and without flows.

use std::fmt::Write as _;

use super::Generator;

const CLASSES: [&str; 4] = ["page", "api", "asset", "default"];

impl Generator {
    pub(super) fn source(&mut self, at: usize, text: &mut String) {
        let _ = writeln!(text, "[sources.u{at}]");
        let _ = writeln!(text, "enters = \"{}\"", self.way_into(0));
        let kind = self.below(12);
        match kind {
            0..=4 => self.open(text),
            5 | 6 => self.users(text),
            7 | 8 => self.k6(text),
            9 => self.artillery(text),
            10 => self.locust(text),
            _ => {
                let threads = self.between(1, 3);
                let connections = threads + self.below(5);
                let _ = writeln!(
                    text,
                    "kind = \"wrk\"\nthreads = {threads}\nconnections = {connections}\nduration = {}",
                    self.between(1, 20)
                );
            }
        }
        let asks_for = self.below(4);
        if asks_for < 2 {
            let steps = self.flow(0);
            let _ = writeln!(text, "flow = {steps}");
        } else if self.chance(40) {
            let share = self.between(1, 99);
            let _ = writeln!(
                text,
                "mix = {{ page = \"{share}%\", api = \"{}%\" }}",
                100 - share
            );
        }
        if self.chance(40) {
            let clients = self.clients();
            let _ = writeln!(text, "clients = {clients}");
        }
        if self.chance(30) {
            let network = self.network();
            let _ = writeln!(text, "network = {network}");
        }
        if self.chance(40) {
            let _ = writeln!(text, "breaks_off = {}", self.one_of(&["true", "false"]));
        }
        if self.chance(30) {
            let ms = [3, 100, 3000][self.below(3) as usize];
            let _ = writeln!(text, "patience = {}", self.law(ms));
        }
        if kind == 11 {
            // wrk sends each request once.
            if self.chance(50) {
                text.push_str("timeout = \"30ms\"\n");
            }
            return;
        }
        for key in self.persistence() {
            let _ = writeln!(text, "{key}");
        }
    }

    fn clients(&mut self) -> String {
        let browsers = if self.chance(50) {
            let changes = self.one_of(&["", ", changes_every = \"30s\""]);
            let stale = self.one_of(&["0s", "10s"]);
            let etag = self.one_of(&["true", "false"]);
            format!(
                ", browser_cache = {{ keys = \"urls\", max_age = \"5s\", etag = {etag}, \
                 stale_while_revalidate = \"{stale}\", entries = {}{changes} }}",
                self.between(1, 200)
            )
        } else {
            String::new()
        };
        format!(
            "{{ population = {}, popularity = {{ zipf = 0.9 }}, per_address = {}, authenticated = \"40%\"{browsers} }}",
            self.between(1, 60),
            self.between(1, 9)
        )
    }

    fn network(&mut self) -> String {
        let rtt = self.law(20);
        let reuse = self.one_of(&["", ", reuse = \"70%\""]);
        let loss = self.one_of(&["0%", "3%"]);
        let tls = self.one_of(&["none", "1.2", "1.3", "quic"]);
        format!(
            "{{ rtt = {rtt}, jitter = \"1ms\", bandwidth = \"20Mbit/s\", tls = \"{tls}\", loss = \"{loss}\", keep_alive = \"3s\"{reuse} }}"
        )
    }

    fn open(&mut self, text: &mut String) {
        let arrivals = match self.below(5) {
            0 => "\"poisson\"".to_owned(),
            1 => "\"regular\"".to_owned(),
            2 => self.modulated(),
            3 => self.batches(),
            _ => format!("{{ renewal = {} }}", self.law(10)),
        };
        if self.chance(50) {
            text.push_str("kind = \"open\"\n");
        }
        let _ = writeln!(
            text,
            "arrivals = {arrivals}\nrate = \"{}/s\"",
            self.between(1, 60)
        );
        if self.chance(60) {
            let pieces = [
                "{ hold = \"20s\" }",
                "{ ramp_to = 4, over = \"30s\" }",
                "{ step_to = 0.2 }",
                "{ step_to = 8 }",
                "{ decay_to = 0.5, half_life = \"10s\" }",
                "{ spike_to = 12, rise = \"5s\", stay = \"20s\", fall = \"5s\" }",
                "{ diurnal = \"90%\", day = \"60s\", over = \"40s\" }",
                "{ flash_crowd = 9, time_to_peak = \"10s\", plateau = \"5s\", half_life = \"10s\", over = \"60s\" }",
                "{ growth = \"30%\", per = \"20s\", over = \"50s\" }",
                "{ growth = \"-99%\", per = \"1m\", over = \"30s\" }",
                // Across midnight, where the clock is put forward, and into a Monday.
                "{ weekly = { sun = 0.1 }, swing = \"50%\", second = \"50%\", zone = \"Africa/Cairo\", \
                 starts = \"2026-04-23T23:59:40\", over = \"40s\" }",
                "{ weekly = { sun = 0.1, mon = 3 }, zone = \"+05:30\", starts = \"2026-11-22T23:59:50\", \
                 over = \"20s\" }",
            ];
            let chosen: Vec<_> = (0..self.between(1, 4))
                .map(|_| self.one_of(&pieces))
                .collect();
            let _ = writeln!(text, "curve = [{}]", chosen.join(", "));
        }
    }

    /// Arrivals whose rate jumps between levels.
    fn modulated(&mut self) -> String {
        if self.chance(40) {
            let burstiness = self.one_of(&["1", "3.5", "60"]);
            let lasts = self.one_of(&["10ms", "2s", "1m"]);
            return format!("{{ mmpp = {{ burstiness = {burstiness}, lasts = \"{lasts}\" }} }}");
        }
        let states: Vec<_> = (0..self.between(2, 4))
            .map(|at| {
                let level = self.one_of(&["0", "0.2", "1", "30"]);
                let level = if at == 0 { "2" } else { level };
                let lasts = self.one_of(&["1ms", "300ms", "5s", "40s"]);
                format!("{{ level = {level}, lasts = \"{lasts}\" }}")
            })
            .collect();
        format!("{{ mmpp = {{ states = [{}] }} }}", states.join(", "))
    }

    /// Arrivals of several at a time.
    fn batches(&mut self) -> String {
        let when = self.one_of(&[
            "size = 1",
            "size = 7",
            "size = { geometric = 4 }",
            "size = { geometric = 1 }",
            "every = \"100ms\"",
            "every = \"20s\"",
        ]);
        let over = self.one_of(&["", ", over = \"200ms\"", ", over = \"45s\""]);
        format!("{{ batches = {{ {when}{over} }} }}")
    }

    fn users(&mut self, text: &mut String) {
        let _ = writeln!(text, "kind = \"users\"\nusers = {}", self.between(1, 8));
        if self.chance(60) {
            let _ = writeln!(text, "think = {}", self.pause());
        }
        if self.chance(50) {
            let _ = writeln!(text, "over = \"{}s\"", self.between(1, 30));
        }
    }

    fn pause(&mut self) -> String {
        match self.below(4) {
            0 => self.one_of(&["0", "0.25", "3", "\"40ms\""]).to_owned(),
            1 => self.law(5),
            _ => self.law(800),
        }
    }

    fn stages(&mut self, most: u64, least_total: u64) -> String {
        let mut stages: Vec<String> = (0..self.between(0, 3))
            .map(|_| {
                let duration = self.one_of(&["0s", "700ms", "5s", "20s"]);
                format!(
                    "{{ target = {}, duration = \"{duration}\" }}",
                    self.below(most + 1)
                )
            })
            .collect();
        stages.push(format!(
            "{{ target = {}, duration = \"{least_total}s\" }}",
            self.between(1, most)
        ));
        if self.chance(50) {
            stages.push("{ target = 0, duration = \"3s\" }".to_owned());
        }
        format!("[{}]", stages.join(", "))
    }

    fn k6(&mut self, text: &mut String) {
        let vus = self.between(1, 6);
        let duration = self.between(1, 25);
        let executor = self.below(6);
        let own = match executor {
            0 => format!(
                "executor = \"shared-iterations\"\nvus = {vus}\niterations = {}\nmaxDuration = \"{duration}s\"",
                vus + self.below(60)
            ),
            1 => format!(
                "executor = \"per-vu-iterations\"\nvus = {vus}\niterations = {}\nmaxDuration = {duration}000",
                self.between(1, 30)
            ),
            2 => {
                format!("executor = \"constant-vus\"\nvus = {vus}\nduration = \"{duration}s\"")
            }
            3 => {
                let stages = self.stages(6, 4);
                let grace = self.one_of(&["0s", "40ms", "30s"]);
                format!(
                    "executor = \"ramping-vus\"\nstartVUs = {}\nstages = {stages}\ngracefulRampDown = \"{grace}\"",
                    self.below(4)
                )
            }
            4 => format!(
                "executor = \"constant-arrival-rate\"\nrate = {}\nduration = \"{duration}s\"\npreAllocatedVUs = {vus}\nmaxVUs = {}",
                self.between(1, 40),
                vus + self.below(5)
            ),
            _ => {
                let stages = self.stages(40, 5);
                let unit = self.one_of(&["1s", "700ms"]);
                format!(
                    "executor = \"ramping-arrival-rate\"\nstartRate = {}\nstages = {stages}\npreAllocatedVUs = {vus}\ntimeUnit = \"{unit}\"",
                    self.below(30)
                )
            }
        };
        let _ = writeln!(text, "kind = \"k6\"\n{own}");
        if self.chance(40) {
            let _ = writeln!(text, "startTime = \"{}ms\"", self.below(9000));
        }
        if self.chance(60) {
            let grace = self.one_of(&["0s", "20ms", "2s"]);
            let _ = writeln!(text, "gracefulStop = \"{grace}\"");
        }
    }

    fn artillery(&mut self, text: &mut String) {
        let phases: Vec<String> = (0..self.between(1, 4))
            .map(|_| {
                let duration = self.between(1, 12);
                let limit = if self.chance(50) {
                    format!(", maxVusers = {}", self.between(1, 5))
                } else {
                    String::new()
                };
                match self.below(5) {
                    0 => format!("{{ pause = {duration} }}"),
                    1 => format!(
                        "{{ arrivalCount = {}, duration = {duration}{limit} }}",
                        self.between(1, 50)
                    ),
                    2 => format!(
                        "{{ arrivalRate = {}, rampTo = {}, duration = \"{duration}s\"{limit} }}",
                        self.below(20),
                        self.below(30)
                    ),
                    way => {
                        let mode = if way == 3 { ", mode = \"poisson\"" } else { "" };
                        format!(
                            "{{ arrivalRate = {}, duration = {duration}{mode}{limit} }}",
                            self.between(1, 30)
                        )
                    }
                }
            })
            .collect();
        let _ = writeln!(
            text,
            "kind = \"artillery\"\nworkers = {}\nphases = [{}]",
            self.between(1, 3),
            phases.join(", ")
        );
    }

    fn locust(&mut self, text: &mut String) {
        text.push_str("kind = \"locust\"\n");
        if self.chance(50) {
            let mut over = 0;
            let stages: Vec<String> = (0..self.between(1, 4))
                .map(|_| {
                    over += self.between(1, 10);
                    format!(
                        "{{ duration = {over}, users = {}, spawn_rate = {} }}",
                        self.between(1, 6),
                        self.one_of(&["0.3", "1", "2.5", "100"])
                    )
                })
                .collect();
            let _ = writeln!(text, "stages = [{}]", stages.join(", "));
        } else {
            let _ = writeln!(
                text,
                "users = {}\nspawn_rate = {}",
                self.between(1, 6),
                self.one_of(&["0.5", "1", "7"])
            );
            if self.chance(60) {
                let _ = writeln!(text, "run_time = {}", self.between(1, 30));
            }
        }
        if self.chance(50) {
            let _ = writeln!(text, "stop_timeout = {}", self.one_of(&["0.05", "3"]));
        }
        if self.chance(80) {
            let wait = self.one_of(&[
                "{ constant = 0 }",
                "{ constant = 0.4 }",
                "{ between = [0, 1] }",
                "{ constant_pacing = 0.5 }",
                "{ constant_throughput = 4 }",
            ]);
            let _ = writeln!(text, "wait_time = {wait}");
        }
    }

    /// What a user does; always with a request somewhere.
    fn flow(&mut self, depth: u32) -> String {
        let mut steps = Vec::new();
        for _ in 0..self.between(0, 3) {
            let class = self.one_of(&CLASSES);
            steps.push(match self.below(8) {
                0 => format!("{{ request = \"{class}\" }}"),
                1 => format!("{{ get = \"/{class}\", class = \"{class}\" }}"),
                2 => format!("{{ post = \"{class}\" }}"),
                3 => format!("{{ think = {} }}", self.pause()),
                4 => format!(
                    "{{ page = \"page\", objects = {}, of = \"asset\", connections = {} }}",
                    self.between(1, 12),
                    self.between(1, 6)
                ),
                5 if depth < 2 => {
                    let inner = self.flow(depth + 1);
                    format!("{{ repeat = {}, steps = {inner} }}", self.between(1, 3))
                }
                6 if depth < 2 => {
                    let (one, other) = (self.flow(depth + 1), self.flow(depth + 1));
                    let nothing = if self.chance(40) {
                        ", { weight = 2, steps = [] }"
                    } else {
                        ""
                    };
                    format!(
                        "{{ choose = [{{ weight = 3, steps = {one} }}, {{ steps = {other} }}{nothing}] }}"
                    )
                }
                _ => format!("{{ request = \"{class}\" }}"),
            });
        }
        if depth > 0 || self.chance(60) {
            steps.push(format!("{{ request = \"{}\" }}", self.one_of(&CLASSES)));
        } else {
            // All there is may be a choice of doing nothing.
            steps.push(
                "{ choose = [{ weight = 4, steps = [] }, { steps = [{ request = \"api\" }] }] }"
                    .to_owned(),
            );
        }
        format!("[{}]", steps.join(", "))
    }
}
