//! What a rule says, step by step, and the words for its reasons.

/// From what a rule wishes for to what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome<Reason> {
    /// How many instances the measurement alone asks for.
    pub wish: u32,
    /// How many are left of it after whatever holds changes back: rates, windows, cooldowns.
    pub damped: u32,
    /// How many instances there shall be: within the bounds.
    pub instances: u32,
    /// What decided, or what held the wish back; the last thing that did, if there are several.
    pub reason: Reason,
}

/// The reasons of one rule: an enumeration whose variants are documented by the words that reports use.
macro_rules! reasons {
    ($(#[doc = $about:literal])* $name:ident { $( $variant:ident = $words:literal ),* $(,)? }) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $( #[doc = $words] $variant, )*
        }

        impl $name {
            /// In words, for tables.
            pub const fn words(self) -> &'static str {
                match self { $( Self::$variant => $words, )* }
            }
        }
    };
}

pub(super) use reasons;
