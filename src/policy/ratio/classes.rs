//! Keys of about the same popularity, taken together.

use crate::math;

/// The most popular keys stand for themselves.
const ALONE: u64 = 16;
/// How much further each class reaches than the one before.
const GROWTH: f64 = 1.25;

/// The keys 1 to `count` of a catalogue, key `i` asked for in proportion to `i^-exponent`, in classes.
#[derive(Debug, Clone)]
pub struct Classes {
    /// The first key of each, and one past the last of all.
    starts: Vec<u64>,
    /// The share of the requests that is for each.
    shares: Vec<f64>,
}

impl Classes {
    /// Classes of a catalogue; `count` is at least 1.
    pub fn zipf(count: u64, exponent: f64) -> Self {
        let mut starts = vec![1];
        let mut next = 1;
        while next < count {
            let width = if next < ALONE {
                1
            } else {
                (next as f64 * (GROWTH - 1.0)).ceil() as u64
            };
            next = (next + width).min(count);
            starts.push(next);
        }
        if starts.last() == Some(&count) {
            starts.push(count + 1);
        }
        let weights = starts
            .windows(2)
            .map(|own| weight(own[0], own[1] - 1, exponent));
        let weights: Vec<f64> = weights.collect();
        let total: f64 = weights.iter().sum();
        let shares = weights.iter().map(|own| own / total).collect();
        Self { starts, shares }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shares.len()
    }

    /// Never true: a catalogue has at least one key.
    pub fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// The share of the requests that is for each.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// The class of a key.
    #[inline]
    pub fn of(&self, key: u64) -> usize {
        if key <= ALONE {
            return (key as usize).clamp(1, self.len()) - 1;
        }
        let after = self.starts.partition_point(|start| *start <= key);
        (after - 1).min(self.len() - 1)
    }

    /// A key of a class.
    pub fn first(&self, class: usize) -> u64 {
        self.starts[class]
    }

    /// How many keys are in a class.
    pub fn n_keys(&self, class: usize) -> u64 {
        self.starts[class + 1] - self.starts[class]
    }
}

/// The sum of `i^-exponent` for `i` from `from` to `to`: term by term, or by the formula of Euler and Maclaurin, whose
/// next term is below 1e-8 of the sum from 16 on.
fn weight(from: u64, to: u64, exponent: f64) -> f64 {
    if to - from < 32 {
        return (from..=to).map(|i| math::powf(i as f64, -exponent)).sum();
    }
    let (a, b) = (from as f64, to as f64);
    let term = |x: f64| math::powf(x, -exponent);
    let slope = |x: f64| -exponent * term(x) / x;
    let area = if (exponent - 1.0).abs() < 1e-9 {
        math::ln(b / a)
    } else {
        (b * term(b) - a * term(a)) / (1.0 - exponent)
    };
    area + f64::midpoint(term(a), term(b)) + (slope(b) - slope(a)) / 12.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_one_class_with_its_share() {
        for (count, exponent) in [
            (1, 0.8),
            (2, 0.0),
            (16, 1.0),
            (17, 1.2),
            (5000, 0.8),
            (100_000, 1.0),
        ] {
            let classes = Classes::zipf(count, exponent);
            let n: u64 = (0..classes.len()).map(|own| classes.n_keys(own)).sum();
            assert_eq!(n, count);
            let term = |i: u64| math::powf(i as f64, -exponent);
            let total: f64 = (1..=count).map(term).sum();
            for class in 0..classes.len() {
                let (first, n) = (classes.first(class), classes.n_keys(class));
                for key in [first, first + n - 1] {
                    assert_eq!(classes.of(key), class, "key {key} of {count}");
                }
                let exact: f64 = (first..first + n).map(term).sum();
                let off = classes.shares()[class] / (exact / total) - 1.0;
                assert!(off.abs() < 1e-7, "class {class} of {count}: off by {off}");
            }
        }
        assert!(Classes::zipf(1 << 48, 0.8).len() < 200);
    }
}
