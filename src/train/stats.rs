//! What a tick sums up on the device, and the two logs: `stats.jsonl` (repeats bit for bit) and `timing.jsonl`.

use tch::{Device, Kind, Tensor};

use super::schedule::Phase;
use crate::engine::peak_device_bytes;
use crate::optim::Peers;
use crate::problem::Result;

/// A quantity whose mean over the tick is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The generator's loss, without path-length penalty.
    LossGenerator,
    /// The discriminator's loss, without R1 penalty.
    LossDiscriminator,
    /// The R1 penalty.
    R1,
    /// The path lengths themselves.
    PathLength,
    /// sign D(real), the overfitting signal r_t.
    RealSign,
}

impl Quantity {
    /// In the order of their numbers, which are their rows in [`TickSums::sums`].
    pub const ALL: [Self; 5] =
        [Self::LossGenerator, Self::LossDiscriminator, Self::R1, Self::PathLength, Self::RealSign];
}

/// Sums and counts on the device, so that no step waits for a number.
#[derive(Debug)]
pub struct TickSums {
    /// float64 \[quantities, 2\]: sum, count; of all replicas.
    pub sums: Tensor,
    /// The same of the present step, of this replica's images.
    of_step: Tensor,
}

impl TickSums {
    /// Zeros.
    pub fn new(device: Device) -> Self {
        let zeros = || Tensor::zeros([Quantity::ALL.len() as i64, 2], (Kind::Double, device));
        Self { sums: zeros(), of_step: zeros() }
    }

    /// Counts every element of `values` once, in the present step.
    pub fn add(&mut self, quantity: Quantity, values: &Tensor) {
        let sum = values.detach().sum(Kind::Double);
        let mut row = self.of_step.get(quantity as i64);
        let count = values.numel() as f64;
        row += Tensor::stack(&[sum.shallow_clone(), sum.full_like(count)], 0);
    }

    /// Ends the step: its sums over all replicas are added to the tick's. Returns those of sign D(real), float64 \[2\].
    ///
    /// # Errors
    /// Another replica has gone.
    pub fn end_step(&mut self, peers: &dyn Peers) -> Result<Tensor> {
        // A copy: the fixed tensor is what recorded work adds to.
        let mut of_all = self.of_step.copy();
        peers.sum(&mut of_all)?;
        self.sums += &of_all;
        let _ = self.of_step.zero_();
        Ok(of_all.get(Quantity::RealSign as i64))
    }

    /// Mean of what the steps since the last [`TickSums::clear`] added; `None` where nothing was.
    pub fn mean(&self, quantity: Quantity) -> Option<f64> {
        let at = |column| self.sums.double_value(&[quantity as i64, column]);
        (at(1) > 0.0).then(|| at(0) / at(1))
    }

    /// Starts the next tick.
    pub fn clear(&mut self) {
        let _ = self.sums.zero_();
    }
}

/// Whether the phases since the last look went well, on the device.
#[derive(Debug)]
pub struct Probes {
    /// float64 \[phases\]: sums of what is not finite where a phase went wrong.
    pub sums: Tensor,
}

impl Probes {
    /// All well so far.
    pub fn new(device: Device) -> Self {
        Self { sums: Tensor::zeros([Phase::ALL.len() as i64], (Kind::Double, device)) }
    }

    /// `probe` float64 \[\]: finite where the phase went well.
    pub fn add(&mut self, phase: Phase, probe: &Tensor) {
        let mut place = self.sums.get(phase as i64);
        place += probe;
    }

    /// The first phase that did not go well, if any; looks at what was added so far, and forgets it.
    pub fn failed(&mut self) -> Option<Phase> {
        let sums = Vec::<f64>::try_from(&self.sums).expect("one axis of float64");
        let _ = self.sums.zero_();
        Phase::ALL.into_iter().zip(sums).find(|(_, sum)| !sum.is_finite()).map(|(phase, _)| phase)
    }
}

/// Most memory in use so far in bytes: of the GPU where that is the device, else resident of this process; 0 where the
/// system does not tell.
pub fn peak_memory(device: Device) -> u64 {
    if let Some(bytes) = peak_device_bytes(device) {
        return bytes;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Alone;

    #[test]
    fn means_count_elements_and_start_anew() {
        let mut sums = TickSums::new(Device::Cpu);
        assert_eq!(sums.mean(Quantity::R1), None);
        sums.add(Quantity::R1, &Tensor::from_slice(&[1f32, 2.0]));
        sums.add(Quantity::R1, &Tensor::from_slice(&[6f32]));
        sums.add(Quantity::RealSign, &Tensor::from(-1f32));
        assert_eq!(sums.mean(Quantity::R1), None);
        let signs = sums.end_step(&Alone).unwrap();
        assert_eq!(Vec::<f64>::try_from(signs).unwrap(), [-1.0, 1.0]);
        assert_eq!(sums.mean(Quantity::R1), Some(3.0));
        assert_eq!(sums.mean(Quantity::RealSign), Some(-1.0));
        assert_eq!(sums.mean(Quantity::PathLength), None);
        sums.clear();
        let _ = sums.end_step(&Alone).unwrap();
        assert_eq!(sums.mean(Quantity::R1), None);
    }

    #[test]
    fn a_probe_that_was_not_finite_is_found_later() {
        let mut probes = Probes::new(Device::Cpu);
        probes.add(Phase::GeneratorMain, &Tensor::from(1f64));
        assert_eq!(probes.failed(), None);
        probes.add(Phase::DiscriminatorMain, &Tensor::from(f64::INFINITY));
        probes.add(Phase::DiscriminatorMain, &Tensor::from(1f64));
        probes.add(Phase::GeneratorMain, &Tensor::from(1f64));
        assert_eq!((probes.failed(), probes.failed()), (Some(Phase::DiscriminatorMain), None));
    }

    #[test]
    fn peak_memory_is_at_least_a_megabyte() {
        assert!(peak_memory(Device::Cpu) > 1 << 20);
    }
}
