//! What balancers do about servers that are not well, or new: checks that are hasty, late or deep, outlier
//! detection that ejects for next to nothing, panic, slow starts.

use std::fmt::Write as _;

use super::Generator;

impl Generator {
    /// Health as a balancer with this policy sees it.
    pub(super) fn health(&mut self, policy: &str, text: &mut String) {
        if self.chance(50) {
            let interval = self.one_of(&["40ms", "300ms", "2s"]);
            let _ = write!(text, "health_check = {{ interval = \"{interval}\"");
            if self.chance(60) {
                let timeout = self.one_of(&["5ms", "100ms", "3s"]);
                let _ = write!(text, ", timeout = \"{timeout}\"");
            }
            if self.chance(40) {
                text.push_str(", operation = \"default\"");
            }
            if self.chance(40) {
                text.push_str(", fast_interval = \"30ms\", down_interval = \"500ms\"");
            }
            let initially = self.one_of(&["fully_up", "up", "down", "fully_down"]);
            let (rise, fall) = (self.between(1, 3), self.between(1, 3));
            let decides = self.chance(30);
            let _ = writeln!(
                text,
                ", rise = {rise}, fall = {fall}, initially = \"{initially}\", answer_decides = {decides} }}"
            );
        }
        if self.chance(40) {
            let (bout, enforcing) = (self.between(1, 4), self.one_of(&["0%", "60%", "100%"]));
            let most = self.one_of(&["10%", "60%", "100%"]);
            let _ = writeln!(
                text,
                "outlier_detection = {{ interval = \"500ms\", base_ejection_time = \"700ms\", max_ejection_percent = \"{most}\", consecutive_5xx = {bout}, success_rate_minimum_hosts = 2, success_rate_request_volume = 5, success_rate_stdev_factor = 0.5, failure_percentage_minimum_hosts = 1, failure_percentage_request_volume = 3, failure_percentage_threshold = \"30%\", enforcing_failure_percentage = \"{enforcing}\" }}"
            );
        }
        let _ = writeln!(
            text,
            "on_all_unhealthy = \"{}\"\npanic_threshold = \"{}\"",
            self.one_of(&["use_all", "fail"]),
            self.one_of(&["0%", "50%", "100%"])
        );
        self.ceilings(text);
        let counts_only = ["least_outstanding", "power_of_two", "ip_hash"];
        let knows_weights = !counts_only.iter().any(|word| policy.contains(word));
        if self.chance(40) && knows_weights {
            let (steps, others, limits) = (self.chance(50), self.chance(50), self.chance(50));
            let _ = writeln!(
                text,
                "slow_start = \"2s\"\nslow_start_rules = {{ aggression = 1.5, in_steps = {steps}, beside_others = {others}, limits_too = {limits} }}"
            );
        }
    }

    /// What a balancer has under way at most, and how long it waits.
    fn ceilings(&mut self, text: &mut String) {
        let own = text.rfind("[components.lb").unwrap_or(0);
        if self.chance(40) && !text[own..].contains("queue = {") {
            let (most, pending, retries) = (self.between(1, 6), self.below(5), self.below(3));
            let budget = if self.chance(40) {
                ", retry_budget = { min_retry_concurrency = 1 }"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "circuit_breakers = {{ max_connections = {most}, max_pending_requests = {pending}, max_requests = {}, max_retries = {retries}{budget} }}",
                self.between(1, 9)
            );
        }
        if self.chance(40) {
            let _ = writeln!(
                text,
                "total_timeout = \"{}\"",
                self.one_of(&["9ms", "90ms", "2s"])
            );
        }
        if self.chance(40) {
            let delay = self.one_of(&["0s", "50ms", "1s"]);
            let _ = writeln!(text, "deregistration_delay = \"{delay}\"");
        }
    }
}
