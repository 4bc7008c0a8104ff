//! Rows that queries change. A transaction has a row to itself until it has committed; whoever else wants to change
//! it stands in line, in order of arrival. So one row is changed at most once per length of a transaction, however
//! many cores there are.

use super::state::{LOCK_TIMEOUT, Phase, Query, State};
use crate::component::arena::Arena;
use crate::component::cache::key;
use crate::component::program::{KeysId, Op, Visit};
use crate::component::request::{Line, RequestId};
use crate::component::{Context, Event, NodeId, Resource};
use crate::engine::Class;
use crate::metrics::{LevelId, Outcome, Recorder, WaitId};
use crate::policy::eviction::Index;

/// A row that somebody has: who else wants it.
#[derive(Debug, Clone, Default)]
struct Row {
    key: u64,
    line: Line,
}

/// The rows of one catalogue, as they are shown.
#[derive(Debug)]
struct Table {
    keys: KeysId,
    name: String,
    /// Whether somebody has the row that is asked for most, and that there is one.
    hottest: LevelId,
    one: LevelId,
    /// Queries in line for any row, and how long they stood there.
    waiting: LevelId,
    wait: WaitId,
}

/// All rows that somebody has.
#[derive(Debug)]
pub(super) struct Locks {
    rows: Arena<Row>,
    places: Index<u64>,
    tables: Vec<Table>,
}

/// The key that is asked for most in its catalogue, within the 48 bits of a key.
const HOTTEST: u64 = 1;

impl Locks {
    /// The locks of a database, if what requests execute changes rows of it by name.
    pub(super) fn new(own: NodeId, names: &[String], cx: &mut Context) -> Option<Self> {
        let rows = cx.program.ops.iter().filter_map(|op| match op {
            Op::Visit(node, Visit::Use { row, .. }) if *node == own => *row,
            _ => None,
        });
        let mut catalogues: Vec<u16> = rows.map(|keys| keys.0).collect();
        catalogues.sort_unstable();
        catalogues.dedup();
        if catalogues.is_empty() {
            return None;
        }
        let (now, recorder) = (cx.now(), &mut cx.recorder);
        let table = |at: u16| {
            let one = recorder.add_level_at(now, 1);
            Table {
                keys: KeysId(at),
                name: names[at as usize].clone(),
                hottest: recorder.add_level(),
                one,
                waiting: recorder.add_level(),
                wait: recorder.add_wait(),
            }
        };
        Some(Self {
            rows: Arena::with_capacity(256),
            places: Index::default(),
            tables: catalogues.into_iter().map(table).collect(),
        })
    }

    /// The table that a key is of.
    fn table(&self, key: u64) -> &Table {
        let mut tables = self.tables.iter();
        let own = tables.find(|own| u64::from(own.keys.0) == key >> 48);
        own.expect("every catalogue that is asked for has a table")
    }

    /// Notes that somebody has a row now, or nobody any more.
    fn note(&self, key: u64, is_taken: bool, cx: &mut Context) {
        if key & ((1 << 48) - 1) == HOTTEST {
            let now = cx.now();
            let hottest = self.table(key).hottest;
            cx.recorder.level(hottest).set(now, u64::from(is_taken));
        }
    }

    /// How much the row that is asked for most is in use, of each catalogue.
    pub(super) fn resources(&self, database: &str) -> impl Iterator<Item = Resource> {
        self.tables.iter().map(move |own| Resource {
            component: database.to_owned(),
            what: format!("hottest row of {}", own.name),
            unit: "row",
            used: own.hottest,
            capacity: Some(own.one),
            scale: 1.0,
            waiting: Some(own.waiting),
            wait: Some(own.wait),
        })
    }

    /// Rows that somebody has.
    pub(super) fn n_held(&self) -> u64 {
        self.rows.len() as u64
    }

