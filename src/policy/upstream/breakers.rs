//! Ceilings on what a balancer has under way at once (Envoy's circuit breakers, `resource_manager_impl.h`).

use crate::spec;
use crate::spec::{At, Count};
use crate::units::Fraction;

spec! {
    /// How many retries may be under way in relation to everything else: `{ budget_percent = "20%" }`.
    pub struct RetryBudget {
        /// What share of the requests under way and waiting may be retries.
        pub budget_percent: At<Fraction> = At::built_in(Fraction::percent(20)),
        /// How many retries may be under way in any case.
        pub min_retry_concurrency: u32 = 3,
    }
}

spec! {
    /// Ceilings on what a balancer has under way at once, over all servers: `circuit_breakers = { max_connections =
    /// 100 }`. What is above them is turned away at once. The keys and what they are unless given are Envoy's; each
    /// independent balancer counts for itself.
    pub struct CircuitBreakers {
        /// How many connections to servers there are; over HTTP/1.1 each carries one request at a time. Whoever
        /// finds none waits for one, first come, first served. Connections are counted while they carry a request.
        pub max_connections: At<Count> = At::built_in(Count::new(1024)),
        /// How many requests wait for a connection.
        pub max_pending_requests: u32 = 1024,
        /// How many requests are under way.
        pub max_requests: At<Count> = At::built_in(Count::new(1024)),
        /// How many retries are under way, if there is no budget.
        pub max_retries: u32 = 3,
        /// How many retries are under way in relation to everything else.
        pub retry_budget: Option<RetryBudget>,
    }
}

impl CircuitBreakers {
    /// How many requests are under way at most.
    pub fn most_under_way(&self) -> u64 {
        u64::from(self.max_connections.get())
    }

    /// True if another request may be sent to a server while so many are under way.
    pub fn admits_request(&self, under_way: u64) -> bool {
        under_way < u64::from(self.max_requests.get())
    }

    /// True if another retry may be made while so many are under way, among so many requests that are or wait.
    pub fn admits_retry(&self, retries: u64, requests: u64) -> bool {
        let most = match &self.retry_budget {
            None => u64::from(self.max_retries),
            Some(budget) => {
                let share = budget.budget_percent.value.get() * requests as f64;
                u64::from(budget.min_retry_concurrency).max(share as u64)
            }
        };
        retries < most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breakers(retry_budget: Option<RetryBudget>) -> CircuitBreakers {
        CircuitBreakers {
            max_connections: At::built_in(Count::new(1024)),
            max_pending_requests: 1024,
            max_requests: At::built_in(Count::new(2)),
            max_retries: 3,
            retry_budget,
        }
    }

    /// Envoy: three retries at a time; with a budget a fifth of all requests, but three in any case.
    #[test]
    fn ceilings_are_not_passed() {
        let fixed = breakers(None);
        assert!(fixed.admits_request(1) && !fixed.admits_request(2));
        assert!(fixed.admits_retry(2, 1) && !fixed.admits_retry(3, 10_000));
        let budget = breakers(Some(RetryBudget {
            budget_percent: At::built_in(Fraction::percent(20)),
            min_retry_concurrency: 3,
        }));
        let most = |requests| (0..100).find(|n| !budget.admits_retry(*n, requests));
        assert_eq!([0, 15, 19, 20, 104].map(most), [3, 3, 3, 4, 20].map(Some));
    }
}
