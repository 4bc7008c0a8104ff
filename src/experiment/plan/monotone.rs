//! Does more of something always help, or never? Looked at in the first replication of every choice, not assumed.

use super::observe::Observation;

/// Which way along an axis the objectives are kept better, if it is one way all along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Later values of the axis are never worse.
    Up,
    /// Earlier values are never worse.
    Down,
    /// Neither.
    None,
}

/// Positions of choices on the axes, and which way each axis helps.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    places: Vec<Vec<usize>>,
    ways: Vec<Way>,
}

impl Ways {
    /// Compares the first replications of all neighbours on each axis. `places` are the positions of the choices
    /// on the axes; `tolerances` are those of the objectives, per request or value.
    pub(super) fn of(places: &[Vec<usize>], pilot: &[&Observation], tolerances: &[f64]) -> Self {
        let n_axes = places.first().map_or(0, Vec::len);
        let way = |axis: usize| {
            let (mut up, mut down, mut pairs) = (true, true, 0_u32);
            for (one, place) in places.iter().enumerate() {
                let mut next = place.clone();
                next[axis] += 1;
                let Some(other) = places.iter().position(|own| *own == next) else {
                    continue;
                };
                pairs += 1;
                up &= is_no_worse(pilot[other], pilot[one], tolerances);
                down &= is_no_worse(pilot[one], pilot[other], tolerances);
            }
            match (up, down) {
                _ if pairs == 0 => Way::None,
                (true, _) => Way::Up,
                (_, true) => Way::Down,
                _ => Way::None,
            }
        };
        Self {
            places: places.to_vec(),
            ways: (0..n_axes).map(way).collect(),
        }
    }

    /// Nothing is known of any axis.
    pub(super) fn unknown(places: &[Vec<usize>]) -> Self {
        let n_axes = places.first().map_or(0, Vec::len);
        Self {
            places: places.to_vec(),
            ways: vec![Way::None; n_axes],
        }
    }

    /// The axes along which it goes one way.
    pub(super) fn one_way(&self) -> Vec<usize> {
        let known = |axis: &usize| self.ways[*axis] != Way::None;
        (0..self.ways.len()).filter(known).collect()
    }

    /// Whether `other` can be no better than `one` is.
    pub(super) fn is_below(&self, other: usize, one: usize) -> bool {
        let places = self.places[other].iter().zip(&self.places[one]);
        places.zip(&self.ways).all(|((other, one), way)| match way {
            Way::Up => other <= one,
            Way::Down => other >= one,
            Way::None => other == one,
        })
    }
}

/// Whether `one` keeps every bound as well as `other`, up to the tolerances.
fn is_no_worse(one: &Observation, other: &Observation, tolerances: &[f64]) -> bool {
    if one.is_overloaded {
        return other.is_overloaded;
    }
    let parts = one.parts.iter().zip(&other.parts).zip(tolerances);
    other.is_overloaded
        || parts.into_iter().all(|((one, other), tolerance)| {
            one.excess / one.weight.max(1.0) <= other.excess / other.weight.max(1.0) + tolerance
        })
}
