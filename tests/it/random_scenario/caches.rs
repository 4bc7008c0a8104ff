//! Random caches.

use std::fmt::Write as _;

use super::Generator;

impl Generator {
    /// The keys of a cache with room for about so many entries at most, but its kind and whose it is.
    pub(super) fn cache(&mut self, most: u64, text: &mut String) {
        let room = self.between(1, most);
        if !self.tells_keys_apart && self.chance(40) {
            let _ = writeln!(text, "mode = \"ratio\"\ncapacity = {room}");
            let more = self.one_of(&[
                "",
                "policy = \"random\"",
                "ttl = \"700ms\"",
                "ttl = \"5s\"\nrenewed_by_hits = true",
                "flush_at = [\"8s\"]",
                "time = \"1ms\"",
            ]);
            let _ = writeln!(text, "{more}");
            return;
        }
        let _ = if self.chance(20) {
            writeln!(text, "capacity = \"{room}kB\"")
        } else {
            writeln!(text, "capacity = {room}")
        };
        if self.chance(60) {
            let policy = self.one_of(&[
                "\"lru\"",
                "\"fifo\"",
                "\"lfu\"",
                "\"random\"",
                "\"w_tinylfu\"",
                "{ w_tinylfu = { window = \"30%\", protected = \"10%\" } }",
                "\"redis_lru\"",
                "{ redis_lfu = { samples = 2, log_factor = 0 } }",
                "\"none\"",
            ]);
            let _ = writeln!(text, "policy = {policy}");
        }
        if self.chance(50) {
            let _ = writeln!(text, "ttl = \"{}ms\"", self.one_of(&["5", "500"]));
            if self.chance(30) {
                text.push_str("renewed_by_hits = true\n");
            }
            if self.chance(30) {
                text.push_str("stale_while_revalidate = \"400ms\"\n");
            }
            if self.chance(30) {
                text.push_str("stale_if_error = \"2s\"\n");
            }
            if self.chance(20) {
                text.push_str("early_expiration = 1.5\n");
            }
            if self.chance(30) {
                text.push_str("jitter = \"40%\"\n");
            }
            if self.chance(30) {
                let _ = writeln!(text, "sweep = \"{}\"", self.one_of(&["sampled", "3s"]));
            }
        }
        if self.chance(30) {
            text.push_str("negative_ttl = \"100ms\"\n");
        }
        if self.chance(20) {
            text.push_str("flush_at = [\"8s\", \"9s\"]\n");
        }
        if self.chance(30) {
            let _ = writeln!(text, "time = {}", self.law(1));
        }
        self.misses(text);
    }

    fn misses(&mut self, text: &mut String) {
        if self.chance(50) {
            let how = self.one_of(&[
                "\"none\"",
                "\"single_flight\"",
                "\"lock\"",
                "{ lock = { interval = \"3ms\", timeout = \"20ms\", lease = \"9ms\" } }",
            ]);
            let _ = writeln!(text, "on_concurrent_miss = {how}");
        }
        if self.chance(30) {
            let on_error = self.one_of(&["miss", "fail"]);
            let after = self.one_of(&["0s", "7ms"]);
            let _ = writeln!(
                text,
                "down = [{{ from = \"5s\", lasts = \"700ms\" }}, \
                 {{ from = \"9s\", lasts = \"1s\", loses = false }}]\n\
                 on_error = \"{on_error}\"\nerror_after = \"{after}\""
            );
        }
        if self.chance(30) {
            let (command, max) = (self.law(1), self.one_of(&["1", "7", "10000"]));
            let _ = writeln!(
                text,
                "server = {{ command = {command}, max_clients = {max} }}"
            );
        }
    }
}
