//! How long an answer may be kept.

use serde_json::json;

use super::rules::Rules;
use crate::diag::{Diagnostic, Diagnostics};
use crate::spec::{Definitions, Node, Spec};
use crate::units::SimDuration;

/// What `Cache-Control` says to a shared cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheControl {
    /// `no-cache`, `no-store` or `private`: not to be stored.
    pub no_store: bool,
    /// `s-maxage`, in seconds.
    pub s_maxage: Option<u64>,
    /// `max-age`, in seconds.
    pub max_age: Option<u64>,
    /// `stale-while-revalidate`, in seconds.
    pub stale_while_revalidate: Option<u64>,
    /// `stale-if-error`, in seconds.
    pub stale_if_error: Option<u64>,
}

impl CacheControl {
    /// Reads the value of the header; what it does not know it passes over.
    pub fn parse(text: &str) -> Self {
        let mut read = Self::default();
        for part in text.split(',') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let seconds = value.trim().parse().ok();
            match name.trim().to_ascii_lowercase().as_str() {
                "no-cache" | "no-store" | "private" => read.no_store = true,
                "s-maxage" => read.s_maxage = seconds,
                "max-age" => read.max_age = seconds,
                "stale-while-revalidate" => read.stale_while_revalidate = seconds,
                "stale-if-error" => read.stale_if_error = seconds,
                _ => {}
            }
        }
        read
    }
}

/// In scenarios: as the header has it.
impl Spec for CacheControl {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        const PLAIN: [&str; 5] = ["public", "private", "no-cache", "no-store", "immutable"];
        const TIMES: [&str; 4] = [
            "max-age",
            "s-maxage",
            "stale-while-revalidate",
            "stale-if-error",
        ];
        let text = String::read(node, out)?;
        let is_known = |part: &&str| match part.trim().split_once('=') {
            Some((name, value)) => TIMES.contains(&name) && value.parse::<u32>().is_ok(),
            None => PLAIN.contains(&part.trim()),
        };
        if let Some(part) = text.split(',').find(|part| !is_known(part)) {
            let problem = format!("`{}` says nothing that is known here", part.trim());
            let help = "write it as in the header, with times in seconds: \"s-maxage=60, \
                stale-while-revalidate=10\"";
            let label = format!("known: {}; {}=N", PLAIN.join(", "), TIMES.join("=N, "));
            out.push(
                Diagnostic::error(node.origin, problem)
                    .label(label)
                    .help(help),
            );
            return None;
        }
        Some(Self::parse(&text))
    }

    fn write(&self) -> Option<toml::Value> {
        let mut parts = Vec::new();
        if self.no_store {
            parts.push("no-store".to_owned());
        }
        let times = [
            ("max-age", self.max_age),
            ("s-maxage", self.s_maxage),
            ("stale-while-revalidate", self.stale_while_revalidate),
            ("stale-if-error", self.stale_if_error),
        ];
        let times = times.iter().filter_map(|(name, own)| Some((name, (*own)?)));
        parts.extend(times.map(|(name, seconds)| format!("{name}={seconds}")));
        if parts.is_empty() {
            parts.push("public".to_owned());
        }
        Some(toml::Value::String(parts.join(", ")))
    }

    fn schema(_: &mut Definitions) -> serde_json::Value {
        json!({ "type": "string", "description": "Written as the header: `\"s-maxage=60\"`." })
    }
}

/// What the upstream answers, as far as it matters to the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Its code.
    pub code: u16,
    /// How large it is, in bytes.
    pub size: u64,
    /// `X-Accel-Expires`, in seconds; 0 forbids to store.
    pub accel_expires: Option<u64>,
    /// `Cache-Control`.
    pub cache_control: CacheControl,
    /// `Expires`, in seconds from now; 0 or less forbids to store.
    pub expires: Option<i64>,
    /// Whether it has a `Set-Cookie` or a `Vary: *`, with which it is not stored.
    pub is_personal: bool,
    /// How old it is already (`Age`). To nginx that does not matter.
    pub age: SimDuration,
    /// Whatever the caller wants to be told again when it is given out.
    pub mark: u8,
}

impl Answer {
    /// One that says nothing about caching.
    pub const fn plain(code: u16, size: u64) -> Self {
        Self {
            code,
            size,
            accel_expires: None,
            cache_control: CacheControl {
                no_store: false,
                s_maxage: None,
                max_age: None,
                stale_while_revalidate: None,
                stale_if_error: None,
            },
            expires: None,
            is_personal: false,
            age: SimDuration::ZERO,
            mark: 0,
        }
    }
}

/// How long an answer is kept, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// The last second in which it is fresh.
    pub valid_until: u64,
    /// For how long after that it may be given out while somebody goes for a new one.
    pub stale_while_revalidate: u64,
    /// For how long after that it may be given out on an error.
    pub stale_if_error: u64,
}

impl Rules {
    /// How long an answer that comes in second `now` is kept; nothing if it is not stored.
    pub fn lifetime(&self, answer: &Answer, now: u64) -> Option<Lifetime> {
        if answer.is_personal {
            return None;
        }
        let control = &answer.cache_control;
        let seconds = match answer.accel_expires {
            Some(seconds) => seconds,
            None if control.no_store => return None,
            None => match control.s_maxage.or(control.max_age) {
                Some(seconds) => seconds,
                None => match answer.expires {
                    Some(seconds) => u64::try_from(seconds).ok()?,
                    None => self.valid_for(answer.code)?,
                },
            },
        };
        (seconds > 0).then_some(Lifetime {
            valid_until: now.saturating_add(seconds),
            stale_while_revalidate: control.stale_while_revalidate.unwrap_or(0),
            stale_if_error: control.stale_if_error.unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the order of precedence: each is overruled by the one before.
    #[test]
    fn the_first_header_that_applies_decides() {
        let rules = Rules::with_valid(&[(&[200], 7)]);
        let mut answer = Answer::plain(200, 1);
        let lasts = |answer: &Answer| rules.lifetime(answer, 100).map(|own| own.valid_until - 100);
        assert_eq!(lasts(&answer), Some(7));
        assert_eq!(lasts(&Answer::plain(404, 1)), None, "not in the list");
        answer.expires = Some(6);
        assert_eq!(lasts(&answer), Some(6));
        answer.cache_control = CacheControl::parse("public, max-age=5, stale-if-error=9");
        assert_eq!(lasts(&answer), Some(5));
        answer.cache_control = CacheControl::parse("max-age=5, S-MaxAge = 4");
        assert_eq!(lasts(&answer), Some(4));
        answer.cache_control = CacheControl::parse("s-maxage=4, no-cache");
        assert_eq!(lasts(&answer), None);
        answer.accel_expires = Some(3);
        assert_eq!(lasts(&answer), Some(3), "even of what must not be stored");
        answer.accel_expires = Some(0);
        assert_eq!(lasts(&answer), None);
        answer.accel_expires = Some(3);
        answer.is_personal = true;
        assert_eq!(lasts(&answer), None, "a cookie is nobody else's");
        let expired = Answer {
            expires: Some(-1),
            ..Answer::plain(200, 1)
        };
        assert_eq!(lasts(&expired), None);
    }
}
