//! Predictive scaling of EC2 Auto Scaling over the instances of a service: what becomes of a forecast is in
//! [`super::aws::predictive`], when it does is here.
//!
//! The forecast itself is given: which one AWS makes of two weeks of measurements is not modelled. It is a number of
//! instances for each hour of the day, as AWS has it; at the beginning of the hour, or somewhat before, there are at
//! least as many, and until the hour is over nobody who scales the group goes below. A forecast never removes anything:
//! that is for another autoscaler to do.

use super::aws::predictive::{self, Config, MaxBehavior};
use super::count::Bounds;
use super::{Clock, Decision, Describe, Group, Reason, Rule, Sight, Unit};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::units::{Fraction, SimDuration, SimTime};
use crate::{spec, words};

const HOUR: SimDuration = SimDuration::from_secs(3600);
const DAY: SimDuration = SimDuration::from_secs(24 * 3600);

words! {
    /// What is done with a forecast.
    pub enum AwsPredictiveMode {
        /// Instances are added by it.
        ForecastAndScale = "forecast_and_scale",
        /// Nothing: it is only shown. With this AWS begins.
        ForecastOnly = "forecast_only",
    }
}

words! {
    /// What holds when more is forecast than the group may have.
    pub enum AwsMaxBehavior {
        /// The group's maximum.
        Honor = "honor",
        /// The forecast, and the buffer on top of it.
        Increase = "increase",
    }
}

spec! {
    /// Predictive scaling of EC2 Auto Scaling: at least as many instances as are forecast for the hour. The forecast is
    /// given.
    pub struct AwsPredictive {
        /// The fewest instances.
        pub min: At<Count>,
        /// The most instances.
        pub max: At<Count>,
        /// What is forecast, by the time of the day, in ascending order; the last of it holds until the first of the
        /// next day.
        pub forecast: Vec<AwsForecast>,
        /// What is done with it.
        pub mode: AwsPredictiveMode = AwsPredictiveMode::ForecastAndScale,
        /// How long before the hour instances are added, an hour at most.
        pub scheduling_buffer: At<SimDuration> = At::built_in(SimDuration::from_secs(300)),
        /// What holds when more is forecast than `max`.
        pub max_behavior: At<AwsMaxBehavior> = At::built_in(AwsMaxBehavior::Honor),
        /// What is added to a forecast beyond `max`, in whole percent.
        pub max_buffer: Option<At<Fraction>>,
        /// The time of the day at which the run begins, since midnight.
        pub day_time: At<SimDuration> = At::built_in(SimDuration::ZERO),
    }
    check(Self::check)
}

spec! {
    /// What is forecast from an hour on: `{ from = "10h", instances = 26 }`.
    pub struct AwsForecast {
        /// Since midnight, in whole hours.
        pub from: At<SimDuration>,
        /// How many instances.
        pub instances: Count,
    }
    check(Self::check)
}

impl AwsForecast {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.from.value >= DAY {
            let problem = "a time of the day is less than 24 h";
            out.push(Diagnostic::error(self.from.origin, problem));
        } else if !self.from.as_nanos().is_multiple_of(HOUR.as_nanos()) {
            let problem = "forecasts are for whole hours";
            out.push(Diagnostic::error(self.from.origin, problem));
        }
    }
}

impl AwsPredictive {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        super::check_range(self.min, self.max, out);
        if self.forecast.is_empty() {
            let problem = "what is forecast?";
            out.push(Diagnostic::error(table, problem).label("needs `forecast`"));
        }
        for pair in self.forecast.windows(2) {
            if pair[1].from.value <= pair[0].from.value {
                let problem = "a forecast is in ascending order";
                let error = Diagnostic::error(pair[1].from.origin, problem);
                out.push(error.related(pair[0].from.origin, "this comes before it"));
            }
        }
        if self.scheduling_buffer.value > HOUR {
            let problem = "instances are added an hour before at most";
            out.push(Diagnostic::error(self.scheduling_buffer.origin, problem));
        }
        if let Some(buffer) = self.max_buffer
            && self.max_behavior.value == AwsMaxBehavior::Honor
        {
            let problem = "nothing is added to a maximum that is honored";
            out.push(
                Diagnostic::error(buffer.origin, problem)
                    .related(self.max_behavior.origin, "needs `increase`"),
            );
        }
        if self.day_time.value >= DAY {
            let problem = "a time of the day is less than 24 h";
            out.push(Diagnostic::error(self.day_time.origin, problem));
        }
    }
}

impl Describe for AwsPredictive {
    type State = State;

