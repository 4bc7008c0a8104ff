//! Who scales random services: everybody, in a hurry, from none and to none, alone and against each other.

use std::fmt::Write as _;

use super::Generator;

impl Generator {
    /// An autoscaler, or two or none.
    pub(super) fn autoscaler(&mut self, at: usize, text: &mut String) {
        if self.chance(40) {
            return;
        }
        if self.chance(70) {
            let keys = self.one_autoscaler(true);
            let _ = writeln!(text, "[components.s{at}.autoscaler]\n{keys}");
            return;
        }
        let first = self.one_autoscaler(false);
        let second = self.one_autoscaler(false);
        let _ = writeln!(text, "[components.s{at}.autoscalers.first]\n{first}");
        let _ = writeln!(text, "[components.s{at}.autoscalers.second]\n{second}");
    }

    /// Its keys. What cannot stand beside another is there only if it is `alone`.
    #[expect(clippy::too_many_lines, reason = "a line or a few for each")]
    fn one_autoscaler(&mut self, alone: bool) -> String {
        let (min, max) = (self.between(1, 2), self.between(2, 6));
        let zero = self.below(min + 1);
        let kind = self.below(if alone { 15 } else { 13 });
        match kind {
            0 => {
                let target = self.one_of(&["1ms", "20ms", "500ms"]);
                format!(
                    "kind = \"heroku_p95\"\nmin = {min}\nmax = {max}\ntarget = \"{target}\"\npatience = 1"
                )
            }
            1 | 2 => self.aws_alarms(min, max),
            3 | 4 => self.keda(zero, max),
            5 => {
                let behavior = self.one_of(&[
                    "",
                    "behavior = { scale_down = { stabilization_window = \"0s\" } }",
                    "metrics = [{ object = { metric = \"in_flight\", average_value = 1 } }]\nbehavior = {}",
                ]);
                format!(
                    "kind = \"hpa\"\nmin = {min}\nmax = {max}\nsync_period = \"1s\"\n\
                     metrics_resolution = \"1s\"\nmetrics_age = \"0s\"\ncpu_request = 0.2\n{behavior}"
                )
            }
            6 => {
                let metric = self.one_of(&["concurrency", "rps"]);
                let hold = self.one_of(&["0s", "800ms", "300s"]);
                format!(
                    "kind = \"knative\"\nmin = {zero}\nmax = {max}\nmetric = \"{metric}\"\ntarget = 1\n\
                     stable_window = \"6s\"\nscale_to_zero_grace = \"1s\"\nhold = \"{hold}\""
                )
            }
            7 => {
                let hold = self.one_of(&["1ms", "2s", "10s"]);
                let idle = self.one_of(&["0s", "5s", "20s"]);
                format!(
                    "kind = \"cloud_run\"\nmin = {zero}\nmax = {max}\nconcurrency = 3\nidle = \"{idle}\"\n\
                     hold = \"{hold}\""
                )
            }
            8 => {
                let model = self.one_of(&["replit", "app_engine"]);
                let idle = self.one_of(&["0s", "4s"]);
                format!(
                    "kind = \"concurrency\"\nmodel = \"{model}\"\nmin = {zero}\nmax = {max}\n\
                     max_concurrency = 2\nwindow = \"1s\"\nperiod = \"1s\"\nidle = \"{idle}\""
                )
            }
            9 => {
                let rule = self.one_of(&[
                    "",
                    "rules = [{ metric = \"in_flight\", above = 2, add = 3, window = \"4s\", cooldown = \"1s\" }, \
                     { metric = \"in_flight\", below = 1, remove = 1, window = \"4s\", cooldown = \"0s\" }]",
                ]);
                format!(
                    "kind = \"azure\"\nmin = {min}\nmax = {max}\nperiod = \"2s\"\ntime_grain = \"2s\"\n{rule}"
                )
            }
            10 => format!(
                "kind = \"script\"\nmin = {min}\nmax = {max}\ninterval = \"3s\"\n\
                 emergency = {{ error_rate_above = \"1%\" }}"
            ),
            11 => {
                let at = self.below(9);
                let late = self.one_of(&["0s", "2s", "60s"]);
                format!(
                    "kind = \"scheduled\"\nlate = \"{late}\"\nactions = [{{ at = \"{at}s\", min = {zero}, \
                     desired = {zero} }}, {{ at = \"5s\", max = {max}, every = \"60s\" }}]"
                )
            }
            12 => format!(
                "kind = \"aws_predictive\"\nmin = {min}\nmax = {max}\nmax_behavior = \"increase\"\n\
                 max_buffer = \"10%\"\nday_time = \"23h54m50s\"\n\
                 forecast = [{{ from = \"0h\", instances = 7 }}, {{ from = \"1h\", instances = 1 }}]"
            ),
            13 => format!("kind = \"fixed\"\ncount = {min}\nperiod = \"2s\""),
            _ => format!(
                "kind = \"aws_target_tracking\"\nmin = {min}\nmax = {max}\n\
                 target = {{ requests_per_target = 20 }}\nhigh_periods = 1\nlow_periods = 1\nwarm_up = \"1s\""
            ),
        }
    }

