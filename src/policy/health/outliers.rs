//! Outlier detection: a server whose answers are worse than they should be is ejected for a while.
//!
//! The rules of Envoy (`outlier_detection_impl.cc`): bouts of failures eject at once, what takes statistics at
//! a sweep; whoever is out comes back at a sweep.

use rand::Rng as _;

use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::rng::Draw;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration, SimTime};

spec! {
    /// Ejects servers whose answers are bad, as Envoy does. The keys and what they are unless given are Envoy's;
    /// each independent balancer judges by what it sees itself.
    pub struct OutlierDetection {
        /// How often it is looked at who may come back and who stands out.
        pub interval: At<SimDuration> = At::built_in(SimDuration::from_secs(10)),
        /// For how long a server is ejected, times the number of times in a row that it was.
        pub base_ejection_time: At<SimDuration> = At::built_in(SimDuration::from_secs(30)),
        /// For how long a server is ejected at most, if the base is not longer.
        pub max_ejection_time: At<SimDuration> = At::built_in(SimDuration::from_secs(300)),
        /// No one is ejected while at least this share of the servers are. The first is ejected whatever it is,
        /// unless it is nothing.
        pub max_ejection_percent: At<Fraction> = At::built_in(Fraction::percent(10)),
        /// So many failures in a row eject a server: 5xx, no connection, no answer in time.
        pub consecutive_5xx: At<Count> = At::built_in(Count::new(5)),
        /// In what share of such cases it is ejected.
        pub enforcing_consecutive_5xx: At<Fraction> = At::built_in(Fraction::ONE),
        /// So many failures in a row of a gateway eject a server: 502, 503, 504, no connection, no answer in time.
        pub consecutive_gateway_failure: At<Count> = At::built_in(Count::new(5)),
        /// In what share of such cases it is ejected.
        pub enforcing_consecutive_gateway_failure: At<Fraction> = At::built_in(Fraction::ZERO),
        /// From how many servers on success rates are compared: of those that are not out and have had enough
        /// requests.
        pub success_rate_minimum_hosts: u32 = 5,
        /// How many requests since the last sweep make a server's success rate one to be compared.
        pub success_rate_request_volume: u32 = 100,
        /// A server is ejected whose success rate is below the mean less so many standard deviations. (Envoy
        /// writes it in thousandths: 1900.)
        pub success_rate_stdev_factor: At<f64> = At::built_in(1.9),
        /// In what share of such cases it is ejected.
        pub enforcing_success_rate: At<Fraction> = At::built_in(Fraction::ONE),
        /// A server is ejected of whose requests at least this share fail.
        pub failure_percentage_threshold: At<Fraction> = At::built_in(Fraction::percent(85)),
        /// In what share of such cases it is ejected.
        pub enforcing_failure_percentage: At<Fraction> = At::built_in(Fraction::ZERO),
        /// From how many servers on shares of failures are looked at: of those that are not out and have had
        /// enough requests.
        pub failure_percentage_minimum_hosts: u32 = 5,
        /// How many requests since the last sweep make a server's share of failures one to be looked at.
        pub failure_percentage_request_volume: u32 = 50,
    }
    check(Self::check)
}

impl OutlierDetection {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        for span in [self.interval, self.base_ejection_time] {
            if span.value < SimDuration::from_nanos(1_000_000) {
                let problem = "nobody is judged in less than a thousandth of a second";
                out.push(Diagnostic::error(span.origin, problem).label("at least 1 ms"));
            }
        }
        let factor = self.success_rate_stdev_factor;
        if !(factor.value >= 0.0 && factor.value.is_finite()) {
            let problem = "a factor of standard deviations is 0 or more";
            out.push(Diagnostic::error(factor.origin, problem));
        }
    }

    /// True if some ejections are left to chance.
    fn is_random(&self) -> bool {
        let all = [
            self.enforcing_consecutive_5xx,
            self.enforcing_consecutive_gateway_failure,
            self.enforcing_success_rate,
            self.enforcing_failure_percentage,
        ];
        all.iter()
            .any(|share| share.value != Fraction::ZERO && share.value != Fraction::ONE)
    }
}

