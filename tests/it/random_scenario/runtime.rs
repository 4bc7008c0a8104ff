//! The runtime of random instances: how they work, what they run out of, what happens to them.

use std::fmt::Write as _;

use super::Generator;

/// What the rest of a random service must know of its workers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Workers {
    /// Whether each has caches and pools of its own.
    pub(super) are_processes: bool,
    /// Whether they end by themselves, so that pools must be their own.
    pub(super) end: bool,
}

impl Generator {
    pub(super) fn workers(&mut self, text: &mut String) -> Workers {
        let runtime = self
            .one_of(&["threads", "event_loop", "processes"])
            .to_owned();
        let count = self.between(1, 5);
        let mut keys = vec![
            format!("runtime = \"{runtime}\""),
            format!("count = {count}"),
        ];
        let mut end = false;
        match runtime.as_str() {
            "processes" => {
                let threads = self.between(1, 3);
                keys.push(format!("threads = {threads}"));
                let accept = self.one_of(&["central", "greedy", "race"]);
                keys.push(format!("accept = \"{accept}\""));
                if self.chance(30) {
                    keys.push("interpreter_lock = false".to_owned());
                }
                if self.chance(40) {
                    keys.push(format!("connections = {}", self.between(1, 6)));
                }
                if threads == 1 && self.chance(40) {
                    end = true;
                    keys.push(format!("timeout = \"{}ms\"", self.one_of(&["5", "300"])));
                }
                if self.chance(40) {
                    end = true;
                    let most = self.between(1, 40);
                    keys.push(format!("max_requests = {most}, max_requests_jitter = 5"));
                }
            }
            "event_loop" if self.chance(40) => {
                keys.push("accept = \"by_connection\"".to_owned());
                if self.chance(50) {
                    keys.push("keep_alive = { connections = 2, idle = \"100ms\" }".to_owned());
                }
            }
            _ => {}
        }
        self.slower_at_times(&mut keys);
        let _ = writeln!(text, "workers = {{ {} }}", keys.join(", "));
        end |= self.limits_of_instances(runtime != "threads", text);
        Workers {
            are_processes: runtime != "threads",
            end,
        }
    }

    fn slower_at_times(&mut self, keys: &mut Vec<String>) {
        if self.chance(30) {
            let boot = self.law(500);
            keys.push(format!("boot = {boot}"));
        }
        if self.chance(25) {
            keys.push("warm_up = { factor = 4, requests = 30, first = 2 }".to_owned());
        }
        if self.chance(30) {
            let length = self.law(30);
            let every = if self.chance(50) {
                let law = self.law(400);
                format!("every = {law}")
            } else {
                "every_requests = 7".to_owned()
            };
            let scope = self.one_of(&["", ", scope = \"instance\""]);
            keys.push(format!("pauses = {{ {every}, length = {length}{scope} }}"));
        }
    }

    /// Quotas, memory, full lines; true if processes may end because of them.
    fn limits_of_instances(&mut self, are_processes: bool, text: &mut String) -> bool {
        let mut end = false;
        if self.chance(20) {
            text.push_str("when_full = \"drop\"\n");
        }
        if self.chance(30) {
            let cpus = self.one_of(&["0.2", "1", "1.5"]);
            let mode = self.one_of(&["cfs", "cfs", "fluid"]);
            let _ = writeln!(text, "quota = {{ cpus = {cpus}, mode = \"{mode}\" }}");
        }
        if self.chance(30) {
            let over = self.one_of(&["kill", "swap"]);
            let leak = self.one_of(&["0B", "1MB", "30MB"]);
            let heap = if self.chance(50) {
                end = are_processes;
                ", heap_limit = \"80MB\""
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "memory = {{ limit = \"1GB\", base = \"40MB\", per_request = \"9MB\", \
                 leak_per_request = \"{leak}\", leak_per_hour = \"5GB\"{heap}, over = \"{over}\" }}"
            );
        }
        end
    }

    pub(super) fn life(&mut self, text: &mut String) {
        if self.chance(30) {
            let on_stop = self.one_of(&["finish", "drop"]);
            let _ = writeln!(text, "on_stop = \"{on_stop}\"");
        }
        if self.chance(30) {
            let law = self.law(9000);
            let _ = writeln!(text, "crash_after = {law}");
        }
        if self.chance(30) {
            let _ = writeln!(text, "boot_timeout = \"{}s\"", self.one_of(&["1", "12"]));
        }
        if self.chance(30) {
            let replace = self.one_of(&["at_once", "before"]);
            let _ = writeln!(
                text,
                "cycle = {{ every = \"{}s\", spread = \"9s\", replace = \"{replace}\" }}",
                self.between(1, 20)
            );
        }
        if self.chance(50) {
            let deregisters = self.chance(50);
            let boot = self.law(2000);
            let after = self.one_of(&["0s", "50ms", "3s"]);
            let _ = writeln!(
                text,
                "restart = {{ after = \"{after}\", at_most = \"9s\", reset_after = \"5s\", \
                 boot = {boot}, deregisters = {deregisters} }}"
            );
        }
    }
}

impl Generator {
    /// Where the instances of a service come from.
    pub(super) fn provisioning(&mut self, text: &mut String) {
        if self.chance(30) {
            let how = self.one_of(&[
                "last",
                "newest",
                "oldest",
                "least_loaded",
                "kubernetes",
                "aws",
            ]);
            let _ = writeln!(text, "termination = \"{how}\"");
        }
        if !self.chance(40) {
            return;
        }
        let mut own = Vec::new();
        if self.chance(70) {
            own.push(format!("machine = {}", self.law(2000)));
        }
        if self.chance(50) {
            own.push(format!("image_pull = {}", self.law(900)));
        }
        if self.chance(40) {
            own.push(format!("ready_every = \"{}ms\"", self.between(1, 900)));
            own.push(format!("ready_times = {}", self.between(1, 3)));
        }
        if self.chance(40) {
            own.push(format!("quota = {}", self.between(1, 6)));
            own.push("retry_every = \"700ms\"".to_owned());
        }
        if self.chance(30) {
            own.push("launch_rate = \"2/s\"".to_owned());
        }
        if self.chance(40) {
            own.push(format!("per_machine = {}", self.between(2, 4)));
            own.push(format!("idle_for = \"{}ms\"", self.between(0, 3000)));
        } else if self.chance(41) {
            let state = self.one_of(&["stopped", "running"]);
            let resume = self.law(300);
            let least = self.below(3);
            own.push(format!(
                "warm_pool = {{ min_size = {least}, state = \"{state}\", resume = {resume} }}"
            ));
        }
        let _ = writeln!(text, "provisioning = {{ {} }}", own.join(", "));
    }
}
