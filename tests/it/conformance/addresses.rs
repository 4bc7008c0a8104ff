//! The addresses of a vector's clients, as numbers.

use serde_json::Value;

/// The addresses that have come up, in their order.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    seen: Vec<String>,
}

impl Addresses {
    /// The number of an address.
    pub(super) fn number(&mut self, address: &Value) -> Result<u32, String> {
        let text = address.as_str().ok_or("no address")?;
        let known = self.seen.iter().position(|own| own == text);
        let number = known.unwrap_or_else(|| {
            self.seen.push(text.to_owned());
            self.seen.len() - 1
        });
        Ok(number as u32)
    }
}
