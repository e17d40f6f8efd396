//! Volumes as tensors.

use tch::{Device, Kind, Tensor};

use crate::data::sides::Side;
use crate::data::volumes::Volumes;
use crate::problem::Result;

/// Some volumes of a set in memory.
#[derive(Debug)]
pub struct VolumeBatch {
    /// float32 \[N, C, D, H, W\] in \[-1, 1\].
    pub values: Tensor,
    /// float32 \[N, 1, D, H, W\], 1 inside the lesion; absent where the source has no masks.
    pub masks: Option<Tensor>,
    /// For each volume its index into the manifest's lesions.
    pub lesions: Vec<u32>,
}

impl VolumeBatch {
    /// Reads the volumes at `positions` of a side, in that order, onto `device`.
    ///
    /// # Errors
    /// A patch that is missing or not what the manifest promises.
    pub fn load<S: Side>(volumes: &Volumes<S>, positions: &[usize], device: Device) -> Result<Self> {
        let read = volumes.read(positions)?;
        let [channels, depth, height, width] = volumes.prepared().shape().map(|n| n as i64);
        let count = read.len() as i64;
        let values: Vec<f32> = read.iter().flat_map(|volume| volume.values.iter().copied()).collect();
        let masks: Option<Vec<u8>> =
            read.iter().map(|volume| volume.mask.as_deref()).collect::<Option<Vec<_>>>().map(|masks| masks.concat());
        let masks = masks.map(|masks| Tensor::from_slice(&masks).view([count, 1, depth, height, width]));
        Ok(Self {
            values: Tensor::from_slice(&values).view([count, channels, depth, height, width]).to_device(device),
            masks: masks.map(|masks| masks.to_kind(Kind::Float).to_device(device)),
            lesions: read.iter().map(|volume| volume.lesion).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::PreparedVolumes;
    use crate::data::dataset::{MANIFEST, tests::small};
    use crate::data::manifest::Items;
    use crate::files;

    #[test]
    fn volumes_are_stacked_in_the_order_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = small(folder.path());
        manifest.items = Items::Volumes;
        manifest.slices.clear();
        files::write_json(folder.path().join(MANIFEST), &manifest).unwrap();
        let training = PreparedVolumes::open(folder.path()).unwrap().training();
        let batch = VolumeBatch::load(&training, &[5, 0], Device::Cpu).unwrap();
        assert_eq!(batch.values.size(), [2, 1, 3, 4, 4]);
        assert_eq!(batch.masks.as_ref().unwrap().size(), [2, 1, 3, 4, 4]);
        assert_eq!(batch.lesions, [5, 0]);
        // Lesion 5 begins at 24.0 - 50 ppb of +-100; depth 1, row 2, column 3 is 16 + 8 + 3 = 27 values on.
        approx::assert_abs_diff_eq!(batch.values.double_value(&[0, 0, 0, 0, 0]), -0.26, epsilon = 1e-6);
        approx::assert_abs_diff_eq!(batch.values.double_value(&[0, 0, 1, 2, 3]), -0.233, epsilon = 1e-6);
        assert_eq!(batch.masks.unwrap().sum(Kind::Float).double_value(&[]), 30.0);
    }
}
