//! What a dermoscopic picture shows: the skin, the lesion in its middle, hairs above it and the light, each in a
//! number.
//!
//! The picture is taken to optical densities ([`plane`]); hairs are left out ([`hairs`]); the light and the skin's own
//! colour are fitted to the border ([`light`]), the lesion is what differs from that ([`lesion`]), and its form
//! ([`shape`]), colour ([`pigment`]) and pattern ([`texture`]) are measured. Lengths are shares of the picture's side,
//! as no picture says how large it is in millimetres.

mod hairs;
mod lesion;
mod light;
mod pigment;
mod plane;
mod shape;
mod texture;

use self::hairs::{Hairs, Thin};
use self::lesion::Lesion;
use self::pigment::Pigment;
use self::plane::Plane;
use self::shape::Shape;
use self::texture::Texture;
use super::{Factor, Meters, Picture};
use crate::colour::Lab;

/// Factors of dermoscopy, of pictures in red, green and blue (sRGB) of at least 32 x 32 pixels. A picture without a
/// lesion has one of no area, round, and without colour.
#[derive(Clone, Copy, Debug)]
pub struct Skin;

const fn factor(name: &'static str, unit: &'static str) -> Factor {
    Factor { name, unit }
}

const FACTORS: [Factor; 22] = [
    factor("skin_melanin", "%"),
    factor("skin_blood", "%"),
    factor("white_balance", ""),
    factor("light_right", ""),
    factor("light_down", ""),
    factor("vignette", ""),
    factor("hairs", "share"),
    factor("area", "share"),
    factor("x", "share"),
    factor("y", "share"),
    factor("elongation_cos", ""),
    factor("elongation_sin", ""),
    factor("irregularity", ""),
    factor("asymmetry", ""),
    factor("edge", "share"),
    factor("melanin", ""),
    factor("deep_melanin", ""),
    factor("blood", ""),
    factor("white", ""),
    factor("variegation", ""),
    factor("network", ""),
    factor("dots", "share"),
];

/// What the border's lop-sidedness counts beside the pigment's.
const LOPSIDED: f64 = 1.0;

impl Skin {
    /// The factors, and the colour of the skin about the lesion, in the middle of the picture and as the camera gives
    /// it: lightness, red, yellow, and with them the typology angle.
    pub fn measure_with_skin(picture: &Picture<'_>) -> (Vec<f64>, Lab) {
        let plane = Plane::new(picture);
        let (lesion, hairs) = found(&plane);
        let skin = Lab::of_linear(lesion.light.skin.map(|density| (-density).exp()));
        (factors(&plane, &lesion, &hairs), skin)
    }
}

/// The lesion and the hairs: first without anything thin and dark, so that no hair is taken for a lesion, then with
/// what the lesion has of that.
fn found(plane: &Plane) -> (Lesion, Hairs) {
    let thin = Thin::find(plane);
    let rough = Lesion::find(plane, &thin.mask());
    let hairs = thin.hairs(plane, &rough);
    let lesion = Lesion::find(plane, &hairs.mask);
    (lesion, hairs)
}

impl Meters for Skin {
    fn factors(&self) -> &'static [Factor] {
        &FACTORS
    }

    fn takes(&self, [channels, height, width]: [usize; 3]) -> bool {
        channels == 3 && height >= 32 && width >= 32
    }

    fn measure(&self, picture: &Picture<'_>) -> Vec<f64> {
        Self::measure_with_skin(picture).0
    }
}

