//! Hit ratios by Che's approximation (Che, Tung and Wang 2002; Fricker, Robert and Roberts 2012), with times to live.
//!
//! A cache that is full forgets every key after the same number of requests, its characteristic number: least
//! recently used, so many after the key's own last request; first in first out or at random, so many after it was
//! put in, on average. Everything is counted in requests, not in time: what is `expected` is how many requests for
//! the key come in a stretch.

use crate::math;

/// Who leaves a cache that is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgets {
    /// The one used least recently.
    LeastRecent,
    /// The one that came first, or anyone.
    AnyWhoCame,
}

impl Forgets {
    /// How likely a key is there, of which `expected` requests come in the characteristic number.
    pub fn presence(self, expected: f64) -> f64 {
        match self {
            Self::LeastRecent => -math::exp_m1(-expected),
            Self::AnyWhoCame => expected / (1.0 + expected),
        }
    }

    /// The characteristic number: after how many requests a cache with room for `capacity` keys forgets. `classes`
    /// are (number of keys, share of the requests that is for each of them). Infinite if all fit.
    pub fn characteristic(self, classes: &[(f64, f64)], capacity: f64) -> f64 {
        let known: f64 = classes
            .iter()
            .filter(|own| own.1 > 0.0)
            .map(|own| own.0)
            .sum();
        if known <= capacity {
            return f64::INFINITY;
        }
        let inside = |requests: f64| -> f64 {
            let own = classes
                .iter()
                .map(|(n, share)| n * self.presence(share * requests));
            own.sum()
        };
        let (mut low, mut high) = (0.0, capacity.max(1.0));
        while inside(high) < capacity && high < 1e30 {
            low = high;
            high *= 4.0;
        }
        for _ in 0..64 {
            let middle = f64::midpoint(low, high);
            if inside(middle) < capacity {
                low = middle;
            } else {
                high = middle;
            }
            if high - low <= high * 1e-9 {
                break;
            }
        }
        high
    }
}

/// Beyond this a stay ends by silence, whatever the time to live: the difference is below 1e-5.
const LONG: f64 = 12.0;

/// The hit ratio of a key in a cache that forgets whoever was used least recently, and whose entries live for a
/// while from when they were put in. `forgets` and `lives` are how many requests for the key come in the
/// characteristic number and in the time to live.
///
/// A stay begins with a miss and ends with its time to live, or with the first silence that is long enough. The
/// expected requests of a stay that may last for `x`, the first one included, grow by `1 - q M(x - T)`, where `q =
/// exp(-T)` is the chance of such a silence; solved by a Laplace transform, as a sum of as many terms as the
/// characteristic number goes into `x`.
pub fn hit_of_mortal(forgets: f64, lives: f64) -> f64 {
    if lives <= forgets {
        return lives / (1.0 + lives);
    }
    let silence = math::exp(-forgets);
    if silence * lives > LONG || forgets <= 0.0 {
        return 1.0 - silence;
    }
    let mut sum = 0.0;
    // (-q)^k (x - kT)^k / k! as a product, so that nothing overflows.
    for k in 0..=((lives / forgets) as u64).min(10_000) {
        let left = lives - k as f64 * forgets;
        let term = (1..=k).fold(1.0, |own: f64, i| own * -silence * left / i as f64);
        sum += term * (1.0 + left / (k as f64 + 1.0));
        if k > 0 && term.abs() < 1e-12 {
            break;
        }
    }
    // The first of them is a miss.
    (1.0 - 1.0 / sum).clamp(0.0, 1.0 - silence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zipf(n: u32, exponent: f64) -> Vec<(f64, f64)> {
        let weight = |i: u32| math::powf(f64::from(i), -exponent);
        let total: f64 = (1..=n).map(weight).sum();
        (1..=n).map(|i| (1.0, weight(i) / total)).collect()
    }

    fn overall(classes: &[(f64, f64)], hit: impl Fn(f64) -> f64) -> f64 {
        classes
            .iter()
            .map(|(n, share)| n * share * hit(*share))
            .sum()
    }

    /// 5,000 keys by Zipf's law with 0.8, room for 500: figures from the literature's formulas, which were held
    /// against a simulation (0.4219 and 0.3790).
    #[test]
    fn known_hit_ratios_come_out() {
        let keys = zipf(5000, 0.8);
        for (forgets, expected) in [
            (Forgets::LeastRecent, 0.4227),
            (Forgets::AnyWhoCame, 0.3794),
        ] {
            let number = forgets.characteristic(&keys, 500.0);
            let found = overall(&keys, |share| forgets.presence(share * number));
            assert!((found - expected).abs() < 1e-4, "{forgets:?}: {found}");
        }
        assert!(
            Forgets::LeastRecent
                .characteristic(&keys, 5000.0)
                .is_infinite()
        );
    }

    /// Against the integral equation of a stay, step by step.
    #[test]
    fn stays_that_may_end_either_way() {
        for (forgets, lives) in [
            (0.5f64, 0.7f64),
            (0.5, 3.0),
            (2.0, 9.0),
            (0.05, 4.0),
            (3.0, 100.0),
            (1.0, 60.0),
        ] {
            let n = 4000;
            let step = lives / f64::from(n);
            let mut hits = vec![0.0f64; n as usize + 1];
            let density = |s: f64| math::exp(-s);
            for at in 1..=n as usize {
                let reach = (forgets / step).min(at as f64);
                let mut sum = 0.0;
                for back in 0..reach as usize {
                    let middle = (back as f64 + 0.5) * step;
                    let rest = at - back - 1;
                    sum += density(middle)
                        * step
                        * (1.0 + f64::midpoint(hits[rest], hits[rest + 1].max(hits[rest])));
                }
                let rest = reach.fract();
                if rest > 0.0 {
                    let middle = (reach - rest / 2.0) * step;
                    sum += density(middle) * rest * step * (1.0 + hits[at - reach as usize - 1]);
                }
                hits[at] = sum;
            }
            let expected = hits[n as usize] / (1.0 + hits[n as usize]);
            let found = hit_of_mortal(forgets, lives);
            assert!(
                (found - expected).abs() < 0.004,
                "{forgets}, {lives}: {found}, not {expected}"
            );
        }
    }
}
