//! What no recorded vector has: errors of the cache's own that it remembers, and emptying it while it is busy.

use super::*;

const fn at(seconds: u64) -> SimTime {
    SimTime::from_nanos(seconds * 1_000_000_000)
}

/// A request looks once; gives what it is told as one word, and what it holds.
fn looks(cache: &mut HttpCache, key: u64, now: u64) -> (String, Visit) {
    let mut visit = Visit::new(key);
    let told = match cache.look(&mut visit, at(now)) {
        Look::Answered { status, code, .. } => {
            cache.released(visit);
            format!("{status:?} {code}")
        }
        Look::Goes { .. } => format!("goes {:?}", visit.status()),
        Look::Waits(_) => "waits".to_owned(),
    };
    (told, visit)
}

/// A request looks, goes, and the upstream answers.
fn stores(cache: &mut HttpCache, key: u64, now: u64) {
    let (told, visit) = looks(cache, key, now);
    assert!(told.starts_with("goes"), "{told}");
    cache.answered(visit, &Answer::plain(200, 10), at(now));
}

/// A request looks, goes, and no answer comes.
fn fails(cache: &mut HttpCache, key: u64, (failure, now): (Failure, u64)) -> Option<Sent> {
    let (told, visit) = looks(cache, key, now);
    assert!(told.starts_with("goes"), "{told}");
    cache.failed(visit, failure, 7, at(now))
}

/// `proxy_cache_valid 200 5s; proxy_cache_valid 502 3s;`: what the cache itself answers with for want of another
/// answer is kept as well, and takes the place of what has expired; after that it is as if there had been nothing.
#[test]
fn an_error_of_its_own_is_remembered_where_it_is_named() {
    let rules = Rules::with_valid(&[(&[200], 5), (&[502], 3)]);
    let mut cache = HttpCache::new(rules.clone());
    let told = |cache: &mut HttpCache, now| looks(cache, 1, now).0;
    assert_eq!(fails(&mut cache, 1, (Failure::Timeout, 0)), None);
    assert_eq!(cache.n_keys(), 0, "504 is not named");
    fails(&mut cache, 1, (Failure::Error, 0));
    assert_eq!(told(&mut cache, 3), "Hit 502");
    stores(&mut cache, 1, 4);
    assert_eq!(told(&mut cache, 9), "Hit 200");
    fails(&mut cache, 1, (Failure::Error, 10));
    assert_eq!(told(&mut cache, 13), "Hit 502");
    assert_eq!(
        cache.size(),
        10,
        "the file is there until the error has expired"
    );
    let (last, visit) = looks(&mut cache, 1, 14);
    assert_eq!(last, "goes Miss");
    assert_eq!(cache.size(), 0);
    cache.released(visit);
    // Who is given what has expired instead of the error does not make it everybody's.
    let mut use_stale = UseStale::default();
    assert!(use_stale.add("error"));
    let mut lenient = HttpCache::new(Rules { use_stale, ..rules });
    stores(&mut lenient, 1, 0);
    let sent = fails(&mut lenient, 1, (Failure::Error, 10));
    assert_eq!(sent.map(|sent| sent.code), Some(200));
    assert_eq!(told(&mut lenient, 11), "goes Expired");
}

/// Those who wait for one who fails are given the error, too, instead of going one after another.
#[test]
fn who_waits_for_one_who_fails_is_given_its_error() {
    let lock = Some(Lock {
        timeout: 5000,
        age: 5000,
    });
    let mut cache = HttpCache::new(Rules {
        lock,
        ..Rules::with_valid(&[(&[504], 3)])
    });
    let (_, first) = looks(&mut cache, 1, 0);
    let (told, mut second) = looks(&mut cache, 1, 0);
    assert_eq!(told, "waits");
    cache.failed(first, Failure::Timeout, 7, at(2));
    let look = cache.look(&mut second, at(2));
    let is_given = matches!(
        look,
        Look::Answered {
            code: 504,
            mark: 7,
            ..
        }
    );
    assert!(is_given, "{look:?}");
}

/// Two find the same expired, and the first fails: the second is told that what is there is still good, and not what the
/// first has left there.
#[test]
fn who_is_told_that_it_is_still_good_is_given_that() {
    let mut cache = HttpCache::new(Rules {
        revalidate: true,
        ..Rules::with_valid(&[(&[200], 5), (&[502], 3)])
    });
    stores(&mut cache, 1, 0);
    let (_, first) = looks(&mut cache, 1, 10);
    let (_, second) = looks(&mut cache, 1, 10);
    cache.failed(first, Failure::Error, 7, at(10));
    let sent = cache.answered(second, &Answer::plain(304, 10), at(10));
    assert_eq!((sent.status, sent.code), (Status::Revalidated, 200));
}

/// However many keys are being asked for: what is there is gone for everybody, and who is on the way stores anew.
#[test]
fn emptying_leaves_nothing() {
    let mut cache = HttpCache::new(Rules::with_valid(&[(&[200], 5)]));
    for key in 1..=30 {
        stores(&mut cache, key, 0);
    }
    let inside: Vec<Visit> = (1..=30).map(|key| looks(&mut cache, key, 10).1).collect();
    for key in 31..=40 {
        stores(&mut cache, key, 10);
    }
    cache.clear();
    assert_eq!((cache.size(), cache.n_keys()), (0, 30));
    assert_eq!(looks(&mut cache, 35, 10).0, "goes Miss");
    assert_eq!(looks(&mut cache, 5, 10).0, "goes Miss");
    for visit in inside {
        cache.answered(visit, &Answer::plain(200, 10), at(11));
    }
    assert_eq!(cache.size(), 300);
    assert_eq!(looks(&mut cache, 5, 12).0, "Hit 200");
}
