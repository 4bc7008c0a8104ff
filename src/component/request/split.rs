//! Requests that are cut in two: what somebody still does for one goes on under its number, and whoever waited for
//! it goes on under another, where its timers find it.

use super::{Extra, Flags, Frame, NONE, Request, RequestId, Requests};
use crate::component::NodeId;
use crate::engine::Timer;

/// Where a request goes on for those who know it by an old number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heir {
    to: (u32, u32),
    /// Whose heir the old number is itself.
    before: Option<(u32, u32)>,
}

impl Requests {
    /// True if a timer's request is in flight, and somebody waits for it.
    #[inline]
    pub fn is_awaited(&self, timer: Timer) -> bool {
        self.awaited(timer).is_some()
    }

    /// The request that a timer of its client is for, under whatever number it goes on; nothing if nobody
    /// waits for it.
    #[inline]
    pub fn awaited(&self, timer: Timer) -> Option<RequestId> {
        let is_awaited = |(index, generation): (u32, u32)| {
            self.is_current(index, generation) && !self.arena[index as usize].flags.has(Flags::GONE)
        };
        let mut at = (timer.subject, timer.generation);
        while !is_awaited(at) {
            at = self.heirs.get(&at)?.to;
        }
        Some(RequestId(at.0))
    }

    /// A request that has gone on for others is over: nobody looks for it under their numbers any more.
    #[cold]
    pub(super) fn leaves_heirs(&mut self, id: RequestId) {
        let extra = self.extras.get_mut(id.0 as usize);
        let mut before = extra.and_then(|extra| extra.heir_of.take());
        while let Some(key) = before {
            before = self.heirs.remove(&key).and_then(|heir| heir.before);
        }
    }

    /// Cuts a request in two at the frame at `depth` (0 is the current one). That frame and those above it
    /// stay with `id`, as work that nobody waits for. Whoever waited goes on in a new request, whose current
    /// frame is `next` in place of that frame; timers find it under the old number.
    pub fn split(&mut self, id: RequestId, depth: usize, next: Frame) -> RequestId {
        let Request {
            arrived,
            number,
            flow,
            flags,
            generation,
            below,
            ..
        } = *self.get(id);
        let new = self.open(flow, arrived, number, next.pc);
        let rest = if depth == 0 {
            self.arena[id.0 as usize].below = NONE;
            below
        } else {
            let mut at = below;
            for _ in 1..depth {
                at = self.frames[at as usize].1;
            }
            std::mem::replace(&mut self.frames[at as usize].1, NONE)
        };
        let heir = &mut self.arena[new.0 as usize];
        heir.frame = next;
        heir.below = rest;
        heir.flags.set(flags.marks() | flags.0 & Flags::CALLERS);
        let new_key = (new.0, heir.generation);
        let left = &mut self.arena[id.0 as usize].flags;
        left.clear(Flags::CALLERS);
        left.set(Flags::GONE);
        let extra = self.extra(id);
        *self.extra_mut(new) = Extra {
            waits_for: NONE,
            heir_of: Some((id.0, generation)),
            ..extra
        };
        // Work goes on for the same client, but for nobody's errand.
        *self.extra_mut(id) = Extra {
            errand: NONE,
            permit: None,
            granted: false,
            job: NONE,
            heir_of: None,
            connection: NONE,
            is_part: true,
            ..extra
        };
        let before = extra.heir_of;
        self.heirs.insert(
            (id.0, generation),
            Heir {
                to: new_key,
                before,
            },
        );
        new
    }

    /// Requests that go on under this index or for one that had it.
    fn carriers(&self, index: u32) -> impl Iterator<Item = RequestId> {
        let own = RequestId(index);
        let heirs = self.heirs.range((index, 0)..=(index, u32::MAX));
        let last = |mut at: (u32, u32)| {
            while let Some(heir) = self.heirs.get(&at) {
                at = heir.to;
            }
            RequestId(at.0)
        };
        let heirs = heirs.map(move |(_, heir)| last(heir.to));
        std::iter::once(own)
            .chain(heirs)
            .filter(|id| self.is_live(*id))
    }

    /// The request and the frame whose answer somebody who chose its instance waits for, if a timer that was
    /// set when it got there is not stale: its number is that instant, cut to 32 bits.
    pub fn waiting_via(&self, via: NodeId, timer: Timer) -> Option<(RequestId, Frame)> {
        let is_it = |frame: &Frame| {
            frame.via == via
                && frame.node != NodeId::NONE
                && frame.entered.as_nanos() as u32 == timer.generation
        };
        self.carriers(timer.subject).find_map(|id| {
            let mut frames = self.frames_of(id);
            frames.find(|frame| is_it(frame)).map(|frame| (id, *frame))
        })
    }
}
