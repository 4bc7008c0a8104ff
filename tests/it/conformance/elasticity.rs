//! The elasticity measures.

use capsim::stats::elasticity::{Elasticity, Interval};
use serde_json::{Value, json};

use super::fields::{expect, input};

pub(super) fn metrics(vector: &Value) -> Result<(), String> {
    let input = input(vector);
    let (demand, supply) = (input.list("demand")?, input.list("supply")?);
    if demand.len() != supply.len() {
        return Err("as many demands as supplies".to_owned());
    }
    let intervals = demand.iter().zip(supply).map(|(demand, supply)| {
        Some(Interval {
            demand: demand.as_f64()?,
            supply: supply.as_f64()?,
        })
    });
    let intervals = intervals.collect::<Option<Vec<_>>>().ok_or("no numbers")?;
    let ours = Elasticity::of(&intervals, input.span("interval_s")?).ok_or("no intervals")?;
    expect(
        vector,
        &json!({
            "under_accuracy_percent": ours.under_accuracy,
            "over_accuracy_percent": ours.over_accuracy,
            "under_timeshare_percent": ours.under_timeshare,
            "over_timeshare_percent": ours.over_timeshare,
            "instability_percent": ours.instability,
        }),
    )
}
