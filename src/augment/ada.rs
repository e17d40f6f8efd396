//! Adaptive augmentation: p follows how sure the discriminator is of real images (section 3.1).

use serde::{Deserialize, Serialize};

use crate::problem::{Problem, Result};

/// Settings of the controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaConfig {
    /// Wanted E[sign D(real)], -1..1.
    pub target: f64,
    /// Batches between two adjustments.
    pub interval: u64,
    /// Thousands of images in which p could go from 0 to 1; 100 suits training that starts from another network.
    pub speed_kimg: f64,
    /// p at the start.
    pub initial: f64,
    /// p never exceeds this; near 1 the augmentations leak into the generated images.
    pub ceiling: f64,
}

impl Default for AdaConfig {
    fn default() -> Self {
        Self { target: 0.6, interval: 4, speed_kimg: 500.0, initial: 0.0, ceiling: 0.8 }
    }
}

impl AdaConfig {
    /// The speed for training that starts from another network.
    pub fn transfer() -> Self {
        Self { speed_kimg: 100.0, ..Self::default() }
    }

    /// Refuses settings by which nothing could be steered.
    ///
    /// # Errors
    /// Names the settings that are wrong and what they may be.
    pub fn validate(&self) -> Result<()> {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        if !share(self.ceiling) || !share(self.initial) || self.initial > self.ceiling {
            return Err(Problem::usage(format!("ada.initial = {}, ada.ceiling = {}", self.initial, self.ceiling))
                .expected("0 <= initial <= ceiling <= 1"));
        }
        let speed = self.speed_kimg;
        if !(-1.0..=1.0).contains(&self.target) || self.interval == 0 || speed.is_nan() || speed <= 0.0 {
            return Err(Problem::usage(format!(
                "ada.target = {}, ada.interval = {}, ada.speed_kimg = {}",
                self.target, self.interval, self.speed_kimg
            ))
            .expected("a target in -1..1, an interval of at least 1 and a positive speed"));
        }
        Ok(())
    }
}

/// The controller's whole state, so that a checkpoint can hold it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ada {
    /// Probability of each operation.
    pub p: f64,
    /// E[sign D(real)] at the last adjustment, 0 before the first.
    pub rt: f64,
    sign_sum: f64,
    images: u64,
    batches: u64,
}

impl Ada {
    /// At the start of training: p as configured, nothing counted.
    pub fn new(config: &AdaConfig) -> Self {
        Self { p: config.initial, rt: 0.0, sign_sum: 0.0, images: 0, batches: 0 }
    }

    /// Whether the batch that is counted next completes an interval: only then its signs need to be read.
    pub fn is_due(&self, config: &AdaConfig) -> bool {
        self.batches + 1 >= config.interval
    }

    /// Counts one batch of `images` real images. `sign_sum` is the sum of sign D(real) over the images whose signs are
    /// handed over with it (of this batch, or of an earlier interval), `signs` their number.
    pub fn observe(&mut self, config: &AdaConfig, images: u64, sign_sum: f64, signs: u64) {
        self.sign_sum += sign_sum;
        self.images += signs;
        self.batches += 1;
        if self.batches < config.interval {
            return;
        }
        if self.images > 0 {
            self.rt = self.sign_sum / self.images as f64;
            let step = (images * self.batches) as f64 / (config.speed_kimg * 1000.0);
            let direction = if self.rt > config.target {
                1.0
            } else if self.rt < config.target {
                -1.0
            } else {
                0.0
            };
            self.p = (self.p + direction * step).clamp(0.0, config.ceiling);
        }
        (self.sign_sum, self.images, self.batches) = (0.0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_rises_by_the_images_seen_over_the_speed() {
        let config = AdaConfig::default();
        let mut ada = Ada::new(&config);
        for batch in 0..4 {
            assert_eq!(ada.is_due(&config), batch == 3);
            ada.observe(&config, 32, 32.0, 32);
        }
        // 4 batches of 32 at 500,000 images for the whole way.
        approx::assert_abs_diff_eq!(ada.p, 128.0 / 500_000.0, epsilon = 1e-12);
        assert_eq!(ada.rt, 1.0);
        for _ in 0..4 {
            ada.observe(&config, 32, 0.0, 32);
        }
        assert_eq!(ada.p, 0.0);
        for _ in 0..4 {
            ada.observe(&config, 32, -32.0, 32);
        }
        assert_eq!(ada.p, 0.0, "never below 0");
    }

    #[test]
    fn p_stops_at_the_ceiling() {
        let config = AdaConfig { speed_kimg: 0.1, interval: 1, ..AdaConfig::transfer() };
        let mut ada = Ada::new(&config);
        ada.observe(&config, 99, 99.0, 99);
        assert_eq!(ada.p, 0.8);
    }
}
