//! The way between clients and the system: round trips, connections and their set-up, transfer.

use crate::component::program::{Demand, Program};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::rng::Salt;
use crate::spec::At;
use crate::units::{Bandwidth, Bytes, Fraction, SimDuration, SimTime};
use crate::{math, spec, words};

words! {
    /// What a new connection costs in round trips beyond the one of TCP.
    pub enum Tls {
        /// Nothing: no TLS.
        None = "none",
        /// One round trip, as TLS 1.3, and TLS 1.2 when it resumes.
        Tls13 = "1.3",
        /// Two round trips.
        Tls12 = "1.2",
        /// One round trip in all, TCP's included: HTTP/3.
        Quic = "quic",
    }
}

spec! {
    /// The way between clients and the system: `{ rtt = { lognormal = { median = "40ms", cv = 0.5 } },
    /// bandwidth = "20Mbit/s" }`.
    pub struct Network {
        /// The round trip time of a client; each client keeps its own, where the source says who its
        /// clients are.
        pub rtt: Law,
        /// What comes on top of it at random, for each request anew.
        pub jitter: Option<Law>,
        /// What a new connection costs.
        pub tls: At<Tls> = At::built_in(Tls::Tls13),
        /// For how long an idle connection stays open: the shorter of what client and server allow.
        pub keep_alive: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
        /// The share of requests that come over an open connection, where it is not known who the clients
        /// are and when they came last.
        pub reuse: Option<At<Fraction>>,
        /// Whether all requests of the source go over connections that they share and that stay open, as those of a
        /// load generator or of a proxy do: the one used last is taken first, and a new one is opened where none
        /// is idle. An nginx that renews an answer in the background reads no further request from the connection
        /// of whoever was given the old one until it is through.
        pub shared: bool = false,
        /// How fast a client receives; as fast as can be unless given.
        pub bandwidth: Option<At<Bandwidth>>,
        /// How fast a client sends; as fast as it receives unless given.
        pub upload: Option<At<Bandwidth>>,
        /// How large a request is.
        pub request: At<Bytes> = At::built_in(Bytes::new(700)),
        /// The share of packets that get lost on the way. A lost first packet of a connection costs 1 s,
        /// then 2 s, and so on; a lost last one 200 ms, or a round trip if that is longer.
        pub loss: At<Fraction> = At::built_in(Fraction::ZERO),
    }
    check(Self::check)
}

impl Network {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.loss.get() > 0.5 {
            let problem = "a network that loses more than half of all packets is none";
            out.push(Diagnostic::error(self.loss.origin, problem));
        }
    }
}

/// The way with every name resolved.
#[derive(Debug, Clone)]
pub struct Way {
    /// How long a round trip takes, and what comes on top.
    pub rtt: Demand,
    /// See `rtt`.
    pub jitter: Option<Demand>,
    /// Round trips before the first request of a connection.
    pub set_up: u32,
    /// Whether requests share connections.
    pub is_shared: bool,
    /// For how long an idle connection stays open.
    pub keep_alive: SimDuration,
    reuse_below: Option<u64>,
    down: Option<Bandwidth>,
    up: Option<Bandwidth>,
    request: Bytes,
    loss: f64,
    salt: Salt,
}

/// The bytes of the first flight on a new connection: 10 segments (RFC 6928).
const FIRST_FLIGHT: f64 = 14_600.0;
/// An answer without a body, and an error page.
const SMALL: Bytes = Bytes::new(300);

impl Way {
    /// The way to source `name`'s clients.
    pub fn new(name: &str, spec: &Network, rtt: Demand, jitter: Option<Demand>) -> Self {
        let down = spec.bandwidth.map(|own| own.value);
        let reuse = spec.reuse.map(|share| share.value);
        Self {
            rtt,
            jitter,
            set_up: match spec.tls.value {
                Tls::None | Tls::Quic => 1,
                Tls::Tls13 => 2,
                Tls::Tls12 => 3,
            },
            is_shared: spec.shared,
            keep_alive: spec.keep_alive.value,
            reuse_below: reuse.map(crate::component::program::threshold),
            down,
            up: spec.upload.map(|own| own.value).or(down),
            request: spec.request.value,
            loss: spec.loss.get(),
            salt: Salt::new(name, "network"),
        }
    }

    /// The round trip time of `client`, for the request with this seed.
    pub fn round_trip(&self, program: &Program, client: u64, seed: u64) -> SimDuration {
        let own = program.draw(self.rtt, client);
        let more = self.jitter.map(|law| program.draw(law, seed));
        own + more.unwrap_or(SimDuration::ZERO)
    }