/// In the order of [`FACTORS`].
fn factors(plane: &Plane, lesion: &Lesion, hairs: &Hairs) -> Vec<f64> {
    let shape = Shape::new(plane, lesion);
    let pigment = Pigment::new(plane, lesion, &hairs.mask);
    let texture = Texture::new(plane, lesion, &hairs.mask);
    let [skin_melanin, skin_blood, white_balance] = pigment::of_skin(&lesion.light);
    vec![
        skin_melanin,
        skin_blood,
        white_balance,
        lesion.light.slope[0],
        lesion.light.slope[1],
        lesion.light.vignette,
        hairs.share,
        shape.area,
        shape.centre[0],
        shape.centre[1],
        shape.elongation[0],
        shape.elongation[1],
        shape.irregularity,
        pigment.aside.hypot(LOPSIDED * shape.lopsided),
        shape.edge,
        pigment.melanin,
        pigment.deep,
        pigment.blood,
        pigment.white,
        pigment.variegation,
        texture.network,
        texture.dots,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of `side` pixels, one colour of 0 to 255 a place (to the right and down, -.5 to .5).
    fn drawn(side: usize, colour: impl Fn(f64, f64) -> [f64; 3]) -> Vec<f32> {
        let place = |at: usize| (at as f64 + 0.5) / side as f64 - 0.5;
        let channel = |channel: usize| {
            let colour = &colour;
            (0..side * side).map(move |at| (colour(place(at % side), place(at / side))[channel] / 255.0) as f32)
        };
        (0..3).flat_map(channel).collect()
    }

    fn measured(side: usize, colour: impl Fn(f64, f64) -> [f64; 3]) -> impl Fn(&str) -> f64 {
        let values = drawn(side, colour);
        let found = Skin.measure(&Picture::new(&values, [3, side, side]));
        assert!(found.iter().all(|value| value.is_finite()), "{found:?}");
        move |name| found[FACTORS.iter().position(|factor| factor.name == name).unwrap()]
    }

    const SKIN: [f64; 3] = [190.0, 159.0, 135.0];
    const BROWN: [f64; 3] = [130.0, 91.0, 54.0];

    /// Long radius .3, short .15, centre (.05, -.1), turned 30 degrees from right to down.
    fn ellipse(x: f64, y: f64) -> f64 {
        let (sin, cos) = 30f64.to_radians().sin_cos();
        let (x, y) = (x - 0.05, y + 0.1);
        ((x * cos + y * sin) / 0.3).hypot((y * cos - x * sin) / 0.15)
    }

    #[test]
    fn an_ellipse_by_hand() {
        for side in [64, 128, 300] {
            let value = measured(side, |x, y| if ellipse(x, y) < 1.0 { BROWN } else { SKIN });
            let near = |name: &str, expected: f64, most: f64| {
                assert!((value(name) - expected).abs() < most, "{side}: {name} {} {expected}", value(name));
            };
            // The border of a dark lesion lies a hundredth of the side outside, so that areas are a tenth too large.
            near("area", std::f64::consts::PI * 0.3 * 0.15, 0.016);
            near("x", 0.05, 0.003);
            near("y", -0.1, 0.003);
            // (4 - 1) / (4 + 1) = .6 times cos 60 and sin 60.
            near("elongation_cos", 0.3, 0.02);
            near("elongation_sin", 0.52, 0.03);
            near("irregularity", 0.0, 0.02);
            near("asymmetry", 0.0, 0.02);
            near("hairs", 0.0, 0.005);
            near("vignette", 0.0, 0.01);
            near("light_right", 0.0, 0.01);
            near("variegation", 0.0, 0.08);
            near("network", 0.0, 0.02);
            near("dots", 0.0, 0.01);
            // The reference's naevus has more melanin and no other pigment: ln(.515 / .223) in linear red. At 64 pixels
            // the border's share of the lesion thins it.
            near("melanin", 0.84, 0.12);
            near("deep_melanin", 0.0, 0.1);
            near("blood", 0.0, 0.15);
            let picture = drawn(side, |x, y| if ellipse(x, y) < 1.0 { BROWN } else { SKIN });
            let (_, skin) = Skin::measure_with_skin(&Picture::new(&picture, [3, side, side]));
            // As scikit-image has it: 67.69, 7.60, 16.74; arctan(17.69 / 16.74) is 46.6 degrees.
            assert!((skin.typology_angle() - 46.6).abs() < 0.3, "{skin:?}");
        }
    }

    #[test]
    fn a_network_is_no_hair_and_a_hair_above_it_is() {
        // A naevus of 16 of 64 pixels, dark lines of one pixel in it, three pixels apart.
        let line = |share: f64| ((share + 0.5) * 64.0).floor() as i64 % 3 == 0;
        let round = |x: f64, y: f64| x.hypot(y) < 0.13;
        let lesion = |x: f64, y: f64| match (round(x, y), line(x) || line(y)) {
            (false, _) => SKIN,
            (true, true) => BROWN.map(|level| 0.5 * level),
            (true, false) => BROWN,
        };
        let plain = measured(64, |x, y| if round(x, y) { BROWN } else { SKIN });
        let network = measured(64, lesion);
        assert!((network("area") - plain("area")).abs() < 0.015, "{} {}", network("area"), plain("area"));
        assert!(network("melanin") > plain("melanin") + 0.3, "{} {}", network("melanin"), plain("melanin"));
        assert!(network("hairs") < 0.002, "{}", network("hairs"));
        let crossed = measured(64, |x, y| if (y - 0.004).abs() < 0.008 { [30.0; 3] } else { lesion(x, y) });
        assert!((crossed("area") - network("area")).abs() < 0.02, "{} {}", crossed("area"), network("area"));
        assert!((crossed("melanin") - network("melanin")).abs() < 0.3, "{}", crossed("melanin"));
    }

    #[test]
    fn each_change_of_a_picture_moves_its_own_factor() {
        let lesion = |x: f64, y: f64| if ellipse(x, y) < 1.0 { BROWN } else { SKIN };
        let plain = measured(128, lesion);
        let hair = measured(128, |x, y| if (x - 0.2).abs() < 0.005 { [30.0; 3] } else { lesion(x, y) });
        // One pixel of 128 is almost black.
        assert!((hair("hairs") - 1.0 / 128.0).abs() < 0.003, "{}", hair("hairs"));
        assert!((hair("area") - plain("area")).abs() < 0.005);
        let lit = measured(128, |x, y| lesion(x, y).map(|level| level * (0.1 * x).exp()));
        // Levels are light to the power of about 1 / 2.2.
        assert!((lit("light_right") - 0.22).abs() < 0.03, "{}", lit("light_right"));
        let corners = measured(128, |x, y| lesion(x, y).map(|level| level * (1.0 - 0.8 * (x * x + y * y).powi(2))));
        assert!(corners("vignette") > 0.25, "{}", corners("vignette"));
        let warm = measured(128, |x, y| [lesion(x, y)[0] * 1.05, lesion(x, y)[1], lesion(x, y)[2] / 1.05]);
        assert!(warm("white_balance") - plain("white_balance") > 0.15);
        assert!((warm("melanin") - plain("melanin")).abs() < 0.05);
        let soft = |x: f64, y: f64| {
            let share = 1.0 / (1.0 + ((ellipse(x, y) - 1.0) / 0.1).exp());
            [0, 1, 2].map(|at: usize| SKIN[at] + share * (BROWN[at] - SKIN[at]))
        };
        assert!(measured(128, soft)("edge") > plain("edge") + 0.01);
        let half = |x: f64, y: f64| if ellipse(x, y) < 1.0 && x > 0.05 { [80.0, 45.0, 20.0] } else { lesion(x, y) };
        assert!(measured(128, half)("asymmetry") > plain("asymmetry") + 0.1);
        let dots = |x: f64, y: f64| {
            let near = |a: f64, b: f64| (x - a).hypot(y - b) < 0.016;
            if near(0.0, -0.1) || near(0.1, -0.08) || near(0.1, -0.12) { [60.0, 30.0, 10.0] } else { lesion(x, y) }
        };
        assert!(measured(128, dots)("dots") > 0.01);
        let net = |x: f64, y: f64| {
            let line = (x * 20.0).fract().abs() < 0.4 || (y * 20.0).fract().abs() < 0.4;
            if ellipse(x, y) < 1.0 && line { [100.0, 65.0, 35.0] } else { lesion(x, y) }
        };
        assert!(measured(128, net)("network") > 0.1);
        let blue = measured(128, |x, y| if ellipse(x, y) < 1.0 { [141.0, 137.0, 126.0] } else { SKIN });
        assert!(blue("deep_melanin") > 0.4 && blue("melanin").abs() < 0.3, "{}", blue("deep_melanin"));
        let red = measured(128, |x, y| if ellipse(x, y) < 1.0 { [155.0, 106.0, 103.0] } else { SKIN });
        assert!(red("blood") > 0.5 && red("melanin").abs() < 0.3, "{}", red("blood"));
        let scar = measured(128, |x, y| if ellipse(x, y) < 1.0 { [207.0, 192.0, 172.0] } else { SKIN });
        assert!(scar("white") > 0.2 && plain("white") < 0.01, "{} {}", scar("white"), plain("white"));
    }

    #[test]
    fn pictures_without_lesion_and_without_light_have_finite_values() {
        assert_eq!(measured(32, |_, _| SKIN)("area"), 0.0);
        assert_eq!(measured(33, |_, _| [0.0; 3])("area"), 0.0);
        let _ = measured(48, |x, y| [x, y, x * y].map(|value| 255.0 * (value * 1e4).sin().abs()));
        let _ = measured(40, |_, _| [f64::NAN; 3]);
        assert!(!Skin.takes([1, 64, 64]) && !Skin.takes([3, 31, 64]) && Skin.takes([3, 450, 600]));
    }
}
