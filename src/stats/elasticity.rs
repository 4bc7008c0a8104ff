//! How well a supply of instances followed the demand for them.
//!
//! Demand is the smallest capacity that would have met the objective, supply what was serving, both per
//! interval of equal length. Sources: Herbst, Kounev and Reussner (ICAC 2013); *Ready for Rain?*
//! (SPEC-RG-2016-01); Ilyushkin et al. (ICPE 2017); Bauer et al., *Chameleon* (TPDS 2019).
//!
//! Shares of time and accuracies belong together: either alone is easily good. A lazy autoscaler is stable.

use crate::math;
use crate::units::SimDuration;

/// Demand and supply in one interval, in instances; 0 or more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// What was needed.
    pub demand: f64,
    /// What there was.
    pub supply: f64,
}

/// The elasticity measures; 0 is best for all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elasticity {
    /// By how much too little there was, on average over all the time, in percent of the demand (θU).
    pub under_accuracy: f64,
    /// By how much too much there was, likewise (θO). Intervals without demand, of which there are no
    /// percents, add nothing; they are part of [`Elasticity::over_timeshare`].
    pub over_accuracy: f64,
    /// Percent of the time in which there was too little (τU).
    pub under_timeshare: f64,
    /// Percent of the time in which there was too much (τO).
    pub over_timeshare: f64,
    /// Percent of the steps from one interval to the next in which demand and supply did not move in the
    /// same direction, or one moved and the other did not (υ); nothing with fewer than two intervals.
    pub instability: Option<f64>,
    /// How many more changes per hour the supply made than the demand; below 0 if it made fewer.
    pub jitter_per_hour: f64,
}

impl Elasticity {
    /// Of intervals of equal length, longer than 0; nothing of none.
    pub fn of(intervals: &[Interval], length: SimDuration) -> Option<Self> {
        if intervals.is_empty() {
            return None;
        }
        let n = intervals.len() as f64;
        let percent =
            |part: &dyn Fn(&Interval) -> f64| 100.0 * intervals.iter().map(part).sum::<f64>() / n;
        let of_demand = |lack: f64, own: &Interval| {
            if lack > 0.0 && own.demand > 0.0 {
                lack / own.demand
            } else {
                0.0
            }
        };
        let share = |is_so: bool| f64::from(u8::from(is_so));
        let (mut disagreeing, mut by_demand, mut by_supply) = (0_u64, 0.0, 0.0);
        for pair in intervals.windows(2) {
            let demand = direction(pair[0].demand, pair[1].demand);
            let supply = direction(pair[0].supply, pair[1].supply);
            disagreeing += u64::from(demand != supply);
            by_demand += share(demand.is_ne());
            by_supply += share(supply.is_ne());
        }
        Some(Self {
            under_accuracy: percent(&|own| of_demand(own.demand - own.supply, own)),
            over_accuracy: percent(&|own| of_demand(own.supply - own.demand, own)),
            under_timeshare: percent(&|own| share(own.demand > own.supply)),
            over_timeshare: percent(&|own| share(own.supply > own.demand)),
            instability: (intervals.len() > 1).then(|| 100.0 * disagreeing as f64 / (n - 1.0)),
            jitter_per_hour: (by_supply - by_demand) / (n * length.as_hours()),
        })
    }

    /// The distance from the best there is, by the shares of accuracies, times and instability (100 % is
    /// 1): Minkowski's, of an order of 1 or more. Bauer et al. take the number of measures, 5.
    pub fn deviation(&self, order: f64) -> f64 {
        let measures = [
            self.under_accuracy,
            self.over_accuracy,
            self.under_timeshare,
            self.over_timeshare,
            self.instability.unwrap_or(0.0),
        ];
        let powers = measures.map(|percent| math::powf(percent / 100.0, order));
        math::powf(powers.iter().sum(), 1.0 / order)
    }
}

/// Which way a level moved.
fn direction(before: f64, after: f64) -> std::cmp::Ordering {
    after
        .partial_cmp(&before)
        .unwrap_or(std::cmp::Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(demand: &[f64], supply: &[f64]) -> Elasticity {
        let pairs = demand.iter().zip(supply);
        let intervals: Vec<_> = pairs
            .map(|(&demand, &supply)| Interval { demand, supply })
            .collect();
        Elasticity::of(&intervals, SimDuration::from_secs(900)).expect("intervals")
    }

    #[test]
    fn a_supply_that_is_the_demand_is_perfect() {
        let perfect = of(&[1.0, 4.0, 2.0, 0.0], &[1.0, 4.0, 2.0, 0.0]);
        let best = Elasticity {
            under_accuracy: 0.0,
            over_accuracy: 0.0,
            under_timeshare: 0.0,
            over_timeshare: 0.0,
            instability: Some(0.0),
            jitter_per_hour: 0.0,
        };
        assert_eq!(perfect, best);
        assert_eq!(perfect.deviation(5.0).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn restless_supply_has_jitter_and_no_demand_has_no_percents() {
        let restless = of(&[2.0, 2.0, 2.0, 0.0], &[2.0, 3.0, 2.0, 3.0]);
        let expected = Elasticity {
            under_accuracy: 0.0,
            over_accuracy: 12.5,
            under_timeshare: 0.0,
            over_timeshare: 50.0,
            instability: Some(100.0),
            // Three changes against one in an hour.
            jitter_per_hour: 2.0,
        };
        assert_eq!(restless, expected);
        let distance = restless.deviation(2.0);
        assert!((distance * distance - (0.015_625 + 0.25 + 1.0)).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_known_of_no_intervals_and_little_of_one() {
        assert_eq!(Elasticity::of(&[], SimDuration::from_secs(1)), None);
        assert_eq!(of(&[1.0], &[2.0]).instability, None);
    }
}
