//! Sequences worked out by hand from what the software does.

use super::*;
use crate::spec::At;
use crate::units::{SimDuration, SimTime};

/// A pool at work and a log of what happens: `3 gets 1` means that request 3 gets the connection that was
/// opened first.
struct Bench {
    rules: Rules,
    unit: Unit,
    now: SimTime,
    age: Option<SimDuration>,
    /// Who is opening a connection, in the order of beginning; nobody for the pool itself.
    opening: Vec<Option<u32>>,
    held: Vec<(u32, Connection)>,
    log: Vec<String>,
}

fn seconds(n: f64) -> SimDuration {
    SimDuration::from_secs_f64(n)
}

fn rules() -> Rules {
    Rules {
        min: 0,
        max: 2,
        overflow: 0,
        order: Order::Lifo,
        opens: Opens::ByRequest(ByRequest {}),
        idle_timeout: None,
        housekeeping: None,
        expires: Expires::OnReturn,
        max_uses: u32::MAX,
        test: Test::None(NoTest {}),
        barging: false,
        wakes_after_close: true,
        when_full: WhenFull::Wait,
        fails_fast: false,
        breaks: Breaks::Seen,
    }
}

impl Bench {
    fn new(rules: Rules) -> Self {
        Self {
            rules,
            unit: Unit::default(),
            now: SimTime::ZERO,
            age: None,
            opening: Vec::new(),
            held: Vec::new(),
            log: Vec::new(),
        }
    }

    fn say(&mut self, what: String) {
        self.log.push(what);
    }

    fn gets(&mut self, who: u32, connection: Connection, tests: bool) {
        let tested = if tests { " tested" } else { "" };
        self.say(format!("{who} gets {}{tested}", connection.number));
        self.held.push((who, connection));
    }

    fn opens(&mut self, who: u32) {
        self.opening.push(Some(who));
        self.say(format!("{who} opens"));
    }

    fn asks(&mut self, who: u32) {
        let plain = self.rules.is_plain();
        match self.unit.ask(&self.rules, plain, who, self.now) {
            Asked::Got(connection) => self.gets(who, connection, false),
            Asked::Tests(connection) => self.gets(who, connection, true),
            Asked::Opens => self.opens(who),
            Asked::Waits => self.say(format!("{who} waits")),
            Asked::Full => self.say(format!("{who} is turned away")),
            Asked::Refused => {
                self.say(format!("{who} fails"));
                if self.unit.opens_unasked(&self.rules) {
                    self.opening.push(None);
                    self.say("the pool opens".to_owned());
                }
            }
        }
        self.closes();
    }

    fn closes(&mut self) {
        let closed = self.unit.take_closed();
        if closed > 0 {
            self.say(format!("{closed} closed"));
        }
        if self.unit.opens_one(&self.rules) {
            self.opening.push(None);
            self.say("the pool opens".to_owned());
        }
    }

    fn acts(&mut self, turn: Turn) {
        self.closes();
        match turn {
            Turn::Rests => {}
            Turn::Gives(who, connection, tests) => self.gets(who, connection, tests),
            Turn::Opens(who) => self.opens(who),
            Turn::Wakes(who) => self.say(format!("{who} is woken")),
        }
    }

    fn returns(&mut self, who: u32, broken: bool) {
        let at = self.held.iter().position(|own| own.0 == who);
        let (_, connection) = self.held.remove(at.expect("who returns holds"));
        let turn = self
            .unit
            .give_back(&self.rules, connection, broken, self.now);
        self.acts(turn);
    }

    fn expires(&self) -> SimTime {
        self.age.map_or(SimTime::NEVER, |age| self.now + age)
    }

    /// The attempt that `who` waits for succeeds.
    fn opened(&mut self, who: u32) {
        let at = self.opening.iter().position(|own| *own == Some(who));
        self.opening.remove(at.expect("who opened was opening"));
        let connection = self.unit.opened(self.expires());
        self.gets(who, connection, false);
    }

