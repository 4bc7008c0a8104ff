//! Every metric that an objective, a table or a chart can name: its name, its unit, its meaning. Once.

/// What a number is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Requests per second.
    PerSecond,
    /// A share between 0 and 1.
    Fraction,
    /// US dollars.
    Dollars,
    /// A plain number.
    Number,
}

impl Unit {
    /// The unit's symbol in files.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::PerSecond => "1/s",
            Self::Fraction | Self::Number => "1",
            Self::Dollars => "usd",
        }
    }
}

/// Which way a figure is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Good {
    /// The lower the better.
    Low,
    /// The higher the better.
    High,
    /// Neither way is better by itself.
    Either,
}

macro_rules! metrics {
    ($( $(#[doc = $doc:literal])* $variant:ident = $name:literal, $unit:ident; )*) => {
        /// A figure of a whole run (after its warm-up).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $( $(#[doc = $doc])* $variant, )*
        }

        impl Metric {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// Their names.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The name in scenarios and files.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// What it is measured in.
            pub const fn unit(self) -> Unit {
                match self { $( Self::$variant => Unit::$unit, )* }
            }

            /// What it means.
            pub const fn meaning(self) -> &'static [&'static str] {
                match self { $( Self::$variant => &[$($doc),*], )* }
            }
        }
    };
}

metrics! {
    /// Share of the ended requests that were served. Requests still in flight at the end are left out.
    SuccessRate = "success_rate", Fraction;
    /// Share of the ended requests that were not served, for whatever reason.
    ErrorRate = "error_rate", Fraction;
    /// Median latency: from when a request was due until its client had an answer or gave up. Requests
    /// that were turned away at the door do not count.
    LatencyP50 = "latency_p50", Seconds;
    /// 75th percentile of the latency.
    LatencyP75 = "latency_p75", Seconds;
    /// 90th percentile of the latency.
    LatencyP90 = "latency_p90", Seconds;
    /// 95th percentile of the latency.
    LatencyP95 = "latency_p95", Seconds;
    /// 99th percentile of the latency.
    LatencyP99 = "latency_p99", Seconds;
    /// 99.9th percentile of the latency.
    LatencyP999 = "latency_p999", Seconds;
    /// Mean latency.
    LatencyMean = "latency_mean", Seconds;
    /// Requests that arrived, per second, averaged over the run.
    Offered = "offered", PerSecond;
    /// Requests that arrived, per second, in the busiest window.
    OfferedPeak = "offered_peak", PerSecond;
    /// Answers that the system gave, per second, averaged over the run; also those that nobody waited for
    /// any more.
    Throughput = "throughput", PerSecond;
    /// Answers that the system gave, per second, in the best window.
    ThroughputPeak = "throughput_peak", PerSecond;
    /// Requests that were answered to somebody who still waited, per second, averaged over the run.
    Goodput = "goodput", PerSecond;
    /// Requests that were answered to somebody who still waited, per second, in the best window.
    GoodputPeak = "goodput_peak", PerSecond;
    /// Attempts that clients sent, per second, averaged over the run: requests, retries and copies.
    Attempts = "attempts", PerSecond;
    /// Attempts per request.
    AttemptsPerRequest = "attempts_per_request", Number;
    /// Cost of everything that has a price, for the run.
    Cost = "cost", Dollars;
    /// The most instances of all services that were paid for at the same time.
    InstancesPeak = "instances_peak", Number;
    /// Requests that were not served, per run.
    RequestsLost = "requests_lost", Number;
    /// How long the system took to come back: the longest time from a window in which it broke an objective to the
    /// one from which it kept all of them again. Objectives on success, errors and the p50, p95 and p99 of latency
    /// count; without any, so do windows in which less than 95 % is served. Up to two good windows in between do not
    /// count as back; a run that ends in trouble counts up to its end.
    RecoveryTime = "recovery_time", Seconds;
    /// How long the system was in trouble: all windows together in which it broke an objective on success, errors
    /// or the p50, p95 or p99 of latency; without any, in which less than 95 % was served.
    TroubleTime = "trouble_time", Seconds;
}

impl Metric {
    /// The metric of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|metric| metric.name() == name)
    }

    /// Which quantile of the latency it is, if it is one.
    pub const fn latency_quantile(self) -> Option<f64> {
        match self {
            Self::LatencyP50 => Some(0.5),
            Self::LatencyP75 => Some(0.75),
            Self::LatencyP90 => Some(0.9),
            Self::LatencyP95 => Some(0.95),
            Self::LatencyP99 => Some(0.99),
            Self::LatencyP999 => Some(0.999),
            _ => None,
        }
    }

    /// Which way it is better.
    pub const fn good(self) -> Good {
        match self {
            Self::SuccessRate
            | Self::Throughput
            | Self::ThroughputPeak
            | Self::Goodput
            | Self::GoodputPeak => Good::High,
            Self::Offered | Self::OfferedPeak | Self::Attempts | Self::InstancesPeak => {
                Good::Either
            }
            _ => Good::Low,
        }
    }
}
