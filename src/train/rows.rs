//! Which images of a batch a replica computes.
//!
//! The minibatch deviation compares the images of a group, and image i belongs to group i mod M of M groups: a replica
//! takes whole groups, so that all of them together compute what one alone would, and in ascending order, so that its
//! own images fall into the same groups again.

use tch::Tensor;

use crate::optim::Peers;

/// The part of every batch that belongs to one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    rank: u64,
    replicas: u64,
    /// M.
    groups: u64,
}

impl Rows {
    /// Of one of these replicas, where `groups` is M of a whole batch.
    ///
    /// # Panics
    /// Replicas that do not divide the groups.
    pub fn of(peers: &dyn Peers, groups: u64) -> Self {
        let (rank, replicas) = (peers.rank() as u64, peers.size() as u64);
        assert!(groups.is_multiple_of(replicas), "{replicas} replicas for {groups} groups");
        Self { rank, replicas, groups }
    }

    /// Those of a batch of `images`, a multiple of the groups, in ascending order.
    pub fn positions(&self, images: u64) -> Vec<u64> {
        let mine = |image: &u64| image % self.groups * self.replicas / self.groups == self.rank;
        (0..images).filter(mine).collect()
    }

    /// The same as a tensor that chooses from a batch, int64; `None` where that is all of it.
    pub fn chosen(&self, images: u64) -> Option<Tensor> {
        let positions = || self.positions(images).into_iter().map(|image| image as i64).collect::<Vec<_>>();
        (self.replicas > 1).then(|| Tensor::from_slice(&positions()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_groups_stay_together_and_fall_into_the_same_groups() {
        let part = |rank, replicas| Rows { rank, replicas, groups: 4 };
        assert_eq!(part(0, 2).positions(8), [0, 1, 4, 5]);
        assert_eq!(part(1, 2).positions(8), [2, 3, 6, 7]);
        assert_eq!(part(3, 4).positions(16), [3, 7, 11, 15]);
        for replicas in [1, 2, 4] {
            let mut all: Vec<u64> = (0..replicas).flat_map(|rank| part(rank, replicas).positions(32)).collect();
            all.sort_unstable();
            assert_eq!(all, (0..32).collect::<Vec<_>>());
            for rank in 0..replicas {
                let mine = part(rank, replicas).positions(32);
                let own_groups = 4 / replicas;
                for (at, image) in mine.iter().enumerate() {
                    assert_eq!(image % 4, rank * own_groups + at as u64 % own_groups, "group of the image");
                }
            }
        }
        assert!(part(0, 1).chosen(8).is_none());
    }
}
