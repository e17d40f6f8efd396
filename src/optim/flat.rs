//! The parameters of a network side by side in one storage, so that a step of descent is a handful of large operations.

use tch::{Device, Kind, Tensor};

/// Parameters in a fixed order, each a view of its part of one storage.
#[derive(Debug)]
pub struct Flat {
    tensors: Vec<Tensor>,
    values: Tensor,
}

impl Flat {
    /// Moves `tensors` (contiguous float32 leaves on one device) into a new storage, in their order; whoever shares
    /// them goes with them.
    pub fn new(mut tensors: Vec<Tensor>) -> Self {
        let parts: Vec<Tensor> = tensors.iter().map(|tensor| tensor.detach().reshape([-1])).collect();
        let values = match parts.is_empty() {
            true => Tensor::zeros([0], (Kind::Float, Device::Cpu)),
            false => Tensor::cat(&parts, 0),
        };
        let mut offset = 0;
        for tensor in &mut tensors {
            let length = tensor.numel() as i64;
            tensor.set_data(&values.narrow(0, offset, length).view_as(tensor));
            offset += length;
        }
        Self { tensors, values }
    }

    /// The parameters.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// All their values, float32 \[values\]: the storage itself.
    pub fn values(&self) -> &Tensor {
        &self.values
    }

    /// Gradient of the scalar `loss`, float32 \[values\]; a parameter that the loss does not reach counts as zero.
    /// Its values are not looked at: one that is not finite is for the caller to refuse.
    pub fn gradient(&self, loss: &Tensor) -> Tensor {
        let gradients = Tensor::run_backward(&[loss], &self.tensors, false, false);
        let parts: Vec<Tensor> = gradients
            .iter()
            .zip(&self.tensors)
            .map(|(gradient, tensor)| match gradient.defined() {
                true => gradient.reshape([-1]),
                false => tensor.zeros_like().reshape([-1]),
            })
            .collect();
        Tensor::cat(&parts, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_views_and_their_gradients_lie_in_the_same_places() {
        let leaf = |values: &[f32]| Tensor::from_slice(values).set_requires_grad(true);
        let (a, b, c) = (leaf(&[1.0, 2.0]), leaf(&[3.0]), leaf(&[4.0]));
        let flat = Flat::new([&a, &b, &c].map(Tensor::shallow_clone).into());
        assert_eq!(Vec::<f32>::try_from(flat.values()).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        let _ = flat.values().narrow(0, 2, 1).fill_(7.0);
        assert_eq!(b.double_value(&[0]), 7.0);
        // The loss is a1^2 + a2^2 + 5 c; it does not reach b.
        let loss = a.square().sum(Kind::Float) + c.sum(Kind::Float) * 5.0;
        assert_eq!(Vec::<f32>::try_from(flat.gradient(&loss)).unwrap(), [2.0, 4.0, 0.0, 5.0]);
    }
}
