//! "Did you mean": the nearest of the names that would have been right.

/// How alike two names must be to be suggested, by Jaro-Winkler similarity (1 is identical).
const ALIKE: f64 = 0.8;

/// The candidate that is most like `wanted`, if one is like it at all: most of its letters, or all but one
/// slip of the finger. Ties go to the first.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let own = candidate.to_lowercase();
        let one_slip = wanted.len() > 1 && strsim::osa_distance(&wanted, &own) == 1;
        let likeness = strsim::jaro_winkler(&wanted, &own);
        let score = if one_slip {
            likeness.max(ALIKE)
        } else {
            likeness
        };
        if score >= ALIKE && best.is_none_or(|(most, _)| score > most) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_a_typo_and_nothing_far_fetched() {
        let keys = ["min", "max", "target", "cooldown"];
        assert_eq!(nearest("taget", keys), Some("target"));
        assert_eq!(nearest("Max", keys), Some("max"));
        assert_eq!(nearest("cup", ["wait", "cpu"]), Some("cpu"));
        assert_eq!(nearest("elephant", keys), None);
    }
}
