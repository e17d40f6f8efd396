//! Random affine copies of slices: mirror, any rotation, isotropic scale, shift; bilinear, reflected at the border.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};
use tch::{Kind, Tensor};

/// Scale factors lie within this factor of 1, shifts within this share of the side.
const SCALE: f64 = 1.15;
const SHIFT: f64 = 0.1;

/// One transformation about the slice's centre; `shift` in shares of half the side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Left and right exchanged, before all else.
    pub mirror: bool,
    /// Radians, from x towards y (downwards).
    pub angle: f64,
    /// Above 1 enlarges.
    pub scale: f64,
    /// To the right and downwards.
    pub shift: [f64; 2],
}

impl Affine {
    /// A random one.
    pub fn draw(rng: &mut impl Rng) -> Self {
        Self {
            mirror: rng.random_bool(0.5),
            angle: rng.random_range(0.0..TAU),
            scale: SCALE.powf(rng.random_range(-1.0..=1.0)),
            shift: [0, 1].map(|_| rng.random_range(-2.0 * SHIFT..=2.0 * SHIFT)),
        }
    }

    /// Rows of the matrix that takes output to input coordinates, both -1..1 across the slice.
    fn inverse(&self) -> [f32; 6] {
        let (sin, cos) = self.angle.sin_cos();
        let [x, y] = self.shift;
        let (a, b, c, d) = (cos / self.scale, sin / self.scale, -sin / self.scale, cos / self.scale);
        let mirror = if self.mirror { -1.0 } else { 1.0 };
        [mirror * a, mirror * b, -mirror * (a * x + b * y), c, d, -(c * x + d * y)].map(|value| value as f32)
    }
}

/// \[N, C, H, W\] -> the same shape, slice `i` transformed by `transforms[i]`; the slices must be square.
pub fn apply(images: &Tensor, transforms: &[Affine]) -> Tensor {
    const BILINEAR: i64 = 0;
    const REFLECT: i64 = 2;
    let size = images.size();
    assert_eq!((size[0] as usize, size[2]), (transforms.len(), size[3]), "one transform a square slice");
    let theta: Vec<f32> = transforms.iter().flat_map(Affine::inverse).collect();
    let theta = Tensor::from_slice(&theta).view([-1, 2, 3]).to_kind(Kind::Float).to_device(images.device());
    let grid = Tensor::affine_grid_generator(&theta, &size, false);
    images.grid_sampler(&grid, BILINEAR, REFLECT, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: Affine = Affine { mirror: false, angle: 0.0, scale: 1.0, shift: [0.0, 0.0] };

    fn picture() -> Tensor {
        Tensor::arange(16, (Kind::Float, tch::Device::Cpu)).view([1, 1, 4, 4])
    }

    fn far(a: &Tensor, b: &Tensor) -> f64 {
        f64::try_from((a - b).abs().max()).unwrap()
    }

    #[test]
    fn nothing_quarter_turn_mirror_and_shift_can_be_done_by_hand() {
        let x = picture();
        assert!(far(&apply(&x, &[STILL]), &x) < 1e-5);
        let turned = apply(&x, &[Affine { angle: TAU / 4.0, ..STILL }]);
        assert!(far(&turned, &x.rot90(-1, [2, 3])) < 1e-4, "clockwise, since y points down");
        assert!(far(&apply(&x, &[Affine { mirror: true, ..STILL }]), &x.flip([3])) < 1e-5);
        // Half of half the side of four pixels is one pixel, to the right.
        let shifted = apply(&x, &[Affine { shift: [0.5, 0.0], ..STILL }]);
        assert!(far(&shifted.narrow(3, 1, 3), &x.narrow(3, 0, 3)) < 1e-4);
    }

    #[test]
    fn twice_the_scale_keeps_the_centre_and_draws_stay_in_range() {
        let x = picture();
        let large = apply(&x, &[Affine { scale: 2.0, ..STILL }]);
        // The output's inner 2x2 samples the input at +-1/4 pixel about the centre 7.5: 7.5 -+ .25 -+ 1.
        assert!((f64::try_from(large.get(0).get(0).get(1).get(1)).unwrap() - 6.25).abs() < 1e-4);
        let mut rng = crate::seed::RunSeed(0).stream("affine", 0);
        for _ in 0..200 {
            let drawn = Affine::draw(&mut rng);
            assert!((1.0 / SCALE..=SCALE).contains(&drawn.scale) && drawn.shift.iter().all(|s| s.abs() <= 2.0 * SHIFT));
        }
    }
}
