//! Slices as a fit sees them, changed anew each time: one of the eight mirrorings and quarter turns, and a shift by
//! whole pixels. No value is interpolated: a rim is one or two pixels wide.

use rand::RngExt;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::seed::RunSeed;

/// How slices are changed each time that a fit sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Augment {
    /// Not at all.
    None,
    /// Mirrored or turned by quarters, and shifted by up to a sixteenth of the side.
    #[default]
    DihedralShift,
}

impl Augment {
    /// Whether slices stay as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// Shifts are at most the side divided by this.
const SHIFTED: i64 = 16;

/// How one slice is changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Bits: 1 turns rows into columns, 2 mirrors up and down, 4 left and right; in this order.
    pub turn: u8,
    /// Down and to the right, in pixels; what comes in at the border is mirrored.
    pub shift: [i64; 2],
}

impl Change {
    /// Where pixel (`y`, `x`) of the changed slice comes from.
    fn source(&self, y: i64, x: i64, side: i64) -> i64 {
        let [mut y, mut x] = [y - self.shift[0], x - self.shift[1]].map(|at| reflected(at, side));
        if self.turn & 4 != 0 {
            x = side - 1 - x;
        }
        if self.turn & 2 != 0 {
            y = side - 1 - y;
        }
        if self.turn & 1 != 0 {
            (x, y) = (y, x);
        }
        y * side + x
    }
}

/// -1 -> 1, side -> side - 2.
fn reflected(at: i64, side: i64) -> i64 {
    let inside = if at < 0 { -at } else { at };
    if inside >= side { 2 * (side - 1) - inside } else { inside }
}

/// Changes of `count` slices: a function of seed and step alone.
pub fn changes(count: usize, side: i64, seed: RunSeed, step: u64) -> Vec<Change> {
    let mut rng = seed.stream("augment", step);
    let most = side / SHIFTED;
    let change = |_| Change { turn: rng.random_range(0..8), shift: [0, 1].map(|_| rng.random_range(-most..=most)) };
    (0..count).map(change).collect()
}

/// \[N, C, S, S\] -> the same shape, slice `i` changed by `changes[i]`.
pub fn apply(images: &Tensor, changes: &[Change]) -> Tensor {
    let size = images.size();
    let (count, channels, side) = (size[0], size[1], size[3]);
    assert_eq!((changes.len() as i64, size[2]), (count, side), "one change a square slice");
    let mut sources: Vec<i64> = Vec::with_capacity((count * side * side) as usize);
    for change in changes {
        sources.extend((0..side).flat_map(|y| (0..side).map(move |x| change.source(y, x, side))));
    }
    let sources = Tensor::from_slice(&sources).view([count, 1, side * side]).to_device(images.device());
    let flat = images.reshape([count, channels, side * side]);
    flat.gather(2, &sources.expand([count, channels, side * side], false), false).view([count, channels, side, side])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use tch::{Device, Kind};

    fn picture() -> Tensor {
        Tensor::arange(18, (Kind::Float, Device::Cpu)).view([1, 2, 3, 3])
    }

    #[test]
    fn turns_and_shifts_by_hand() {
        let x = picture();
        let done = |turn: u8, shift: [i64; 2]| apply(&x, &[Change { turn, shift }]);
        assert!(done(0, [0, 0]).equal(&x));
        assert!(done(1, [0, 0]).equal(&x.transpose(2, 3)));
        assert!(done(2, [0, 0]).equal(&x.flip([2])));
        assert!(done(4, [0, 0]).equal(&x.flip([3])));
        assert!(done(6, [0, 0]).equal(&x.rot90(2, [2, 3])));
        // Down by one: the first row comes from row -1, which is row 1 mirrored.
        let down = done(0, [1, 0]);
        assert!(down.narrow(2, 1, 2).equal(&x.narrow(2, 0, 2)) && down.select(2, 0).equal(&x.select(2, 1)));
        let all: BTreeSet<String> = (0..8)
            .map(|turn| format!("{:?}", Vec::<f32>::try_from(done(turn, [0, 0]).reshape([-1])).unwrap()))
            .collect();
        assert_eq!(all.len(), 8, "the eight are distinct");
    }

    #[test]
    fn draws_are_a_function_of_seed_and_step_and_stay_in_range() {
        let drawn = |seed, step| changes(64, 32, RunSeed(seed), step);
        assert_eq!(drawn(1, 5), drawn(1, 5));
        assert_ne!(drawn(1, 5), drawn(1, 6));
        assert_ne!(drawn(1, 5), drawn(2, 5));
        let shifts: BTreeSet<i64> = (0..9).flat_map(|step| drawn(1, step)).flat_map(|change| change.shift).collect();
        assert_eq!(shifts, BTreeSet::from([-2, -1, 0, 1, 2]));
    }
}
