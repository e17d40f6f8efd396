//! What is normal at each pixel of a slice: mean and deviation over healthy images of about the same place.

use super::items::View;
use crate::filter::gaussian;
use crate::statistics::order::quantile;

/// Fewer images than these give no deviation; the nearest are taken then, however far.
const FEWEST: usize = 5;

/// Blur in pixels of what is known from few images.
const BLUR: f64 = 1.0;

/// A pixel's deviation is at least this share of the image's median one: where a handful of images agree by chance,
/// nothing would be normal.
const LEAST: f64 = 0.25;

/// Healthy images of one kind: levels, or what projections leave.
pub struct Normal {
    /// Level and values \[H, W\].
    images: Vec<(i64, Vec<f32>)>,
    size: (usize, usize),
    reach: i64,
}

/// Of one level.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// \[H, W\].
    pub mean: Vec<f32>,
    /// \[H, W\], above 0.
    pub deviation: Vec<f32>,
    /// Images that they are of.
    pub images: usize,
}

impl Normal {
    /// Of images with their levels; those at most `reach` voxels away count as of one place.
    pub fn new(view: &View, images: Vec<(i64, Vec<f32>)>, reach: u64) -> Self {
        Self { images, size: view.size, reach: i64::try_from(reach).unwrap_or(i64::MAX) }
    }

    /// What is normal at `level`; `None` without any image.
    pub fn at(&self, level: i64) -> Option<Place> {
        let mut by_distance: Vec<(i64, usize)> =
            self.images.iter().enumerate().map(|(at, (own, _))| ((own - level).abs(), at)).collect();
        by_distance.sort_unstable();
        let within = by_distance.iter().filter(|(distance, _)| *distance <= self.reach).count();
        let taken: Vec<&Vec<f32>> =
            by_distance.iter().take(within.max(FEWEST)).map(|(_, at)| &self.images[*at].1).collect();
        let count = taken.len() as f64;
        let first = taken.first()?;
        let mean: Vec<f64> =
            (0..first.len()).map(|at| taken.iter().map(|image| f64::from(image[at])).sum::<f64>() / count).collect();
        let variance: Vec<f32> = (0..first.len())
            .map(|at| {
                let squares = taken.iter().map(|image| (f64::from(image[at]) - mean[at]).powi(2)).sum::<f64>();
                (squares / (count - 1.0).max(1.0)) as f32
            })
            .collect();
        let narrow = |values: &[f32]| gaussian(values, self.size, BLUR);
        let mean: Vec<f32> = mean.into_iter().map(|value| value as f32).collect();
        let mut deviation: Vec<f32> = narrow(&variance).into_iter().map(f32::sqrt).collect();
        let mut known: Vec<f64> =
            deviation.iter().map(|value| f64::from(*value)).filter(|value| *value > 1e-6).collect();
        known.sort_by(f64::total_cmp);
        let least = if known.is_empty() { 1.0 } else { LEAST * quantile(&known, 0.5) } as f32;
        deviation.iter_mut().for_each(|value| *value = value.max(least));
        Some(Place { mean, deviation, images: taken.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        View { channel: 0, truth: None, size: (4, 4), range: 1.0, unit: "FA".into(), healthy: vec![], lesioned: vec![] }
    }

    #[test]
    fn images_of_about_one_place_give_mean_and_deviation() {
        // Five near level 10, all pixels alike: .1, .2, .3, .4, .5; one far away.
        let images = (1..=5).map(|at| (9 + i64::from(at % 3), vec![at as f32 / 10.0; 16])).chain([(99, vec![9.0; 16])]);
        let normal = Normal::new(&view(), images.collect(), 2);
        let place = normal.at(10).unwrap();
        assert_eq!(place.images, 5);
        assert!(place.mean.iter().all(|mean| (mean - 0.3).abs() < 1e-6));
        // Squares .04 + .01 + 0 + .01 + .04 over 4.
        assert!(place.deviation.iter().all(|sd| (sd - 0.025f32.sqrt()).abs() < 1e-6));
        // Nothing is near 1000: the nearest five, the far one among them.
        assert!(normal.at(1000).unwrap().mean[0] > 1.0);
        assert_eq!(Normal::new(&view(), vec![], 2).at(0), None);
    }
}
