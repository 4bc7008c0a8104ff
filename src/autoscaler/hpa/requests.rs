//! What pods request of a resource: what a utilisation is a share of.

use super::metric::MetricError;
use super::quantity::Milli;

/// A resource that pods request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Cores.
    Cpu,
    /// Bytes.
    Memory,
}

/// Which container of a pod: a number that stands for its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerId(pub u32);

/// What is requested of each resource; nothing where there is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requests {
    /// Thousandths of cores.
    pub cpu: Option<Milli>,
    /// Thousandths of bytes.
    pub memory: Option<Milli>,
}

impl Requests {
    /// No request of anything but this.
    pub fn of(resource: Resource, request: Option<Milli>) -> Self {
        match resource {
            Resource::Cpu => Self {
                cpu: request,
                ..Self::default()
            },
            Resource::Memory => Self {
                memory: request,
                ..Self::default()
            },
        }
    }

    /// The request of one resource.
    pub const fn get(&self, resource: Resource) -> Option<Milli> {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }
}

/// A container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Container {
    /// Which one of its pod.
    pub id: ContainerId,
    /// What it requests.
    pub requests: Requests,
}

/// A container that runs before the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitContainer {
    /// The container.
    pub container: Container,
    /// True if it is restarted always, so that it runs on beside the others: a sidecar.
    pub is_sidecar: bool,
}

/// What pods are made from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodTemplate {
    /// Its containers.
    pub containers: Vec<Container>,
    /// Its init containers, in the order in which they run.
    pub init_containers: Vec<InitContainer>,
    /// What the pod as a whole requests; nothing of anything unless it uses requests at pod level (KEP-2837).
    pub pod_level: Requests,
}

impl PodTemplate {
    /// What one pod requests, or its `selected` container (`calculateRequests`).
    ///
    /// Init containers count if they are sidecars. A selected container goes before requests at pod level.
    ///
    /// # Errors
    /// [`MetricError::MissingRequest`] if a container that counts has none, [`MetricError::ContainerNotFound`] if
    /// the selected one is not there.
    pub fn request(
        &self,
        resource: Resource,
        selected: Option<ContainerId>,
    ) -> Result<Milli, MetricError> {
        if selected.is_none() && self.pod_level != Requests::default() {
            let whole = self.pod_level.get(resource);
            let request = whole.or_else(|| self.scheduled(resource));
            return request.ok_or(MetricError::MissingRequest);
        }
        let sidecars = self.init_containers.iter().filter(|own| own.is_sidecar);
        let running = self.containers.iter();
        let running = running.chain(sidecars.map(|own| &own.container));
        let mut counting = running.filter(|own| selected.is_none_or(|id| id == own.id));
        if selected.is_some() {
            let own = counting.next().ok_or(MetricError::ContainerNotFound)?;
            return own
                .requests
                .get(resource)
                .ok_or(MetricError::MissingRequest);
        }
        counting.try_fold(Milli::ZERO, |sum, own| {
            let request = own.requests.get(resource);
            Ok(sum.plus(request.ok_or(MetricError::MissingRequest)?))
        })
    }

    /// What the scheduler sets aside for a pod: the most that runs at one time, be it the containers with all
    /// sidecars, or an init container with the sidecars before it (`AggregateContainerRequests`). Nothing if none
    /// of them requests it.
    fn scheduled(&self, resource: Resource) -> Option<Milli> {
        let plus = |sum: Option<Milli>, own: &Container| {
            let request = own.requests.get(resource);
            request.map_or(sum, |own| Some(sum.unwrap_or_default().plus(own)))
        };
        let (mut sidecars, mut most_before) = (None, None);
        for own in &self.init_containers {
            let with_this = plus(sidecars, &own.container);
            if own.is_sidecar {
                sidecars = with_this;
            }
            most_before = most_before.max(with_this);
        }
        self.containers.iter().fold(sidecars, plus).max(most_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, from `AggregateContainerRequests`: as the scheduler counts, where requests at pod level are in
    /// use but silent about a resource.
    #[test]
    fn a_pod_that_requests_only_cpu_as_a_whole_takes_the_memory_of_its_containers() {
        let container = |id, memory: Option<i64>| Container {
            id: ContainerId(id),
            requests: Requests::of(Resource::Memory, memory.map(Milli::new)),
        };
        let init = |is_sidecar, container| InitContainer {
            container,
            is_sidecar,
        };
        let mut template = PodTemplate {
            containers: vec![container(0, Some(50)), container(1, None)],
            init_containers: vec![
                init(false, container(2, Some(60))),
                init(true, container(3, Some(30))),
                init(false, container(4, Some(200))),
            ],
            pod_level: Requests::of(Resource::Cpu, Some(Milli::new(800))),
        };
        let request = |of: &PodTemplate| of.request(Resource::Memory, None).map(Milli::get);
        assert_eq!(
            request(&template),
            Ok(230),
            "the last init container and the sidecar"
        );
        template.init_containers.pop();
        assert_eq!(request(&template), Ok(80), "all that stays");
        (template.containers, template.init_containers) = (vec![container(1, None)], Vec::new());
        assert_eq!(request(&template), Err(MetricError::MissingRequest));
        let cpu = template.request(Resource::Cpu, None).map(Milli::get);
        assert_eq!(cpu, Ok(800));
    }
}
