//! The event queue of the loops that need one.

/// A 4-ary heap over 64-bit keys, smallest first.
pub(super) struct Heap<P> {
    items: Vec<(u64, P)>,
}

impl<P: Copy> Heap<P> {
    pub(super) fn new() -> Self {
        Self {
            items: Vec::with_capacity(4096),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The first key; later than any if there is none.
    #[inline]
    pub(super) fn first(&self) -> u64 {
        self.items.first().map_or(u64::MAX, |item| item.0)
    }

    #[inline]
    pub(super) fn push(&mut self, key: u64, payload: P) {
        self.items.push((key, payload));
        let items = &mut self.items[..];
        let mut at = items.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 4;
            if items[parent].0 <= key {
                break;
            }
            items[at] = items[parent];
            at = parent;
        }
        items[at] = (key, payload);
    }

    #[inline]
    fn sift_down(&mut self, item: (u64, P)) {
        let items = &mut self.items[..];
        let n = items.len();
        let mut at = 0;
        loop {
            let child = 4 * at + 1;
            let mut least = child;
            if child + 3 < n {
                // Four children: unrolled, and without a loop count to mispredict.
                for other in [child + 1, child + 2, child + 3] {
                    if items[other].0 < items[least].0 {
                        least = other;
                    }
                }
            } else if child < n {
                for other in child + 1..n {
                    if items[other].0 < items[least].0 {
                        least = other;
                    }
                }
            } else {
                break;
            }
            if items[least].0 >= item.0 {
                break;
            }
            items[at] = items[least];
            at = least;
        }
        items[at] = item;
    }

    /// What goes with the first key. There is one.
    #[inline]
    pub(super) fn first_payload(&self) -> P {
        self.items[0].1
    }

    /// Takes the first out.
    #[inline]
    pub(super) fn pop(&mut self) -> (u64, P) {
        let first = self.items[0];
        if let Some(last) = self.items.pop()
            && !self.items.is_empty()
        {
            self.sift_down(last);
        }
        first
    }

    /// Takes the first out and puts another in.
    #[inline]
    pub(super) fn replace(&mut self, key: u64, payload: P) {
        self.sift_down((key, payload));
    }
}
