//! Batches of real images, on the host.

use tch::Tensor;

use crate::feed::batches::Batches;

/// Real images of one step, on the host.
#[derive(Debug)]
pub struct RealBatch {
    /// \[batch, C, R, R\] in -1..1; volumes \[batch, C, R, R, R\].
    pub pixels: Tensor,
    /// One-hot \[batch, c_dim\]; absent without classes.
    pub classes: Option<Tensor>,
}

impl RealBatch {
    /// The same images, not copied.
    pub fn shallow_clone(&self) -> Self {
        Self { pixels: self.pixels.shallow_clone(), classes: self.classes.as_ref().map(Tensor::shallow_clone) }
    }

    /// The images at `rows`, int64; all of them where there is none.
    pub fn at(&self, rows: Option<&Tensor>) -> Self {
        let Some(rows) = rows else { return self.shallow_clone() };
        let of = |tensor: &Tensor| tensor.index_select(0, rows);
        Self { pixels: of(&self.pixels), classes: self.classes.as_ref().map(of) }
    }
}

/// Batches of real images; batch `step` is a function of `step` alone.
pub trait Reals {
    /// The batch of `step`, whenever it is asked for.
    fn at(&self, step: u64) -> RealBatch;

    /// The same batches for another thread; the images themselves are not copied.
    fn shared(&self) -> Box<dyn Reals + Send>;
}

/// Batches of prepared images on the host, with the class of each where there are classes.
#[derive(Debug)]
pub struct RealBatches {
    /// Which images a step sees.
    pub batches: Batches,
    /// One-hot \[images, c_dim\].
    pub classes: Option<Tensor>,
}

impl Reals for RealBatches {
    fn at(&self, step: u64) -> RealBatch {
        let batch = self.batches.at(step);
        let classes = self.classes.as_ref().map(|classes| {
            let rows: Vec<i64> = batch.positions.iter().map(|&position| position as i64).collect();
            classes.index_select(0, &Tensor::from_slice(&rows))
        });
        RealBatch { pixels: batch.pixels, classes }
    }

    fn shared(&self) -> Box<dyn Reals + Send> {
        let classes = self.classes.as_ref().map(Tensor::shallow_clone);
        Box::new(Self { batches: self.batches.shallow_clone(), classes })
    }
}