    /// An attempt that nobody waits for succeeds.
    fn opened_late(&mut self) {
        let at = self.opening.iter().position(Option::is_none);
        self.opening.remove(at.expect("somebody opens"));
        let expires = self.expires();
        let turn = self.unit.opened_for_any(&self.rules, expires, self.now);
        self.acts(turn);
    }

    fn after(&mut self, span: f64) {
        self.now += seconds(span);
    }

    fn log(&mut self) -> String {
        std::mem::take(&mut self.log).join("; ")
    }
}

/// Whoever opened waits for its own connection, even if another is given back meanwhile, which goes to the
/// next in line; the one used last is taken first.
#[test]
fn node_postgres_waits_for_the_connection_that_it_opened() {
    let mut pool = Bench::new(rules());
    pool.asks(1);
    pool.opened(1);
    pool.asks(2);
    pool.asks(3);
    // 2 still opens; what 1 gives back is for 3.
    pool.returns(1, false);
    assert_eq!(pool.log(), "1 opens; 1 gets 1; 2 opens; 3 waits; 3 gets 1");
    pool.opened(2);
    pool.returns(2, false);
    pool.returns(3, false);
    pool.asks(4);
    pool.asks(5);
    assert_eq!(pool.log(), "2 gets 2; 4 gets 1; 5 gets 2");
}

/// A waiter that was let open and then ran out of time leaves a connection behind, which serves the next.
#[test]
fn node_postgres_keeps_the_connection_of_one_who_gave_up() {
    let mut pool = Bench::new(Rules {
        max: 1,
        max_uses: 1,
        ..rules()
    });
    pool.asks(1);
    pool.opened(1);
    pool.asks(2);
    pool.asks(3);
    // Used as often as it may be: closed, and the first in line opens another.
    pool.returns(1, false);
    assert_eq!(
        pool.log(),
        "1 opens; 1 gets 1; 2 waits; 3 waits; 1 closed; 2 opens"
    );
    pool.opening = vec![None];
    pool.opened_late();
    assert_eq!(pool.log(), "3 gets 2");
}

/// A refused attempt is an error for who made it, and the next in line tries.
#[test]
fn node_postgres_lets_the_next_try_after_a_failure() {
    let mut pool = Bench::new(Rules { max: 1, ..rules() });
    pool.asks(1);
    pool.asks(2);
    pool.asks(3);
    let turn = pool.unit.open_fails(&pool.rules);
    pool.acts(turn);
    assert_eq!(pool.log(), "1 opens; 2 waits; 3 waits; 2 opens");
    assert_eq!((pool.unit.n_open(), pool.unit.n_waiting()), (1, 1));
}

/// Down to `min` the longest idle are closed; the age counts from opening and is looked at on return.
#[test]
fn idle_and_old_connections_are_closed() {
    let mut pool = Bench::new(Rules {
        min: 1,
        max: 3,
        idle_timeout: Some(seconds(10.0)),
        ..rules()
    });
    pool.age = Some(seconds(60.0));
    for who in 1..=3 {
        pool.asks(who);
        pool.opened(who);
    }
    for who in 1..=3 {
        pool.after(1.0);
        pool.returns(who, false);
    }
    pool.log();
    let due = |pool: &Bench| pool.unit.next_close(&pool.rules).map(SimTime::as_secs_f64);
    assert_eq!(due(&pool), Some(11.0));
    pool.after(8.0);
    assert_eq!(pool.unit.close_idle(&pool.rules, pool.now), 1);
    assert_eq!(due(&pool), Some(12.0));
    pool.after(30.0);
    assert_eq!(pool.unit.close_idle(&pool.rules, pool.now), 1);
    assert_eq!((pool.unit.n_open(), due(&pool)), (1, None));
    // The one that is left is the one used last; at 61 s it is too old, which its return shows.
    pool.asks(4);
    pool.after(20.0);
    pool.returns(4, false);
    assert_eq!(pool.log(), "4 gets 3; 1 closed");
}

fn sqlalchemy() -> Rules {
    Rules {
        max: 1,
        overflow: 1,
        order: Order::Fifo,
        barging: true,
        wakes_after_close: false,
        expires: Expires::OnCheckout,
        breaks: Breaks::FirstUse,
        ..rules()
    }
}

