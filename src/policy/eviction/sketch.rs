//! How often keys were asked for lately, roughly and in little space: a count-min sketch of 4-bit counters that
//! are halved from time to time (Einziger, Friedman and Manes 2017), laid out as in Caffeine, a key's four
//! counters in one block of 64 bytes.

use super::index::Key as _;

/// Uses per entry of the cache after which all counts are halved.
const SAMPLE_FACTOR: u64 = 10;
/// Words of a block, and counters of a key.
const BLOCK: usize = 8;
const DEPTH: u32 = 4;
/// The lowest bit of each counter, and what is left of each when it is halved.
const LOWEST: u64 = 0x1111_1111_1111_1111;
const HALVED: u64 = 0x7777_7777_7777_7777;

/// Counts by key, from 0 to 15.
#[derive(Debug, Clone, Default)]
pub(super) struct Sketch {
    /// 16 counters each; none before there is anything to compare.
    words: Vec<u64>,
    /// Uses counted since the last halving.
    counted: u64,
    sample: u64,
}

impl Sketch {
    /// Makes it fit for so many entries; what was counted in one that was too small is lost.
    pub(super) fn reach(&mut self, n_entries: u64) {
        let wanted = n_entries.clamp(1, 1 << 30).next_power_of_two() as usize;
        if self.words.len() >= wanted.max(BLOCK) {
            return;
        }
        self.words = vec![0; wanted.max(BLOCK)];
        self.counted = 0;
        self.sample = SAMPLE_FACTOR * n_entries.max(1);
    }

    /// The word and the shift of a key's counter.
    fn counter(&self, spread: u64, depth: u32) -> (usize, u32) {
        let blocks = self.words.len() / BLOCK;
        let block = (spread >> 32) as usize & (blocks - 1);
        let own = (spread as u32).wrapping_mul(0x7FEB_352D) >> (depth * 8) & 0xFF;
        let word = block * BLOCK + (own & 1) as usize + 2 * depth as usize;
        (word, (own >> 1 & 15) * 4)
    }

    /// A key is used.
    pub(super) fn count(&mut self, key: u64) {
        if self.words.is_empty() {
            return;
        }
        let (spread, mut is_new) = (key.spread(), false);
        for depth in 0..DEPTH {
            let (word, shift) = self.counter(spread, depth);
            if self.words[word] >> shift & 15 < 15 {
                self.words[word] += 1 << shift;
                is_new = true;
            }
        }
        self.counted += u64::from(is_new);
        if self.counted >= self.sample {
            self.halves();
        }
    }

    fn halves(&mut self) {
        let mut odd = 0;
        for word in &mut self.words {
            odd += u64::from((*word & LOWEST).count_ones());
            *word = *word >> 1 & HALVED;
        }
        self.counted = self.counted.saturating_sub(odd / 4) / 2;
    }

    /// How often a key was used, at most: the lowest of its counters.
    pub(super) fn frequency(&self, key: u64) -> u64 {
        if self.words.is_empty() {
            return 0;
        }
        let spread = key.spread();
        let counters = (0..DEPTH).map(|depth| {
            let (word, shift) = self.counter(spread, depth);
            self.words[word] >> shift & 15
        });
        counters.min().unwrap_or(0)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.words.fill(0);
        self.counted = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts are right for few keys, end at 15, and are halved after ten uses per entry.
    #[test]
    fn counts_and_ages() {
        let mut sketch = Sketch::default();
        sketch.count(7);
        assert_eq!(
            sketch.frequency(7),
            0,
            "nothing is counted before it is needed"
        );
        sketch.reach(64);
        (0..20).for_each(|_| sketch.count(7));
        (0..6).for_each(|_| sketch.count(8));
        assert_eq!(
            [7, 8, 9].map(|key| sketch.frequency(key)),
            [15, 6, 0],
            "at most 15"
        );
        // 21 of 640 have been counted; the others bring it to the end of the sample.
        let others = (100..).flat_map(|key| [key; 3]);
        others.take(640 - 21).for_each(|key| sketch.count(key));
        let aged = [7, 8].map(|key| sketch.frequency(key));
        assert!(
            (7..=9).contains(&aged[0]) && (3..=5).contains(&aged[1]),
            "{aged:?}"
        );
    }
}
