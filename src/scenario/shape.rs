//! The shape of a scenario: its top-level tables.

use serde_json::json;

use super::plan::PlanSpec;
use super::sweep::SweepSpec;
use crate::component::ComponentSpec;
use crate::component::source::Source;
use crate::component::timeline::Action;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::popularity::Popularity;
use crate::dist::sizes::Sizes;
use crate::objective::Objectives;
use crate::spec::{At, Count, Definitions, Named, Node, Spec, Value, number_text};
use crate::units::{Bytes, CostPerHour, Fraction, SimDuration};
use crate::{spec, words};

/// The version of the scenario language.
const SCHEMA: u32 = 1;

spec! {
    /// A capsim scenario: a system, the traffic it gets, what is expected of it, and what is to be tried.
    pub struct ScenarioSpec {
        /// Version of the scenario language.
        pub schema: At<u32> = At::built_in(SCHEMA),
        /// What the scenario is about, in a few words.
        pub title: Option<At<String>>,
        /// Files whose tables are laid under this one, in order; paths are relative to this file.
        pub uses: Vec<At<String>>,
        /// How long, how often, from which seed.
        pub run: RunSpec,
        /// Where requests come from, by name.
        pub sources: Named<Source>,
        /// The components of the system, by name.
        pub components: Named<ComponentSpec>,
        /// Catalogues of keys that requests ask caches for, by name.
        pub keys: Named<KeysSpec>,
        /// Instance types, by name.
        pub instances: Named<InstanceType>,
        /// What is done to the components, and what happens to them, at which times; by name.
        pub timeline: Named<Action>,
        /// Bounds that a run is to keep.
        pub objectives: Objectives,
        /// What `capsim sweep` tries.
        pub sweep: Option<SweepSpec>,
        /// What `capsim plan` may choose, and how sure it is to be.
        pub plan: Option<PlanSpec>,
    }
    check(Self::check)
}

impl ScenarioSpec {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        if self.schema.value != SCHEMA {
            let problem = format!(
                "unknown version {} of the scenario language",
                self.schema.value
            );
            out.push(
                Diagnostic::error(self.schema.origin, problem)
                    .help(format!("write schema = {SCHEMA}")),
            );
        }
        if self.sources.items.is_empty() {
            let help = "add one: [sources.visitors] with arrivals, rate and enters";
            out.push(Diagnostic::error(table, "a scenario needs a source of requests").help(help));
        }
        if self.components.items.is_empty() {
            let help = "add one: [components.web] with kind = \"service\"";
            out.push(Diagnostic::error(table, "a scenario needs components").help(help));
        }
    }
}

spec! {
    /// How long, how often, from which seed.
    pub struct RunSpec {
        /// How long requests keep arriving.
        pub horizon: At<SimDuration>,
        /// How much of the start is left out of all figures, rounded up to whole windows. A launch is a
        /// question about its own course: leave it at 0. For a question about steady load, give the
        /// system time to get there.
        pub warm_up: At<SimDuration> = At::built_in(SimDuration::ZERO),
        /// The length of the windows in which figures over time are averaged; a round length of which
        /// there are at most 300, each with some 200 requests, unless given.
        pub window: Option<At<SimDuration>>,
        /// How many independent replications.
        pub replications: At<Replications> = At::built_in(Replications::DEFAULT),
        /// Where the random numbers start. The same seed gives the same bytes.
        pub seed: At<u64> = At::built_in(1),
        /// How long after the horizon the requests in flight may still be finished; then they are
        /// counted as in flight.
        pub drain: At<SimDuration> = At::built_in(SimDuration::from_secs(60)),
        /// With more requests in flight than this a replication stops: the system is hopelessly
        /// overloaded, and every further request would only take memory.
        pub max_in_flight: At<Count> = At::built_in(Count::new(1_000_000)),
        /// How many lines `log.csv` has at most: requests of the first replication, from their arrival to
        /// their end, and their waits in lines, in the order in which they were over. For small runs that are
        /// to be understood to the instant.
        pub log: At<u32> = At::built_in(0),
    }
    check(Self::check)
}

impl RunSpec {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.horizon.value == SimDuration::ZERO {
            out.push(Diagnostic::error(
                self.horizon.origin,
                "the horizon must be longer than 0",
            ));
        }
        if self.warm_up.value >= self.horizon.value && self.horizon.value > SimDuration::ZERO {
            out.push(
                Diagnostic::error(self.warm_up.origin, "the warm-up leaves nothing of the run")
                    .related(self.horizon.origin, "the run ends here"),
            );
        }
        if let Some(window) = self
            .window
            .filter(|window| window.value == SimDuration::ZERO)
        {
            out.push(Diagnostic::error(
                window.origin,
                "a window must be longer than 0",
            ));
        }
        if self.max_in_flight.get() > MAX_IN_FLIGHT {
            let problem = format!("at most {MAX_IN_FLIGHT} requests can be in flight");
            out.push(Diagnostic::error(self.max_in_flight.origin, problem));
        }
        if self.log.value > MOST_LOG {
            let problem = format!("a log has at most {MOST_LOG} lines");
            out.push(Diagnostic::error(self.log.origin, problem));
        }
    }
}

/// 40 bytes each.
const MOST_LOG: u32 = 10_000_000;

/// 128 bytes each with their links: 6.4 GB.
const MAX_IN_FLIGHT: u32 = 50_000_000;

/// How many independent replications: a number, or a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Replications {
    /// The first look at the results comes after this many.
    pub at_least: u32,
    /// There are no more than this many.
    pub at_most: u32,
    /// It is enough when every interval is at most this wide to either side, relative to its figure.
    pub precision: Fraction,
    /// The level of the intervals.
    pub level: Fraction,
}

