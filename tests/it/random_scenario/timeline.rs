//! What is done to random systems, and happens to them, in the middle of everything.

use std::fmt::Write as _;

use super::Generator;

impl Generator {
    /// Up to four actions, at instants that may be the same, may be before others are over, and may be when
    /// nothing is left to happen.
    #[expect(clippy::too_many_lines, reason = "a line or a few for each")]
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
            let action = match self.below(12) {
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
                5 => {
                    let _ = write!(
                        text,
                        "[timeline.t{number}]\nat = \"3s\"\nflush = \"shared\"\n"
                    );
                    continue;
                }
                6 => {
                    let factor = self.one_of(&["0.1", "7"]);
                    let instances = self.between(1, 3);
                    format!(
                        "slow_instance = \"s{service}\"\nfactor = {factor}\ninstances = {instances}\n{lasts}"
                    )
                }
                7 => {
                    let kind = self.one_of(&["lb", "s"]);
                    format!("maintenance = \"{kind}{service}\"\n{lasts}")
                }
                8..=10 => {
                    self.set(number, service, text);
                    continue;
                }
                _ => {
                    let factor = self.one_of(&["0.1", "30"]);
                    format!("slow = \"outside\"\nfactor = {factor}\nerrors = \"50%\"\n{lasts}")
                }
            };
            let at = self.one_of(&[
                "\"0s\"",
                "\"1s\"",
                "\"3s\"",
                "\"3s\"",
                "\"8s\"",
                "\"9500ms\"",
                "{ every = { exponential = \"4s\" } }",
                "{ every = \"3s\" }",
            ]);
            let _ = write!(text, "[timeline.t{number}]\nat = {at}\n{action}");
        }
    }

    /// A parameter is set, of those that every system here has, and of those that this one happens to have.
    fn set(&mut self, number: u64, service: u64, text: &mut String) {
        let own = format!("components.s{service}");
        let mut all = vec![
            (format!("{own}.count"), format!("{}", self.between(1, 9))),
            (format!("{own}.backlog"), format!("{}", self.between(0, 9))),
            (
                format!("{own}.max_connections"),
                format!("{}", self.between(1, 9)),
            ),
            (format!("{own}.boot"), self.law(3000)),
            (format!("{own}.drain"), "\"50ms\"".to_owned()),
            (
                format!("{own}.pools.db.max"),
                format!("{}", self.between(4, 30)),
            ),
            ("components.outside.errors".to_owned(), "\"70%\"".to_owned()),
            ("components.outside.latency".to_owned(), self.law(200)),
        ];
        if let Some((_, table)) = text.split_once(&format!("[{own}.autoscaler]")) {
            let autoscaler = format!("{own}.autoscaler");
            let table = table.split("\n[").next().unwrap_or("");
            if table.contains("\nmax = ") {
                let max = self.between(8, 12);
                all.push((format!("{autoscaler}.max"), format!("{max}")));
            }
            if table.contains("\nkind = \"heroku_p95\"") {
                all.push((format!("{autoscaler}.target"), "\"3ms\"".to_owned()));
            }
            all.push((format!("{autoscaler}.enabled"), "false".to_owned()));
        }
        let source = text.split("[sources.").nth(1).unwrap_or("").to_owned();
        if source.contains("arrivals = \"poisson\"\n") {
            let rate = self.one_of(&["\"1/s\"", "\"90/s\""]).to_owned();
            all.push(("sources.u0.rate".to_owned(), rate));
        }
        if source.contains("\ntimeout = ")
            && !source.contains("kind = ")
            && !source.contains("deadline = ")
        {
            let timeout = self.one_of(&["\"1ms\"", "\"9s\""]).to_owned();
            all.push(("sources.u0.timeout".to_owned(), timeout));
        }
        let (path, value) = &all[self.below(all.len() as u64) as usize];
        let at = self.one_of(&["0s", "2s", "6s"]);
        let _ = write!(
            text,
            "[timeline.t{number}]\nat = \"{at}\"\nset = \"{path}\"\nto = {value}\n"
        );
    }
}
