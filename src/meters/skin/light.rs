//! Light over the picture: the skin's own colour, how light falls off to one side, and how much corners lose.

use super::plane::{Plane, quantile};

/// Rounds of weighted least squares.
const ROUNDS: usize = 8;

/// A residual counts in full up to this many deviations and not at all from three times as many on.
const DEVIATIONS: f64 = 2.0;

/// Unknowns: level, slopes, corners.
const TERMS: usize = 4;

/// What is fitted to bare skin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Light {
    /// Density of the skin in the middle, in red, green and blue.
    pub(super) skin: [f64; 3],
    /// Change of ln light over the whole width and height.
    pub(super) slope: [f64; 2],
    /// Share of light that a corner has lost.
    pub(super) vignette: f64,
    /// Deviation of the skin's density about the fit.
    pub(super) spread: f64,
}

/// What the fit sees of a pixel.
struct Pixel {
    /// Mean density of the three colours.
    grey: f64,
    place: [f64; 2],
}

impl Pixel {
    fn new(plane: &Plane, at: usize) -> Self {
        let [red, green, blue] = plane.density[at];
        Self { grey: (red + green + blue) / 3.0, place: plane.place(at) }
    }
}

/// 0 in the middle, 1 in the corners: the fourth power of the distance.
fn corner([x, y]: [f64; 2]) -> f64 {
    ((x * x + y * y) / 0.5).powi(2)
}

impl Light {
    /// Of the pixels that count, bare skin for the most part: others are weighted down.
    pub(super) fn fit(plane: &Plane, counts: &[bool]) -> Self {
        let pixels: Vec<Pixel> = (0..counts.len()).filter(|at| counts[*at]).map(|at| Pixel::new(plane, at)).collect();
        let mut values: Vec<f64> = pixels.iter().map(|pixel| pixel.grey).collect();
        let mut fit = Self { skin: [0.0; 3], slope: [0.0; 2], vignette: 0.0, spread: 0.0 };
        let mut level = quantile(&mut values, 0.5);
        for _ in 0..ROUNDS {
            let corners: Vec<f64> = pixels.iter().map(|pixel| fit.corners(pixel.place)).collect();
            let residual = |at: usize| pixels[at].grey - level - fit.shade(pixels[at].place, corners[at]);
            let residuals: Vec<f64> = (0..pixels.len()).map(residual).collect();
            let mut sizes: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
            let spread = (1.4826 * quantile(&mut sizes, 0.5)).max(1e-4);
            let (mut normal, mut right) = ([[0.0; TERMS]; TERMS], [0.0; TERMS]);
            for at in 0..pixels.len() {
                let Pixel { grey, place } = pixels[at];
                let weight = weight(residuals[at] / spread);
                let row = [1.0, -place[0], -place[1], corners[at]];
                for i in 0..TERMS {
                    right[i] += weight * row[i] * grey;
                    for j in 0..TERMS {
                        normal[i][j] += weight * row[i] * row[j];
                    }
                }
            }
            // Few pixels tell nothing of a slope: a little ridge leaves it at 0 then.
            let ridge = 1e-4 * normal[0][0] + 1e-9;
            (1..TERMS).for_each(|term| normal[term][term] += ridge);
            let Some([shift, right_ward, down_ward, lost]) = solve(normal, right) else { break };
            level = shift;
            fit.slope = [right_ward, down_ward].map(|slope| slope.clamp(-1.0, 1.0));
            fit.vignette = lost.clamp(-0.2, 0.9);
            fit.spread = spread;
        }
        let (mut sums, mut total) = ([0.0; 3], 0.0);
        for (at, &Pixel { grey, place }) in (0..counts.len()).filter(|at| counts[*at]).zip(&pixels) {
            let shade = fit.shade(place, fit.corners(place));
            let weight = weight((grey - level - shade) / fit.spread.max(1e-4));
            total += weight;
            sums.iter_mut().zip(plane.density[at]).for_each(|(sum, value)| *sum += weight * (value - shade));
        }
        fit.skin = if total > 0.0 { sums.map(|sum| sum / total) } else { [level; 3] };
        fit
    }

    /// Density that missing light adds where [`Self::corners`] is `corners`.
    fn shade(&self, place: [f64; 2], corners: f64) -> f64 {
        self.vignette * corners - self.slope[0] * place[0] - self.slope[1] * place[1]
    }

    /// Density of a corner's lost light over the share lost; near 1 where little is lost.
    fn corners(&self, place: [f64; 2]) -> f64 {
        let lost = corner(place);
        if self.vignette.abs() < 1e-6 { lost } else { -(1.0 - self.vignette * lost).max(0.05).ln() / self.vignette }
    }

    /// What the skin of each pixel lacks or has more, in red, green and blue.
    pub(super) fn beyond_skin(&self, plane: &Plane) -> Vec<[f64; 3]> {
        let beyond = |at: usize| {
            let place = plane.place(at);
            let shade = self.shade(place, self.corners(place));
            let [red, green, blue] = plane.density[at];
            [red - shade - self.skin[0], green - shade - self.skin[1], blue - shade - self.skin[2]]
        };
        (0..plane.density.len()).map(beyond).collect()
    }
}

fn weight(deviations: f64) -> f64 {
    let size = deviations.abs() / DEVIATIONS;
    if size <= 1.0 { 1.0 } else { ((3.0 - size) / 2.0).max(0.0) / size }
}

/// Of linear equations, by elimination; none where they are of less rank.
pub(super) fn solve<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> Option<[f64; N]> {
    for step in 0..N {
        let pivot = (step..N).max_by(|a, b| matrix[*a][step].abs().total_cmp(&matrix[*b][step].abs()))?;
        if matrix[pivot][step].abs() < 1e-12 {
            return None;
        }
        matrix.swap(step, pivot);
        right.swap(step, pivot);
        for row in 0..N {
            if row != step {
                let share = matrix[row][step] / matrix[step][step];
                let above = matrix[step];
                matrix[row].iter_mut().zip(above).skip(step).for_each(|(value, above)| *value -= share * above);
                right[row] -= share * right[step];
            }
        }
    }
    Some(std::array::from_fn(|at| right[at] / matrix[at][at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_by_hand() {
        // x + y = 3, x - y = 1.
        assert_eq!(solve([[1.0, 1.0], [1.0, -1.0]], [3.0, 1.0]), Some([2.0, 1.0]));
        assert_eq!(solve([[1.0, 1.0], [2.0, 2.0]], [3.0, 1.0]), None);
    }

    #[test]
    fn a_slope_and_dark_corners_are_found_and_a_spot_at_the_border_is_not_skin() {
        let mut plane = Plane { width: 40, height: 40, density: vec![] };
        for at in 0..1600 {
            let [x, y] = [(at % 40) as f64, (at / 40) as f64].map(|at| (at + 0.5) / 40.0 - 0.5);
            let light = (0.1 * x - 0.05 * y).exp() * (1.0 - 0.4 * corner([x, y]));
            let spot = if at < 400 && at % 40 < 8 { 1.0 } else { 0.0 };
            plane.density.push([0.5, 0.9, 1.3].map(|skin| skin + spot - light.ln()));
        }
        let light = Light::fit(&plane, &[true; 1600]);
        assert!((light.slope[0] - 0.1).abs() < 0.01 && (light.slope[1] + 0.05).abs() < 0.01, "{light:?}");
        assert!((light.vignette - 0.4).abs() < 0.02, "{light:?}");
        assert!(light.skin.iter().zip([0.5, 0.9, 1.3]).all(|(a, b)| (a - b).abs() < 0.01), "{light:?}");
    }
}