    /// True if a request comes over an open connection, where nothing is known of its client.
    pub fn is_reused(&self, seed: u64) -> bool {
        self.reuse_below
            .is_some_and(|below| self.salt.uniform(seed) < below)
    }

    /// True if a connection that was used last at `last` is still open.
    pub fn is_open(&self, last: SimTime, now: SimTime) -> bool {
        last < SimTime::NEVER && now.since(last) <= self.keep_alive
    }

    /// How long a request takes to get there, over a new connection or an open one.
    pub fn there(&self, rtt: SimDuration, is_new: bool, seed: u64) -> SimDuration {
        let half = SimDuration::from_nanos(rtt.as_nanos() / 2);
        let mut way = half
            + self
                .up
                .map_or(SimDuration::ZERO, |up| up.time_for(self.request));
        if is_new {
            way = way + rtt.times(self.set_up) + self.lost_first(seed);
        }
        way
    }

    /// How long an answer of `size` takes to get back; nothing stands for one without a body.
    pub fn back(
        &self,
        rtt: SimDuration,
        size: Option<Bytes>,
        is_new: bool,
        seed: u64,
    ) -> SimDuration {
        let size = size.unwrap_or(SMALL);
        let half = SimDuration::from_nanos(rtt.as_nanos() / 2);
        let transfer = self
            .down
            .map_or(SimDuration::ZERO, |down| down.time_for(size));
        // On a new connection what is sent at once doubles with every round trip (slow start).
        let rounds = if is_new {
            math::log2(size.get() as f64 / FIRST_FLIGHT + 1.0).ceil() as u32
        } else {
            1
        };
        let lost = if self.loss > 0.0 && self.is_lost(seed ^ 0xBACC) {
            rtt.max(SimDuration::from_nanos(200_000_000))
        } else {
            SimDuration::ZERO
        };
        half + rtt.times(rounds.saturating_sub(1)) + transfer + lost
    }

    fn is_lost(&self, seed: u64) -> bool {
        self.salt.uniform(seed) as f64 / 2f64.powi(64) < self.loss
    }

    /// What the loss of the first packets of a connection costs: 1 s, 2 s, 4 s, ..., six times at the most.
    fn lost_first(&self, seed: u64) -> SimDuration {
        let mut cost = SimDuration::ZERO;
        let mut wait = SimDuration::from_secs(1);
        for attempt in 1..=6 {
            if self.loss == 0.0 || !self.is_lost(seed ^ attempt) {
                break;
            }
            cost = cost + wait;
            wait = wait + wait;
        }
        cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::program::LawId;

    fn ms(ms: u64) -> SimDuration {
        SimDuration::from_nanos(ms * 1_000_000)
    }

    fn way(bandwidth: &str) -> Way {
        Way {
            rtt: Demand {
                recorded: None,
                law: LawId(0),
                salt: Salt::new("test", "rtt"),
            },
            jitter: None,
            set_up: 2,
            is_shared: false,
            keep_alive: SimDuration::from_secs(60),
            reuse_below: None,
            down: bandwidth.parse().ok(),
            up: None,
            request: Bytes::new(700),
            loss: 0.0,
            salt: Salt::new("test", "network"),
        }
    }

    /// First byte over a new HTTPS connection: three round trips (TCP, TLS 1.3, request); on a kept one,
    /// one.
    #[test]
    fn a_new_connection_takes_three_round_trips_to_the_first_byte() {
        let way = way("");
        let rtt = ms(40);
        let small = Some(Bytes::new(1000));
        let to_first_byte = |is_new| way.there(rtt, is_new, 1) + way.back(rtt, small, is_new, 1);
        assert_eq!(to_first_byte(true), ms(120));
        assert_eq!(to_first_byte(false), ms(40));
    }

    /// 100 kB need ceil(log2(100000/14600 + 1)) = 3 flights on a new connection: two more round trips; and
    /// 100 ms at 8 Mbit/s.
    #[test]
    fn slow_start_and_bandwidth() {
        let way = way("8Mbit/s");
        let size = Some(Bytes::new(100_000));
        let rtt = ms(40);
        assert_eq!(way.back(rtt, size, true, 1), ms(20 + 80 + 100));
        assert_eq!(way.back(rtt, size, false, 1), ms(20 + 100));
    }

    #[test]
    fn an_idle_connection_closes() {
        let way = way("");
        let at = |secs| SimTime::ZERO + SimDuration::from_secs(secs);
        assert!(way.is_open(at(10), at(70)));
        assert!(!way.is_open(at(10), at(71)));
        assert!(!way.is_open(SimTime::NEVER, at(71)), "never opened");
    }
}
