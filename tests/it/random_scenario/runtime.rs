//! What happens to random instances: crashes, restarts, replacements.

use std::fmt::Write as _;

use super::Generator;

impl Generator {
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
