//! What colours the skin and the lesion: melanin, melanin lying deep, blood, and what is paler than skin.
//!
//! Small changes of pigment add to the optical density of each colour in fixed proportions, so that three colours tell
//! three pigments apart. The proportions are those of a Kubelka-Munk model of fair skin (epidermis of 60 um, dermis,
//! spectra of S. L. Jacques 2013) about melanin 2.5 % and blood .6 % by volume, computed once.

use super::lesion::Lesion;
use super::light::{Light, solve};
use super::plane::{Plane, narrowed, quantile, smoothed};

/// Density in red, green and blue that melanin of the epidermis adds for each unit in red, and melanin in a layer of
/// .3 mm that lies .2 mm deep.
const MELANIN: [[f64; 3]; 2] = [[1.0, 1.465, 2.326], [1.0, 0.636, 0.341]];

/// The same of blood for each unit in green; the more there is of it, the more red light it takes besides.
fn blood(green: f64) -> [f64; 3] {
    [0.26 + 0.25 * green, 1.0, 0.80 - 0.16 * green]
}

/// Rounds in which blood's own proportions are found.
const ROUNDS: usize = 4;

/// Density that 1 % more melanosomes, 1 % more blood, and light whose red is e times as strong against green, its blue
/// a share of 1/e, add to fair skin.
const SKIN: [[f64; 3]; 3] = [[0.091, 0.140, 0.223], [0.070, 0.230, 0.201], [-1.0, 0.0, 1.0]];

/// Blood adds about this share of its density in green to red.
const BLOODLESS: f64 = 0.375;

/// Up to this density in green beyond the skin's, blue is seen and grows in proportion.
const COLOURED: f64 = 1.8;

/// Pixels that differ from skin by less than this share of the middle one tell more of noise than of pigment.
const CLEAR: f64 = 0.75;

/// What deep melanin can be in one pixel; beyond it is noise.
const DEEP: [f64; 2] = [-0.05, 0.5];

/// What fair skin of 2.5 % melanin and .6 % blood has under the white balance of dermatoscopes.
const FAIR: ([f64; 3], f64, f64) = ([0.665, 1.166, 1.385], 2.5, 0.6);

/// How much of each of three parts a density holds.
fn parts(density: [f64; 3], of: [[f64; 3]; 3]) -> [f64; 3] {
    let columns = [0, 1, 2].map(|colour: usize| [of[0][colour], of[1][colour], of[2][colour]]);
    solve(columns, density).unwrap_or([0.0; 3])
}

/// Melanin and blood of the skin about the lesion, % of volume, and ln of red over blue that the camera adds.
pub(super) fn of_skin(light: &Light) -> [f64; 3] {
    let (fair, melanin, blood) = FAIR;
    let [more, redder, balance] = parts([0, 1, 2].map(|colour: usize| light.skin[colour] - fair[colour]), SKIN);
    [melanin + more, blood + redder, 2.0 * balance]
}

/// Of the lesion against the skin about it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pigment {
    /// Density in red that more melanin in the epidermis adds.
    pub(super) melanin: f64,
    /// Density in red that melanin adds which lies deep and looks blue-grey.
    pub(super) deep: f64,
    /// Density in green that more blood adds.
    pub(super) blood: f64,
    /// Density that is missing in green: scars, scale, cysts.
    pub(super) white: f64,
    /// Deviation of the colour from place to place over the lesion's own difference from skin.
    pub(super) variegation: f64,
    /// From the centre of the lesion to that of its pigment, as a share of its radius.
    pub(super) aside: f64,
}

impl Pigment {
    /// Of the lesion of a picture; `hairs` are not looked at.
    pub(super) fn new(plane: &Plane, lesion: &Lesion, hairs: &[bool]) -> Self {
        let seen: Vec<usize> = (0..hairs.len()).filter(|at| lesion.inside[*at] && !hairs[*at]).collect();
        if !lesion.is_there() || seen.is_empty() {
            return Self::default();
        }
        let count = seen.len() as f64;
        let mean = [0, 1, 2].map(|colour: usize| seen.iter().map(|at| lesion.beyond[*at][colour]).sum::<f64>() / count);
        let coloured = coloured(lesion, &seen);
        let [_, bluish, blood] = pigments(mean_of(lesion, &coloured));
        // Of red and green alone, as in dark lesions no blue is left: what blood and deep melanin do not explain.
        let [brown, blue_grey] = MELANIN.map(|[red, green, _]| red - BLOODLESS * green);
        let melanin = (mean[0] - BLOODLESS * mean[1] - blue_grey * bluish.max(0.0)) / brown;
        let white = seen.iter().map(|at| (-lesion.beyond[*at][1]).max(0.0)).sum::<f64>() / count;
        let size = mean.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-3);
        Self {
            melanin,
            deep: deep(lesion, &coloured),
            blood,
            white,
            variegation: unevenness(plane, lesion, hairs) / size,
            aside: aside(plane, lesion, &seen, mean),
        }
    }
}

/// Melanin, deep melanin and blood of a density.
fn pigments(density: [f64; 3]) -> [f64; 3] {
    let mut found = [0.0f64; 3];
    for _ in 0..ROUNDS {
        found = parts(density, [MELANIN[0], MELANIN[1], blood(found[2].clamp(0.0, COLOURED))]);
    }
    found
}

/// Pixels that are neither paler than skin nor so dark that a camera sees no colour in them.
fn coloured(lesion: &Lesion, seen: &[usize]) -> Vec<usize> {
    seen.iter().copied().filter(|at| (0.0..COLOURED).contains(&lesion.beyond[*at][1])).collect()
}

