//! Smoothing of small images.

/// Gaussian of `sigma` pixels over row-major `image` of (height, width), cut at three of them; beyond the border the
/// image goes on as it ends. 0 leaves it as it is.
pub fn gaussian(image: &[f32], (height, width): (usize, usize), sigma: f64) -> Vec<f32> {
    if sigma <= 0.0 {
        return image.to_vec();
    }
    let reach = (3.0 * sigma).ceil() as i64;
    let weights: Vec<f64> = (-reach..=reach).map(|d| (-0.5 * (d as f64 / sigma).powi(2)).exp()).collect();
    let total: f64 = weights.iter().sum();
    let along = |image: &[f32], horizontal: bool| -> Vec<f32> {
        (0..image.len())
            .map(|at| {
                let (x, y) = ((at % width) as i64, (at / width) as i64);
                let taken = |d: i64| {
                    let (x, y) = if horizontal { (x + d, y) } else { (x, y + d) };
                    let (x, y) = (x.clamp(0, width as i64 - 1) as usize, y.clamp(0, height as i64 - 1) as usize);
                    f64::from(image[y * width + x])
                };
                ((-reach..=reach).zip(&weights).map(|(d, weight)| taken(d) * weight).sum::<f64>() / total) as f32
            })
            .collect()
    };
    along(&along(image, true), false)
}

/// The mask and every pixel whose centre lies within `radius` of one of its pixels'; rows of `width`.
pub fn dilated(mask: &[bool], width: usize, radius: usize) -> Vec<bool> {
    let mut grown = mask.to_vec();
    let (reach, height) = (radius as i64, (mask.len() / width) as i64);
    for at in (0..mask.len()).filter(|&at| mask[at]) {
        let (x, y) = ((at % width) as i64, (at / width) as i64);
        for row in (y - reach).max(0)..=(y + reach).min(height - 1) {
            for column in (x - reach).max(0)..=(x + reach).min(width as i64 - 1) {
                if (row - y).pow(2) + (column - x).pow(2) <= reach.pow(2) {
                    grown[row as usize * width + column as usize] = true;
                }
            }
        }
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_becomes_a_gaussian_of_the_same_sum() {
        let mut point = vec![0f32; 256];
        point[8 * 16 + 8] = 1.0;
        let soft = gaussian(&point, (16, 16), 1.5);
        assert!((soft.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        // Neighbour over middle: exp(-1 / 4.5).
        assert!((soft[8 * 16 + 9] / soft[8 * 16 + 8] - (-1.0f32 / 4.5).exp()).abs() < 1e-5);
        assert!((soft[8 * 16 + 9] - soft[9 * 16 + 8]).abs() < 1e-7);
        assert_eq!(gaussian(&point, (16, 16), 0.0), point);
    }

    /// By hand: a pixel in the middle of 5 x 5 grows by one into a cross of five, by two into a disc of thirteen.
    #[test]
    fn a_pixel_grows_into_discs() {
        let mask: Vec<bool> = (0..25).map(|at| at == 12).collect();
        let count = |radius| dilated(&mask, 5, radius).into_iter().filter(|&grown| grown).count();
        assert_eq!([0, 1, 2, 9].map(count), [1, 5, 13, 25]);
    }
}
