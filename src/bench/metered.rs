//! What replicas that train together lose to their exchanges.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tch::{Device, Tensor};

use super::clock::wait_for;
use crate::optim::Peers;
use crate::problem::Result;

/// Peers with a stopwatch. What is counted is the time from the moment at which this replica comes with its part until
/// it has that of all: to wait for the slowest, to carry, and to add up.
#[derive(Debug)]
pub(super) struct Metered<'a> {
    peers: &'a dyn Peers,
    /// A GPU is given work and not waited for: here it is waited for before and after, or its work would be counted
    /// where the host happens to wait.
    device: Device,
    spent: Cell<Duration>,
}

impl<'a> Metered<'a> {
    /// Of these, whose tensors are on `device`.
    pub fn new(peers: &'a dyn Peers, device: Device) -> Self {
        Self { peers, device, spent: Cell::new(Duration::ZERO) }
    }

    /// Seconds in exchanges so far.
    pub fn seconds(&self) -> f64 {
        self.spent.get().as_secs_f64()
    }

    fn timed<T>(&self, exchange: impl FnOnce() -> Result<T>) -> Result<T> {
        // Nothing to wait for, and a GPU that records must not be.
        if self.peers.size() == 1 {
            return exchange();
        }
        wait_for(self.device);
        let start = Instant::now();
        let found = exchange()?;
        wait_for(self.device);
        self.spent.set(self.spent.get() + start.elapsed());
        Ok(found)
    }
}

impl Peers for Metered<'_> {
    fn rank(&self) -> usize {
        self.peers.rank()
    }

    fn size(&self) -> usize {
        self.peers.size()
    }

    fn sum(&self, tensor: &mut Tensor) -> Result<()> {
        self.timed(|| self.peers.sum(tensor))
    }

    fn any(&self, said: bool) -> Result<bool> {
        self.timed(|| self.peers.any(said))
    }

    fn barrier(&self) -> Result<()> {
        self.timed(|| self.peers.barrier())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::{Alone, Team};

    #[test]
    fn waiting_for_the_slowest_counts_and_own_work_does_not() {
        let pause = Duration::from_millis(60);
        let spent = std::thread::scope(|scope| {
            let one = |member: crate::optim::Member| {
                scope.spawn(move || {
                    let metered = Metered::new(&member, Device::Cpu);
                    if metered.rank() == 1 {
                        std::thread::sleep(pause);
                    }
                    metered.barrier().unwrap();
                    let mut tensor = Tensor::from(metered.rank() as f64);
                    metered.mean(&mut tensor).unwrap();
                    assert_eq!(tensor.double_value(&[]), 0.5);
                    metered.seconds()
                })
            };
            let threads: Vec<_> = Team::new(2).members(None).into_iter().map(one).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(spent[0] >= 0.9 * pause.as_secs_f64() && spent[1] < spent[0], "{spent:?}");
        let alone = Metered::new(&Alone, Device::Cpu);
        alone.barrier().unwrap();
        assert_eq!(alone.seconds(), 0.0);
    }
}
