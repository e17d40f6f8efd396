//! How two images agree, over the whole image as published and inside what is not background.

use super::items::{Item, View};
use crate::metrics::ssim::{ssim, ssim_within};
use crate::problem::Result;
use crate::records::residuals::{Agreement, Measured};
use crate::seed::RunSeed;
use crate::statistics::bootstrap::ClusterBootstrap;

/// Of one pair of images; on a scale of 0..1 for the channel's window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likeness {
    /// Structural similarity.
    pub ssim: f64,
    /// The same inside.
    pub ssim_inside: f64,
    /// Mean squared error.
    pub mse: f64,
    /// The same inside.
    pub mse_inside: f64,
    /// The same inside lesions.
    pub mse_lesions: Option<f64>,
}

impl Likeness {
    /// How `image` \[C, H, W\] agrees with an item as it is.
    ///
    /// # Errors
    /// An image smaller than SSIM's window.
    pub fn of(view: &View, item: &Item, image: &[f32]) -> Result<Self> {
        let scaled =
            |pixels: &[f32]| -> Vec<f64> { view.plane(pixels).iter().map(|v| (f64::from(*v) + 1.0) / 2.0).collect() };
        let (before, after) = (scaled(&item.pixels), scaled(image));
        let error = |inside: &dyn Fn(usize) -> bool| {
            let squares: Vec<f64> =
                (0..before.len()).filter(|&at| inside(at)).map(|at| (after[at] - before[at]).powi(2)).collect();
            (!squares.is_empty()).then(|| squares.iter().sum::<f64>() / squares.len() as f64)
        };
        let whole = ssim(&before, &after, view.size, 1.0)?;
        Ok(Self {
            ssim: whole,
            ssim_inside: ssim_within(&before, &after, view.size, 1.0, &item.inside)?.unwrap_or(whole),
            mse: error(&|_| true).unwrap_or_default(),
            mse_inside: error(&|at| item.inside[at]).unwrap_or_default(),
            mse_lesions: error(&|at| item.truth[at]),
        })
    }
}

/// Means over images, with intervals over their patients.
pub fn summarised(pairs: &[(String, Likeness)], draws: usize, seed: RunSeed) -> Agreement {
    let measured = |value: &dyn Fn(&Likeness) -> Option<f64>| {
        let own: Vec<(&str, f64)> =
            pairs.iter().filter_map(|(patient, one)| Some((patient.as_str(), value(one)?))).collect();
        mean_of(&own, draws, seed)
    };
    let always = |value: &dyn Fn(&Likeness) -> f64| {
        measured(&|one| Some(value(one))).unwrap_or(Measured { value: f64::NAN, interval: None })
    };
    Agreement {
        ssim: always(&|one| one.ssim),
        ssim_inside: always(&|one| one.ssim_inside),
        mse: always(&|one| one.mse),
        mse_inside: always(&|one| one.mse_inside),
        mse_lesions: measured(&|one| one.mse_lesions),
    }
}

/// The mean of values of patients; `None` without any.
pub fn mean_of(values: &[(&str, f64)], draws: usize, seed: RunSeed) -> Option<Measured> {
    let mean = |copies: &[u32]| {
        let total: f64 = copies.iter().map(|&count| f64::from(count)).sum();
        let sum: f64 = values.iter().zip(copies).map(|((_, value), &count)| value * f64::from(count)).sum();
        (total > 0.0).then(|| sum / total)
    };
    let value = mean(&vec![1; values.len()])?;
    let patients: Vec<&str> = values.iter().map(|(patient, _)| *patient).collect();
    let interval = ClusterBootstrap::by_patient(&patients, seed.child("mean", 0)).draws(draws).interval(mean);
    Some(Measured { value, interval })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_by_hand() {
        let view = View {
            channel: 0,
            truth: None,
            size: (12, 12),
            range: 1.0,
            unit: "FA".into(),
            healthy: vec![],
            lesioned: vec![],
        };
        let mut item = Item {
            id: crate::name::Name::of_known("a"),
            patient: "a".into(),
            level: 0,
            pixels: vec![-1.0; 144],
            inside: (0..144).map(|at| at < 72).collect(),
            truth: (0..144).map(|at| at < 36).collect(),
        };
        item.pixels[..72].fill(0.0);
        let mut other = item.pixels.clone();
        other[..36].fill(0.4);
        let found = Likeness::of(&view, &item, &other).unwrap();
        // .4 of the network's range is .2 of the window: .04 in 36 pixels of 144, of 72, of 36.
        for (value, expected) in [(found.mse, 0.01), (found.mse_inside, 0.02), (found.mse_lesions.unwrap(), 0.04)] {
            assert!((value - expected).abs() < 1e-7, "{value} {expected}");
        }
        let same = Likeness::of(&view, &item, &item.pixels).unwrap();
        assert!((same.ssim - 1.0).abs() < 1e-9 && (same.ssim_inside - 1.0).abs() < 1e-9);
        assert!(found.ssim_inside < found.ssim);
        item.truth.fill(false);
        assert_eq!(Likeness::of(&view, &item, &other).unwrap().mse_lesions, None);
    }

    #[test]
    fn means_are_over_images_and_intervals_over_patients() {
        let values = [("a", 1.0), ("a", 2.0), ("b", 3.0)];
        assert_eq!(mean_of(&values, 200, RunSeed(1)).unwrap().value, 2.0);
        assert_eq!(mean_of(&[], 200, RunSeed(1)), None);
    }
}
