//! Where the lesion is: what differs from the skin about it, hairs aside.

use super::light::Light;
use super::plane::{Plane, filled_in, narrowed, quantile, smoothed, widened};

/// Width of the border that is skin for the most part, as a share of the side.
const BORDER: f64 = 0.1;

/// What differs from skin by less than this is skin: density, and deviations of the skin.
const LEAST: (f64, f64) = (0.05, 4.0);

/// Of the lesion's own difference, where its border lies.
const HALF: f64 = 0.5;

/// No more than this difference is asked for, however dark most of the lesion is.
const MOST: f64 = 0.6;

/// Differences well below this count by their size, those well above it by their logarithm.
const EVEN: f64 = 0.15;

/// Parts nearer to each other than this share of the side are one.
const GAP: f64 = 0.025;

/// Smaller shares of the picture are no lesion.
const SMALLEST: f64 = 0.003;

/// Bins of the histogram.
const BINS: usize = 128;

/// The lesion of a picture and what it was told apart by.
#[derive(Debug)]
pub(super) struct Lesion {
    /// The light that was found beside it.
    pub(super) light: Light,
    /// Density beyond the skin's, in red, green and blue.
    pub(super) beyond: Vec<[f64; 3]>,
    /// Size of that, smoothed.
    pub(super) difference: Vec<f64>,
    /// From this difference on a pixel is the lesion's.
    pub(super) threshold: f64,
    /// Pixels of the lesion, hairs above it too.
    pub(super) inside: Vec<bool>,
    /// How many.
    pub(super) count: usize,
}

impl Lesion {
    /// Found twice: with the light of the border, then with that of all skin beside what was found.
    pub(super) fn find(plane: &Plane, hairs: &[bool]) -> Self {
        let border = |at: usize| plane.place(at).iter().any(|share| share.abs() > 0.5 - BORDER);
        let counts: Vec<bool> = (0..hairs.len()).map(|at| border(at) && !hairs[at]).collect();
        let first = Self::within(plane, hairs, Light::fit(plane, &counts));
        let margin = (plane.side() / 16.0).round() as usize;
        let near = widened(&first.inside, plane.width, margin);
        let counts: Vec<bool> = (0..hairs.len()).map(|at| !near[at] && !hairs[at]).collect();
        // A lesion as large as the picture leaves no skin but what the border had.
        if counts.iter().filter(|counts| **counts).count() * 20 < counts.len() {
            return first;
        }
        Self::within(plane, hairs, Light::fit(plane, &counts))
    }

    fn within(plane: &Plane, hairs: &[bool], light: Light) -> Self {
        let beyond = light.beyond_skin(plane);
        let width = plane.width;
        let bare: Vec<bool> = hairs.iter().map(|hair| !hair).collect();
        let radius = (plane.side() / 64.0).round().max(1.0) as usize;
        let smooth = [0, 1, 2].map(|colour: usize| {
            let values: Vec<f64> = beyond.iter().map(|beyond| beyond[colour]).collect();
            smoothed(&filled_in(&values, &bare, width), &vec![true; values.len()], width, radius)
        });
        let [red, green, blue] = &smooth;
        let size = |at: usize| (red[at].powi(2) + green[at].powi(2) + blue[at].powi(2)).sqrt();
        let difference: Vec<f64> = (0..beyond.len()).map(size).collect();
        let floor = LEAST.0.max(LEAST.1 * light.spread);
        // In steps of equal shares, so that a few dark dots do not hide a pale lesion.
        let steps: Vec<f64> = difference.iter().map(|difference| (1.0 + difference / EVEN).ln()).collect();
        let mut threshold = (EVEN * (otsu(&steps, &bare).exp() - 1.0)).max(floor);
        for _ in 0..3 {
            let mut within: Vec<f64> = (0..difference.len())
                .filter(|at| bare[*at] && difference[*at] > threshold)
                .map(|at| difference[at])
                .collect();
            threshold = (HALF * quantile(&mut within, 0.25)).min(MOST).max(floor);
        }
        let above: Vec<bool> = difference.iter().map(|difference| *difference > threshold).collect();
        let inside = filled(&main_part(&joined(&above, plane), plane), width);
        let count = inside.iter().filter(|inside| **inside).count();
        Self { light, beyond, difference, threshold, inside, count }
    }

