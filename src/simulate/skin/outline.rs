//! The border of a lesion: how far a point lies outside it.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};

use super::factors::Lesion;

/// Waves of the border that make it uneven; one, two and three are its place, its length and its lop-sidedness.
const WAVES: std::ops::RangeInclusive<u32> = 4..=7;

/// Size of the third wave of a wholly asymmetric lesion, as a share of the radius.
pub(super) const LOPSIDED: f64 = 0.2;

/// Directions that integrals are taken over.
const DIRECTIONS: usize = 360;

/// Rays of a border with streaks.
const RAYS: f64 = 17.0;

/// Distance of the border from the centre in every direction.
#[derive(Clone, Debug)]
pub struct Outline {
    radius: f64,
    aspect: f64,
    /// Number, share of the radius, phase.
    waves: Vec<(f64, f64, f64)>,
    /// Length as a share of the radius, phase.
    streaks: (f64, f64),
    /// Of the area, from where the directions start, in the lesion made round, mm.
    centre: [f64; 2],
}

impl Outline {
    /// Of a lesion; `rng` places what the factors leave to chance.
    pub fn new(lesion: &Lesion, rng: &mut impl Rng) -> Self {
        let mut waves: Vec<(f64, f64, f64)> = WAVES
            .map(|number| {
                let number = f64::from(number);
                (number, rng.random_range(0.5..1.0) / number, rng.random_range(0.0..TAU))
            })
            .collect();
        let size = (waves.iter().map(|(_, size, _)| size * size).sum::<f64>() / 2.0).sqrt();
        waves.iter_mut().for_each(|(_, share, _)| *share *= lesion.irregularity / size);
        waves.push((3.0, LOPSIDED * lesion.asymmetry, rng.random_range(0.0..TAU)));
        let streaks = (0.22 * lesion.streaks, rng.random_range(0.0..TAU));
        let mut outline = Self { radius: 1.0, aspect: lesion.aspect, waves, streaks, centre: [0.0; 2] };
        // Of the asked area, whatever the waves add, and with its centre in the middle.
        let square = |reach: f64, _: f64| reach * reach;
        outline.radius = lesion.diameter / 2.0 / outline.mean(square).sqrt();
        let area = outline.mean(square) / 2.0;
        outline.centre = [
            outline.mean(|reach, direction| reach.powi(3) / 3.0 * direction.cos()) / area,
            outline.mean(|reach, direction| reach.powi(3) / 3.0 * direction.sin()) / area,
        ];
        outline
    }

    /// Of a function of reach and direction, over all directions.
    fn mean(&self, of: impl Fn(f64, f64) -> f64) -> f64 {
        let directions = (0..DIRECTIONS).map(|at| TAU * at as f64 / DIRECTIONS as f64);
        directions.map(|direction| of(self.reach(direction), direction)).sum::<f64>() / DIRECTIONS as f64
    }

    /// Distance of the border in a direction, mm; of the lesion made round.
    fn reach(&self, direction: f64) -> f64 {
        let waves = self.waves.iter().map(|(number, size, phase)| size * (number * direction + phase).cos());
        let (size, phase) = self.streaks;
        // On one side of the lesion for the most part.
        let side = 0.5 + 0.5 * (direction + phase).cos();
        let rays = size * side * (RAYS * direction + phase).cos().max(0.0).powi(3);
        self.radius * (1.0 + waves.sum::<f64>() + rays).max(0.3)
    }

    /// Millimetres outside the border (negative inside), and the share of the way from the centre to it; `x` along the
    /// long axis, both from the centre of the area.
    pub fn outside(&self, x: f64, y: f64) -> (f64, f64) {
        let [x, y] = [x / self.aspect.sqrt() + self.centre[0], y * self.aspect.sqrt() + self.centre[1]];
        let (distance, border) = (x.hypot(y), self.reach(y.atan2(x)));
        (distance - border, distance / border)
    }

    /// A point inside, at most `share` of the way to the border.
    pub fn point_inside(&self, share: f64, rng: &mut impl Rng) -> [f64; 2] {
        let direction = rng.random_range(0.0..TAU);
        let distance = self.reach(direction) * share * rng.random_range(0.0..1.0f64).sqrt();
        let (sin, cos) = direction.sin_cos();
        let (x, y) = (distance * cos - self.centre[0], distance * sin - self.centre[1]);
        [x * self.aspect.sqrt(), y / self.aspect.sqrt()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;
    use crate::simulate::skin::classes::Diagnosis;

    #[test]
    fn area_centre_and_aspect_are_as_asked_whatever_the_border() {
        let mut rng = RunSeed(3).stream("lesion", 0);
        let lesion = Lesion { diameter: 6.0, aspect: 1.5, asymmetry: 0.8, ..Lesion::draw(Diagnosis::Mel, &mut rng) };
        let outline = Outline::new(&lesion, &mut rng);
        let (mut area, mut sums, mut squares) = (0.0, [0.0; 2], [0.0; 2]);
        for at in 0..400 * 400 {
            let place = [at % 400, at / 400].map(|at| (f64::from(at) + 0.5) * 0.03 - 6.0);
            if outline.outside(place[0], place[1]).0 < 0.0 {
                area += 0.03 * 0.03;
                (0..2).for_each(|axis| sums[axis] += place[axis] * 0.03 * 0.03);
                (0..2).for_each(|axis| squares[axis] += place[axis].powi(2) * 0.03 * 0.03);
            }
        }
        assert!((area - std::f64::consts::PI * 9.0).abs() < 0.05, "{area}");
        assert!(sums.iter().all(|sum| (sum / area).abs() < 0.02), "{sums:?}");
        assert!(((squares[0] / squares[1]).sqrt() - 1.5).abs() < 0.1, "{squares:?}");
    }
}
