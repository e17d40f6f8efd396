//! How much an image is of each class, by somebody that was not asked to name directions.

use tch::{Kind, Tensor};

use crate::nets::Discriminator;
use crate::problem::Result;

/// Images to a share for each class.
pub trait ClassScores {
    /// What a record calls it.
    fn name(&self) -> String;

    /// \[N, K\] of images \[N, C, R, R\] in the network's range and square, rows that sum to 1.
    ///
    /// # Errors
    /// Images that it cannot take.
    fn shares(&self, images: &Tensor) -> Result<Tensor>;
}

/// The class logits of a conditional network's own discriminator, as shares: no calibrated probability.
pub struct OfDiscriminator<'a>(pub &'a Discriminator);

impl ClassScores for OfDiscriminator<'_> {
    fn name(&self) -> String {
        "the discriminator's class logits (softmax)".into()
    }

    fn shares(&self, images: &Tensor) -> Result<Tensor> {
        let logits = tch::no_grad(|| self.0.class_logits(images));
        Ok(logits.softmax(1, Kind::Float))
    }
}
