//! Random gateways: two in a row in front of each service, with limits that matter.

use std::fmt::Write as _;

use super::Generator;

impl Generator {
    /// The gateways `gate{at}`, and `outer{at}` in front of it.
    pub(super) fn gateways(&mut self, at: usize, text: &mut String) {
        for (name, to) in [("gate", ["s", "lb"]), ("outer", ["gate", "gate"])] {
            let to = self.one_of(&to);
            let _ = writeln!(
                text,
                "[components.{name}{at}]\nkind = \"rate_limiter\"\nto = \"{to}{at}\""
            );
            let limits: Vec<_> = (0..self.between(1, 3)).map(|_| self.limit()).collect();
            let _ = writeln!(text, "limits = [{}]", limits.join(", "));
            if self.chance(30) {
                text.push_str("retry_after = \"40ms\"\n");
            }
        }
    }

    /// A way into the service `at`.
    pub(super) fn way_into(&mut self, at: usize) -> String {
        format!("{}{at}", self.one_of(&["s", "lb", "gate", "outer"]))
    }

    fn limit(&mut self) -> String {
        let key = self.one_of(&["all", "address", "client"]);
        let max = self.between(1, 40);
        format!("{{ concurrency = {{ max = {max}, key = \"{key}\" }} }}")
    }
}
