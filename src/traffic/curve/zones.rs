//! Time zones: what the clock on the wall shows.
//!
//! A scenario must mean the same wherever it is run, so the zones are in the program, not taken from the
//! system. For each there is the rule that holds today (the last line of its file in the IANA database,
//! version 2025b): what a forecast needs. Dates of the past are taken by the same rule, also where a
//! government has changed it since.

use std::fmt;

use jiff::tz::{Offset, TimeZone};
use serde_json::json;

use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::spec::{Definitions, Node, Spec};

/// A time zone, as it is written and as it is used.
#[derive(Debug, Clone)]
pub struct Zone {
    text: String,
    zone: TimeZone,
}

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self {
            text: "UTC".to_owned(),
            zone: TimeZone::UTC,
        }
    }

    /// The zone as it is used.
    pub(super) fn rules(&self) -> &TimeZone {
        &self.zone
    }

    /// Reads a name, an offset from UTC, or a rule as POSIX writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let named = ZONES.iter().find(|(name, _)| *name == text);
        let rule = named.map_or(text, |(_, rule)| rule);
        let zone = match fixed(text) {
            Some(offset) => TimeZone::fixed(offset),
            None => TimeZone::posix(rule).ok()?,
        };
        Some(Self {
            text: text.to_owned(),
            zone,
        })
    }
}

/// An offset such as `+02:00`, `-3:30` or `+5`.
fn fixed(text: &str) -> Option<Offset> {
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text[1..].split_once(':').unwrap_or((&text[1..], "0"));
    let hours: u8 = hours.parse().ok()?;
    let minutes: u8 = minutes.parse().ok().filter(|minutes| *minutes < 60)?;
    Offset::from_seconds(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60)).ok()
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Spec for Zone {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let text = String::read(node, out)?;
        let zone = Self::parse(&text);
        if zone.is_none() {
            let similar = nearest(&text, ZONES.iter().map(|(name, _)| *name));
            let help = similar.map_or_else(
                || {
                    "write a city's zone such as Europe/Berlin, an offset such as +02:00, or a rule as in \
                     the TZ variable: CET-1CEST,M3.5.0,M10.5.0/3"
                        .to_owned()
                },
                |name| format!("a similar one exists: `{name}`"),
            );
            let problem = format!("no time zone is known as `{text}`");
            out.push(Diagnostic::error(node.origin, problem).help(help));
        }
        zone
    }
    fn write(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.text.clone()))
    }
    fn schema(_: &mut Definitions) -> serde_json::Value {
        json!({ "type": "string" })
    }
}