/// What is known of one server.
#[derive(Debug, Clone, Default)]
struct Record {
    is_member: bool,
    failures_in_a_row: u32,
    gateway_failures_in_a_row: u32,
    /// Since the last sweep.
    requests: u32,
    successes: u32,
    /// Since when it is out, if it is.
    ejected: Option<SimTime>,
    /// How many times the base time it is out.
    times: u32,
}

impl Record {
    /// Success rate in percent.
    fn success_rate(&self) -> f64 {
        100.0 * f64::from(self.successes) / f64::from(self.requests)
    }

    fn forgets_bouts(&mut self) {
        (self.failures_in_a_row, self.gateway_failures_in_a_row) = (0, 0);
    }
}

/// Outlier detection at work, over the servers of one balancer.
#[derive(Debug, Clone)]
pub struct Outliers {
    rules: OutlierDetection,
    is_random: bool,
    records: Vec<Record>,
    n_members: u32,
    n_ejected: u32,
}

impl Outliers {
    /// Of so many places for servers, with nobody there.
    pub fn new(rules: &OutlierDetection, n: usize) -> Self {
        Self {
            is_random: rules.is_random(),
            rules: rules.clone(),
            records: vec![Record::default(); n],
            n_members: 0,
            n_ejected: 0,
        }
    }

    /// The time between two sweeps.
    pub fn interval(&self) -> SimDuration {
        self.rules.interval.value
    }

    /// A server is there, of which nothing is known.
    pub fn joins(&mut self, server: u32) {
        self.leaves(server);
        self.records[server as usize].is_member = true;
        self.n_members += 1;
    }

    /// A server is taken out.
    pub fn leaves(&mut self, server: u32) {
        let own = std::mem::take(&mut self.records[server as usize]);
        self.n_members -= u32::from(own.is_member);
        self.n_ejected -= u32::from(own.ejected.is_some());
    }

    /// True if a server is out.
    pub fn is_ejected(&self, server: u32) -> bool {
        self.records[server as usize].ejected.is_some()
    }

    /// A request to a server has ended with this status, one that the balancer would give where the server gave
    /// none; true if the server is ejected for it.
    pub fn hears(&mut self, server: u32, status: u16, now: SimTime, draw: &mut Draw) -> bool {
        let own = &mut self.records[server as usize];
        own.requests = own.requests.saturating_add(1);
        if status < 500 {
            own.successes = own.successes.saturating_add(1);
            own.forgets_bouts();
            return false;
        }
        let mut gateway_bout = false;
        if matches!(status, 502..=504) {
            own.gateway_failures_in_a_row += 1;
            gateway_bout =
                own.gateway_failures_in_a_row == self.rules.consecutive_gateway_failure.get();
        } else {
            own.gateway_failures_in_a_row = 0;
        }
        own.failures_in_a_row += 1;
        let bout = own.failures_in_a_row == self.rules.consecutive_5xx.get();
        let mut is_ejected = false;
        if gateway_bout {
            let enforcing = self.rules.enforcing_consecutive_gateway_failure.value;
            is_ejected |= self.ejects(server, enforcing, now, draw);
            self.records[server as usize].gateway_failures_in_a_row = 0;
        }
        if bout {
            let enforcing = self.rules.enforcing_consecutive_5xx.value;
            is_ejected |= self.ejects(server, enforcing, now, draw);
            self.records[server as usize].failures_in_a_row = 0;
        }
        is_ejected
    }

    /// Ejects a server, unless it is out, too many are, or chance will not have it.
    fn ejects(&mut self, server: u32, enforcing: Fraction, now: SimTime, draw: &mut Draw) -> bool {
        let own = &self.records[server as usize];
        if !own.is_member || own.ejected.is_some() {
            return false;
        }
        let share = f64::from(self.n_ejected) / f64::from(self.n_members);
        if share >= self.rules.max_ejection_percent.value.get() || !self.enforced(enforcing, draw) {
            return false;
        }
        let longest = self.longest();
        let base = self.rules.base_ejection_time.value.as_nanos();
        let own = &mut self.records[server as usize];
        own.ejected = Some(now);
        self.n_ejected += 1;
        if base.saturating_mul(own.times.into()) < longest.saturating_add(base) {
            own.times += 1;
        }
        true
    }