    fn start(&self) -> State {
        let percent = self.max_buffer.map_or(0.0, |own| own.get() * 100.0);
        let forecast = self.forecast.iter();
        let hour = |own: &AwsForecast| own.from.as_nanos() / HOUR.as_nanos();
        State {
            config: Config {
                max_behavior: match self.max_behavior.value {
                    AwsMaxBehavior::Honor => MaxBehavior::Honor,
                    AwsMaxBehavior::Increase => MaxBehavior::Increase {
                        buffer_percent: percent.round() as u32,
                    },
                },
                scheduling_buffer: self.scheduling_buffer.value,
                bounds: Bounds {
                    min: self.min.get(),
                    max: self.max.get(),
                },
            },
            forecast: forecast
                .map(|own| (hour(own), own.instances.get()))
                .collect(),
            scales: self.mode == AwsPredictiveMode::ForecastAndScale,
            day_time: self.day_time.value,
            floor: 0,
        }
    }
}

/// Predictive scaling at work.
#[derive(Debug, Clone)]
pub struct State {
    config: Config,
    /// From which hour of the day on there are to be how many.
    forecast: Vec<(u64, u32)>,
    scales: bool,
    day_time: SimDuration,
    /// What the forecast for the hour comes to.
    floor: u32,
}

impl State {
    /// What is forecast for the hour that is acted for now.
    fn forecast(&self, now: SimTime) -> u32 {
        let hour = self.config.hour(now + self.day_time) % 24;
        let so_far = self.forecast.iter().rev().find(|(from, _)| *from <= hour);
        let own = so_far.or(self.forecast.last());
        own.map_or(0, |(_, instances)| *instances)
    }
}

impl Rule for State {
    fn clock(&self) -> Clock {
        Clock {
            period: HOUR,
            first: Some(SimDuration::ZERO),
            scrape: None,
        }
    }

    /// What was done for this hour stays as it is.
    fn adopts(&mut self, fresh: Self) {
        *self = Self {
            floor: self.floor,
            ..fresh
        };
    }

    /// When the next hour is acted for.
    fn next(&self, now: SimTime) -> SimTime {
        let ahead = self.day_time + self.config.scheduling_buffer;
        let into = (now + ahead).as_nanos() % HOUR.as_nanos();
        now + SimDuration::from_nanos(HOUR.as_nanos() - into)
    }

    fn holds_to(&self) -> Bounds {
        Bounds {
            min: self.floor,
            ..Bounds::NONE
        }
    }

    fn range(&self) -> (u32, u32) {
        let max = self.config.bounds.max;
        let largest = self.forecast.iter().map(|(_, own)| *own).max().unwrap_or(0);
        let most = self.config.max_behavior.effective_max(largest, max);
        (self.config.bounds.min, most)
    }

    fn decide(&mut self, group: &Group<'_>) -> Decision {
        let forecast = self.forecast(group.now);
        let outcome = predictive::decide(&self.config, group.desired, Some(forecast));
        let alone = predictive::decide(&self.config, 0, Some(forecast));
        let sight = Some(Sight {
            what: "instances forecast",
            unit: Unit::Count,
            value: Some(f64::from(forecast)),
            target: f64::from(group.desired),
        });
        if !self.scales {
            return Decision {
                wanted: outcome.wish,
                instances: group.desired,
                reason: Reason::Own("it only forecasts"),
                sight,
            };
        }
        self.floor = alone.instances;
        // A maximum that was raised stays where it is until somebody lowers it by hand.
        let bounds = &mut self.config.bounds;
        bounds.max = self.config.max_behavior.effective_max(forecast, bounds.max);
        Decision {
            wanted: outcome.wish,
            instances: outcome.instances,
            reason: Reason::Own(outcome.reason.words()),
            sight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Histogram;

    #[test]
    fn the_next_hour_is_acted_for_before_it_begins() {
        let spec = AwsPredictive {
            min: At::built_in(Count::new(2)),
            max: At::built_in(Count::new(20)),
            forecast: [(9, 6), (10, 26), (11, 8)]
                .map(|(hour, n)| AwsForecast {
                    from: At::built_in(SimDuration::from_secs(3600 * hour)),
                    instances: Count::new(n),
                })
                .into(),
            mode: AwsPredictiveMode::ForecastAndScale,
            scheduling_buffer: At::built_in(SimDuration::from_secs(600)),
            max_behavior: At::built_in(AwsMaxBehavior::Increase),
            max_buffer: Some(At::built_in(Fraction::percent(10))),
            day_time: At::built_in(SimDuration::from_secs(9 * 3600 + 1800)),
        };
        let mut state = spec.start();
        assert_eq!(state.range(), (2, 29), "a tenth more than is forecast");
        let mut desired = 3;
        let mut act = |seconds| {
            let now = SimTime::ZERO + SimDuration::from_secs(seconds);
            let said = state.decide(&Group {
                now,
                desired,
                ..Group::empty(&Histogram::default())
            });
            desired = said.instances;
            let next = state.next(now).as_secs_f64() as u64;
            (desired, state.holds_to().min, next)
        };
        // It is 9:30; ten minutes before ten o'clock are 1200 s from here.
        assert_eq!(act(0), (6, 6, 1200));
        assert_eq!(act(1200), (26, 26, 4800));
        // Fewer are forecast: nobody is removed by that, though there are more than there were to be at the most; others
        // may remove some.
        assert_eq!(act(4800), (26, 8, 8400));
    }
}
