//! Whether two generators have the same directions, told by what the directions do: their effects on measured factors.
//!
//! Bases of w of independent networks have nothing to do with each other, so the vectors themselves say nothing.

use rand::seq::SliceRandom;

use super::align::matched;
use crate::seed::RunSeed;

/// Directions of one network matched with another's.
#[derive(Clone, Debug, PartialEq)]
pub struct Matching {
    /// For each direction of the first network the number of its partner and |cos| of their effects.
    pub pairs: Vec<(usize, f64)>,
    /// Mean |cos| of the pairs.
    pub mean: f64,
    /// 95 % quantile of that mean where the factors of the second network's effects are shuffled.
    pub chance: f64,
    /// Share of the shuffles that reach the mean, the matching itself counted among them.
    pub p: f64,
}

/// Matches effects \[direction\]\[factor\] of two networks, of which the second has at least as many directions;
/// `shuffles` at least 1.
pub fn by_effects(first: &[Vec<f64>], second: &[Vec<f64>], shuffles: usize, seed: RunSeed) -> Matching {
    let unit =
        |effects: &[Vec<f64>]| -> Vec<Vec<f64>> { effects.iter().map(|effect| of_unit_length(effect)).collect() };
    let (first, second) = (unit(first), unit(second));
    let mean = |pairs: &[(usize, f64)]| pairs.iter().map(|(_, cosine)| cosine).sum::<f64>() / pairs.len() as f64;
    let pairs = matched(&first, &second);
    let found = mean(&pairs);
    let mut by_chance: Vec<f64> = (0..shuffles as u64)
        .map(|index| {
            let mut draws = seed.stream("shuffled factors", index);
            let mut shuffled = second.clone();
            shuffled.iter_mut().for_each(|effects| effects.shuffle(&mut draws));
            mean(&matched(&first, &shuffled))
        })
        .collect();
    by_chance.sort_by(f64::total_cmp);
    let reached = by_chance.iter().filter(|value| **value >= found - 1e-12).count();
    Matching {
        pairs,
        mean: found,
        chance: crate::statistics::order::quantile(&by_chance, super::null::SHARE),
        p: (reached + 1) as f64 / (shuffles + 1) as f64,
    }
}

fn of_unit_length(effects: &[f64]) -> Vec<f64> {
    let length = effects.iter().map(|value| value * value).sum::<f64>().sqrt();
    effects.iter().map(|value| if length > 0.0 { value / length } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pure(factor: usize, sign: f64) -> Vec<f64> {
        (0..8).map(|at| if at == factor { sign } else { 0.01 * at as f64 }).collect()
    }

    #[test]
    fn the_same_directions_in_another_order_and_sign_are_matched_beyond_chance() {
        let first: Vec<Vec<f64>> = [0, 3, 5, 6].map(|factor| pure(factor, 1.0)).into();
        let second: Vec<Vec<f64>> = [6, 0, 1, 5, 3].map(|factor| pure(factor, -0.4)).into();
        let found = by_effects(&first, &second, 999, RunSeed(1));
        assert_eq!(found.pairs.iter().map(|(partner, _)| *partner).collect::<Vec<_>>(), [1, 4, 3, 0]);
        assert!(found.mean > 0.9 && found.chance < 0.9 && found.p < 0.05, "{found:?}");
    }

    #[test]
    fn unlike_directions_are_within_chance() {
        let first: Vec<Vec<f64>> = (0..4).map(|at| super::super::null::unit_vector(8, RunSeed(1), "a", at)).collect();
        let second: Vec<Vec<f64>> = (0..4).map(|at| super::super::null::unit_vector(8, RunSeed(2), "b", at)).collect();
        let found = by_effects(&first, &second, 499, RunSeed(1));
        assert!(found.p > 0.05, "{found:?}");
        // Nothing moves: no likeness, and none is said.
        let still = by_effects(&[vec![0.0; 3]], &[vec![0.0; 3]], 9, RunSeed(1));
        assert_eq!((still.mean, still.p), (0.0, 1.0));
    }
}
