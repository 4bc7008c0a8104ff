//! One pool at work.

use std::collections::VecDeque;

use super::rules::{Breaks, Expires, Order, Rules, WhenFull};
use crate::units::{SimDuration, SimTime};

/// An open connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Since when it is idle, where it is.
    pub idle_since: SimTime,
    /// From when on it is too old; never, unless its age is limited.
    pub expires: SimTime,
    /// How often it was used.
    pub uses: u32,
    /// Counts the connections that the pool has opened.
    pub number: u32,
    /// The other side has closed it.
    pub dead: bool,
    /// What a pooler on the other side keeps for it as long as it is open; [`Connection::NOTHING`] if nothing.
    pub session: u32,
}

impl Connection {
    /// What is not known of a connection where nobody needs to know it.
    pub const ANY: Self = Self {
        idle_since: SimTime::ZERO,
        expires: SimTime::NEVER,
        uses: 0,
        number: 0,
        dead: false,
        session: Self::NOTHING,
    };

    /// No session.
    pub const NOTHING: u32 = u32::MAX;
}

/// What comes of asking for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Here it is.
    Got(Connection),
    /// Here it is, but it has to be tested first.
    Tests(Connection),
    /// Whoever asked opens one, and waits for it.
    Opens,
    /// In line.
    Waits,
    /// There is none, and nobody waits.
    Full,
    /// There is none, and none could be opened when that was tried last.
    Refused,
}

/// What a pool does next, after something has happened: at most one of those in line moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing.
    Rests,
    /// This one gets the connection, if need be after a test.
    Gives(u32, Connection, bool),
    /// This one opens a connection for itself, and waits for that one.
    Opens(u32),
    /// This one may ask again, and goes to the end of the line if others were faster.
    Wakes(u32),
}

/// What the pool itself does about opening connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Opener {
    #[default]
    Asleep,
    Opens,
    Pauses,
}

/// One pool: its connections, and who waits for one. Those who wait are numbers of the caller's choice.
///
/// What a request touches that gets an idle connection stands first and together: there are many pools, and
/// requests come to all in turn.
#[derive(Debug, Clone, Default)]
#[repr(C, align(64))]
pub struct Unit {
    idle: VecDeque<Connection>,
    /// Live ones closed since this was asked for last.
    closed: u32,
    /// All connections, those being opened included.
    open: u32,
    /// Those being opened.
    opening: u32,
    /// Idle ones that the other side has closed.
    dead: u32,
    /// How many it has opened so far.
    made: u32,
    /// Failed attempts of the opener in a row.
    failures: u32,
    opener: Opener,
    waiting: VecDeque<u32>,
    /// What poolers kept for those closed since this was asked for last.
    sessions: Vec<u32>,
}

impl Unit {
    /// An empty pool with room for so many idle connections and so many who wait, before it grows.
    pub fn with_room(idle: usize, waiting: usize) -> Self {
        Self {
            idle: VecDeque::with_capacity(idle),
            waiting: VecDeque::with_capacity(waiting),
            ..Self::default()
        }
    }

    /// How many live connections have been closed since this was asked for last; the database is to hear of
    /// them.
    #[inline]
    pub fn take_closed(&mut self) -> u32 {
        std::mem::take(&mut self.closed)
    }

    /// What a pooler kept for a connection that was closed; to be asked for until there is nothing more.
    pub fn take_session(&mut self) -> Option<u32> {
        self.sessions.pop()
    }

    fn ends_session(&mut self, connection: Connection) {
        if connection.session != Connection::NOTHING {
            self.sessions.push(connection.session);
        }
    }

