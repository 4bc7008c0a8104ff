//! What nginx's `proxy_cache` answers, and how often the origin hears of it.

use std::collections::VecDeque;

use capsim::policy::http_cache::{
    Answer, CacheControl, Codes, Failure, HttpCache, Lock, Look, Rules, Status, Valid, Visit,
};
use capsim::units::{SimDuration, SimTime};
use serde_json::Value;

fn text(value: &Value) -> Result<&str, String> {
    let text = value.as_str();
    text.ok_or_else(|| format!("expected text, not {value}"))
}

fn number(value: &Value) -> Result<u64, String> {
    let number = value.as_u64();
    number.ok_or_else(|| format!("expected a number, not {value}"))
}

/// A time as nginx writes it, in milliseconds; seconds without a unit.
fn millis(text: &str) -> Result<u64, String> {
    let at = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(at.unwrap_or(text.len()));
    let factor = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(format!("no unit of time: {unit}")),
    };
    let number: u64 = number.parse().map_err(|_| format!("no time: {text}"))?;
    Ok(number * factor)
}

fn valid(words: &[&str]) -> Result<Valid, String> {
    let (last, codes) = words.split_last().ok_or("an empty proxy_cache_valid")?;
    let codes = match codes {
        [] => Codes::These(vec![200, 301, 302]),
        ["any"] => Codes::Any,
        codes => {
            let code = |code: &&str| code.parse().map_err(|_| format!("no code: {code}"));
            Codes::These(codes.iter().map(code).collect::<Result<_, _>>()?)
        }
    };
    let seconds = millis(last)? / 1000;
    Ok(Valid { codes, seconds })
}

/// Adds a directive to the rules.
fn direct(rules: &mut Rules, lock: &mut Lock, words: &[&str]) -> Result<(), String> {
    match words {
        ["proxy_cache_valid", line @ ..] => rules.valid.push(valid(line)?),
        ["proxy_cache_min_uses", n] => {
            rules.min_uses = n.parse().map_err(|_| format!("no number: {n}"))?;
        }
        ["proxy_cache_use_stale", cases @ ..] => {
            for case in cases.iter().filter(|case| **case != "off") {
                if !rules.use_stale.add(case) {
                    return Err(format!("unknown case {case}"));
                }
            }
        }
        ["proxy_cache_background_update", on] => rules.background_update = *on == "on",
        ["proxy_cache_revalidate", on] => rules.revalidate = *on == "on",
        ["proxy_cache_lock", on] => rules.lock = (*on == "on").then_some(*lock),
        ["proxy_cache_lock_timeout", time] => lock.timeout = millis(time)?,
        ["proxy_cache_lock_age", time] => lock.age = millis(time)?,
        _ => return Err(format!("unknown directive {}", words.join(" "))),
    }
    Ok(())
}

fn rules(config: &Value) -> Result<Rules, String> {
    let mut rules = Rules {
        inactive: millis(text(&config["inactive"])?)? / 1000,
        ..Rules::default()
    };
    let mut lock = Lock {
        timeout: 5000,
        age: 5000,
    };
    for part in ["valid", "extra"] {
        for line in text(&config[part])?.split(';') {
            let words: Vec<&str> = line.split_whitespace().collect();
            if !words.is_empty() {
                direct(&mut rules, &mut lock, &words)?;
            }
        }
    }
    // Its times may be said after it.
    rules.lock = rules.lock.map(|_| lock);
    Ok(rules)
}

fn headers(config: &Value) -> Result<Answer, String> {
    let mut answer = Answer::plain(200, 100);
    for line in config["origin_headers"].as_array().into_iter().flatten() {
        let (name, value) = text(line)?.split_once(':').ok_or("a header has a colon")?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "cache-control" => answer.cache_control = CacheControl::parse(value),
            "x-accel-expires" => answer.accel_expires = value.parse().ok(),
            "set-cookie" => answer.is_personal = true,
            "vary" => answer.is_personal |= value == "*",
            _ => {}
        }
    }
    Ok(answer)
}

const fn at(ms: u64) -> SimTime {
    SimTime::from_nanos(ms * 1_000_000)
}

/// How a request ended: what nginx reports, and the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ended(Option<Status>, u16);

struct Proxy {
    cache: HttpCache,
    answer: Answer,
    /// What the origin does.
    mode: String,
    /// When the manager looks next, in milliseconds.
    manager: u64,
    /// Requests that have reached the origin.
    reached: u64,
}

impl Proxy {
    fn comes_to(&mut self, now: u64) {
        while self.manager <= now {
            let wait = self.cache.manages(at(self.manager));
            self.manager += wait.as_nanos() / 1_000_000;
        }
    }

    /// The origin does what it does with a request that goes there.
    fn origin(&mut self, visit: Visit, now: u64) -> Ended {
        let own = visit.status();
        if self.mode == "refuse" {
            let rescued = self.cache.failed(visit, Failure::Error, 0, at(now));
            rescued.map_or(Ended(Some(own), 502), |sent| {
                Ended(Some(sent.status), sent.code)
            })
        } else {
            let code = self.mode.strip_prefix("status:");
            let code = code.and_then(|code| code.parse().ok()).unwrap_or(200);
            let answer = Answer {
                code,
                ..self.answer
            };
            let sent = self.cache.answered(visit, &answer, at(now));
            Ended(Some(sent.status), sent.code)
        }
    }

