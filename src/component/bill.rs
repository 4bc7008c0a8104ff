//! What components are paid for: by the hour, by the instance, by what they send.

use super::NodeId;
use super::source;
use crate::metrics::LevelId;
use crate::units::{CostPerHour, CostPerSize};

/// What makes the sum of a bill.
#[derive(Debug, Clone, Copy)]
pub enum Charge {
    /// One of it, all the time.
    Always(CostPerHour),
    /// As many as a level says.
    Each(LevelId, CostPerHour),
    /// So many dollars until now.
    Sum(f64),
}

/// Something of a component that is paid for.
#[derive(Debug, Clone)]
pub struct Bill {
    /// The component.
    pub component: String,
    /// What it is: `instances`, `transfer`; empty for the component as a whole.
    pub what: &'static str,
    /// What makes its sum.
    pub charge: Charge,
}

impl Bill {
    /// A component that is paid for as a whole, all the time.
    pub fn always(component: &str, cost: CostPerHour) -> Self {
        Self {
            component: component.to_owned(),
            what: "",
            charge: Charge::Always(cost),
        }
    }
}

/// What one component sends out of the system.
#[derive(Debug, Clone)]
struct Sender {
    name: String,
    price: CostPerSize,
    bytes: u64,
}

/// Answers that leave the system through components whose transfer has a price.
#[derive(Debug, Clone, Default)]
pub(super) struct Egress {
    /// By source: the sender that its requests enter, if that has a price.
    by_source: Vec<Option<usize>>,
    senders: Vec<Sender>,
}

impl Egress {
    /// Senders with their prices, and the sources whose requests enter them.
    pub(super) fn new(priced: &[(NodeId, String, CostPerSize)], sources: &[source::Plan]) -> Self {
        let sender = |plan: &source::Plan| priced.iter().position(|own| own.0 == plan.enters);
        let senders = priced.iter().map(|(_, name, price)| Sender {
            name: name.clone(),
            price: *price,
            bytes: 0,
        });
        Self {
            by_source: sources.iter().map(sender).collect(),
            senders: senders.collect(),
        }
    }

    /// True if nothing has a price.
    #[inline]
    pub(super) fn is_free(&self) -> bool {
        self.senders.is_empty()
    }

    /// An answer of so many bytes goes out to a client of this source.
    pub(super) fn sends(&mut self, source: u16, bytes: u64) {
        if let Some(sender) = self.by_source[source as usize] {
            let sent = &mut self.senders[sender].bytes;
            *sent = sent.saturating_add(bytes);
        }
    }

    /// What has been sent until now.
    pub(super) fn bills(&self) -> impl Iterator<Item = Bill> + '_ {
        self.senders.iter().map(|own| Bill {
            component: own.name.clone(),
            what: "transfer",
            charge: Charge::Sum(own.price.of(own.bytes)),
        })
    }
}
