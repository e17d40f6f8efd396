//! Amplifying frequency bands: four zero-phase bands from the sym2 wavelet, about [0, 1/8], [1/8, 1/4], [1/4, 1/2] and
//! [1/2, 1] of the Nyquist frequency, that add up to the image (appendix B).

use tch::{Device, Kind, Tensor};

use super::constants;
use super::warp::reflect;

/// Low-pass decomposition filter of the symlet-2 wavelet, sum sqrt 2 (PyWavelets 1.8 `sym2.dec_lo`).
const SYM2: [f64; 4] = [-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025];

/// Scales the bands of each image of `x` \[N, C, H, W\] by its gains \[N, 4\], lowest band first, along both axes.
pub fn amplify(x: &Tensor, gains: &Tensor) -> Tensor {
    let (batch, _, height, width) = x.size4().expect("images have 4 axes");
    let along = |side: i64| gains.matmul(&bands(side, x.device()).reshape([4, -1])).reshape([batch, 1, side, side]);
    along(height).matmul(&x.to_kind(Kind::Float)).matmul(&along(width).transpose(2, 3))
}

/// The bands as filters with reflection at the border: \[4, side, side\], adding up to the identity.
fn bands(side: i64, device: Device) -> Tensor {
    constants::on(device, ("bands", side), || built(side))
}

fn built(side: i64) -> Tensor {
    let mut matrix = vec![0.0_f32; (4 * side * side) as usize];
    for (band, taps) in filters().iter().enumerate() {
        let reach = taps.len() as i64 / 2;
        for row in 0..side {
            for (tap, weight) in taps.iter().enumerate() {
                let column = reflect(row + tap as i64 - reach, side);
                matrix[((band as i64 * side + row) * side + column) as usize] += *weight as f32;
            }
        }
    }
    Tensor::from_slice(&matrix).reshape([4, side, side])
}

/// Symmetric filters of odd length, lowest band first.
fn filters() -> [Vec<f64>; 4] {
    let mut mirrored = SYM2;
    mirrored.reverse();
    let low: Vec<f64> = convolve(&SYM2, &mirrored).iter().map(|v| v / 2.0).collect();
    // low + high = 1
    let high: Vec<f64> = low.iter().enumerate().map(|(i, v)| f64::from(u8::from(i == 3)) - v).collect();
    let low2 = dilate(&low, 2);
    let low12 = convolve(&low, &low2);
    [convolve(&low12, &dilate(&low, 4)), convolve(&low12, &dilate(&high, 4)), convolve(&low, &dilate(&high, 2)), high]
}

fn convolve(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            sum[i + j] += x * y;
        }
    }
    sum
}

/// Puts `step` - 1 zeros between taps.
fn dilate(taps: &[f64], step: usize) -> Vec<f64> {
    let mut wide = vec![0.0; (taps.len() - 1) * step + 1];
    for (i, tap) in taps.iter().enumerate() {
        wide[i * step] = *tap;
    }
    wide
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_gains_scale_the_image() {
        let x = Tensor::arange(2 * 64, (Kind::Float, Device::Cpu)).reshape([2, 1, 8, 8]).sin();
        // Along both axes, so a gain of 2 counts twice.
        let y = amplify(&x, &Tensor::from_slice(&[1f32, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]).view([2, 4]));
        let expected = Tensor::cat(&[x.narrow(0, 0, 1), x.narrow(0, 1, 1) * 4.0], 0);
        assert!((y - expected).abs().max().double_value(&[]) < 1e-5);
    }

    #[test]
    fn a_constant_lies_in_the_lowest_band() {
        let x = Tensor::ones([1, 1, 16, 16], (Kind::Float, Device::Cpu));
        let y = amplify(&x, &Tensor::from_slice(&[1f32, 0.0, 0.0, 0.0]).view([1, 4]));
        assert!((y - &x).abs().max().double_value(&[]) < 1e-5);
    }
}