    /// Whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.count as f64 > SMALLEST * self.inside.len() as f64 && self.count >= 12
    }
}

/// The threshold between two classes of most different means (Otsu 1979), of the pixels that count.
fn otsu(values: &[f64], counts: &[bool]) -> f64 {
    let mut all: Vec<f64> = values.iter().zip(counts).filter(|(_, counts)| **counts).map(|(value, _)| *value).collect();
    let top = quantile(&mut all, 0.995);
    if top <= 0.0 {
        return 0.0;
    }
    let mut bins = [0.0f64; BINS];
    for value in &all {
        bins[((value / top * BINS as f64) as usize).min(BINS - 1)] += 1.0;
    }
    let (total, mut below, mut below_sum) = (all.len() as f64, 0.0, 0.0);
    let sum: f64 = bins.iter().enumerate().map(|(bin, count)| bin as f64 * count).sum();
    let (mut best, mut most) = (0, -1.0);
    for (bin, count) in bins.iter().enumerate().take(BINS - 1) {
        below += count;
        below_sum += bin as f64 * count;
        if below > 0.0 && below < total {
            let between = below * (total - below) * (below_sum / below - (sum - below_sum) / (total - below)).powi(2);
            if between > most {
                (best, most) = (bin, between);
            }
        }
    }
    (best + 1) as f64 / BINS as f64 * top
}

/// With narrow gaps closed.
fn joined(there: &[bool], plane: &Plane) -> Vec<bool> {
    let radius = (GAP * plane.side()).round() as usize;
    narrowed(&widened(there, plane.width, radius), plane.width, radius)
}

/// Numbers of connected parts (four neighbours), 1 and up; 0 where nothing is.
fn parts(there: &[bool], width: usize) -> (Vec<u32>, u32) {
    let mut part = vec![0u32; there.len()];
    let (mut count, mut open) = (0, vec![]);
    for start in 0..there.len() {
        if !there[start] || part[start] > 0 {
            continue;
        }
        count += 1;
        part[start] = count;
        open.push(start);
        while let Some(at) = open.pop() {
            let column = at % width;
            let neighbours = [
                (column > 0).then(|| at - 1),
                (column + 1 < width).then_some(at + 1),
                at.checked_sub(width),
                Some(at + width).filter(|at| *at < there.len()),
            ];
            for near in neighbours.into_iter().flatten() {
                if there[near] && part[near] == 0 {
                    part[near] = count;
                    open.push(near);
                }
            }
        }
    }
    (part, count)
}

/// The largest part, the nearer the middle the better.
fn main_part(there: &[bool], plane: &Plane) -> Vec<bool> {
    let (part, count) = parts(there, plane.width);
    let mut scores = vec![0.0; count as usize + 1];
    for (at, part) in part.iter().enumerate().filter(|(_, part)| **part > 0) {
        let [x, y] = plane.place(at);
        scores[*part as usize] += (-(x * x + y * y) / 0.12).exp();
    }
    let best = (1..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap_or(0) as u32;
    part.iter().map(|part| *part > 0 && *part == best).collect()
}

/// With its holes: what the border of the picture does not reach from outside.
fn filled(inside: &[bool], width: usize) -> Vec<bool> {
    let height = inside.len() / width;
    let outside: Vec<bool> = inside.iter().map(|inside| !inside).collect();
    let (part, count) = parts(&outside, width);
    let mut open = vec![false; count as usize + 1];
    for (at, part) in part.iter().enumerate() {
        let (column, row) = (at % width, at / width);
        if column == 0 || row == 0 || column + 1 == width || row + 1 == height {
            open[*part as usize] = true;
        }
    }
    part.iter().map(|part| *part == 0 || !open[*part as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_filled_and_two_levels_are_told_apart() {
        let there = [1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0, 1].map(|value| value == 1);
        let (part, count) = parts(&there, 5);
        assert_eq!((count, part[0], part[14]), (2, 1, 2));
        let ring: Vec<bool> = part.iter().map(|part| *part == 1).collect();
        let whole = filled(&ring, 5);
        assert!(whole[6] && !whole[3] && whole.iter().filter(|inside| **inside).count() == 9);
        let values: Vec<f64> = (0..100).map(|at| if at < 80 { 0.1 } else { 0.9 }).collect();
        let found = otsu(&values, &[true; 100]);
        assert!(found > 0.1 && found <= 0.9, "{found}");
    }
}
