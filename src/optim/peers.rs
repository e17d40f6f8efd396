//! What replicas that train one network together tell each other, threads ([`super::Member`]) or processes.
//!
//! Whatever a step takes from all images of a batch goes through here: gradients, the running means of w and of path
//! lengths, the sums of the log, the signs that steer augmentation, and whether all is well or somebody wants to stop.
//! Each replica computes from its own rows of the batch, all of them take the same branch at the same step, and the
//! first one alone writes, scores and reports.

use std::fmt::Debug;

use tch::Tensor;

use crate::problem::Result;

/// All replicas of a run. Each calls the same methods in the same order.
pub trait Peers: Debug {
    /// This replica among them, 0..`size`.
    fn rank(&self) -> usize;

    /// How many they are, at least 1.
    fn size(&self) -> usize;

    /// Makes `tensor` the sum over all replicas, on its device; the same bits in all of them.
    ///
    /// # Errors
    /// Another replica has gone.
    fn sum(&self, tensor: &mut Tensor) -> Result<()>;

    /// Whether any replica says so.
    ///
    /// # Errors
    /// Another replica has gone.
    fn any(&self, said: bool) -> Result<bool>;

    /// Returns when all have come here; the first one may have scored and saved meanwhile.
    ///
    /// # Errors
    /// Another replica has gone.
    fn barrier(&self) -> Result<()>;

    /// Makes `tensor` the mean over all replicas.
    ///
    /// # Errors
    /// Another replica has gone.
    fn mean(&self, tensor: &mut Tensor) -> Result<()> {
        self.sum(tensor)?;
        if self.size() > 1 {
            *tensor = tch::no_grad(|| &*tensor / self.size() as f64);
        }
        Ok(())
    }

    /// Whether this replica is the one that writes, scores and reports.
    fn is_first(&self) -> bool {
        self.rank() == 0
    }
}

/// Who trains alone: everything is what it says, and nothing is copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Peers for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn sum(&self, _: &mut Tensor) -> Result<()> {
        Ok(())
    }

    fn any(&self, said: bool) -> Result<bool> {
        Ok(said)
    }

    fn barrier(&self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_a_sum_and_a_mean_are_the_values_themselves() {
        let mut tensor = Tensor::from_slice(&[1f32, f32::NAN]);
        let before = tensor.data_ptr();
        Alone.sum(&mut tensor).unwrap();
        Alone.mean(&mut tensor).unwrap();
        assert_eq!((tensor.data_ptr(), tensor.double_value(&[0])), (before, 1.0));
        assert!(Alone.is_first() && Alone.any(true).unwrap() && !Alone.any(false).unwrap());
    }
}
