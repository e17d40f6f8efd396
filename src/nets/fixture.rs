//! Arrays of the fixtures that networks and what reads them are held to in tests.

use serde::Deserialize;
use tch::Tensor;

/// A float32 array as the fixtures' making scripts write it.
#[derive(Deserialize)]
pub(crate) struct Array {
    pub(crate) shape: Vec<i64>,
    values: Vec<f32>,
}

impl Array {
    /// On the CPU.
    pub(crate) fn tensor(&self) -> Tensor {
        Tensor::from_slice(&self.values).reshape(&self.shape)
    }
}
