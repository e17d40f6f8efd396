//! Geometric operations without loss of detail: reflect at the border, double the resolution, sample, halve it again.
//!
//! Doubling and halving use the symlet-6 wavelet's low-pass filter as banded matrices, so border handling costs
//! nothing and both directions of differentiation are matrix products; sampling is bilinear, by gather, because
//! libtorch's grid_sample cannot be differentiated twice.

use tch::{Kind, Tensor};

use super::affine::Affine;
use super::constants;

/// Low-pass decomposition filter of the symlet-6 wavelet, sum sqrt 2 (Daubechies 1992; PyWavelets 1.8 `sym6.dec_lo`).
const SYM6: [f64; 12] = [
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
];

/// Pixels that the filter reaches beyond a position, at single resolution.
const REACH: i64 = 3;

/// The wavelet is not symmetric: its weight lies about half a fine pixel off its middle, and maps turn about that
/// point.
const LAG: f64 = 0.5;

/// Size of images and how far beyond their border they are mirrored, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mirrored {
    height: i64,
    width: i64,
    margin_y: i64,
    margin_x: i64,
}

impl Mirrored {
    /// As far as the maps back take samples, at most one reflection.
    pub(super) fn reached_by(inverse: &[Affine], height: i64, width: i64) -> Self {
        let (margin_x, margin_y) = margins(inverse, height, width);
        Self { height, width, margin_y, margin_x }
    }

    /// One reflection.
    pub(super) fn in_full(height: i64, width: i64) -> Self {
        Self { height, width, margin_y: height - 1, margin_x: width - 1 }
    }

    /// Rows and columns of the doubled source.
    fn fine(self) -> (i64, i64) {
        (2 * (self.height + 2 * self.margin_y), 2 * (self.width + 2 * self.margin_x))
    }
}

/// Movement of N images.
#[derive(Debug)]
pub(super) struct Geometry {
    mirrored: Mirrored,
    /// float32 \[N, 6\]: column and row of the doubled source as affine functions (of x, of y, constant) of the place
    /// in the output, in pixels from the centre.
    pub(super) places: Tensor,
}

impl Geometry {
    /// `inverse`: from places in the output to places in the image.
    pub(super) fn of(inverse: &[Affine], mirrored: Mirrored) -> Self {
        let (rows, columns) = mirrored.fine();
        let function = |[of_x, of_y, constant]: [f64; 3], count: i64| {
            [of_x * 2.0, of_y * 2.0, constant * 2.0 + ((count as f64 - 1.0) / 2.0 - LAG)].map(|value| value as f32)
        };
        let values: Vec<f32> = inverse
            .iter()
            .flat_map(|map| {
                let [x, y] = map.rows();
                [function(x, columns), function(y, rows)].concat()
            })
            .collect();
        Self { mirrored, places: Tensor::from_slice(&values).reshape([-1, 6]) }
    }

    pub(super) fn with(&self, places: Tensor) -> Self {
        Self { mirrored: self.mirrored, places }
    }
}

/// Moves each image of `x` \[N, C, H, W\]. What lies outside is the image's mirror image, as far as one reflection
/// goes; beyond that the outermost value.
pub(super) fn warp(x: &Tensor, geometry: &Geometry) -> Tensor {
    let (batch, channels, height, width) = x.size4().expect("images have 4 axes");
    assert_eq!(batch, geometry.places.size()[0], "one map for each image");
    let device = x.device();
    let Mirrored { margin_y, margin_x, .. } = geometry.mirrored;

    // Of margins that follow what was drawn there are too many to keep.
    let doubled = |side: i64, margin: i64| {
        if margin == side - 1 {
            constants::on(device, ("doubling", side), || doubling(side, margin))
        } else {
            doubling(side, margin).to_device(device)
        }
    };
    let (across, down) = (doubled(width, margin_x), doubled(height, margin_y));
    let fine = down.matmul(&x.to_kind(Kind::Float).matmul(&across.tr()));

    let (rows, columns) = (2 * (height + 2 * REACH), 2 * (width + 2 * REACH));
    let (at_x, at_y) = positions(&geometry.places, (rows, columns));
    let sampled = bilinear(&fine.reshape([batch, channels, -1]), &at_x, &at_y, geometry.mirrored.fine());
    let sampled = sampled.reshape([batch, channels, rows, columns]);

    let halved = |side: i64| constants::on(device, ("halving", side), || halving(side));
    halved(height).matmul(&sampled.matmul(&halved(width).tr()))
}

/// How far beyond the border samples are taken, in pixels, at most one reflection.
fn margins(inverse: &[Affine], height: i64, width: i64) -> (i64, i64) {
    let (half_x, half_y) = (width as f64 / 2.0, height as f64 / 2.0);
    let (edge_x, edge_y) = (half_x + REACH as f64, half_y + REACH as f64);
    let (mut far_x, mut far_y) = (0.0_f64, 0.0_f64);
    for map in inverse {
        for (sign_x, sign_y) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
            let (x, y) = map.at(sign_x * edge_x, sign_y * edge_y);
            (far_x, far_y) = (far_x.max(x.abs()), far_y.max(y.abs()));
        }
    }
    let margin = |far: f64, half: f64, side: i64| ((far - half).ceil() as i64 + 1).clamp(0, side - 1);
    (margin(far_x, half_x, width), margin(far_y, half_y, height))
}

