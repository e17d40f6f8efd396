//! Colours of skin that were computed by an independent program.

use crate::colour::{encode, linear};
use crate::simulate::skin::optics::colour::tristimulus;
use crate::simulate::skin::optics::layers::{Layer, reflectance};

/// Where they come from.
pub(super) const SOURCE: &str = "tests/fixtures/make_skin.py: Kubelka-Munk stacks under D65, in NumPy";

/// Melanin of the epidermis, blood of the dermis and its levels in sRGB.
const SKINS: [(f64, f64, [f64; 3]); 4] = [
    (0.02, 0.01, [190.0, 159.0, 135.0]),
    (0.06, 0.01, [162.0, 126.0, 93.0]),
    (0.12, 0.01, [130.0, 91.0, 54.0]),
    (0.25, 0.01, [83.0, 44.0, 0.0]),
];

/// Largest difference of a level.
pub(super) fn farthest() -> f64 {
    let off = |(melanin, blood, levels): (f64, f64, [f64; 3])| {
        let skin = [Layer::epidermis(melanin, 0.006), Layer::dermis(blood, 1.0)];
        let seen = linear(tristimulus(&reflectance(&skin))).map(|value| (255.0 * encode(value)).round());
        seen.iter().zip(levels).map(|(seen, level)| (seen - level).abs()).fold(0.0, f64::max)
    };
    SKINS.into_iter().map(off).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_within_a_level() {
        assert!(farthest() <= 1.0, "{}", farthest());
    }
}
