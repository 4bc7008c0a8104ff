//! What a user does, step by step: requests, pauses, pages with their objects.

use crate::component::program::Demand;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::spec::{At, Count, Definitions, Node, Spec, Value, number_text};
use crate::units::SimDuration;
use crate::{leads, spec};

leads! {
    /// A step of what a user does.
    pub enum FlowStep {
        /// Sends a request and waits for the answer.
        Request(RequestStep) = "request",
        /// Sends a request, as load tools write it.
        Get(GetStep) = "get",
        /// Sends a request, as load tools write it.
        Post(PostStep) = "post",
        /// Pauses.
        Think(ThinkStep) = "think",
        /// Loads a page: a document, and then its objects over a few connections.
        Page(PageStep) = "page",
        /// Does steps several times.
        Repeat(RepeatStep) = "repeat",
        /// Does one of several things.
        Choose(ChooseStep) = "choose",
    }
}

spec! {
    /// Sends a request of a class and waits for the answer: `{ request = "page" }`.
    pub struct RequestStep {
        /// The class of the request.
        pub request: At<String>,
    }
}

spec! {
    /// Sends a request and waits for the answer: `{ get = "/api/health" }`.
    pub struct GetStep {
        /// The address. It is the class of the request unless `class` is given.
        pub get: At<String>,
        /// The class of the request.
        pub class: Option<At<String>>,
    }
}

spec! {
    /// Sends a request and waits for the answer: `{ post = "/api/validate" }`.
    pub struct PostStep {
        /// The address. It is the class of the request unless `class` is given.
        pub post: At<String>,
        /// The class of the request.
        pub class: Option<At<String>>,
    }
}

spec! {
    /// Pauses: `{ think = "2s" }`, `{ think = { lognormal = { median = "7s", cv = 1.3 } } }`.
    pub struct ThinkStep {
        /// How long. A bare number is seconds, as load tools write it.
        pub think: Pause,
    }
}

spec! {
    /// Loads a page as a browser does: the document first, then its objects, over a few connections:
    /// `{ page = "page", objects = 20, of = "asset" }`. The page is there when all objects are.
    pub struct PageStep {
        /// The class of the document.
        pub page: At<String>,
        /// How many objects it has.
        pub objects: At<Count>,
        /// The class of the objects.
        pub of: At<String>,
        /// How many of them are asked for at the same time: 6 is what browsers do with HTTP/1.1.
        pub connections: At<Count> = At::built_in(Count::new(6)),
    }
    check(Self::check)
}

/// The most objects of a page.
const MOST_OBJECTS: u32 = 10_000;

impl PageStep {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.objects.get() > MOST_OBJECTS {
            let problem = format!("a page has at most {MOST_OBJECTS} objects");
            out.push(Diagnostic::error(self.objects.origin, problem));
        }
    }
}

spec! {
    /// Does steps several times: `{ repeat = 3, steps = [...] }`.
    pub struct RepeatStep {
        /// How often.
        pub repeat: At<Count>,
        /// The steps.
        pub steps: Vec<FlowStep>,
    }
}

spec! {
    /// Does one of several things: `{ choose = [{ weight = 3, steps = [...] }, ...] }`.
    pub struct ChooseStep {
        /// What there is to choose from.
        pub choose: Vec<ChoiceBranch>,
    }
    check(Self::check)
}

impl ChooseStep {
    fn check(&self, table: Origin, out: &mut Diagnostics) {
        let sum: f64 = self.choose.iter().map(|branch| branch.weight.value).sum();
        if self.choose.is_empty() || sum <= 0.0 {
            out.push(Diagnostic::error(table, "there is nothing to choose from"));
        }
    }
}

spec! {
    /// One of several things to do.
    pub struct ChoiceBranch {
        /// How often it is chosen, in proportion to the others.
        pub weight: At<f64> = At::built_in(1.0),
        /// The steps.
        pub steps: Vec<FlowStep>,
    }
    check(Self::check)
}

impl ChoiceBranch {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.weight.value < 0.0 {
            let problem = format!(
                "a weight cannot be negative, found {}",
                number_text(self.weight.value)
            );
            out.push(Diagnostic::error(self.weight.origin, problem));
        }
    }
}

/// How long a pause is: a law, or a bare number of seconds.
#[derive(Debug, Clone)]
pub struct Pause(pub Law);

impl Spec for Pause {
    fn read(node: &Node, out: &mut Diagnostics) -> Option<Self> {
        let seconds = match node.value {
            Value::Whole(whole) => whole as f64,
            Value::Real(number) => number,
            _ => return Law::read(node, out).map(Self),
        };
        if !(0.0..=1e9).contains(&seconds) {
            let problem = format!("not a pause: {} seconds", number_text(seconds));
            out.push(Diagnostic::error(node.origin, problem));
            return None;
        }
        let span = At {
            value: SimDuration::from_secs_f64(seconds),
            origin: node.origin,
        };
        Some(Self(Law::Constant(crate::dist::constant::Constant(span))))
    }
    fn write(&self) -> Option<toml::Value> {
        self.0.write()
    }
    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        let law = Law::schema(definitions);
        serde_json::json!({ "anyOf": [law, { "type": "number", "description": "Seconds." }] })
    }
}

/// One instruction of a user.
#[derive(Debug, Clone, Copy)]
pub enum Move {
    /// Sends a request of one of the source's choices `from..to`, and waits for the answer.
    Send {
        /// The first of them.
        from: u16,
        /// The one after the last.
        to: u16,
    },
    /// Sends `count` requests, at most `at_once` of them at the same time, and waits for all.
    Fetch {
        /// Which of the source's choices.
        choice: u16,
        /// How many.
        count: u16,
        /// How many at the same time.
        at_once: u16,
    },
    /// Pauses.
    Think(Demand),
    /// Pauses until so much time has passed since the round began.
    Pace(Demand),
    /// Goes on with the next one with the given chance, else at `otherwise`.
    Chance {
        /// The chance as a threshold for a uniform 64-bit number.
        below: u64,
        /// Where to go on otherwise.
        otherwise: u16,
    },
    /// Goes on elsewhere.
    Jump(u16),
    /// The round is over.
    End,
}
