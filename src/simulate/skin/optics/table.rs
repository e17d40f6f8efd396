//! Colours of skin by its pigments, from a table: one pixel takes a tenth of a microsecond, not ten.

use super::colour::tristimulus;
use super::layers::{Layer, reflectance};
use crate::colour::linear;

/// What gives a point of skin its colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pigments {
    /// Melanosomes in the epidermis, share of its volume.
    pub melanin: f64,
    /// Melanosomes in a layer of .3 mm of the dermis, .2 mm below the epidermis: seen grey-blue.
    pub deep_melanin: f64,
    /// Blood in the upper millimetre of the dermis, share of its volume.
    pub blood: f64,
    /// Factor of the dermis' scattering: 1, in scars up to 2.
    pub scattering: f64,
}

/// Thickness of the epidermis, cm.
const EPIDERMIS: f64 = 0.006;

/// Where deep melanin begins and how thick its layer is, cm.
const DEEP: [f64; 2] = [0.020, 0.030];

/// Depth of the vascular layer, cm, and blood below it.
const VESSELS: [f64; 2] = [0.1, 0.01];

/// An axis of the table: equal steps of the root of a value between two ends.
#[derive(Clone, Copy, Debug)]
struct Axis {
    ends: [f64; 2],
    count: usize,
}

/// Melanin, deep melanin, blood, scattering.
const AXES: [Axis; 4] = [
    Axis { ends: [0.005, 0.60], count: 24 },
    Axis { ends: [0.0, 0.20], count: 10 },
    Axis { ends: [0.0, 0.50], count: 18 },
    Axis { ends: [1.0, 2.2], count: 4 },
];

impl Axis {
    fn value(self, at: usize) -> f64 {
        let [low, high] = self.ends.map(f64::sqrt);
        (low + (high - low) * at as f64 / (self.count - 1) as f64).powi(2)
    }

    /// The step below a value, and the share of the way to the next; a value outside counts as the end.
    fn place(self, value: f64) -> (usize, f64) {
        let [low, high] = self.ends.map(f64::sqrt);
        let at = (value.max(0.0).sqrt().clamp(low, high) - low) / (high - low) * (self.count - 1) as f64;
        let step = (at as usize).min(self.count - 2);
        (step, at - step as f64)
    }
}

/// The skin of these pigments, from the surface down.
pub fn layers(pigments: &Pigments) -> [Layer; 5] {
    let Pigments { melanin, deep_melanin, blood, scattering } = *pigments;
    let upper = |thickness| Layer { scattering, ..Layer::dermis(blood, thickness) };
    [
        Layer::epidermis(melanin, EPIDERMIS),
        upper(DEEP[0]),
        Layer { melanin: deep_melanin, ..upper(DEEP[1]) },
        upper(VESSELS[0] - DEEP[0] - DEEP[1]),
        Layer { scattering, ..Layer::dermis(VESSELS[1], 1.0) },
    ]
}

/// Linear red, green and blue of skin.
#[derive(Debug)]
pub struct ColourTable {
    colours: Vec<[f32; 3]>,
}

impl ColourTable {
    /// Computes all entries, some 17,000.
    pub fn new() -> Self {
        let [melanin, deep, blood, scattering] = AXES;
        let mut colours = Vec::with_capacity(AXES.iter().map(|axis| axis.count).product());
        for m in 0..melanin.count {
            for d in 0..deep.count {
                for b in 0..blood.count {
                    for s in 0..scattering.count {
                        let pigments = Pigments {
                            melanin: melanin.value(m),
                            deep_melanin: deep.value(d),
                            blood: blood.value(b),
                            scattering: scattering.value(s),
                        };
                        colours.push(exact(&pigments).map(|value| value as f32));
                    }
                }
            }
        }
        Self { colours }
    }

    /// Linear red, green and blue, 0 to 1; values beyond the table's ends count as the ends.
    pub fn colour(&self, pigments: &Pigments) -> [f64; 3] {
        let Pigments { melanin, deep_melanin, blood, scattering } = *pigments;
        let values = [melanin, deep_melanin, blood, scattering];
        let places: [(usize, f64); 4] = std::array::from_fn(|axis| AXES[axis].place(values[axis]));
        let mut colour = [0.0; 3];
        for corner in 0..16usize {
            let (mut index, mut weight) = (0, 1.0);
            for (axis, (step, share)) in places.iter().enumerate() {
                let far = corner >> axis & 1;
                index = index * AXES[axis].count + step + far;
                weight *= if far == 1 { *share } else { 1.0 - share };
            }
            if weight > 0.0 {
                for (sum, value) in colour.iter_mut().zip(self.colours[index]) {
                    *sum += weight * f64::from(value);
                }
            }
        }
        colour
    }
}

impl Default for ColourTable {
    fn default() -> Self {
        Self::new()
    }
}

/// Without the table; outside the gamut clipped.
pub fn exact(pigments: &Pigments) -> [f64; 3] {
    linear(tristimulus(&reflectance(&layers(pigments)))).map(|value| value.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colour::encode;

    #[test]
    fn the_table_is_within_two_levels_of_the_layers() {
        let table = ColourTable::new();
        let mut worst = 0.0f64;
        for melanin in [0.01, 0.033, 0.07, 0.18, 0.41] {
            for deep_melanin in [0.0, 0.013, 0.08] {
                for blood in [0.002, 0.013, 0.06, 0.3] {
                    for scattering in [1.0, 1.37, 1.9] {
                        let pigments = Pigments { melanin, deep_melanin, blood, scattering };
                        let (found, right) = (table.colour(&pigments), exact(&pigments));
                        let off = |axis: usize| (255.0 * (encode(found[axis]) - encode(right[axis]))).abs();
                        worst = (0..3).map(off).fold(worst, f64::max);
                    }
                }
            }
        }
        assert!(worst < 2.0, "{worst} levels");
    }

    #[test]
    fn more_of_a_pigment_is_seen_as_it_should_be() {
        let fair = Pigments { melanin: 0.02, deep_melanin: 0.0, blood: 0.01, scattering: 1.0 };
        let table = ColourTable::new();
        let seen = |pigments: Pigments| table.colour(&pigments);
        let [red, green, blue] = seen(fair);
        let brown = seen(Pigments { melanin: 0.12, ..fair });
        assert!(brown[0] < red && brown[2] / brown[0] < blue / red, "darker and browner");
        let deep = seen(Pigments { deep_melanin: 0.1, ..fair });
        assert!(deep[0] < red && deep[2] / deep[0] > blue / red, "darker and bluer");
        let bloody = seen(Pigments { blood: 0.2, ..fair });
        assert!(bloody[1] / bloody[0] < green / red, "redder");
        assert!(seen(Pigments { scattering: 1.8, ..fair })[1] > green, "whiter");
    }
}
