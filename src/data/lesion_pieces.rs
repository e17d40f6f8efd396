//! The pieces that a label's voxels lie in: a lesion is one, a mask of five lesions is five.

use super::label_map::Run;
use crate::nifti::RasAxes;

/// Voxels that may lie between two of one piece along each axis: a slice that a reader left out does not cut a lesion.
const GAP: i64 = 1;

/// From which share of the largest piece's voxels on a piece counts beside it, in a map that numbers its lesions: a
/// lesion may have satellites.
pub(super) const BESIDE: f64 = 0.25;

/// The same where a map has one number for all: there a small piece may be a lesion, and only specks are none.
pub(super) const BESIDE_IN_MASK: f64 = 0.02;

/// Pieces of one lesion farther apart than this, in mm, are not one lesion: few lesions are as large.
pub(super) const FAR_MM: f64 = 10.0;

/// Voxels that belong together, in stored order of the axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Piece {
    /// How many there are.
    pub voxels: u64,
    /// First and last voxel along each RAS+ axis.
    least: [i64; 3],
    most: [i64; 3],
}

/// Part of a run within one line: `y` and `z` count lines, `x` voxels from `first` to `last`, along the stored axes.
#[derive(Clone, Copy)]
struct Stretch {
    y: i64,
    z: i64,
    first: i64,
    last: i64,
}

/// The largest piece and those of at least `share` of its voxels, the largest first.
pub(super) fn main(axes: &RasAxes, runs: &[Run], share: f64) -> Vec<Piece> {
    let stretches = stretches(axes, runs);
    let mut owner: Vec<usize> = (0..stretches.len()).collect();
    for (at, stretch) in stretches.iter().enumerate() {
        // Those that came before: the other half is found from the other side.
        for z in stretch.z - GAP - 1..=stretch.z {
            for y in stretch.y - GAP - 1..=stretch.y + GAP + 1 {
                if (z, y) <= (stretch.z, stretch.y) {
                    for near in neighbours(&stretches[..at], (z, y), stretch) {
                        join(&mut owner, near, at);
                    }
                }
            }
        }
    }
    let mut pieces = std::collections::BTreeMap::new();
    for (at, stretch) in stretches.iter().enumerate() {
        let root = root(&mut owner, at);
        let piece = of(axes, stretch);
        pieces.entry(root).and_modify(|whole: &mut Piece| whole.add(&piece)).or_insert(piece);
    }
    let mut pieces: Vec<Piece> = pieces.into_values().collect();
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.voxels));
    let least = pieces.first().map_or(0.0, |largest| share * largest.voxels as f64);
    pieces.retain(|piece| piece.voxels as f64 >= least);
    pieces
}

/// The largest distance in mm between the boxes around two pieces; voxels of `voxel_mm` along x, y, z.
pub(super) fn farthest_mm(pieces: &[Piece], voxel_mm: [f64; 3]) -> f64 {
    let between = |a: &Piece, b: &Piece| {
        let gaps = [0, 1, 2].map(|axis| {
            let gap = (b.least[axis] - a.most[axis]).max(a.least[axis] - b.most[axis]).max(1) - 1;
            gap as f64 * voxel_mm[axis]
        });
        gaps.iter().map(|gap| gap * gap).sum::<f64>().sqrt()
    };
    let pairs = pieces.iter().enumerate().flat_map(|(at, a)| pieces[at + 1..].iter().map(move |b| between(a, b)));
    pairs.fold(0.0, f64::max)
}

/// Runs, none of which goes on into the next line any more; in stored order.
fn stretches(axes: &RasAxes, runs: &[Run]) -> Vec<Stretch> {
    let [width, height, _] = axes.fastest_first().map(|axis| axes.grid.shape[axis] as i64);
    let mut stretches = Vec::with_capacity(runs.len());
    for run in runs {
        let (mut at, end) = (i64::from(run.first), i64::from(run.first) + i64::from(run.length));
        while at < end {
            let line = at / width;
            let last = (end - 1).min((line + 1) * width - 1);
            stretches.push(Stretch { y: line % height, z: line / height, first: at % width, last: last % width });
            at = last + 1;
        }
    }
    stretches
}

/// Those of earlier stretches that lie in a line (z, y) and near another one.
fn neighbours(earlier: &[Stretch], line: (i64, i64), of: &Stretch) -> std::ops::Range<usize> {
    let begin = of.first - GAP - 1;
    let end = of.last + GAP + 1;
    let place = |stretch: &Stretch| (stretch.z, stretch.y);
    let from = earlier.partition_point(|stretch| (place(stretch), stretch.last) < (line, begin));
    let to = earlier.partition_point(|stretch| (place(stretch), stretch.first) <= (line, end));
    from..to.max(from)
}

