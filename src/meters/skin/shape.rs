//! Shape of the lesion: where it lies, how long, how uneven its border, how soft its edge.

use std::f64::consts::TAU;

use super::lesion::Lesion;
use super::plane::{Plane, smoothed};

/// Rays from the centre to the border.
const RAYS: usize = 72;

/// Waves of the border that make it uneven; fewer are its length and its lop-sidedness.
const WAVES: std::ops::RangeInclusive<usize> = 4..=7;

/// Half a width over which the border is smoothed, as a share of the side.
const FINE: f64 = 0.015;

/// Steps of the profile across the border, in pixels.
const STEP: f64 = 0.25;

/// Lengths as shares of the picture's side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    /// Share of the picture.
    pub(super) area: f64,
    /// Centre, from the middle of the picture, to the right and down.
    pub(super) centre: [f64; 2],
    /// (Square of the aspect less 1) over (that and 1), times the cosine and sine of twice the long axis' angle.
    pub(super) elongation: [f64; 2],
    /// Deviation of the border from an ellipse, as a share of the radius.
    pub(super) irregularity: f64,
    /// Size of the border's third wave, which no axis of symmetry's ellipse has, as a share of the radius.
    pub(super) lopsided: f64,
    /// From skin to lesion at the steepest.
    pub(super) edge: f64,
}

/// Moments of the lesion's pixels.
struct Moments {
    /// Column and row of the centre.
    centre: [f64; 2],
    /// Directions of the long and the short axis, and the radii along them of an ellipse of these moments.
    axes: [([f64; 2], f64); 2],
}

impl Moments {
    fn new(plane: &Plane, lesion: &Lesion) -> Self {
        let pixels = (0..lesion.inside.len()).filter(|at| lesion.inside[*at]);
        let places = pixels.map(|at| [(at % plane.width) as f64, (at / plane.width) as f64]);
        let count = lesion.count as f64;
        let sum = places.clone().fold([0.0; 2], |sum, place| [sum[0] + place[0], sum[1] + place[1]]);
        let centre = sum.map(|sum| sum / count);
        let (mut xx, mut xy, mut yy) = (1.0 / 12.0, 0.0, 1.0 / 12.0);
        for place in places {
            let (x, y) = (place[0] - centre[0], place[1] - centre[1]);
            (xx, xy, yy) = (xx + x * x / count, xy + x * y / count, yy + y * y / count);
        }
        let (middle, half) = ((xx + yy) / 2.0, ((xx - yy) / 2.0).hypot(xy));
        let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
        let (sin, cos) = angle.sin_cos();
        let radius = |moment: f64| 2.0 * moment.max(1e-6).sqrt();
        Self { centre, axes: [([cos, sin], radius(middle + half)), ([-sin, cos], radius(middle - half))] }
    }

    /// The place at a distance, in radii, in a direction, after the ellipse was made round.
    fn place(&self, direction: f64, distance: f64) -> [f64; 2] {
        let (sin, cos) = direction.sin_cos();
        let [(long, long_radius), (short, short_radius)] = self.axes;
        let (along, across) = (distance * cos * long_radius, distance * sin * short_radius);
        [0, 1].map(|axis| self.centre[axis] + along * long[axis] + across * short[axis])
    }
}

/// A value between pixels; beyond the picture that of its border.
fn between(values: &[f64], width: usize, [column, row]: [f64; 2]) -> f64 {
    let height = values.len() / width;
    let (column, row) = (column.clamp(0.0, (width - 1) as f64), row.clamp(0.0, (height - 1) as f64));
    let (left, top) = ((column as usize).min(width.saturating_sub(2)), (row as usize).min(height.saturating_sub(2)));
    let (x, y) = (column - left as f64, row - top as f64);
    let at = |right: usize, down: usize| values[(top + down).min(height - 1) * width + (left + right).min(width - 1)];
    (1.0 - y) * ((1.0 - x) * at(0, 0) + x * at(1, 0)) + y * ((1.0 - x) * at(0, 1) + x * at(1, 1))
}

