//! The first that has room (HAProxy's `first`).

use super::methods::Rules;
use super::{Ask, View};
use crate::spec;

spec! {
    /// The first one that has room for another request: the others can be switched off when there is little
    /// to do (HAProxy). Of no use without `max_conns`: the first one has room for everybody.
    pub struct First {}
}

/// Nothing is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct State;

impl Rules for State {
    fn pick(&mut self, view: &mut View<'_>, _: &mut Ask<'_>) -> Option<usize> {
        (0..view.peers.len()).find(|at| view.is_open(*at))
    }
}
