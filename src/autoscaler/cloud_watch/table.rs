//! An alarm as a scenario describes it.

use std::collections::VecDeque;

use super::{MINUTE, Watch};
use crate::autoscaler::aws::alarm::{AlarmState, MissingData, Rule};
use crate::autoscaler::comparison::Comparison;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::spec::{At, Count};
use crate::stats::Histogram;
use crate::units::SimDuration;
use crate::{spec, words};

/// The longest time over which alarms look back.
const DAY: SimDuration = SimDuration::from_secs(24 * 3600);

words! {
    /// What an alarm goes by.
    pub enum AwsMetric {
        /// The CPU that instances use, in percent (`CPUUtilization`).
        Cpu = "cpu",
        /// The memory that instances use, in percent (`mem_used_percent` of the agent).
        Memory = "memory",
        /// Requests by the number of instances that get some (`RequestCountPerTarget`): their sum over a period.
        /// Nothing is reported where there are none.
        RequestsPerTarget = "requests_per_target",
        /// How long instances take to answer, in seconds (`TargetResponseTime`).
        ResponseTime = "response_time",
        /// The requests of clients that fail, in percent of those that end.
        ErrorRate = "error_rate",
        /// Messages that wait in a queue (`ApproximateNumberOfMessagesVisible`).
        Queue = "queue",
        /// Messages that wait in a queue, by the number of instances in service, as AWS advises to compute it.
        QueuePerInstance = "queue_per_instance",
    }
}

words! {
    /// What an alarm makes of the reports of a period.
    pub enum AwsStatistic {
        /// Their average.
        Average = "average",
        /// The smallest.
        Minimum = "minimum",
        /// The largest.
        Maximum = "maximum",
        /// Their sum.
        Sum = "sum",
        /// The median of response times.
        P50 = "p50",
        /// What 90 percent of response times are within.
        P90 = "p90",
        /// What 95 percent of response times are within.
        P95 = "p95",
        /// What 99 percent of response times are within.
        P99 = "p99",
    }
}

words! {
    /// How periods without a report count.
    pub enum AwsMissingData {
        /// Not at all; an alarm without any has not enough data.
        Missing = "missing",
        /// The alarm stays as it is.
        Ignore = "ignore",
        /// As if they were beyond the threshold.
        Breaching = "breaching",
        /// As if they were within the threshold.
        NotBreaching = "not_breaching",
    }
}

spec! {
    /// A `CloudWatch` alarm: `{ metric = "cpu", above = 70, evaluation_periods = 2 }`.
    pub struct AwsAlarm {
        /// What it goes by.
        pub metric: At<AwsMetric>,
        /// Which queue, for the metrics of one.
        pub queue: Option<At<String>>,
        /// What is made of the reports of a period: the average unless given, of requests the sum.
        pub statistic: Option<At<AwsStatistic>>,
        /// It is on when the metric is more than this, in its unit.
        pub above: Option<At<f64>>,
        /// It is on when the metric is this or more.
        pub at_least: Option<At<f64>>,
        /// It is on when the metric is less than this.
        pub below: Option<At<f64>>,
        /// It is on when the metric is this or less.
        pub at_most: Option<At<f64>>,
        /// How long a period is: 10, 20 or 30 s, or whole minutes.
        pub period: At<SimDuration> = At::built_in(MINUTE),
        /// How many periods it looks at.
        pub evaluation_periods: At<Count> = At::built_in(Count::new(1)),
        /// How many of these must be beyond the threshold; all unless given.
        pub datapoints_to_alarm: Option<At<Count>>,
        /// How periods without a report count where there are not enough others.
        pub missing_data: AwsMissingData = AwsMissingData::Missing,
        /// How often there is a report: a minute with detailed monitoring, five without; 1 s to 30 s for metrics of
        /// high resolution.
        pub resolution: At<SimDuration> = At::built_in(MINUTE),
    }
    check(Self::check)
}

impl AwsMetric {
    const fn is_queue(self) -> bool {
        matches!(self, Self::Queue | Self::QueuePerInstance)
    }
}

impl AwsStatistic {
    /// The quantile, if it is one.
    pub(super) const fn quantile(self) -> Option<f64> {
        match self {
            Self::P50 => Some(0.5),
            Self::P90 => Some(0.9),
            Self::P95 => Some(0.95),
            Self::P99 => Some(0.99),
            Self::Average | Self::Minimum | Self::Maximum | Self::Sum => None,
        }
    }
}

