//! What a limit keeps for each key, by the key's number.

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
}
