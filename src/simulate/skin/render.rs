//! A photograph of a lesion: light thrown back by skin, lit, seen through a camera, hairs above it.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::factors::Photograph;
use super::optics::table::ColourTable;
use super::structures::{Structures, off_segment, soft};
use crate::colour::encode;
use crate::seed::RunSeed;

/// Light that scale throws back.
pub(super) const SCALE: f64 = 0.85;

/// Light that the palest hair throws back.
const BLACK: f64 = 0.12;

/// Points in a pixel along each axis.
const WITHIN: usize = 2;

/// Gains of dermatoscopes' cameras in red, green and blue: HAM10000's pictures are pinker than skin is by daylight.
const TINT: [f64; 3] = [1.02, 0.88, 1.07];

/// A hair: nine points of a bent line, mm from the picture's middle.
struct Hair {
    points: Vec<[f64; 2]>,
}

impl Hair {
    /// Across the picture.
    fn draw(field: f64, rng: &mut impl Rng) -> Self {
        let direction = rng.random_range(0.0..TAU);
        let (sin, cos) = direction.sin_cos();
        let (aside, bend) = (rng.random_range(-0.45..0.45) * field, rng.random_range(-0.25..0.25) * field);
        let half = rng.random_range(0.3..0.75) * field;
        let point = |t: f64| {
            let (along, across) = (half * t, aside + bend * (1.0 - t * t));
            [along * cos - across * sin, along * sin + across * cos]
        };
        Self { points: (-4..=4).map(|at| point(f64::from(at) / 4.0)).collect() }
    }

    fn cover(&self, at: [f64; 2], width: f64) -> f64 {
        let square = |[x, y]: [f64; 2]| x * x + y * y;
        // One root for all pieces: this is asked for every hair at every place.
        let ways = self.points.windows(2).map(|pair| off_segment(at, pair[0], pair[1]));
        let [x, y] = ways.fold([f64::INFINITY; 2], |best, way| if square(way) < square(best) { way } else { best });
        soft(width / 2.0 - x.hypot(y), 0.2 * width)
    }
}

/// Places along each axis at which it is asked whether a hair covers them.
const ASKED: u32 = 256;

/// Hairs of a photograph.
fn hairs(photograph: &Photograph) -> Vec<Hair> {
    let mut rng = RunSeed(photograph.chance).stream("hairs", 0);
    (0..photograph.hairs).map(|_| Hair::draw(photograph.field, &mut rng)).collect()
}

/// Share of a photograph that hairs cover.
pub fn hair_share(photograph: &Photograph) -> f64 {
    let hairs = hairs(photograph);
    if hairs.is_empty() {
        return 0.0;
    }
    let place = |at: u32| ((f64::from(at) + 0.5) / f64::from(ASKED) - 0.5) * photograph.field;
    let bare = |at: u32| {
        let at = [place(at % ASKED), place(at / ASKED)];
        hairs.iter().map(|hair| 1.0 - hair.cover(at, photograph.hair_width)).product::<f64>()
    };
    1.0 - (0..ASKED * ASKED).map(bare).sum::<f64>() / f64::from(ASKED * ASKED)
}

/// A photograph of a lesion of these structures: red, green and blue levels 0 to 255, pixel by pixel, `side` x `side`
/// of them, row by row from the top.
pub fn render(structures: &Structures, photograph: &Photograph, side: usize, table: &ColourTable) -> Vec<u8> {
    let hairs = hairs(photograph);
    let mut rng = RunSeed(photograph.chance).stream("noise", 0);
    let scene = Scene { photograph, structures, hairs: &hairs, table };
    let mut levels = Vec::with_capacity(3 * side * side);
    for row in 0..side {
        for column in 0..side {
            let mut light = [0.0; 3];
            for part in 0..WITHIN * WITHIN {
                let place = |pixel: usize, part: usize| {
                    let middle = (part as f64 + 0.5) / WITHIN as f64;
                    ((pixel as f64 + middle) / side as f64 - 0.5) * photograph.field
                };
                let seen = scene.point([place(column, part % WITHIN), place(row, part / WITHIN)]);
                light.iter_mut().zip(seen).for_each(|(sum, seen)| *sum += seen / (WITHIN * WITHIN) as f64);
            }
            for value in light {
                let noise: f64 = StandardNormal.sample(&mut rng);
                levels.push((255.0 * encode(value) + photograph.noise * noise).round().clamp(0.0, 255.0) as u8);
            }
        }
    }
    levels
}

/// What lies before the camera.
struct Scene<'a> {
    photograph: &'a Photograph,
    structures: &'a Structures,
    hairs: &'a [Hair],
    table: &'a ColourTable,
}

impl Scene<'_> {
    /// Linear red, green and blue that the camera has of a point, mm from the picture's middle, to the right and down.
    fn point(&self, at: [f64; 2]) -> [f64; 3] {
        let Photograph { field, vignette, gradient, .. } = *self.photograph;
        let (x, y) = (at[0] - self.photograph.x * field, at[1] - self.photograph.y * field);
        let (sin, cos) = self.photograph.angle.to_radians().sin_cos();
        let mirror = if self.photograph.mirrored { -1.0 } else { 1.0 };
        let (pigments, scale) = self.structures.pigments(x * cos + y * sin, mirror * (y * cos - x * sin));
        let mut seen = self.table.colour(&pigments).map(|value| value + scale * (SCALE - value));
        for hair in self.hairs {
            let cover = hair.cover(at, self.photograph.hair_width);
            seen = seen.map(|value| value + cover * (BLACK * self.photograph.hair_albedo - value));
        }
        let radius = at[0].hypot(at[1]) / (field / 2.0);
        let corner = 1.0 - vignette * (radius * radius / 2.0).powi(2);
        let (sin, cos) = self.photograph.gradient_angle.to_radians().sin_cos();
        let lit = corner * (1.0 + gradient * (at[0] * cos + at[1] * sin) / field);
        let balance = (0.5 * self.photograph.balance).exp();
        let gains = [TINT[0] * balance, TINT[1], TINT[2] / balance];
        [0, 1, 2].map(|colour: usize| seen[colour] * lit * gains[colour])
    }
}
