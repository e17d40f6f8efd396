//! What is measured, in words: what each number shows and does not show.

use super::attribution::MARGIN;
use crate::records::explain::ExplanationMeasure;

/// Largest value within the traced rim's margin.
pub(super) const POINTING: &str = "pointing";
/// Share of the map in the traced rim.
pub(super) const ENERGY: &str = "energy";
/// Correlation with the exact difference.
pub(super) const CORRELATION: &str = "truth-correlation";
/// Share in common with the exact difference.
pub(super) const OVERLAP: &str = "truth-overlap";
/// Area under deletion.
pub(super) const DELETION: &str = "deletion";
/// Area under insertion.
pub(super) const INSERTION: &str = "insertion";

/// Every measure, in the order of the tables.
pub(super) fn measures() -> Vec<ExplanationMeasure> {
    let measure = |key: &str, name: &str, better: &str, about: String| ExplanationMeasure {
        key: key.into(),
        name: name.into(),
        better: better.into(),
        about,
    };
    vec![
        measure(
            POINTING,
            "pointing game",
            "higher",
            format!(
                "Share of lesions whose map is largest within {MARGIN} pixels of the traced rim; chance is that \
                 region's share of the patch. It says nothing of the rest of the map, and little where the bump in the \
                 middle, which knows no classifier, scores alike."
            ),
        ),
        measure(
            ENERGY,
            "energy in the rim",
            "higher",
            "Share of the positive part of the map that lies in the traced rim; chance is the rim's share of the \
             patch. A coarse map cannot reach 1: the exact difference on the map's grid says what it can."
                .into(),
        ),
        measure(
            CORRELATION,
            "correlation with the truth",
            "higher",
            "Pearson's correlation, over the pixels of a slice, with the exact change that the rim makes. It shows \
             whether the map lies where the rim acts on the image, not whether the classifier uses it."
                .into(),
        ),
        measure(
            OVERLAP,
            "overlap with the truth",
            "higher",
            "Share of the map, made to add up to 1, that lies where the exact change, made to add up to 1, lies too; \
             chance is an even map's. As coarse as the correlation, but deaf to what the map denies."
                .into(),
        ),
        measure(
            DELETION,
            "deletion",
            "lower",
            "Area under the probability of the class while pixels are blurred away in the map's order. Such images are \
             unlike any that the classifier learned from, so it is worth something beside the random order only."
                .into(),
        ),
        measure(
            INSERTION,
            "insertion",
            "higher",
            "Area under the same probability while pixels are brought back into the blurred slice. The same holds."
                .into(),
        ),
    ]
}

/// What stands in place of the truth where there is none.
pub(super) const REAL: &str = "The lesions cannot be simulated without their rims, because the settings of a \
     simulation are not given: what of a slice comes from its rim is not known, and no map is held to it.";

/// Where it was not asked for.
pub(super) const NOT_ASKED: &str =
    "That the lesions be simulated again without their rims was not asked for (twins = false).";

/// Where the data set has more than the one contrast that is simulated again.
pub(super) const OTHER_CONTRASTS: &str = "Only susceptibility is simulated again without rims, and the data set has \
     another contrast or several: no map is held to the truth.";

/// Where no rim was traced.
pub(super) const NOT_TRACED: &str = "No rim of these lesions was traced, or the cohort with its tracings is not given: \
     where the rim lies is not known, and pointing game and energy are not there.";

/// Always.
pub(super) const LIMITS: &str = "Maps are of the readers' agreed test rims alone, called right or wrong, each by its \
     largest slice; other lesions that are taken for rims are not among them.";