fn root(owner: &mut [usize], mut at: usize) -> usize {
    while owner[at] != at {
        owner[at] = owner[owner[at]];
        at = owner[at];
    }
    at
}

fn join(owner: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(owner, a), root(owner, b));
    let (low, high) = (a.min(b), a.max(b));
    owner[high] = low;
}

fn of(axes: &RasAxes, stretch: &Stretch) -> Piece {
    let [width, height, _] = axes.fastest_first().map(|axis| axes.grid.shape[axis] as i64);
    let voxel = |x: i64| axes.voxel((x + width * (stretch.y + height * stretch.z)) as usize).map(|at| at as i64);
    let (a, b) = (voxel(stretch.first), voxel(stretch.last));
    let voxels = (stretch.last - stretch.first + 1) as u64;
    Piece {
        voxels,
        least: [0, 1, 2].map(|axis| a[axis].min(b[axis])),
        most: [0, 1, 2].map(|axis| a[axis].max(b[axis])),
    }
}

impl Piece {
    fn add(&mut self, other: &Piece) {
        self.voxels += other.voxels;
        for axis in 0..3 {
            self.least[axis] = self.least[axis].min(other.least[axis]);
            self.most[axis] = self.most[axis].max(other.most[axis]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::{Affine, Grid};

    /// Runs of the voxels, in a volume of 20 x 10 x 6, for which `inside` holds.
    fn pieces(inside: impl Fn([usize; 3]) -> bool) -> Vec<Piece> {
        let axes = RasAxes::new(&Grid::new([20, 10, 6], Affine::IDENTITY));
        let places = (0..1200u32).filter(|&place| inside(axes.voxel(place as usize)));
        let runs: Vec<Run> = places.map(|first| Run { first, length: 1 }).collect();
        let merged = runs.chunk_by(|a, b| a.first + 1 == b.first);
        let merged: Vec<Run> = merged.map(|run| Run { first: run[0].first, length: run.len() as u32 }).collect();
        let found = main(&axes, &merged, BESIDE);
        assert_eq!(found, main(&axes, &runs, BESIDE), "however the runs are cut");
        found
    }

    fn sizes(inside: impl Fn([usize; 3]) -> bool) -> Vec<u64> {
        pieces(inside).iter().map(|piece| piece.voxels).collect()
    }

    #[test]
    fn boxes_apart_are_pieces_and_specks_are_not() {
        let cube = |[x, y, z]: [usize; 3], at: usize| (at..at + 3).contains(&x) && y < 3 && z < 3;
        assert_eq!(sizes(|voxel| cube(voxel, 2)), [27]);
        assert_eq!(sizes(|voxel| cube(voxel, 2) || cube(voxel, 8)), [27, 27]);
        // One voxel between them does not part them, and a speck of 3 is no piece beside 27.
        assert_eq!(sizes(|voxel| cube(voxel, 2) || cube(voxel, 6)), [54]);
        assert_eq!(sizes(|voxel| cube(voxel, 2) || (voxel[0] > 16 && voxel[1] == 9 && voxel[2] == 5)), [27]);
        assert_eq!(sizes(|_| false), [0; 0]);
        assert_eq!(sizes(|_| true), [1200]);
    }

    #[test]
    fn pieces_meet_around_corners_and_across_lines() {
        // A ring in one plane, whose two sides meet only at its ends.
        let ring = |[x, y, z]: [usize; 3]| z == 2 && x < 12 && (y == 0 || y == 8 || ((x == 0 || x == 11) && y < 9));
        assert_eq!(sizes(ring), [12 + 12 + 7 + 7]);
        // The end of a line and the begin of the next are neighbours in the file and nowhere else.
        assert_eq!(sizes(|[x, y, z]| z == 0 && ((x == 19 && y == 0) || (x == 0 && y == 1))), [1, 1]);
        // A plane left out does not part a lesion, two do.
        assert_eq!(sizes(|[x, y, z]| x < 3 && y < 3 && (z == 0 || z == 2)), [18]);
        assert_eq!(sizes(|[x, y, z]| x < 3 && y < 3 && (z == 0 || z == 3)), [9, 9]);
    }

    #[test]
    fn distances_are_those_of_the_boxes() {
        let far = pieces(|[x, y, z]| y == 0 && z == 0 && !(2..=17).contains(&x));
        // Voxels 2 to 17 lie between.
        assert_eq!(farthest_mm(&far, [0.5, 1.0, 1.0]), 8.0);
        assert_eq!(farthest_mm(&far[..1], [0.5; 3]), 0.0);
    }
}
