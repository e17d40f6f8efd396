//! What lies inside a lesion: discs, vessels and lines, and what they do to the pigments of a point.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};

use super::factors::Lesion;
use super::noise::{cells, rough, smooth};
use super::optics::table::Pigments;
use super::outline::Outline;

/// A disc with a soft edge.
#[derive(Clone, Copy, Debug)]
struct Disc {
    centre: [f64; 2],
    radius: f64,
}

impl Disc {
    /// 1 inside, 0 outside.
    fn cover(&self, x: f64, y: f64) -> f64 {
        let distance = (x - self.centre[0]).hypot(y - self.centre[1]);
        soft(self.radius - distance, 0.25 * self.radius)
    }
}

/// A straight piece of a vessel.
#[derive(Clone, Copy, Debug)]
struct Piece {
    from: [f64; 2],
    to: [f64; 2],
    width: f64,
}

impl Piece {
    fn cover(&self, x: f64, y: f64) -> f64 {
        soft(self.width / 2.0 - to_segment([x, y], self.from, self.to), 0.3 * self.width)
    }
}

/// Distance of a point from a line between two others.
pub fn to_segment(point: [f64; 2], from: [f64; 2], to: [f64; 2]) -> f64 {
    let [x, y] = off_segment(point, from, to);
    x.hypot(y)
}

/// The way to a point from where a line between two others is nearest.
pub fn off_segment(point: [f64; 2], from: [f64; 2], to: [f64; 2]) -> [f64; 2] {
    let along = [to[0] - from[0], to[1] - from[1]];
    let away = [point[0] - from[0], point[1] - from[1]];
    let length = along[0] * along[0] + along[1] * along[1];
    let share = ((away[0] * along[0] + away[1] * along[1]) / length.max(1e-12)).clamp(0.0, 1.0);
    [away[0] - share * along[0], away[1] - share * along[1]]
}

/// From 0 to 1 where `inside` goes from well below to well above 0.
pub fn soft(inside: f64, width: f64) -> f64 {
    1.0 / (1.0 + (-inside / width.max(1e-6)).exp())
}

/// All that is in a lesion; places in mm from its centre, x along its long axis.
#[derive(Debug)]
pub struct Structures {
    outline: Outline,
    globules: Vec<Disc>,
    /// Pale ones.
    cysts: Vec<Disc>,
    /// Dark ones.
    openings: Vec<Disc>,
    vessels: Vec<Piece>,
    lacunae: Vec<Disc>,
    /// To where there is more pigment, radians.
    side: f64,
    /// Mean and deviation of the patches' noise over this lesion.
    patches: [f64; 2],
    scar: Disc,
    pub(super) lesion: Lesion,
}

/// Points of the grid over a lesion along each axis.
const GRID: u32 = 72;

impl Structures {
    /// Places them.
    pub fn new(lesion: &Lesion, rng: &mut impl Rng) -> Self {
        let outline = Outline::new(lesion, rng);
        let mut discs = |count: u32, share: f64, radius: [f64; 2]| -> Vec<Disc> {
            let disc =
                |_| Disc { centre: outline.point_inside(share, rng), radius: rng.random_range(radius[0]..radius[1]) };
            (0..count).map(disc).collect()
        };
        let globules = discs(lesion.globules, 0.9, [0.10, 0.24]);
        let cysts = discs(lesion.cysts.div_ceil(2), 0.85, [0.10, 0.24]);
        let openings = discs(lesion.cysts / 2, 0.85, [0.10, 0.26]);
        let lacunae = discs(lesion.lacunae, 0.8, [0.25, 0.60]);
        let vessels = (0..lesion.vessels).flat_map(|_| vessel(&outline, rng)).collect();
        let side = rng.random_range(0.0..TAU);
        let scar = Disc {
            centre: outline.point_inside(0.15, rng),
            radius: lesion.diameter / 2.0 * rng.random_range(0.30..0.45),
        };
        let patches = [0.0, 1.0];
        let placed =
            Self { outline, globules, cysts, openings, vessels, lacunae, side, patches, scar, lesion: *lesion };
        let noise: Vec<f64> = placed.places().map(|[x, y]| placed.patch(x, y)).collect();
        let mean = noise.iter().sum::<f64>() / noise.len().max(1) as f64;
        let variance = noise.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / noise.len().max(1) as f64;
        Self { patches: [mean, variance.sqrt().max(0.05)], ..placed }
    }

