//! The stopwatch and the yardstick.

use std::time::Instant;

use tch::{Device, Kind, Tensor};

use crate::problem::Result;

/// Returns when a GPU has done what it was given; on a CPU that is so at once.
pub fn wait_for(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}

/// Takes the time of work on one device.
pub struct Clock {
    /// Timed ones, at least 1, after one that is not counted.
    pub repetitions: u32,
    /// Waited for before the clock is read.
    pub device: Device,
    /// Whether a GPU records repeated work.
    pub graphs: bool,
}

impl Clock {
    /// Seconds of the fastest repetition.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn seconds(&self, work: impl FnMut() -> Result<()>) -> Result<f64> {
        self.seconds_after(|| Ok(()), work)
    }

    /// As [`Clock::seconds`], with something to do before each repetition that does not count.
    ///
    /// # Errors
    /// Those of `before` and `work`.
    pub fn seconds_after(&self, before: impl FnMut() -> Result<()>, work: impl FnMut() -> Result<()>) -> Result<f64> {
        self.fastest(before, work).map(|(seconds, ())| seconds)
    }

    /// As [`Clock::seconds_after`], with what the fastest repetition came to.
    ///
    /// # Errors
    /// Those of `before` and `work`.
    pub fn fastest<T>(
        &self,
        mut before: impl FnMut() -> Result<()>,
        mut work: impl FnMut() -> Result<T>,
    ) -> Result<(f64, T)> {
        before()?;
        let mut best = (f64::INFINITY, work()?);
        for _ in 0..self.repetitions {
            before()?;
            let start = Instant::now();
            let found = work()?;
            wait_for(self.device);
            let seconds = start.elapsed().as_secs_f64();
            if seconds < best.0 {
                best = (seconds, found);
            }
        }
        Ok(best)
    }

    /// GFLOP/s of the yardstick: forward and backward of a 3x3 convolution, 512 to 512 channels at 32x32, batch 8,
    /// float32.
    pub fn convolution_rate(&self) -> f64 {
        let options = (Kind::Float, self.device);
        let x = Tensor::randn([8, 512, 32, 32], options).set_requires_grad(true);
        let w = Tensor::randn([512, 512, 3, 3], options).set_requires_grad(true);
        let seconds = self.seconds(|| {
            let y = x.conv2d(&w, None::<Tensor>, [1, 1], [1, 1], [1, 1], 1);
            let _ = Tensor::run_backward(&[y.sum(Kind::Float)], &[&x, &w], false, false);
            Ok(())
        });
        6.0 * 8.0 * 512.0 * 512.0 * 9.0 * 1024.0 / 1e9 / seconds.unwrap_or(f64::INFINITY)
    }
}