impl Replications {
    const DEFAULT: Self = Self {
        at_least: 10,
        at_most: 10,
        precision: Fraction::ZERO,
        level: Fraction::percent(95),
    };
    const MOST: u32 = 10_000;
}

spec! {
    /// How many replications, by a rule: `{ at_least = 5, at_most = 40, precision = "5%" }`. Replications
    /// are added until every objective is decided or every bounded figure is precise enough.
    pub struct ReplicationsSpec {
        /// The first look at the results comes after this many; at least 2, for there to be an interval.
        pub at_least: At<Count> = At::built_in(Count::new(10)),
        /// There are no more than this many.
        pub at_most: At<Count> = At::built_in(Count::new(40)),
        /// A figure is precise enough when its interval is at most this wide to either side, relative to
        /// the figure.
        pub precision: At<Fraction> = At::built_in(Fraction::percent(5)),
        /// The level of all intervals.
        pub level: At<Fraction> = At::built_in(Replications::DEFAULT.level),
    }
    check(Self::check)
}

impl ReplicationsSpec {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.at_least.value > self.at_most.value {
            out.push(
                Diagnostic::error(
                    self.at_most.origin,
                    "there are fewer replications at most than at least",
                )
                .label(format!("at most {}", self.at_most.value))
                .related(
                    self.at_least.origin,
                    format!("at least {}", self.at_least.value),
                ),
            );
        }
        if self.at_most.get() > Replications::MOST {
            let problem = format!("at most {} replications are run", Replications::MOST);
            out.push(Diagnostic::error(self.at_most.origin, problem));
        }
        let level = self.level.get();
        if level <= 0.0 || level >= 1.0 {
            let problem = "the level of an interval lies between 0% and 100%";
            out.push(Diagnostic::error(self.level.origin, problem).help("write 95%"));
        }
    }
}

impl Spec for Replications {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        if let Value::Whole(_) = node.value {
            let n = At::<Count>::read(node, out)?;
            if n.get() > Self::MOST {
                let problem = format!("at most {} replications are run", Self::MOST);
                out.push(Diagnostic::error(node.origin, problem));
            }
            return Some(Self {
                at_least: n.get(),
                at_most: n.get(),
                ..Self::DEFAULT
            });
        }
        let rule = ReplicationsSpec::read(node, out)?;
        Some(Self {
            at_least: rule.at_least.get(),
            at_most: rule.at_most.get(),
            precision: rule.precision.value,
            level: rule.level.value,
        })
    }

    fn write(&self) -> Option<toml::Value> {
        ReplicationsSpec {
            at_least: At::built_in(Count::new(self.at_least)),
            at_most: At::built_in(Count::new(self.at_most)),
            precision: At::built_in(self.precision),
            level: At::built_in(self.level),
        }
        .write()
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        let (number, rule) = (
            Count::schema(definitions),
            ReplicationsSpec::schema(definitions),
        );
        json!({ "anyOf": [number, rule] })
    }
}

words! {
    /// For whom the answers to the same request differ, so that caches keep them apart.
    pub enum Vary {
        /// For nobody.
        Nobody = "nobody",
        /// For those who are logged in: each has answers of their own.
        Authenticated = "authenticated",
        /// For every client.
        Client = "client",
    }
}

spec! {
    /// A catalogue of keys: `{ count = 100_000, popularity = { zipf = 0.8 } }`.
    pub struct KeysSpec {
        /// How many different keys there are.
        pub count: At<u64>,
        /// How popular they are.
        pub popularity: Popularity,
        /// For whom they differ; for nobody unless given.
        pub vary: At<Vary> = At::built_in(Vary::Nobody),
        /// How large what is under each of them is: `"40kB"`, or `{ mean = "40kB", cv = 1.5 }`. The same key
        /// always has the same size.
        pub size: Option<Sizes>,
        /// The share of keys under which there is nothing: whoever asks finds that out each time, unless the
        /// cache remembers it (`negative_ttl`).
        pub missing: At<Fraction> = At::built_in(Fraction::ZERO),
    }
    check(Self::check)
}

impl KeysSpec {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.count.value == 0 || self.count.value > 1 << 48 {
            let problem = format!(
                "expected between 1 and 2^48 keys, found {}",
                self.count.value
            );
            out.push(Diagnostic::error(self.count.origin, problem));
        }
        self.popularity.check(out);
    }
}

spec! {
    /// An instance type.
    pub struct InstanceType {
        /// How many vCPUs it has; 0.5 is half of one. A load balancer has none to speak of.
        pub vcpu: Option<At<f64>>,
        /// The share of each vCPU that a burstable type may use for ever; what it uses less, it earns as CPU
        /// credits, for a day at the most.
        pub baseline: Option<At<Fraction>>,
        /// What it costs.
        pub cost: At<CostPerHour> = At::built_in(CostPerHour::ZERO),
        /// How much memory it has.
        pub memory: Option<At<Bytes>>,
    }
    check(Self::check)
}

impl InstanceType {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if let Some(vcpu) = &self.vcpu {
            check_vcpu(vcpu, out);
        }
    }
}

/// The most vCPUs that an instance or a database can have.
const MAX_VCPU: f64 = 100_000.0;

/// Reports a number of vCPUs or cores that no machine has.
pub(super) fn check_vcpu(vcpu: &At<f64>, out: &mut Diagnostics) {
    // Thousandths are what use is counted in.
    if !(0.001..=MAX_VCPU).contains(&vcpu.value) {
        let problem = format!(
            "expected between 0.001 and {MAX_VCPU} cores, found {}",
            number_text(vcpu.value)
        );
        out.push(Diagnostic::error(vcpu.origin, problem));
    }
}
