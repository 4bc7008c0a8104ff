//! What is done to random systems, and happens to them, in the middle of everything.

use std::fmt::Write as _;

use super::Generator;

impl Generator {
    /// Up to four actions, at instants that may be the same, may be before others are over, and may be when
    /// nothing is left to happen.
    pub(super) fn timeline(&mut self, n_services: usize, text: &mut String) {
        if !self.chance(60) {
            return;
        }
        for number in 0..self.between(1, 4) {
            let service = self.below(n_services as u64);
            let lasts = if self.chance(60) {
                format!("lasts = \"{}s\"\n", self.between(1, 9))
            } else {
                String::new()
            };
            let action = match self.below(7) {
                0 => format!("scale = \"s{service}\"\nto = {}\n", self.between(1, 9)),
                1 | 2 => {
                    let surge = self.one_of(&["0%", "25%", "100%"]);
                    let unavailable = self.one_of(&["25%", "100%"]);
                    let switch = self.one_of(&["each", "together"]);
                    format!(
                        "deploy = \"s{service}\"\nsurge = \"{surge}\"\nunavailable = \"{unavailable}\"\n\
                         switch = \"{switch}\"\n"
                    )
                }
                3 => format!(
                    "crash = \"s{service}\"\ninstances = {}\n",
                    self.between(1, 3)
                ),
                4 => {
                    let zone = self.between(1, 2);
                    let noticed = self.between(0, 5);
                    format!(
                        "lose_zone = {zone}\nof = \"s{service}\"\nnoticed = \"{noticed}s\"\n{lasts}"
                    )
                }
                5 => "flush = \"shared\"\n".to_owned(),
                _ => {
                    let factor = self.one_of(&["0.1", "30"]);
                    format!("slow = \"outside\"\nfactor = {factor}\nerrors = \"50%\"\n{lasts}")
                }
            };
            let at = self.one_of(&["0s", "1s", "3s", "3s", "8s", "9500ms"]);
            let _ = write!(text, "[timeline.t{number}]\nat = \"{at}\"\n{action}");
        }
    }
}