    /// Requests for one key that begin at these times; the origin answers what has reached it at `released`,
    /// or at once.
    fn burst(&mut self, key: u64, starts: &[u64], released: Option<u64>) -> Vec<Ended> {
        let mut visits = vec![Visit::new(key); starts.len()];
        let mut ended = vec![Ended(None, 0); starts.len()];
        // Who looks when; who is at the origin, those in the background as nobody.
        let mut looks: VecDeque<(u64, usize)> = starts.iter().copied().zip(0..).collect();
        let mut there: Vec<(Option<usize>, Visit)> = Vec::new();
        let mut released = released;
        loop {
            let next = looks.iter().map(|(time, _)| *time).min();
            if let Some(release) = released.filter(|own| next.is_none_or(|next| *own <= next)) {
                self.comes_to(release);
                released = None;
                for (who, visit) in std::mem::take(&mut there) {
                    let end = self.origin(visit, release);
                    if let Some(who) = who {
                        ended[who] = end;
                    }
                }
                continue;
            }
            let Some(now) = next else { return ended };
            let place = looks.iter().position(|(time, _)| *time == now);
            let (_, who) = looks.remove(place.expect("it is there")).expect("so it is");
            self.comes_to(now);
            let mut goes = Vec::new();
            match self.cache.look(&mut visits[who], at(now)) {
                Look::Waits(wait) => looks.push_back((now + ms(wait), who)),
                Look::Goes { .. } => goes.push((Some(who), visits[who])),
                Look::Answered {
                    status,
                    code,
                    updates,
                    ..
                } => {
                    ended[who] = Ended(Some(status), code);
                    self.cache.released(visits[who]);
                    if updates {
                        let mut own = Visit::in_background(key);
                        let look = self.cache.look(&mut own, at(now));
                        assert!(matches!(look, Look::Goes { .. }), "it goes for a new one");
                        goes.push((None, own));
                    }
                }
            }
            for (who, visit) in goes {
                self.reached += u64::from(self.mode != "refuse");
                if released.is_some() {
                    there.push((who, visit));
                    continue;
                }
                let end = self.origin(visit, now);
                if let Some(who) = who {
                    ended[who] = end;
                }
            }
        }
    }
}

fn ms(span: SimDuration) -> u64 {
    span.as_nanos() / 1_000_000
}

fn expected(request: &Value) -> Result<(String, u64), String> {
    Ok((
        text(&request["cache"])?.to_owned(),
        number(&request["status"])?,
    ))
}

fn said(ended: Ended) -> (String, u64) {
    let word = match ended.0 {
        Some(Status::Miss) => "MISS",
        Some(Status::Hit) => "HIT",
        Some(Status::Expired) => "EXPIRED",
        Some(Status::Stale) => "STALE",
        Some(Status::Updating) => "UPDATING",
        Some(Status::Revalidated) => "REVALIDATED",
        None => "-",
    };
    (word.to_owned(), u64::from(ended.1))
}

/// A key as a number; paths of a vector are few.
fn key_of(key: &str) -> u64 {
    key.bytes()
        .fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte))
}

/// Holds a vector against the code.
pub(super) fn check(vector: &Value) -> Result<(), String> {
    let config = &vector["config"];
    let mut proxy = Proxy {
        cache: HttpCache::new(rules(config)?),
        answer: headers(config)?,
        mode: "ok".to_owned(),
        manager: 0,
        reached: 0,
    };
    let steps = vector["steps"].as_array().ok_or("no steps")?;
    for (place, step) in steps.iter().enumerate() {
        let differs = |what: &str, found: String, expected: String| {
            Err(format!("step {place}: {what} {found}, not {expected}"))
        };
        let requests: Vec<&Value> = match text(&step["op"])? {
            "set" => {
                text(&step["mode"])?.clone_into(&mut proxy.mode);
                continue;
            }
            "request" => vec![step],
            "burst" => step["requests"]
                .as_array()
                .ok_or("no requests")?
                .iter()
                .collect(),
            other => return Err(format!("unknown step {other}")),
        };
        let starts = requests.iter().map(|own| number(&own["start_ms"]));
        let starts = starts.collect::<Result<Vec<_>, _>>()?;
        let key = key_of(text(&step["key"])?);
        let before = proxy.reached;
        let ended = proxy.burst(key, &starts, step["origin_released_ms"].as_u64());
        for (request, ended) in requests.iter().zip(ended) {
            let (found, wanted) = (said(ended), expected(request)?);
            if found != wanted {
                return differs("was", format!("{found:?}"), format!("{wanted:?}"));
            }
        }
        let (reached, wanted) = (proxy.reached - before, number(&step["origin_requests"])?);
        if reached != wanted {
            return differs("the origin heard", reached.to_string(), wanted.to_string());
        }
    }
    Ok(())
}
