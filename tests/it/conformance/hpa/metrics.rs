//! What the HPA makes of one metric.

use capsim::autoscaler::hpa::{
    Ask, Class, Classifier, Container, ContainerId, InitContainer, Metric, MetricError,
    Observation, PodTemplate, Reading, Requests, Resource, Tolerance,
};
use serde_json::Value;

use super::reading::{
    NOW, Names, Read, Workload, count, list, maybe, maybe_list, milli, number, resource, selected,
    text, timing,
};
use super::{compare, ours};

const fn error_word(error: MetricError) -> &'static str {
    match error {
        MetricError::FetchFailed => "fetch-failed",
        MetricError::NoMetricsReturned => "no-metrics-returned",
        MetricError::NoPods => "no-pods",
        MetricError::NoMetricsForReadyPods => "no-metrics-for-ready-pods",
        MetricError::NoMetricsMatchedKnownPods => "no-metrics-matched-known-pods",
        MetricError::MissingRequest => "missing-request",
        MetricError::ContainerNotFound => "container-not-found",
        MetricError::UnknownType => "unknown-type",
    }
}

pub(in super::super) fn metric_replicas(vector: &Value) -> Result<(), String> {
    let input = &vector["input"];
    let mut workload = Workload::read(&input["pods"])?;
    let metric = workload.metric(&input["metric"])?;
    let templates = workload.templates(&input["pods"], &[metric])?;
    let samples = workload.samples(&input["samples"], selected(&metric))?;
    let values = maybe_list(&input["values_milli"]).iter().map(milli);
    let values = values.collect::<Read<Vec<_>>>()?;
    let reading = match metric {
        _ if input["fetch_error"] == true => Reading::Failed,
        Metric::Resource { .. } | Metric::Pods(_) => Reading::Samples(&samples),
        _ => Reading::Values(&values),
    };
    let current = count(&input["current_replicas"])?;
    let readings = [reading];
    let seen = Observation {
        now: NOW,
        spec_replicas: current,
        status_replicas: maybe(&input["status_replicas"], count)?.unwrap_or(current),
        pods: &workload.pods,
        templates: &templates,
        readings: &readings,
    };
    let ask = Ask {
        seen: &seen,
        tolerance: Tolerance {
            down: number(&input["tolerance"]["scale_down"])?,
            up: number(&input["tolerance"]["scale_up"])?,
        },
        timing: timing(&input["timing"])?,
    };
    let ours = match metric.propose(&readings[0], &ask) {
        Err(error) => ours! { "error": error_word(error) },
        Ok(own) => ours! {
            "replicas": own.replicas,
            "usage_milli": own.usage.map(|usage| usage.get()),
            "utilization_percent": own.utilization_percent,
        },
    };
    compare(&vector["expected"], &ours)
}

pub(in super::super) fn pod_request(vector: &Value) -> Result<(), String> {
    let input = &vector["input"];
    let resource = maybe(&input["resource"], resource)?.unwrap_or(Resource::Cpu);
    let mut names = Names::default();
    let mut container = |own: &Value| {
        let request = maybe(&own["request_milli"], milli)?;
        Ok::<_, String>(Container {
            id: ContainerId(names.number(text(&own["name"])?)),
            requests: Requests::of(resource, request),
        })
    };
    let containers = list(&input["containers"])?.iter().map(&mut container);
    let containers = containers.collect::<Read<_>>()?;
    let init_containers = maybe_list(&input["init_containers"]).iter().map(|own| {
        Ok::<_, String>(InitContainer {
            container: container(own)?,
            is_sidecar: own["restartable"] == true,
        })
    });
    let template = PodTemplate {
        containers,
        init_containers: init_containers.collect::<Read<_>>()?,
        pod_level: Requests::of(resource, maybe(&input["pod_level_request_milli"], milli)?),
    };
    let selected = maybe(&input["container"], |name| Ok(text(name)?.to_owned()))?;
    let selected = selected.map(|name| ContainerId(names.number(&name)));
    let ours = match template.request(resource, selected) {
        Err(error) => ours! { "error": error_word(error) },
        Ok(request) => ours! { "request_milli": request.get() },
    };
    compare(&vector["expected"], &ours)
}

pub(in super::super) fn classify_pods(vector: &Value) -> Result<(), String> {
    let input = &vector["input"];
    let classifier = Classifier {
        // Anything but a resource of pods is a metric that they report themselves.
        resource: resource(&input["resource"]).ok(),
        timing: timing(&input["timing"])?,
        now: NOW,
    };
    let mut workload = Workload::read(&input["pods"])?;
    let samples = workload.samples(&input["samples"], None)?;
    let of = |wanted| {
        let mut found: Vec<_> = workload.pods.iter().collect();
        found.retain(|pod| {
            let sample = samples.iter().find(|sample| sample.pod == pod.id);
            classifier.class(pod, sample) == wanted
        });
        let names = found.iter().map(|pod| workload.pod_names.name(pod.id.0));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let ours = ours! {
        "ready_count": of(Class::Ready).len(),
        "ignored": of(Class::Ignored),
        "missing": of(Class::Missing),
        "unready": of(Class::Unready),
    };
    compare(&vector["expected"], &ours)
}
