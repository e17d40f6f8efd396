//! The parts of a volume that patches are cut from, gathered while its voxels pass by: a cohort's volumes are large and
//! its lesions are few, so a volume is never in memory whole unless its patches cover it.

use std::ops::Range;

use super::patches::{self, Border};
use crate::nifti::{Grid, RasAxes, RasVolume};

/// For each of some lesions the box about its centre that lies inside the volume.
pub struct Pieces {
    pieces: Vec<Piece>,
    /// The one piece is the volume, since the boxes would be more.
    whole: bool,
    /// In the order of their starts.
    segments: Vec<Segment>,
    /// The first segment that is not full.
    next: usize,
    /// Voxels that passed by.
    seen: usize,
}

struct Piece {
    /// Its first voxel in the volume: x, y, z in RAS+ order.
    origin: [i64; 3],
    volume: RasVolume,
}

/// Neighbouring voxels of the volume in stored order that are neighbours in a piece as well.
struct Segment {
    start: usize,
    length: usize,
    piece: usize,
    at: usize,
}

impl Pieces {
    /// What patches of `shape` = \[depth, height, width\] about `centres` (x, y, z in RAS+ order) need of a volume that
    /// is stored on a grid.
    pub fn plan(stored: &Grid, centres: &[[i64; 3]], shape: [u32; 3]) -> Self {
        let axes = RasAxes::new(stored);
        let boxes: Vec<_> = centres.iter().map(|&centre| patches::inside(centre, shape, axes.grid.shape)).collect();
        let voxels: usize = boxes.iter().map(|ranges| ranges.iter().map(Range::len).product::<usize>()).sum();
        let mut plan = Self { pieces: Vec::new(), whole: false, segments: Vec::new(), next: 0, seen: 0 };
        if voxels >= stored.voxels() {
            plan.pieces.push(Piece { origin: [0; 3], volume: RasVolume { axes, data: Vec::new() } });
            plan.whole = true;
            return plan;
        }
        for ranges in boxes {
            plan.add_box(stored, &axes, ranges);
        }
        plan.segments.sort_unstable_by_key(|segment| segment.start);
        plan
    }

    fn add_box(&mut self, stored: &Grid, axes: &RasAxes, ras: [Range<usize>; 3]) {
        let origin = [0, 1, 2].map(|axis| ras[axis].start as i64);
        let [fast, middle, slow] = axes.stored(ras);
        let mut affine = stored.affine();
        let first = affine.place([&fast, &middle, &slow].map(|range| range.start as f64));
        for (row, at) in affine.0.iter_mut().zip(first) {
            row[3] = at;
        }
        let shape = [fast.len(), middle.len(), slow.len()];
        let piece = self.pieces.len();
        let mut at = 0;
        for z in slow {
            for y in middle.clone() {
                let start = stored.index([fast.start, y, z]);
                self.segments.push(Segment { start, length: fast.len(), piece, at });
                at += fast.len();
            }
        }
        let axes = RasAxes::new(&Grid::new(shape, affine));
        self.pieces.push(Piece { origin, volume: RasVolume { axes, data: vec![0.0; at] } });
    }

    /// The volume's next voxels in stored order.
    pub fn add(&mut self, voxels: &[f32]) {
        if self.whole {
            self.pieces[0].volume.data.extend_from_slice(voxels);
            return;
        }
        let (first, end) = (self.seen, self.seen + voxels.len());
        self.seen = end;
        let begun = self.segments[self.next..].iter().take_while(|segment| segment.start < end);
        for segment in begun {
            let (from, to) = (segment.start.max(first), (segment.start + segment.length).min(end));
            if from < to {
                let at = segment.at + from - segment.start;
                let into = &mut self.pieces[segment.piece].volume.data[at..at + to - from];
                into.copy_from_slice(&voxels[from - first..to - first]);
            }
        }
        let full = |segment: &&Segment| segment.start + segment.length <= end;
        self.next += self.segments[self.next..].iter().take_while(full).count();
    }

    /// As [`patches::cut_into`], about the centre of that index.
    pub fn cut_into(&self, which: usize, centre: [i64; 3], shape: [u32; 3], border: Border, patch: &mut [f32]) {
        let piece = &self.pieces[if self.whole { 0 } else { which }];
        let centre = [0, 1, 2].map(|axis| centre[axis] - piece.origin[axis]);
        patches::cut_into(&piece.volume, centre, shape, border, patch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::Affine;

    /// Boxes and the whole volume give the same patches, in every orientation and however the voxels arrive.
    #[test]
    fn patches_are_those_of_the_whole_volume() {
        let centres = [[0, 1, 2], [5, 6, 3], [9, 7, 5], [4, 4, 4]];
        let shape = [2, 5, 4];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for signs in 0..8 {
                let (mut size, mut rows) = ([0; 3], [[0.0; 4]; 3]);
                for (axis, &from) in order.iter().enumerate() {
                    size[from] = [10, 8, 6][axis];
                    rows[axis][from] = if signs >> axis & 1 == 1 { -1.0 } else { 1.0 };
                }
                let grid = Grid::new(size, Affine(rows));
                let data: Vec<f32> = (0..480).map(|place| place as f32 + 1.0).collect();
                let whole = RasVolume { axes: RasAxes::new(&grid), data: data.clone() };
                for at_once in [1, 7, 100, 480] {
                    let mut pieces = Pieces::plan(&grid, &centres, shape);
                    assert!(!pieces.whole && pieces.pieces.len() == 4);
                    data.chunks(at_once).for_each(|voxels| pieces.add(voxels));
                    for border in [Border::Edge, Border::Zero] {
                        for (which, &centre) in centres.iter().enumerate() {
                            let mut patch = vec![0.0; 40];
                            pieces.cut_into(which, centre, shape, border, &mut patch);
                            assert_eq!(patch, patches::cut(&whole, centre, shape, border), "{order:?} {signs}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn boxes_that_are_more_than_the_volume_are_the_volume() {
        let grid = Grid::new([3, 2, 2], Affine::IDENTITY);
        let mut pieces = Pieces::plan(&grid, &[[0, 0, 0], [2, 1, 1]], [4, 4, 4]);
        assert!(pieces.whole && pieces.segments.is_empty());
        let data: Vec<f32> = (0..12).map(|place| place as f32).collect();
        data.chunks(5).for_each(|voxels| pieces.add(voxels));
        let mut patch = vec![0.0; 2];
        pieces.cut_into(1, [2, 1, 1], [1, 1, 2], Border::Edge, &mut patch);
        assert_eq!(patch, [10.0, 11.0]);
    }
}
