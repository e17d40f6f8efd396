//! Held-out lesions, and what a network's masks of them are worth, lesion by lesion.

use tch::{Device, Tensor};

use super::config::SegmentConfig;
use super::material::{Held, INSIDE};
use crate::data::Prepared;
use crate::metrics::overlap::{centreline_dice, dice};
use crate::metrics::surface::SurfaceDistances;
use crate::nets::segmenters::UNet;
use crate::problem::{Problem, Result};

/// Slices looked at together.
const CHUNK: i64 = 64;

/// A held-out lesion of an agreed class: the stack of its slices.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldLesion {
    /// Index into the manifest's lesions.
    pub lesion: u32,
    /// Whether both readers call it one of interest.
    pub of_interest: bool,
    /// Rows of its slices, from the bottom.
    pub rows: Vec<usize>,
    /// Slice indices of the patch, one a row.
    pub z: Vec<u32>,
    /// Depth from the first slice to the last, height, width.
    pub shape: [usize; 3],
    /// Where its rim is looked for.
    pub region: Vec<bool>,
    /// The traced mask there.
    pub reference: Vec<bool>,
}

impl HeldLesion {
    /// Whether overlap can be measured: one of interest of which something is traced.
    pub fn is_traced(&self) -> bool {
        self.of_interest && self.reference.contains(&true)
    }

    /// A stack of the lesion's slices \[depth, height, width\] out of planes by row; nothing between them and outside
    /// the region.
    pub fn stack(&self, plane: impl Fn(usize) -> Vec<bool>) -> Vec<bool> {
        let size = self.shape[1] * self.shape[2];
        let mut stack = vec![false; self.shape.iter().product()];
        for (&row, &z) in self.rows.iter().zip(&self.z) {
            let at = (z - self.z[0]) as usize * size;
            stack[at..at + size].copy_from_slice(&plane(row));
        }
        stack.iter_mut().zip(&self.region).for_each(|(inside, region)| *inside &= region);
        stack
    }
}

/// Planes of masks \[N, 1, S, S\], by row.
pub fn planes(masks: &Tensor) -> Result<Vec<Vec<bool>>> {
    let plane = (masks.size()[2] * masks.size()[3]) as usize;
    let values: Vec<f32> = Vec::try_from(masks.to_device(Device::Cpu).contiguous().reshape([-1]))?;
    Ok(values.chunks_exact(plane).map(|plane| plane.iter().map(|value| *value >= INSIDE as f32).collect()).collect())
}

/// The held-out lesions on whose class the readers agree.
///
/// # Errors
/// A lesion's mask that cannot be read.
pub fn lesions(data: &Prepared, held: &Held, config: &SegmentConfig) -> Result<Vec<HeldLesion>> {
    let masks = planes(&held.masks)?;
    let test = data.test();
    let [_, height, width] = data.image_shape();
    let mut found = Vec::new();
    for group in &held.scoring.lesions {
        let Some(class) = data.class_of(data.lesion(group.lesion)) else { continue };
        let mut slices: Vec<(u32, usize)> = group.positions.iter().map(|&at| (test.entry(at).0.z, at)).collect();
        slices.sort_unstable();
        let (z, rows): (Vec<u32>, Vec<usize>) = slices.into_iter().unzip();
        let (Some(&first), Some(&last)) = (z.first(), z.last()) else { continue };
        let depth = (last - first + 1) as usize;
        let plane = height * width;
        let mut region = vec![false; depth * plane];
        let own = data.mask(group.lesion)?;
        for &z in &z {
            let at = (z - first) as usize * plane;
            match &own {
                Some(own) => widen(&own[z as usize * plane..][..plane], &mut region[at..at + plane], data, config),
                None => region[at..at + plane].fill(true),
            }
        }
        let mut lesion = HeldLesion {
            lesion: group.lesion,
            of_interest: data.classes().interest() == Some(class),
            rows,
            z,
            shape: [depth, height, width],
            region,
            reference: vec![],
        };
        lesion.reference = lesion.stack(|row| masks[row].clone());
        found.push(lesion);
    }
    Ok(found)
}

/// Pixels within the margin of a lesion's own in one slice.
fn widen(own: &[u8], region: &mut [bool], data: &Prepared, config: &SegmentConfig) {
    let [_, height, width] = data.image_shape().map(|n| n as i64);
    let [_, row_mm, column_mm] = spacing(data);
    let reach = [row_mm, column_mm].map(|mm| (config.margin_mm / mm).min(height.max(width) as f64) as i64);
    let within =
        |dy: i64, dx: i64| (dy as f64 * row_mm).hypot(dx as f64 * column_mm) <= config.margin_mm * (1.0 + 1e-6);
    let steps: Vec<(i64, i64)> = (-reach[0]..=reach[0])
        .flat_map(|dy| (-reach[1]..=reach[1]).map(move |dx| (dy, dx)))
        .filter(|&(dy, dx)| within(dy, dx))
        .collect();
    for at in (0..own.len()).filter(|&at| own[at] != 0) {
        let (y, x) = (at as i64 / width, at as i64 % width);
        for (dy, dx) in &steps {
            let (y, x) = (y + dy, x + dx);
            if (0..height).contains(&y) && (0..width).contains(&x) {
                region[(y * width + x) as usize] = true;
            }
        }
    }
}

