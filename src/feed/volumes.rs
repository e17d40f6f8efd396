//! Volumes as tensors.

use tch::{Device, Kind, Tensor};

use super::image::Image;
use super::pictures::Look;
use crate::data::sides::Side;
use crate::data::volumes::Volumes;
use crate::problem::Result;
use crate::raster::{BLACK, Canvas};

/// Axes of \[N, C, D, H, W\] that planes lie across: axial, coronal and sagittal, as brains are prepared.
pub const PLANES: [i64; 3] = [2, 3, 4];

/// Their names.
pub const PLANE_NAMES: [&str; 3] = ["axial", "coronal", "sagittal"];

/// Pixels between two pictures of a sheet.
const GAP: usize = 2;

/// Every second slice of the inner half along the axis `plane` of volumes \[N, C, S, S, S\]: \[N S / 4, C, S, S\], the
/// slices of a volume side by side.
pub fn inner_slices(volumes: &Tensor, plane: i64) -> Tensor {
    let side = volumes.size()[plane as usize];
    let inner = volumes.slice(plane, side / 4, side - side / 4, 2);
    inner.movedim_int(plane, 1).flatten(0, 1).contiguous()
}

/// Middle slices of volumes \[N, C, S, S, S\], a row each: axial, coronal and sagittal, of each channel side by side.
///
/// # Errors
/// Values that cannot be read.
pub fn three_views(volumes: &Tensor, look: Look) -> Result<Canvas> {
    let views = PLANES.map(|plane| {
        let middle = volumes.size()[plane as usize] / 2;
        Image::split(&volumes.select(plane, middle))
    });
    let [axial, coronal, sagittal] = views;
    let cells: Vec<Canvas> = axial?
        .iter()
        .zip(coronal?.iter().zip(&sagittal?))
        .flat_map(|(axial, (coronal, sagittal))| [axial, coronal, sagittal].map(|image| image.canvas(look)))
        .collect();
    // Two volumes a row where they are small.
    let columns = if cells.first().is_some_and(|cell| cell.width() <= 128) { 6 } else { 3 };
    let sheet = Canvas::tiled(&cells, columns, GAP, BLACK);
    Ok(if sheet.width() < 512 { sheet.enlarged(2) } else { sheet })
}

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
