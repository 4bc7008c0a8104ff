//! How many jobs are started for a queue.
//!
//! Source: `pkg/scaling/executor/scale_jobs.go`.

/// How running and pending jobs count.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Strategy {
    /// Each running job is one wanted.
    #[default]
    Default,
    /// As the user computes it.
    Custom {
        /// What is taken off the wanted jobs.
        deduction: i64,
        /// The share of the running jobs that is taken off, 0 or more.
        running_share: f64,
    },
    /// For queues that do not count what is being worked on: only pending jobs are taken off.
    Accurate,
    /// As many at once as there may be.
    Eager,
}

impl Strategy {
    /// The custom strategy; the default one if the share is not given or no number, as KEDA has it.
    pub fn custom(deduction: Option<i64>, running_share: Option<f64>) -> Self {
        running_share.map_or(Self::Default, |running_share| Self::Custom {
            deduction: deduction.unwrap_or(0),
            running_share,
        })
    }
}

/// What jobs are scaled by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// How running and pending jobs count.
    pub strategy: Strategy,
    /// Jobs that run at all times.
    pub min: u32,
    /// The most jobs.
    pub max: u32,
}

/// What a polling round found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Jobs that the queue is worth, not more than the maximum.
    pub wanted: u32,
    /// Jobs that the triggers ask for at once.
    pub scale_to: u32,
    /// Jobs that have not ended, pending ones included.
    pub running: u32,
    /// Jobs of them none of whose pods has come to run.
    pub pending: u32,
}

/// What is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The most jobs that may be started.
    pub room: u32,
    /// Jobs that are asked for.
    pub scale_to: u32,
}

impl Decision {
    /// Jobs that are started, if a trigger is active.
    pub fn started(self) -> u32 {
        self.room.min(self.scale_to)
    }
}

/// Decides; nothing is remembered.
pub fn decide(config: &Config, seen: &Observation) -> Decision {
    if seen.running < config.min {
        let missing = config.min - seen.running;
        return Decision {
            room: missing,
            scale_to: missing,
        };
    }
    let [wanted, pending, max] = [seen.wanted, seen.pending, config.max].map(i64::from);
    // Those that run at all times are nobody's.
    let running = i64::from(seen.running - config.min);
    let room = match config.strategy {
        Strategy::Default => wanted - running,
        Strategy::Custom {
            deduction,
            running_share,
        } => (wanted - deduction - (running as f64 * running_share) as i64).min(max),
        Strategy::Accurate if wanted + running - pending > max => max - running,
        Strategy::Accurate => wanted - pending,
        Strategy::Eager => (max - running - pending).min(wanted),
    };
    Decision {
        room: room.clamp(0, i64::from(u32::MAX)) as u32,
        scale_to: match config.strategy {
            Strategy::Eager => config.max,
            _ => seen.scale_to,
        },
    }
}
