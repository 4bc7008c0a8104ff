//! Queues: who takes messages from them, and what for.

use super::{Compiler, Operation};
use crate::component::program::Op;
use crate::component::queue::{Consumer, Consumes, Plan, Queue};
use crate::component::service::Service;
use crate::component::{ComponentSpec, NodeId};
use crate::diag::Diagnostic;
use crate::spec::{At, Count};

impl Compiler<'_> {
    /// Finds who takes messages from which queue, once all operations have their places.
    pub(super) fn find_consumers(&mut self) {
        let spec = self.spec;
        for (at, (name, component)) in spec.components.items.iter().enumerate() {
            let ComponentSpec::Service(own) = component else {
                continue;
            };
            for consumes in &own.consumes {
                if let Some((queue, consumer)) = self.consumer(at, name, own, consumes) {
                    self.used[at] = true;
                    let operation = (at, consumes.operation.value.clone());
                    self.consumers.push((queue, operation, consumer));
                }
            }
        }
    }

    fn consumer(
        &mut self,
        at: usize,
        name: &At<String>,
        own: &Service,
        consumes: &Consumes,
    ) -> Option<(usize, Consumer)> {
        let queue = self
            .component(&consumes.queue)
            .map(|(at, spec)| (at, matches!(spec, ComponentSpec::Queue(_))));
        let what = "operation of this service";
        let operation = own
            .operations
            .resolve(&consumes.operation, what, self.out)
            .is_some();
        if let Some((queue, false)) = queue {
            self.wrong_kind(&consumes.queue, queue, "a queue");
        }
        let (queue, true) = queue? else { return None };
        if !operation {
            return None;
        }
        let operation = consumes.operation.value.clone();
        let start = *self.starts.get(&(at, operation))?;
        let ComponentSpec::Queue(of) = &self.spec.components.items[queue].1 else {
            return None;
        };
        let pc = match &of.receive_time {
            Some(law) => {
                // A worker gets the message before it begins with it.
                let place = format!("{}/receive/{}", name.value, consumes.operation.value);
                let demand = self.demand(law, &place)?;
                let pc = self.here() as u16;
                self.emit(Op::Wait(demand));
                self.emit(Op::Jump(start));
                pc
            }
            None => start,
        };
        let (_, workers) = self.size(own)?;
        let prefetch = consumes.prefetch.map_or(workers, |prefetch| prefetch.get());
        // Without a limit of its own a server's backlog has hundreds of places.
        if let (Some(given), Some(backlog)) = (consumes.prefetch, &own.backlog) {
            let waiting = backlog.limit();
            let room = workers.saturating_add(waiting);
            if prefetch > room {
                let problem = format!("an instance has room for {room} messages");
                let label = format!("{workers} workers, and {waiting} that may wait");
                self.out
                    .push(Diagnostic::error(given.origin, problem).label(label));
                return None;
            }
        }
        Some((
            queue,
            Consumer {
                service: NodeId::new(at),
                n_instances: self.places[at],
                prefetch,
                pc,
            },
        ))
    }

    /// Reports messages whose jobs lead to another message of the same queue: each would be followed by one
    /// more for ever, and where that takes no time, at once.
    pub(super) fn check_messages(&mut self) {
        for (from, queue, origin) in self.published.clone() {
            // Everything that is done because of a message of this queue.
            let mut done: Vec<Operation> = Vec::new();
            let mut open = self.done_for(queue);
            while let Some(operation) = open.pop() {
                if done.contains(&operation) {
                    continue;
                }
                let calls = self.operations.iter().filter(|(own, _)| *own == operation);
                open.extend(calls.map(|(_, called)| called.clone()));
                for (_, to, _) in self.published.iter().filter(|(own, ..)| *own == operation) {
                    open.extend(self.done_for(*to));
                }
                done.push(operation);
            }
            if done.contains(&from) {
                let name = &self.spec.components.items[queue].0.value;
                let problem = format!("a message of `{name}` leads to another one, without end");
                self.out.push(
                    Diagnostic::error(origin, problem)
                        .label("published by what is done for such a message"),
                );
            }
        }
    }

    fn done_for(&self, queue: usize) -> Vec<Operation> {
        let own = self.consumers.iter().filter(|(of, ..)| *of == queue);
        own.map(|(_, operation, _)| operation.clone()).collect()
    }

    pub(super) fn plan_queue(&mut self, at: usize, name: &At<String>, own: &Queue) -> Option<Plan> {
        let own_consumers = self.consumers.iter().filter(|(queue, ..)| *queue == at);
        let consumers: Vec<_> = own_consumers.map(|(.., own)| own.clone()).collect();
        let is_published_to = self.published.iter().any(|(_, queue, _)| *queue == at);
        if consumers.is_empty() && is_published_to {
            let problem = format!("nobody takes messages from `{}`", name.value);
            self.out
                .push(Diagnostic::warning(name.origin, problem).help(
                    "add consumes = [{ queue = \"...\", operation = \"...\" }] to a service",
                ));
        }
        if !consumers.is_empty() && !is_published_to {
            let problem = format!("nobody publishes to `{}`", name.value);
            self.out.push(Diagnostic::warning(name.origin, problem));
        }
        let publish_time = match &own.publish_time {
            Some(law) => Some(self.demand(law, &format!("{}/publish_time", name.value))?),
            None => None,
        };
        let on_failure = own.on_failure.plan(self.data, self.out);
        let on_lost = own.on_lost.plan(self.data, self.out);
        Some(Plan {
            name: name.value.clone(),
            max_length: own.max_length.map(|max| max.get()),
            when_full: own.when_full.value,
            publish_time,
            delay: own.delay.map(|span| span.value),
            visibility_timeout: own.visibility_timeout.map(|span| span.value),
            on_failure: on_failure?,
            on_lost: on_lost?,
            max_deliveries: own.max_deliveries.map_or(u32::MAX, |most| most.get()),
            poll: own.poll.map(|span| span.value),
            consumers,
            cost: self.price(own.instance.as_ref(), own.cost),
            most: Count::get(self.spec.run.max_in_flight.value) as usize,
        })
    }
}
