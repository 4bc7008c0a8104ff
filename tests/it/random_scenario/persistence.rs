//! How random callers persist: in wild combinations, all of them valid.

use super::Generator;

impl Generator {
    /// Keys of a caller, with their values; often none.
    pub(super) fn persistence(&mut self) -> Vec<String> {
        let mut keys = Vec::new();
        if self.chance(40) {
            return keys;
        }
        let timeout = self
            .chance(70)
            .then(|| [1, 4, 30, 300, 2000][self.below(5) as usize]);
        let deadline = self
            .chance(50)
            .then(|| timeout.unwrap_or(20) * [1, 3, 10][self.below(3) as usize]);
        keys.extend(timeout.map(|ms| format!("timeout = \"{ms}ms\"")));
        keys.extend(deadline.map(|ms| format!("deadline = \"{ms}ms\"")));
        if self.chance(60) {
            let retry = self.retry(deadline.is_some_and(|ms| ms <= 2000));
            keys.push(format!("retry = {retry}"));
        }
        if self.chance(35) {
            // Copies go out before the end of an attempt, whatever that is.
            let end_us = timeout.or(deadline).unwrap_or(50) * 1000;
            let after = self.below(end_us);
            let copies = self.between(1, 10);
            keys.push(if self.chance(60) {
                format!("hedge = {{ after = \"{after}us\", copies = {copies} }}")
            } else {
                let samples = self.between(1, 20);
                format!(
                    "hedge = {{ percentile = \"{}%\", at_least = \"{after}us\", \
                     min_samples = {samples}, copies = {copies} }}",
                    self.between(1, 99)
                )
            });
        }
        if self.chance(30) {
            let breaker = self.breaker();
            keys.push(format!("breaker = {breaker}"));
        }
        if self.chance(30) {
            let limit = match self.below(7) {
                0 => self.between(1, 5).to_string(),
                1 => "\"aimd\"".to_owned(),
                2 => "\"gradient\"".to_owned(),
                3 => "\"gradient2\"".to_owned(),
                4 => "\"vegas\"".to_owned(),
                5 => "{ aimd = { initial = 2, min = 1, max = 9 } }".to_owned(),
                _ => "{ vegas = { initial = 1, max = 50 } }".to_owned(),
            };
            keys.push(format!("limit = {limit}"));
        }
        keys
    }

    /// The same, to stand behind other keys of an inline table.
    pub(super) fn persistence_inline(&mut self) -> String {
        let keys = self.persistence();
        keys.iter().flat_map(|key| [", ", key]).collect()
    }

    fn retry(&mut self, may_be_unlimited: bool) -> String {
        let mut keys = Vec::new();
        let unlimited = may_be_unlimited && self.chance(40);
        if unlimited {
            keys.push("attempts = \"unlimited\"".to_owned());
        } else if self.chance(60) {
            keys.push(format!("attempts = {}", self.between(1, 5)));
        }
        // Without end, some waits must be long enough to get on.
        let backoff = match self.below(8) {
            0 if !unlimited => "\"0s\"".to_owned(),
            0 | 1 => "\"15ms\"".to_owned(),
            2 => {
                let law = self.law(40);
                format!("{{ law = {law} }}")
            }
            3 => "{ fixed = \"25ms\" }".to_owned(),
            _ => {
                let jitter = self.one_of(&["none", "full", "equal", "decorrelated"]);
                let factor = self.one_of(&["1", "1.5", "2", "100"]);
                let cap = self.one_of(&["30ms", "1s", "60s"]);
                format!(
                    "{{ exponential = \"20ms\", factor = {factor}, cap = \"{cap}\", \
                     jitter = \"{jitter}\" }}"
                )
            }
        };
        if unlimited || self.chance(80) {
            keys.push(format!("backoff = {backoff}"));
        }
        if self.chance(40) {
            let on = self.one_of(&[
                "[\"rejected\"]",
                "[\"failed\", \"timeout\"]",
                "[\"timeout\"]",
                "[\"rejected\", \"failed\"]",
            ]);
            keys.push(format!("on = {on}"));
        }
        if self.chance(50) {
            let budget = self.one_of(&[
                "\"0%\"",
                "\"20%\"",
                "\"concurrent\"",
                "{ concurrent = { percent = \"0%\", min_concurrent = 1 } }",
                "{ token_bucket = { percent = \"50%\", ttl = \"1s\", min_per_second = 0 } }",
            ]);
            keys.push(format!("budget = {budget}"));
        }
        if self.chance(20) {
            keys.push("retry_after = false".to_owned());
        }
        format!("{{ {} }}", keys.join(", "))
    }

    fn breaker(&mut self) -> String {
        let mut keys = vec![format!("minimum_calls = {}", self.between(1, 20))];
        keys.push(format!(
            "wait_in_open = \"{}ms\"",
            self.one_of(&["1", "200", "9000"])
        ));
        if self.chance(50) {
            let rate = self.between(1, 100);
            keys.push(format!("failure_rate_threshold = \"{rate}%\""));
        }
        if self.chance(40) {
            keys.push("slow_call_duration = \"20ms\"".to_owned());
            let rate = self.between(1, 100);
            keys.push(format!("slow_call_rate_threshold = \"{rate}%\""));
        }
        if self.chance(60) {
            let size = self.one_of(&["3", "50", "\"2s\""]);
            keys.push(format!("sliding_window_size = {size}"));
        }
        if self.chance(60) {
            let calls = self.between(1, 4);
            keys.push(format!("permitted_calls_in_half_open = {calls}"));
        }
        if self.chance(40) {
            keys.push("max_wait_in_half_open = \"50ms\"".to_owned());
        }
        if self.chance(40) {
            keys.push("late_results = \"ignore\"".to_owned());
        }
        format!("{{ {} }}", keys.join(", "))
    }
}