/// Index of the pixel that mirrors at 0 and `side` - 1 put at `index`.
pub(super) fn reflect(index: i64, side: i64) -> i64 {
    if side == 1 {
        return 0;
    }
    let period = 2 * (side - 1);
    let index = index.rem_euclid(period);
    index.min(period - index)
}

/// Extends one axis by `margin` reflected pixels on both sides and doubles it: \[2 (side + 2 margin), side\].
fn doubling(side: i64, margin: i64) -> Tensor {
    let rows = 2 * (side + 2 * margin);
    let mut matrix = vec![0.0_f32; (rows * side) as usize];
    for row in 0..rows {
        for (tap, weight) in SYM6.iter().rev().enumerate() {
            let fine = row + tap as i64 - 2 * REACH;
            if fine.rem_euclid(2) == 0 {
                let source = reflect(fine.div_euclid(2) - margin, side);
                matrix[(row * side + source) as usize] += (weight * std::f64::consts::SQRT_2) as f32;
            }
        }
    }
    Tensor::from_slice(&matrix).reshape([rows, side])
}

/// Halves an axis that was sampled with [`REACH`] pixels more on both sides: \[side, 2 (side + 2 REACH)\].
fn halving(side: i64) -> Tensor {
    let columns = 2 * (side + 2 * REACH);
    let mut matrix = vec![0.0_f32; (side * columns) as usize];
    for row in 0..side {
        for (tap, weight) in SYM6.iter().enumerate() {
            matrix[(row * columns + 2 * row + 1 + tap as i64) as usize] =
                (weight * std::f64::consts::FRAC_1_SQRT_2) as f32;
        }
    }
    Tensor::from_slice(&matrix).reshape([side, columns])
}

/// For each sample of the doubled output its column and row in the doubled source, \[N, samples\] each.
fn positions(places: &Tensor, out: (i64, i64)) -> (Tensor, Tensor) {
    let batch = places.size()[0];
    // Sample k of n lies at (k + 1/2 - n/2)/2 pixels from the centre, and LAG/2 more.
    let axis =
        |count: i64| (Tensor::arange(count, (Kind::Float, places.device())) - (count as f64 - 1.0) / 2.0 + LAG) / 2.0;
    let (x, y) = (axis(out.1).reshape([1, 1, -1]), axis(out.0).reshape([1, -1, 1]));
    let coefficients = places.reshape([batch, 6, 1, 1]).unbind(1);
    let place = |first: usize| {
        (&coefficients[first] * &x + (&coefficients[first + 1] * &y + &coefficients[first + 2])).reshape([batch, -1])
    };
    (place(0), place(3))
}

/// Samples planes \[N, C, rows x columns\] between pixels -> \[N, C, samples\].
fn bilinear(planes: &Tensor, x: &Tensor, y: &Tensor, (rows, columns): (i64, i64)) -> Tensor {
    let channels = planes.size()[1];
    let x = x.clamp(0.0, (columns - 1) as f64);
    let y = y.clamp(0.0, (rows - 1) as f64);
    let left = x.floor().clamp_max((columns - 2) as f64);
    let top = y.floor().clamp_max((rows - 2) as f64);
    let (right_weight, bottom_weight) = ((x - &left).unsqueeze(1), (y - &top).unsqueeze(1));
    let corner = (&top * columns as f64 + &left).to_kind(Kind::Int64).unsqueeze(1).expand([-1, channels, -1], false);
    let take = |offset: i64| planes.gather(2, &(&corner + offset), false);
    let upper = take(0).lerp_tensor(&take(1), &right_weight);
    let lower = take(columns).lerp_tensor(&take(columns + 1), &right_weight);
    upper.lerp_tensor(&lower, &bottom_weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn warp(x: &Tensor, maps: &[Affine]) -> Tensor {
        let inverse: Vec<Affine> = maps.iter().map(|map| map.inverse()).collect();
        let mirrored = Mirrored::reached_by(&inverse, x.size()[2], x.size()[3]);
        super::warp(x, &Geometry::of(&inverse, mirrored))
    }

    fn ramp(side: i64) -> Tensor {
        Tensor::arange(side * side, (Kind::Float, Device::Cpu)).reshape([1, 1, side, side]) / (side * side) as f64
    }

    fn largest(difference: Tensor) -> f64 {
        difference.abs().max().double_value(&[])
    }

    #[test]
    fn no_movement_gives_the_image_back() {
        let x = ramp(16);
        assert!(largest(warp(&x, &[Affine::IDENTITY]) - &x) < 1e-5);
    }

    #[test]
    fn mirroring_flips_columns() {
        // A ramp is smooth; away from the border's crease the wavelet's slight asymmetry does not show.
        let x = ramp(32);
        let flipped = warp(&x, &[Affine::IDENTITY.scale(-1.0, 1.0)]);
        let difference = flipped - x.flip([3]);
        assert!(largest(difference.slice(3, 8, 24, 1).slice(2, 8, 24, 1)) < 1e-4);
    }

    #[test]
    fn a_whole_pixel_shift_moves_pixels() {
        let x = Tensor::zeros([1, 1, 16, 16], (Kind::Float, Device::Cpu));
        let _ = x.narrow(2, 8, 1).narrow(3, 8, 1).fill_(1.0);
        let moved = warp(&x, &[Affine::IDENTITY.translate(2.0, -3.0)]);
        assert!(largest(moved - x.roll([-3, 2], [2, 3])) < 1e-5);
    }

    #[test]
    fn reflects_without_repeating_the_border() {
        let seen: Vec<i64> = (-3..7).map(|i| reflect(i, 4)).collect();
        assert_eq!(seen, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
    }
}
