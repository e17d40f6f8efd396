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

/// 0 in the middle, 1 in the corners: the fourth power of the distance.
fn corner([x, y]: [f64; 2]) -> f64 {
    ((x * x + y * y) / 0.5).powi(2)
}

impl Light {
    /// Of the pixels that count, bare skin for the most part: others are weighted down.
    pub(super) fn fit(plane: &Plane, counts: &[bool]) -> Self {
        let pixels: Vec<usize> = (0..counts.len()).filter(|at| counts[*at]).collect();
        let grey = |at: usize| plane.density[at].iter().sum::<f64>() / 3.0;
        let mut values: Vec<f64> = pixels.iter().map(|at| grey(*at)).collect();
        let mut fit = Self { skin: [0.0; 3], slope: [0.0; 2], vignette: 0.0, spread: 0.0 };
        let mut level = quantile(&mut values, 0.5);
        for _ in 0..ROUNDS {
            let residual = |at: usize| grey(at) - level - fit.shade(plane.place(at));
            let mut sizes: Vec<f64> = pixels.iter().map(|at| residual(*at).abs()).collect();
            let spread = (1.4826 * quantile(&mut sizes, 0.5)).max(1e-4);
            let (mut normal, mut right) = ([[0.0; TERMS]; TERMS], [0.0; TERMS]);
            for at in &pixels {
                let weight = weight(residual(*at) / spread);
                let place = plane.place(*at);
                let corners = fit.corners(place);
                let row = [1.0, -place[0], -place[1], corners];
                for (i, left) in row.iter().enumerate() {
                    right[i] += weight * left * grey(*at);
                    for (j, other) in row.iter().enumerate() {
                        normal[i][j] += weight * left * other;
                    }
                }
            }
            // Few pixels tell nothing of a slope: a little ridge leaves it at 0 then.
            let ridge = 1e-4 * normal[0][0] + 1e-9;
            (1..TERMS).for_each(|term| normal[term][term] += ridge);
            let Some([shift, right_ward, down_ward, corners]) = solve(normal, right) else { break };
            level = shift;
            fit.slope = [right_ward, down_ward].map(|slope| slope.clamp(-1.0, 1.0));
            fit.vignette = corners.clamp(-0.2, 0.9);
            fit.spread = spread;
        }
        let residual = |at: usize| grey(at) - level - fit.shade(plane.place(at));
        let (mut sums, mut total) = ([0.0; 3], 0.0);
        for at in pixels {
            let weight = weight(residual(at) / fit.spread.max(1e-4));
            let shade = fit.shade(plane.place(at));
            total += weight;
            sums.iter_mut().zip(plane.density[at]).for_each(|(sum, value)| *sum += weight * (value - shade));
        }
        fit.skin = if total > 0.0 { sums.map(|sum| sum / total) } else { [level; 3] };
        fit
    }

    /// Density that missing light adds.
    fn shade(&self, place: [f64; 2]) -> f64 {
        self.vignette * self.corners(place) - self.slope[0] * place[0] - self.slope[1] * place[1]
    }

    /// Density of a corner's lost light over the share lost; near 1 where little is lost.
    fn corners(&self, place: [f64; 2]) -> f64 {
        let lost = corner(place);
        if self.vignette.abs() < 1e-6 { lost } else { -(1.0 - self.vignette * lost).max(0.05).ln() / self.vignette }
    }

    /// What the skin of each pixel lacks or has more, in red, green and blue.
    pub(super) fn beyond_skin(&self, plane: &Plane) -> Vec<[f64; 3]> {
        let beyond = |at: usize| {
            let shade = self.shade(plane.place(at));
            [0, 1, 2].map(|colour: usize| plane.density[at][colour] - shade - self.skin[colour])
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
