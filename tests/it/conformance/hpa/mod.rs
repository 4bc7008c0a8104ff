//! What Kubernetes' HPA decides: from the classes of its pods to whole syncs.

mod metrics;
mod pace;
mod reading;
mod syncs;

pub(super) use metrics::{classify_pods, metric_replicas, pod_request};
pub(super) use pace::{
    behavior_limit, legacy_limit, policy_limit, stabilize_behavior, stabilize_legacy, store_event,
};
pub(super) use syncs::{normalize_sequence, reconcile};

use serde_json::{Map, Value};

/// Holds all that is expected against what is ours. What is expected and unknown to us is an error, too.
fn compare(expected: &Value, ours: &Map<String, Value>) -> Result<(), String> {
    let expected = expected.as_object().ok_or("nothing is expected")?;
    for (key, expected) in expected {
        let own = ours.get(key).ok_or(format!("nothing gives `{key}`"))?;
        if own != expected {
            return Err(format!("{key} is {own}, expected {expected}"));
        }
    }
    Ok(())
}

/// A JSON object of what is ours.
macro_rules! ours {
    ($($key:literal: $value:expr),* $(,)?) => {
        [$(($key.to_owned(), ::serde_json::json!($value))),*]
            .into_iter()
            .collect::<::serde_json::Map<_, _>>()
    };
}
use ours;
