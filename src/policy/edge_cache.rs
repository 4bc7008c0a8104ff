//! The caches of a content delivery network: one for each point of presence, by the rules for shared HTTP caches (RFC
//! 9111, RFC 5861).
//!
//! A request *looks* in the cache of its edge: it is answered from there, joins somebody who has gone for the
//! same, or goes itself. Whoever has gone says what came of it; those who had joined go on then.

use super::eviction::{Bounds, Entry, Eviction, Filled, Index, Shelf};
use super::http_cache::CacheControl;
use crate::units::{SimDuration, SimTime};

/// How long answers are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// At least so long, whatever they say themselves; even those that are not to be kept, unless it is 0.
    pub min: SimDuration,
    /// So long if they do not say, or as long as at least.
    pub default: SimDuration,
    /// At most so long.
    pub max: SimDuration,
    /// For how long it is remembered that there is no such thing, at least.
    pub negative: SimDuration,
    /// For how long after that they are given out while somebody goes for a new one, if they do not say.
    pub stale_while_revalidate: SimDuration,
    /// For how long if none can be got, if they do not say.
    pub stale_if_error: SimDuration,
}

/// What `Cache-Control` says in seconds.
fn seconds(own: u64) -> SimDuration {
    SimDuration::from_nanos(own.saturating_mul(1_000_000_000))
}

impl Lifetimes {
    /// How long an answer is good from when it was made; nothing if it is not kept. What is good for no time at all
    /// is kept all the same where it may be given out late.
    pub fn of(&self, control: &CacheControl, what: Found) -> Option<SimDuration> {
        let said = if control.no_store {
            Some(0)
        } else {
            control.s_maxage.or(control.max_age)
        };
        let own = match (said.map(seconds), what) {
            (None, Found::Something) => self.default.max(self.min),
            (Some(said), Found::Something) => said.max(self.min).min(self.max),
            (None, Found::Nothing) => self.negative,
            (Some(said), Found::Nothing) => said.min(self.max).max(self.negative),
        };
        (own + self.late(control) > SimDuration::ZERO).then_some(own)
    }

    /// For how long after its time an answer is worth keeping.
    fn late(&self, control: &CacheControl) -> SimDuration {
        if control.no_store {
            return SimDuration::ZERO;
        }
        self.while_renewed(control).max(self.if_none(control))
    }

    /// For how long after that an answer may be given out while somebody goes for a new one.
    pub fn while_renewed(&self, control: &CacheControl) -> SimDuration {
        let said = control.stale_while_revalidate;
        said.map_or(self.stale_while_revalidate, seconds)
    }

    /// The same if none can be got.
    pub fn if_none(&self, control: &CacheControl) -> SimDuration {
        control.stale_if_error.map_or(self.stale_if_error, seconds)
    }
}

/// What an answer says of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Here it is.
    Something,
    /// There is no such thing: 404.
    Nothing,
}

/// What a request does after a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It is answered with what was made then.
    Answered {
        /// When.
        made: SimTime,
        /// Whether it is past its time.
        is_stale: bool,
        /// Whether a request of the cache's own goes for a new one.
        renews: bool,
    },
    /// It goes on, and leads a flight with this number if it is the only one to go.
    Goes {
        /// The number of the flight.
        leads: Option<u32>,
        /// Whether there is something that has expired.
        has_expired: bool,
    },
    /// It waits for the flight with this number.
    Joins(u32),
}

/// What somebody asks for: at which edge, under which key, and what is said of the answers.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The edge.
    pub edge: u32,
    /// The key.
    pub key: u64,
    /// What the answers say of being kept.
    pub control: CacheControl,
}

/// The caches of all edges, and who has gone for what.
#[derive(Debug)]
pub struct EdgeCaches {
    lifetimes: Lifetimes,
    /// Whether one goes for all who ask for the same at the same edge.
    collapses: bool,
    shelves: Vec<Shelf>,
    flights: Index<(u64, u64)>,
    /// Numbers of flights that are free again, and how many there have been.
    free: Vec<u32>,
    n_numbers: u32,
}

impl EdgeCaches {
    /// Empty ones; each begins its draws elsewhere.
    pub fn new(
        lifetimes: Lifetimes,
        collapses: bool,
        policy: &Eviction,
        bounds: impl Iterator<Item = Bounds>,
    ) -> Self {
        Self {
            lifetimes,
            collapses,
            shelves: bounds.map(|own| Shelf::new(policy, own)).collect(),
            flights: Index::default(),
            free: Vec::new(),
            n_numbers: 0,
        }
    }

