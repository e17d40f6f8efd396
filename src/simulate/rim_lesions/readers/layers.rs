//! A lesion's layers in three dimensions: the map's median in its core, along its edge and in the tissue around it.
//!
//! Where the sections of one slice are judged ray by ray (`visibility`), this is the impression of the whole: a reader
//! scrolls. Medians, so that a vein through a layer counts for little.

use crate::nifti::{Grid, Volume};
use crate::statistics::order::quantile;

/// The edge: as deep as this below the traced surface, mm.
const EDGE_MM: f64 = 0.8;

/// The core: deeper than this share of the deepest point.
const CORE_SHARE: f64 = 0.5;

/// The surround: between these distances outside the surface, mm.
const SURROUND_MM: (f64, f64) = (0.8, 2.0);

/// Fewer voxels make no layer.
const LEAST: usize = 6;

/// Medians in ppb.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Layers {
    pub core: f64,
    pub edge: f64,
    pub surround: f64,
}

/// Layers of `label`, whose voxels lie within `low..=high`; `None` where one of them is too small.
pub(super) fn layers(
    chi: &Volume<f32>,
    labels: &Volume<u16>,
    label: u16,
    low: [usize; 3],
    high: [usize; 3],
) -> Option<Layers> {
    let window = Window::new(chi.grid, low, high);
    let of = |position: usize| *labels.at(window.voxel(position));
    let inside: Vec<bool> = (0..window.len()).map(|position| of(position) == label).collect();
    // Half the finest voxel edge lies between a centre and the surface.
    let half = 0.5 * chi.grid.voxel_mm().into_iter().fold(f64::INFINITY, f64::min);
    let depth = window.distance_to(|position| !inside[position]);
    let height = window.distance_to(|position| inside[position]);
    let deepest = depth.iter().copied().fold(0.0, f64::max);
    let (mut core, mut edge, mut surround) = (Vec::new(), Vec::new(), Vec::new());
    for position in 0..window.len() {
        let value = f64::from(*chi.at(window.voxel(position)));
        if inside[position] {
            if depth[position] > CORE_SHARE * deepest {
                core.push(value);
            }
            if depth[position] - half <= EDGE_MM {
                edge.push(value);
            }
        } else if of(position) == 0 && (SURROUND_MM.0..=SURROUND_MM.1).contains(&(height[position] - half)) {
            surround.push(value);
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        (values.len() >= LEAST).then(|| quantile(&values, 0.5))
    };
    Some(Layers { core: median(core)?, edge: median(edge)?, surround: median(surround)? })
}

/// The box about a lesion, with room for its surround.
struct Window {
    grid: Grid,
    low: [usize; 3],
    shape: [usize; 3],
}

impl Window {
    fn new(grid: Grid, low: [usize; 3], high: [usize; 3]) -> Self {
        let margin = |axis: usize| (SURROUND_MM.1 / grid.voxel_mm()[axis]).ceil() as usize + 1;
        let from: [usize; 3] = std::array::from_fn(|axis| low[axis].saturating_sub(margin(axis)));
        let to: [usize; 3] = std::array::from_fn(|axis| (high[axis] + margin(axis)).min(grid.shape[axis] - 1));
        Self { grid, low: from, shape: std::array::from_fn(|axis| to[axis] - from[axis] + 1) }
    }

    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    fn voxel(&self, position: usize) -> [usize; 3] {
        let [nx, ny, _] = self.shape;
        let at = [position % nx, position / nx % ny, position / (nx * ny)];
        std::array::from_fn(|axis| self.low[axis] + at[axis])
    }

    /// Euclidean distance in mm from each voxel's centre to the nearest centre of a `member`, exact: the squared
    /// distance is minimised along one axis after the other. Infinite where there is no member.
    fn distance_to(&self, member: impl Fn(usize) -> bool) -> Vec<f64> {
        let mut squares: Vec<f64> =
            (0..self.len()).map(|position| if member(position) { 0.0 } else { f64::INFINITY }).collect();
        let mut line = Vec::new();
        for axis in 0..3 {
            let (length, stride) = (self.shape[axis], self.shape[..axis].iter().product::<usize>());
            let step2 = self.grid.voxel_mm()[axis].powi(2);
            for start in (0..self.len()).filter(|position| position / stride % length == 0) {
                line.clear();
                line.extend((0..length).map(|k| squares[start + k * stride]));
                for k in 0..length {
                    let nearest =
                        line.iter().enumerate().map(|(j, square)| square + step2 * k.abs_diff(j).pow(2) as f64);
                    squares[start + k * stride] = nearest.fold(f64::INFINITY, f64::min);
                }
            }
        }
        squares.into_iter().map(f64::sqrt).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid::centred([40, 40, 16], [0.4, 0.4, 1.0]);

    /// 3-4-5: three voxels of 0.4 mm along x and four along y from a single voxel are 2 mm; two slices are 2 mm as
    /// well.
    #[test]
    fn distances_are_euclidean_in_mm() {
        let window = Window { grid: GRID, low: [0; 3], shape: GRID.shape };
        let only = GRID.index([10, 10, 5]);
        let distance = window.distance_to(|position| position == only);
        assert!((distance[GRID.index([13, 14, 5])] - 2.0).abs() < 1e-12);
        assert!((distance[GRID.index([10, 10, 7])] - 2.0).abs() < 1e-12);
        assert!(distance[only] == 0.0);
    }

    /// A ball of 5 mm whose outer 1.2 mm is at 70, core at 20, in tissue at -30, beside another lesion at 500.
    #[test]
    fn layers_of_a_ball() {
        let r = |[x, y, z]: [usize; 3]| {
            let mm = GRID.centre_of([x, y, z]);
            mm[0].hypot(mm[1]).hypot(mm[2])
        };
        let labels = Volume::from_fn(GRID, |voxel| match (r(voxel), voxel[0]) {
            (r, _) if r <= 5.0 => 2,
            (_, 34..) => 7,
            _ => 0,
        });
        let chi = Volume::from_fn(GRID, |voxel| match (r(voxel), voxel[0]) {
            (r, _) if r <= 3.8 => 20.0,
            (r, _) if r <= 5.0 => 70.0,
            (_, 34..) => 500.0,
            _ => -30.0,
        });
        let found = layers(&chi, &labels, 2, [7, 7, 3], [32, 32, 12]).unwrap();
        assert_eq!(found, Layers { core: 20.0, edge: 70.0, surround: -30.0 });
    }

    #[test]
    fn a_single_voxel_has_no_layers() {
        let mut labels = Volume::filled(GRID, 0u16);
        *labels.at_mut([20, 20, 8]) = 1;
        assert_eq!(layers(&Volume::filled(GRID, 0.0), &labels, 1, [20, 20, 8], [20, 20, 8]), None);
    }
}
