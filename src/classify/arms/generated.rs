//! Arms of rims that a generator drew.

use super::recipe::Recipe;
use crate::classify::source::Source;

pub(super) const ADA_GAN: Recipe = Recipe {
    name: "ADA-GAN",
    about: "synthetic rims added",
    any_classes: None,
    needs: &[Source::Synthetic],
    compose: |selection, set| set.added = selection.labelled(Source::Synthetic, 1.0),
};

pub(super) const ADA_CGAN: Recipe = Recipe {
    name: "ADA-cGAN",
    about: "synthetic rims of the conditional generator added",
    any_classes: None,
    needs: &[Source::Conditional],
    compose: |selection, set| set.added = selection.labelled(Source::Conditional, 1.0),
};

/// Its control is the ADA-GAN arm: as many drawn from the same images.
pub(super) const AGREEMENT: Recipe = Recipe {
    name: "ADA-GAN, agreed",
    about: "the synthetic rims that classifiers cross-fitted by patient are surest of; ADA-GAN takes as many at random",
    any_classes: None,
    needs: &[Source::Agreeing],
    compose: |selection, set| set.added = selection.labelled(Source::Agreeing, 1.0),
};

pub(super) const REALISM: Recipe = Recipe {
    name: "ADA-GAN, realistic",
    about: "the synthetic rims of the highest realism score (Kynkaanniemi et al. 2019); ADA-GAN takes as many at \
            random",
    any_classes: None,
    needs: &[Source::Realistic],
    compose: |selection, set| set.added = selection.labelled(Source::Realistic, 1.0),
};
