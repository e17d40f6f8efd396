//! What can be read off a rim in physical units: its height, thickness and closure, and its core.
//!
//! All of the ellipse that [`RimSearch`] finds, so that drawn images, which have no mask, are read like real ones. In
//! any texture some ellipse is found: the numbers mean something as a distribution beside that of real rims.

use std::f64::consts::TAU;

use super::rim_contrast::{RimContrast, RimSearch};
use crate::statistics::order::median;

/// Rays from the ellipse's centre.
const RAYS: usize = 72;

/// Pixels between two samples of a ray, and how far it is followed outwards; inwards to the centre at most.
const STEP: f64 = 0.25;
const REACH: f64 = 5.0;

/// The highest point of the rim on a ray lies so near the ellipse, pixels.
const NEAR: f64 = 1.5;

/// Where core and surroundings are sampled, as for the contrast: shares of the way to two pixels inside the ellipse,
/// and pixels beyond it.
const CORE: [f64; 2] = [0.3, 0.8];
const INNER: f64 = 2.0;
const OUTSIDE: [f64; 2] = [2.5, 3.5];

/// The readouts of one slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RimReadouts {
    /// Rim above core and surroundings, the smaller of both, ppb.
    pub rim_ppb: f64,
    /// Median over rays of the rim's width at half of its height, pixels: half-way to the core inside, half-way to the
    /// surroundings outside. 0 where no ray has a rim with both flanks.
    pub thickness: f64,
    /// Share of the way round where there is a rim, 0..1.
    pub closure: f64,
    /// Core minus surroundings, ppb.
    pub core_ppb: f64,
}

impl RimReadouts {
    /// Of a slice (height x width, ppb, x fastest); `None` where the search finds nothing to measure.
    pub fn of(search: &RimSearch, slice: &[f32], width: usize) -> Option<Self> {
        let found = search.best(slice)?;
        let slice = Slice { values: slice, width };
        let [core, outside] = slice.levels(&found);
        let thickness = slice.thickness(&found, core, outside).unwrap_or(0.0);
        Some(Self { rim_ppb: found.ppb, thickness, closure: found.coverage, core_ppb: core - outside })
    }
}

/// A slice between its pixels.
struct Slice<'a> {
    values: &'a [f32],
    width: usize,
}

impl Slice<'_> {
    /// Bilinear; beyond the border the slice goes on as it ends.
    fn at(&self, [x, y]: [f64; 2]) -> f64 {
        let height = self.values.len() / self.width;
        let (x, y) = (x.clamp(0.0, (self.width - 1) as f64), y.clamp(0.0, (height - 1) as f64));
        let (left, top) = (x.floor() as usize, y.floor() as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(height - 1));
        let value = |x: usize, y: usize| f64::from(self.values[y * self.width + x]);
        let row = |y: usize| value(left, y) * (1.0 - x.fract()) + value(right, y) * x.fract();
        row(top) * (1.0 - y.fract()) + row(bottom) * y.fract()
    }

    /// Mean core and mean surroundings, ppb.
    fn levels(&self, ellipse: &RimContrast) -> [f64; 2] {
        let mean = |across: [f64; 2], grow: [f64; 2]| {
            let samples = thetas().flat_map(|theta| [0, 1].map(|at| place(ellipse, theta, across[at], grow[at])));
            samples.map(|place| self.at(place)).sum::<f64>() / (2 * RAYS) as f64
        };
        [mean(CORE, [-INNER; 2]), mean([1.0; 2], OUTSIDE)]
    }

    fn thickness(&self, ellipse: &RimContrast, core: f64, outside: f64) -> Option<f64> {
        let inner = (REACH.min(ellipse.semi_axes[1]) / STEP) as i64;
        let offsets: Vec<f64> = (-inner..=(REACH / STEP) as i64).map(|at| at as f64 * STEP).collect();
        median(thetas().filter_map(|theta| {
            let profile: Vec<f64> = offsets.iter().map(|&offset| self.at(place(ellipse, theta, 1.0, offset))).collect();
            width_of(&profile, &offsets, core, outside)
        }))
    }
}

fn thetas() -> impl Iterator<Item = f64> {
    (0..RAYS).map(|ray| (ray as f64 + 0.5) * TAU / RAYS as f64)
}

/// The point at angle `theta` of the ellipse whose semi-axes are `grow` pixels longer, `across` of the way to it.
fn place(ellipse: &RimContrast, theta: f64, across: f64, grow: f64) -> [f64; 2] {
    let [a, b] = ellipse.semi_axes.map(|axis| (axis + grow) * across);
    let (u, v) = (a * theta.cos(), b * theta.sin());
    let (sin, cos) = ellipse.angle.sin_cos();
    [ellipse.centre[0] + u * cos - v * sin, ellipse.centre[1] + u * sin + v * cos]
}

