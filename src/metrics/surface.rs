//! How far the borders of two masks lie apart, in mm.
//!
//! A mask's border are its voxels of which one of the six neighbours is outside; beyond the volume's edge everything is
//! outside. Distances are from centre to centre. Programs differ in both and in what they make of the distances
//! (Podobnik and Vrtovec 2024, arXiv 2410.02630), so each number says here what it is.

use crate::statistics::order::quantile;

/// Relative rounding of voxel sizes that come out of float32 headers: two voxels of 0.2 mm are within 0.4 mm.
const ROUNDING: f64 = 1e-6;

/// Distances of each border voxel to the other mask's border, both ways, ascending, mm.
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceDistances {
    /// From the first mask.
    pub from_first: Vec<f64>,
    /// From the second mask.
    pub from_second: Vec<f64>,
}

impl SurfaceDistances {
    /// Of two masks \[depth, height, width\] of voxels of `spacing_mm` in the same order; `None` where one is empty.
    ///
    /// # Panics
    /// Masks of another size than `shape`.
    pub fn between(first: &[bool], second: &[bool], shape: [usize; 3], spacing_mm: [f64; 3]) -> Option<Self> {
        let borders = [first, second].map(|mask| border(mask, shape));
        let [a, b] =
            borders.map(|border| border.into_iter().map(|at| place(at, shape, spacing_mm)).collect::<Vec<_>>());
        if a.is_empty() || b.is_empty() {
            return None;
        }
        let to = |from: &[[f64; 3]], to: &[[f64; 3]]| {
            let square = |p: &[f64; 3], q: &[f64; 3]| (0..3).map(|axis| (p[axis] - q[axis]).powi(2)).sum::<f64>();
            let nearest = |p: &[f64; 3]| to.iter().map(|q| square(p, q)).fold(f64::INFINITY, f64::min).sqrt();
            let mut distances: Vec<f64> = from.iter().map(nearest).collect();
            distances.sort_by(f64::total_cmp);
            distances
        };
        Some(Self { from_first: to(&a, &b), from_second: to(&b, &a) })
    }

    /// Share of both borders' voxels that lie within `tolerance_mm` of the other border: surface Dice, or normalised
    /// surface distance (Nikolov et al. 2021, arXiv 1809.04430), by voxels as in MONAI.
    pub fn surface_dice(&self, tolerance_mm: f64) -> f64 {
        let near = |distances: &[f64]| distances.partition_point(|mm| *mm <= tolerance_mm * (1.0 + ROUNDING));
        (near(&self.from_first) + near(&self.from_second)) as f64
            / (self.from_first.len() + self.from_second.len()) as f64
    }

    /// The larger of the two directed 95th percentiles (MONAI and Metrics Reloaded).
    pub fn hd95(&self) -> f64 {
        quantile(&self.from_first, 0.95).max(quantile(&self.from_second, 0.95))
    }

    /// The 95th percentile of both directions' distances together (MedPy).
    pub fn hd95_pooled(&self) -> f64 {
        let mut all: Vec<f64> = self.from_first.iter().chain(&self.from_second).copied().collect();
        all.sort_by(f64::total_cmp);
        quantile(&all, 0.95)
    }
}

/// Places of a mask's border voxels.
fn border(mask: &[bool], shape: [usize; 3]) -> Vec<usize> {
    assert_eq!(mask.len(), shape.iter().product::<usize>(), "a mask of this shape");
    let strides = [shape[1] * shape[2], shape[2], 1];
    let inner = |at: usize| {
        (0..3).all(|axis| {
            let along = at / strides[axis] % shape[axis];
            along > 0 && along + 1 < shape[axis] && mask[at - strides[axis]] && mask[at + strides[axis]]
        })
    };
    (0..mask.len()).filter(|&at| mask[at] && !inner(at)).collect()
}

/// Of a voxel's centre, mm.
fn place(at: usize, shape: [usize; 3], spacing_mm: [f64; 3]) -> [f64; 3] {
    let voxel = [at / (shape[1] * shape[2]), at / shape[2] % shape[1], at % shape[2]];
    std::array::from_fn(|axis| voxel[axis] as f64 * spacing_mm[axis])
}

#[cfg(test)]
mod tests {
    use super::super::overlap::{centreline_dice, dice};
    use super::super::skeleton::skeleton;
    use super::*;
    use approx::assert_abs_diff_eq;

    /// Two single voxels three columns and four rows apart, of 0.4 mm each: 3-4-5, so 2 mm.
    #[test]
    fn two_voxels_by_hand() {
        let only = |place: usize| (0..100).map(|at| at == place).collect::<Vec<bool>>();
        let of = |a: &[bool], b: &[bool]| SurfaceDistances::between(a, b, [1, 10, 10], [1.0, 0.4, 0.4]);
        let far = of(&only(11), &only(54)).unwrap();
        assert_abs_diff_eq!(far.hd95(), 2.0, epsilon = 1e-12);
        assert_eq!((far.surface_dice(1.9), far.surface_dice(2.0)), (0.0, 1.0));
        assert_eq!(of(&only(11), &[false; 100]), None);
    }

    #[derive(serde::Deserialize)]
    struct Case {
        shape: [usize; 3],
        spacing_mm: [f64; 3],
        first: String,
        second: String,
        dice: f64,
        surface_dice: f64,
        hd95: f64,
        hd95_pooled: f64,
        centreline_dice: f64,
        skeleton: String,
    }

    /// tests/fixtures/make_segment.py: Dice and HD95 of MedPy, surface Dice and HD95 of MONAI, skeletons of
    /// scikit-image.
    #[test]
    fn agrees_with_medpy_monai_and_scikit_image() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/fixtures/masks.json")).unwrap();
        assert!(cases.len() >= 6);
        for case in &cases {
            let mask = |text: &str| text.bytes().map(|letter| letter == b'#').collect::<Vec<bool>>();
            let (first, second) = (mask(&case.first), mask(&case.second));
            let [_, height, width] = case.shape;
            let lines: Vec<bool> =
                first.chunks_exact(height * width).flat_map(|slice| skeleton(slice, [height, width])).collect();
            assert!(lines == mask(&case.skeleton), "another skeleton");
            let distances = SurfaceDistances::between(&first, &second, case.shape, case.spacing_mm).unwrap();
            let found = [
                (dice(&first, &second).unwrap(), case.dice),
                (distances.surface_dice(0.4), case.surface_dice),
                (distances.hd95(), case.hd95),
                (distances.hd95_pooled(), case.hd95_pooled),
                (centreline_dice(&first, &second, [height, width]).unwrap(), case.centreline_dice),
            ];
            for (ours, theirs) in found {
                assert_abs_diff_eq!(ours, theirs, epsilon = 1e-5);
            }
        }
    }
}