/// Of a voxel, mm; 1 where the data set does not say.
pub fn spacing(data: &Prepared) -> [f64; 3] {
    data.manifest().voxel_mm.unwrap_or([1.0; 3])
}

/// Of the patch, mm: what a rim that was missed counts as far away.
pub fn diagonal(data: &Prepared) -> f64 {
    length(data.manifest().patch, spacing(data))
}

/// Of the diagonal of a box of voxels, mm.
fn length(voxels: [u32; 3], voxel_mm: [f64; 3]) -> f64 {
    voxels.iter().zip(voxel_mm).map(|(&side, mm)| (f64::from(side) * mm).powi(2)).sum::<f64>().sqrt()
}

/// A network's mask of one lesion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Voxels of the mask.
    pub voxels: u64,
    /// Against what was traced; absent where that is nothing.
    pub overlap: Option<Overlap>,
}

/// A mask against a traced one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// 0..1.
    pub dice: f64,
    /// 0..1.
    pub surface_dice: f64,
    /// 0..1.
    pub centreline_dice: f64,
    /// mm; the patch's diagonal for an empty mask.
    pub hd95: f64,
    /// The mask is empty.
    pub missed: bool,
}

/// Judges a network's masks of all lesions.
///
/// # Errors
/// Values that are no numbers.
pub fn judge(
    network: &UNet,
    images: &Tensor,
    lesions: &[HeldLesion],
    data: &Prepared,
    config: &SegmentConfig,
) -> Result<Vec<Judged>> {
    let found = predicted(network, images)?;
    let (voxel_mm, farthest) = (spacing(data), diagonal(data));
    let judged = lesions.iter().map(|lesion| {
        let mask = lesion.stack(|row| found[row].clone());
        let voxels = mask.iter().filter(|inside| **inside).count() as u64;
        let overlap = lesion.is_traced().then(|| overlap(&mask, lesion, (voxel_mm, farthest), config));
        Judged { voxels, overlap }
    });
    Ok(judged.collect())
}

/// A network's planes by row.
///
/// # Errors
/// Values that are no numbers.
pub fn predicted(network: &UNet, images: &Tensor) -> Result<Vec<Vec<bool>>> {
    let count = images.size()[0];
    let mut found = Vec::with_capacity(count as usize);
    for first in (0..count).step_by(CHUNK as usize) {
        let p = network.probabilities(&images.narrow(0, first, CHUNK.min(count - first)));
        if !f64::try_from(p.sum(tch::Kind::Double))?.is_finite() {
            return Err(Problem::new(crate::problem::Kind::Gate, "a network whose answers are no numbers")
                .advice("lower the learning rate"));
        }
        found.extend(planes(&p)?);
    }
    Ok(found)
}

/// `farthest`: what a rim that was missed counts as, mm.
fn overlap(
    mask: &[bool],
    lesion: &HeldLesion,
    (voxel_mm, farthest): ([f64; 3], f64),
    config: &SegmentConfig,
) -> Overlap {
    let (shape, reference) = (lesion.shape, &lesion.reference);
    let Some(distances) = SurfaceDistances::between(mask, reference, shape, voxel_mm) else {
        return Overlap { dice: 0.0, surface_dice: 0.0, centreline_dice: 0.0, hd95: farthest, missed: true };
    };
    Overlap {
        dice: dice(mask, reference).unwrap_or_default(),
        surface_dice: distances.surface_dice(config.tolerance_mm),
        centreline_dice: centreline_dice(mask, reference, [shape[1], shape[2]]).unwrap_or_default(),
        hd95: distances.hd95(),
        missed: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A patch of 2 x 3 x 6 voxels of 3, 2 and 1 mm is 6 x 6 x 6 mm large.
    #[test]
    fn a_missed_rim_lies_as_far_away_as_the_patch_is_long() {
        let farthest = length([2, 3, 6], [3.0, 2.0, 1.0]);
        assert!((farthest - 108f64.sqrt()).abs() < 1e-12);
        let reference: Vec<bool> = (0..18).map(|at| at == 7 || at == 8).collect();
        let lesion = HeldLesion {
            lesion: 0,
            of_interest: true,
            rows: vec![0],
            z: vec![0],
            shape: [1, 3, 6],
            region: vec![true; 18],
            reference: reference.clone(),
        };
        let judged = |mask: &[bool]| overlap(mask, &lesion, ([3.0, 2.0, 1.0], farthest), &SegmentConfig::default());
        let missed = judged(&[false; 18]);
        assert_eq!((missed.missed, missed.dice, missed.hd95), (true, 0.0, farthest));
        let found = judged(&reference);
        assert_eq!((found.missed, found.dice, found.hd95), (false, 1.0, 0.0));
        // One of its two voxels: 2 x 1 of 1 + 2, and 1 mm away from the other.
        let half: Vec<bool> = (0..18).map(|at| at == 7).collect();
        let half = judged(&half);
        assert!((half.dice - 2.0 / 3.0).abs() < 1e-12 && half.hd95 <= 1.0 && !half.missed, "{half:?}");
    }
}
