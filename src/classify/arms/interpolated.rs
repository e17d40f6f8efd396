//! Arms of rims made out of the real ones: copies, and points between them in pixels, codes or latents.

use super::recipe::Recipe;
use crate::classify::source::Source;

pub(super) const AFFINE: Recipe = Recipe {
    name: "Affine",
    about: "random affine copies of rims in place of as many non-rims",
    any_classes: None,
    needs: &[Source::Affine],
    compose: |selection, set| {
        set.added = selection.as_made(Source::Affine);
        set.others.truncate(set.others.len().saturating_sub(set.added.len()).max(1));
    },
};

/// Chawla et al. 2002 (arXiv 1106.1813).
pub(super) const SMOTE: Recipe = Recipe {
    name: "SMOTE",
    about: "points on the way from a rim's slice to one of its five nearest of other patients, in pixels",
    any_classes: None,
    needs: &[Source::Smote],
    compose: |selection, set| set.added = selection.as_made(Source::Smote),
};

/// Dablain et al. 2021 (arXiv 2105.02340).
pub(super) const DEEP_SMOTE: Recipe = Recipe {
    name: "DeepSMOTE",
    about: "SMOTE among the codes of an autoencoder whose penalty is the paper's: decoded permuted codes against the \
            images in their own order",
    any_classes: None,
    needs: &[Source::DeepSmote],
    compose: |selection, set| set.added = selection.as_made(Source::DeepSmote),
};

pub(super) const DEEP_SMOTE_CODE: Recipe = Recipe {
    name: "DeepSMOTE (code)",
    about: "SMOTE among the codes of an autoencoder whose penalty is that of the published program: codes without \
            gradient against their own images",
    any_classes: None,
    needs: &[Source::DeepSmoteCode],
    compose: |selection, set| set.added = selection.as_made(Source::DeepSmoteCode),
};

/// As interpolated inversions (Golhar et al. 2022, arXiv 2205.02840).
pub(super) const LATENT_SMOTE: Recipe = Recipe {
    name: "Latent SMOTE",
    about: "images of points between the projections of agreed rims in W, neighbours of different patients",
    any_classes: None,
    needs: &[Source::LatentSmote],
    compose: |selection, set| set.added = selection.as_made(Source::LatentSmote),
};
