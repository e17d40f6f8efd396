//! Networks that are timed, and their arithmetic.

use serde::{Deserialize, Serialize};

use crate::nets::GeneratorConfig;
use crate::train::parts::training_gflop;

/// Side of the images of the small and the paper's networks: that of a prepared slice.
const SIDE: i64 = 64;

/// Networks by the names of `bench --net`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BenchNet {
    /// Images of 64 pixels, for CPUs.
    Small,
    /// Images of 64 pixels, the published size.
    Paper,
    /// Slices of 256 pixels, channel base 2048, at most 64 channels.
    #[serde(rename = "slice-256")]
    Slice256,
    /// Volumes of 32 voxels each way, channel base 256, at most 32 channels.
    #[serde(rename = "volume-32")]
    Volume32,
    /// Volumes of 64 voxels each way, of the same channels.
    #[serde(rename = "volume-64")]
    Volume64,
}

impl BenchNet {
    /// Its generator, for one channel.
    pub fn generator(self) -> GeneratorConfig {
        match self {
            Self::Small => GeneratorConfig::small(SIDE, 1),
            Self::Paper => GeneratorConfig::paper(SIDE, 1),
            Self::Slice256 => GeneratorConfig { channel_base: 2048, ..GeneratorConfig::small(256, 1) },
            Self::Volume32 => GeneratorConfig::volumes(32, 1),
            Self::Volume64 => GeneratorConfig::volumes(64, 1),
        }
    }

    /// Images a step where nothing else is asked for.
    pub(super) fn batch(self) -> u64 {
        match self {
            Self::Small => 32,
            Self::Volume32 => 16,
            Self::Paper | Self::Slice256 | Self::Volume64 => 8,
        }
    }

    /// GFLOP of training on one image, by hand from the layers: for the share of the convolution rate only.
    pub(super) fn training_gflop(self) -> f64 {
        match self {
            // As they were counted first, so that shares stay comparable.
            Self::Small => 1.15,
            Self::Paper => 200.0,
            _ => training_gflop(&self.generator()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counted elsewhere from the same shapes, to one decimal.
    #[test]
    fn arithmetic_is_as_it_was_counted_before() {
        for (net, gflop) in [(BenchNet::Slice256, 6.2), (BenchNet::Volume32, 3.3), (BenchNet::Volume64, 7.0)] {
            let found = net.training_gflop();
            assert!((found / gflop - 1.0).abs() < 0.06, "{net:?}: {found}");
        }
        assert!((training_gflop(&BenchNet::Small.generator()) / 1.17 - 1.0).abs() < 0.06);
    }
}