    /// A request looks. Unless it `may_join`, it does not wait for others again.
    pub fn look(&mut self, wanted: &Wanted, may_join: bool, now: SimTime) -> Look {
        let place = (u64::from(wanted.edge), wanted.key);
        let entry = self.shelves[wanted.edge as usize]
            .using(wanted.key, now)
            .copied();
        let flight = self.flights.find(place);
        if let Some(entry) = entry {
            let answered = |is_stale, renews| Look::Answered {
                made: entry.made,
                is_stale,
                renews,
            };
            if now < entry.good_until {
                return answered(false, false);
            }
            let grace = self.lifetimes.while_renewed(&wanted.control);
            if now < entry.good_until + grace {
                return answered(true, flight.is_none());
            }
        }
        let has_expired = entry.is_some();
        match flight {
            Some(flight) if self.collapses && may_join => Look::Joins(flight),
            None if self.collapses => Look::Goes {
                leads: Some(self.takes_off(wanted)),
                has_expired,
            },
            _ => Look::Goes {
                leads: None,
                has_expired,
            },
        }
    }

    /// Somebody goes for something; gives the number of the flight.
    pub fn takes_off(&mut self, wanted: &Wanted) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.n_numbers += 1;
            self.free.reserve(self.n_numbers as usize);
            self.n_numbers - 1
        });
        self.flights
            .set((u64::from(wanted.edge), wanted.key), number);
        number
    }

    /// Whoever has gone is back: its flight is over. Gives its number, which another one may have from now on.
    pub fn lands(&mut self, wanted: &Wanted) -> Option<u32> {
        let number = self.flights.remove((u64::from(wanted.edge), wanted.key))?;
        self.free.push(number);
        Some(number)
    }

    /// An answer that was made then is kept, if it may be.
    pub fn keeps(
        &mut self,
        wanted: &Wanted,
        (what, made): (Found, SimTime),
        now: SimTime,
        size_of: impl Fn(u64) -> u64,
    ) -> Kept {
        let lifetime = self.lifetimes.of(&wanted.control, what);
        let late = self.lifetimes.late(&wanted.control);
        let good_until = lifetime.map(|own| made + own);
        let Some(good_until) = good_until.filter(|until| *until + late > now) else {
            return Kept::Not;
        };
        let entry = Entry {
            good_until,
            made,
            ..Entry::default()
        };
        let shelf = &mut self.shelves[wanted.edge as usize];
        match shelf.fill(wanted.key, entry, now, size_of) {
            Filled::Kept => Kept::Yes,
            Filled::Refused => Kept::NoRoom,
        }
    }

    /// None could be got. Gives when what there is was made, if that is given out instead.
    pub fn instead(&self, wanted: &Wanted, now: SimTime) -> Option<SimTime> {
        let entry = self.shelves[wanted.edge as usize].peek(wanted.key)?;
        let grace = self.lifetimes.if_none(&wanted.control);
        (now < entry.good_until + grace).then_some(entry.made)
    }

    /// Everything goes.
    pub fn clear(&mut self) {
        self.shelves.iter_mut().for_each(Shelf::clear);
    }
}

