//! What becomes of a message that was not acknowledged: when it is delivered again, and for how long that
//! goes on.
//!
//! A consumer that fails may say so (a negative acknowledgement, a job that raises an error); one that dies
//! says nothing, but a broker that holds a connection to it sees it break. What takes too long looks the same
//! to the broker as what is lost: after the visibility timeout the message is there for others, and the first
//! run goes on.

use rand::Rng as _;

use super::persistence::{Backoff, BackoffSpec};
use crate::diag::Diagnostics;
use crate::rng::Draw;
use crate::spec::{At, Count, Data};
use crate::units::SimDuration;
use crate::{choice, spec};

spec! {
    /// When its visibility timeout is over, as if nothing had been said (SQS).
    pub struct WhenVisible {}
}

spec! {
    /// At once, at the head of the line (AMQP); after a failure a millisecond passes, for there and back.
    pub struct AtOnce {}
}

spec! {
    /// After a wait that grows from retry to retry.
    pub struct AfterBackoff {
        /// The wait.
        pub wait: BackoffSpec,
        /// How often at most; then it becomes a dead letter. As often as `max_deliveries` allows unless given.
        pub attempts: Option<At<Count>>,
    }
}

spec! {
    /// After k^4 + 15 s and up to 10 (k + 1) s more at random, where k counts its retries from 0 (Sidekiq).
    pub struct AsSidekiq {}
}

spec! {
    /// Never: it is set aside as a dead letter.
    pub struct SetAside {}
}

spec! {
    /// Never: it is gone, as from a list that it was popped from.
    pub struct Forget {}
}

choice! {
    /// When a message that was not acknowledged is delivered again.
    pub enum RedeliverySpec {
        /// When its visibility timeout is over.
        WhenVisible(WhenVisible) = "when_visible",
        /// At once.
        AtOnce(AtOnce) = "at_once",
        /// After a wait.
        Backoff(AfterBackoff) = "backoff",
        /// As Sidekiq does.
        Sidekiq(AsSidekiq) = "sidekiq",
        /// Never: a dead letter.
        DeadLetter(SetAside) = "dead_letter",
        /// Never: it is lost.
        Lost(Forget) = "lost",
    }
}

/// When a message is delivered again; see [`RedeliverySpec`].
#[derive(Debug, Clone)]
pub enum Redelivery {
    /// When its visibility timeout is over.
    WhenVisible,
    /// At once.
    AtOnce,
    /// After a wait, so often at most.
    Backoff(Backoff, u32),
    /// As Sidekiq does.
    Sidekiq,
    /// Never: a dead letter.
    DeadLetter,
    /// Never: it is lost.
    Lost,
}

/// What is to become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays invisible until its timeout.
    Invisible,
    /// It is there again at once, before the others.
    First,
    /// It is there again after a while.
    After(SimDuration),
    /// It is set aside.
    Dead,
    /// It is gone.
    Lost,
}

impl RedeliverySpec {
    /// The checked rule; nothing if a law needs a data file that is not there or not right, which is reported.
    pub fn plan(&self, data: &mut dyn Data, out: &mut Diagnostics) -> Option<Redelivery> {
        Some(match self {
            Self::WhenVisible(_) => Redelivery::WhenVisible,
            Self::AtOnce(_) => Redelivery::AtOnce,
            Self::Backoff(own) => {
                let most = own.attempts.map_or(u32::MAX, |n| n.get());
                Redelivery::Backoff(own.wait.plan(data, out)?, most)
            }
            Self::Sidekiq(_) => Redelivery::Sidekiq,
            Self::DeadLetter(_) => Redelivery::DeadLetter,
            Self::Lost(_) => Redelivery::Lost,
        })
    }
}

