//! Random caches.

use std::fmt::Write as _;

use super::Generator;

impl Generator {
    /// The keys of a cache with room for about so many entries at most, but its kind and whose it is.
    pub(super) fn cache(&mut self, most: u64, text: &mut String) {
        let room = self.between(1, most);
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
    }
}
