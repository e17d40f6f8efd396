//! How far two masks of the same voxels are one.

use super::skeleton::skeleton;

/// Dice coefficient 2 |A and B| / (|A| + |B|) (Dice 1945); `None` where both are empty.
///
/// # Panics
/// Masks of unequal length.
pub fn dice(a: &[bool], b: &[bool]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "masks of the same voxels");
    let count = |mask: &[bool]| mask.iter().filter(|inside| **inside).count();
    let both = a.iter().zip(b).filter(|(a, b)| **a && **b).count();
    let all = count(a) + count(b);
    (all > 0).then(|| 2.0 * both as f64 / all as f64)
}

/// Centreline Dice (clDice; Shit et al. 2021, arXiv 2003.07311, equations 1 and 2) of a mask against a reference, both
/// stacks of slices `[height, width]`: the harmonic mean of the share of the mask's centreline that lies in the
/// reference and the share of the reference's that lies in the mask. Centrelines are those of the single slices, and
/// shares are of the pixels of all slices together. `None` where both are empty, 0 where one is.
///
/// # Panics
/// Masks of unequal length, or that are no whole slices.
pub fn centreline_dice(mask: &[bool], reference: &[bool], [height, width]: [usize; 2]) -> Option<f64> {
    assert_eq!(mask.len(), reference.len(), "masks of the same voxels");
    assert!(mask.len().is_multiple_of(height * width), "whole slices");
    let share = |of: &[bool], within: &[bool]| -> Option<f64> {
        let (mut all, mut inside) = (0u64, 0u64);
        for (slice, within) in of.chunks_exact(height * width).zip(within.chunks_exact(height * width)) {
            if slice.contains(&true) {
                let line = skeleton(slice, [height, width]);
                all += line.iter().filter(|on| **on).count() as u64;
                inside += line.iter().zip(within).filter(|(on, within)| **on && **within).count() as u64;
            }
        }
        (all > 0).then(|| inside as f64 / all as f64)
    };
    match (share(mask, reference), share(reference, mask)) {
        (None, None) => None,
        (Some(precision), Some(sensitivity)) if precision + sensitivity > 0.0 => {
            Some(2.0 * precision * sensitivity / (precision + sensitivity))
        }
        _ => Some(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// Of 3 and 2 voxels one is shared: 2 x 1 / 5.
    #[test]
    fn dice_by_hand() {
        let a = [true, true, true, false];
        let b = [false, false, true, true];
        assert_abs_diff_eq!(dice(&a, &b).unwrap(), 0.4, epsilon = 1e-12);
        assert_eq!((dice(&a, &a), dice(&a, &[false; 4]), dice(&[false; 4], &[false; 4])), (Some(1.0), Some(0.0), None));
    }

    /// Two lines of one pixel's width, 4 and 2 long, two pixels in common: shares 2/4 and 2/2, harmonic mean 2/3.
    #[test]
    fn lines_are_their_own_centrelines() {
        let line = |from: usize, to: usize| (0..40).map(|at| at / 8 == 2 && (from..to).contains(&(at % 8))).collect();
        let (long, short): (Vec<bool>, Vec<bool>) = (line(1, 5), line(2, 4));
        assert_abs_diff_eq!(centreline_dice(&long, &short, [5, 8]).unwrap(), 2.0 / 3.0, epsilon = 1e-12);
        let none = vec![false; 40];
        assert_eq!(centreline_dice(&none, &short, [5, 8]), Some(0.0));
        assert_eq!(centreline_dice(&none, &none, [5, 8]), None);
    }
}
