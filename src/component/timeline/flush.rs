//! A cache is emptied.

use super::{CarryOut, Describe, When, wrong_kind};
use crate::component::{Context, Node, Plan};
use crate::diag::Diagnostics;
use crate::spec;
use crate::spec::At;

spec! {
    /// Empties a cache, an HTTP cache or a CDN: `{ at = "10m", flush = "pages" }`.
    pub struct FlushCache {
        /// The cache.
        pub flush: At<String>,
        /// When.
        pub at: When,
    }
}

/// The component's own `flush_at` does it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Act;

impl Describe for FlushCache {
    type Act = Act;

    fn at(&self) -> &When {
        &self.at
    }

    fn target(&self) -> &At<String> {
        &self.flush
    }

    fn plan(&self, component: &mut Plan, out: &mut Diagnostics) -> Option<Act> {
        let kind = component.kind();
        let times = match component {
            Plan::Cache(own) => &mut own.flush_at,
            Plan::HttpCache(own) => &mut own.flush_at,
            Plan::Cdn(own) => &mut own.flush_at,
            _ => {
                wrong_kind(&self.flush, kind, "a cache", out);
                return None;
            }
        };
        times.push(self.at.require_once(out)?);
        Some(Act)
    }
}

impl CarryOut for Act {
    fn carry_out(&self, _: &mut Node, _: Option<u64>, _: &mut Context) {}
}
