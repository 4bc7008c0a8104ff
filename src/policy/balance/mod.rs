//! How a balancer picks an instance.
//!
//! One file per policy. To add one: write its file (its table, its state, its rules) and add its line to
//! the list below.
//!
//! A policy knows the instances in service by number and hears of every request it has sent: a balancer's
//! own view, not the instances'.

mod least_outstanding;
mod power_of_two;
mod random;
mod round_robin;

use crate::rng::Salt;

pub use least_outstanding::LeastOutstanding;
pub use power_of_two::PowerOfTwo;
pub use random::Random;
pub use round_robin::RoundRobin;

/// The rules of a balancing policy.
trait Rules {
    /// A policy for instances numbered below `capacity`, none of them in service yet.
    fn new(capacity: u32) -> Self;

    /// `instance` comes into service, with nothing outstanding.
    fn join(&mut self, instance: u32);

    /// `instance` goes out of service: nothing more is sent to it.
    fn leave(&mut self, instance: u32);

    /// Picks the instance for a request and counts the request as outstanding there; nothing if none is
    /// in service. `salt` and `request` identify the draw of a policy that picks at random.
    fn pick(&mut self, salt: Salt, request: u64) -> Option<u32>;

    /// Counts a request that goes to `instance`, whoever chose it, as outstanding there; false if it is not
    /// in service.
    fn pick_this(&mut self, instance: u32) -> bool;

    /// A request that was sent to `instance` is over.
    fn done(&mut self, instance: u32);
}

macro_rules! policies {
    ($( $(#[doc = $doc:literal])* $variant:ident: $module:ident = $word:literal ),* $(,)?) => {
        crate::choice! {
            /// How a balancer picks an instance.
            pub enum Policy {
                $( $(#[doc = $doc])* $variant($module::$variant) = $word ),*
            }
        }

        /// A balancing policy at work.
        #[derive(Debug, Clone)]
        pub enum Balance {
            $( $(#[doc = $doc])* $variant($module::State), )*
        }

        impl Policy {
            /// The policy for instances numbered below `capacity`, none of them in service yet.
            pub fn start(&self, capacity: u32) -> Balance {
                match self { $( Self::$variant(_) => Balance::$variant(Rules::new(capacity)), )* }
            }
        }

        impl Balance {
            /// `instance` comes into service, with nothing outstanding.
            pub fn join(&mut self, instance: u32) {
                match self { $( Self::$variant(state) => state.join(instance), )* }
            }

            /// `instance` goes out of service: nothing more is sent to it.
            pub fn leave(&mut self, instance: u32) {
                match self { $( Self::$variant(state) => state.leave(instance), )* }
            }

            /// Picks the instance for a request and counts the request as outstanding there; nothing if
            /// none is in service. A policy that picks at random draws for `request` with `salt`.
            #[inline(always)]
            pub fn pick(&mut self, salt: Salt, request: u64) -> Option<u32> {
                match self { $( Self::$variant(state) => state.pick(salt, request), )* }
            }

            /// Counts a request that goes to `instance`, whoever chose it, as outstanding there; false if it
            /// is not in service.
            pub fn pick_this(&mut self, instance: u32) -> bool {
                match self { $( Self::$variant(state) => state.pick_this(instance), )* }
            }

            /// A request that was sent to `instance` is over.
            #[inline(always)]
            pub fn done(&mut self, instance: u32) {
                match self { $( Self::$variant(state) => state.done(instance), )* }
            }
        }
    };
}

policies! {
    /// Each in turn.
    RoundRobin: round_robin = "round_robin",
    /// One at random, blind to load.
    Random: random = "random",
    /// The one with the fewest requests outstanding; of several, the one that has been at that number
    /// the longest.
    LeastOutstanding: least_outstanding = "least_outstanding",
    /// The less busy of two drawn at random.
    PowerOfTwo: power_of_two = "power_of_two",
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diag::{Diagnostics, Origin};
    use crate::spec::{Node, Spec as _, Value};

    fn policy(word: &str) -> Policy {
        let node = Node {
            value: Value::Text(word.to_owned()),
            origin: Origin::BUILT_IN,
        };
        Policy::read(&node, &mut Diagnostics::default())
            .expect("every policy works by its bare name")
    }

    #[derive(Debug, Clone)]
    enum Action {
        Pick(u64),
        PickThis(u32),
        Done(usize),
        Toggle(u32),
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            5 => any::<u64>().prop_map(Action::Pick),
            1 => (0..7u32).prop_map(Action::PickThis),
            4 => any::<usize>().prop_map(Action::Done),
            1 => (0..7u32).prop_map(Action::Toggle),
        ]
    }

    proptest! {
        /// Whatever the policy: it picks somebody in service whenever there is one, and keeps its books
        /// while instances come and go. Least outstanding picks a minimum, checked by a scan; the better
        /// of two never a sole maximum.
        #[test]
        fn picks_are_in_service_and_as_promised(actions in prop::collection::vec(action(), 1..300)) {
            for word in Policy::WORDS {
                let mut balance = policy(word).start(7);
                let mut in_service = [false; 7];
                let mut outstanding = [0u32; 7];
                let mut sent: Vec<u32> = Vec::new();
                for action in &actions {
                    match *action {
                        Action::Pick(request) => {
                            let picked = balance.pick(Salt::new("test", word), request);
                            prop_assert_eq!(picked.is_some(), in_service.contains(&true));
                            let Some(picked) = picked else { continue };
                            prop_assert!(in_service[picked as usize]);
                            let mine = outstanding[picked as usize];
                            let others = || (0..7).filter(|i| in_service[*i]).map(|i| outstanding[i]);
                            if *word == "least_outstanding" {
                                prop_assert_eq!(Some(mine), others().min());
                            }
                            if *word == "power_of_two" && others().count() > 1 {
                                let worst = others().max();
                                prop_assert!(Some(mine) != worst || others().filter(|o| Some(*o) == worst).count() > 1);
                            }
                            outstanding[picked as usize] += 1;
                            sent.push(picked);
                        }
                        Action::PickThis(instance) => {
                            let picked = balance.pick_this(instance);
                            prop_assert_eq!(picked, in_service[instance as usize]);
                            if picked {
                                outstanding[instance as usize] += 1;
                                sent.push(instance);
                            }
                        }
                        Action::Done(which) if !sent.is_empty() => {
                            let instance = sent.swap_remove(which % sent.len());
                            outstanding[instance as usize] -= 1;
                            balance.done(instance);
                        }
                        Action::Toggle(instance) => {
                            let at = instance as usize;
                            // An instance comes back empty only when its requests are over, as in a system.
                            if in_service[at] {
                                balance.leave(instance);
                                in_service[at] = false;
                            } else if outstanding[at] == 0 {
                                balance.join(instance);
                                in_service[at] = true;
                            }
                        }
                        Action::Done(_) => {}
                    }
                }
            }
        }
    }

    #[test]
    fn round_robin_goes_round() {
        let mut balance = policy("round_robin").start(4);
        (0..4).for_each(|i| balance.join(i));
        let salt = Salt::new("test", "round_robin");
        let picked: Vec<_> = (0..6)
            .filter_map(|request| balance.pick(salt, request))
            .collect();
        assert_eq!(picked, [0, 1, 2, 3, 0, 1]);
        balance.leave(1);
        let picked: Vec<_> = (0..4)
            .filter_map(|request| balance.pick(salt, request))
            .collect();
        assert_eq!(picked, [2, 3, 0, 2]);
    }
}