    /// Somebody asks for a connection.
    #[inline]
    pub fn ask(&mut self, rules: &Rules, is_plain: bool, who: u32, now: SimTime) -> Asked {
        if is_plain {
            if let Some(connection) = self.idle.pop_back() {
                return Asked::Got(connection);
            }
        } else if let Some(asked) = self.takes_idle(rules, now) {
            return asked;
        }
        if self.open < rules.most() {
            if rules.background().is_none() {
                self.open += 1;
                self.opening += 1;
                return Asked::Opens;
            }
        } else if rules.when_full == WhenFull::Fail {
            return Asked::Full;
        }
        if self.failures > 0 && rules.fails_fast && self.open == self.opening {
            return Asked::Refused;
        }
        self.waiting.push_back(who);
        Asked::Waits
    }

    fn takes_idle(&mut self, rules: &Rules, now: SimTime) -> Option<Asked> {
        loop {
            let connection = match rules.order {
                Order::Lifo => self.idle.pop_back()?,
                Order::Fifo | Order::Oldest => self.idle.pop_front()?,
            };
            let is_tested = rules.is_tested(now.since(connection.idle_since));
            let is_old = connection.expires <= now
                && (rules.expires != Expires::OnReturn || connection.expires == SimTime::ZERO);
            self.dead -= u32::from(connection.dead);
            if is_old || (connection.dead && is_tested) {
                self.closed += u32::from(!connection.dead);
                self.ends_session(connection);
                if rules.background().is_none() {
                    self.opening += 1;
                    return Some(Asked::Opens);
                }
                self.open -= 1;
                continue;
            }
            return Some(if is_tested {
                Asked::Tests(connection)
            } else {
                Asked::Got(connection)
            });
        }
    }

    /// Somebody gives its connection back, `broken` or not.
    #[inline]
    pub fn give_back(
        &mut self,
        rules: &Rules,
        mut connection: Connection,
        broken: bool,
        now: SimTime,
    ) -> Turn {
        connection.uses += 1;
        let is_old = connection.expires <= now && rules.expires != Expires::OnCheckout;
        let is_used_up = connection.uses >= rules.max_uses;
        if broken || is_old || is_used_up {
            return self.closes(rules, connection, broken);
        }
        self.serves(rules, connection, now)
    }

    #[cold]
    fn closes(&mut self, rules: &Rules, connection: Connection, broken: bool) -> Turn {
        self.open -= 1;
        self.closed += u32::from(!connection.dead);
        self.ends_session(connection);
        if broken && rules.breaks == Breaks::FirstUse {
            for own in &mut self.idle {
                own.expires = SimTime::ZERO;
            }
        }
        self.after_close(rules)
    }

    /// A free connection goes to the first in line, or becomes idle.
    #[inline]
    fn serves(&mut self, rules: &Rules, connection: Connection, now: SimTime) -> Turn {
        if self.open > rules.most() {
            // Somebody has made the pool smaller meanwhile.
            self.open -= 1;
            self.closed += u32::from(!connection.dead);
            return Turn::Rests;
        }
        if !rules.barging
            && let Some(next) = self.waiting.pop_front()
        {
            if connection.expires <= now && rules.expires == Expires::OnCheckout {
                self.closed += 1;
                self.ends_session(connection);
                self.opening += 1;
                return Turn::Opens(next);
            }
            return Turn::Gives(next, connection, rules.is_tested(SimDuration::ZERO));
        }
        if rules.overflow > 0 && self.idle.len() >= rules.max as usize {
            self.open -= 1;
            self.closed += 1;
            self.ends_session(connection);
            return self.after_close(rules);
        }
        let connection = Connection {
            idle_since: now,
            ..connection
        };
        if rules.order == Order::Oldest {
            let at = self
                .idle
                .partition_point(|own| own.number < connection.number);
            self.idle.insert(at, connection);
        } else {
            self.idle.push_back(connection);
        }
        if rules.barging
            && let Some(next) = self.waiting.pop_front()
        {
            return Turn::Wakes(next);
        }
        Turn::Rests
    }

    /// There is room for another connection.
    fn after_close(&mut self, rules: &Rules) -> Turn {
        if !rules.wakes_after_close || rules.background().is_some() || self.open >= rules.most() {
            return Turn::Rests;
        }
        let Some(next) = self.waiting.pop_front() else {
            return Turn::Rests;
        };
        self.open += 1;
        self.opening += 1;
        Turn::Opens(next)
    }