/// Width at half height of the highest point near offset 0; `None` where it does not stand out or a flank is missing.
fn width_of(profile: &[f64], offsets: &[f64], core: f64, outside: f64) -> Option<f64> {
    let mut top: Option<usize> = None;
    for at in (0..profile.len()).filter(|&at| offsets[at].abs() <= NEAR) {
        if top.is_none_or(|top| profile[at] > profile[top]) {
            top = Some(at);
        }
    }
    let top = top?;
    if profile[top] <= core.max(outside) {
        return None;
    }
    let flank = |level: f64, inwards: bool| {
        let half = (profile[top] + level) / 2.0;
        let mut at = top;
        loop {
            let next = if inwards { at.checked_sub(1)? } else { at + 1 };
            let below = *profile.get(next)?;
            if below < half {
                let part = STEP * (profile[at] - half) / (profile[at] - below);
                return Some(offsets[at] + if inwards { -part } else { part });
            }
            at = next;
        }
    };
    Some(flank(outside, false)? - flank(core, true)?)
}

/// The slice with its rim taken away by `share`: what rises above the core within two pixels of the ellipse is lowered
/// towards it, linearly less from one pixel on. 0 leaves it as it is. A yardstick: a measure that does not grow along
/// it does not see rims.
pub fn flattened(slice: &[f32], width: usize, ellipse: &RimContrast, share: f64) -> Vec<f32> {
    let [core, _] = Slice { values: slice, width }.levels(ellipse);
    let (sin, cos) = ellipse.angle.sin_cos();
    let lowered = |(at, &value): (usize, &f32)| {
        let (dx, dy) = ((at % width) as f64 - ellipse.centre[0], (at / width) as f64 - ellipse.centre[1]);
        let (u, v) = (dx * cos + dy * sin, dy * cos - dx * sin);
        let [a, b] = ellipse.semi_axes;
        let rho = (u / a).hypot(v / b).max(1e-9);
        // Along the ray from the centre: its length less that of its part inside.
        let off = (u.hypot(v) * (1.0 - 1.0 / rho)).abs();
        let weight = (2.0 - off).clamp(0.0, 1.0);
        let excess = (f64::from(value) - core).max(0.0);
        (f64::from(value) - share * weight * excess) as f32
    };
    slice.iter().enumerate().map(lowered).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    const SIZE: usize = 48;

    fn ellipse(centre: [f64; 2], semi_axes: [f64; 2], angle: f64) -> RimContrast {
        RimContrast { ppb: 0.0, coverage: 0.0, centre, semi_axes, angle }
    }

    /// A disc of radius 9 with a rim of 30 ppb from 8 to 11 pixels; core -4, surroundings 2.
    fn disc(rim: f32) -> Vec<f32> {
        let value = |at: usize| match ((at % SIZE) as f64 - 24.0).hypot((at / SIZE) as f64 - 24.0) {
            r if r < 8.0 => -4.0,
            r if r < 11.0 => rim,
            _ => 2.0,
        };
        (0..SIZE * SIZE).map(value).collect()
    }

    #[test]
    fn a_rim_three_pixels_thick_reads_three() {
        let found = RimReadouts::of(&RimSearch::new(SIZE, SIZE), &disc(30.0), SIZE).unwrap();
        assert!((found.thickness - 3.0).abs() < 0.25, "{found:?}");
        assert!(found.closure > 0.95 && (found.core_ppb + 6.0).abs() < 1.0, "{found:?}");
        assert!((24.0..=28.1).contains(&found.rim_ppb), "{found:?}");
    }

    #[test]
    fn agrees_with_scipy_along_the_rays() {
        let case = crate::metrics::tests::evaluate().rim;
        let shape = ellipse(case.centre, case.axes, case.angle);
        let value = |at: usize| {
            let (dx, dy) = ((at % case.side) as f64 - case.centre[0], (at / case.side) as f64 - case.centre[1]);
            let (sin, cos) = case.angle.sin_cos();
            let (u, v) = (dx * cos + dy * sin, dy * cos - dx * sin);
            let theta = (v / case.axes[1]).atan2(u / case.axes[0]);
            let rho = (u / case.axes[0]).hypot(v / case.axes[1]);
            let off = (rho - 1.0) * (case.axes[0] * theta.cos()).hypot(case.axes[1] * theta.sin());
            let there = if theta.abs() > case.gap { 1.0 } else { 0.0 };
            let ring = case.height * (-off * off / (2.0 * case.width * case.width)).exp() * there;
            (ring + if rho < 1.0 { -5.0 } else { 2.0 }) as f32
        };
        let image: Vec<f32> = (0..case.side * case.side).map(value).collect();
        let slice = Slice { values: &image, width: case.side };
        let [core, outside] = slice.levels(&shape);
        assert_relative_eq!(core - outside, case.core, epsilon = 1e-4);
        assert_relative_eq!(slice.thickness(&shape, core, outside).unwrap(), case.thickness, epsilon = 1e-4);
    }

    #[test]
    fn flattening_takes_the_rim_away_step_by_step() {
        let search = RimSearch::new(SIZE, SIZE);
        let image = disc(30.0);
        let found = search.best(&image).unwrap();
        let ppb = |share: f64| search.best(&flattened(&image, SIZE, &found, share)).unwrap().ppb;
        assert_eq!(flattened(&image, SIZE, &found, 0.0), image);
        assert!(ppb(0.0) > ppb(0.5) + 8.0 && ppb(0.5) > ppb(1.0) + 8.0, "{} {} {}", ppb(0.0), ppb(0.5), ppb(1.0));
    }
}
