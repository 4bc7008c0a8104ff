//! How well the peers of a group are, and what share of the requests those get that have just come.

use super::Group;
use crate::policy::health::{OutlierDetection, Outliers, Panic, SlowStart};
use crate::rng::Draw;
use crate::units::{SimDuration, SimTime};

/// What a group does about peers that are not well, or new.
#[derive(Debug, Clone)]
pub struct HealthRules {
    /// What it does where few are well.
    pub panic: Panic,
    /// How it judges by the answers that requests get.
    pub outliers: Option<OutlierDetection>,
    /// How it begins with those who have just come.
    pub slow_start: Option<SlowStart>,
}

/// Weights are so many times what is written where shares of them are needed.
const SCALE: u32 = 1000;

/// What is known of one peer.
#[derive(Debug, Clone, Copy, Default)]
struct Own {
    /// Whether checks say that it is down.
    fails_checks: bool,
    /// Since when its share grows, if it has not all of it.
    grows_since: Option<SimTime>,
}

/// How well peers are.
#[derive(Debug, Clone)]
pub(super) struct Health {
    rules: HealthRules,
    outliers: Option<Outliers>,
    own: Vec<Own>,
    /// Peers that are there, not down, and not well.
    n_unwell: u32,
    n_growing: u32,
}

impl Health {
    /// True if the limits of servers grow with their shares.
    pub(super) fn limits_grow(&self) -> bool {
        let rules = self.rules.slow_start.as_ref();
        rules.is_some_and(SlowStart::limits_too)
    }
}

impl Group {
    /// The same group, which looks at how well peers are.
    #[must_use]
    pub fn with_health(mut self, rules: &HealthRules) -> Self {
        let n = self.peers.len();
        if rules.slow_start.is_some() {
            for peer in &mut self.peers {
                let full = peer.server.weight.saturating_mul(SCALE);
                (peer.server.weight, peer.full_weight) = (full, full);
                peer.effective = full.into();
                peer.fineness = SCALE;
            }
        }
        self.health = Some(Box::new(Health {
            outliers: rules.outliers.as_ref().map(|own| Outliers::new(own, n)),
            rules: rules.clone(),
            own: vec![Own::default(); n],
            n_unwell: 0,
            n_growing: 0,
        }));
        self
    }

    /// How many peers that are there and not down are not well.
    pub fn n_unwell(&self) -> u32 {
        self.health.as_ref().map_or(0, |own| own.n_unwell)
    }

    /// What is to be known of a peer that has just joined: whether it is taken to be well.
    pub fn begins_with(&mut self, peer: u32, is_up: bool, now: SimTime) {
        let Some(health) = &mut self.health else {
            return;
        };
        if let Some(outliers) = &mut health.outliers {
            outliers.joins(peer);
        }
        health.own[peer as usize].fails_checks = !is_up;
        // With many servers that are all well, each is none of the others' business.
        if !is_up || health.n_unwell > 0 {
            self.judges();
        }
        if is_up {
            self.starts_slowly(peer, now);
        }
    }

    /// A peer has left: nothing is known of it any more.
    pub fn forgets(&mut self, peer: u32) {
        let Some(health) = &mut self.health else {
            return;
        };
        let own = std::mem::take(&mut health.own[peer as usize]);
        if own.grows_since.is_some() {
            health.n_growing -= 1;
            self.has_share(peer, None);
        }
        if let Some(health) = &mut self.health
            && let Some(outliers) = &mut health.outliers
        {
            outliers.leaves(peer);
        }
        if self.n_unwell() > 0 {
            self.judges();
        }
    }

    /// Checks have found a peer to be up, or down.
    pub fn is_checked(&mut self, peer: u32, is_up: bool, now: SimTime) {
        let Some(health) = &mut self.health else {
            return;
        };
        health.own[peer as usize].fails_checks = !is_up;
        if is_up {
            self.starts_slowly(peer, now);
        } else if health.own[peer as usize].grows_since.take().is_some() {
            health.n_growing -= 1;
            self.has_share(peer, None);
        }
        self.judges();
    }

    /// A request to a peer has ended with this status; true if the peer is ejected for it.
    pub fn hears(&mut self, peer: u32, status: u16, now: SimTime, draw: &mut Draw) -> bool {
        let outliers = self.health.as_mut().and_then(|own| own.outliers.as_mut());
        let is_ejected = outliers.is_some_and(|own| own.hears(peer, status, now, draw));
        if is_ejected {
            self.judges();
        }
        is_ejected
    }