    /// Somebody has changed how many connections there may be: idle ones that are too many are closed.
    pub fn shrinks(&mut self, rules: &Rules) {
        while self.open > rules.most()
            && let Some(connection) = self.idle.pop_front()
        {
            self.open -= 1;
            self.dead -= u32::from(connection.dead);
            self.closed += u32::from(!connection.dead);
        }
    }

    /// The next one in line that opens a connection now that there is room for more.
    pub fn grows(&mut self, rules: &Rules) -> Turn {
        self.after_close(rules)
    }

    /// The time of somebody in line is up. True if it opens a connection, there being room that nobody
    /// told it of; else it fails.
    pub fn times_out(&mut self, rules: &Rules, who: u32) -> bool {
        self.leaves_line(who);
        let opens =
            !rules.wakes_after_close && rules.background().is_none() && self.open < rules.most();
        self.open += u32::from(opens);
        self.opening += u32::from(opens);
        opens
    }

    /// Somebody leaves the line, wherever it stands.
    pub fn leaves_line(&mut self, who: u32) {
        let at = self.waiting.iter().position(|own| *own == who);
        self.waiting
            .remove(at.expect("only who waits leaves the line"));
    }

    /// A connection has been opened, which expires at `expires`, for whoever opened it.
    pub fn opened(&mut self, expires: SimTime) -> Connection {
        self.opening -= 1;
        self.made += 1;
        self.failures = 0;
        Connection {
            expires,
            number: self.made,
            ..Connection::ANY
        }
    }

    /// A connection has been opened by the pool itself, or for somebody who does not wait for it any more.
    pub fn opened_for_any(&mut self, rules: &Rules, expires: SimTime, now: SimTime) -> Turn {
        let connection = self.opened(expires);
        self.serves(rules, connection, now)
    }

    /// A connection could not be opened.
    pub fn open_fails(&mut self, rules: &Rules) -> Turn {
        self.opening -= 1;
        self.open -= 1;
        self.failures += 1;
        self.after_close(rules)
    }

    /// True if the pool itself opens a connection now; it is on its way then.
    pub fn opens_one(&mut self, rules: &Rules) -> bool {
        let is_wanted = (self.idle.len() as u32) < rules.min.min(rules.max)
            || self.waiting.len() > self.idle.len();
        is_wanted && self.opens_unasked(rules)
    }

    /// The same, whether anybody is there who wants it or not.
    pub fn opens_unasked(&mut self, rules: &Rules) -> bool {
        let may = rules.background().is_some()
            && self.opener == Opener::Asleep
            && self.open < rules.most();
        if !may {
            return false;
        }
        self.opener = Opener::Opens;
        self.open += 1;
        self.opening += 1;
        true
    }

    /// The pool's own attempt to open a connection is over, well or not; gives back how long it pauses.
    pub fn pauses(&mut self, rules: &Rules) -> SimDuration {
        let Some(own) = rules.background() else {
            return SimDuration::ZERO;
        };
        self.opener = Opener::Pauses;
        if self.failures == 0 {
            return own.gap.value;
        }
        let doubled = 1u64 << (self.failures - 1).min(32);
        let pause = own.retry_from.value.as_nanos().saturating_mul(doubled);
        SimDuration::from_nanos(pause.min(own.retry_to.value.as_nanos()))
    }

    /// The pause is over.
    pub fn pause_ends(&mut self) {
        if self.opener == Opener::Pauses {
            self.opener = Opener::Asleep;
        }
    }

    /// One of the connections that a pool has from the start is being opened, at the pool's own expense.
    pub fn opens_ahead(&mut self) {
        self.open += 1;
        self.opening += 1;
    }

