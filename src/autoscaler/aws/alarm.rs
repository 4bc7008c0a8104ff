//! `CloudWatch` alarms: M of N data points, and what becomes of missing ones.
//!
//! Source: `AlarmThatSendsEmail.md` of the `CloudWatch` user guide, "How alarm state is evaluated when data
//! is missing".

use std::collections::VecDeque;

use crate::autoscaler::comparison::Comparison;

/// What an alarm says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlarmState {
    /// Not enough data to tell.
    #[default]
    InsufficientData,
    /// Within the threshold.
    Ok,
    /// Beyond it.
    Alarm,
}

/// One period of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Within the threshold.
    Ok,
    /// Beyond it.
    Breaching,
    /// Nothing was reported.
    Missing,
}

/// How missing points count where real ones are too few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingData {
    /// Not at all; without any data there is not enough.
    #[default]
    Missing,
    /// The alarm stays as it is.
    Ignore,
    /// As breaching.
    Breaching,
    /// As within the threshold.
    NotBreaching,
}

/// When an alarm goes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How many of the evaluated points must breach (M), 1 up to N.
    pub datapoints_to_alarm: u32,
    /// How many points are evaluated (N), 1 or more.
    pub evaluation_periods: u32,
    /// How missing points count.
    pub missing_data: MissingData,
}

impl Rule {
    /// All of the latest `n` points.
    pub const fn all_of(n: u32) -> Self {
        Self {
            datapoints_to_alarm: n,
            evaluation_periods: n,
            missing_data: MissingData::Missing,
        }
    }

    /// How many of the latest points are fetched, so that missing ones can be made up for. AWS does not say
    /// how many more than are evaluated; two more, as in the guide's tables, is ours.
    pub const fn range(&self) -> usize {
        self.evaluation_periods as usize + 2
    }

    /// The state after the points of the evaluation range, the oldest first, from the state before them.
    pub fn state(&self, points: &[Point], before: AlarmState) -> AlarmState {
        let count = |kind| points.iter().filter(|own| **own == kind).count() as u32;
        let (n_ok, n_breaching) = (count(Point::Ok), count(Point::Breaching));
        let enough = self.datapoints_to_alarm;
        let n_missing = self.evaluation_periods.saturating_sub(n_ok + n_breaching);
        if n_missing == 0 {
            // Enough real points: the latest decide, whatever lies between them.
            let real = points.iter().rev().filter(|own| **own != Point::Missing);
            let latest = real.take(self.evaluation_periods as usize);
            return alarm_if(
                latest.filter(|own| **own == Point::Breaching).count() as u32 >= enough,
            );
        }
        match self.missing_data {
            MissingData::Breaching => alarm_if(n_breaching + n_missing >= enough),
            MissingData::NotBreaching => alarm_if(n_breaching >= enough),
            // What is missing could not change it.
            _ if n_breaching >= enough => AlarmState::Alarm,
            _ if n_ok > 0 => AlarmState::Ok,
            MissingData::Ignore => before,
            MissingData::Missing => {
                // Breaching at least since as many periods as would do: an alarm, though the points for it
                // are not there. Breaching later only: one good point could still come.
                let since = points.iter().position(|own| *own == Point::Breaching);
                match since {
                    Some(at) if points.len() - at >= enough as usize => AlarmState::Alarm,
                    _ => AlarmState::InsufficientData,
                }
            }
        }
    }
}

fn alarm_if(is_breaching: bool) -> AlarmState {
    if is_breaching {
        AlarmState::Alarm
    } else {
        AlarmState::Ok
    }
}

/// An alarm on a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// A point breaches if this holds between it and the threshold.
    pub comparison: Comparison,
    /// In the metric's unit.
    pub threshold: f64,
    /// When it goes off.
    pub rule: Rule,
}

/// An alarm at work. It is shown one point per period, and evaluated with each.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The evaluation range, the oldest point first.
    points: VecDeque<Point>,
    says: AlarmState,
}

impl State {
    /// Takes up the metric of the latest period, nothing if none was reported, and says what the alarm is
    /// at.
    pub fn take(&mut self, config: &Config, metric: Option<f64>) -> AlarmState {
        if self.points.len() == config.rule.range() {
            self.points.pop_front();
        }
        self.points.push_back(match metric {
            None => Point::Missing,
            Some(metric) if config.comparison.holds(metric, config.threshold) => Point::Breaching,
            Some(_) => Point::Ok,
        });
        self.says = config.rule.state(self.points.make_contiguous(), self.says);
        self.says
    }
}
