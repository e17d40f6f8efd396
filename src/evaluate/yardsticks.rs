//! Real images made worse step by step: a distance that does not grow along the steps does not see what it should.

use tch::Tensor;

use super::seen::RimMap;
use crate::filter::gaussian;
use crate::metrics::rim_readouts::flattened;
use crate::problem::Result;
use crate::records::evaluate::{Comparison, Topic};

/// Standard deviations of the blur, pixels.
const BLUR: [f64; 3] = [0.5, 1.0, 2.0];

/// Shares of the rim that are taken away.
const FLAT: [f64; 3] = [0.33, 0.67, 1.0];

/// One step.
pub struct Step {
    /// Which yardstick it is of.
    pub topic: Topic,
    /// "blurred by 1 px".
    pub name: String,
    /// What was done.
    pub about: String,
    /// \[C, H, W\] each.
    pub images: Vec<Vec<f32>>,
}

/// The steps of both yardsticks from real images \[N, C, H, W\]; that of rims only where there is a map to read them
/// on.
///
/// # Errors
/// Only the engine's.
pub fn steps(images: &Tensor, map: Option<&RimMap>) -> Result<Vec<Step>> {
    let size = images.size();
    let (height, width) = (size[2] as usize, size[3] as usize);
    let count = size[0];
    let real: Vec<Vec<f32>> =
        (0..count).map(|at| Ok(Vec::try_from(images.get(at).reshape([-1]))?)).collect::<Result<_>>()?;
    let blurred = |&sigma: &f64| Step {
        topic: Topic::Blurred,
        name: format!("blurred by {sigma} px"),
        about: "the floor's images, each channel smoothed by a Gaussian".into(),
        images: real
            .iter()
            .map(|pixels| pixels.chunks(height * width).flat_map(|map| gaussian(map, (height, width), sigma)).collect())
            .collect(),
    };
    let mut all: Vec<Step> = BLUR.iter().map(blurred).collect();
    let Some(map) = map else { return Ok(all) };
    let lowered = |pixels: &Vec<f32>, share: f64| {
        let ppb = map.ppb(pixels);
        match map.search.best(&ppb) {
            Some(found) => map.replaced(pixels, &flattened(&ppb, width, &found, share)),
            None => pixels.clone(),
        }
    };
    all.extend(FLAT.iter().map(|&share| Step {
        topic: Topic::Flattened,
        name: format!("rim lowered by {:.0} %", 100.0 * share),
        about: "the floor's images, what rises above the core along the most rim-like ellipse taken down".into(),
        images: real.iter().map(|pixels| lowered(pixels, share)).collect(),
    }));
    Ok(all)
}

/// Notes of each distance whether it grows from every step of a yardstick to the next, the floor being the first.
pub fn note_rises(comparison: &mut Comparison, keys: impl Iterator<Item = &'static str>) {
    for key in keys {
        let values: Option<Vec<f64>> =
            comparison.sets.iter().map(|set| set.measures.get(key).map(|interval| interval.value)).collect();
        if let Some(values) = values {
            let rises = values.windows(2).all(|two| two[1] > two[0]);
            comparison.rises.insert(key.to_owned(), rises);
        }
    }
}