    /// How many stand in line for a row.
    pub(super) fn n_waiting(&self, recorder: &Recorder) -> u64 {
        let tables = self.tables.iter();
        tables.map(|own| recorder.level_now(own.waiting)).sum()
    }
}

impl State {
    /// A query that changes a row of a catalogue asks for it; true if it has it now, else it stands in line.
    pub(super) fn takes_row(&mut self, id: RequestId, keys: KeysId, cx: &mut Context) -> bool {
        let Some(locks) = &mut self.locks else {
            return true;
        };
        let (now, key) = (cx.now(), key(keys, id, cx));
        let Some(place) = locks.places.find(key) else {
            let line = Line::default();
            let place = locks.rows.add(Row { key, line });
            locks.places.set(key, place);
            locks.note(key, true, cx);
            cx.recorder.no_wait(locks.table(key).wait);
            self.query(id).row = Some(place);
            return true;
        };
        if let Some(row) = locks.rows.get_mut(place) {
            row.line.push(&mut cx.requests, id);
        }
        cx.requests.get_mut(id).since = now;
        cx.recorder.level(locks.table(key).waiting).up(now, 1);
        self.n_off_cpu += 1;
        let signal = Event::Signal(self.own, LOCK_TIMEOUT, id.index());
        let patience = self.plan.lock_timeout;
        let patience = patience.map(|span| cx.scheduler.after(span, Class::Timer, signal));
        let query = self.query(id);
        (query.phase, query.row, query.patience) = (Phase::Lock, Some(place), patience);
        false
    }

    /// A query leaves the database, which had a row or stood in line for one.
    #[cold]
    pub(super) fn leaves_row(&mut self, id: RequestId, query: Query, cx: &mut Context) {
        let now = cx.now();
        let (Some(locks), Some(place)) = (&mut self.locks, query.row) else {
            return;
        };
        let Some(row) = locks.rows.get_mut(place) else {
            return;
        };
        let key = row.key;
        if query.phase == Phase::Lock {
            row.line.remove(&mut cx.requests, id);
            self.stands_no_more(key, query, cx);
            return;
        }
        let Some(next) = row.line.pop(&mut cx.requests) else {
            locks.rows.remove(place);
            locks.places.remove(key);
            locks.note(key, false, cx);
            return;
        };
        let wait = locks.table(key).wait;
        cx.recorder.wait(wait, cx.requests.get(next).since, now);
        let query = *self.query(next);
        self.stands_no_more(key, query, cx);
        let query = self.query(next);
        (query.phase, query.patience) = (Phase::Cpu, None);
        self.starts(next, cx);
    }

    /// A query does not stand in line for a row any more.
    fn stands_no_more(&mut self, key: u64, query: Query, cx: &mut Context) {
        self.n_off_cpu -= 1;
        if let Some(slot) = query.patience {
            cx.scheduler.cancel(slot);
        }
        if let Some(locks) = &self.locks {
            let now = cx.now();
            let waiting = locks.table(key).waiting;
            cx.recorder.level(waiting).down(now, 1);
        }
    }

    /// A query has waited for a row as long as it may.
    pub(super) fn loses_row(&mut self, id: RequestId, cx: &mut Context) {
        self.query(id).patience = None;
        self.breaks_off(id, Outcome::DatabaseConflict, cx);
    }

    /// Holds the locks against the queries: every row has one who has it, and all others wait.
    pub(super) fn audit_locks(&self, cx: &Context) {
        let Some(locks) = &self.locks else { return };
        let own = |is_waiting: bool| {
            let is_own =
                move |q: &&Query| q.row.is_some() && (q.phase == Phase::Lock) == is_waiting;
            self.queries.iter().filter(is_own).count() as u64
        };
        let name = &self.plan.name;
        assert_eq!(locks.n_held(), own(false), "rows of {name} in use");
        let waiting = locks.n_waiting(&cx.recorder);
        assert_eq!(waiting, own(true), "queries in line for rows of {name}");
    }
}
