//! Hairs: dark lines, thin and long. Red light shows them best, as pigment and vessels are pale in it.

use std::f64::consts::PI;

use super::plane::{Plane, extreme};
use crate::colour::encode;

/// How much darker than what a closing leaves, of sRGB's range 0 to 1.
const DARKER: f64 = 0.05;

/// Directions that are tried.
const DIRECTIONS: usize = 16;

/// A hair is at least this long, as a share of the side.
const LENGTH: f64 = 0.16;

/// Share of the line that must be dark, and share of the lines beside it that may be.
const DARK: [f64; 2] = [0.85, 0.3];

/// Which pixels lie on a hair, and how much of the picture hairs cover.
pub(super) fn hairs(plane: &Plane) -> (Vec<bool>, f64) {
    let (width, height) = (plane.width, plane.height);
    let red: Vec<f64> = plane.density.iter().map(|density| encode((-density[0]).exp())).collect();
    let radius = (plane.side() / 40.0).round().max(2.0) as usize;
    let closed = extreme(&extreme(&red, width, radius, f64::max), width, radius, f64::min);
    let depth: Vec<f64> = closed.iter().zip(&red).map(|(closed, red)| closed - red).collect();
    let dark: Vec<f64> = depth.iter().map(|depth| f64::from(u8::from(*depth > DARKER))).collect();
    let near = extreme(&dark, width, 1, f64::max);
    let half = (LENGTH * plane.side() / 2.0).round().max(3.0) as isize;
    let at = |column: f64, row: f64| {
        let (column, row) = (column.round(), row.round());
        let inside = column >= 0.0 && row >= 0.0 && column < width as f64 && row < height as f64;
        inside.then(|| row as usize * width + column as usize)
    };
    let mut found = vec![false; red.len()];
    for start in (0..red.len()).filter(|start| dark[*start] > 0.0) {
        let (column, row) = ((start % width) as f64, (start / width) as f64);
        for direction in 0..DIRECTIONS {
            let (sin, cos) = (PI * direction as f64 / DIRECTIONS as f64).sin_cos();
            let line = |aside: f64| {
                (-half..=half).filter_map(move |step| {
                    let step = step as f64;
                    at(column + step * cos - aside * sin, row + step * sin + aside * cos)
                })
            };
            let share = |aside: f64, of: &[f64]| {
                let (sum, count) = line(aside).fold((0.0, 0.0), |(sum, count), at| (sum + of[at], count + 1.0));
                if count > 0.0 { sum / count } else { 0.0 }
            };
            let beside = radius as f64 + 1.0;
            if line(0.0).count() as isize > half
                && share(0.0, &near) >= DARK[0]
                && share(beside, &dark) <= DARK[1]
                && share(-beside, &dark) <= DARK[1]
            {
                line(0.0).filter(|at| dark[*at] > 0.0).for_each(|at| found[at] = true);
                found[start] = true;
            }
        }
    }
    // A pixel that a hair crosses is as dark as the hair covers it, beside those that count as hair, too.
    let flags: Vec<f64> = found.iter().map(|found| f64::from(u8::from(*found))).collect();
    let wide = extreme(&flags, width, 1, f64::max);
    let covered = |at: usize| if wide[at] > 0.0 { linear_share(red[at], closed[at]) } else { 0.0 };
    let share = (0..red.len()).map(covered).sum::<f64>() / red.len() as f64;
    (wide.iter().map(|wide| *wide > 0.0).collect(), share)
}

/// Share of the light that is missing.
fn linear_share(seen: f64, around: f64) -> f64 {
    let [seen, around] = [seen, around].map(crate::colour::decode);
    if around > 0.0 { (1.0 - seen / around).clamp(0.0, 1.0) } else { 0.0 }
}