    /// Places inside the lesion, on a grid.
    pub(super) fn places(&self) -> impl Iterator<Item = [f64; 2]> {
        let reach = self.lesion.diameter * self.lesion.aspect.sqrt();
        let place = move |at: u32| (f64::from(at) + 0.5) / f64::from(GRID) * 2.0 * reach - reach;
        let all = (0..GRID * GRID).map(move |at| [place(at % GRID), place(at / GRID)]);
        all.filter(|[x, y]| self.outline.outside(*x, *y).0 < 0.0)
    }

    /// Whether a dark disc covers a place.
    pub(super) fn is_dot(&self, x: f64, y: f64) -> bool {
        self.globules.iter().chain(&self.openings).any(|disc| disc.cover(x, y) > 0.5)
    }

    /// Noise from place to place, as large for every lesion.
    fn patch(&self, x: f64, y: f64) -> f64 {
        (rough(x / 1.3, y / 1.3, self.lesion.texture ^ 3) - self.patches[0]) / self.patches[1]
    }

    /// Pigments of a point, and the share of white scale over it.
    pub fn pigments(&self, x: f64, y: f64) -> (Pigments, f64) {
        self.pigments_with(self.lesion.network, x, y)
    }

    /// The same with a network of another strength.
    pub(super) fn pigments_with(&self, network: f64, x: f64, y: f64) -> (Pigments, f64) {
        let lesion = &self.lesion;
        let skin = Pigments {
            melanin: lesion.skin_melanin * (1.0 + 0.12 * rough(x / 0.8, y / 0.8, lesion.texture ^ 1)),
            deep_melanin: 0.0,
            blood: lesion.skin_blood * (1.0 + 0.25 * rough(x / 1.5, y / 1.5, lesion.texture ^ 2)),
            scattering: 1.0,
        };
        let (outside, share) = self.outline.outside(x, y);
        let cover = soft(-outside, lesion.edge / 4.0);
        if cover < 1e-3 {
            return (skin, 0.0);
        }
        let mut inside = self.inside(network, x, y, share);
        let any = |discs: &[Disc]| discs.iter().map(|disc| disc.cover(x, y)).fold(0.0, f64::max);
        inside.melanin += (0.10 + 0.9 * lesion.melanin) * any(&self.globules) + 0.30 * any(&self.openings);
        let cyst = any(&self.cysts);
        inside.melanin *= 1.0 - 0.8 * cyst;
        inside.scattering += 0.9 * cyst;
        let vessel = self.vessels.iter().map(|piece| piece.cover(x, y)).fold(0.0, f64::max);
        inside.blood += 0.28 * vessel;
        let lacuna = any(&self.lacunae);
        if lesion.lacunae > 0 {
            inside.blood *= 0.35 + 0.65 * lacuna;
            inside.deep_melanin += 0.03 * lacuna * soft(smooth(x / 2.0, y / 2.0, lesion.texture ^ 9), 0.2);
        }
        let scar = lesion.scar * self.scar.cover(x, y);
        inside.melanin *= 1.0 - 0.75 * scar;
        inside.deep_melanin *= 1.0 - scar;
        inside.blood *= 1.0 - 0.6 * scar;
        inside.scattering += 1.1 * scar;
        let flakes = soft(rough(x / 0.7, y / 0.7, lesion.texture ^ 5) - 0.15, 0.12);
        let mix = |skin: f64, lesion: f64| skin + cover * (lesion - skin);
        let pigments = Pigments {
            melanin: mix(skin.melanin, inside.melanin.max(0.005)),
            deep_melanin: mix(skin.deep_melanin, inside.deep_melanin.max(0.0)),
            blood: mix(skin.blood, inside.blood.max(0.0)),
            scattering: mix(skin.scattering, inside.scattering),
        };
        (pigments, 0.45 * cover * lesion.scale * flakes)
    }

