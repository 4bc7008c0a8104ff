//! What a service hears of, reports, and is audited for.

use super::Runtime;
use super::door::KNOCK;
use super::launch::{IMAGE, LAUNCH, MACHINE, MACHINE_IDLE, READY, RESUMED, WARM};
use super::life::{BOOT_FAILED, CRASH, CYCLE, RESTART};
use super::processes::{PAUSE, PAUSE_OVER, PROCESS_CHECK, PROCESS_UP};
use super::state::{BOOTED, CPU, GRACE_OVER, LOOK, NOTICED, SCRAPE, State, ZONE_BACK};
use crate::component::pool::{FIRST_SIGNAL, Pool};
use crate::component::{
    Bill, Charge, Component, Context, Gauge, Kept, NodeId, Resource, Signal, Tally,
};

impl Component for State {
    fn start(&mut self, cx: &mut Context) {
        self.start_instances(cx);
    }

    fn signal(&mut self, signal: Signal, cx: &mut Context) {
        match signal.code {
            CPU => self.shared_bursts_over(signal.part, cx),
            BOOTED => self.booted(signal.part, cx),
            GRACE_OVER => self.kill(signal.part, cx),
            LOOK => self.look(signal.part, cx),
            SCRAPE => self.scrape(signal.part, cx),
            KNOCK => self.knock(cx),
            LAUNCH => self.asks_provider(signal.part, cx),
            MACHINE => self.machine_is_there(signal.part, cx),
            IMAGE => self.image_is_there(signal.part, cx),
            READY | RESUMED => self.is_ready(signal.part, cx),
            MACHINE_IDLE => self.machine_is_idle(signal.part, cx),
            WARM => self.is_warm(cx),
            NOTICED => self.notices_loss(signal.part, cx),
            ZONE_BACK => self.zone_is_back(signal.part, cx),
            CRASH => self.crash_is_due(signal.part, cx),
            RESTART => self.restarts(signal.part, cx),
            CYCLE => self.cycles(signal.part, cx),
            BOOT_FAILED => self.boot_fails(signal.part, cx),
            PROCESS_UP => self.process_is_up(signal.part, cx),
            PROCESS_CHECK => self.checks_process(signal.part, cx),
            PAUSE => self.pauses(signal.part, cx),
            PAUSE_OVER => self.pause_is_over(signal.part, cx),
            FIRST_SIGNAL.. => Pool::signal(&mut self.pools, signal.code, signal.part, cx),
            _ => unreachable!("a service sets no such signal: {signal:?}"),
        }
    }

    fn resources(&self) -> Vec<Resource> {
        let levels = &self.levels;
        let resource = |what: &str, unit, used, capacity, scale, waiting, wait| Resource {
            component: self.plan.name.clone(),
            what: what.to_owned(),
            unit,
            used,
            capacity: Some(capacity),
            scale,
            waiting,
            wait,
        };
        let mut all = vec![resource(
            "workers",
            "worker",
            levels.busy,
            levels.workers,
            1.0,
            Some(levels.waiting),
            Some(levels.wait),
        )];
        all.push(resource(
            "CPU",
            "vCPU",
            levels.cpu_used,
            levels.cpu,
            1000.0,
            None,
            None,
        ));
        let memory = self.processes.as_ref();
        all.extend(memory.and_then(|own| own.memory(&self.plan.name)));
        all.extend(self.pools.iter().map(|pool| pool.resource(&self.plan.name)));
        all
    }

    fn holds_connections(&self) -> Vec<(NodeId, u64)> {
        self.pools
            .iter()
            .map(|pool| (pool.database(), pool.n_open()))
            .collect()
    }

    fn gauges(&self) -> Vec<Gauge> {
        let gauge = |what, level| Gauge::new(&self.plan.name, what, Kept::Level(level));
        let mut all = vec![
            gauge("instances_in_service", self.levels.in_service),
            gauge("instances_starting", self.levels.starting),
            gauge("instances_draining", self.levels.draining),
            gauge("instances_paid", self.levels.paid),
        ];
        if let Some(lives) = &self.lives {
            all.extend(lives.gauges(&self.plan.name));
        }
        if let Some(launches) = &self.launches {
            all.extend(launches.gauges(&self.plan.name));
        }
        if let Some(processes) = &self.processes {
            all.extend(processes.gauges(&self.plan.name));
        }
        let door = self.door.as_ref();
        all.extend(door.map(|door| gauge("requests_held", door.level)));
        let throttled = self.levels.throttled;
        all.extend(throttled.map(|level| gauge("instances_throttled", level)));
        let pools = self.pools.iter();
        all.extend(pools.flat_map(|pool| pool.gauges(&self.plan.name)));
        all
    }

    fn bills(&self) -> Vec<Bill> {
        let own = Bill {
            component: self.plan.name.clone(),
            what: "",
            charge: Charge::Each(self.levels.paid, self.plan.cost),
        };
        let launches = self.launches.iter();
        let launches = launches.flat_map(|own| own.bills(&self.plan.name, self.plan.cost));
        std::iter::once(own).chain(launches).collect()
    }

    fn audit(&self, own: NodeId, seen: &Tally, cx: &Context) {
        let name = &self.plan.name;
        for (at, instance) in self.instances.iter().enumerate() {
            let inside = seen.inside(own, at as u32);
            assert_eq!(
                u64::from(instance.connections),
                inside,
                "requests in instance {at} of {name}"
            );
            if self.plan.runtime == Runtime::Threads {
                let waiting = instance.line.len();
                assert_eq!(
                    instance.busy + waiting,
                    instance.connections,
                    "workers of instance {at} of {name}"
                );
                assert!(
                    waiting == 0 || instance.busy == self.plan.workers,
                    "idle workers in {name}"
                );
            }
            if let (Some(processes), Runtime::Processes) = (&self.processes, self.plan.runtime) {
                let (held, waiting) = processes.audit(at as u32, name);
                assert_eq!(instance.busy, held, "threads of instance {at} of {name}");
                assert_eq!(
                    held + waiting + instance.line.len(),
                    instance.connections,
                    "requests of instance {at} of {name}"
                );
            }
        }
        let not_begun = self.instances.iter().map(|i| u64::from(i.not_begun));
        if self.plan.runtime == Runtime::EventLoop {
            assert_eq!(
                not_begun.sum::<u64>(),
                seen.not_begun(own),
                "requests that no loop of {name} has begun with"
            );
        }
        for (number, pool) in self.pools.iter().enumerate() {
            let books = pool.audit(cx);
            assert_eq!(
                books,
                seen.pool(own, number as u16),
                "in use and in line, pool {number} of {name}"
            );
        }
    }
}
