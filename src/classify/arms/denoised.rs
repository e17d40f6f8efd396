//! Arms of projected lesions.

use super::recipe::Recipe;
use crate::classify::source::Source;
use crate::records::classify;

pub(super) const ADA_GAN_LD: Recipe = Recipe {
    name: classify::DENOISED[0],
    about: "contested lesions added as their projections onto the rim generator",
    any_classes: None,
    needs: &[Source::Denoised],
    compose: |selection, set| set.added = selection.labelled(Source::Denoised, 1.0),
};

pub(super) const ADA_GAN_PLUS_LD: Recipe = Recipe {
    name: classify::DENOISED[1],
    about: "projections and synthetic rims added, half each",
    any_classes: None,
    needs: &[Source::Denoised, Source::Synthetic],
    compose: |selection, set| {
        let (denoised, synthetic) =
            (selection.labelled(Source::Denoised, 1.0), selection.labelled(Source::Synthetic, 1.0));
        let half = denoised.len().div_ceil(2);
        let rest = denoised.len() - half;
        set.added = denoised.into_iter().take(half).chain(synthetic.into_iter().take(rest)).collect();
    },
};

/// Zhang et al. 2018 (arXiv 1710.09412) between a lesion and its projection.
pub(super) const MIXUP: Recipe = Recipe {
    name: "Projection mixup",
    about: "each contested lesion mixed with its projection, a x + (1 - a) projection with a from Beta(.4, .4), \
            and with probability a / 2 + (1 - a): one half for the lesion, one for the projection",
    any_classes: None,
    needs: &[Source::Mixed],
    compose: |selection, set| set.added = selection.as_made(Source::Mixed),
};

/// Pixels of the generator in both classes, so that they give no class away.
pub(super) const SOURCE_MATCHED: Recipe = Recipe {
    name: "ADA-GAN-LD, matched",
    about: "control: projections of contested lesions as rims, beside projections of agreed rims as rims and of as \
            many agreed non-rims as non-rims, all by the same projector",
    any_classes: None,
    needs: &[Source::Denoised, Source::ProjectedInterest, Source::ProjectedOthers],
    compose: |selection, set| {
        let (rims, others) =
            (selection.labelled(Source::ProjectedInterest, 1.0), selection.labelled(Source::ProjectedOthers, 0.0));
        let count = rims.len().min(others.len());
        set.added = selection.labelled_of_first(Source::Denoised, 1.0);
        set.added.extend(rims.into_iter().take(count).chain(others.into_iter().take(count)));
    },
};

pub(super) const PROJECTED_NON_RIMS: Recipe = Recipe {
    name: "Projected non-rims",
    about: "control: agreed non-rims added as their projections onto the rim generator, and called rims",
    any_classes: None,
    needs: &[Source::ProjectedOthers],
    compose: |selection, set| set.added = selection.labelled(Source::ProjectedOthers, 1.0),
};

pub(super) const RANDOM_LATENTS: Recipe = Recipe {
    name: "Random latents",
    about: "control: for every contested lesion as many untruncated images of random latents as slices of it were \
            projected, called rims",
    any_classes: None,
    needs: &[Source::RandomLatents],
    compose: |selection, set| set.added = selection.labelled(Source::RandomLatents, 1.0),
};

pub(super) const GENERATOR_MEAN: Recipe = Recipe {
    name: "Generator's mean",
    about: "control: the image of the generator's mean w, called a rim",
    any_classes: None,
    needs: &[Source::GeneratorMean],
    compose: |selection, set| set.added = selection.labelled(Source::GeneratorMean, 1.0),
};