    /// When the next idle connection is to be closed.
    pub fn next_close(&self, rules: &Rules) -> Option<SimTime> {
        let idle = rules.idle_timeout.filter(|_| self.open > rules.min);
        let idle = idle.and_then(|timeout| {
            let since = match rules.order {
                Order::Oldest => self.idle.iter().map(|own| own.idle_since).min(),
                Order::Lifo | Order::Fifo => self.idle.front().map(|own| own.idle_since),
            };
            Some(rules.closes_at(since? + timeout))
        });
        let expires = match rules.expires {
            Expires::WhenIdle => self.idle.iter().map(|own| own.expires).min(),
            Expires::OnReturn | Expires::OnCheckout => None,
        };
        let expires = expires.filter(|at| *at != SimTime::NEVER);
        [idle, expires].into_iter().flatten().min()
    }

    /// Closes the idle connections whose time is over; gives back how many live ones.
    pub fn close_idle(&mut self, rules: &Rules, now: SimTime) -> u32 {
        let before = (self.idle.len(), self.dead);
        if rules.expires == Expires::WhenIdle {
            for at in (0..self.idle.len()).rev() {
                if self.idle[at].expires <= now {
                    self.closes_idle(at);
                }
            }
        }
        let mut spare = (self.open - (before.0 - self.idle.len()) as u32).saturating_sub(rules.min);
        if let Some(timeout) = rules.idle_timeout {
            if rules.order == Order::Oldest {
                // Which of them go: those opened last.
                for at in (0..self.idle.len()).rev() {
                    if spare > 0 && self.idle[at].idle_since + timeout <= now {
                        self.closes_idle(at);
                        spare -= 1;
                    }
                }
            } else {
                while spare > 0
                    && self
                        .idle
                        .front()
                        .is_some_and(|own| own.idle_since + timeout <= now)
                {
                    self.closes_idle(0);
                    spare -= 1;
                }
            }
        }
        let gone = (before.0 - self.idle.len()) as u32;
        self.open -= gone;
        self.dead = self.idle.iter().filter(|own| own.dead).count() as u32;
        gone - (before.1 - self.dead)
    }

    fn closes_idle(&mut self, at: usize) {
        if let Some(connection) = self.idle.remove(at) {
            self.ends_session(connection);
        }
    }

    /// The other side closes every connection. Gives back how many live idle ones are gone; those in use
    /// come back broken.
    pub fn breaks(&mut self, rules: &Rules) -> u32 {
        let live = self.idle.len() as u32 - self.dead;
        if rules.breaks == Breaks::Seen {
            self.open -= self.idle.len() as u32;
            self.clears_idle();
            self.dead = 0;
        } else {
            self.dead = self.idle.len() as u32;
            for own in &mut self.idle {
                own.dead = true;
            }
        }
        live
    }

    /// The pool is gone, with everything in it.
    pub fn stop(&mut self) {
        self.clears_idle();
        self.waiting.clear();
        *self = Self {
            idle: std::mem::take(&mut self.idle),
            waiting: std::mem::take(&mut self.waiting),
            sessions: std::mem::take(&mut self.sessions),
            ..Self::default()
        };
    }

    fn clears_idle(&mut self) {
        while !self.idle.is_empty() {
            self.closes_idle(self.idle.len() - 1);
        }
    }

    /// Connections that the other side knows, those being opened left out.
    pub fn n_live(&self) -> u32 {
        self.open - self.opening - self.dead
    }

    /// Connections that somebody holds.
    pub fn n_held(&self) -> u32 {
        self.open - self.opening - self.idle.len() as u32
    }

    /// Connections, those being opened included.
    pub fn n_open(&self) -> u32 {
        self.open
    }

    /// How many wait in line.
    pub fn n_waiting(&self) -> u32 {
        self.waiting.len() as u32
    }

    /// The first in line.
    pub fn first_waiting(&self) -> Option<u32> {
        self.waiting.front().copied()
    }

    /// How many connections it has opened.
    pub fn n_made(&self) -> u32 {
        self.made
    }
}
