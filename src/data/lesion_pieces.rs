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

/// The same of a map that has one number for all: the pieces may as well be lesions, and nothing but their nearness
/// says that they are none. A slice that was left out is nearer.
pub(super) const NEAR_MM: f64 = 2.0;

/// A piece and where it lies.
pub(super) struct Part {
    /// Its box and size.
    pub piece: Piece,
    /// Its voxels, none of which go on into another line; in stored order.
    pub runs: Vec<Run>,
}

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

/// Those of at least `share` of the largest part's voxels; `parts`: the largest first.
pub(super) fn main(parts: &[Part], share: f64) -> Vec<Piece> {
    let least = parts.first().map_or(0.0, |largest| share * largest.piece.voxels as f64);
    parts.iter().map(|part| part.piece).filter(|piece| piece.voxels as f64 >= least).collect()
}

/// All pieces, the largest first.
pub(super) fn parts(axes: &RasAxes, runs: &[Run]) -> Vec<Part> {
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
        let part = pieces.entry(root).or_insert_with(|| Part { piece: Piece { voxels: 0, ..piece }, runs: Vec::new() });
        part.piece.add(&piece);
        part.runs.push(stretch.run(axes));
    }
    let mut parts: Vec<Part> = pieces.into_values().collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.piece.voxels));
    parts
}

/// The box around all of some runs, and how many voxels they have; `None` without any.
pub(super) fn bounds(axes: &RasAxes, runs: &[Run]) -> Option<Piece> {
    let pieces = stretches(axes, runs).into_iter().map(|stretch| of(axes, &stretch));
    pieces.reduce(|mut whole, piece| {
        whole.add(&piece);
        whole
    })
}

/// The largest distance in mm of the largest piece, the first, to another; voxels of `voxel_mm` along x, y, z.
pub(super) fn farthest_mm(pieces: &[Piece], voxel_mm: [f64; 3]) -> f64 {
    let Some((largest, others)) = pieces.split_first() else { return 0.0 };
    others.iter().map(|piece| largest.apart_mm(piece, voxel_mm)).fold(0.0, f64::max)
}

/// Whether a voxel of `part` is a neighbour, corners included, of one of `runs`; both on the grid of `axes`.
pub(super) fn touches(axes: &RasAxes, part: &Part, runs: &[Run]) -> bool {
    let [width, height, depth] = axes.fastest_first().map(|axis| axes.grid.shape[axis] as i64);
    part.runs.iter().any(|run| {
        let (first, last) = (i64::from(run.first), i64::from(run.first) + i64::from(run.length) - 1);
        let (line, from, to) = (first / width, first % width - 1, last % width + 1);
        let lines = (-1..=1).flat_map(|z| (-1..=1).map(move |y| (line % height + y, line / height + z)));
        lines.filter(|(y, z)| (0..height).contains(y) && (0..depth).contains(z)).any(|(y, z)| {
            let start = width * (y + height * z);
            let (from, to) = (start + from.max(0), start + to.min(width - 1));
            let at = runs.partition_point(|other| i64::from(other.first) + i64::from(other.length) <= from);
            runs.get(at).is_some_and(|other| i64::from(other.first) <= to)
        })
    })
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

impl Stretch {
    fn run(&self, axes: &RasAxes) -> Run {
        let [width, height, _] = axes.fastest_first().map(|axis| axes.grid.shape[axis] as i64);
        let first = self.first + width * (self.y + height * self.z);
        Run { first: first as u32, length: (self.last - self.first + 1) as u32 }
    }
}

impl Piece {
    /// Between the boxes around two; voxels of `voxel_mm` along x, y, z.
    pub fn apart_mm(&self, other: &Piece, voxel_mm: [f64; 3]) -> f64 {
        let gaps = [0, 1, 2].map(|axis| {
            let gap = (other.least[axis] - self.most[axis]).max(self.least[axis] - other.most[axis]).max(1) - 1;
            gap as f64 * voxel_mm[axis]
        });
        gaps.iter().map(|gap| gap * gap).sum::<f64>().sqrt()
    }

    /// Whether the boxes around two meet or are neighbours.
    pub fn is_near(&self, other: &Piece) -> bool {
        (0..3).all(|axis| self.least[axis] <= other.most[axis] + 1 && other.least[axis] <= self.most[axis] + 1)
    }

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
        let found = main(&parts(&axes, &merged), BESIDE);
        assert_eq!(found, main(&parts(&axes, &runs), BESIDE), "however the runs are cut");
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

    #[test]
    fn neighbours_touch_around_corners_and_not_across_lines() {
        let axes = RasAxes::new(&Grid::new([20, 10, 6], Affine::IDENTITY));
        let at = |x: u32, y: u32, z: u32| Run { first: x + 20 * (y + 10 * z), length: 1 };
        let part = |run: Run| parts(&axes, &[run]).remove(0);
        let touch = |a: Run, b: Run| touches(&axes, &part(a), &[at(0, 9, 0), b]);
        assert!(touch(at(5, 5, 3), at(6, 6, 4)) && touch(at(5, 5, 3), at(4, 4, 2)));
        assert!(!touch(at(5, 5, 3), at(7, 5, 3)) && !touch(at(5, 5, 3), at(5, 5, 5)));
        assert!(!touch(at(19, 5, 3), at(0, 6, 3)));
        let whole = bounds(&axes, &[at(2, 3, 1), at(5, 1, 4)]).unwrap();
        assert_eq!((whole.voxels, whole.least, whole.most), (2, [2, 1, 1], [5, 3, 4]));
    }
}
