//! Whether to believe a projection: what became of the rim, how much changed, measured in physical units.
//!
//! A generator trained on rims draws rims for any input, so the flags matter more than the look of the result. Only
//! pictures and masks are read here; the true label is no business of this stage.

use crate::metrics::rim_contrast::{RimSearch, rim_contrast_in_mask};
use crate::problem::{Kind, Problem, Result};
use crate::project::targets::Target;
use crate::records::projection::{FlagRate, ProjectedLesion};
use crate::statistics::order::quantile;
use crate::statistics::proportion::clustered;

/// Quantiles of the training rims' contrast that say "a rim" and "no rim". Between them neither flag is raised, so that
/// scatter about one threshold is no finding.
const PRESENT: f64 = 0.25;
const ABSENT: f64 = 0.05;

/// Fewer training rims than this give no quantiles worth a flag.
const FEWEST_RIMS: usize = 5;

/// How pictures of a data set are measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    /// Channel on which rims are seen.
    pub channel: usize,
    /// Rows of a slice.
    pub height: usize,
    /// Columns of a slice.
    pub width: usize,
    /// Physical units (ppb) per unit of the network's range.
    pub scale: f64,
}

impl Gauge {
    /// The measured channel of `pixels` \[C, H, W\] in physical units up to an offset, which no measure here depends
    /// on.
    fn plane(&self, pixels: &[f32]) -> Vec<f32> {
        self.measured(pixels).iter().map(|&v| (f64::from(v) * self.scale) as f32).collect()
    }

    /// The measured channel of `pixels` \[C, H, W\], in the network's range.
    pub fn measured<'a>(&self, pixels: &'a [f32]) -> &'a [f32] {
        let plane = self.height * self.width;
        &pixels[self.channel * plane..][..plane]
    }

    /// Rim contrast of `pixels` \[C, H, W\]: in the mask \[H, W\] the edge band minus the core; without one that of the
    /// most rim-like ellipse. `None` where the mask has no core or the slice is too small for an ellipse.
    pub fn contrast(&self, pixels: &[f32], mask: Option<&[bool]>) -> Option<f64> {
        let plane = self.plane(pixels);
        match mask {
            Some(mask) => rim_contrast_in_mask(&plane, mask, self.width),
            None => RimSearch::new(self.width, self.height).best(&plane).map(|rim| rim.ppb),
        }
    }

    /// Rim contrast of the projection of `target`, which has its size and mask and so can be measured where that could.
    ///
    /// # Errors
    /// It cannot be measured all the same.
    pub fn contrast_after(&self, pixels: &[f32], target: &Target) -> Result<f64> {
        self.contrast(pixels, target.mask.as_deref())
            .ok_or_else(|| Problem::new(Kind::Internal, format!("the projection of {} cannot be measured", target.id)))
    }

    /// What [`Gauge::contrast`] measures, in words.
    pub fn method(masked: bool) -> &'static str {
        if masked {
            "mean of the lesion mask's edge band (second and third pixel from its border) minus mean of its core"
        } else {
            "ring minus core or outside, the smaller, of the most rim-like ellipse about the centre"
        }
    }

    /// Root mean square difference inside `mask` (everywhere without one) and over the whole slice.
    pub fn root_mean_squares(&self, before: &[f32], after: &[f32], mask: Option<&[bool]>) -> (f64, f64) {
        let (before, after) = (self.plane(before), self.plane(after));
        let rms = |inside: &dyn Fn(usize) -> bool| {
            let squares: Vec<f64> = (0..before.len())
                .filter(|&at| inside(at))
                .map(|at| (f64::from(after[at]) - f64::from(before[at])).powi(2))
                .collect();
            (squares.iter().sum::<f64>() / squares.len().max(1) as f64).sqrt()
        };
        (rms(&|at| mask.is_none_or(|mask| mask[at])), rms(&|_| true))
    }
}

/// Levels of contrast between "no rim" and "a rim", from known rims.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// A slice shows a rim from here on: 25th percentile of the known rims.
    pub present: f64,
    /// It shows none below this: their 5th percentile.
    pub absent: f64,
    /// Slices of known rims.
    pub rims: usize,
}

impl Levels {
    /// From the contrasts of training rims, sliced as the projected lesions are.
    ///
    /// # Errors
    /// Fewer than five.
    pub fn of_rims(mut contrasts: Vec<f64>) -> Result<Self> {
        if contrasts.len() < FEWEST_RIMS {
            return Err(Problem::new(
                Kind::Input,
                format!("{} training rims whose contrast can be measured", contrasts.len()),
            )
            .expected(format!("at least {FEWEST_RIMS}, to say what contrast a rim has"))
            .advice("prepare a cohort with more rim lesions, or project plain images with --images"));
        }
        contrasts.sort_by(f64::total_cmp);
        let at = |share| quantile(&contrasts, share);
        Ok(Self { present: at(PRESENT), absent: at(ABSENT), rims: contrasts.len() })
    }

    /// A rim before, none after.
    pub fn erased(&self, before: f64, after: f64) -> bool {
        before >= self.present && after < self.absent
    }

    /// None before, a rim after.
    pub fn invented(&self, before: f64, after: f64) -> bool {
        self.erased(after, before)
    }
}

