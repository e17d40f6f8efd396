//! Of section 4: from faithful to rim-like, what contested lesions gain and what known non-rims get invented.

use super::numbers::number;
use crate::records::projection::{CurvePoint, CurveSlice, ProjectedLesion, ProjectionRecord};
use crate::statistics::order::median;

/// One strength of the pull towards a rim; medians over slices.
pub struct CurveRow {
    /// `towards_rim`.
    pub towards_rim: String,
    /// Contrast gained by contested slices of true rims, ppb; a dash where no truth is known.
    pub true_gain: String,
    /// Contrast gained by contested slices that are truly none.
    pub false_gain: String,
    /// Share of their contrast that held-out rims keep.
    pub kept: String,
    /// Contrast gained by known non-rims.
    pub non_rim_gain: String,
    /// Rims invented on known non-rims: "1 of 9".
    pub invented: String,
    /// Difference inside the lesion over all slices, ppb.
    pub lesion_rms: String,
    /// Distance of w to the cloud over all slices.
    pub w_distance: String,
}

/// A row for each point of the record's curve; none where it has none.
pub fn rows(projection: &ProjectionRecord) -> Vec<CurveRow> {
    projection.curve.iter().map(|point| row(&projection.lesions, point)).collect()
}

fn row(lesions: &[ProjectedLesion], point: &CurvePoint) -> CurveRow {
    type Pair<'a> = (&'a ProjectedLesion, &'a CurveSlice);
    let pairs: Vec<Pair<'_>> = lesions.iter().zip(&point.slices).collect();
    let middle = |chosen: &dyn Fn(&ProjectedLesion) -> bool, of: &dyn Fn(Pair<'_>) -> f64, digits| {
        let values = pairs.iter().filter(|(lesion, _)| chosen(lesion)).map(|&pair| of(pair));
        median(values.filter(|value| value.is_finite())).map_or_else(|| "—".into(), |value| number(value, digits))
    };
    let gain = |(lesion, slice): Pair<'_>| slice.contrast_after - lesion.contrast_before;
    let contested = |truth: bool| move |l: &ProjectedLesion| l.role == "ambiguous" && l.true_rim == Some(truth);
    // What the readers call no rim and truly is one has nothing invented.
    let non_rim = |l: &ProjectedLesion| l.role == "non-rim" && l.true_rim != Some(true);
    let known: Vec<&Pair<'_>> = pairs.iter().filter(|(lesion, _)| non_rim(lesion)).collect();
    let invented = known.iter().filter(|(_, slice)| slice.rim_invented).count();
    CurveRow {
        towards_rim: number(point.towards_rim, 2),
        true_gain: middle(&contested(true), &gain, 1),
        false_gain: middle(&contested(false), &gain, 1),
        kept: middle(
            &|l| l.role == "rim" && l.contrast_before > 0.0,
            &|(l, s)| s.contrast_after / l.contrast_before,
            2,
        ),
        non_rim_gain: middle(&non_rim, &gain, 1),
        invented: format!("{invented} of {}", known.len()),
        lesion_rms: middle(&|_| true, &|(_, slice)| slice.lesion_rms, 1),
        w_distance: middle(&|_| true, &|(_, slice)| slice.w_distance, 2),
    }
}
