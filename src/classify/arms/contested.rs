//! Arms of the contested lesions as they are, under one label or another. That they are left out is the None arm.

use super::recipe::Recipe;
use crate::classify::source::Source;

pub(super) const AMBIGUOUS: Recipe = Recipe {
    name: "Ambiguous",
    about: "contested lesions put straight into the rim class",
    any_classes: None,
    needs: &[Source::Ambiguous],
    compose: |selection, set| set.added = selection.labelled(Source::Ambiguous, 1.0),
};

pub(super) const SOFT_LABEL: Recipe = Recipe {
    name: "Soft label",
    about: "contested lesions added with probability one half",
    any_classes: None,
    needs: &[Source::Ambiguous],
    compose: |selection, set| set.added = selection.labelled(Source::Ambiguous, 0.5),
};

pub(super) const AMBIGUOUS_AS_NON_RIM: Recipe = Recipe {
    name: "Ambiguous as non-rim",
    about: "contested lesions added as non-rims, as the readers' rule has it",
    any_classes: None,
    needs: &[Source::Ambiguous],
    compose: |selection, set| set.added = selection.labelled(Source::Ambiguous, 0.0),
};

pub(super) const EM: Recipe = Recipe {
    name: "EM",
    about: "contested lesions added with their posterior probability, by a classifier and the readers' error rates \
            estimated together (Raykar et al. 2010), the classifier cross-fitted by patient",
    any_classes: None,
    needs: &[Source::Posterior],
    compose: |selection, set| set.added = selection.as_made(Source::Posterior),
};

/// Projections into a generator that knows both classes, compared (`rimforge two-sided`).
pub(super) const TWO_SIDED: Recipe = Recipe {
    name: "Two-sided",
    about: "contested lesions added with the probability that their losses as rim and as non-rim give them, in a \
            generator that knows both classes",
    any_classes: None,
    needs: &[Source::TwoSided],
    compose: |selection, set| set.added = selection.as_made(Source::TwoSided),
};

pub(super) const TWO_SIDED_IMAGE: Recipe = Recipe {
    name: "Two-sided, image",
    about: "the same probabilities with the projections of the class that each contested lesion fits better",
    any_classes: None,
    needs: &[Source::TwoSidedImage],
    compose: |selection, set| set.added = selection.as_made(Source::TwoSidedImage),
};

pub(super) const ORACLE: Recipe = Recipe {
    name: "Oracle",
    about: "control: contested lesions added with their true label, which only a simulation knows",
    any_classes: None,
    needs: &[Source::Oracle],
    compose: |selection, set| set.added = selection.as_made(Source::Oracle),
};
