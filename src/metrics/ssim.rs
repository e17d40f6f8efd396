//! Structural similarity of two images (Wang et al. 2004): Gaussian window of sigma 1.5 and 11 x 11 pixels, K1 = .01,
//! K2 = .03, divisor N, mean over the pixels whose window lies inside the image (scikit-image with
//! `gaussian_weights=True`, `use_sample_covariance=False`).

use crate::problem::{Problem, Result};

const RADIUS: usize = 5;
const WINDOW: usize = 2 * RADIUS + 1;
const SIGMA: f64 = 1.5;

/// Mean SSIM of two row-major images of `height` x `width`; `range` is the span of possible values (2 for \[-1, 1\]).
/// In -1..1.
///
/// # Errors
/// Lengths that do not fit, an image smaller than the window, or a range that is not positive.
pub fn ssim(a: &[f64], b: &[f64], size: (usize, usize), range: f64) -> Result<f64> {
    let map = map(a, b, size, range)?;
    Ok(map.iter().sum::<f64>() / map.len() as f64)
}

/// Mean over the pixels of `mask` \[height, width\] alone; of those whose window lies inside the image. `None` where
/// there is none.
///
/// # Errors
/// As [`ssim`].
pub fn ssim_within(
    a: &[f64],
    b: &[f64],
    (height, width): (usize, usize),
    range: f64,
    mask: &[bool],
) -> Result<Option<f64>> {
    let map = map(a, b, (height, width), range)?;
    let inner = width - 2 * RADIUS;
    let is_in = |at: usize| mask[(at / inner + RADIUS) * width + at % inner + RADIUS];
    let values: Vec<f64> = map.iter().enumerate().filter(|(at, _)| is_in(*at)).map(|(_, value)| *value).collect();
    Ok((!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64))
}

/// Of every pixel whose window lies inside the image: (height - 10) x (width - 10).
fn map(a: &[f64], b: &[f64], (height, width): (usize, usize), range: f64) -> Result<Vec<f64>> {
    if a.len() != height * width || b.len() != height * width || height < WINDOW || width < WINDOW {
        return Err(Problem::usage(format!("images of {} and {} values as {height} x {width}", a.len(), b.len()))
            .expected(format!("two images of that size, at least {WINDOW} x {WINDOW}")));
    }
    if range.is_nan() || range <= 0.0 {
        return Err(Problem::usage(format!("value range {range}")).expected("a positive range"));
    }
    let smooth = |product: &dyn Fn(usize) -> f64| {
        let image: Vec<f64> = (0..a.len()).map(product).collect();
        blur(&image, height, width)
    };
    let mean_a = smooth(&|i| a[i]);
    let mean_b = smooth(&|i| b[i]);
    let square_a = smooth(&|i| a[i] * a[i]);
    let square_b = smooth(&|i| b[i] * b[i]);
    let product = smooth(&|i| a[i] * b[i]);
    let (c1, c2) = ((0.01 * range).powi(2), (0.03 * range).powi(2));
    let of = |i: usize| {
        let (ma, mb) = (mean_a[i], mean_b[i]);
        let (va, vb, cov) = (square_a[i] - ma * ma, square_b[i] - mb * mb, product[i] - ma * mb);
        (2.0 * ma * mb + c1) * (2.0 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    };
    Ok((0..mean_a.len()).map(of).collect())
}

/// Separable Gaussian, valid part only: (height - 10) x (width - 10).
fn blur(image: &[f64], height: usize, width: usize) -> Vec<f64> {
    let kernel = kernel();
    let inner = width - 2 * RADIUS;
    let mut rows = Vec::with_capacity(height * inner);
    for y in 0..height {
        let row = &image[y * width..(y + 1) * width];
        rows.extend(row.windows(WINDOW).map(|window| window.iter().zip(&kernel).map(|(v, k)| v * k).sum::<f64>()));
    }
    let mut out = Vec::with_capacity((height - 2 * RADIUS) * inner);
    for y in 0..height - 2 * RADIUS {
        out.extend((0..inner).map(|x| (0..WINDOW).map(|i| rows[(y + i) * inner + x] * kernel[i]).sum::<f64>()));
    }
    out
}

fn kernel() -> [f64; WINDOW] {
    let mut kernel = std::array::from_fn(|i| (-(i as f64 - RADIUS as f64).powi(2) / (2.0 * SIGMA * SIGMA)).exp());
    let sum: f64 = kernel.iter().sum();
    kernel.iter_mut().for_each(|k| *k /= sum);
    kernel
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn an_image_is_like_itself() {
        let image: Vec<f64> = (0..144).map(|i| (i as f64).sin()).collect();
        assert_relative_eq!(ssim(&image, &image, (12, 12), 2.0).unwrap(), 1.0, epsilon = 1e-12);
    }

    #[test]
    fn constant_images_differ_by_their_luminance_term_alone() {
        // (2 * 1 * 2 + c1) / (1 + 4 + c1) with c1 = (.01 * 10)^2 = .01: 4.01 / 5.01.
        let found = ssim(&[1.0; 121], &[2.0; 121], (11, 11), 10.0).unwrap();
        assert_relative_eq!(found, 4.01 / 5.01, epsilon = 1e-12);
    }

    #[test]
    fn agrees_with_scikit_image() {
        let case = crate::metrics::tests::fixture().ssim;
        let found = ssim(&case.a, &case.b, (case.height, case.width), case.range).unwrap();
        assert_relative_eq!(found, case.value, epsilon = 1e-7);
    }

    #[test]
    fn a_mask_takes_its_pixels_alone() {
        // 11 x 12: two windows, one at column 5, one at column 6.
        let a: Vec<f64> = (0..132).map(|i| f64::from(i % 12)).collect();
        let b: Vec<f64> = (0..132).map(|i| f64::from(i % 12) * if i % 12 > 10 { 2.0 } else { 1.0 }).collect();
        let mask = |column: usize| (0..132).map(|i| i % 12 == column).collect::<Vec<bool>>();
        let within = |column: usize| ssim_within(&a, &b, (11, 12), 10.0, &mask(column)).unwrap();
        let (left, right) = (within(5).unwrap(), within(6).unwrap());
        assert_relative_eq!(left, 1.0, epsilon = 1e-12);
        assert!(right < 1.0);
        assert_relative_eq!((left + right) / 2.0, ssim(&a, &b, (11, 12), 10.0).unwrap(), epsilon = 1e-12);
        assert_eq!(within(0), None);
    }

    #[test]
    fn refuses_an_image_below_the_window() {
        assert!(ssim(&[0.0; 100], &[0.0; 100], (10, 10), 1.0).is_err());
    }
}