impl AwsAlarm {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        let thresholds = [self.above, self.at_least, self.below, self.at_most];
        let given: Vec<_> = thresholds.into_iter().flatten().collect();
        match given[..] {
            [] => out.push(
                Diagnostic::error(table, "what is too much, or too little?")
                    .label("needs `above`, `at_least`, `below` or `at_most`"),
            ),
            [own] => self.check_threshold(own, out),
            [first, second, ..] => out.push(
                Diagnostic::error(second.origin, "an alarm has one threshold")
                    .related(first.origin, "the other"),
            ),
        }
        match &self.queue {
            None if self.metric.is_queue() => {
                out.push(Diagnostic::error(table, "which queue?").label("needs `queue`"));
            }
            Some(queue) if !self.metric.is_queue() => {
                let problem = format!("`{}` is not a metric of a queue", self.metric.word());
                out.push(Diagnostic::error(queue.origin, problem));
            }
            _ => {}
        }
        self.check_statistic(out);
        self.check_periods(out);
    }

    fn check_threshold(&self, threshold: At<f64>, out: &mut Diagnostics) {
        let is_beyond = if self.below.is_some() {
            threshold.value <= 0.0
        } else {
            threshold.value < 0.0
        };
        if is_beyond {
            let problem = "no metric is ever there: none is negative";
            out.push(Diagnostic::error(threshold.origin, problem));
        }
    }

    fn check_statistic(&self, out: &mut Diagnostics) {
        let Some(statistic) = self.statistic else {
            return;
        };
        let is_of_requests = self.metric.value == AwsMetric::RequestsPerTarget;
        let problem = if is_of_requests && statistic.value != AwsStatistic::Sum {
            "of the requests per target only the sum means something"
        } else if statistic.quantile().is_some() && self.metric.value != AwsMetric::ResponseTime {
            "only response times have percentiles"
        } else {
            return;
        };
        out.push(
            Diagnostic::error(statistic.origin, problem)
                .related(self.metric.origin, "this is the metric"),
        );
    }

    fn check_periods(&self, out: &mut Diagnostics) {
        let is_whole = |span: At<SimDuration>, short: &[u64]| {
            let seconds = span.value.as_nanos() / 1_000_000_000;
            let is_round = span.value == SimDuration::from_secs(seconds);
            is_round && (short.contains(&seconds) || (seconds > 0 && seconds.is_multiple_of(60)))
        };
        let before = out.n_errors();
        if !is_whole(self.period, &[10, 20, 30]) {
            let problem = "a period is 10, 20 or 30 s, or whole minutes";
            out.push(
                Diagnostic::error(self.period.origin, problem).label(self.period.value.to_text()),
            );
        }
        if !is_whole(self.resolution, &[1, 5, 10, 30]) {
            let problem = "reports come every 1, 5, 10 or 30 s, or after whole minutes";
            let label = self.resolution.value.to_text();
            out.push(Diagnostic::error(self.resolution.origin, problem).label(label));
        } else if self.resolution.value > self.period.value && out.n_errors() == before {
            let problem = "this period is shorter than the time between two reports";
            let every = format!("a report comes every {}", self.resolution.value);
            out.push(
                Diagnostic::warning(self.period.origin.or(self.resolution.origin), problem)
                    .label("most periods have no report: the alarm rarely has enough data")
                    .related(self.resolution.origin, every),
            );
        }
        if let Some(needed) = self.datapoints_to_alarm
            && needed.value > self.evaluation_periods.value
        {
            let problem = "more periods must be beyond the threshold than are looked at";
            let looked_at = format!("it looks at {}", self.evaluation_periods.value);
            let error = Diagnostic::error(needed.origin, problem);
            out.push(error.related(self.evaluation_periods.origin, looked_at));
        }
        if self.period.value.times(self.evaluation_periods.get()) > DAY {
            let problem = "an alarm looks back a day at most";
            let origin = self.evaluation_periods.origin.or(self.period.origin);
            out.push(Diagnostic::error(origin, problem));
        }
    }

    /// How the metric is held against the threshold. A table that was checked has exactly one.
    pub(in crate::autoscaler) fn threshold(&self) -> (Comparison, At<f64>) {
        let given = [
            (Comparison::Above, self.above),
            (Comparison::AtLeast, self.at_least),
            (Comparison::Below, self.below),
            (Comparison::AtMost, self.at_most),
        ];
        let mut given = given
            .into_iter()
            .filter_map(|(how, own)| own.map(|own| (how, own)));
        given.next().expect("an alarm has a threshold")
    }

    /// True if it is on when the metric is too much.
    pub(in crate::autoscaler) fn is_above(&self) -> bool {
        matches!(self.threshold().0, Comparison::Above | Comparison::AtLeast)
    }

    /// Reports two alarms on the same metric, of which one says that it is too much and the other that it is too
    /// little of the same.
    pub(in crate::autoscaler) fn check_pair(&self, other: &Self, out: &mut Diagnostics) {
        let queue = |own: &Self| own.queue.as_ref().map(|queue| queue.value.clone());
        let (high, low) = match (self.is_above(), other.is_above()) {
            (true, false) => (self, other),
            (false, true) => (other, self),
            _ => return,
        };
        let (_, much) = high.threshold();
        let (_, little) = low.threshold();
        let is_same = self.metric.value == other.metric.value && queue(self) == queue(other);
        if is_same && little.value > much.value {
            let problem =
                "both alarms are on at the same time: what is too little here is too much there";
            out.push(
                Diagnostic::warning(little.origin, problem)
                    .label("while both are, the policy that leaves more instances counts")
                    .related(much.origin, "too much"),
            );
        }
    }

    /// The alarm at work; `n_queues` are looked at by those before it.
    pub(in crate::autoscaler) fn start(&self, n_queues: usize, delay: SimDuration) -> Watch {
        let (comparison, threshold) = self.threshold();
        let usual = if self.metric.value == AwsMetric::RequestsPerTarget {
            AwsStatistic::Sum
        } else {
            AwsStatistic::Average
        };
        let needed = self.datapoints_to_alarm.unwrap_or(self.evaluation_periods);
        Watch {
            metric: self.metric.value,
            queue: n_queues,
            statistic: self.statistic.map_or(usual, |own| own.value),
            comparison,
            threshold: threshold.value,
            period: self.period.value,
            resolution: self.resolution.value,
            delay,
            rule: Rule {
                datapoints_to_alarm: needed.get(),
                evaluation_periods: self.evaluation_periods.get(),
                missing_data: match self.missing_data {
                    AwsMissingData::Missing => MissingData::Missing,
                    AwsMissingData::Ignore => MissingData::Ignore,
                    AwsMissingData::Breaching => MissingData::Breaching,
                    AwsMissingData::NotBreaching => MissingData::NotBreaching,
                },
            },
            last: None,
            responses: Histogram::default(),
            reports: VecDeque::new(),
            says: AlarmState::default(),
            acted: None,
        }
    }
}