impl Redelivery {
    /// What becomes of a message after delivery number `deliveries` (the first is 1), of which there may be
    /// `most`. Before this delivery it has `waited` for so long, if it was put off.
    pub fn fate(
        &self,
        (deliveries, most): (u32, u32),
        waited: SimDuration,
        draw: &mut Draw,
    ) -> Fate {
        let is_last = deliveries >= most;
        match self {
            Self::Lost => Fate::Lost,
            Self::DeadLetter => Fate::Dead,
            // Whether there is another delivery is found when it comes due.
            Self::WhenVisible => Fate::Invisible,
            _ if is_last => Fate::Dead,
            Self::AtOnce => Fate::First,
            Self::Backoff(_, attempts) if deliveries > *attempts => Fate::Dead,
            Self::Backoff(wait, _) => Fate::After(wait.wait(deliveries, waited, draw)),
            Self::Sidekiq => {
                let k = u64::from(deliveries - 1);
                let fixed = k.saturating_pow(4).saturating_add(15);
                let more = (draw.next_u64() % 10) * (k + 1);
                Fate::After(SimDuration::from_secs(fixed.saturating_add(more)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::persistence::{ExponentialBackoff, Jitter};
    use crate::rng::Salt;
    use crate::spec::Column;

    /// There are no data files.
    struct NoData;

    impl Data for NoData {
        fn column(&mut self, _: &Column<'_>, _: &mut Diagnostics) -> Option<Vec<f64>> {
            None
        }

        fn labels(
            &mut self,
            _: &At<String>,
            _: &At<String>,
            _: &mut Diagnostics,
        ) -> Option<(Vec<u32>, Vec<String>)> {
            None
        }
    }

    /// Sidekiq's own table of its default waits: about 20 s, 26 s, 46 s, 76 s, ... for the first retries, a
    /// bit more than 20 days for all 25.
    #[test]
    fn sidekiq_retries_for_three_weeks() {
        let sidekiq = |deliveries, draw: &mut Draw| {
            Redelivery::Sidekiq.fate((deliveries, 26), SimDuration::ZERO, draw)
        };
        let mut total = 0.0;
        for deliveries in 1..=25 {
            let mut draw = Salt::new("test", "sidekiq").draw(u64::from(deliveries));
            let Fate::After(wait) = sidekiq(deliveries, &mut draw) else {
                panic!("there is another retry after delivery {deliveries}")
            };
            let k = f64::from(deliveries - 1);
            let seconds = wait.as_secs_f64();
            let fixed = k.powi(4) + 15.0;
            assert!(
                (fixed..=fixed + 9.0 * (k + 1.0)).contains(&seconds),
                "{k}: {seconds}"
            );
            total += seconds;
        }
        assert!((20.0..22.0).contains(&(total / 86_400.0)), "{total} s");
        let mut draw = Salt::new("test", "sidekiq").draw(0);
        assert_eq!(sidekiq(26, &mut draw), Fate::Dead);
    }

    /// With decorrelated jitter a wait is up to three times the one before, and so they grow.
    #[test]
    fn decorrelated_waits_grow_from_the_last_one() {
        let second = SimDuration::from_secs(1);
        let wait = BackoffSpec::Exponential(ExponentialBackoff {
            exponential: At::built_in(second),
            factor: At::built_in(2.0),
            cap: At::built_in(SimDuration::from_secs(100_000)),
            jitter: Jitter::Decorrelated,
        });
        let wait = wait.plan(&mut NoData, &mut Diagnostics::default());
        let rule = Redelivery::Backoff(wait.expect("it is right"), u32::MAX);
        let salt = Salt::new("test", "decorrelated");
        let longest = |deliveries: u32, waited: SimDuration| {
            let fate = |n| rule.fate((deliveries, 99), waited, &mut salt.draw(n));
            let wait = |n| match fate(n) {
                Fate::After(wait) => wait.as_secs_f64(),
                other => panic!("{other:?}"),
            };
            (0..1000).map(wait).fold(0.0, f64::max)
        };
        for (deliveries, waited, most) in [(1, 0, 3.0), (2, 2, 6.0), (5, 100, 300.0), (2, 0, 3.0)] {
            let longest = longest(deliveries, SimDuration::from_secs(waited));
            assert!((0.98..=1.0).contains(&(longest / most)), "{longest}");
        }
    }

    #[test]
    fn the_last_delivery_is_followed_by_none() {
        let mut draw = Salt::new("test", "x").draw(0);
        let mut fate = |rule: &Redelivery, deliveries| {
            rule.fate((deliveries, 3), SimDuration::ZERO, &mut draw)
        };
        assert_eq!(fate(&Redelivery::AtOnce, 2), Fate::First);
        assert_eq!(fate(&Redelivery::AtOnce, 3), Fate::Dead);
        assert_eq!(fate(&Redelivery::Lost, 3), Fate::Lost);
        // SQS finds out when somebody asks for the message again.
        assert_eq!(fate(&Redelivery::WhenVisible, 3), Fate::Invisible);
    }
}
