//! Where in a scenario a step stands.

use crate::component::service::Service;

/// Where a step stands: the service, its operation, and a path for draws.
pub(super) struct Place<'a> {
    pub(super) service: usize,
    pub(super) spec: &'a Service,
    pub(super) operation: &'a str,
    pub(super) path: String,
}

impl Place<'_> {
    pub(super) fn inner(&self, part: &str) -> Self {
        Place {
            path: format!("{}/{part}", self.path),
            ..*self
        }
    }
}
