//! A lesion's outline: an ellipsoid whose radius wavers with direction, and smooth functions on its surface.

use rand::{Rng, RngExt};

use crate::nifti::Grid;
use crate::simulate::rim_lesions::anatomy::veins::normalise;

/// Smooth random function of a direction, about unit variance: a sum of plane waves over the sphere.
#[derive(Clone, Debug)]
pub(crate) struct Waves(Vec<([f64; 3], f64, f64)>);

impl Waves {
    /// `detail` is the typical number of humps along a great circle.
    pub fn new(rng: &mut impl Rng, detail: f64) -> Self {
        const COUNT: usize = 9;
        let mut wave = || {
            let direction = unit(rng);
            let frequency = detail * rng.random_range(0.4..1.2);
            let phase = rng.random_range(0.0..std::f64::consts::TAU);
            (direction.map(|d| d * frequency), phase, (2.0 / COUNT as f64).sqrt())
        };
        Self((0..COUNT).map(|_| wave()).collect())
    }

    pub fn at(&self, direction: [f64; 3]) -> f64 {
        self.0.iter().map(|(k, phase, amplitude)| amplitude * (dot(*k, direction) + phase).cos()).sum()
    }
}

/// A closed surface about a centre, star-shaped.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    pub centre_mm: [f64; 3],
    /// Rows are the axes of the ellipsoid.
    axes: [[f64; 3]; 3],
    radii_mm: [f64; 3],
    waver: Waves,
    waver_size: f64,
    /// A second lesion that flowed into this one: offset of its centre and its radius, mm.
    lobe: Option<([f64; 3], f64)>,
}

/// Share of lesions that are two in one.
const CONFLUENT: f64 = 0.18;

impl Outline {
    /// An outline with the volume of a sphere of `diameter_mm`, longest along `along`.
    pub fn new(rng: &mut impl Rng, centre_mm: [f64; 3], diameter_mm: f64, along: [f64; 3]) -> Self {
        let stretch: f64 = rng.random_range(1.0..1.5);
        let flat: f64 = rng.random_range(0.85..1.15);
        let base = 0.5 * diameter_mm / stretch.cbrt();
        let mut first = along;
        normalise(&mut first);
        let mut second = cross(first, unit(rng));
        normalise(&mut second);
        let third = cross(first, second);
        // The pair keeps the volume of the sphere, about: each part is 0.85 of its size.
        let confluent = rng.random_bool(CONFLUENT);
        let base = if confluent { 0.88 * base } else { base };
        let lobe = confluent.then(|| {
            let away = unit(rng);
            let size = base * rng.random_range(0.7..0.95);
            (away.map(|a| a * base * rng.random_range(0.75..0.95)), size)
        });
        Self {
            lobe,
            centre_mm,
            axes: [first, second, third],
            radii_mm: [base * stretch, base * flat, base / flat],
            waver: Waves::new(rng, 4.2),
            waver_size: rng.random_range(0.08..0.2),
        }
    }

    /// Direction from the centre, and how many mm inside (positive) or outside the surface a point lies along it.
    pub fn depth_mm(&self, mm: [f64; 3]) -> ([f64; 3], f64) {
        let offset: [f64; 3] = std::array::from_fn(|a| mm[a] - self.centre_mm[a]);
        let distance = dot(offset, offset).sqrt();
        if distance < 1e-6 {
            return ([0.0, 0.0, 1.0], self.radii_mm.iter().copied().fold(f64::INFINITY, f64::min));
        }
        let direction = offset.map(|o| o / distance);
        (direction, self.radius_mm(direction) - distance)
    }

    pub fn radius_mm(&self, direction: [f64; 3]) -> f64 {
        let inverse2: f64 = (0..3).map(|a| (dot(direction, self.axes[a]) / self.radii_mm[a]).powi(2)).sum();
        let waver = (1.0 + self.waver_size * self.waver.at(direction)).max(0.5);
        let own = waver / inverse2.sqrt();
        let Some((offset, size)) = self.lobe else { return own };
        // Where the ray leaves the other part, if it meets it.
        let along = dot(direction, offset);
        let aside2 = dot(offset, offset) - along * along;
        let far = if aside2 < size * size { along + (size * size - aside2).sqrt() } else { 0.0 };
        // A soft maximum: the parts flow into each other.
        let far = waver * far.max(0.0);
        own.max(far) + 0.25 * (-(own - far).abs()).exp()
    }

    /// Distance from the centre to the point `sub` voxels beside `mm`.
    pub fn distance_mm(&self, mm: [f64; 3], sub: [f64; 3], grid: Grid) -> f64 {
        let offset: [f64; 3] = std::array::from_fn(|a| mm[a] + sub[a] * grid.voxel_mm()[a] - self.centre_mm[a]);
        dot(offset, offset).sqrt()
    }

    /// A radius that no direction exceeds by much.
    pub fn reach_mm(&self) -> f64 {
        let own = self.radii_mm.iter().copied().fold(0.0, f64::max);
        let lobe = self.lobe.map_or(0.0, |(offset, size)| dot(offset, offset).sqrt() + size);
        own.max(lobe) * (1.0 + 2.5 * self.waver_size) + 0.3
    }
}

pub(crate) fn unit(rng: &mut impl Rng) -> [f64; 3] {
    loop {
        let mut v: [f64; 3] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        let length2 = dot(v, v);
        if (1e-4..1.0).contains(&length2) {
            normalise(&mut v);
            return v;
        }
    }
}

pub(crate) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// `count` directions spread evenly over the sphere (Fibonacci lattice).
pub(crate) fn directions(count: usize) -> impl Iterator<Item = [f64; 3]> {
    let golden = std::f64::consts::PI * (3.0 - 5f64.sqrt());
    (0..count).map(move |i| {
        let z = 1.0 - 2.0 * (i as f64 + 0.5) / count as f64;
        let (r, angle) = ((1.0 - z * z).sqrt(), golden * i as f64);
        [r * angle.cos(), r * angle.sin(), z]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;

    #[test]
    fn an_outline_has_the_volume_of_its_sphere() {
        let mut rng = RunSeed(3).stream("outline", 0);
        let mut ratios = Vec::new();
        for _ in 0..40 {
            let outline = Outline::new(&mut rng, [0.0; 3], 10.0, [1.0, 0.0, 0.0]);
            let mean_r3 = directions(2000).map(|d| outline.radius_mm(d).powi(3)).sum::<f64>() / 2000.0;
            ratios.push(mean_r3 / 125.0);
        }
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        assert!((0.9..1.2).contains(&mean), "{mean}");
    }
}