/// Overflow connections are not special: whichever comes back when `pool_size` are idle is closed.
#[test]
fn sqlalchemy_closes_what_it_has_too_many_of() {
    let mut pool = Bench::new(sqlalchemy());
    pool.asks(1);
    pool.opened(1);
    pool.asks(2);
    pool.opened(2);
    pool.returns(2, false);
    pool.returns(1, false);
    pool.asks(3);
    assert_eq!(
        pool.log(),
        "1 opens; 1 gets 1; 2 opens; 2 gets 2; 1 closed; 3 gets 2"
    );
}

/// Whoever is woken may find that a newcomer was faster, and then stands at the end of the line.
#[test]
fn sqlalchemy_lets_newcomers_overtake() {
    let mut pool = Bench::new(sqlalchemy());
    for who in [1, 2] {
        pool.asks(who);
        pool.opened(who);
    }
    pool.asks(3);
    pool.asks(4);
    pool.log();
    pool.returns(1, false);
    pool.asks(5);
    pool.asks(3);
    assert_eq!(pool.log(), "3 is woken; 5 gets 1; 3 waits");
    pool.returns(5, false);
    pool.asks(4);
    pool.returns(2, false);
    pool.asks(3);
    assert_eq!(pool.log(), "4 is woken; 4 gets 1; 3 is woken; 3 gets 2");
}

/// Nobody in line hears of a connection that was closed after an error; when its time is up it opens one
/// instead of failing, and the next whose time is up fails.
#[test]
fn sqlalchemy_finds_room_when_the_wait_is_over() {
    let mut pool = Bench::new(sqlalchemy());
    for who in [1, 2] {
        pool.asks(who);
        pool.opened(who);
    }
    for who in [3, 4] {
        pool.asks(who);
    }
    pool.returns(1, true);
    assert_eq!((pool.unit.n_open(), pool.unit.n_waiting()), (1, 2));
    assert!(pool.unit.times_out(&pool.rules, 3));
    assert!(!pool.unit.times_out(&pool.rules, 4));
    assert_eq!((pool.unit.n_open(), pool.unit.n_waiting()), (2, 0));
}

/// After the database has closed everything, the first use finds out, and nobody else gets a dead one.
/// With `pool_pre_ping` nobody does.
#[test]
fn sqlalchemy_replaces_what_the_database_has_closed() {
    for ping in [false, true] {
        let mut pool = Bench::new(Rules {
            max: 2,
            test: if ping {
                Test::Always(TestAlways {})
            } else {
                Test::None(NoTest {})
            },
            ..sqlalchemy()
        });
        for who in [1, 2] {
            pool.asks(who);
            pool.opened(who);
        }
        pool.returns(1, false);
        pool.returns(2, false);
        assert_eq!((pool.unit.breaks(&pool.rules), pool.unit.n_live()), (2, 0));
        pool.log();
        pool.asks(3);
        if ping {
            assert_eq!(pool.log(), "3 opens");
            continue;
        }
        assert!(pool.held[0].1.dead);
        pool.returns(3, true);
        pool.asks(4);
        assert_eq!(pool.log(), "3 gets 1; 4 opens");
        assert_eq!((pool.unit.n_open(), pool.unit.n_live()), (1, 0));
    }
}

