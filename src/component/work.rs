//! How much a step asks for: by a law, or as a recording says.

use serde_json::json;

use crate::diag::Diagnostics;
use crate::dist::Law;
use crate::spec;
use crate::spec::{At, Definitions, Node, Spec};
use crate::traffic::hashed::Hashed;

spec! {
    /// As recorded of each request: `{ recorded = "demand" }`, by a name in the `columns` of a source that
    /// replays a recording.
    pub struct Recorded {
        /// The name.
        pub recorded: At<String>,
        /// What a client's further attempts ask for; as `otherwise` says unless given.
        pub hashed: Option<Hashed>,
        /// Whether a client's further attempts ask for what its first one did.
        pub repeated: At<bool> = At::built_in(false),
        /// What is asked for where nothing is recorded: by further attempts, requests of other sources, jobs of
        /// a queue. Unless given, what was recorded of one of the requests, drawn at random.
        pub otherwise: Option<Law>,
    }
}

spec! {
    /// Drawn as a recorded generator drew it: `{ hashed = { seed = 7, mean = "20ms" } }`.
    pub struct HashedWork {
        /// How.
        pub hashed: Hashed,
        /// What is asked for by requests that are neither of a recording nor of users who are `drawn`;
        /// exponential with the same mean unless given.
        pub otherwise: Option<Law>,
    }
}

/// How much a step asks for.
#[derive(Debug, Clone)]
pub enum Work {
    /// Drawn from a law.
    Law(Law),
    /// As recorded of the request.
    Recorded(Box<Recorded>),
    /// By a hash of the request.
    Hashed(Box<HashedWork>),
}

impl Spec for Work {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let has = |key: &str| {
            node.as_table()
                .is_some_and(|table| table.get(key).is_some())
        };
        if has("recorded") {
            return Recorded::read(node, out).map(|own| Self::Recorded(Box::new(own)));
        }
        if has("hashed") {
            return HashedWork::read(node, out).map(|own| Self::Hashed(Box::new(own)));
        }
        Law::read(node, out).map(Self::Law)
    }

    fn write(&self) -> Option<toml::Value> {
        match self {
            Self::Law(law) => law.write(),
            Self::Recorded(own) => own.write(),
            Self::Hashed(own) => own.write(),
        }
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({ "anyOf": [
            Law::schema(definitions),
            Recorded::schema(definitions),
            HashedWork::schema(definitions),
        ] })
    }
}