/// Whether something was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It was.
    Yes,
    /// It may not be, or not any more.
    Not,
    /// It does not fit, or the policy did not let it in.
    NoRoom,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::eviction::LeastRecentlyUsed;

    fn caches(lifetimes: Lifetimes, collapses: bool) -> EdgeCaches {
        let policy = Eviction::LeastRecentlyUsed(LeastRecentlyUsed {});
        let bounds = (0..2).map(|seed| Bounds {
            capacity: 2,
            in_entries: true,
            seed,
        });
        EdgeCaches::new(lifetimes, collapses, &policy, bounds)
    }

    fn lifetimes(min: u64, default: u64, max: u64) -> Lifetimes {
        Lifetimes {
            min: seconds(min),
            default: seconds(default),
            max: seconds(max),
            negative: seconds(7),
            stale_while_revalidate: SimDuration::ZERO,
            stale_if_error: SimDuration::ZERO,
        }
    }

    fn at(second: u64) -> SimTime {
        SimTime::ZERO + seconds(second)
    }

    /// What the origin says is clamped; what it does not say is the default, and what must not be kept is kept all
    /// the same if there is a minimum.
    #[test]
    fn lifetimes_are_clamped() {
        let lives = |of: Lifetimes, control: &str| {
            let own = of.of(&CacheControl::parse(control), Found::Something);
            own.map(|own| own.as_nanos() / 1_000_000_000)
        };
        let (none, some) = (lifetimes(0, 60, 100), lifetimes(10, 60, 100));
        assert_eq!(lives(none, "public"), Some(60));
        assert_eq!(lives(none, "max-age=70"), Some(70));
        assert_eq!(lives(none, "max-age=70, s-maxage=50"), Some(50));
        assert_eq!(lives(none, "max-age=700"), Some(100));
        assert_eq!(lives(none, "max-age=0"), None);
        assert_eq!(lives(none, "max-age=70, no-store"), None);
        assert_eq!(lives(some, "max-age=5"), Some(10));
        assert_eq!(lives(some, "no-store"), Some(10));
        assert_eq!(lives(lifetimes(80, 60, 100), "public"), Some(80));
    }

    /// That there is no such thing is remembered for a time of its own, or longer if the answer says so.
    #[test]
    fn what_is_not_there_has_a_time_of_its_own() {
        let lives = |control: &str| {
            let own = lifetimes(0, 60, 100).of(&CacheControl::parse(control), Found::Nothing);
            own.map(|own| own.as_nanos() / 1_000_000_000)
        };
        assert_eq!(lives("public"), Some(7));
        assert_eq!(lives("max-age=5"), Some(7));
        assert_eq!(lives("max-age=70"), Some(70));
        assert_eq!(lives("no-store"), Some(7));
    }

    /// An answer that is never fresh is kept where it may be given out while it is renewed (RFC 5861), unless it must
    /// not be stored at all.
    #[test]
    fn what_is_never_fresh_may_be_given_out_late() {
        let stored = |control: &str| {
            let mut all = caches(lifetimes(0, 60, 100), false);
            let wanted = Wanted {
                edge: 0,
                key: 7,
                control: CacheControl::parse(control),
            };
            let kept = all.keeps(&wanted, (Found::Something, at(100)), at(100), |_| 1);
            (kept, all.look(&wanted, true, at(130)))
        };
        let late = Look::Answered {
            made: at(100),
            is_stale: true,
            renews: true,
        };
        assert_eq!(
            stored("max-age=0, stale-while-revalidate=60"),
            (Kept::Yes, late)
        );
        let (kept, _) = stored("no-store, stale-while-revalidate=60");
        assert_eq!(kept, Kept::Not);
    }

    /// An answer that says for how long it may be given out late is believed, also if that is not at all.
    #[test]
    fn the_answers_own_stale_times_come_first() {
        let all = Lifetimes {
            stale_while_revalidate: seconds(100),
            stale_if_error: seconds(1000),
            ..lifetimes(0, 60, 100)
        };
        let windows = |control: &str| {
            let control = CacheControl::parse(control);
            (all.while_renewed(&control), all.if_none(&control))
        };
        assert_eq!(windows("max-age=5"), (seconds(100), seconds(1000)));
        let own = windows("max-age=5, stale-while-revalidate=0, stale-if-error=7");
        assert_eq!(own, (seconds(0), seconds(7)));
    }

    /// One goes for all of its edge. What is stored comes with its age: it is good for the rest.
    #[test]
    fn one_goes_for_all_and_age_counts() {
        let mut all = caches(lifetimes(0, 60, 100), true);
        let control =
            CacheControl::parse("max-age=60, stale-while-revalidate=10, stale-if-error=30");
        let wanted = |edge| Wanted {
            edge,
            key: 7,
            control,
        };
        let goes = all.look(&wanted(0), true, at(0));
        let Look::Goes {
            leads: Some(flight),
            has_expired: false,
        } = goes
        else {
            panic!("{goes:?}");
        };
        assert_eq!(all.look(&wanted(0), true, at(0)), Look::Joins(flight));
        assert!(matches!(
            all.look(&wanted(1), true, at(0)),
            Look::Goes { .. }
        ));
        // It comes with an age of 20 s.
        all.lands(&wanted(0));
        let made = (Found::Something, at(80));
        let kept = all.keeps(&wanted(0), made, at(100), |_| 1);
        assert_eq!(kept, Kept::Yes);
        let answered = |is_stale, renews| Look::Answered {
            made: at(80),
            is_stale,
            renews,
        };
        assert_eq!(all.look(&wanted(0), true, at(139)), answered(false, false));
        assert_eq!(all.look(&wanted(0), true, at(141)), answered(true, true));
        all.takes_off(&wanted(0));
        assert_eq!(all.look(&wanted(0), true, at(142)), answered(true, false));
        assert!(matches!(
            all.look(&wanted(0), true, at(151)),
            Look::Joins(_)
        ));
        assert_eq!(all.instead(&wanted(0), at(169)), Some(at(80)));
        assert_eq!(all.instead(&wanted(0), at(171)), None);
        // What is older than it may be given out is not kept.
        let made = (Found::Something, at(100));
        assert_eq!(all.keeps(&wanted(0), made, at(190), |_| 1), Kept::Not);
    }
}
