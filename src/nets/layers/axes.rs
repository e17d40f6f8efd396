//! Images \[N, C, H, W\] have two axes of space, volumes \[N, C, D, H, W\] three; layers are built for either.

use tch::Tensor;

/// Shape of a kernel with equal sides: \[outputs, inputs, side, side\], with a third side for 3 `dimensions`.
pub(in crate::nets) fn kernel(outputs: i64, inputs: i64, side: i64, dimensions: i64) -> Vec<i64> {
    [outputs, inputs].into_iter().chain((0..dimensions).map(|_| side)).collect()
}

/// The axes of space of an activation or a kernel: 2 and 3, or 2 to 4.
pub(super) fn of_space(x: &Tensor) -> Vec<i64> {
    (2..x.dim() as i64).collect()
}

/// One value a channel \[C\] as it is added to `x`: \[1, C, 1, 1\], or with one more axis.
pub(super) fn per_channel(values: &Tensor, x: &Tensor) -> Tensor {
    let shape: Vec<i64> = (0..x.dim()).map(|axis| if axis == 1 { -1 } else { 1 }).collect();
    values.reshape(shape)
}

/// What doubling multiplies the number of places by: 4 for an image, 8 for a volume.
pub(super) fn places(x: &Tensor) -> f64 {
    f64::from(1 << (x.dim() - 2))
}
