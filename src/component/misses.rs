//! How what follows a miss ends when it does not end well: caches hear of it, and may have something else to
//! give out.

use std::ops::Range;

use super::context::Wake;
use super::program::Op;
use super::request::{Flags, Frame, RequestId};
use super::{Node, NodeId, System};
use crate::metrics::Outcome;

impl System {
    /// What a request does in its present frame has failed: the caches on whose misses it is done hear of
    /// it, from within. True if one of them has something with which the request goes on.
    #[cold]
    pub(super) fn misses_hear(&mut self, id: RequestId, outcome: Outcome) -> bool {
        let frame = self.cx.requests.get(id).frame;
        let is_base = self.cx.requests.is_at_base(id);
        if frame.node == NodeId::NONE || self.is_callers(id, is_base) {
            return false;
        }
        let rescued = self.tells_caches(id, &frame, outcome);
        if let Some(hit) = rescued {
            self.cx.requests.get_mut(id).frame.pc = hit - 1;
            // Not from within the handler of the failure: whatever fails there must not recurse.
            self.cx.wake(id, Wake::GoOn);
        }
        rescued.is_some()
    }

    /// Frames of a request are about to be cut off, the present one being number 0: what they were getting for
    /// caches never comes.
    pub(super) fn misses_are_cut_off(&mut self, id: RequestId, depths: Range<usize>) {
        if self.cx.program.around.is_empty() {
            return;
        }
        let frame = self.cx.requests.get(id).frame;
        let below = self.cx.requests.frames_below(id).copied();
        let frames: Vec<Frame> = std::iter::once(frame).chain(below).collect();
        let cut = frames
            .iter()
            .enumerate()
            .take(depths.end)
            .skip(depths.start);
        for (at, frame) in cut {
            let is_base = at + 1 == frames.len();
            if frame.node != NodeId::NONE && !self.is_callers(id, is_base) {
                self.tells_caches(id, frame, Outcome::Killed);
            }
        }
    }

    /// A request goes on under another number: the caches hear of it for which something is got in its frames
    /// below the present one, so that whoever waits for that is not forgotten.
    pub(super) fn misses_are_renumbered(&mut self, (old, new): (RequestId, RequestId)) {
        if self.cx.program.around.is_empty() {
            return;
        }
        let n_frames = self.cx.requests.n_frames(new);
        for depth in 1..n_frames {
            let frame = *self.cx.requests.frame_at(new, depth);
            if frame.node == NodeId::NONE || self.is_callers(new, depth + 1 == n_frames) {
                continue;
            }
            let mut look = self.cx.program.look_around(frame.pc);
            while let Some(at) = look {
                if let Op::Visit(node, visit) = *self.cx.program.op(at)
                    && let Node::Cache(cache) = &mut self.nodes[node.index()]
                {
                    cache.is_renumbered((old, new), (&frame, visit), &self.cx);
                }
                look = self.cx.program.look_around(at);
            }
        }
    }

    /// True if a frame is its caller's: the lowest one of an attempt that a service makes.
    fn is_callers(&self, id: RequestId, is_base: bool) -> bool {
        let flags = self.cx.requests.get(id).flags;
        is_base && flags.has(Flags::INNER) && flags.has(Flags::ATTEMPT)
    }

    /// Tells all caches on whose misses something is done that has failed, the innermost first, until one
    /// has something else to give out; gives where the request goes on then.
    fn tells_caches(&mut self, id: RequestId, frame: &Frame, outcome: Outcome) -> Option<u16> {
        let mut look = self.cx.program.look_around(frame.pc);
        while let Some(at) = look {
            let Op::Visit(node, visit) = *self.cx.program.op(at) else {
                unreachable!("what is around a miss is a look-up")
            };
            let Node::Cache(cache) = &mut self.nodes[node.index()] else {
                unreachable!("look-ups are made in caches")
            };
            let rescued = cache.miss_fails((id, frame), (at, visit), outcome, &mut self.cx);
            if rescued.is_some() {
                return rescued;
            }
            look = self.cx.program.look_around(at);
        }
        None
    }
}
