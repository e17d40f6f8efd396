//! A small gray copy of a photograph, by which it is found again in another size, compression or brightness, mirrored
//! or turned.
//!
//! Copies are looked for by a difference hash of 64 bits (Krawetz, "Kind of like that", hackerfactor.com 2013): whether
//! each of 9 x 8 areas is brighter than the one left of it. What it finds is confirmed on the thumbnail.

use super::area_average::means;

/// Pixels of a thumbnail along each side, where the photograph has as many.
const SIDE: usize = 32;

/// Bits of the hash that a copy may have otherwise, of 64.
pub(super) const BITS: u32 = 8;

/// A copy's difference, as a part of what its pixels differ from their mean, at most: one in `NEARNESS`.
const NEARNESS: u64 = 10;

/// The ways in which a square can be laid on itself.
pub(super) const TURNS: usize = 8;

/// A gray picture of at most 32 x 32 pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thumbnail {
    side: usize,
    /// Row by row, 0 to 255.
    levels: Vec<u8>,
}

impl Thumbnail {
    /// Of a square photograph (\[channels, side, side\], 0 to 255): the mean of its channels.
    pub fn of(planes: &[f32], side: usize) -> Self {
        let channels = planes.len() / (side * side);
        let small = SIDE.min(side);
        let gray = |y: usize, x: usize| (0..channels).map(|at| f64::from(planes[(at * side + y) * side + x])).sum();
        let rows = |y: usize| (0..side).map(|x| gray(y, x)).collect();
        let levels = means(rows, [side, side], [small, small]);
        Self { side: small, levels: levels.into_iter().map(|sum| (sum / channels as f64).round() as u8).collect() }
    }

    /// Turned by a quarter `turn % 4` times, mirrored before that from the fifth on.
    pub fn turned(&self, turn: usize) -> Self {
        let last = self.side - 1;
        let from = |y: usize, x: usize| {
            let [y, x] = (0..turn % 4).fold([y, x], |[y, x], _| [x, last - y]);
            self.levels[y * self.side + if turn < 4 { x } else { last - x }]
        };
        let pixel = |at: usize| from(at / self.side, at % self.side);
        Self { side: self.side, levels: (0..self.levels.len()).map(pixel).collect() }
    }

    /// The difference hash: bit 8 y + x says that area x + 1 of row y is brighter than area x.
    pub fn hash(&self) -> u64 {
        let row = |y: usize| self.levels[y * self.side..][..self.side].iter().map(|&level| f64::from(level)).collect();
        let areas = means(row, [self.side, self.side], [8, 9]);
        let brighter = (0..64).filter(|bit| areas[bit / 8 * 9 + bit % 8 + 1] > areas[bit / 8 * 9 + bit % 8]);
        brighter.fold(0, |hash, bit| hash | 1 << bit)
    }

    /// Whether the other shows the same, whatever their brightness: the mean difference of pixels, each less its
    /// picture's mean, is at most a tenth of what they differ from these means on average, or of one level.
    pub fn shows_the_same_as(&self, other: &Self) -> bool {
        let sum = |of: &Self| of.levels.iter().map(|&level| i64::from(level)).sum::<i64>();
        let (count, own, others) = (self.levels.len() as i64, sum(self), sum(other));
        let pairs = || self.levels.iter().zip(&other.levels).map(|(&a, &b)| (i64::from(a), i64::from(b)));
        // All of it times the square of the number of pixels, which leaves whole numbers.
        let apart: u64 = pairs().map(|(a, b)| (count * (a - b) - (own - others)).unsigned_abs()).sum();
        let spread: u64 =
            pairs().map(|(a, b)| (count * a - own).unsigned_abs() + (count * b - others).unsigned_abs()).sum();
        NEARNESS * apart <= (spread / 2).max((count * count) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dark patch off the centre of a bright picture with a slope, of 64 x 64 pixels in three channels.
    fn picture(place: [f32; 2], scale: f32) -> Vec<f32> {
        let level = |at: usize| {
            let (y, x) = ((at / 64 % 64) as f32, (at % 64) as f32);
            let near = (-((x - place[0]).powi(2) + 1.5 * (y - place[1]).powi(2)) / 150.0).exp();
            180.0 + 0.3 * x - 0.2 * y - scale * near + (at / 4096) as f32
        };
        (0..3 * 4096).map(level).collect()
    }

    fn near(one: &Thumbnail, other: &Thumbnail) -> bool {
        (one.hash() ^ other.hash()).count_ones() <= BITS && one.shows_the_same_as(other)
    }

    #[test]
    fn bits_say_where_it_gets_brighter_to_the_right() {
        let slope: Vec<f32> =
            (0..9 * 9).map(|at| if at / 9 < 4 { (at % 9) as f32 } else { 9.0 - (at % 9) as f32 }).collect();
        let thumbnail = Thumbnail::of(&slope, 9);
        assert_eq!((thumbnail.side, thumbnail.levels[..3].to_vec()), (9, vec![0, 1, 2]));
        // 9 rows become 8: the first three lie within the rising half, the fourth is rising for the most part.
        assert_eq!(thumbnail.hash(), 0x0000_0000_ffff_ffff);
        assert_eq!(Thumbnail::of(&[7.0; 81], 9).hash(), 0);
    }

    #[test]
    fn copies_are_found_however_bright_and_turned_and_others_are_not() {
        let first = Thumbnail::of(&picture([40.0, 22.0], 90.0), 64);
        let brighter: Vec<f32> = picture([40.0, 22.0], 90.0).iter().map(|level| level * 0.98 + 12.0).collect();
        assert!(near(&first, &Thumbnail::of(&brighter, 64)));
        let grainy = picture([40.0, 22.0], 90.0);
        let grainy: Vec<f32> =
            grainy.iter().enumerate().map(|(at, level)| level + (at * 7919 % 5) as f32 - 2.0).collect();
        assert!(near(&first, &Thumbnail::of(&grainy, 64)));
        for other in [picture([24.0, 40.0], 90.0), picture([36.0, 26.0], 90.0), picture([40.0, 22.0], 40.0)] {
            assert!(!near(&first, &Thumbnail::of(&other, 64)));
        }
        let turns: Vec<Thumbnail> = (0..TURNS).map(|turn| first.turned(turn)).collect();
        assert_eq!(turns[0], first);
        for (at, turn) in turns.iter().enumerate() {
            let twins = turns.iter().filter(|other| *other == turn).count();
            let back = (0..TURNS).filter(|&again| turn.turned(again) == first).count();
            assert_eq!((twins, back), (1, 1), "{at}");
        }
    }

    #[test]
    fn empty_pictures_are_alike_and_nearly_empty_ones_are_not() {
        let flat = |level: f32| Thumbnail::of(&[level; 4096], 64);
        assert!(near(&flat(10.0), &flat(200.0)));
        let dot = |at: usize| {
            Thumbnail::of(&(0..4096).map(|pixel| if pixel / 256 == at { 90.0 } else { 100.0 }).collect::<Vec<_>>(), 64)
        };
        assert!(!dot(3).shows_the_same_as(&dot(9)));
    }
}