    /// The lesion's own pigment without discs and vessels; `share` of the way to the border.
    fn inside(&self, network: f64, x: f64, y: f64, share: f64) -> Pigments {
        let lesion = &self.lesion;
        let (sin, cos) = self.side.sin_cos();
        let radius = lesion.diameter / 2.0;
        let tilt = ((x * cos + y * sin) / radius).clamp(-1.2, 1.2);
        let tilted = (1.0 + TILT * lesion.asymmetry * tilt).max(0.5);
        let uneven = (1.0 + 0.45 * lesion.variegation * self.patch(x, y)).max(0.15);
        // The network is clearest towards the border.
        let lines = if network > 0.0 || lesion.scale > 0.0 { self.lines(x, y) } else { 0.0 };
        let network = network * (0.4 + 0.6 * soft(share - 0.35, 0.1)) * (lines - 0.45);
        let beyond = (lesion.melanin - lesion.skin_melanin).max(0.3 * lesion.melanin);
        let nests = soft(rough(x / 1.3 + 7.0, y / 1.3, lesion.texture ^ 4) - 0.35, 0.08) * lesion.variegation;
        let centre = [cos, sin].map(|axis| 0.6 * radius * lesion.asymmetry * axis);
        let veil = soft(0.6 - (x - centre[0]).hypot(y - centre[1]) / radius, 0.08);
        let pale = lesion.skin_melanin.min(0.5 * lesion.melanin);
        // About follicles, which stay pale.
        let red_net = 1.0 + 0.9 * lesion.scale * (lines - 0.5);
        Pigments {
            melanin: (lesion.melanin * uneven * tilted + 1.4 * beyond * network).max(pale),
            deep_melanin: lesion.deep_melanin * veil.max(nests),
            blood: lesion.blood * (1.0 + 0.4 * rough(x, y, lesion.texture ^ 6)) * tilted * red_net.max(0.1),
            scattering: 1.0,
        }
    }

    /// 1 on the lines between cells, 0 in them.
    fn lines(&self, x: f64, y: f64) -> f64 {
        let period = self.lesion.period;
        let key = self.lesion.texture;
        let (near, next) = cells(x / period, y / period, key ^ 7);
        // Lines of a variegated lesion are broad here and thin there.
        let width = 0.22 * (1.0 + 0.5 * self.lesion.variegation * smooth(x / 2.0, y / 2.0, key ^ 8));
        soft(width - (next - near), 0.07)
    }
}

/// How much more pigment a wholly asymmetric lesion has on one border, as a share.
const TILT: f64 = 0.9;

/// A vessel that enters from the border and branches.
fn vessel(outline: &Outline, rng: &mut impl Rng) -> Vec<Piece> {
    let mut pieces = vec![];
    let start = outline.point_inside(1.0, rng);
    let mut open = vec![(start, (-start[1]).atan2(-start[0]) + rng.random_range(-0.9..0.9), 0.12f64, 10u32)];
    while let Some((mut from, mut direction, width, steps)) = open.pop() {
        for step in 0..steps {
            direction += rng.random_range(-0.45..0.45);
            let to = [from[0] + 0.3 * direction.cos(), from[1] + 0.3 * direction.sin()];
            pieces.push(Piece { from, to, width });
            from = to;
            if width > 0.07 && step > 1 && rng.random_bool(0.3) {
                let side = if rng.random() { 0.9 } else { -0.9 };
                open.push((from, direction + side, 0.7 * width, steps / 2));
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_by_hand() {
        assert_eq!(to_segment([0.0, 3.0], [-1.0, 0.0], [1.0, 0.0]), 3.0);
        assert_eq!(to_segment([4.0, 4.0], [-1.0, 0.0], [1.0, 0.0]), 5.0);
        assert_eq!(soft(0.0, 1.0), 0.5);
    }
}
