//! What Heroku makes of a wish for dynos.

use capsim::autoscaler::heroku_p95;
use capsim::units::SimDuration;
use serde_json::{Value, json};

use super::fields::{expect, input};

pub(super) fn step(vector: &Value) -> Result<(), String> {
    let input = input(vector);
    let since = input.maybe_number("since_last_change_s")?;
    let ours = heroku_p95::step(
        input.count("dynos")?,
        input.count("required_dynos")?,
        since.map(SimDuration::from_secs_f64),
        (input.count("min")?, input.count("max")?),
    );
    expect(vector, &json!({ "dynos": ours }))
}