    fn aws_alarms(&mut self, min: u64, max: u64) -> String {
        let high = self.alarm("at_least");
        let low = self.alarm("below");
        if self.chance(50) {
            let cooldown = self.one_of(&["0s", "9s"]);
            return format!(
                "kind = \"aws_simple\"\nmin = {min}\nmax = {max}\ndelay = \"1s\"\npolicies = [\
                 {{ alarm = {high}, by = 2, cooldown = \"{cooldown}\" }}, \
                 {{ alarm = {low}, adjustment = \"exact\", by = {min} }}]"
            );
        }
        let warm_up = self.one_of(&["0s", "4s", "300s"]);
        format!(
            "kind = \"aws_step\"\nmin = {min}\nmax = {max}\ndelay = \"0s\"\nwarm_up = \"{warm_up}\"\npolicies = [\
             {{ alarm = {high}, adjustment = \"percent\", min_magnitude = 1, \
             steps = [{{ from = 0, to = 1, by = 50 }}, {{ from = 1, by = 100 }}] }}, \
             {{ alarm = {low}, steps = [{{ to = 0, by = -1 }}] }}]"
        )
    }

    fn alarm(&mut self, how: &str) -> String {
        let metric = self.one_of(&[
            "cpu\", ",
            "cpu\", statistic = \"maximum\", ",
            "requests_per_target\", ",
            "response_time\", statistic = \"p90\", ",
            "error_rate\", ",
            "queue\", queue = \"jobs\", ",
            "queue_per_instance\", queue = \"mails\", ",
        ]);
        let threshold = self.one_of(&["0.02", "3", "40"]);
        let missing = self.one_of(&["missing", "ignore", "breaching", "not_breaching"]);
        let n = self.between(1, 3);
        let needed = self.between(1, n);
        format!(
            "{{ metric = \"{metric}{how} = {threshold}, period = \"10s\", resolution = \"1s\", \
             evaluation_periods = {n}, datapoints_to_alarm = {needed}, missing_data = \"{missing}\" }}"
        )
    }

    fn keda(&mut self, min: u64, max: u64) -> String {
        let trigger = self.one_of(&[
            "{ queue = \"jobs\", target = 1, lost = [{ at = \"4s\", lasts = \"9s\" }] }",
            "{ queue = \"mails\", activation = 3, cached = true }, { queue = \"jobs\", metric_type = \"value\" }",
            "{ requests_per_second = 5, window = \"3s\" }",
            "{ in_flight = 1, activation = 1, window = \"1s\" }, { cpu = 50 }",
        ]);
        let hold = if min == 0 { "hold = \"3s\"\n" } else { "" };
        let fallback = self.one_of(&[
            "",
            "fallback = { failure_threshold = 1, replicas = 4 }",
            "fallback = { replicas = 0, behavior = \"current_replicas_if_lower\" }",
        ]);
        let idle = if min == 2 { "idle = 1\n" } else { "" };
        format!(
            "kind = \"keda\"\nmin = {min}\nmax = {max}\ntriggers = [{trigger}]\npolling_interval = \"2s\"\n\
             cooldown = \"2s\"\nsync_period = \"1s\"\nmetrics_resolution = \"1s\"\n{hold}{idle}{fallback}\n\
             behavior = {{ scale_down = {{ stabilization_window = \"0s\" }} }}"
        )
    }
}
