//! An arena: entries that come and go, found by index, told apart by generation.

use crate::engine::Timer;

/// "No such entry".
pub const NOBODY: u32 = u32::MAX;

#[derive(Debug, Clone)]
struct Place<T> {
    entry: Option<T>,
    /// Counts the entries that have had this place, so that their timers become stale.
    generation: u32,
}

/// Entries by index. A place is used again once its entry has gone; nothing is allocated but where there
/// are more entries than ever before.
#[derive(Debug, Clone)]
pub struct Arena<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Arena<T> {
    /// No entries, with room for `capacity` before it grows.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            places: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
        }
    }

    /// Takes an entry in; gives its index.
    pub fn add(&mut self, entry: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self.places[at as usize].entry = Some(entry);
            return at;
        }
        self.places.push(Place {
            entry: Some(entry),
            generation: 0,
        });
        // Room for every entry to be let go of without an allocation.
        if self.free.capacity() < self.places.capacity() {
            self.free.reserve(self.places.capacity());
        }
        (self.places.len() - 1) as u32
    }

    /// Lets go of an entry.
    pub fn remove(&mut self, at: u32) -> Option<T> {
        let place = self.places.get_mut(at as usize)?;
        let entry = place.entry.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(at);
        Some(entry)
    }

    /// The entry at an index, if there is one.
    #[inline]
    pub fn get(&self, at: u32) -> Option<&T> {
        self.places.get(at as usize)?.entry.as_ref()
    }

    /// The entry at an index, to change it.
    #[inline]
    pub fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.places.get_mut(at as usize)?.entry.as_mut()
    }

    /// A timer that concerns this entry. Gone stale once the entry has gone, or when [`Arena::renew`]
    /// says so.
    pub fn timer(&self, at: u32) -> Timer {
        Timer {
            subject: at,
            generation: self.places[at as usize].generation,
        }
    }

    /// Makes all timers of an entry stale.
    pub fn renew(&mut self, at: u32) {
        let place = &mut self.places[at as usize];
        place.generation = place.generation.wrapping_add(1);
    }

    /// True if a timer is not stale.
    pub fn is_current(&self, timer: Timer) -> bool {
        let place = self.places.get(timer.subject as usize);
        place.is_some_and(|p| p.entry.is_some() && p.generation == timer.generation)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries with their indices.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let numbered = self.places.iter().enumerate();
        numbered.filter_map(|(at, place)| Some((at as u32, place.entry.as_ref()?)))
    }
}
