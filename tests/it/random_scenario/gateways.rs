//! Random gateways: two in a row in front of each service, with limits that matter.

use std::fmt::Write as _;

use super::Generator;

impl Generator {
    /// The gateways `gate{at}`, and `outer{at}` in front of it.
    pub(super) fn gateways(&mut self, at: usize, text: &mut String) {
        for (name, to) in [("gate", ["s", "lb"]), ("outer", ["gate", "gate"])] {
            let to = self.one_of(&to);
            if self.chance(25) {
                self.cdn(&format!("{name}{at}"), &format!("{to}{at}"), text);
                continue;
            }
            if self.chance(30) {
                self.http_cache(&format!("{name}{at}"), &format!("{to}{at}"), text);
                continue;
            }
            let _ = writeln!(
                text,
                "[components.{name}{at}]\nkind = \"rate_limiter\"\nto = \"{to}{at}\""
            );
            let mut limits: Vec<_> = (0..self.between(1, 3)).map(|_| self.limit()).collect();
            // nginx asks `limit_req` first, wherever it is written.
            limits.sort_by_key(|limit| !limit.contains("limit_req"));
            let _ = writeln!(text, "limits = [{}]", limits.join(", "));
            if self.chance(10) {
                text.push_str("dry_run = true\n");
            }
            if self.chance(30) {
                text.push_str("retry_after = \"40ms\"\n");
            }
        }
    }

    fn cdn(&mut self, name: &str, to: &str, text: &mut String) {
        let edges = self.between(1, 4);
        let _ = writeln!(
            text,
            "[components.{name}]\nkind = \"cdn\"\nto = \"{to}\"\nkeys = \"urls\"\nedges = {edges}"
        );
        let capacity = self.one_of(&["3", "100", "\"20kB\""]);
        let _ = writeln!(text, "capacity = {capacity}");
        for (percent, line) in [
            (40, "default_ttl = \"300ms\""),
            (20, "min_ttl = \"1s\""),
            (20, "max_ttl = \"1500ms\""),
            (30, "negative_ttl = \"200ms\""),
            (40, "stale_while_revalidate = \"2s\""),
            (40, "stale_if_error = \"2s\""),
            (30, "unchanged = \"60%\""),
            (30, "collapse = false"),
            (30, "policy = \"w_tinylfu\""),
            (20, "flush_at = [\"8s\"]"),
            (20, "bypass = \"authenticated\""),
            (20, "cacheable = [\"default\"]"),
            (20, "spread = \"uniform\""),
        ] {
            if self.chance(percent) {
                let _ = writeln!(text, "{line}");
            }
        }
        for rtt in ["client_rtt", "origin_rtt"] {
            if self.chance(40) {
                let _ = writeln!(text, "{rtt} = {}", self.law(4));
            }
        }
    }

    fn http_cache(&mut self, name: &str, to: &str, text: &mut String) {
        let _ = writeln!(
            text,
            "[components.{name}]\nkind = \"http_cache\"\nto = \"{to}\"\nkeys = \"urls\""
        );
        let valid = self.one_of(&[
            "\"1s\"",
            "\"20s\"",
            "[{ time = \"2s\" }, { any = true, time = \"1s\" }]",
        ]);
        let _ = writeln!(text, "valid = {valid}");
        if self.chance(60) {
            let cases = self.one_of(&[
                "\"updating\"",
                "\"error\", \"timeout\", \"updating\", \"http_500\", \"http_503\"",
                "\"http_500\", \"http_404\", \"http_429\"",
            ]);
            let _ = writeln!(text, "use_stale = [{cases}]");
            let _ = writeln!(text, "background_update = {}", self.chance(60));
        }
        if self.chance(60) {
            let lock = self.one_of(&["true", "{ timeout = \"30ms\", age = \"70ms\" }"]);
            let _ = writeln!(text, "lock = {lock}");
        }
        for (percent, line) in [
            (30, "inactive = \"3s\""),
            (30, "min_uses = 2"),
            (30, "revalidate = true\nunchanged = \"60%\""),
            (30, "max_size = \"20kB\""),
            (30, "keys_zone = \"1kB\""),
            (20, "flush_at = [\"8s\"]"),
            (20, "bypass = \"authenticated\""),
            (20, "cacheable = [\"default\"]"),
        ] {
            if self.chance(percent) {
                let _ = writeln!(text, "{line}");
            }
        }
        if self.chance(30) {
            let _ = writeln!(text, "time = {}", self.law(1));
        }
    }

    /// A way into the service `at`.
    pub(super) fn way_into(&mut self, at: usize) -> String {
        format!("{}{at}", self.one_of(&["s", "lb", "gate", "outer"]))
    }

    fn limit(&mut self) -> String {
        let key = self.one_of(&["all", "address", "client"]);
        let max = self.between(1, 40);
        let limit = match self.below(5) {
            4 => format!("worker_connections = {{ max = {}, workers = 2 }}", max + 1),
            0 => self.rate_limit(),
            1 => return format!("{{ limit_conn = {{ max = {max}, key = \"{key}\" }} }}"),
            _ => format!("concurrency = {{ max = {max}, key = \"{key}\" }}"),
        };
        format!("{{ {limit} }}")
    }

    /// A limit that a step can ask.
    fn rate_limit(&mut self) -> String {
        let key = self.one_of(&["all", "address", "client"]);
        let max = self.between(1, 40);
        match self.below(5) {
            0 => {
                let wait = self.one_of(&["0s", "30ms", "2s"]);
                format!(
                    "token_bucket = {{ rate = \"{max}/s\", burst = {}, max_wait = \"{wait}\", key = \"{key}\" }}",
                    self.between(1, 20)
                )
            }
            1 => {
                let starts = self.one_of(&["first_request", "clock"]);
                format!(
                    "fixed_window = {{ max = {max}, window = \"1500ms\", starts = \"{starts}\", key = \"{key}\" }}"
                )
            }
            2 => {
                let count = self.one_of(&["log", "counter"]);
                format!(
                    "sliding_window = {{ max = {max}, window = \"2s\", count = \"{count}\", key = \"{key}\" }}"
                )
            }
            _ => {
                let rate = self.one_of(&["5/s", "40/s", "100/min"]);
                let delay = self.one_of(&["", ", delay = 2", ", nodelay = true"]);
                let zone = self.one_of(&["", ", zone_size = \"500B\""]);
                format!(
                    "limit_req = {{ rate = \"{rate}\", burst = {}, key = \"{key}\"{delay}{zone} }}",
                    self.between(0, 20)
                )
            }
        }
    }

    /// A rate limiter that steps of a service ask, and the step.
    pub(super) fn limiter(&mut self, at: usize, event_loop: bool, text: &mut String) {
        let scope = if event_loop {
            self.one_of(&["shared", "worker", "instance"])
        } else {
            self.one_of(&["shared", "instance"])
        };
        let limits: Vec<_> = (0..self.between(1, 3))
            .map(|_| format!("{{ {} }}", self.rate_limit()))
            .collect();
        let _ = writeln!(
            text,
            "[components.limiter{at}]\nkind = \"rate_limiter\"\nscope = \"{scope}\"\nlimits = [{}]",
            limits.join(", ")
        );
    }
}