/// One connection after another, 30 ms apart; whoever waits gets the next one that is free, be it new or
/// given back; what was idle for more than 500 ms is tested.
#[test]
fn hikari_opens_one_after_another() {
    let gap = At::built_in(seconds(0.03));
    let mut pool = Bench::new(Rules {
        min: 2,
        max: 2,
        order: Order::Oldest,
        opens: Opens::Background(Background {
            gap,
            retry_from: At::built_in(seconds(0.01)),
            retry_to: At::built_in(seconds(5.0)),
        }),
        test: Test::IdleOver(IdleOver::built_in(seconds(0.5))),
        expires: Expires::WhenIdle,
        breaks: Breaks::OnUse,
        ..rules()
    });
    pool.asks(1);
    pool.asks(2);
    pool.asks(3);
    assert_eq!(pool.log(), "1 waits; the pool opens; 2 waits; 3 waits");
    pool.opened_late();
    assert_eq!(pool.unit.pauses(&pool.rules), seconds(0.03));
    pool.closes();
    assert_eq!(pool.log(), "1 gets 1");
    pool.unit.pause_ends();
    pool.closes();
    pool.returns(1, false);
    assert_eq!(pool.log(), "the pool opens; 2 gets 1");
    pool.opened_late();
    pool.returns(2, false);
    pool.returns(3, false);
    pool.asks(4);
    pool.after(0.6);
    pool.asks(5);
    // The first in the order of opening; 2 has been idle for 0.6 s.
    assert_eq!(pool.log(), "3 gets 2; 4 gets 1; 5 gets 2 tested");
    for pause in [0.01, 0.02, 0.04] {
        pool.unit.opens_ahead();
        assert_eq!(pool.unit.open_fails(&pool.rules), Turn::Rests);
        assert_eq!(pool.unit.pauses(&pool.rules), seconds(pause));
    }
}

/// A connection whose time is over is replaced by a new one, in use or idle.
#[test]
fn hikari_replaces_what_is_old() {
    let mut pool = Bench::new(Rules {
        min: 2,
        max: 2,
        order: Order::Oldest,
        opens: Opens::Background(Background {
            gap: At::built_in(SimDuration::ZERO),
            retry_from: At::built_in(seconds(0.01)),
            retry_to: At::built_in(seconds(5.0)),
        }),
        expires: Expires::WhenIdle,
        ..rules()
    });
    pool.age = Some(seconds(60.0));
    for _ in 0..2 {
        pool.closes();
        pool.opened_late();
        pool.unit.pauses(&pool.rules);
        pool.unit.pause_ends();
    }
    pool.asks(1);
    pool.after(60.0);
    assert_eq!(pool.unit.close_idle(&pool.rules, pool.now), 1);
    pool.closes();
    pool.returns(1, false);
    assert_eq!(
        pool.log(),
        "the pool opens; the pool opens; 1 gets 1; the pool opens; 1 closed"
    );
}

/// A pool that does not wait turns away whoever finds it full.
#[test]
fn redis_py_does_not_wait() {
    let mut pool = Bench::new(Rules {
        max: 1,
        when_full: WhenFull::Fail,
        ..rules()
    });
    pool.asks(1);
    pool.asks(2);
    assert_eq!(pool.log(), "1 opens; 2 is turned away");
}

/// After a failed login whoever comes fails at once and has it tried again, unless that was too short a time ago;
/// who was in line stays there. One connection that is open is enough to wait.
#[test]
fn pgbouncer_fails_fast_after_a_failed_login() {
    let retry = At::built_in(seconds(15.0));
    let mut pool = Bench::new(Rules {
        opens: Opens::Background(Background {
            gap: At::built_in(SimDuration::ZERO),
            retry_from: retry,
            retry_to: retry,
        }),
        fails_fast: true,
        ..rules()
    });
    let fails = |pool: &mut Bench| {
        pool.opening.pop();
        pool.unit.open_fails(&pool.rules);
        assert_eq!(pool.unit.pauses(&pool.rules), seconds(15.0));
    };
    pool.asks(1);
    fails(&mut pool);
    pool.asks(2);
    assert_eq!(pool.log(), "1 waits; the pool opens; 2 fails");
    pool.unit.leaves_line(1);
    pool.unit.pause_ends();
    pool.closes();
    pool.asks(3);
    assert_eq!(pool.log(), "3 fails; the pool opens");
    pool.opened_late();
    pool.unit.pauses(&pool.rules);
    pool.unit.pause_ends();
    for who in 4..=6 {
        pool.asks(who);
    }
    assert_eq!(pool.log(), "4 gets 1; 5 waits; the pool opens; 6 waits");
    fails(&mut pool);
    pool.asks(7);
    assert_eq!(pool.log(), "7 waits");
}
