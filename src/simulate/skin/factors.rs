//! What generates a photograph: the lesion's factors, which all its photographs share, and the photograph's own.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::classes::{Diagnosis, Range};

/// Everything about a lesion; units as in [`super::classes::Ranges`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lesion {
    /// Its class.
    pub dx: Diagnosis,
    /// Melanin of the skin about it.
    pub skin_melanin: f64,
    /// Blood of the skin about it.
    pub skin_blood: f64,
    /// Of a disc of the same area, mm.
    pub diameter: f64,
    /// Long over short axis.
    pub aspect: f64,
    /// Of the border from an ellipse, root mean square, as a share of the radius.
    pub irregularity: f64,
    /// Over which the border fades, mm.
    pub edge: f64,
    /// Of outline and pigment.
    pub asymmetry: f64,
    /// In the epidermis.
    pub melanin: f64,
    /// In the dermis.
    pub deep_melanin: f64,
    /// In the upper dermis.
    pub blood: f64,
    /// Of pigment from place to place.
    pub variegation: f64,
    /// Dark lines about pale holes.
    pub network: f64,
    /// Distance of its holes, mm.
    pub period: f64,
    /// Dark discs.
    pub globules: u32,
    /// Dark rays at the border.
    pub streaks: f64,
    /// Milia-like cysts and comedo-like openings.
    pub cysts: u32,
    /// Arborising vessels.
    pub vessels: u32,
    /// Lacunae of blood.
    pub lacunae: u32,
    /// White scar in the centre.
    pub scar: f64,
    /// Scale and red pseudo-network.
    pub scale: f64,
    /// Of all that is placed by chance.
    pub texture: u64,
}

/// How it was photographed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Photograph {
    /// Width of what is seen, mm.
    pub field: f64,
    /// Centre of the lesion from the middle of the picture, to the right, in shares of the field.
    pub x: f64,
    /// The same downwards.
    pub y: f64,
    /// The lesion's long axis, degrees from the horizontal, 0 to 180.
    pub angle: f64,
    /// Whether the lesion is seen mirrored.
    pub mirrored: bool,
    /// Hairs.
    pub hairs: u32,
    /// Of a hair, mm.
    pub hair_width: f64,
    /// Light that hairs throw back, 0 black to 1 white.
    pub hair_albedo: f64,
    /// Share of the light that the corners lose.
    pub vignette: f64,
    /// White balance: ln of the camera's gain of red over that of blue, beyond what dermatoscopes have.
    pub balance: f64,
    /// Share by which light falls off from one side to the other.
    pub gradient: f64,
    /// Where to, degrees.
    pub gradient_angle: f64,
    /// Of each level, sd.
    pub noise: f64,
    /// Of hairs and noise.
    pub chance: u64,
}

fn even(rng: &mut impl Rng, [low, high]: Range) -> f64 {
    if low < high { rng.random_range(low..high) } else { low }
}

/// A whole number of the range.
fn whole(rng: &mut impl Rng, range: Range) -> u32 {
    even(rng, range).round() as u32
}

impl Lesion {
    /// A lesion of a class.
    pub fn draw(dx: Diagnosis, rng: &mut impl Rng) -> Self {
        let ranges = dx.ranges();
        // Fair skin as in HAM10000: a typology angle of 43.5 +- 5 degrees.
        let skin: f64 = even(rng, [0.0, 1.0]) + even(rng, [0.0, 1.0]) + even(rng, [0.0, 1.0]);
        Self {
            dx,
            skin_melanin: 0.0175 + 0.0082 * skin,
            skin_blood: even(rng, [0.003, 0.010]),
            diameter: even(rng, ranges.diameter),
            aspect: even(rng, ranges.aspect),
            irregularity: even(rng, ranges.irregularity),
            edge: even(rng, ranges.edge),
            asymmetry: even(rng, ranges.asymmetry),
            melanin: even(rng, ranges.melanin),
            deep_melanin: even(rng, ranges.deep_melanin),
            blood: even(rng, ranges.blood),
            variegation: even(rng, ranges.variegation),
            network: even(rng, ranges.network),
            period: even(rng, ranges.period),
            globules: whole(rng, ranges.globules),
            streaks: even(rng, ranges.streaks),
            cysts: whole(rng, ranges.cysts),
            vessels: whole(rng, ranges.vessels),
            lacunae: whole(rng, ranges.lacunae),
            scar: even(rng, ranges.scar),
            scale: even(rng, ranges.scale),
            texture: rng.random(),
        }
    }
}

impl Photograph {
    /// A photograph in which the lesion lies near the middle.
    pub fn draw(rng: &mut impl Rng) -> Self {
        let hairy = rng.random_bool(0.35);
        Self {
            field: even(rng, [10.0, 13.0]),
            x: even(rng, [-0.08, 0.08]),
            y: even(rng, [-0.08, 0.08]),
            angle: even(rng, [0.0, 180.0]),
            mirrored: rng.random(),
            hairs: if hairy { rng.random_range(1..=9) } else { 0 },
            hair_width: even(rng, [0.06, 0.14]),
            hair_albedo: even(rng, [0.02, 0.25]),
            vignette: if rng.random_bool(0.4) { even(rng, [0.1, 0.6]) } else { even(rng, [0.0, 0.1]) },
            balance: even(rng, [-0.045, 0.045]),
            gradient: even(rng, [0.0, 0.15]),
            gradient_angle: even(rng, [0.0, 360.0]),
            noise: even(rng, [0.5, 2.0]),
            chance: rng.random(),
        }
    }
}
