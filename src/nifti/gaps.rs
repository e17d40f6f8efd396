//! Voxels that are NaN or infinite: the background about what was measured, which many programs fill with NaN (SPM,
//! quantitative susceptibility mapping, masked arithmetic), and holes in it, which are a fault.
//!
//! Background is what hangs together with the volume's border by faces of voxels; the rest are holes.

use std::ops::Range;

use super::ras::RasAxes;

/// Stretches that are told apart, at most (24 MB, and 16 MB more while they are joined): a volume of 1024 x 1024 x 512
/// whose background is NaN has half of that.
pub const MAX_STRETCHES: usize = 1 << 21;

/// Voxels that are asked at once whether one of them is without a value; mostly none is.
const BLOCK: usize = 64;

/// All such voxels of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// In stored order.
    stretches: Vec<Stretch>,
}

/// Neighbouring voxels within one line of the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    /// Place of the first in stored order.
    first: u32,
    length: u32,
    is_background: bool,
}

impl Stretch {
    fn end(self) -> u32 {
        self.first + self.length
    }
}

/// A voxel without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// x, y, z in RAS+ order.
    pub voxel: [usize; 3],
    /// It hangs together with the volume's border.
    pub is_background: bool,
}

impl Gaps {
    /// How many voxels.
    pub fn voxels(&self) -> u64 {
        self.stretches.iter().map(|stretch| u64::from(stretch.length)).sum()
    }

    /// Those of the background.
    pub fn background(&self) -> u64 {
        self.stretches.iter().filter(|one| one.is_background).map(|stretch| u64::from(stretch.length)).sum()
    }

    /// Those that lie within ranges of x, y, z in RAS+ order, of a volume that is stored along `axes`.
    pub fn within(&self, axes: &RasAxes, ranges: [Range<usize>; 3]) -> impl Iterator<Item = Gap> {
        let axes = *axes;
        let [width, height, _] = axes.fastest_first().map(|axis| axes.grid.shape[axis]);
        let [fast, middle, slow] = axes.stored(ranges);
        let lines = slow.flat_map(move |z| middle.clone().map(move |y| width * (y + height * z)));
        lines.flat_map(move |line| {
            let (from, to) = ((line + fast.start) as u32, (line + fast.end) as u32);
            let first = self.stretches.partition_point(|stretch| stretch.end() <= from);
            let here = self.stretches[first..].iter().take_while(move |stretch| stretch.first < to);
            here.flat_map(move |stretch| {
                let places = stretch.first.max(from)..stretch.end().min(to);
                places.map(move |at| Gap { voxel: axes.voxel(at as usize), is_background: stretch.is_background })
            })
        })
    }
}

/// The gaps of a volume while its voxels pass by.
pub(super) struct Finder {
    /// Of the volume, as stored.
    shape: [usize; 3],
    stretches: Vec<Stretch>,
    /// Voxels that passed by.
    seen: usize,
}

/// There are more than [`MAX_STRETCHES`].
pub(super) struct Scattered;

impl Finder {
    pub fn new(shape: [usize; 3]) -> Self {
        Self { shape, stretches: Vec::new(), seen: 0 }
    }

    /// Looks at the next voxels in stored order.
    pub fn add(&mut self, values: &[f32]) -> Result<(), Scattered> {
        for block in values.chunks(BLOCK) {
            // Without a branch for each voxel.
            if block.iter().fold(false, |any, value| any | !value.is_finite()) {
                for (at, _) in (self.seen..).zip(block).filter(|(_, value)| !value.is_finite()) {
                    self.add_one(at)?;
                }
            }
            self.seen += block.len();
        }
        Ok(())
    }

    fn add_one(&mut self, at: usize) -> Result<(), Scattered> {
        let place = at as u32;
        let begins_line = at.is_multiple_of(self.shape[0]);
        if let Some(last) = self.stretches.last_mut().filter(|last| last.end() == place && !begins_line) {
            last.length += 1;
            return Ok(());
        }
        if self.stretches.len() == MAX_STRETCHES {
            return Err(Scattered);
        }
        self.stretches.push(Stretch { first: place, length: 1, is_background: false });
        Ok(())
    }

    /// All of them, told apart.
    pub fn finish(self) -> Gaps {
        let [width, height, depth] = self.shape.map(|size| size as u32);
        let mut stretches = self.stretches;
        let line = |stretch: &Stretch| (stretch.first / width % height, stretch.first / (width * height));
        let mut owners = Owners::new(stretches.len());
        // The stretches of the line before and of the plane before that may lie beside the next one.
        let mut near = [0, 0];
        for (at, stretch) in stretches.iter().enumerate() {
            let (y, z) = line(stretch);
            let before = [(y > 0, width), (z > 0, width * height)];
            for (near, (exists, step)) in near.iter_mut().zip(before) {
                if !exists {
                    continue;
                }
                let (from, to) = (stretch.first - step, stretch.end() - step);
                while stretches[*near].end() <= from {
                    *near += 1;
                }
                let beside = (*near..at).take_while(|&other| stretches[other].first < to);
                beside.for_each(|other| owners.join(other, at));
            }
        }
        let mut is_background = vec![false; stretches.len()];
        for (at, stretch) in stretches.iter().enumerate() {
            let (y, z) = line(stretch);
            let ends = [stretch.first % width, (stretch.end() - 1) % width];
            if ends[0] == 0 || ends[1] == width - 1 || [0, height - 1].contains(&y) || [0, depth - 1].contains(&z) {
                is_background[owners.root(at)] = true;
            }
        }
        for (at, stretch) in stretches.iter_mut().enumerate() {
            stretch.is_background = is_background[owners.root(at)];
        }
        stretches.shrink_to_fit();
        Gaps { stretches }
    }
}

