//! A rate limiter: lets some requests pass, keeps some waiting, and turns the others away.
//!
//! As a gateway it is passed on the way to something else, as nginx is, and knows what is under way behind
//! it. A step of an operation can ask it as well, as a program does that counts for itself
//! (express-rate-limit in a Node process); then it may be each instance's, or each worker's, own.

use super::cache::Scope;
use super::gateway::ClientLeft;
use super::program::Visit;
use super::request::{Flags, Frame, RequestId};
use super::{Component, Context, Gauge, Kept, NodeId, Resource, Step, Tally};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::metrics::{CounterId, LevelId, Outcome};
use crate::policy::admission::{self, Limit, RequestLimit, Sender, Verdict};
use crate::rng::Streams;
use crate::spec;
use crate::spec::At;
use crate::units::{Fraction, SimDuration};

spec! {
    /// Limits how many requests pass: in front of a balancer, a service or another gateway, or where a step
    /// of an operation asks it.
    pub struct RateLimiter {
        /// What is behind it: a balancer, a service, or another gateway. Not needed where only steps ask it.
        pub to: Option<At<String>>,
        /// Its limits. They are asked in this order; a request passes if all of them let it.
        pub limits: Vec<RequestLimit>,
        /// Who has one of their own, where steps ask it.
        pub scope: At<Scope> = At::built_in(Scope::Shared),
        /// Whether it only counts what it would do, and lets everything pass at once.
        pub dry_run: At<bool> = At::built_in(false),
        /// How long a client that is turned away is asked to stay away (Retry-After); unless given, as long
        /// as a window or a bucket says, and nothing by the limits of nginx.
        pub retry_after: Option<At<SimDuration>>,
    }
    check(Self::check)
}

spec! {
    /// Asks a rate limiter: `{ rate_limit = "api_limiter" }`. A request that is turned away fails here. All
    /// limits are asked at once, and the request waits for the longest of their delays.
    pub struct RateLimitStep {
        /// The rate limiter.
        pub rate_limit: At<String>,
        /// How often the step is done at all.
        pub probability: At<Fraction> = At::built_in(Fraction::ONE),
    }
}

/// How many limits a rate limiter can have: each is a bit of what it holds for a request.
const MOST_LIMITS: usize = 24;

