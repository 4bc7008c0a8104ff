//! nginx's `limit_req`.

use super::{Source, millis};
use crate::backtest::truth::{Problem, Repetition, Truth};

/// A limit per client in front of a small file.
pub(super) fn limit_req(truth: &Truth, repetition: &Repetition) -> Result<String, Problem> {
    let config = truth.config();
    let rate = config.number("limit_rate", 0.0)?;
    let burst = config.whole("burst", 0)?;
    let rate = match (rate, rate * 60.0) {
        (second, _) if second >= 1.0 && second.fract() == 0.0 => format!("{second}/s"),
        (_, minute) if minute >= 1.0 && minute.fract() == 0.0 => format!("{minute}/min"),
        _ => {
            let expected = "a whole number per second or per minute";
            return Err(config.wrong("limit_rate", expected, &rate.to_string()));
        }
    };
    let mode = config.text("mode")?.trim().trim_end_matches(';');
    let mode = match (
        mode,
        mode.strip_prefix("delay=")
            .and_then(|own| own.parse::<u32>().ok()),
    ) {
        ("", _) => String::new(),
        ("nodelay", _) => ", nodelay = true".to_owned(),
        (_, Some(delay)) => format!(", delay = {delay}"),
        _ => {
            let expected = "nothing, `nodelay` or `delay=N`";
            return Err(config.wrong("mode", expected, &format!("`{mode}`")));
        }
    };
    let n_clients = repetition.schedule.as_ref().map_or(0, |own| own.n_clients);
    let source = Source {
        more: format!("clients = {{ population = {} }}\n", n_clients.max(1)),
        ..Source::new(truth, repetition, "nginx")?
    };
    Ok(format!(
        "{}[components.nginx]\nkind = \"rate_limiter\"\nto = \"files\"\nlimits = [{{ limit_req = {{ rate = \"{rate}\", burst = {burst}{mode}, key = \"client\" }} }}]\n\n[components.files]\nkind = \"service\"\nworkers = {{ runtime = \"event_loop\", count = 1 }}\nbacklog = \"unbounded\"\n\n[components.files.operations.default]\nsteps = [{{ wait = {} }}]\n",
        source.tables()?,
        millis(0.0)
    ))
}
