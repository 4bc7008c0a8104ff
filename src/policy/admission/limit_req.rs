//! nginx's `limit_req`: a leaky bucket as a meter, in whole thousandths of a request and whole milliseconds.
//!
//! Several of them in a row are one location's: either all of them charge a request or none does, and it
//! waits for the longest of their delays. All but the last charge what they have to once the last has let
//! the request pass.

use std::str::FromStr;

use serde_json::json;

use super::keyed::{Keyed, Order};
use super::{LimitKey, Rules, Sender, Verdict};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::metrics::Outcome;
use crate::policy::zone::keys_in;
use crate::spec;
use crate::spec::{At, Definitions, Node, Spec, Value};
use crate::units::{Bytes, SimDuration, SimTime};

/// A rate as nginx keeps it: whole requests per second or per minute, cut to whole thousandths of a request
/// per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeRate {
    count: u32,
    per_minute: bool,
}

/// The highest rate; nginx would take more, but counts in 64 bits.
const MOST: u32 = 1_000_000;

impl WholeRate {
    /// Thousandths of a request per second.
    pub const fn milli(self) -> i64 {
        let scale = if self.per_minute { 60 } else { 1 };
        self.count as i64 * 1000 / scale
    }
}

impl FromStr for WholeRate {
    type Err = ();

    /// Reads `10/s` or `5/min`, and what nginx writes: `10r/s`, `5r/m`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (count, unit) = text.split_once('/').ok_or(())?;
        let per_minute = match unit.trim() {
            "s" => false,
            "m" | "min" => true,
            _ => return Err(()),
        };
        let count = count.trim().trim_end_matches('r').replace('_', "");
        let count = count.parse().map_err(|_| ())?;
        if count == 0 || count > MOST {
            return Err(());
        }
        Ok(Self { count, per_minute })
    }
}

impl Spec for WholeRate {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let read = match &node.value {
            Value::Text(text) => text.parse().ok(),
            _ => None,
        };
        if read.is_none() {
            let problem = format!(
                "expected whole requests per second or per minute, found {}",
                node.describe()
            );
            out.push(
                Diagnostic::error(node.origin, problem)
                    .label(format!("from 1 to {MOST}"))
                    .help("write \"10/s\" or \"5/min\""),
            );
        }
        read
    }
    fn write(&self) -> Option<toml::Value> {
        let unit = if self.per_minute { "min" } else { "s" };
        Some(toml::Value::String(format!("{}/{unit}", self.count)))
    }
    fn schema(_: &mut Definitions) -> serde_json::Value {
        json!({
            "type": "string",
            "pattern": r"^\s*[0-9_]+\s*r?\s*/\s*(s|m|min)\s*$",
            "description": "Written as whole requests per second or per minute.",
        })
    }
}

spec! {
    /// nginx's `limit_req`, in its whole numbers: `{ limit_req = { rate = "10/s", burst = 20, delay = 8 } }`.
    /// Several in a row are those of one location: a request is charged by all of them or by none.
    pub struct LimitReq {
        /// Requests per second or per minute; cut to thousandths per second, so that 100 per minute are
        /// 1.666 per second.
        pub rate: At<WholeRate>,
        /// How many requests above the rate may come at once; more are turned away.
        pub burst: At<u32> = At::built_in(0),
        /// How many of those are not kept waiting; the others go on at the rate.
        pub delay: Option<At<u32>>,
        /// Whether nobody is kept waiting.
        pub nodelay: At<bool> = At::built_in(false),
        /// Who is counted together; nginx is told by a variable, mostly `$binary_remote_addr`.
        pub key: At<LimitKey> = At::built_in(LimitKey::Address),
        /// The size of the zone that keeps what is known of each key: 8,000 keys per MiB. When it is full, the
        /// one that came least recently is forgotten. Unlimited unless given.
        pub zone_size: Option<At<Bytes>>,
    }
    check(Self::check)
}

impl LimitReq {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if let (Some(delay), true) = (self.delay, self.nodelay.value) {
            let problem = "with `nodelay` nobody is kept waiting";
            out.push(
                Diagnostic::error(delay.origin, problem).related(self.nodelay.origin, "said here"),
            );
        }
        if self.zone_size.is_some_and(|size| keys_in(size.value) == 0) {
            let origin = self.zone_size.map_or(self.rate.origin, |size| size.origin);
            let problem = "such a zone has no room for a single key";
            out.push(Diagnostic::error(origin, problem).help("a MiB holds 8,000 keys"));
        }
    }
}

/// What a zone keeps of a key.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Thousandths of a request by which the key is above its rate.
    excess: i64,
    /// The millisecond of the last charge; [`NEVER`] before the first.
    last: i64,
}

/// Far in the past: whatever was above the rate has drained, and the first request finds an excess of 0. A key
/// that never came needs no case of its own, which would have to wait for memory where keys are many.
const NEVER: i64 = i64::MIN / 4;

impl Default for Entry {
    fn default() -> Self {
        Self {
            excess: 0,
            last: NEVER,
        }
    }
}

/// One limit of a location.
#[derive(Debug, Clone)]
struct Zone {
    /// Thousandths of a request per second.
    rate: i64,
    /// Thousandths of a request.
    burst: i64,
    /// Thousandths of a request up to which nobody waits.
    delay: i64,
    key: LimitKey,
    entries: Keyed<Entry>,
    /// Who came when, if there is room for only so many.
    order: Option<Order>,
}

/// What a zone found for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Thousandths of a request by which the key would be above its rate.
    pub excess: i64,
    /// Whether that is too many.
    pub is_busy: bool,
}