/// Mean density of some pixels.
fn mean_of(lesion: &Lesion, pixels: &[usize]) -> [f64; 3] {
    [0, 1, 2].map(|colour: usize| {
        pixels.iter().map(|at| lesion.beyond[*at][colour]).sum::<f64>() / pixels.len().max(1) as f64
    })
}

/// Mean density of deep melanin over the pixels that differ clearly, each unmixed by itself: means of unlike colours
/// hide the little that is blue-grey.
fn deep(lesion: &Lesion, coloured: &[usize]) -> f64 {
    let size = |at: usize| lesion.beyond[at].iter().map(|value| value * value).sum::<f64>().sqrt();
    let least = CLEAR * quantile(&mut coloured.iter().map(|at| size(*at)).collect::<Vec<f64>>(), 0.5);
    let clear: Vec<usize> = coloured.iter().copied().filter(|at| size(*at) >= least).collect();
    let deep = |at: &usize| {
        let density = lesion.beyond[*at];
        let [melanin, deep, blood] = pigments(density);
        // There is no less than no melanin: the other two explain the colour as well as they can.
        let deep = if melanin < 0.0 { without_melanin(density, blood) } else { deep };
        deep.clamp(DEEP[0], DEEP[1])
    };
    clear.iter().map(deep).sum::<f64>() / clear.len().max(1) as f64
}

/// Deep melanin that with blood comes nearest to a density by least squares; blood's proportions as about `green`.
fn without_melanin(density: [f64; 3], green: f64) -> f64 {
    let (deep, red) = (MELANIN[1], blood(green.clamp(0.0, COLOURED)));
    let dot = |a: [f64; 3], b: [f64; 3]| (0..3).map(|colour| a[colour] * b[colour]).sum::<f64>();
    let (both, determinant) = (dot(deep, red), dot(deep, deep) * dot(red, red) - dot(deep, red).powi(2));
    (dot(deep, density) * dot(red, red) - dot(red, density) * both) / determinant
}

/// The lesion's pixels that its edge does not touch and no hair covers.
pub(super) fn inner(plane: &Plane, lesion: &Lesion, hairs: &[bool]) -> Vec<bool> {
    let radius = (plane.side() / 40.0).round().max(1.0) as usize;
    let eroded = narrowed(&lesion.inside, plane.width, radius);
    eroded.iter().zip(hairs).map(|(inside, hair)| *inside && !hair).collect()
}

/// Deviation of the smoothed density about a plane, over the inner lesion: a lesion that is darker to one side is
/// asymmetric, not variegated.
fn unevenness(plane: &Plane, lesion: &Lesion, hairs: &[bool]) -> f64 {
    let inner = inner(plane, lesion, hairs);
    let radius = (plane.side() / 32.0).round().max(1.0) as usize;
    let pixels: Vec<usize> = (0..inner.len()).filter(|at| inner[*at]).collect();
    let terms = |at: usize| {
        let [x, y] = plane.place(at);
        [1.0, x, y]
    };
    let mut normal = [[0.0; 3]; 3];
    for at in &pixels {
        let row = terms(*at);
        (0..9).for_each(|cell| normal[cell / 3][cell % 3] += row[cell / 3] * row[cell % 3]);
    }
    let variance = |colour: usize| {
        let values: Vec<f64> = lesion.beyond.iter().map(|beyond| beyond[colour]).collect();
        let smooth = smoothed(&values, &inner, plane.width, radius);
        let right = [0, 1, 2].map(|term: usize| pixels.iter().map(|at| terms(*at)[term] * smooth[*at]).sum::<f64>());
        let plane = solve(normal, right).unwrap_or_default();
        let off = |at: &usize| smooth[*at] - (0..3).map(|term| plane[term] * terms(*at)[term]).sum::<f64>();
        pixels.iter().map(|at| off(at).powi(2)).sum::<f64>() / pixels.len() as f64
    };
    if pixels.len() < 8 { 0.0 } else { (0..3).map(variance).sum::<f64>().sqrt() }
}

/// How far the pigment's centre lies from the lesion's, over its radius.
fn aside(plane: &Plane, lesion: &Lesion, seen: &[usize], mean: [f64; 3]) -> f64 {
    let size = mean.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-6);
    let (mut all, mut weighted, mut weights) = ([0.0; 2], [0.0; 2], 0.0);
    for at in seen {
        let place = [(at % plane.width) as f64, (at / plane.width) as f64];
        let weight = (0..3).map(|colour| lesion.beyond[*at][colour] * mean[colour]).sum::<f64>() / size;
        let weight = weight.max(0.0);
        weights += weight;
        for axis in 0..2 {
            all[axis] += place[axis] / seen.len() as f64;
            weighted[axis] += weight * place[axis];
        }
    }
    if weights <= 0.0 {
        return 0.0;
    }
    let radius = (lesion.count as f64 / std::f64::consts::PI).sqrt();
    (weighted[0] / weights - all[0]).hypot(weighted[1] / weights - all[1]) / radius
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_by_hand() {
        // Twice the first and half of the third.
        let density = [0, 1, 2].map(|colour: usize| 2.0 * MELANIN[0][colour] + 0.5 * blood(0.5)[colour]);
        let found = pigments(density);
        assert!(found.iter().zip([2.0, 0.0, 0.5]).all(|(a, b)| (a - b).abs() < 0.01), "{found:?}");
    }
}