/// Zones by name, with the rule that holds in them, as POSIX writes it (its offsets count westwards).
#[rustfmt::skip]
const ZONES: &[(&str, &str)] = &[
    ("Africa/Algiers", "CET-1"),
    ("Africa/Cairo", "EET-2EEST,M4.5.5/0,M10.5.4/24"),
    ("Africa/Johannesburg", "SAST-2"),
    ("Africa/Lagos", "WAT-1"),
    ("Africa/Nairobi", "EAT-3"),
    ("America/Anchorage", "AKST9AKDT,M3.2.0,M11.1.0"),
    ("America/Argentina/Buenos_Aires", "<-03>3"),
    ("America/Bogota", "<-05>5"),
    ("America/Caracas", "<-04>4"),
    ("America/Chicago", "CST6CDT,M3.2.0,M11.1.0"),
    ("America/Denver", "MST7MDT,M3.2.0,M11.1.0"),
    ("America/Halifax", "AST4ADT,M3.2.0,M11.1.0"),
    ("America/Lima", "<-05>5"),
    ("America/Los_Angeles", "PST8PDT,M3.2.0,M11.1.0"),
    ("America/Mexico_City", "CST6"),
    ("America/New_York", "EST5EDT,M3.2.0,M11.1.0"),
    ("America/Phoenix", "MST7"),
    ("America/Santiago", "<-04>4<-03>,M9.1.6/24,M4.1.6/24"),
    ("America/Sao_Paulo", "<-03>3"),
    ("America/St_Johns", "NST3:30NDT,M3.2.0,M11.1.0"),
    ("America/Toronto", "EST5EDT,M3.2.0,M11.1.0"),
    ("America/Vancouver", "PST8PDT,M3.2.0,M11.1.0"),
    ("Asia/Almaty", "<+05>-5"),
    ("Asia/Bangkok", "<+07>-7"),
    ("Asia/Dhaka", "<+06>-6"),
    ("Asia/Dubai", "<+04>-4"),
    ("Asia/Ho_Chi_Minh", "<+07>-7"),
    ("Asia/Hong_Kong", "HKT-8"),
    ("Asia/Jakarta", "WIB-7"),
    ("Asia/Jerusalem", "IST-2IDT,M3.4.4/26,M10.5.0"),
    ("Asia/Karachi", "PKT-5"),
    ("Asia/Kathmandu", "<+0545>-5:45"),
    ("Asia/Kolkata", "IST-5:30"),
    ("Asia/Kuala_Lumpur", "<+08>-8"),
    ("Asia/Manila", "PST-8"),
    ("Asia/Riyadh", "<+03>-3"),
    ("Asia/Seoul", "KST-9"),
    ("Asia/Shanghai", "CST-8"),
    ("Asia/Singapore", "<+08>-8"),
    ("Asia/Taipei", "CST-8"),
    ("Asia/Tashkent", "<+05>-5"),
    ("Asia/Tehran", "<+0330>-3:30"),
    ("Asia/Tokyo", "JST-9"),
    ("Australia/Adelaide", "ACST-9:30ACDT,M10.1.0,M4.1.0/3"),
    ("Australia/Brisbane", "AEST-10"),
    ("Australia/Darwin", "ACST-9:30"),
    ("Australia/Melbourne", "AEST-10AEDT,M10.1.0,M4.1.0/3"),
    ("Australia/Perth", "AWST-8"),
    ("Australia/Sydney", "AEST-10AEDT,M10.1.0,M4.1.0/3"),
    ("Europe/Amsterdam", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Athens", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Belgrade", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Brussels", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Bucharest", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Budapest", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Copenhagen", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Dublin", "IST-1GMT0,M10.5.0,M3.5.0/1"),
    ("Europe/Helsinki", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Istanbul", "<+03>-3"),
    ("Europe/Kyiv", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Lisbon", "WET0WEST,M3.5.0/1,M10.5.0"),
    ("Europe/London", "GMT0BST,M3.5.0/1,M10.5.0"),
    ("Europe/Madrid", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Moscow", "MSK-3"),
    ("Europe/Oslo", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Paris", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Prague", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Riga", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Rome", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Sofia", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Stockholm", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Tallinn", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Vienna", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Vilnius", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Warsaw", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Zurich", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Pacific/Auckland", "NZST-12NZDT,M9.5.0,M4.1.0/3"),
    ("Pacific/Honolulu", "HST10"),
    ("UTC", "UTC0"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_that_is_listed_can_be_used() {
        for (name, _) in ZONES {
            assert!(Zone::parse(name).is_some(), "{name}");
        }
        assert!(ZONES.is_sorted_by(|one, next| one.0 < next.0));
    }

    #[test]
    fn offsets_and_rules_are_zones_too() {
        let offset = |text: &str| {
            let zone = Zone::parse(text)?;
            let stamp = "2026-07-01T00:00:00Z".parse().expect("an instant");
            Some(zone.rules().to_offset(stamp).seconds() / 60)
        };
        assert_eq!(offset("+02:00"), Some(120));
        assert_eq!(offset("-3:30"), Some(-210));
        assert_eq!(offset("UTC"), Some(0));
        assert_eq!(offset("America/New_York"), Some(-240));
        assert_eq!(offset("CET-1CEST,M3.5.0,M10.5.0/3"), Some(120));
        for bad in ["", "+", "+99", "Europe/Atlantis", "+02:99", "-é", "here"] {
            assert_eq!(offset(bad), None, "{bad}");
        }
    }
}
