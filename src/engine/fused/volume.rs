//! Volumes \[N, C, D, H, W\] by the operations of images. What treats each place by itself sees one tall image of
//! D H rows; a filter sees one image for each depth, and then filters along the depth by plain operations. Where
//! volumes lie with the channels of a place side by side, none of these views copies anything.

use tch::Tensor;

use super::{Resample, low_pass};

/// Axes of a volume.
pub(super) const AXES: usize = 5;

/// \[N, C, D, H, W\] -> \[N, C, D H, W\].
pub(super) fn tall(x: &Tensor) -> Tensor {
    x.flatten(2, 3)
}

/// The way back from [`tall`], for as many depths as `like` has.
pub(super) fn deep(x: &Tensor, like: &Tensor) -> Tensor {
    x.unflatten(2, [like.size()[2], -1])
}

/// [`low_pass`] in all three directions.
pub(super) fn filtered(x: &Tensor, mode: Resample, gain: f64) -> Tensor {
    let size = x.size();
    let images = x.transpose(1, 2).flatten(0, 1);
    let images = low_pass(&images, mode, gain).unflatten(0, [size[0], size[2]]);
    along_depth(&images.transpose(1, 2), mode)
}

/// The filter \[1, 3, 3, 1\] / 8 along the depth alone.
fn along_depth(x: &Tensor, mode: Resample) -> Tensor {
    const OUTER: f64 = 0.125;
    const INNER: f64 = 0.375;
    let depth = x.size()[2];
    let border = if mode == Resample::Grow { 2 } else { 1 };
    let padded = x.constant_pad_nd([0, 0, 0, 0, border, border]);
    if mode == Resample::Double {
        // An even output lies nearer to its own input than to the one before, an odd one than to the one after.
        let near = x * INNER;
        let even = &near + padded.narrow(2, 0, depth) * OUTER;
        let odd = &near + padded.narrow(2, 2, depth) * OUTER;
        return Tensor::stack(&[even, odd], 3).flatten(2, 3);
    }
    let (length, step) = match mode {
        Resample::Grow => (depth + 1, 1),
        Resample::Shrink => (depth - 1, 1),
        Resample::Halve | Resample::Double => (depth / 2, 2),
    };
    let tap = |at: i64| padded.slice(2, at, at + (length - 1) * step + 1, step);
    (tap(0) + tap(3)) * OUTER + (tap(1) + tap(2)) * INNER
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::super::tests::{alike, varied};
    use super::super::{Before, activate, convolution, from_image, scale_channels, to_image, transposed_convolution};
    use super::*;

    #[test]
    fn a_volume_is_filtered_as_by_a_kernel_of_three_directions() {
        let taps = Tensor::from_slice(&[0.125_f32, 0.375, 0.375, 0.125]);
        let x = varied(&[2, 3, 4, 6, 8], 0.7);
        let cube = taps.outer(&taps).unsqueeze(0) * taps.reshape([4, 1, 1]);
        let kernel = cube.expand([3, 1, 4, 4, 4], false) * 3.0;
        for (mode, stride, padding) in [(Resample::Grow, 1, 2), (Resample::Shrink, 1, 1), (Resample::Halve, 2, 1)] {
            let libtorch = || x.conv3d(&kernel, None::<Tensor>, [stride; 3], [padding; 3], [1; 3], 3);
            alike(&[&x], || low_pass(&x, mode, 3.0), libtorch);
        }
        let libtorch = || x.conv_transpose3d(&kernel, None::<Tensor>, [2; 3], [1; 3], [0; 3], 3, [1; 3]);
        alike(&[&x], || low_pass(&x, Resample::Double, 3.0), libtorch);
    }

    #[test]
    fn convolutions_of_volumes_are_those_of_libtorch() {
        let (x, w) = (varied(&[2, 3, 5, 7, 9], 0.7), varied(&[4, 3, 3, 3, 3], 1.1));
        for (stride, padding) in [(1, 1), (2, 0)] {
            let libtorch = || x.conv3d(&(&w * 1.5), None::<Tensor>, [stride; 3], [padding; 3], [1; 3], 1);
            alike(&[&x, &w], || convolution(&x, &w, 1.5, stride, padding), libtorch);
        }
        let w = varied(&[3, 4, 3, 3, 3], 1.1);
        let libtorch = || x.conv_transpose3d(&(&w * 1.5), None::<Tensor>, [2; 3], [0; 3], [0; 3], 1, [1; 3]);
        alike(&[&x, &w], || transposed_convolution(&x, &w, 1.5, 2, 0), libtorch);
    }

    #[test]
    fn each_place_of_a_volume_is_treated_by_itself() {
        let (x, scale) = (varied(&[2, 3, 2, 4, 5], 0.7), varied(&[2, 3], 1.3));
        let (bias, noise) = (varied(&[3], 2.1), varied(&[1, 1, 2, 4, 5], 0.9));
        let strength = Tensor::from(0.3_f32).set_requires_grad(true);
        let factor = || scale.reshape([2, 3, 1, 1, 1]);
        let before = || Before { scale: Some(&scale), bias: Some(&bias), noise: Some((&noise, &strength)), gain: 1.5 };
        let plain = || {
            let y = &x * factor() + (bias.reshape([1, -1, 1, 1, 1]) + &noise * &strength) * 1.5;
            y.maximum(&(&y * 0.2)).clamp(-1.5, 1.5) * factor()
        };
        let found = || scale_channels(&activate(&x, before(), Some(1.5)), &scale);
        alike(&[&x, &scale, &bias, &noise, &strength], found, plain);

        let (image, kernels) = (varied(&[2, 2, 2, 4, 5], 1.3), varied(&[2, 2, 3], 0.9));
        let flat = |t: &Tensor| t.flatten(2, -1);
        alike(&[&x, &kernels], || to_image(&x, &kernels), || kernels.matmul(&flat(&x)).reshape([2, 2, 2, 4, 5]));
        let plain = || kernels.transpose(1, 2).matmul(&flat(&image)).reshape([2, 3, 2, 4, 5]);
        alike(&[&image, &kernels], || from_image(&image, &kernels), plain);
    }

    #[test]
    fn a_constant_volume_doubled_and_halved_stays_constant_inside() {
        let x = Tensor::full([1, 1, 4, 4, 4], 3.0, (Kind::Float, Device::Cpu));
        let inside = |y: Tensor, side: i64| (2..5).fold(y, |y, axis| y.narrow(axis, 1, side));
        // Every second place is a zero in each of three directions: an eighth of the filter's sum.
        let double = low_pass(&x, Resample::Double, 8.0);
        assert_eq!(double.size(), [1, 1, 8, 8, 8]);
        assert_eq!(Vec::<f32>::try_from(inside(double, 6).reshape([-1])).unwrap(), [3.0; 216]);
        let halved = low_pass(&Tensor::full([1, 1, 8, 8, 8], 3.0, (Kind::Float, Device::Cpu)), Resample::Halve, 1.0);
        assert_eq!(halved.size(), [1, 1, 4, 4, 4]);
        assert_eq!(Vec::<f32>::try_from(inside(halved, 2).reshape([-1])).unwrap(), [3.0; 8]);
    }
}