/// Share of erased and of invented rims for each role that occurs; slices and lesions of a patient are one cluster.
pub fn flag_rates(lesions: &[ProjectedLesion]) -> Vec<FlagRate> {
    let mut rates = Vec::new();
    for role in ["ambiguous", "rim", "non-rim"] {
        let of_role: Vec<_> = lesions.iter().filter(|lesion| lesion.role == role).collect();
        let erased: Vec<bool> = of_role.iter().map(|lesion| lesion.rim_erased).collect();
        let invented: Vec<bool> = of_role.iter().map(|lesion| lesion.rim_invented).collect();
        for (flag, raised) in [("rim erased", erased), ("rim invented", invented)] {
            let flagged = raised.iter().filter(|raised| **raised).count() as u64;
            let patients = of_role.iter().map(|lesion| &lesion.patient);
            if let Some(share) = clustered(patients.zip(raised)) {
                rates.push(FlagRate { role: role.to_owned(), flag: flag.to_owned(), flagged, share });
            }
        }
    }
    rates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::proportion::wilson;

    fn gauge() -> Gauge {
        Gauge { channel: 1, height: 11, width: 11, scale: 100.0 }
    }

    /// Second of two channels: a 7x7 lesion whose core, the pixel under three layers, is 0.4 below the rest.
    fn ring() -> (Vec<f32>, Vec<bool>) {
        let inside =
            |at: usize, from: usize, to: usize| (from..to).contains(&(at % 11)) && (from..to).contains(&(at / 11));
        let mask = (0..121).map(|at| inside(at, 2, 9)).collect();
        let channel = (0..121).map(|at| if inside(at, 5, 6) { 0.1 } else { 0.5 });
        (std::iter::repeat_n(9.0, 121).chain(channel).collect(), mask)
    }

    #[test]
    fn contrast_is_in_physical_units_on_the_right_channel() {
        let (pixels, mask) = ring();
        let contrast = gauge().contrast(&pixels, Some(&mask)).unwrap();
        assert!((contrast - 40.0).abs() < 1e-4, "{contrast}");
        let thin: Vec<bool> = (0..121).map(|at| at % 11 == 5).collect();
        assert_eq!(gauge().contrast(&pixels, Some(&thin)), None);
    }

    #[test]
    fn root_mean_squares_by_hand() {
        let (before, mask) = ring();
        let mut after = before.clone();
        // 7 of the 49 lesion pixels move by 0.1 (10 ppb); the other channel does not count.
        (0..7).for_each(|x| after[121 + 3 * 11 + 2 + x] += 0.1);
        after[3] = -9.0;
        let (lesion, slice) = gauge().root_mean_squares(&before, &after, Some(&mask));
        assert!((lesion - (700.0f64 / 49.0).sqrt()).abs() < 1e-4, "{lesion}");
        assert!((slice - (700.0f64 / 121.0).sqrt()).abs() < 1e-4, "{slice}");
    }

    #[test]
    fn flags_need_a_step_over_both_levels() {
        // 0, 10, .. 100: the 5th percentile is 5, the 25th 25.
        let levels = Levels::of_rims((0..=10).map(|i| f64::from(i) * 10.0).rev().collect()).unwrap();
        assert_eq!(levels, Levels { present: 25.0, absent: 5.0, rims: 11 });
        assert!(levels.erased(30.0, 4.0) && !levels.erased(24.0, 4.0) && !levels.erased(30.0, 6.0));
        assert!(levels.invented(4.0, 25.0) && !levels.invented(5.0, 90.0) && !levels.invented(0.0, 24.0));
        assert!(Levels::of_rims(vec![1.0; 4]).is_err());
    }

    #[test]
    fn rates_are_counted_by_role() {
        let lesion = |patient: &str, role: &str, rim_erased, rim_invented| ProjectedLesion {
            film: None,
            class: None,
            lesion_id: "l".into(),
            patient: patient.into(),
            slice: 0,
            role: role.into(),
            distance: 0.0,
            contrast_before: 0.0,
            contrast_after: 0.0,
            w_distance: 0.0,
            rim_erased,
            rim_invented,
            lesion_rms: 0.0,
            slice_rms: 0.0,
            figure: "f".into(),
            image: "i".into(),
            image_sha256: None,
            true_rim: None,
        };
        let lesions = [
            lesion("a", "non-rim", false, true),
            lesion("b", "non-rim", false, false),
            lesion("a", "rim", true, false),
        ];
        let rates = flag_rates(&lesions);
        let shown: Vec<_> =
            rates.iter().map(|r| (r.role.as_str(), r.flag.as_str(), r.flagged, r.share.value, r.share.n)).collect();
        assert_eq!(
            shown,
            [
                ("rim", "rim erased", 1, 1.0, 1),
                ("rim", "rim invented", 0, 0.0, 1),
                ("non-rim", "rim erased", 0, 0.0, 2),
                ("non-rim", "rim invented", 1, 0.5, 2)
            ]
        );
        assert_eq!(rates[3].share, wilson(1, 2).unwrap());
        // A second slice of each patient says nothing new.
        let twice: Vec<_> = lesions.iter().flat_map(|lesion| [lesion.clone(), lesion.clone()]).collect();
        let again = &flag_rates(&twice)[3];
        assert_eq!((again.flagged, again.share.n), (2, 4));
        assert!((again.share.low - rates[3].share.low).abs() < 1e-12, "{again:?}");
        assert!((again.share.high - rates[3].share.high).abs() < 1e-12, "{again:?}");
    }
}