impl RateLimiter {
    fn check(&self, origin: Origin, out: &mut Diagnostics) {
        if self.limits.is_empty() {
            let problem = "a rate limiter needs a limit";
            let help = "add one: limits = [{ concurrency = { max = 100 } }]";
            out.push(Diagnostic::error(origin, problem).help(help));
        }
        if self.limits.len() > MOST_LIMITS {
            let problem = format!("a rate limiter has at most {MOST_LIMITS} limits");
            out.push(Diagnostic::error(origin, problem));
        }
        let mut after = self
            .limits
            .iter()
            .skip_while(|limit| !matches!(limit, RequestLimit::LimitConn(_)));
        let late = after.find_map(|limit| match limit {
            RequestLimit::LimitReq(late) => Some(late.rate.origin),
            _ => None,
        });
        if let Some(origin) = late {
            let problem = "nginx asks `limit_req` before `limit_conn`, wherever they are written";
            out.push(Diagnostic::error(origin, problem).help("write limit_req first"));
        }
        if let (Some(to), false) = (&self.to, self.scope.value == Scope::Shared) {
            let problem = format!("a rate limiter in front of `{}` is one for all", to.value);
            out.push(
                Diagnostic::error(self.scope.origin, problem)
                    .help("leave out `to`, and let a step ask it: { rate_limit = \"...\" }"),
            );
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
    /// Who has one.
    pub scope: Scope,
    /// The service it is in, if it is in one, and how many instances and workers that can have.
    pub inside: Option<(NodeId, u32, u32)>,
    /// Whether it only counts what it would do.
    pub dry_run: bool,
    /// How long a client that is turned away is asked to stay away.
    pub retry_after: Option<SimDuration>,
}

impl Plan {
    /// Says why a rate limiter that runs cannot take over the settings of `other`.
    pub fn can_become(&self, other: &Self) -> Result<(), String> {
        let kind = |limit: &RequestLimit| (limit.word(), limit.key());
        if !self
            .limits
            .iter()
            .map(kind)
            .eq(other.limits.iter().map(kind))
        {
            return Err(
                "a limit cannot become another kind, or count others, while the system runs"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// What is kept of a limit.
#[derive(Debug, Clone)]
struct Books {
    /// What it is called within the limiter.
    word: String,
    passed: CounterId,
    delayed: CounterId,
    rejected: CounterId,
    /// Requests under way, where they are counted, and how many may be.
    under_way: Option<(LevelId, Option<LevelId>)>,
}

/// A rate limiter at work.
///
/// What a frame holds is, in its lowest bits, the number of limits that have been asked, and above them a
/// bit for each that counts the request as under way.
#[derive(Debug)]
pub struct State {
    name: String,
    scope: Scope,
    inside: Option<NodeId>,
    workers: u32,
    /// By who has one: its limits.
    units: Vec<Vec<Limit>>,
    /// The limits as they are where nobody has come yet.
    fresh: Vec<Limit>,
    books: Vec<Books>,
    waiting: LevelId,
    dry_run: bool,
    retry_after: Option<SimDuration>,
}

/// The bits of the number of limits that have been asked.
const ASKED: u32 = 0xFF;

/// The bit of a limit that counts a request as under way.
const fn bit_of(limit: usize) -> u32 {
    1 << (8 + limit)
}

/// What a limit is called within a limiter: by its kind, and its number if there are several of a kind.
fn word_of(limits: &[Limit], at: usize) -> String {
    let word = limits[at].word();
    let alike = |limits: &[Limit]| limits.iter().filter(|limit| limit.word() == word).count();
    if alike(limits) == 1 {
        return word.to_owned();
    }
    format!("{word} {}", alike(&limits[..=at]))
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
        let now = cx.now();
        let fresh = admission::start(&plan.limits);
        let recorder = &mut cx.recorder;
        let books = fresh.iter().enumerate().map(|(at, limit)| Books {
            word: word_of(&fresh, at),
            passed: recorder.add_counter(),
            delayed: recorder.add_counter(),
            rejected: recorder.add_counter(),
            under_way: limit.under_way().map(|_| {
                let most = limit.capacity();
                let most = most.map(|most| recorder.add_level_at(now, u64::from(most)));
                (recorder.add_level(), most)
            }),
        });
        let books = books.collect();
        let (_, instances, workers) = plan.inside.unwrap_or((NodeId::NONE, 1, 1));
        let n_units = match plan.scope {
            Scope::Shared => 1,
            Scope::Instance => instances,
            Scope::Worker => instances * workers,
        };
        Self {
            name: plan.name.clone(),
            scope: plan.scope,
            inside: plan.inside.map(|(service, ..)| service),
            workers,
            units: vec![fresh.clone(); n_units as usize],
            fresh,
            books,
            waiting: recorder.add_level(),
            dry_run: plan.dry_run,
            retry_after: plan.retry_after,
        }
    }

    /// A new instance of `service` comes up: its own limits have seen nothing.
    pub(super) fn instance_joins(&mut self, service: NodeId, instance: u32) {
        if self.inside != Some(service) {
            return;
        }
        let own = match self.scope {
            Scope::Shared => return,
            Scope::Instance => instance..instance + 1,
            Scope::Worker => instance * self.workers..(instance + 1) * self.workers,
        };
        for unit in own {
            self.units[unit as usize].clone_from(&self.fresh);
        }
    }

    /// Takes over the settings of `plan`; what has been counted is kept.
    pub(super) fn adopts(&mut self, plan: &Plan, cx: &mut Context) {
        let now = cx.now();
        self.fresh = admission::start(&plan.limits);
        for unit in &mut self.units {
            for (own, fresh) in unit.iter_mut().zip(&self.fresh) {
                own.adopts(fresh.clone(), now);
            }
        }
        for (limit, books) in self.fresh.iter().zip(&self.books) {
            if let (Some((used, Some(level))), Some(most)) = (books.under_way, limit.capacity()) {
                // What is under way beyond it has its places until it is over.
                let most = u64::from(most).max(cx.recorder.level_now(used));
                cx.recorder.level(level).set(now, most);
            }
        }
        self.retry_after = plan.retry_after;
    }

    /// Whose limits a step of a request in `frame` asks.
    fn unit_of(&self, frame: &Frame) -> usize {
        let at = match self.scope {
            Scope::Shared => 0,
            Scope::Instance => frame.instance,
            Scope::Worker => frame.instance * self.workers + u32::from(frame.worker),
        };
        at as usize
    }

    /// A request that passes through is held against the limits that have not been asked yet.
    #[inline]
    fn asks(&mut self, id: RequestId, cx: &mut Context) -> Step {
        let (now, sender) = (cx.now(), sender_of(id, cx));
        let mut held = cx.requests.get(id).frame.instance;
        for at in (held & ASKED) as usize..self.books.len() {
            let (limit, books) = (&mut self.units[0][at], &self.books[at]);
            let verdict = limit.ask(sender, now);
            held += 1;
            if !matches!(verdict, Verdict::Reject(_))
                && let Some((level, _)) = books.under_way
            {
                held |= bit_of(at);
                cx.recorder.level(level).up(now, 1);
            }
            cx.requests.get_mut(id).frame.instance = held;
            match verdict {
                Verdict::Pass => cx.recorder.count(books.passed),
                Verdict::Delay(span) => {
                    cx.recorder.count(books.delayed);
                    if !self.dry_run {
                        return self.delays(id, span, cx);
                    }
                }
                Verdict::Reject(wait) => {
                    cx.recorder.count(books.rejected);
                    if !self.dry_run {
                        let how = limit.turned_away();
                        return self.rejects(id, how, wait, cx);
                    }
                }
            }
        }
        Step::Next
    }

    /// A request of this sender will come: what is kept of it is fetched.
    pub(super) fn expects(&self, client: u32, address: u32) {
        let sender = Sender {
            client: Some(client),
            address: Some(address),
        };
        for limit in &self.units[0] {
            limit.expects(sender);
        }
    }

    /// A step of a request asks all limits at once.
    fn asks_at_once(&mut self, id: RequestId, cx: &mut Context) -> Step {
        let (now, sender) = (cx.now(), sender_of(id, cx));
        let unit = self.unit_of(&cx.requests.get(id).frame);
        let mut longest = SimDuration::ZERO;
        for (limit, books) in self.units[unit].iter_mut().zip(&self.books) {
            match limit.ask(sender, now) {
                Verdict::Pass => cx.recorder.count(books.passed),
                Verdict::Delay(span) => {
                    cx.recorder.count(books.delayed);
                    longest = longest.max(span);
                }
                Verdict::Reject(wait) => {
                    cx.recorder.count(books.rejected);
                    if !self.dry_run {
                        let how = limit.turned_away();
                        return self.rejects(id, how, wait, cx);
                    }
                }
            }
        }
        if self.dry_run || longest == SimDuration::ZERO {
            return Step::Next;
        }
        self.delays(id, longest, cx)
    }

    fn delays(&mut self, id: RequestId, span: SimDuration, cx: &mut Context) -> Step {
        let now = cx.now();
        cx.recorder.level(self.waiting).up(now, 1);
        cx.resume_after(span, id);
        Step::Blocked
    }

    fn rejects(
        &mut self,
        id: RequestId,
        (outcome, status): (Outcome, Option<u16>),
        wait: Option<SimDuration>,
        cx: &mut Context,
    ) -> Step {
        if !cx.program.cacheable.is_empty() {
            // Whoever keeps answers is told more than how the request ended.
            cx.requests.extra_mut(id).status = status;
        }
        if cx.requests.get(id).flags.has(Flags::ATTEMPT) {
            cx.requests.extra_mut(id).retry_after = self.retry_after.or(wait);
        }
        Step::Fail(outcome)
    }

    /// Whatever limits count a request as under way, they do so no more.
    #[inline]
    fn gives_back(&mut self, id: RequestId, held: u32, cx: &mut Context) {
        if held & !ASKED == 0 {
            return;
        }
        let (now, sender) = (cx.now(), sender_of(id, cx));
        for (at, limit) in self.units[0].iter_mut().enumerate() {
            if held & bit_of(at) != 0 {
                limit.done(sender);
                if let Some((level, capacity)) = self.books[at].under_way {
                    cx.recorder.level(level).down(now, 1);
                    if let (Some(capacity), Some(most)) = (capacity, limit.capacity()) {
                        cx.takes_places_away(capacity, level, u64::from(most));
                    }
                }
            }
        }
    }

    /// What a limit is called: after the limiter if it is its only one.
    fn called(&self, books: &Books) -> String {
        if self.books.len() == 1 {
            return self.name.clone();
        }
        format!("{} {}", self.name, books.word)
    }
}

impl Component for State {
    #[inline]
    fn visit(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        if matches!(visit, Visit::Ask) {
            return self.asks_at_once(id, cx);
        }
        self.asks(id, cx)
    }

    fn resume(&mut self, id: RequestId, visit: Visit, cx: &mut Context) -> Step {
        let now = cx.now();
        cx.recorder.level(self.waiting).down(now, 1);
        if matches!(visit, Visit::Ask) {
            return Step::Next;
        }
        self.asks(id, cx)
    }

    fn withdraw(&mut self, id: RequestId, cx: &mut Context) -> bool {
        let (now, slot) = (cx.now(), cx.requests.get(id).slot());
        cx.scheduler.cancel(slot);
        cx.recorder.level(self.waiting).down(now, 1);
        true
    }

    #[inline]
    fn let_go(&mut self, id: RequestId, frame: &Frame, _: Outcome, cx: &mut Context) {
        self.gives_back(id, frame.instance, cx);
    }

    /// To the limiter the request is over, whatever those behind it still do.
    fn client_left(&mut self, id: RequestId, frame: &Frame, cx: &mut Context) -> (ClientLeft, u32) {
        self.gives_back(id, frame.instance, cx);
        (ClientLeft::PassedOn, frame.instance & ASKED)
    }

    fn resources(&self) -> Vec<Resource> {
        let resource = |books: &Books| {
            let (used, capacity) = books.under_way?;
            let what = (books.word.as_str(), "request");
            Some(Resource::slots(&self.name, what, used, Some(capacity?)))
        };
        self.books.iter().filter_map(resource).collect()
    }

    fn gauges(&self) -> Vec<Gauge> {
        let mut all = vec![Gauge::new(&self.name, "waiting", Kept::Level(self.waiting))];
        for books in &self.books {
            let counts = [
                ("passed", books.passed),
                ("delayed", books.delayed),
                ("rejected", books.rejected),
            ];
            all.extend(counts.map(|(what, counter)| {
                Gauge::new(&self.called(books), what, Kept::Counter(counter))
            }));
        }
        all
    }

    fn audit(&self, own: NodeId, seen: &Tally, cx: &Context) {
        let name = &self.name;
        let waiting = cx.recorder.level_now(self.waiting);
        assert_eq!(
            waiting,
            seen.visiting(own),
            "requests kept waiting by {name}"
        );
        for (at, limit) in self.units[0].iter().enumerate() {
            let Some(counted) = limit.under_way() else {
                continue;
            };
            let held = seen.held(own).filter(|(held, _)| held & bit_of(at) != 0);
            let inside: u64 = held.map(|(_, n)| n).sum();
            assert_eq!(counted, inside, "requests that limit {at} of {name} counts");
        }
    }
}