impl Zone {
    fn new(spec: &LimitReq) -> Self {
        let delay = match (spec.nodelay.value, spec.delay) {
            (true, _) => i64::MAX,
            (false, Some(delay)) => i64::from(delay.value) * 1000,
            (false, None) => 0,
        };
        Self {
            rate: spec.rate.milli(),
            burst: i64::from(spec.burst.value) * 1000,
            delay,
            key: spec.key.value,
            entries: Keyed::new(),
            order: spec.zone_size.map(|size| Order::new(keys_in(size.value))),
        }
    }

    /// By how much an entry would be above the rate with one request more.
    fn excess(&self, entry: Entry, now: i64) -> i64 {
        let drained = self.rate.saturating_mul(now - entry.last) / 1000;
        (entry.excess - drained + 1000).max(0)
    }

    /// Looks a key up, and charges it if this is the last zone of the location.
    fn check(&mut self, number: u32, now: i64, is_last: bool) -> Check {
        if self.order.is_some() {
            self.takes_place(number, now);
        }
        let entry = *self.entries.get(number);
        let excess = self.excess(entry, now);
        let is_busy = excess > self.burst;
        if !is_busy && is_last {
            *self.entries.get(number) = Entry { excess, last: now };
        }
        Check { excess, is_busy }
    }

    /// A key comes to a zone with room for only so many, for the first time or again.
    fn takes_place(&mut self, number: u32, now: i64) {
        let is_new = |order: &mut Order| !order.has(number);
        if self.order.as_mut().is_some_and(is_new) {
            self.makes_room(now);
        }
        if let Some(order) = &mut self.order {
            order.comes(number);
        }
    }

    /// Charges a request that has been let pass by all zones.
    fn account(&mut self, number: u32, now: i64) -> i64 {
        let entry = *self.entries.get(number);
        let excess = self.excess(entry, now);
        *self.entries.get(number) = Entry { excess, last: now };
        excess
    }

    /// For how many milliseconds a request waits that is so far above the rate.
    fn wait(&self, excess: i64) -> i64 {
        if excess <= self.delay {
            return 0;
        }
        (excess - self.delay) * 1000 / self.rate
    }

    /// With each new key, up to two of those that came least recently go if they have drained and been idle
    /// for a minute; if there is no room even then, the least recent one goes whatever it is.
    fn makes_room(&mut self, now: i64) {
        self.forgets(now, 1);
        if self.order.as_ref().is_some_and(Order::is_full) {
            self.forgets(now, 0);
        }
    }

    /// Forgets up to three keys, counted from `n`; the one with count 0 by force.
    fn forgets(&mut self, now: i64, n: u32) {
        let Some(order) = &mut self.order else {
            return;
        };
        for n in n..3 {
            let Some(oldest) = order.oldest() else {
                return;
            };
            let entry = self.entries.get(oldest);
            let idle = now - entry.last;
            let is_drained = entry.excess <= self.rate.saturating_mul(idle) / 1000;
            if n > 0 && (idle < 60_000 || !is_drained) {
                return;
            }
            *entry = Entry::default();
            order.goes(oldest);
        }
    }
}

/// The limits of a location.
#[derive(Debug, Clone)]
pub struct State {
    zones: Vec<Zone>,
    /// What the zones found for the last request, in order, up to the one that was busy.
    checks: Vec<Check>,
}

impl State {
    /// A request comes; see [`Limit::ask`](super::Limit::ask).
    pub fn ask(&mut self, sender: Sender, now: SimTime) -> Verdict {
        Rules::ask(self, sender, now)
    }

    /// One limit more of the same location.
    pub fn add(&mut self, spec: &LimitReq) {
        self.zones.push(Zone::new(spec));
        self.checks.reserve(self.zones.len());
    }

    /// What the zones found for the last request, in order, up to the one that was busy.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }
}

impl Rules for State {
    type Spec = LimitReq;

    const TURNED_AWAY: Outcome = Outcome::RateLimited;
    const STATUS: Option<u16> = Some(503);

    fn key(spec: &LimitReq) -> LimitKey {
        spec.key.value
    }

    fn new(spec: &LimitReq) -> Self {
        let mut state = Self {
            zones: Vec::new(),
            checks: Vec::new(),
        };
        state.add(spec);
        state
    }

    fn expects(&self, sender: Sender) {
        for zone in &self.zones {
            zone.entries.fetch(sender.number(zone.key));
        }
    }

    fn adopts(&mut self, fresh: Self, _: SimTime) {
        for (own, new) in self.zones.iter_mut().zip(fresh.zones) {
            (own.rate, own.burst, own.delay) = (new.rate, new.burst, new.delay);
        }
    }

    fn ask(&mut self, sender: Sender, now: SimTime) -> Verdict {
        let now = (now.as_nanos() / 1_000_000).cast_signed();
        let last = self.zones.len() - 1;
        self.checks.clear();
        for (at, zone) in self.zones.iter_mut().enumerate() {
            let check = zone.check(sender.number(zone.key), now, at == last);
            self.checks.push(check);
            if check.is_busy {
                return Verdict::Reject(None);
            }
        }
        let mut wait = self.zones[last].wait(self.checks[last].excess);
        for zone in self.zones[..last].iter_mut().rev() {
            let excess = zone.account(sender.number(zone.key), now);
            wait = wait.max(zone.wait(excess));
        }
        if wait == 0 {
            return Verdict::Pass;
        }
        Verdict::Delay(SimDuration::from_nanos(wait as u64 * 1_000_000))
    }
}
