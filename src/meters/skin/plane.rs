//! A picture as optical densities: what light skin swallowed, in each of three colours.

use crate::colour::decode;
use crate::meters::Picture;

/// Sides from twice this many pixels on are averaged down, so that a factor means the same at any size of camera.
const SIDE: usize = 128;

/// Least linear light that counts; a level of about 13 of 255, below which a camera tells little.
const DARKEST: f64 = 0.004;

/// Optical densities, -ln of linear light, of red, green and blue.
#[derive(Debug)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Row by row from the top.
    pub(super) density: Vec<[f64; 3]>,
}

impl Plane {
    /// Of a picture of three channels.
    pub(super) fn new(picture: &Picture<'_>) -> Self {
        let [_, height, width] = picture.shape();
        let step = (height.min(width) / SIDE).max(1);
        let (rows, columns) = (height / step, width / step);
        // What is no number is dark.
        let light_of = |value: f32| if value.is_nan() { 0.0 } else { decode(f64::from(value).clamp(0.0, 1.0)) };
        let channels = [0, 1, 2].map(|number| picture.channel(number));
        let mut density = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                density.push(channels.map(|channel| {
                    let mut light = 0.0;
                    for part in 0..step * step {
                        let at = (row * step + part / step) * width + column * step + part % step;
                        light += light_of(channel[at]);
                    }
                    -(light / (step * step) as f64).max(DARKEST).ln()
                }));
            }
        }
        Self { width: columns, height: rows, density }
    }

    /// Side of a square of the same area, pixels.
    pub(super) fn side(&self) -> f64 {
        ((self.width * self.height) as f64).sqrt()
    }

    /// Column and row of a pixel, each as a share of the picture from its middle, -.5 to .5.
    pub(super) fn place(&self, at: usize) -> [f64; 2] {
        let share = |at: usize, side: usize| (at as f64 + 0.5) / side as f64 - 0.5;
        [share(at % self.width, self.width), share(at / self.width, self.height)]
    }
}

/// Sums of values, and how many, of the pixels that count, from the first corner up to each: of any square by four of
/// them.
struct Sums {
    width: usize,
    height: usize,
    /// Of one row and column more.
    sums: Vec<[f64; 2]>,
}

impl Sums {
    fn new(values: &[f64], counts: &[bool], width: usize) -> Self {
        let (height, wide) = (values.len() / width, width + 1);
        let mut sums = vec![[0.0f64; 2]; wide * (height + 1)];
        for row in 0..height {
            let (above, below) = sums.split_at_mut((row + 1) * wide);
            let (above, below) = (&above[row * wide..], &mut below[..wide]);
            let (values, counts) = (&values[row * width..][..width], &counts[row * width..][..width]);
            let mut line = [0.0f64; 2];
            for column in 0..width {
                if counts[column] {
                    line = [line[0] + values[column], line[1] + 1.0];
                }
                below[column + 1] = [above[column + 1][0] + line[0], above[column + 1][1] + line[1]];
            }
        }
        Self { width, height, sums }
    }

    /// Mean over the square of 2 `radius` + 1 pixels about one; none where none of them counts.
    fn mean(&self, row: usize, column: usize, radius: usize) -> Option<f64> {
        let (top, bottom) = (row.saturating_sub(radius), (row + radius + 1).min(self.height));
        let (left, right) = (column.saturating_sub(radius), (column + radius + 1).min(self.width));
        let corner = |row: usize, column: usize| self.sums[row * (self.width + 1) + column];
        let parts = [corner(bottom, right), corner(top, right), corner(bottom, left), corner(top, left)];
        let of = |of: usize| parts[0][of] - parts[1][of] - parts[2][of] + parts[3][of];
        (of(1) > 0.5).then(|| of(0) / of(1))
    }
}

/// Means over squares of 2 `radius` + 1 pixels, of the pixels that count; where none does, the pixel's own value.
pub(super) fn smoothed(values: &[f64], counts: &[bool], width: usize, radius: usize) -> Vec<f64> {
    let sums = Sums::new(values, counts, width);
    let mean = |at: usize| sums.mean(at / width, at % width, radius).unwrap_or(values[at]);
    (0..values.len()).map(mean).collect()
}

/// The values with those that do not count replaced by the mean of the nearest that do.
pub(super) fn filled_in(values: &[f64], counts: &[bool], width: usize) -> Vec<f64> {
    let mut filled = values.to_vec();
    let missing: Vec<usize> = (0..values.len()).filter(|at| !counts[*at]).collect();
    if missing.is_empty() {
        return filled;
    }
    let sums = Sums::new(values, counts, width);
    for at in missing {
        let mean = |radius: usize| sums.mean(at / width, at % width, radius);
        filled[at] = [1, 2, 4, 8].into_iter().find_map(mean).unwrap_or(values[at]);
    }
    filled
}

