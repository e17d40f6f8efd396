//! How much rim the synthetic lesions show, beside real rims and non-rims measured the same way.

use crate::metrics::rim_contrast::RimSearch;
use crate::records::label::{Contrast, SUSCEPTIBILITY};
use crate::records::synthesis::RimContrastSummary;
use crate::statistics::order::quantile;

/// Rim contrast of every image, where there is a susceptibility map to measure it on.
pub struct RimMeter {
    /// Pixels of one channel.
    plane: usize,
    channel: Option<(usize, Contrast, RimSearch)>,
    synthetic: Vec<f64>,
    real: Vec<f64>,
    non_rim: Vec<f64>,
}

impl RimMeter {
    /// For images of `height` x `width` pixels with these channels; the map in ppb is measured, where there is one.
    pub fn new(contrasts: &[Contrast], [height, width]: [usize; 2]) -> Self {
        let channel = contrasts.iter().position(|contrast| contrast.name == SUSCEPTIBILITY && contrast.unit == "ppb");
        let channel = channel.map(|channel| (channel, contrasts[channel].clone(), RimSearch::new(width, height)));
        Self { plane: height * width, channel, synthetic: vec![], real: vec![], non_rim: vec![] }
    }

    fn measure(&self, pixels: &[f32]) -> Option<f64> {
        let (channel, contrast, search) = self.channel.as_ref()?;
        let values = &pixels[channel * self.plane..][..self.plane];
        let ppb: Vec<f32> = values.iter().map(|&value| contrast.window.to_physical(value)).collect();
        Some(search.best(&ppb)?.ppb)
    }

    /// Adds an image \[C, height, width\] in the network's range, as do `real` and `non_rim`.
    pub fn synthetic(&mut self, pixels: &[f32]) {
        self.synthetic.extend(self.measure(pixels));
    }

    /// Adds a slice of a training rim.
    pub fn real(&mut self, pixels: &[f32]) {
        self.real.extend(self.measure(pixels));
    }

    /// Adds a slice of a training non-rim.
    pub fn non_rim(&mut self, pixels: &[f32]) {
        self.non_rim.extend(self.measure(pixels));
    }

    /// `None` without a susceptibility map, or without reals to compare with.
    pub fn summary(mut self) -> Option<RimContrastSummary> {
        if self.synthetic.is_empty() || self.real.is_empty() {
            return None;
        }
        for values in [&mut self.synthetic, &mut self.real, &mut self.non_rim] {
            values.sort_by(f64::total_cmp);
        }
        let quartiles = |values: &[f64]| (quantile(values, 0.25), quantile(values, 0.75));
        let floor = quantile(&self.real, 0.5);
        let with_rim = |values: &[f64]| values.iter().filter(|&&ppb| ppb > floor).count() as f64 / values.len() as f64;
        let null = Some(&self.non_rim[..]).filter(|values| !values.is_empty());
        Some(RimContrastSummary {
            synthetic_median: quantile(&self.synthetic, 0.5),
            synthetic_quartiles: quartiles(&self.synthetic),
            real_median: quantile(&self.real, 0.5),
            real_quartiles: quartiles(&self.real),
            non_rim_median: null.map(|values| quantile(values, 0.5)),
            non_rim_quartiles: null.map(quartiles),
            synthetic_with_rim: with_rim(&self.synthetic),
            non_rims_with_rim: null.map(with_rim),
        })
    }
}