    fn enforced(&self, share: Fraction, draw: &mut Draw) -> bool {
        if !self.is_random {
            return share == Fraction::ONE;
        }
        let drawn = (draw.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        drawn < share.get()
    }

    /// For how long a server is out at most, in nanoseconds.
    fn longest(&self) -> u64 {
        let (most, base) = (self.rules.max_ejection_time, self.rules.base_ejection_time);
        most.value.max(base.value).as_nanos()
    }

    /// The time of a sweep has come; `changes` hears who is out from now on (true) and who is back (false).
    pub fn sweeps(&mut self, now: SimTime, draw: &mut Draw, mut changes: impl FnMut(u32, bool)) {
        for server in 0..self.records.len() as u32 {
            if self.comes_back(server, now) {
                changes(server, false);
            }
        }
        // Who counts for the one does for the other, also if it is ejected by the first.
        let n_judged = |volume| self.judged(volume).count() as u64;
        let by_rate = n_judged(self.rules.success_rate_request_volume)
            >= self.rules.success_rate_minimum_hosts.into();
        let by_share = n_judged(self.rules.failure_percentage_request_volume)
            >= self.rules.failure_percentage_minimum_hosts.into();
        if by_rate {
            self.compares_success_rates(now, draw, &mut changes);
        }
        if by_share {
            self.looks_at_failures(now, draw, &mut changes);
        }
        for own in &mut self.records {
            (own.requests, own.successes) = (0, 0);
        }
    }

    /// True if a server has been out for long enough. One that was not out since the last sweep has a little of
    /// what it did forgiven.
    fn comes_back(&mut self, server: u32, now: SimTime) -> bool {
        let (base, longest) = (
            self.rules.base_ejection_time.value.as_nanos(),
            self.longest(),
        );
        let own = &mut self.records[server as usize];
        let Some(since) = own.ejected else {
            own.times = own.times.saturating_sub(1);
            return false;
        };
        let span = base.saturating_mul(own.times.into()).min(longest);
        if now.since(since).as_nanos() < span {
            return false;
        }
        own.ejected = None;
        own.forgets_bouts();
        self.n_ejected -= 1;
        true
    }

    /// Servers that are there, not out, and have had enough requests since the last sweep.
    fn judged(&self, volume: u32) -> impl Iterator<Item = (u32, &Record)> {
        let all = self.records.iter().enumerate();
        all.filter(move |(_, own)| {
            own.is_member && own.ejected.is_none() && own.requests >= volume.max(1)
        })
        .map(|(at, own)| (at as u32, own))
    }

    fn compares_success_rates(
        &mut self,
        now: SimTime,
        draw: &mut Draw,
        changes: &mut impl FnMut(u32, bool),
    ) {
        let volume = self.rules.success_rate_request_volume;
        let rates = || self.judged(volume).map(|(_, own)| own.success_rate());
        let n = rates().count() as f64;
        let mean = rates().sum::<f64>() / n;
        let variance = rates()
            .map(|rate| (rate - mean) * (rate - mean))
            .sum::<f64>()
            / n;
        let factor = self.rules.success_rate_stdev_factor.value;
        let threshold = mean - factor * variance.sqrt();
        let enforcing = self.rules.enforcing_success_rate.value;
        self.ejects_those((volume, enforcing), (now, draw), changes, |rate| {
            rate < threshold
        });
    }

    fn looks_at_failures(
        &mut self,
        now: SimTime,
        draw: &mut Draw,
        changes: &mut impl FnMut(u32, bool),
    ) {
        let most = self.rules.failure_percentage_threshold.value.get() * 100.0;
        let volume = self.rules.failure_percentage_request_volume;
        let enforcing = self.rules.enforcing_failure_percentage.value;
        self.ejects_those((volume, enforcing), (now, draw), changes, |rate| {
            100.0 - rate >= most
        });
    }

    /// Ejects whoever has had enough requests and a success rate, in percent, that `stands_out`.
    fn ejects_those(
        &mut self,
        (volume, enforcing): (u32, Fraction),
        (now, draw): (SimTime, &mut Draw),
        changes: &mut impl FnMut(u32, bool),
        stands_out: impl Fn(f64) -> bool,
    ) {
        for server in 0..self.records.len() as u32 {
            let own = &self.records[server as usize];
            let is_judged = own.requests >= volume.max(1);
            if is_judged
                && stands_out(own.success_rate())
                && self.ejects(server, enforcing, now, draw)
            {
                changes(server, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Salt;
    use crate::spec::{Node, Spec, Table, Value};

    fn at(secs: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_secs(secs)
    }

    fn rules(change: impl FnOnce(&mut OutlierDetection)) -> OutlierDetection {
        let node = Node {
            value: Value::Table(Table::default()),
            origin: Origin::BUILT_IN,
        };
        let mut out = Diagnostics::default();
        let read = <OutlierDetection as Spec>::read(&node, &mut out);
        let mut rules = read.expect("every key has a value of its own");
        change(&mut rules);
        rules
    }

    /// A cluster at work: requests with a status, and sweeps.
    struct Cluster {
        own: Outliers,
        draw: Draw,
    }

    impl Cluster {
        fn new(n: u32, change: impl FnOnce(&mut OutlierDetection)) -> Self {
            let mut own = Outliers::new(&rules(change), n as usize);
            (0..n).for_each(|server| own.joins(server));
            let draw = Salt::new("test", "outliers").draw(1);
            Self { own, draw }
        }

        fn answers(&mut self, server: u32, status: u16, n: u32, now: u64) -> bool {
            let mut hear = |_| self.own.hears(server, status, at(now), &mut self.draw);
            (0..n).map(&mut hear).filter(|ejected| *ejected).count() > 0
        }

        fn sweeps(&mut self, now: u64) -> Vec<(u32, bool)> {
            let mut changes = Vec::new();
            self.own.sweeps(at(now), &mut self.draw, |server, out| {
                changes.push((server, out));
            });
            changes
        }
    }

    /// Five in a row, not four and one: anything else in between starts the count again.
    #[test]
    fn five_failures_in_a_row_eject_at_once() {
        let mut cluster = Cluster::new(3, |_| ());
        assert!(!cluster.answers(0, 500, 4, 1));
        assert!(!cluster.answers(0, 404, 1, 1));
        assert!(!cluster.answers(0, 503, 4, 1));
        assert!(cluster.answers(0, 500, 1, 1));
        assert!(cluster.own.is_ejected(0));
        // A failure of its own is none of a gateway, and starts that count again.
        let mut gateway = Cluster::new(3, |rules| {
            rules.enforcing_consecutive_5xx = At::built_in(Fraction::ZERO);
            rules.enforcing_consecutive_gateway_failure = At::built_in(Fraction::ONE);
        });
        assert!(!gateway.answers(0, 502, 4, 1));
        assert!(!gateway.answers(0, 500, 1, 1));
        assert!(!gateway.answers(0, 504, 4, 1));
        assert!(gateway.answers(0, 503, 1, 1));
    }

    /// 10 % of 21 servers: the third goes while two are out, which are less than a tenth; the fourth stays.
    #[test]
    fn not_many_are_out_at_a_time() {
        let mut cluster = Cluster::new(21, |_| ());
        let ejected: Vec<bool> = (0..5).map(|at| cluster.answers(at, 500, 5, 1)).collect();
        assert_eq!(ejected, [true, true, true, false, false]);
        // Of three servers one may go; with a share of nothing, none.
        let mut small = Cluster::new(3, |_| ());
        assert!(small.answers(0, 500, 5, 1) && !small.answers(1, 500, 50, 1));
        let mut none = Cluster::new(3, |rules| {
            rules.max_ejection_percent = At::built_in(Fraction::ZERO);
        });
        assert!(!none.answers(0, 500, 50, 1));
    }

    /// 30 s, then 60, 90 up to 300, and at a sweep; a healthy sweep takes one back.
    #[test]
    fn ejections_grow_longer_and_are_forgiven_by_and_by() {
        let mut cluster = Cluster::new(3, |_| ());
        let mut spans = Vec::new();
        let mut now = 5;
        for _ in 0..12 {
            assert!(cluster.answers(0, 500, 5, now));
            let since = now;
            while cluster.own.is_ejected(0) {
                now += 10;
                cluster.sweeps(now);
            }
            spans.push(now - since);
        }
        assert_eq!(
            spans,
            [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]
        );
        // Ten in a row and one that is not counted above the limit: nine healthy sweeps leave two times.
        for _ in 0..9 {
            now += 10;
            cluster.sweeps(now);
        }
        assert!(cluster.answers(0, 500, 5, now));
        let since = now;
        while cluster.own.is_ejected(0) {
            now += 10;
            cluster.sweeps(now);
        }
        assert_eq!(now - since, 90);
    }

    /// Ten servers, one of which fails 10 % of its requests: below the mean less 1.9 standard deviations. One
    /// request less than enough, or four servers, and nobody is compared.
    #[test]
    fn success_rates_are_compared_at_sweeps() {
        let with = |n: u32, volume: u32| {
            let mut cluster = Cluster::new(n, |rules| {
                rules.consecutive_5xx = At::built_in(Count::new(1000));
            });
            for server in 0..n {
                let failed = if server == 2 {
                    volume / 10
                } else {
                    volume / 100
                };
                cluster.answers(server, 500, failed, 1);
                cluster.answers(server, 200, volume - failed, 1);
            }
            cluster.sweeps(10)
        };
        assert_eq!(with(10, 100), [(2, true)]);
        assert_eq!(with(10, 99), []);
        assert_eq!(with(4, 100), []);
        // Of five, one that is out of line cannot be further from the mean than two standard deviations: the
        // others must agree for it to be more than 1.9.
        assert_eq!(with(5, 100), [(2, true)]);
    }

    /// Times of centuries are added up like others, as far as there are numbers for them.
    #[test]
    fn ejections_may_be_very_long() {
        let base = SimDuration::from_nanos(u64::MAX / 2 + 1);
        let mut cluster = Cluster::new(3, |rules| {
            rules.base_ejection_time = At::built_in(base);
            rules.max_ejection_time = At::built_in(SimDuration::from_nanos(u64::MAX));
        });
        assert!(cluster.answers(0, 500, 5, 1));
        let back = SimTime::ZERO + SimDuration::from_nanos(base.as_nanos() + 1_000_000_000);
        let mut changes = Vec::new();
        let mut note = |server, is_out| changes.push((server, is_out));
        cluster.own.sweeps(back, &mut cluster.draw, &mut note);
        assert!((0..5).any(|_| cluster.own.hears(0, 500, back, &mut cluster.draw)));
        assert_eq!(changes, [(0, false)]);
        assert_eq!(
            cluster.sweeps(10_000_000_000),
            [],
            "not before twice that time"
        );
    }

    /// Of five servers the last fails everything. It is compared with the others only if all of them have had enough
    /// requests, and none is out.
    #[test]
    fn only_those_who_are_judged_are_counted() {
        let with = |is_out: bool, of_first: u32| {
            let mut cluster = Cluster::new(5, |rules| {
                rules.consecutive_5xx = At::built_in(Count::new(1000));
                rules.max_ejection_percent = At::built_in(Fraction::ONE);
                rules.success_rate_stdev_factor = At::built_in(1.0);
            });
            assert_eq!(is_out, is_out && cluster.answers(0, 500, 1000, 1));
            cluster.answers(0, 200, of_first, 1);
            (1..4).for_each(|server| _ = cluster.answers(server, 200, 100, 1));
            cluster.answers(4, 500, 100, 1);
            cluster.sweeps(10)
        };
        assert_eq!(with(false, 100), [(4, true)]);
        assert_eq!(with(false, 99), []);
        assert_eq!(with(true, 100), []);
    }

    /// What failed before the last sweep is forgotten, and the share of failures counts only where it is
    /// enforced.
    #[test]
    fn shares_of_failures_eject_where_they_are_enforced() {
        let with = |enforcing: Fraction, n_well: u32| {
            let mut cluster = Cluster::new(5, |rules| {
                rules.enforcing_failure_percentage = At::built_in(enforcing);
                rules.enforcing_success_rate = At::built_in(Fraction::ZERO);
                rules.consecutive_5xx = At::built_in(Count::new(1000));
            });
            cluster.answers(1, 500, 85, 1);
            cluster.answers(1, 200, 15, 1);
            cluster.answers(3, 500, 84, 1);
            cluster.answers(3, 200, 16, 1);
            for well in [0, 2, 4] {
                cluster.answers(well, 200, n_well, 1);
            }
            let first = cluster.sweeps(10);
            (first, cluster.sweeps(20))
        };
        assert_eq!(with(Fraction::ONE, 50), (vec![(1, true)], vec![]));
        assert_eq!(with(Fraction::ZERO, 50), (vec![], vec![]));
        // Of these five only two have had enough.
        assert_eq!(with(Fraction::ONE, 49), (vec![], vec![]));
    }
}
