//! Hairs: dark lines, thin and long. Red light shows them best, as pigment and vessels are pale in it.

use std::f64::consts::PI;

use super::lesion::Lesion;
use super::plane::{Plane, extreme, narrowed, widened};
use crate::colour::{decode, encode};

/// How much darker than what a closing leaves, of sRGB's range 0 to 1.
const DARKER: f64 = 0.05;

/// Directions that are tried.
const DIRECTIONS: usize = 16;

/// A hair above a lesion is at least this long, as a share of the side.
const LENGTH: f64 = 0.16;

/// One that does not go beyond it is at least this long.
const LONG: f64 = 0.4;

/// Share of the line that must be dark, and share of the lines beside it that may be.
const DARK: [f64; 2] = [0.85, 0.3];

/// About the lesion, as a share of the side, where rays of its own may look like hairs.
const MARGIN: f64 = 0.06;

/// Dark and thin places of a picture.
#[derive(Debug)]
pub(super) struct Thin {
    width: usize,
    /// Widest that is thin, pixels.
    radius: usize,
    /// Red light, as sRGB has it.
    red: Vec<f64>,
    /// The same with what is thin and dark filled.
    closed: Vec<f64>,
    /// Where much was filled, the dots and lines of a lesion too.
    speckled: Vec<bool>,
    /// The same without what is wide together.
    dark: Vec<bool>,
}

/// Hairs of a picture.
#[derive(Debug)]
pub(super) struct Hairs {
    /// Pixels on a hair or beside one.
    pub(super) mask: Vec<bool>,
    /// Share of the picture that they cover, as beside the lesion.
    pub(super) share: f64,
}

impl Thin {
    /// What a closing of the red light fills.
    pub(super) fn find(plane: &Plane) -> Self {
        let red: Vec<f64> = plane.density.iter().map(|density| encode((-density[0]).exp())).collect();
        let radius = (plane.side() / 40.0).round().max(2.0) as usize;
        let closed = extreme(&extreme(&red, plane.width, radius, f64::max), plane.width, radius, f64::min);
        let dark: Vec<bool> = closed.iter().zip(&red).map(|(closed, red)| closed - red > DARKER).collect();
        Self {
            width: plane.width,
            radius,
            red,
            closed,
            dark: without_compact(&dark, plane.width, radius),
            speckled: dark,
        }
    }

    /// Share of a pixel's light that is missing to what is beside.
    fn missing(&self, at: usize) -> f64 {
        (1.0 - decode(self.red[at]) / decode(self.closed[at]).max(1e-6)).clamp(0.0, 1.0)
    }

    /// All of it, and what is beside.
    pub(super) fn mask(&self) -> Vec<bool> {
        widened(&self.dark, self.width, 1)
    }

    /// Beside the lesion what is thin and dark is hair; about it only lines are, above it only lines that stand alone:
    /// a network is lines as well.
    pub(super) fn hairs(&self, plane: &Plane, lesion: &Lesion) -> Hairs {
        let margin = (MARGIN * plane.side()).round() as usize;
        let near = widened(&lesion.inside, self.width, margin);
        let lines = self.lines(&near);
        let single = without_compact(&lines, self.width, self.radius);
        let is_hair = |at: usize| match (lesion.inside[at], near[at]) {
            (true, _) => single[at],
            (false, true) => lines[at],
            (false, false) => self.dark[at],
        };
        let hair: Vec<bool> = (0..near.len()).map(is_hair).collect();
        let hair = leaving(&hair, &near, self.width, LONG * plane.side());
        let mask = widened(&hair, self.width, 1);
        let beside: Vec<usize> = (0..near.len()).filter(|at| !near[*at]).collect();
        let covered: f64 = beside.iter().filter(|at| mask[**at]).map(|at| self.missing(*at)).sum();
        Hairs { mask, share: covered / beside.len().max(1) as f64 }
    }

    /// Dark pixels of straight lines that are dark along and not beside, of those `asked` for.
    fn lines(&self, asked: &[bool]) -> Vec<bool> {
        let (width, height) = (self.width as isize, (self.speckled.len() / self.width) as isize);
        let wide = widened(&self.speckled, self.width, 1);
        let half = (LENGTH / 2.0 * ((width * height) as f64).sqrt()).round().max(3.0) as isize;
        let beside = self.radius as f64 + 1.0;
        let turns: Vec<(f64, f64)> =
            (0..DIRECTIONS).map(|turn| (PI * turn as f64 / DIRECTIONS as f64).sin_cos()).collect();
        let mut found = vec![false; self.speckled.len()];
        for start in (0..self.speckled.len()).filter(|start| asked[*start] && self.speckled[*start]) {
            let (column, row) = ((start % self.width) as f64, (start / self.width) as f64);
            for (sin, cos) in &turns {
                let line = |aside: f64| {
                    (-half..=half).filter_map(move |step| {
                        let step = step as f64;
                        let column = (column + step * cos - aside * sin).round() as isize;
                        let row = (row + step * sin + aside * cos).round() as isize;
                        let inside = (0..width).contains(&column) && (0..height).contains(&row);
                        inside.then_some((row * width + column) as usize)
                    })
                };
                let share = |aside: f64, of: &[bool]| {
                    let (dark, all) = line(aside).fold((0, 0), |(dark, all), at| (dark + usize::from(of[at]), all + 1));
                    if all > half { dark as f64 / all as f64 } else { 0.0 }
                };
                if share(0.0, &wide) >= DARK[0]
                    && share(beside, &self.speckled) <= DARK[1]
                    && share(-beside, &self.speckled) <= DARK[1]
                {
                    line(0.0).filter(|at| self.speckled[*at]).for_each(|at| found[at] = true);
                }
            }
        }
        found
    }
}

/// Without the connected parts that lie in `near` alone and are shorter than `long` pixels.
fn leaving(there: &[bool], near: &[bool], width: usize, long: f64) -> Vec<bool> {
    let height = there.len() / width;
    let (mut kept, mut seen) = (there.to_vec(), vec![false; there.len()]);
    for start in 0..there.len() {
        if !there[start] || seen[start] {
            continue;
        }
        seen[start] = true;
        let (mut part, mut next) = (vec![start], 0);
        while next < part.len() {
            let (column, row) = (part[next] % width, part[next] / width);
            next += 1;
            for row in row.saturating_sub(1)..(row + 2).min(height) {
                for column in column.saturating_sub(1)..(column + 2).min(width) {
                    let at = row * width + column;
                    if there[at] && !seen[at] {
                        seen[at] = true;
                        part.push(at);
                    }
                }
            }
        }
        let reach = |of: &dyn Fn(usize) -> usize| {
            let places = || part.iter().map(|at| of(*at));
            places().max().unwrap_or(0) - places().min().unwrap_or(0)
        };
        let length = (reach(&|at| at % width) as f64).hypot(reach(&|at| at / width) as f64);
        if length < long && part.iter().all(|at| near[*at]) {
            part.iter().for_each(|at| kept[*at] = false);
        }
    }
    kept
}

/// Without what is wide where pixels beside each other are taken together, as the dots and lines of a lesion are.
fn without_compact(there: &[bool], width: usize, radius: usize) -> Vec<bool> {
    let compact = opened(&widened(there, width, 1), width, 2 * radius);
    there.iter().zip(compact).map(|(there, compact)| *there && !compact).collect()
}

/// Without what no square of 2 `radius` + 1 pixels fits into.
fn opened(there: &[bool], width: usize, radius: usize) -> Vec<bool> {
    widened(&narrowed(there, width, radius), width, radius)
}