/// Which belong together: each points to one of its own, the first to itself.
struct Owners(Vec<u32>);

impl Owners {
    fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    fn root(&mut self, at: usize) -> usize {
        let mut at = at;
        while self.0[at] as usize != at {
            self.0[at] = self.0[self.0[at] as usize];
            at = self.0[at] as usize;
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b) as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::{Affine, Grid};

    /// Of a volume whose voxels are without a value where `gap` says so.
    fn gaps(shape: [usize; 3], at_once: usize, gap: impl Fn([usize; 3]) -> bool) -> Gaps {
        let [width, height, depth] = shape;
        let voxel = |at: usize| [at % width, at / width % height, at / (width * height)];
        let values: Vec<f32> =
            (0..width * height * depth).map(|at| if gap(voxel(at)) { f32::NAN } else { 1.0 }).collect();
        let mut finder = Finder::new(shape);
        values.chunks(at_once).for_each(|some| assert!(finder.add(some).is_ok()));
        finder.finish()
    }

    /// A brain of 5 x 5 x 5 in the middle of 9 x 9 x 9, with a hole of one voxel in it and a notch at its surface.
    #[test]
    fn background_hangs_together_with_the_border_and_holes_do_not() {
        let brain = |[x, y, z]: [usize; 3]| [x, y, z].iter().all(|at| (2..7).contains(at));
        let gap = |voxel: [usize; 3]| !brain(voxel) || voxel == [4, 4, 4] || voxel == [2, 4, 4];
        for at_once in [1, 64, 100, 729] {
            let found = gaps([9, 9, 9], at_once, gap);
            assert_eq!((found.voxels(), found.background()), (729 - 125 + 2, 729 - 125 + 1), "{at_once}");
        }
        // Of the one line through the middle: two of the border each side, the notch, the hole.
        let axes = RasAxes::new(&Grid::new([9, 9, 9], Affine::IDENTITY));
        let found = gaps([9, 9, 9], 729, gap);
        let line: Vec<Gap> = found.within(&axes, [0..9, 4..5, 4..5]).collect();
        let expected = [(0, true), (1, true), (2, true), (4, false), (7, true), (8, true)];
        assert_eq!(line, expected.map(|(x, is_background)| Gap { voxel: [x, 4, 4], is_background }));
        assert_eq!(found.within(&axes, [3..6, 3..6, 3..6]).count(), 1);
    }

    #[test]
    fn gaps_meet_by_faces_alone_and_not_across_the_end_of_a_line() {
        let corner = gaps([5, 5, 5], 125, |voxel| voxel == [1, 1, 1] || voxel == [0, 0, 1]);
        assert_eq!((corner.voxels(), corner.background()), (2, 1));
        // From one border to another around two corners; the other is cut off by one voxel.
        let winding = |[x, y, z]: [usize; 3]| (z == 2 && y == 2 && x < 3) || (x == 2 && y == 2 && z == 3);
        assert_eq!(gaps([5, 5, 6], 150, winding).background(), 4);
        let cut = |[x, y, z]: [usize; 3]| winding([x, y, z]) && x > 0;
        assert_eq!(gaps([5, 5, 6], 150, cut).background(), 0);
        // The end of a line and the begin of the next are neighbours in the file and nowhere else.
        let wrapped = gaps([4, 3, 3], 36, |[x, y, z]| z == 1 && ((x == 3 && y == 0) || (x == 0 && y == 1)));
        assert_eq!((wrapped.stretches.len(), wrapped.background()), (2, 2));
        assert_eq!(gaps([4, 4, 4], 64, |_| false), Gaps::default());
        assert_eq!(gaps([4, 4, 4], 64, |_| true).background(), 64);
    }

    /// Boxes of a volume whose first axis runs to the left, against looking at every voxel.
    #[test]
    fn gaps_of_a_box_are_those_of_the_stored_volume_in_ras_order() {
        let rows = [[0.0, 0.0, -1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0]];
        let axes = RasAxes::new(&Grid::new([7, 5, 6], Affine(rows)));
        let is_gap = |[x, y, z]: [usize; 3]| (x * 5 + y * 3 + z * 7) % 4 == 1;
        let found = gaps([7, 5, 6], 210, is_gap);
        let stored = |at: usize| [at % 7, at / 7 % 5, at / 35];
        let ranges = [1..5, 2..6, 0..4];
        let mut expected: Vec<[usize; 3]> =
            (0..210).filter(|&at| is_gap(stored(at))).map(|at| axes.voxel(at)).collect();
        expected.retain(|voxel| (0..3).all(|axis| ranges[axis].contains(&voxel[axis])));
        let mut voxels: Vec<[usize; 3]> = found.within(&axes, ranges.clone()).map(|gap| gap.voxel).collect();
        expected.sort_unstable();
        voxels.sort_unstable();
        assert_eq!(voxels, expected);
        assert!(!voxels.is_empty());
    }
}
