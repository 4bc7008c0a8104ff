//! The language of the cases, and what it is in the language of scenarios.

use std::cell::RefCell;

use serde_json::Value;

thread_local! {
    /// The one case that is looked at, whatever the files say.
    static ONLY: RefCell<Option<Value>> = const { RefCell::new(None) };
}

/// Does something with `case` as the only case of its family.
pub(super) fn with_case<T>(case: &Value, what: impl FnOnce() -> T) -> T {
    /// Takes the case away again, also where a check panics.
    struct Clear;
    impl Drop for Clear {
        fn drop(&mut self) {
            ONLY.set(None);
        }
    }
    ONLY.set(Some(case.clone()));
    let _clear = Clear;
    what()
}

/// True if just one case is looked at.
pub(super) fn is_single() -> bool {
    ONLY.with_borrow(Option::is_some)
}

pub(super) fn case_files(family: &str) -> Vec<Value> {
    if let Some(only) = ONLY.with_borrow(Clone::clone) {
        return vec![only];
    }
    let path = format!(
        "{}/tests/conformance/queueing/{family}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).expect(&path);
    let file: Value = serde_json::from_str(&text).expect(&path);
    file["cases"].as_array().expect("cases").clone()
}

pub(super) fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("a number, not {value}"))
}

pub(super) fn seconds(value: f64) -> String {
    format!("\"{}ns\"", (value * 1e9).round())
}

/// A law of the case in the scenario's language.
pub(super) fn law(law: &Value) -> String {
    let span = |key: &str| seconds(number(&law[key]));
    let branches = |weights: &str, values: &str, inner: &dyn Fn(f64) -> String| {
        let parts = law[weights]
            .as_array()
            .expect(weights)
            .iter()
            .zip(law[values].as_array().expect(values));
        let parts: Vec<_> = parts
            .map(|(share, value)| {
                format!(
                    "{{ share = \"{}%\", {} }}",
                    number(share) * 100.0,
                    inner(number(value))
                )
            })
            .collect();
        format!("[{}]", parts.join(", "))
    };
    match law["dist"].as_str().expect("a law") {
        "exponential" => format!("{{ exponential = {} }}", span("mean")),
        "deterministic" => span("value"),
        "lognormal" => format!(
            "{{ lognormal = {{ mean = {}, cv = {} }} }}",
            span("mean"),
            law["cv"]
        ),
        "erlang" => format!(
            "{{ erlang = {{ mean = {}, stages = {} }} }}",
            span("mean"),
            law["k"]
        ),
        "gamma" => {
            let cv = 1.0 / number(&law["shape"]).sqrt();
            format!("{{ gamma = {{ mean = {}, cv = {cv:?} }} }}", span("mean"))
        }
        "hyperexponential" => {
            let mean = |mean: f64| format!("mean = {}", seconds(mean));
            format!(
                "{{ hyperexponential = {{ branches = {} }} }}",
                branches("probs", "means", &mean)
            )
        }
        "discrete" => {
            let value = |value: f64| format!("law = {}", seconds(value));
            format!("{{ mixture = {} }}", branches("probs", "values", &value))
        }
        "uniform" => format!(
            "{{ uniform = {{ from = {}, to = {} }} }}",
            span("lo"),
            span("hi")
        ),
        "weibull" => format!(
            "{{ weibull = {{ mean = {}, shape = {} }} }}",
            span("mean"),
            law["shape"]
        ),
        "pareto" => format!(
            "{{ pareto = {{ mean = {}, alpha = {} }} }}",
            span("mean"),
            law["alpha"]
        ),
        other => panic!("no such law: {other}"),
    }
}

/// The mean of a law of the case, in seconds.
pub(super) fn mean(law: &Value) -> f64 {
    let of = |weights: &str, values: &str| -> f64 {
        let parts = |key: &str| law[key].as_array().expect("parts").iter().map(number);
        parts(weights).zip(parts(values)).map(|(w, v)| w * v).sum()
    };
    match law["dist"].as_str().expect("a law") {
        "deterministic" => number(&law["value"]),
        "hyperexponential" => of("probs", "means"),
        "discrete" => of("probs", "values"),
        "uniform" => f64::midpoint(number(&law["lo"]), number(&law["hi"])),
        _ => number(&law["mean"]),
    }
}

pub(super) fn arrivals(arrival: &Value) -> String {
    let rate = number(&arrival["rate"]);
    let process = match arrival["process"].as_str().expect("a process") {
        "poisson" => "\"poisson\"".to_owned(),
        "renewal" => format!("{{ renewal = {} }}", law(&arrival["interarrival"])),
        "mmpp" => {
            let rates = arrival["rates"].as_array().expect("rates");
            let leaving = arrival["switch_rates"]
                .as_array()
                .expect("rates of leaving");
            let state = |(level, leaving): (&Value, &Value)| {
                let lasts = seconds(1.0 / number(leaving));
                format!("{{ level = {level}, lasts = {lasts} }}")
            };
            let states: Vec<_> = rates.iter().zip(leaving).map(state).collect();
            format!("{{ mmpp = {{ states = [{}] }} }}", states.join(", "))
        }
        "batch_poisson" => {
            let size = &arrival["batch_size"];
            let mean = number(&size["mean"]);
            match size["dist"].as_str().expect("a law") {
                "deterministic" => format!("{{ batches = {{ size = {mean} }} }}"),
                "geometric" => format!("{{ batches = {{ size = {{ geometric = {mean} }} }} }}"),
                other => panic!("no such law of sizes: {other}"),
            }
        }
        other => panic!("no such process: {other}"),
    };
    format!("arrivals = {process}\nrate = \"{rate}/s\"\nenters = \"station\"\n")
}
