//! Earlier wishes hold back later ones.

use crate::units::{SimDuration, SimTime};

/// A wish: what the metrics asked for at one sync, whatever was made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recommendation {
    /// How many replicas.
    pub replicas: u32,
    /// When.
    pub at: SimTime,
}

/// Earlier wishes. Their order is not that of time: a new one takes the place of one that nobody looks back to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History(pub Vec<Recommendation>);

/// How far back is looked where there is a `behavior` section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// For what speaks against more.
    pub up: SimDuration,
    /// For what speaks against fewer.
    pub down: SimDuration,
}

impl History {
    /// A history that begins with what is there (`recordInitialRecommendation`).
    pub fn begins(replicas: u32, now: SimTime) -> Self {
        Self(vec![Recommendation { replicas, at: now }])
    }

    /// The largest of this wish and those of the window, without a `behavior` section: growth never waits. What is
    /// as old as the window still counts. Remembers the wish (`stabilizeRecommendation`).
    pub fn stabilize_legacy(&mut self, wish: u32, window: SimDuration, now: SimTime) -> u32 {
        let is_recent = |own: &Recommendation| now.since(own.at) <= window;
        let recent = self.0.iter().filter(|own| is_recent(own));
        let largest = recent.map(|own| own.replicas).fold(wish, u32::max);
        self.remembers(wish, now, |own| !is_recent(own));
        largest
    }

    /// As near to the wish as all wishes of the windows allow, with a `behavior` section: at least the smallest of
    /// those that speak against more, at most the largest of those that speak against fewer. So what is done may be
    /// less than wished, but is never more, nor the contrary. What is as old as the window does not count any more.
    /// Remembers the wish (`stabilizeRecommendationWithBehaviors`).
    pub fn stabilize(&mut self, current: u32, wish: u32, windows: Windows, now: SimTime) -> u32 {
        let within = |window: SimDuration| {
            let recent = self.0.iter().filter(move |own| now.since(own.at) < window);
            recent.map(|own| own.replicas)
        };
        let smallest = within(windows.up).fold(wish, u32::min);
        let largest = within(windows.down).fold(wish, u32::max);
        self.remembers(wish, now, |own| {
            now.since(own.at) > windows.up && now.since(own.at) > windows.down
        });
        current.max(smallest).min(largest)
    }

    /// Puts the wish in the last place that is free, or at the end.
    fn remembers(&mut self, wish: u32, now: SimTime, is_free: impl Fn(&Recommendation) -> bool) {
        let own = Recommendation {
            replicas: wish,
            at: now,
        };
        match self.0.iter_mut().rfind(|place| is_free(place)) {
            Some(place) => *place = own,
            None => self.0.push(own),
        }
    }
}
