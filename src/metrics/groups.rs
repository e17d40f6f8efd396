//! Which images of a set belong together: the slices of a patient are no independent draws.

use std::hash::Hash;

use rand::Rng;
use rand::RngExt;
use rand::seq::SliceRandom;
use tch::{Kind, Tensor};

use crate::statistics::bootstrap;

/// The group (patient) of each image of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    of: Vec<u32>,
    count: u32,
}

impl Groups {
    /// By name, in the order of the images.
    pub fn by_name<P: Eq + Hash>(names: &[P]) -> Self {
        let (of, count) = bootstrap::numbered(names);
        Self { of, count: count as u32 }
    }

    /// Each of `images` images is a group of its own, as drawn ones are.
    pub fn each_alone(images: usize) -> Self {
        Self { of: (0..images as u32).collect(), count: images as u32 }
    }

    /// Groups, at least one where there are images.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Images.
    pub fn images(&self) -> usize {
        self.of.len()
    }

    /// Whether two images are of one group.
    pub fn together(&self, a: usize, b: usize) -> bool {
        self.of[a] == self.of[b]
    }

    /// bool \[N, N\]: pairs of one group, each image with itself too.
    pub(super) fn mask(&self) -> Tensor {
        let of = Tensor::from_slice(&self.of.iter().map(|&group| i64::from(group)).collect::<Vec<_>>());
        of.unsqueeze(0).eq_tensor(&of.unsqueeze(1))
    }

    /// float64 \[N, groups\]: 1 where an image is of a group.
    pub(super) fn membership(&self) -> Tensor {
        let of = Tensor::from_slice(&self.of.iter().map(|&group| i64::from(group)).collect::<Vec<_>>());
        of.one_hot(i64::from(self.count)).to_kind(Kind::Double)
    }

    /// Copies of each image in one draw of as many groups as there are, with replacement.
    pub fn copies(&self, rng: &mut impl Rng) -> Vec<f64> {
        let times = bootstrap::times(self.count(), rng);
        self.of.iter().map(|&group| f64::from(times[group as usize])).collect()
    }

    /// Rows of the images of one half of the groups, drawn without replacement; of an odd number the larger or the
    /// smaller half, each as often.
    pub(super) fn half(&self, rng: &mut impl Rng) -> Vec<i64> {
        let mut order: Vec<u32> = (0..self.count).collect();
        order.shuffle(rng);
        let odd = self.count() % 2 == 1 && rng.random_bool(0.5);
        let kept = self.count() / 2 + usize::from(odd);
        let mut is_kept = vec![false; self.count()];
        order.iter().take(kept).for_each(|&group| is_kept[group as usize] = true);
        (0..self.of.len()).filter(|&row| is_kept[self.of[row] as usize]).map(|row| row as i64).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;

    #[test]
    fn halves_and_copies_keep_a_patients_images_together() {
        let groups = Groups::by_name(&["a", "b", "a", "c", "b", "d"]);
        assert_eq!((groups.count(), groups.images()), (4, 6));
        let mut sizes = std::collections::BTreeSet::new();
        for draw in 0..50 {
            let mut rng = RunSeed(1).stream("halves", draw);
            let half = groups.half(&mut rng);
            assert_eq!(half.contains(&0), half.contains(&2));
            sizes.insert(half.len());
            let copies = groups.copies(&mut rng);
            assert_eq!((copies[0], copies[1]), (copies[2], copies[4]));
            assert_eq!(copies[0] + copies[1] + copies[3] + copies[5], 4.0);
        }
        // Two groups of one or two images each.
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(groups.mask().sum(Kind::Int64).int64_value(&[]), 10);
    }
}
