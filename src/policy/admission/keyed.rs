//! What a limit keeps for each key, by the key's number.

/// "No such number" in links.
const NONE: u32 = u32::MAX;

/// A value for each number that has come up: numbers are dense, so that a place in a list is the quickest
/// and the smallest way to find it. The list doubles when a number beyond its end comes.
#[derive(Debug, Clone)]
pub(super) struct Keyed<T> {
    values: Vec<T>,
}

impl<T: Default + Clone> Keyed<T> {
    /// Nothing for anybody.
    pub(super) fn new() -> Self {
        Self { values: Vec::new() }
    }

    /// Beyond this number there is nothing yet.
    pub(super) fn len(&self) -> u32 {
        self.values.len() as u32
    }

    /// What is kept under a number.
    #[inline]
    pub(super) fn get(&mut self, number: u32) -> &mut T {
        let at = number as usize;
        if at >= self.values.len() {
            self.values
                .resize((at + 1).next_power_of_two(), T::default());
        }
        &mut self.values[at]
    }

    /// Fetches what is kept under a number into the caches of the processor, for whoever asks soon.
    #[inline]
    pub(super) fn fetch(&self, number: u32) {
        std::hint::black_box(self.values.get(number as usize).cloned());
    }
}

/// Neighbours in an [`Order`]: who came before and who after.
#[derive(Debug, Clone, Copy)]
struct Link {
    older: u32,
    newer: u32,
    is_in: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            older: NONE,
            newer: NONE,
            is_in: false,
        }
    }
}

/// The numbers for which there is room, by when they came last.
#[derive(Debug, Clone)]
pub(super) struct Order {
    links: Keyed<Link>,
    oldest: u32,
    newest: u32,
    len: u32,
    capacity: u32,
}

impl Order {
    /// Room for `capacity` numbers.
    pub(super) fn new(capacity: u32) -> Self {
        Self {
            links: Keyed::new(),
            oldest: NONE,
            newest: NONE,
            len: 0,
            capacity,
        }
    }

    /// True if there is no room for one more.
    pub(super) fn is_full(&self) -> bool {
        self.len >= self.capacity
    }

    /// True if a number has a place.
    pub(super) fn has(&mut self, number: u32) -> bool {
        self.links.get(number).is_in
    }

    /// The number that has not come for the longest.
    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// A number comes, for the first time or again.
    pub(super) fn comes(&mut self, number: u32) {
        if self.newest == number {
            return;
        }
        self.goes(number);
        let newest = std::mem::replace(&mut self.newest, number);
        *self.links.get(number) = Link {
            older: newest,
            newer: NONE,
            is_in: true,
        };
        if newest == NONE {
            self.oldest = number;
        } else {
            self.links.get(newest).newer = number;
        }
        self.len += 1;
    }

    /// A number goes, if it is there.
    pub(super) fn goes(&mut self, number: u32) {
        let Link {
            older,
            newer,
            is_in,
        } = std::mem::take(self.links.get(number));
        if !is_in {
            return;
        }
        if older == NONE {
            self.oldest = newer;
        } else {
            self.links.get(older).newer = newer;
        }
        if newer == NONE {
            self.newest = older;
        } else {
            self.links.get(newer).older = older;
        }
        self.len -= 1;
    }
}
