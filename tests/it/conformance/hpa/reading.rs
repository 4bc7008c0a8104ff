//! From the shape of the vectors to what the autoscaler is shown.

use capsim::autoscaler::hpa::{
    Behavior, Bounds, Container, ContainerId, Events, History, LegacyPace, Metric, Milli, Phase,
    Pod, PodId, PodTarget, PodTemplate, Policy, PolicyKind, Readiness, Recommendation, Requests,
    Resource, Rules, Sample, ScaleEvent, Select, Timing, ValueTarget, pod_usage,
};
use capsim::units::{SimDuration, SimTime};
use serde_json::Value;

/// The present instant of vectors that give ages: long after whatever they call long ago.
pub(super) const NOW: SimTime = SimTime::from_nanos(100_000_000 * 1_000_000_000);

pub(super) type Read<T> = Result<T, String>;

pub(super) fn list(value: &Value) -> Read<&Vec<Value>> {
    value.as_array().ok_or(format!("{value} is no list"))
}

/// A list; an empty one where there is none.
pub(super) fn maybe_list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text(value: &Value) -> Read<&str> {
    value.as_str().ok_or(format!("{value} is no text"))
}

pub(super) fn number(value: &Value) -> Read<f64> {
    value.as_f64().ok_or(format!("{value} is no number"))
}

pub(super) fn count(value: &Value) -> Read<u32> {
    let number = value.as_u64().and_then(|number| number.try_into().ok());
    number.ok_or(format!("{value} is no count"))
}

pub(super) fn milli(value: &Value) -> Read<Milli> {
    let number = value.as_i64();
    number
        .map(Milli::new)
        .ok_or(format!("{value} is no quantity"))
}

pub(super) fn maybe<T>(value: &Value, read: impl Fn(&Value) -> Read<T>) -> Read<Option<T>> {
    (!value.is_null()).then(|| read(value)).transpose()
}

pub(super) fn span(value: &Value) -> Read<SimDuration> {
    number(value).map(SimDuration::from_secs_f64)
}

/// The instant of an age.
pub(super) fn instant(age: &Value) -> Read<SimTime> {
    let age = span(age)?.as_nanos();
    Ok(SimTime::from_nanos(NOW.as_nanos() - age))
}

pub(super) fn bounds(value: &Value, min: &str, max: &str) -> Read<Bounds> {
    Ok(Bounds {
        min: maybe(&value[min], count)?.unwrap_or(1),
        max: count(&value[max])?,
    })
}

pub(super) fn timing(value: &Value) -> Read<Timing> {
    Ok(Timing {
        cpu_initialization_period: span(&value["cpu_initialization_period_s"])?,
        initial_readiness_delay: span(&value["initial_readiness_delay_s"])?,
    })
}

pub(super) fn legacy_pace(value: &Value, factor: &str, minimum: &str) -> Read<LegacyPace> {
    Ok(LegacyPace {
        factor: number(&value[factor])?,
        minimum: number(&value[minimum])?,
    })
}

pub(super) fn resource(value: &Value) -> Read<Resource> {
    Ok(match text(value)? {
        "cpu" => Resource::Cpu,
        "memory" => Resource::Memory,
        other => return Err(format!("unknown resource {other}")),
    })
}

/// Numbers for names, in the order in which they come.
#[derive(Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    pub(super) fn number(&mut self, name: &str) -> u32 {
        let at = self.0.iter().position(|own| own == name);
        at.unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        }) as u32
    }

    pub(super) fn name(&self, number: u32) -> &str {
        &self.0[number as usize]
    }
}

/// The pods of a vector, and the names that its metrics go by.
#[derive(Default)]
pub(super) struct Workload {
    pub(super) pods: Vec<Pod>,
    pub(super) pod_names: Names,
    pub(super) containers: Names,
}

impl Workload {
    pub(super) fn read(pods: &Value) -> Read<Self> {
        let mut own = Self::default();
        for (at, pod) in list(pods)?.iter().enumerate() {
            let is_ready = maybe(&pod["ready"], |ready| Ok(text(ready)? == "True"))?;
            let readiness = is_ready.map(|is_ready| {
                let since = maybe(&pod["ready_changed_age_s"], instant)?;
                let since = since.unwrap_or(SimTime::ZERO);
                Ok::<_, String>(Readiness { is_ready, since })
            });
            own.pods.push(Pod {
                id: PodId(own.pod_names.number(text(&pod["name"])?)),
                phase: match text(&pod["phase"])? {
                    "Pending" => Phase::Pending,
                    "Running" => Phase::Running,
                    "Succeeded" => Phase::Succeeded,
                    "Failed" => Phase::Failed,
                    "Unknown" => Phase::Unknown,
                    other => return Err(format!("unknown phase {other}")),
                },
                started: maybe(&pod["start_age_s"], instant)?,
                readiness: readiness.transpose()?,
                is_deleting: pod["deleting"] == true,
                template: at as u32,
            });
        }
        Ok(own)
    }