    /// The time between two sweeps of its outlier detection, if it has one.
    pub fn sweep_interval(&self) -> Option<SimDuration> {
        let outliers = self.health.as_ref().and_then(|own| own.outliers.as_ref());
        outliers.map(Outliers::interval)
    }

    /// Outlier detection takes stock; gives how many peers were ejected.
    pub fn sweeps(&mut self, now: SimTime, draw: &mut Draw) -> u32 {
        let Some(health) = &mut self.health else {
            return 0;
        };
        let mut n_ejected = 0;
        if let Some(outliers) = &mut health.outliers {
            outliers.sweeps(now, draw, |_, is_out| n_ejected += u32::from(is_out));
        }
        self.judges();
        n_ejected
    }

    /// Puts together what is known of all peers: who is well, and whether that counts.
    fn judges(&mut self) {
        let Some(health) = &mut self.health else {
            return;
        };
        let outliers = health.outliers.as_ref();
        let known = health.own.iter().enumerate();
        for ((at, known), own) in known.zip(&mut self.peers) {
            let is_out = outliers.is_some_and(|own| own.is_ejected(at as u32));
            own.is_unwell = is_out || known.fails_checks;
        }
        let unwell = self
            .peers
            .iter()
            .filter(|own| own.is_unwell && own.is_there());
        health.n_unwell = unwell.count() as u32;
        let n_well = self.n_up - health.n_unwell;
        if health.n_unwell > 0 && health.rules.panic.ignores_health(n_well, self.n_up) {
            self.peers.iter_mut().for_each(|own| own.is_unwell = false);
        }
    }

    /// A peer has just come, or come back: it begins with a part of its share, if the rules say so.
    fn starts_slowly(&mut self, peer: u32, now: SimTime) {
        // Whether others have their full shares is known once that has been looked at.
        self.grows_shares(now);
        let Some(health) = &mut self.health else {
            return;
        };
        let Some(rules) = health.rules.slow_start else {
            return;
        };
        let own = &health.own;
        let mut others = (self.peers.iter().zip(own).enumerate()).filter(|(at, (other, known))| {
            *at != peer as usize
                && other.is_there()
                && !known.fails_checks
                && known.grows_since.is_none()
        });
        if !rules.applies(now, others.next().is_some()) {
            return;
        }
        let own = &mut health.own[peer as usize];
        if own.grows_since.replace(now).is_none() {
            health.n_growing += 1;
        }
        self.has_share(peer, rules.share(now, now));
    }

    /// How long after `now` a peer that has just come may have more requests, where limits grow with shares; nothing
    /// once it has its full share.
    pub fn next_growth(&self, peer: u32, now: SimTime) -> Option<SimDuration> {
        let health = self.health.as_ref()?;
        let rules = health.rules.slow_start.filter(SlowStart::limits_too)?;
        rules.next_look(health.own[peer as usize].grows_since?, now)
    }

    /// Shares grow with time.
    #[inline]
    pub(super) fn grows_shares(&mut self, now: SimTime) {
        if self.health.as_ref().is_some_and(|own| own.n_growing > 0) {
            self.grows_all(now);
        }
    }

    #[cold]
    fn grows_all(&mut self, now: SimTime) {
        for peer in 0..self.peers.len() as u32 {
            let Some(health) = &mut self.health else {
                return;
            };
            let own = &mut health.own[peer as usize];
            let (Some(rules), Some(since)) = (health.rules.slow_start, own.grows_since) else {
                continue;
            };
            let share = rules.share(since, now);
            if share.is_none() {
                own.grows_since = None;
                health.n_growing -= 1;
            }
            self.has_share(peer, share);
        }
    }

    /// A peer gets this part of its weight; all of it where none is given.
    fn has_share(&mut self, peer: u32, share: Option<f64>) {
        let own = &mut self.peers[peer as usize];
        let full = own.full_weight;
        let weight = share.map_or(full, |share| {
            (f64::from(full) * share).round().max(1.0) as u32
        });
        if weight != own.server.weight {
            own.server.weight = weight;
            own.effective = weight.into();
        }
    }

    /// The part of its share that a peer has; 1 unless it has just come.
    pub fn share_of(&self, peer: u32) -> f64 {
        let own = &self.peers[peer as usize];
        f64::from(own.server.weight) / f64::from(own.full_weight.max(1))
    }
}
