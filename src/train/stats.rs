//! What a tick sums up on the device, and the two logs: `stats.jsonl` (repeats bit for bit) and `timing.jsonl`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use tch::{Device, Kind, Tensor};

use crate::problem::{Kind as ProblemKind, Problem, Result};

/// A quantity whose mean over the tick is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    LossGenerator,
    LossDiscriminator,
    R1,
    PathLength,
    /// sign D(real), the overfitting signal r_t.
    RealSign,
}

const QUANTITIES: i64 = 5;

/// Sums and counts on the device, so that no step waits for a number.
#[derive(Debug)]
pub struct TickSums {
    /// float64 \[quantities, 2\]: sum, count.
    pub sums: Tensor,
}

impl TickSums {
    pub fn new(device: Device) -> Self {
        Self { sums: Tensor::zeros([QUANTITIES, 2], (Kind::Double, device)) }
    }

    /// Counts every element of `values` once.
    pub fn add(&mut self, quantity: Quantity, values: &Tensor) {
        let sum = values.detach().sum(Kind::Double);
        let mut row = self.sums.get(quantity as i64);
        let count = values.numel() as f64;
        row += Tensor::stack(&[sum.shallow_clone(), sum.full_like(count)], 0);
    }

    /// Mean of what was added since the last [`TickSums::clear`]; `None` where nothing was.
    pub fn mean(&self, quantity: Quantity) -> Option<f64> {
        let at = |column| self.sums.double_value(&[quantity as i64, column]);
        (at(1) > 0.0).then(|| at(0) / at(1))
    }

    pub fn clear(&mut self) {
        let _ = self.sums.zero_();
    }
}

/// One line of JSON.
pub fn line(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Problem::new(ProblemKind::Internal, format!("cannot express as JSON: {error}")))
}

/// Adds a line to a log. Not flushed to disk: a resumed run rewrites what it needs from its checkpoint.
pub fn append(path: &Path, line: &str) -> Result<()> {
    let write = || OpenOptions::new().create(true).append(true).open(path)?.write_all(format!("{line}\n").as_bytes());
    write().map_err(|error| Problem::io(path, "writing", error))
}

/// Largest resident memory of this process so far in bytes; 0 where the system does not tell.
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_count_elements_and_start_anew() {
        let mut sums = TickSums::new(Device::Cpu);
        assert_eq!(sums.mean(Quantity::R1), None);
        sums.add(Quantity::R1, &Tensor::from_slice(&[1f32, 2.0]));
        sums.add(Quantity::R1, &Tensor::from_slice(&[6f32]));
        sums.add(Quantity::RealSign, &Tensor::from(-1f32));
        assert_eq!(sums.mean(Quantity::R1), Some(3.0));
        assert_eq!(sums.mean(Quantity::RealSign), Some(-1.0));
        assert_eq!(sums.mean(Quantity::PathLength), None);
        sums.clear();
        assert_eq!(sums.mean(Quantity::R1), None);
    }

    #[test]
    fn peak_memory_is_at_least_a_megabyte() {
        assert!(peak_memory() > 1 << 20);
    }
}