/// Greatest (or least) value of squares of 2 `radius` + 1 pixels, as far as they lie in the picture.
pub(super) fn extreme<T: Copy>(values: &[T], width: usize, radius: usize, pick: impl Fn(T, T) -> T + Copy) -> Vec<T> {
    if values.is_empty() {
        return Vec::new();
    }
    // A square that reaches over a side of the picture has that side's own value in it: more of that changes nothing.
    let (height, wide, window) = (values.len() / width, width + 2 * radius, 2 * radius + 1);
    let mut rows = Vec::with_capacity(wide * height);
    for row in values.chunks_exact(width) {
        rows.extend(std::iter::repeat_n(row[0], radius));
        rows.extend_from_slice(row);
        rows.extend(std::iter::repeat_n(row[width - 1], radius));
    }
    // All rows as one: what reaches into the next begins after a row's own pixels.
    let along = runs(rows, 1, window, pick);
    let mut columns = Vec::with_capacity(width * (height + 2 * radius));
    for row in 0..height + 2 * radius {
        let row = row.saturating_sub(radius).min(height - 1);
        columns.extend_from_slice(&along[row * wide..][..width]);
    }
    runs(columns, width, window, pick)
}

/// Of each value and those that follow it in steps of `stride`, `window` in all, the one picked; for as many as have so
/// many. Each pass doubles how many a value stands for; from one buffer to another, which processors do many at once.
fn runs<T: Copy>(mut values: Vec<T>, stride: usize, window: usize, pick: impl Fn(T, T) -> T) -> Vec<T> {
    let (mut covered, mut picked) = (1, values.clone());
    while covered < window {
        let shift = covered.min(window - covered);
        let count = values.len() - shift * stride;
        picked.truncate(count);
        let (one, other) = (&values[..count], &values[shift * stride..][..count]);
        for (at, picked) in picked.iter_mut().enumerate() {
            *picked = pick(one[at], other[at]);
        }
        std::mem::swap(&mut values, &mut picked);
        covered += shift;
    }
    values
}

/// With what is at most `radius` pixels beside.
pub(super) fn widened(there: &[bool], width: usize, radius: usize) -> Vec<bool> {
    extreme(there, width, radius, |one, other| one | other)
}

/// Without what is at most `radius` pixels beside something that is not there.
pub(super) fn narrowed(there: &[bool], width: usize, radius: usize) -> Vec<bool> {
    extreme(there, width, radius, |one, other| one & other)
}

/// The value below which a share of all lies; 0 of none.
pub(super) fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let at = (share * (values.len() - 1) as f64).round() as usize;
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_means_and_extremes_by_hand() {
        let white = vec![1.0f32; 3 * 32 * 32];
        let plane = Plane::new(&Picture::new(&white, [3, 32, 32]));
        assert_eq!((plane.width, plane.density[7]), (32, [-0.0; 3]));
        let large = vec![0.5f32; 3 * 256 * 300];
        let plane = Plane::new(&Picture::new(&large, [3, 256, 300]));
        assert_eq!((plane.width, plane.height), (150, 128));
        assert!((plane.density[0][1] + decode(0.5).ln()).abs() < 1e-12);

        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let mut counts = [true; 9];
        counts[4] = false;
        assert_eq!(smoothed(&values, &counts, 3, 1)[0], 7.0 / 3.0);
        assert_eq!(smoothed(&values, &[false; 9], 3, 1), values);
        assert_eq!(filled_in(&values, &counts, 3)[4], 5.0);
        assert_eq!(extreme(&values, 3, 1, f64::max)[0], 5.0);
        assert_eq!(extreme(&values, 3, 1, f64::min)[8], 5.0);
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
    }

    /// Held to every value of the square, at radii up to beyond the picture.
    #[test]
    fn extremes_are_those_of_the_whole_square() {
        let (width, height) = (11, 7);
        let values: Vec<f64> = (0..width * height).map(|at| ((at * 37) as f64).sin()).collect();
        for radius in [0, 1, 2, 3, 4, 5, 12] {
            let near = |at: usize, side: usize| at.saturating_sub(radius)..(at + radius + 1).min(side);
            let of = |pick: fn(f64, f64) -> f64| -> Vec<f64> {
                let square = |at: usize| {
                    let rows = near(at / width, height);
                    rows.flat_map(move |row| near(at % width, width).map(move |column| row * width + column))
                };
                (0..values.len()).map(|at| square(at).map(|at| values[at]).reduce(pick).unwrap()).collect()
            };
            assert_eq!(extreme(&values, width, radius, f64::max), of(f64::max), "{radius}");
            assert_eq!(extreme(&values, width, radius, f64::min), of(f64::min), "{radius}");
        }
        assert!(extreme(&[], width, 2, f64::max).is_empty());
    }
}
