//! Of section 4: from faithful to rim-like, what contested lesions gain and what known non-rims get invented.

use super::numbers::{middle_with_interval, number, or_dash, signed_interval};
use crate::records::projection::{CurvePoint, CurveSlice, ProjectedLesion, ProjectionRecord};
use crate::seed::RunSeed;
use crate::statistics::medians::medians_apart;
use crate::statistics::order::median;

/// One strength of the pull towards a rim; medians over slices, in brackets their intervals over patients.
pub struct CurveRow {
    /// `towards_rim`.
    pub towards_rim: String,
    /// Contrast gained by contested slices of true rims, ppb; a dash where no truth is known.
    pub true_gain: String,
    /// Contrast gained by contested slices that are truly none.
    pub false_gain: String,
    /// The first of these medians minus the second.
    pub apart: String,
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
    projection.curve.iter().map(|point| row(projection, point)).collect()
}

type Pair<'a> = (&'a ProjectedLesion, &'a CurveSlice);

fn row(projection: &ProjectionRecord, point: &CurvePoint) -> CurveRow {
    let pairs: Vec<Pair<'_>> = projection.lesions.iter().zip(&point.slices).collect();
    let items = |chosen: &dyn Fn(&ProjectedLesion) -> bool, of: &dyn Fn(Pair<'_>) -> f64| -> Vec<(&str, f64)> {
        let chosen = pairs.iter().filter(|(lesion, _)| chosen(lesion));
        chosen.map(|&pair| (pair.0.patient.as_str(), of(pair))).filter(|(_, value)| value.is_finite()).collect()
    };
    let gain = |(lesion, slice): Pair<'_>| slice.contrast_after - lesion.contrast_before;
    let contested = |truth: bool| move |l: &ProjectedLesion| l.role == "ambiguous" && l.true_rim == Some(truth);
    // What the readers call no rim and truly is one has nothing invented.
    let non_rim = |l: &ProjectedLesion| l.role == "non-rim" && l.true_rim != Some(true);
    let held_out = |l: &ProjectedLesion| l.role == "rim" && l.contrast_before > 0.0;
    let kept = |(lesion, slice): Pair<'_>| slice.contrast_after / lesion.contrast_before;
    let [of_true, of_false] = [true, false].map(|truth| items(&contested(truth), &gain));
    let known: Vec<&Pair<'_>> = pairs.iter().filter(|(lesion, _)| non_rim(lesion)).collect();
    let invented = known.iter().filter(|(_, slice)| slice.rim_invented).count();
    let seed = projection.seed;
    let apart = medians_apart(&of_true, &of_false, RunSeed(seed));
    let over_all = |of: &dyn Fn(Pair<'_>) -> f64, digits| {
        let values = pairs.iter().map(|&pair| of(pair)).filter(|value| value.is_finite());
        or_dash(median(values).map(|value| number(value, digits)))
    };
    CurveRow {
        towards_rim: number(point.towards_rim, 2),
        true_gain: middle_with_interval(&of_true, 1, seed),
        false_gain: middle_with_interval(&of_false, 1, seed),
        apart: or_dash(apart.map(|apart| signed_interval(&apart, 1))),
        kept: middle_with_interval(&items(&held_out, &kept), 2, seed),
        non_rim_gain: middle_with_interval(&items(&non_rim, &gain), 1, seed),
        invented: format!("{invented} of {}", known.len()),
        lesion_rms: over_all(&|(_, slice)| slice.lesion_rms, 1),
        w_distance: over_all(&|(_, slice)| slice.w_distance, 2),
    }
}