    /// What the pods are made from, each from its own. The requests of a vector are of whatever resource its
    /// metrics are about. Without any request, the containers that metrics look at are there, but request nothing.
    pub(super) fn templates(&mut self, pods: &Value, metrics: &[Metric]) -> Read<Vec<PodTemplate>> {
        let idle = |id| Container {
            id,
            requests: Requests::default(),
        };
        let mut templates = Vec::new();
        for pod in list(pods)? {
            let mut containers = Vec::new();
            for (name, request) in pod["requests_milli"].as_object().into_iter().flatten() {
                let request = maybe(request, milli)?;
                containers.push(Container {
                    id: ContainerId(self.containers.number(name)),
                    requests: Requests {
                        cpu: request,
                        memory: request,
                    },
                });
            }
            if containers.is_empty() {
                containers.extend(metrics.iter().filter_map(selected).map(idle));
            }
            if containers.is_empty() {
                containers.push(idle(ContainerId(self.containers.number("the only one"))));
            }
            templates.push(PodTemplate {
                containers,
                ..PodTemplate::default()
            });
        }
        Ok(templates)
    }

    /// The samples, in the order of their pods; `selected` is the container that is looked at.
    pub(super) fn samples(
        &mut self,
        samples: &Value,
        selected: Option<ContainerId>,
    ) -> Read<Vec<Sample>> {
        let mut read = Vec::new();
        for sample in maybe_list(samples) {
            let usage = if sample["usage_milli"].is_object() {
                let mut usage = Vec::new();
                for (name, own) in sample["usage_milli"].as_object().into_iter().flatten() {
                    let id = ContainerId(self.containers.number(name));
                    usage.push((id, maybe(own, milli)?));
                }
                pod_usage(&usage, selected)
            } else {
                Some(maybe(&sample["value_milli"], milli)?.unwrap_or(Milli::ZERO))
            };
            read.push(Sample {
                pod: PodId(self.pod_names.number(text(&sample["pod"])?)),
                at: maybe(&sample["age_s"], instant)?.unwrap_or(NOW),
                window: maybe(&sample["window_s"], span)?.unwrap_or_default(),
                value: usage,
            });
        }
        read.sort_by_key(|own| own.pod);
        Ok(read)
    }

    pub(super) fn metric(&mut self, metric: &Value) -> Read<Metric> {
        let target = || milli(&metric["target_milli"]);
        let container = maybe(&metric["container"], |name| Ok(text(name)?.to_owned()))?;
        let container = container.map(|name| ContainerId(self.containers.number(&name)));
        let of = |target| {
            Ok::<_, String>(Metric::Resource {
                resource: resource(&metric["resource"])?,
                container,
                target,
            })
        };
        Ok(match text(&metric["type"])? {
            "resource_utilization" => {
                of(PodTarget::Utilization(count(&metric["target_percent"])?))?
            }
            "resource_average_value" => of(PodTarget::AverageValue(target()?))?,
            "pods_average_value" => Metric::Pods(target()?),
            "object_value" => Metric::Object(ValueTarget::Value(target()?)),
            "object_average_value" => Metric::Object(ValueTarget::AverageValue(target()?)),
            "external_value" => Metric::External(ValueTarget::Value(target()?)),
            "external_average_value" => Metric::External(ValueTarget::AverageValue(target()?)),
            "unsupported" => Metric::Unknown,
            other => return Err(format!("unknown metric {other}")),
        })
    }
}

/// The container that a metric looks at, if it is a single one.
pub(super) fn selected(metric: &Metric) -> Option<ContainerId> {
    match metric {
        Metric::Resource { container, .. } => *container,
        _ => None,
    }
}

pub(super) fn policies(value: &Value) -> Read<Vec<Policy>> {
    let policy = |own: &Value| {
        Ok(Policy {
            kind: match text(&own["type"])? {
                "Pods" => PolicyKind::Pods,
                "Percent" => PolicyKind::Percent,
                other => return Err(format!("unknown policy {other}")),
            },
            value: count(&own["value"])?,
            period: span(&own["period_s"])?,
        })
    };
    list(value)?.iter().map(policy).collect()
}

pub(super) fn select(value: &Value) -> Read<Select> {
    Ok(match text(value)? {
        "Max" => Select::Max,
        "Min" => Select::Min,
        "Disabled" => Select::Disabled,
        other => return Err(format!("unknown choice {other}")),
    })
}

/// The rules of one direction; what is not given is as usual.
pub(super) fn rules(value: &Value, usual: Rules) -> Read<Rules> {
    let window = maybe(&value["stabilization_window_s"], span)?;
    Ok(Rules {
        stabilization_window: window.unwrap_or(usual.stabilization_window),
        select: maybe(&value["select_policy"], select)?.unwrap_or(usual.select),
        policies: maybe(&value["policies"], policies)?.unwrap_or(usual.policies),
        tolerance: maybe(&value["tolerance"], number)?,
    })
}

pub(super) fn behavior(value: &Value, downscale_window: SimDuration) -> Read<Behavior> {
    Ok(Behavior {
        up: rules(&value["scale_up"], Rules::default_up())?,
        down: rules(&value["scale_down"], Rules::default_down(downscale_window))?,
    })
}

pub(super) fn events(value: &Value) -> Read<Events> {
    let event = |own: &Value| {
        Ok::<_, String>(ScaleEvent {
            change: count(&own["change"])?,
            at: instant(&own["age_s"])?,
            is_outdated: own["outdated"] == true,
        })
    };
    let events: Read<_> = maybe_list(value).iter().map(event).collect();
    events.map(Events)
}

pub(super) fn history(value: &Value) -> Read<History> {
    let own = |own: &Value| {
        Ok::<_, String>(Recommendation {
            replicas: count(&own["replicas"])?,
            at: instant(&own["age_s"])?,
        })
    };
    let history: Read<_> = list(value)?.iter().map(own).collect();
    history.map(History)
}
