//! What a request has done as errands of its own, and walks, whose legs are such errands.

use super::System;
use super::errand::By;
use super::program::Op;
use super::request::{Flags, Frame, RequestId};
use super::{NodeId, Step};

impl System {
    /// A request has something done as an errand, and waits for it.
    #[cold]
    pub(super) fn guards(&mut self, id: RequestId, op: Op) {
        let (caller, body, site, legs) = match op {
            Op::Guard { caller, body, site } => (caller, body, site, 0),
            Op::Walk { caller, body, site } => {
                (caller, body, site, self.cx.requests.extra(id).legs)
            }
            other => unreachable!("nothing to be done as an errand: {other:?}"),
        };
        let now = self.cx.now();
        let request = *self.cx.requests.get(id);
        let mut errand = Self::new_errand(By::Request(id), caller, now);
        errand.number = request.number;
        errand.flow = request.flow;
        errand.site = site;
        errand.frame = Frame {
            pc: body,
            via: NodeId::NONE,
            entered: now,
            ..request.frame
        };
        if legs > 0 {
            // Every leg of a walk asks for work of its own.
            let again = legs.wrapping_mul(0xC2B2_AE35) ^ site;
            errand.frame.visit =
                (request.frame.visit.rotate_left(5) ^ again).wrapping_mul(0x9E37_79B1);
        }
        errand.process = self.callers[caller as usize].process_of(&request.frame);
        let extra = self.cx.requests.extra(id);
        (errand.client, errand.address) = (extra.client, extra.address);
        errand.marks = request.flags.marks() & !(Flags::CONDITIONAL | Flags::NEW_CONNECTION);
        self.begins_errand(errand);
    }

    /// Another leg of a walk begins, or it is chosen which one that is.
    #[cold]
    pub(super) fn turns(&mut self, id: RequestId, op: Op) -> Step {
        match op {
            Op::Leg { first } => {
                let extra = self.cx.requests.extra_mut(id);
                extra.legs = if first { 1 } else { extra.legs.wrapping_add(1) };
                Step::Next
            }
            Op::Turn {
                below,
                salt,
                otherwise,
            } => {
                let legs = u64::from(self.cx.requests.extra(id).legs);
                let seed = self.cx.requests.get(id).seed();
                let number = seed ^ legs.wrapping_mul(0xD6E8_FEB8_6659_FD93);
                if salt.uniform(number) < below {
                    Step::Next
                } else {
                    Step::Jump(otherwise)
                }
            }
            other => unreachable!("no turn of a walk: {other:?}"),
        }
    }
}
