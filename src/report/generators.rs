//! What the page shows of several generators that differ in their random numbers alone.

use super::numbers::{number, or_dash, thousands};
use crate::records::projection::{ProjectedLesion, ProjectionRecord};
use crate::records::study::StudyRecord;
use crate::records::synthesis::{RimContrastSummary, SynthesisRecord};
use crate::records::training::TrainingRecord;
use crate::statistics::order::median;

/// A generator, as the table has it.
pub struct GeneratorRow {
    /// 1 and on.
    pub number: usize,
    /// Thousands of images that the kept snapshot had seen.
    pub kimg: String,
    /// Its Frechet distance to the training rims.
    pub frechet: String,
    /// Rim contrast of its drawn slices, ppb, median and quartiles.
    pub drawn: String,
    /// Share of them above the real rims' median.
    pub with_rim: String,
    /// Median rim contrast of contested lesions, ppb, before and after their projection.
    pub contested: [String; 2],
    /// Median distance of their w to the cloud.
    pub w_distance: String,
}

/// A row for each; none where the study has one.
pub fn rows(study: &StudyRecord) -> Vec<GeneratorRow> {
    if study.further_generators.is_empty() {
        return vec![];
    }
    let first = (&study.training, &study.synthesis, &study.projection);
    let further = study.further_generators.iter().map(|one| (&one.training, &one.synthesis, &one.projection));
    (1..).zip([first].into_iter().chain(further)).map(|(number, of)| row(number, of)).collect()
}

fn row(
    number_of: usize,
    (training, synthesis, projection): (&TrainingRecord, &SynthesisRecord, &ProjectionRecord),
) -> GeneratorRow {
    let [drawn, with_rim] = drawn(synthesis.rim_contrast.as_ref());
    let middle = |of: fn(&ProjectedLesion) -> f64, digits| {
        let contested = projection.lesions.iter().filter(|lesion| lesion.role == "ambiguous");
        or_dash(median(contested.map(of).filter(|value| value.is_finite())).map(|value| number(value, digits)))
    };
    GeneratorRow {
        number: number_of,
        kimg: thousands(training.best_images),
        frechet: or_dash(training.best_frechet.map(|distance| number(distance, 2))),
        drawn,
        with_rim,
        contested: [middle(|lesion| lesion.contrast_before, 1), middle(|lesion| lesion.contrast_after, 1)],
        w_distance: middle(|lesion| lesion.w_distance, 2),
    }
}

/// Rim contrast of drawn slices, and the share of them above the real rims' median.
fn drawn(rim: Option<&RimContrastSummary>) -> [String; 2] {
    let Some(rim) = rim else { return [or_dash(None), or_dash(None)] };
    let [low, high] = [rim.synthetic_quartiles.0, rim.synthetic_quartiles.1].map(|end| number(end, 1));
    [
        format!("{} ({low} to {high})", number(rim.synthetic_median, 1)),
        format!("{} %", number(100.0 * rim.synthetic_with_rim, 0)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_stand_for_what_was_not_measured_and_numbers_in_their_columns() {
        let rim = RimContrastSummary {
            synthetic_median: 11.0,
            synthetic_quartiles: (9.0, 14.0),
            real_median: 20.0,
            real_quartiles: (15.0, 25.0),
            non_rim_median: None,
            non_rim_quartiles: None,
            synthetic_with_rim: 0.25,
            non_rims_with_rim: None,
        };
        assert_eq!(drawn(Some(&rim)), ["11.0 (9.0 to 14.0)", "25 %"]);
        assert_eq!(drawn(None), ["—", "—"]);
    }
}
