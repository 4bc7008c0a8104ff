//! Messages, what acknowledges them, and what is counted of them.

use crate::component::NodeId;
use crate::stats::Histogram;
use crate::units::{SimDuration, SimTime};

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In line.
    Ready,
    /// Not visible yet, or put off.
    Later,
    /// With a consumer, or waiting for its visibility timeout.
    Delivered,
}

/// A message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    /// The number from which everything random about its job derives.
    pub(super) number: u64,
    pub(super) published: SimTime,
    /// For how long it was put off the last time.
    pub(super) waited: SimDuration,
    /// Tells it from others that have had its place.
    pub(super) serial: u32,
    pub(super) deliveries: u32,
    pub(super) flow: u16,
    pub(super) place: Place,
}

/// What a consumer needs to acknowledge a message: which one, and which of its deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::component) struct Receipt {
    pub(super) message: u32,
    pub(super) serial: u32,
    pub(super) deliveries: u32,
}

impl Receipt {
    /// Which delivery it is of: 1 for the first.
    pub(super) fn count(self) -> u32 {
        self.deliveries
    }
}

/// A message on its way to a consumer.
#[derive(Debug, Clone, Copy)]
pub(in crate::component) struct Delivery {
    /// What acknowledges it.
    pub receipt: Receipt,
    /// The service.
    pub service: NodeId,
    /// The instance.
    pub instance: u32,
    /// The place in the queue's books.
    pub slot: u32,
    /// Where the operation starts.
    pub pc: u16,
    /// Source and class of the request that published it.
    pub flow: u16,
    /// The number of the job.
    pub number: u64,
    /// Which delivery of the message this is: 1 for the first.
    pub count: u32,
}

/// What happened in a run, warm-up left out.
#[derive(Debug, Clone)]
pub struct Counts {
    /// The queue.
    pub name: String,
    /// Messages taken in.
    pub published: u64,
    /// Messages done.
    pub done: u64,
    /// Deliveries after the first.
    pub redelivered: u64,
    /// Runs that ended well after the message was somebody else's: work done twice.
    pub duplicates: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Messages set aside after too many deliveries.
    pub dead: u64,
    /// Messages gone with their consumer.
    pub lost: u64,
    /// Messages dropped for want of room.
    pub dropped: u64,
    /// Messages refused for want of room.
    pub rejected: u64,
    /// Times from publishing to the first delivery.
    pub waits: Histogram,
    /// Times from publishing to the end of the work.
    pub whole: Histogram,
    /// Messages that were left at the end, warm-up and all.
    pub left: u64,
}
