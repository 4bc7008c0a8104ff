//! Pools that go about it in all possible ways, and the database behind them.

use std::fmt::Write as _;

use super::Generator;
use super::runtime::Workers;

impl Generator {
    pub(super) fn pool(&mut self, at: usize, workers: Workers, text: &mut String) {
        let per = if workers.end || (workers.are_processes && self.chance(50)) {
            "worker"
        } else {
            "instance"
        };
        let max = self.between(1, 5);
        let to = if self.bounces[at] { "bouncer" } else { "pg" };
        let _ = writeln!(
            text,
            "[components.s{at}.pools.db]\nto = \"{to}\"\nper = \"{per}\"\nmax = {max}"
        );
        let _ = writeln!(text, "min = {}", self.between(0, max));
        let waits = self.chance(90);
        if self.chance(50) {
            let model = self.one_of(&["node_postgres", "sqlalchemy", "hikari"]);
            let _ = writeln!(text, "model = \"{model}\"");
        } else if !waits {
            text.push_str("when_full = \"fail\"\n");
        }
        if self.chance(60) && waits {
            let _ = writeln!(text, "timeout = \"{}ms\"", self.one_of(&["1", "20", "500"]));
        }
        if self.chance(50) {
            let _ = writeln!(text, "connect = {}", self.law(5));
        }
        if self.chance(30) {
            text.push_str("round_trip = \"1ms\"\n");
        }
        if self.chance(50) {
            let idle = self.one_of(&["1", "50", "5000"]);
            let _ = writeln!(text, "idle_timeout = \"{idle}ms\"");
        }
        self.habits_of_pool(text);
    }

    fn habits_of_pool(&mut self, text: &mut String) {
        let mut say = |own: &mut Self, percent: u64, key: &str, values: &[&str]| {
            if own.chance(percent) {
                let _ = writeln!(text, "{key} = {}", own.one_of(values));
            }
        };
        say(self, 20, "overflow", &["1", "3"]);
        say(self, 30, "order", &["\"lifo\"", "\"fifo\"", "\"oldest\""]);
        say(self, 30, "max_uses", &["1", "7"]);
        say(self, 30, "max_age", &["\"20ms\"", "\"3s\""]);
        say(self, 30, "max_age_variance", &["\"40%\""]);
        say(self, 30, "barging", &["true", "false"]);
        say(self, 20, "wakes_after_close", &["false"]);
        say(self, 20, "eager", &["false", "true"]);
        say(self, 20, "housekeeping", &["\"700ms\""]);
        say(
            self,
            30,
            "expires",
            &["\"on_return\"", "\"on_checkout\"", "\"when_idle\""],
        );
        say(
            self,
            30,
            "breaks",
            &["\"seen\"", "\"on_use\"", "\"first_use\""],
        );
        say(
            self,
            30,
            "timeout_covers",
            &["\"wait\"", "\"wait_and_connect\""],
        );
        say(
            self,
            30,
            "test",
            &["\"always\"", "{ idle_over = \"30ms\" }", "\"none\""],
        );
        say(
            self,
            20,
            "opens",
            &[
                "\"by_request\"",
                "{ background = { gap = \"30ms\" } }",
                "{ background = { retry_from = \"1ms\", retry_to = \"20ms\" } }",
            ],
        );
    }

    pub(super) fn pooler(&mut self, text: &mut String) {
        let _ = writeln!(
            text,
            "[components.bouncer]\nkind = \"pooler\"\nto = \"pg\"\nsize = {}",
            self.between(1, 4)
        );
        if self.chance(40) {
            text.push_str("model = \"pgbouncer\"\n");
        }
        let law = self.law(1);
        let time = format!("time = {law}");
        let connect = format!("connect = {law}");
        let lines = [
            &time,
            &connect,
            "max_connections = 3",
            "timeout = \"30ms\"",
            "round_trip = \"1ms\"",
            "idle_timeout = \"10ms\"",
            "max_age = \"300ms\"",
            "retry = \"100ms\"",
            "fails_fast = true",
            "pooling = \"session\"",
        ];
        for line in lines {
            if self.chance(40) {
                let _ = writeln!(text, "{line}");
            }
        }
    }

    pub(super) fn limits_of_database(&mut self, text: &mut String) {
        if self.chance(50) {
            let _ = writeln!(text, "max_connections = {}", self.between(1, 12));
        }
        if self.chance(40) {
            let _ = writeln!(text, "connect_cost = {}", self.law(4));
        }
        let mut say = |own: &mut Self, percent: u64, line: &str| {
            if own.chance(percent) {
                let _ = writeln!(text, "{line}");
            }
        };
        say(self, 30, "statement_timeout = \"20ms\"");
        say(self, 30, "lock_timeout = \"10ms\"");
        say(self, 30, "scaling = { contention = 0.1, coherency = 0.01 }");
        say(self, 20, "cold = { factor = 4, half_life = \"2s\" }");
        let routing = self.one_of(&["random", "round_robin"]);
        let replay = self.law(3);
        let replicas = format!(
            "replicas = {{ count = 2, routing = \"{routing}\", sticky_for = \"30ms\", replay = {replay} }}"
        );
        say(self, 40, &replicas);
        let mode = self.one_of(&["standard", "unlimited"]);
        let credits =
            format!("credits = {{ baseline = \"40%\", mode = \"{mode}\", start = 0.01 }}");
        say(self, 30, &credits);
        let flush = self.law(3);
        let volume = self.one_of(&[
            "gp3 = {}",
            "gp2 = { size = \"1GiB\" }",
            "io1 = { iops = 90 }",
        ]);
        let storage = format!(
            "storage = {{ volume = {{ {volume} }}, hit_ratio = \"60%\", pages = 2, flush = {flush} }}"
        );
        say(self, 40, &storage);
        say(
            self,
            30,
            "maintenance = [{ at = \"3s\", reboot = \"500ms\" }, \
             { at = \"6s\", resize = { cores = 3, outage = \"1s\" } }, { at = \"9s\", failover = \"1ms\" }]",
        );
    }
}
