//! The volume of a database, the memory in front of it, and the flush that makes a commit durable.

use crate::component::program::Demand;
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::Law;
use crate::dist::constant::Constant;
use crate::policy::server::volume::{self, Limits};
use crate::spec::{At, Count, number_text};
use crate::units::{Bytes, Fraction, SimDuration};
use crate::{choice, spec};

spec! {
    /// The volume of a database, and the memory in front of it.
    pub struct Storage {
        /// What volume it is.
        pub volume: VolumeSpec,
        /// How often what a query reads is in memory.
        pub hit_ratio: At<Fraction> = At::built_in(Fraction::ONE),
        /// How many pages a query reads, each with this chance to be in memory.
        pub pages: At<Count> = At::built_in(Count::new(1)),
        /// How long an operation of the volume takes once it begins.
        pub latency: Law = Law::Constant(Constant(At::built_in(SimDuration::from_nanos(1_000_000)))),
        /// How long the flush takes that makes a commit durable; those that commit meanwhile share the next. As
        /// `latency` unless given: 0.5 to 2 ms on EBS, 5 to 10 ms with a synchronous standby in another zone.
        pub flush: Option<Law>,
        /// How full the purse of credit is at the start, where the volume has one.
        pub credit: At<Fraction> = At::built_in(Fraction::ONE),
    }
    check(Self::check)
}

/// The most pages of a query: each is drawn for.
const MOST_PAGES: u32 = 1000;

impl Storage {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if self.pages.get() > MOST_PAGES {
            let problem = format!("{} pages are too many to draw for", self.pages.get());
            let label = format!("at most {MOST_PAGES}");
            out.push(Diagnostic::error(self.pages.origin, problem).label(label));
        }
    }
}

choice! {
    /// A volume.
    pub enum VolumeSpec {
        /// gp2 of EBS: 3 operations a second per GiB, at least 100 and at most 16,000; up to 1,000 GiB it does
        /// 3,000 as long as it has credit, of which a full purse is 5.4 million. All that times the number of volumes
        /// where there are several.
        Gp2(Gp2) = "gp2",
        /// gp3 of EBS: 3,000 operations a second (12,000 from 400 GiB on, as RDS has it), or as many as are paid for.
        /// No credit.
        Gp3(Gp3) = "gp3",
        /// io1 or io2 of EBS: as many operations a second as are paid for. No credit.
        Io1(Io1) = "io1",
    }
}

spec! {
    /// A volume whose speed goes by its size: `{ gp2 = { size = "100GiB" } }`.
    pub struct Gp2 {
        /// How large it is.
        pub size: At<Bytes>,
        /// Over how many volumes that is striped. Unless given, as by RDS for PostgreSQL, `MySQL` and `MariaDB`: over four
        /// from 400 GiB on.
        pub volumes: Option<At<Count>>,
    }
}

spec! {
    /// A volume with a speed of its own: `{ gp3 = { iops = 6000 } }`.
    pub struct Gp3 {
        /// Operations a second. Unless given, what is not paid for: 3,000, or 12,000 from 400 GiB on, as by RDS for
        /// PostgreSQL, `MySQL` and `MariaDB`.
        pub iops: Option<At<f64>>,
        /// How large it is; less than 400 GiB unless given.
        pub size: Option<At<Bytes>>,
    }
    check(Self::check)
}

spec! {
    /// A volume whose speed is paid for: `{ io1 = { iops = 20_000 } }`.
    pub struct Io1 {
        /// Operations a second.
        pub iops: At<f64>,
    }
    check(Self::check)
}

fn check_iops(iops: At<f64>, out: &mut Diagnostics) {
    if !(1.0..=1e7).contains(&iops.value) {
        let problem = format!(
            "expected 1 to 10 million, found {}",
            number_text(iops.value)
        );
        out.push(Diagnostic::error(iops.origin, problem));
    }
}

impl Gp3 {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        if let Some(iops) = self.iops {
            check_iops(iops, out);
        }
    }
}

impl Io1 {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        check_iops(self.iops, out);
    }
}

/// What gp3 does without being paid for more, of each volume.
const FREE: f64 = 3000.0;

fn gib(size: At<Bytes>) -> f64 {
    size.value.get() as f64 / 1_073_741_824.0
}

/// Over how many volumes RDS stripes so much.
fn stripes(gib: f64) -> u32 {
    if gib >= volume::STRIPED_FROM {
        volume::STRIPES
    } else {
        1
    }
}

impl VolumeSpec {
    /// How many operations it does.
    pub fn limits(&self) -> Limits {
        match self {
            Self::Gp2(own) => {
                let gib = gib(own.size);
                let volumes = own.volumes.map_or_else(|| stripes(gib), |n| n.get());
                volume::gp2(gib, volumes)
            }
            Self::Gp3(own) => {
                let volumes = stripes(own.size.map_or(0.0, gib));
                let free = FREE * f64::from(volumes);
                Limits::fixed(own.iops.map_or(free, |iops| iops.value))
            }
            Self::Io1(own) => Limits::fixed(own.iops.value),
        }
    }
}

/// A volume with every law resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many operations it does.
    pub limits: Limits,
    /// How full its purse is.
    pub credit: f64,
    /// How often a page is not in memory.
    pub misses: f64,
    /// Pages of a query.
    pub pages: u32,
    /// How long an operation takes.
    pub latency: Demand,
    /// How long a flush takes.
    pub flush: Demand,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A large volume of RDS is four, unless somebody says otherwise.
    #[test]
    fn large_volumes_are_striped() {
        let size = |gib: u64| At::built_in(Bytes::new(gib << 30));
        let gp2 = |gib, volumes: Option<u32>| {
            let volumes = volumes.map(|n| At::built_in(Count::new(n)));
            let own = Gp2 {
                size: size(gib),
                volumes,
            };
            VolumeSpec::Gp2(own).limits().burst
        };
        assert_eq!(gp2(399, None), Some(3000.0));
        assert_eq!(gp2(400, None), Some(12_000.0));
        assert_eq!(gp2(400, Some(1)), Some(3000.0));
        let gp3 = |gib: Option<u64>, iops: Option<f64>| {
            let own = Gp3 {
                iops: iops.map(At::built_in),
                size: gib.map(size),
            };
            VolumeSpec::Gp3(own).limits()
        };
        assert_eq!(gp3(None, None), Limits::fixed(3000.0));
        assert_eq!(gp3(Some(400), None), Limits::fixed(12_000.0));
        assert_eq!(gp3(Some(400), Some(16_000.0)), Limits::fixed(16_000.0));
    }
}
