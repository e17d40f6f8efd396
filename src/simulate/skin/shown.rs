//! What a lesion's pigments come to in its colours, without noise, light and hairs: the truth in the terms of meters.

use super::optics::table::{ColourTable, Pigments};
use super::outline::LOPSIDED;
use super::render::SCALE;
use super::structures::Structures;

/// Over this many mm a colour is averaged before it counts as another than beside.
const PATCH: f64 = 0.4;

/// Blood adds this share of its density in green to red: what goes beyond is melanin's.
const BLOODLESS: f64 = 0.375;

/// Optical densities are -ln of linear light, in excess of the skin's; means over the lesion.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shown {
    /// Density in red that melanin of the epidermis adds.
    pub melanin: f64,
    /// Density in red that deep melanin adds.
    pub deep_melanin: f64,
    /// Density in green that blood adds.
    pub blood: f64,
    /// Density in green that is missing where the lesion is paler than skin.
    pub white: f64,
    /// Distance of the pigment's centre from the lesion's over its radius, with the size of the border's third wave.
    pub asymmetry: f64,
    /// Deviation of the colour from place to place, beyond a slope, over its mean difference from skin.
    pub variegation: f64,
    /// Mean change of density in red, beyond what blood has, that the network makes.
    pub network: f64,
    /// Share that dark discs cover.
    pub dots: f64,
}

/// Of a lesion.
pub fn shown(structures: &Structures, table: &ColourTable) -> Shown {
    let lesion = &structures.lesion;
    let skin = Pigments { melanin: lesion.skin_melanin, deep_melanin: 0.0, blood: lesion.skin_blood, scattering: 1.0 };
    let density = |pigments: &Pigments, scale: f64| {
        table.colour(pigments).map(|value| -(value + scale * (SCALE - value)).max(DARKEST).ln())
    };
    let bare = density(&skin, 0.0);
    let brown = |[red, green, _]: [f64; 3]| red - BLOODLESS * green;
    let mut sum = Shown::default();
    let mut colours: Vec<([f64; 2], [f64; 3])> = vec![];
    for [x, y] in structures.places() {
        let (pigments, scale) = structures.pigments(x, y);
        let seen = density(&pigments, scale);
        sum.melanin += seen[0] - density(&Pigments { melanin: skin.melanin, ..pigments }, scale)[0];
        sum.deep_melanin += seen[0] - density(&Pigments { deep_melanin: 0.0, ..pigments }, scale)[0];
        sum.blood += seen[1] - density(&Pigments { blood: skin.blood, ..pigments }, scale)[1];
        sum.white += (bare[1] - seen[1]).max(0.0);
        if lesion.network > 0.0 {
            let (even, _) = structures.pigments_with(0.0, x, y);
            sum.network += (brown(seen) - brown(density(&even, scale))).abs();
        }
        sum.dots += f64::from(u8::from(structures.is_dot(x, y)));
        colours.push(([x, y], [0, 1, 2].map(|colour: usize| seen[colour] - bare[colour])));
    }
    let share = |sum: f64| sum / colours.len().max(1) as f64;
    Shown {
        melanin: share(sum.melanin),
        deep_melanin: share(sum.deep_melanin),
        blood: share(sum.blood),
        white: share(sum.white),
        asymmetry: aside(&colours, lesion.diameter / 2.0).hypot(LOPSIDED * lesion.asymmetry),
        variegation: unevenness(&colours),
        network: share(sum.network),
        dots: share(sum.dots),
    }
}

/// A place and the colour there, linear.
type Seen = ([f64; 2], [f64; 3]);

/// Least linear light that counts, as for the meters.
const DARKEST: f64 = 0.004;

/// From the centre of the places to that of their colour's size along its mean, over a radius.
fn aside(colours: &[([f64; 2], [f64; 3])], radius: f64) -> f64 {
    let sum = |of: &dyn Fn(&Seen) -> f64| colours.iter().map(of).sum::<f64>();
    let mean = [0, 1, 2].map(|at: usize| sum(&|one| one.1[at]));
    let weight = |one: &([f64; 2], [f64; 3])| (0..3).map(|at| one.1[at] * mean[at]).sum::<f64>().max(0.0);
    let all = sum(&weight);
    if all <= 0.0 {
        return 0.0;
    }
    let off = [0, 1].map(|axis: usize| {
        sum(&|one| weight(one) * one.0[axis]) / all - sum(&|one| one.0[axis]) / colours.len() as f64
    });
    off[0].hypot(off[1]) / radius
}

/// Deviation of averaged colours about a plane, over the size of their mean.
fn unevenness(colours: &[([f64; 2], [f64; 3])]) -> f64 {
    let near = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).abs() <= PATCH && (a[1] - b[1]).abs() <= PATCH;
    let count = colours.len().max(1) as f64;
    // Every third place is enough of them.
    let smooth: Vec<([f64; 2], [f64; 3])> = colours
        .iter()
        .step_by(3)
        .map(|(place, _)| {
            let (mut sum, mut all) = ([0.0; 3], 0.0);
            for (_, colour) in colours.iter().filter(|(other, _)| near(place, other)) {
                all += 1.0;
                (0..3).for_each(|at| sum[at] += colour[at]);
            }
            (*place, sum.map(|sum| sum / all))
        })
        .collect();
    let some = smooth.len().max(1) as f64;
    let mean = |of: &dyn Fn(&Seen) -> f64| smooth.iter().map(of).sum::<f64>() / some;
    let centre = [0, 1].map(|axis: usize| mean(&|one| one.0[axis]));
    // The two slopes are told apart one by one: places fill both sides of either axis alike.
    let variance = |colour: usize| {
        let level = mean(&|one| one.1[colour]);
        let slopes = [0, 1].map(|axis: usize| {
            let spread = mean(&|one| (one.0[axis] - centre[axis]).powi(2));
            mean(&|one| (one.0[axis] - centre[axis]) * (one.1[colour] - level)) / spread.max(1e-9)
        });
        mean(&|one| {
            let slope: f64 = (0..2).map(|axis| slopes[axis] * (one.0[axis] - centre[axis])).sum();
            (one.1[colour] - level - slope).powi(2)
        })
    };
    let size =
        (0..3).map(|at| (colours.iter().map(|(_, colour)| colour[at]).sum::<f64>() / count).powi(2)).sum::<f64>();
    (0..3).map(variance).sum::<f64>().sqrt() / size.sqrt().max(1e-3)
}