impl Shape {
    /// Of the lesion of a picture.
    pub(super) fn new(plane: &Plane, lesion: &Lesion) -> Self {
        if !lesion.is_there() {
            return Self::default();
        }
        let moments = Moments::new(plane, lesion);
        let [(long, a), (_, b)] = moments.axes;
        let ratio = (a * a - b * b) / (a * a + b * b);
        let double = [long[0] * long[0] - long[1] * long[1], 2.0 * long[0] * long[1]];
        let reach = border(plane, lesion, &moments);
        let mean = reach.iter().sum::<f64>() / RAYS as f64;
        let wave = |number: usize| {
            let mut parts = [0.0; 2];
            for (ray, reach) in reach.iter().enumerate() {
                let (sin, cos) = (TAU * (number * ray) as f64 / RAYS as f64).sin_cos();
                parts = [parts[0] + reach * cos, parts[1] + reach * sin];
            }
            2.0 * parts[0].hypot(parts[1]) / RAYS as f64 / mean.max(1e-6)
        };
        Self {
            area: lesion.count as f64 / lesion.inside.len() as f64,
            centre: [
                (moments.centre[0] + 0.5) / plane.width as f64 - 0.5,
                (moments.centre[1] + 0.5) / plane.height as f64 - 0.5,
            ],
            elongation: double.map(|double| ratio * double),
            irregularity: WAVES.map(|number| wave(number).powi(2) / 2.0).sum::<f64>().sqrt(),
            lopsided: wave(3),
            edge: edge(plane, lesion, &moments, &reach) / plane.side(),
        }
    }
}

/// Distance of the border along each ray, in radii of the ellipse: where the difference falls below the threshold for
/// the last time.
fn border(plane: &Plane, lesion: &Lesion, moments: &Moments) -> Vec<f64> {
    // Holes and hairs are inside, other parts outside.
    let level = |at: usize| {
        let beyond = lesion.difference[at] / lesion.threshold - 1.0;
        if lesion.inside[at] { beyond.clamp(0.02, 1.0) } else { beyond.clamp(-1.0, -0.02) }
    };
    let levels: Vec<f64> = (0..lesion.inside.len()).map(level).collect();
    // What is finer than the waves that are asked for, such as the lines of a network, is smoothed away.
    let fine = (FINE * plane.side()).round().max(1.0) as usize;
    let levels = smoothed(&levels, &vec![true; levels.len()], plane.width, fine);
    let radius = moments.axes[1].1.max(1.0);
    let step = 0.25 / radius;
    let ray = |ray: usize| {
        let direction = TAU * ray as f64 / RAYS as f64;
        // Beyond the picture is no lesion.
        let value = |distance: f64| {
            let place = moments.place(direction, distance);
            let end = [plane.width as f64 - 0.5, plane.height as f64 - 0.5];
            let inside = (0..2).all(|axis| place[axis] > -0.5 && place[axis] < end[axis]);
            if inside { between(&levels, plane.width, place) } else { -1.0 }
        };
        let mut distance = 2.5;
        let mut outer = value(distance);
        while distance > step {
            let inner = value(distance - step);
            if inner >= 0.0 {
                // Where the picture ends within the lesion, so does the ray.
                let share = if outer < 0.0 { inner / (inner - outer) } else { 0.0 };
                return distance - step + share * step;
            }
            (outer, distance) = (inner, distance - step);
        }
        0.0
    };
    (0..RAYS).map(ray).collect()
}

/// Width of the edge, pixels: of the mean profile across the border.
fn edge(plane: &Plane, lesion: &Lesion, moments: &Moments, reach: &[f64]) -> f64 {
    let mut mean = [0.0; 3];
    for at in (0..lesion.inside.len()).filter(|at| lesion.inside[*at]) {
        mean.iter_mut().zip(lesion.beyond[at]).for_each(|(sum, value)| *sum += value);
    }
    let length = mean.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-9);
    let along: Vec<f64> =
        lesion.beyond.iter().map(|beyond| (0..3).map(|axis| beyond[axis] * mean[axis] / length).sum()).collect();
    let span = (0.08 * plane.side()).max(4.0);
    let steps = (2.0 * span / STEP) as usize + 1;
    let mut profile = vec![0.0; steps];
    for (ray, reach) in reach.iter().enumerate() {
        let direction = TAU * ray as f64 / RAYS as f64;
        let (from, to) = (moments.place(direction, 0.0), moments.place(direction, 1.0));
        let radius = (to[0] - from[0]).hypot(to[1] - from[1]).max(1e-6);
        for (step, sum) in profile.iter_mut().enumerate() {
            let distance = (reach + (step as f64 * STEP - span) / radius).max(0.0);
            *sum += between(&along, plane.width, moments.place(direction, distance)) / RAYS as f64;
        }
    }
    let middle = steps / 2;
    // The steepest part of the way from skin to the most that the lesion has near its border: of a logistic edge a step
    // of its scale is a quarter of the whole.
    let outside = profile[steps - steps / 8..].iter().sum::<f64>() / (steps / 8) as f64;
    let inside = profile[..middle].iter().copied().fold(outside, f64::max);
    let reach = (1.5 / STEP) as usize;
    let slopes = (0..steps - reach).map(|at| (profile[at] - profile[at + reach]) / (reach as f64 * STEP));
    let steepest = slopes.fold(0.0, f64::max);
    if steepest > 1e-6 { (inside - outside) / steepest } else { 0.0 }
}
