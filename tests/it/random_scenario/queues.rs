//! Queues of background jobs: full ones, impatient ones, and such that nobody takes anything from.

use std::fmt::Write as _;

use super::Generator;

impl Generator {
    /// What a service takes from queues, as the head of a table of its own would cut the others off.
    pub(super) fn consumes(&mut self, text: &mut String) {
        if !self.chance(60) {
            return;
        }
        let service = text
            .rfind("\nbalance = ")
            .expect("a service says how it picks");
        let mut own = Vec::new();
        for _ in 0..self.between(1, 2) {
            let queue = self.one_of(&["jobs", "mails"]).to_owned();
            // Somebody who has no room at all is one worker who takes one message.
            let prefetch = if self.chance(40) {
                ", prefetch = 1"
            } else {
                ""
            };
            own.push(format!(
                "{{ queue = \"{queue}\", operation = \"default\"{prefetch} }}"
            ));
        }
        text.insert_str(service, &format!("\nconsumes = [{}]", own.join(", ")));
    }

    pub(super) fn queue(&mut self, name: &str, text: &mut String) {
        let _ = writeln!(text, "[components.{name}]\nkind = \"queue\"");
        if self.chance(20) {
            let model = self.one_of(&["sqs", "rabbitmq", "redis_list", "sidekiq"]);
            let _ = writeln!(text, "model = \"{model}\"");
        }
        if self.chance(40) {
            let when_full = self.one_of(&["reject", "block", "drop_oldest"]);
            let max = self.between(1, 20);
            let _ = writeln!(text, "max_length = {max}\nwhen_full = \"{when_full}\"");
        }
        for key in ["publish_time", "receive_time"] {
            if self.chance(30) {
                let _ = writeln!(text, "{key} = {}", self.law(2));
            }
        }
        if self.chance(30) {
            let _ = writeln!(text, "delay = \"{}ms\"", self.one_of(&["1", "800"]));
        }
        let _ = writeln!(
            text,
            "visibility_timeout = \"{}ms\"",
            self.one_of(&["3", "50", "2000"])
        );
        for key in ["on_failure", "on_lost"] {
            let rule = self.one_of(&[
                "\"when_visible\"",
                "\"at_once\"",
                "{ backoff = { wait = \"20ms\" } }",
                "{ backoff = { wait = { exponential = \"10ms\" }, attempts = 3 } }",
                "\"sidekiq\"",
                "\"dead_letter\"",
                "\"lost\"",
            ]);
            let _ = writeln!(text, "{key} = {rule}");
        }
        if self.chance(50) {
            let _ = writeln!(text, "max_deliveries = {}", self.between(1, 5));
        }
        if self.chance(30) {
            let _ = writeln!(text, "poll = \"{}ms\"", self.one_of(&["1", "300"]));
        }
    }
}
