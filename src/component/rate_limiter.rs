//! A rate limiter: a gateway that lets some requests pass, keeps some waiting, and turns the others away.

use super::gateway::ClientLeft;
use super::program::Visit;
use super::request::{Flags, Frame, RequestId};
use super::{Component, Context, Gauge, Kept, NodeId, Step, Tally};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::metrics::{CounterId, Outcome};
use crate::policy::admission::{Limit, RequestLimit, Sender, Verdict};
use crate::rng::Streams;
use crate::spec;
use crate::spec::At;
use crate::units::SimDuration;

spec! {
    /// Limits how many requests pass.
    pub struct RateLimiter {
        /// What is behind it: a balancer, a service, or another gateway.
        pub to: At<String>,
        /// Its limits. They are asked in this order; a request passes if all of them let it.
        pub limits: Vec<RequestLimit>,
        /// How long a client that is turned away is asked to stay away (Retry-After).
        pub retry_after: Option<At<SimDuration>>,
    }
    check(Self::check)
}

impl RateLimiter {
    fn check(&self, origin: Origin, out: &mut Diagnostics) {
        if self.limits.is_empty() {
            let problem = "a rate limiter needs a limit";
            let help = "add one: limits = [{ concurrency = { max = 100 } }]";
            out.push(Diagnostic::error(origin, problem).help(help));
        }
    }
}

/// A rate limiter with every name resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Its limits.
    pub limits: Vec<RequestLimit>,
    /// How long a client that is turned away is asked to stay away.
    pub retry_after: Option<SimDuration>,
}

/// What is counted of a limit.
#[derive(Debug, Clone, Copy)]
struct Counts {
    passed: CounterId,
    delayed: CounterId,
    rejected: CounterId,
}

/// A rate limiter at work. The number that a frame holds is that of the limits which have let the request
/// pass, from the first on: those that count what is under way count it.
#[derive(Debug)]
pub struct State {
    name: String,
    limits: Vec<Limit>,
    counts: Vec<Counts>,
    retry_after: Option<SimDuration>,
}

/// Who sends a request.
fn sender_of(id: RequestId, cx: &Context) -> Sender {
    let is_known = cx.requests.get(id).flags.has(Flags::KNOWN);
    let extra = is_known.then(|| cx.requests.extra(id));
    Sender {
        client: extra.map(|extra| extra.client),
        address: extra.map(|extra| extra.address),
    }
}

impl State {
    pub(super) fn new(plan: &Plan, _: NodeId, _: Streams, cx: &mut Context) -> Self {
        let counts = plan.limits.iter().map(|_| Counts {
            passed: cx.recorder.add_counter(),
            delayed: cx.recorder.add_counter(),
            rejected: cx.recorder.add_counter(),
        });
        Self {
            name: plan.name.clone(),
            counts: counts.collect(),
            limits: plan.limits.iter().map(RequestLimit::start).collect(),
            retry_after: plan.retry_after,
        }
    }

    /// A request is held against the limits that it has not passed yet.
    fn asks(&mut self, id: RequestId, cx: &mut Context) -> Step {
        let (now, sender) = (cx.now(), sender_of(id, cx));
        let passed = cx.requests.get(id).frame.instance as usize;
        for at in passed..self.limits.len() {
            let (limit, counts) = (&mut self.limits[at], self.counts[at]);
            let verdict = limit.ask(sender, now);
            if verdict == Verdict::Reject {
                cx.recorder.count(counts.rejected);
                let outcome = limit.turned_away();
                return self.rejects(id, outcome, cx);
            }
            cx.requests.get_mut(id).frame.instance = at as u32 + 1;
            if let Verdict::Delay(span) = verdict {
                cx.recorder.count(counts.delayed);
                cx.resume_after(span, id);
                return Step::Blocked;
            }
            cx.recorder.count(counts.passed);
        }
        Step::Next
    }

    fn rejects(&mut self, id: RequestId, outcome: Outcome, cx: &mut Context) -> Step {
        if self.retry_after.is_some() && cx.requests.get(id).flags.has(Flags::ATTEMPT) {
            cx.requests.extra_mut(id).retry_after = self.retry_after;
        }
        Step::Fail(outcome)
    }

    /// What limits count for a request that has passed the first `passed` of them, they count no more.
    fn gives_back(&mut self, id: RequestId, passed: u32, cx: &Context) {
        let sender = sender_of(id, cx);
        for limit in &mut self.limits[..passed as usize] {
            limit.done(sender);
        }
    }
}

impl Component for State {
    fn visit(&mut self, id: RequestId, _: Visit, cx: &mut Context) -> Step {
        self.asks(id, cx)
    }

    fn resume(&mut self, id: RequestId, _: Visit, cx: &mut Context) -> Step {
        self.asks(id, cx)
    }

    fn withdraw(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let slot = cx.requests.get(id).slot();
        cx.scheduler.cancel(slot);
        true
    }

    fn let_go(&mut self, id: RequestId, frame: &Frame, _: Outcome, cx: &mut Context) {
        self.gives_back(id, frame.instance, cx);
    }

    /// To the limiter the request is over, whatever those behind it still do.
    fn client_left(&mut self, id: RequestId, frame: &Frame, cx: &mut Context) -> (ClientLeft, u32) {
        self.gives_back(id, frame.instance, cx);
        (ClientLeft::PassedOn, 0)
    }

    fn gauges(&self) -> Vec<Gauge> {
        let gauge = |what, counter| Gauge {
            component: self.name.clone(),
            what,
            kept: Kept::Counter(counter),
        };
        let counts = self.counts.iter();
        let each = counts.flat_map(|own| {
            [
                gauge("passed", own.passed),
                gauge("delayed", own.delayed),
                gauge("rejected", own.rejected),
            ]
        });
        each.collect()
    }

    fn audit(&self, own: NodeId, seen: &Tally, _: &Context) {
        for (at, limit) in self.limits.iter().enumerate() {
            let beyond = (at as u32 + 1)..=self.limits.len() as u32;
            let inside: u64 = beyond.map(|passed| seen.inside(own, passed)).sum();
            if let Some(counted) = limit.under_way() {
                let name = &self.name;
                assert_eq!(counted, inside, "requests that limit {at} of {name} counts");
            }
        }
    }
}
