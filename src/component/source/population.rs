//! Who the clients are: a population, some of whom come often, share an address, are logged in.

use super::browser::BrowserCache;
use crate::component::program::{Keys, threshold};
use crate::diag::{Diagnostic, Diagnostics, Origin};
use crate::dist::popularity::{Alike, Popularity};
use crate::rng::Salt;
use crate::spec;
use crate::spec::{At, Count};
use crate::units::Fraction;

spec! {
    /// Who the clients are: `{ population = 400_000, popularity = { zipf = 1.1 } }`. Each request, visit or
    /// user is one of them.
    pub struct Population {
        /// How many there are.
        pub population: At<Count>,
        /// How often they come, relative to one another.
        pub popularity: Popularity = Popularity::Uniform(Alike {}),
        /// How many of them share an address, on average: offices and schools 10 to 1000, networks of mobile
        /// phones more. The addresses are filled at random, so some are shared by more, some by fewer.
        pub per_address: At<f64> = At::built_in(1.0),
        /// The share of them that are logged in; they see pages of their own.
        pub authenticated: At<Fraction> = At::built_in(Fraction::ZERO),
        /// What their browsers keep.
        pub browser_cache: Option<BrowserCache>,
    }
    check(Self::check)
}

/// The largest population: what is known of each client takes some bytes.
const MOST_CLIENTS: u32 = 100_000_000;

impl Population {
    fn check(&self, _: Origin, out: &mut Diagnostics) {
        self.popularity.check(out);
        if self.population.get() > MOST_CLIENTS {
            let problem = format!("a population has at most {MOST_CLIENTS} clients");
            out.push(Diagnostic::error(self.population.origin, problem));
        }
        if !(1.0..=1e8).contains(&self.per_address.value) {
            let problem = "at least 1 client and at most 100 million share an address";
            out.push(Diagnostic::error(self.per_address.origin, problem));
        }
    }
}

/// A population with every name resolved.
#[derive(Debug, Clone)]
pub struct People {
    /// Their numbers begin here: a number tells a client from those of other sources, too.
    pub first: u32,
    /// How many there are.
    pub count: u32,
    activity: Keys,
    /// How many addresses they have, and where they draw theirs.
    addresses: u32,
    address_salt: Salt,
    authenticated_below: u64,
    authenticated_salt: Salt,
}

impl People {
    /// The clients of source `name`, numbered from `first`.
    pub fn new(name: &str, spec: &Population, first: u32) -> Self {
        let count = spec.population.get();
        let exponent = spec.popularity.exponent();
        Self {
            first,
            count,
            activity: Keys::zipf(u64::from(count), exponent, Salt::new(name, "client")),
            addresses: ((f64::from(count) / spec.per_address.value).ceil() as u32).max(1),
            address_salt: Salt::new(name, "address"),
            authenticated_below: threshold(spec.authenticated.value),
            authenticated_salt: Salt::new(name, "authenticated"),
        }
    }

    /// Who sends the request, or makes the visit, with this number.
    #[inline]
    pub fn client_of(&self, number: u64) -> u32 {
        self.first + (self.activity.key(number) - 1) as u32
    }

    /// Who the user in a seat is.
    pub fn client_in(&self, seat: u32) -> u32 {
        self.first + seat % self.count
    }

    /// The address of a client: a number that those who share the address have in common.
    pub fn address_of(&self, client: u32) -> u32 {
        let within = self.address_salt.index(u64::from(client), self.addresses);
        self.first + within
    }

    /// True if a client is logged in.
    pub fn is_authenticated(&self, client: u32) -> bool {
        self.authenticated_below > 0
            && self.authenticated_salt.uniform(u64::from(client)) < self.authenticated_below
    }
}
