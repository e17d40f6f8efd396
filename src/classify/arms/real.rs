//! Arms of the agreed lesions alone: which of them are seen, how often, and how much they weigh.

use super::recipe::{AnyClasses, Recipe};
use crate::classify::material::{Selection, Unit};
use crate::classify::training_set::{Example, InterestSet};
use crate::records::classify;

pub(super) const NONE: Recipe = Recipe {
    name: classify::NONE,
    about: "lesions on whose label both readers agree",
    any_classes: Some(AnyClasses {
        about: "every lesion whose class is agreed, as often as any other",
        compose: |_, _| {},
    }),
    needs: &[],
    compose: |_, _| {},
};

pub(super) const CLASS_WEIGHT: Recipe = Recipe {
    name: "Class weight",
    about: "rims weighted by the inverse of their share",
    any_classes: Some(AnyClasses {
        about: "each class weighted by the inverse of its share",
        compose: |selection, set| {
            let all: usize = selection.classes.iter().map(Vec::len).sum();
            let inverse = |units: &Vec<Unit>| all as f32 / (selection.classes.len() * units.len()) as f32;
            set.weights = selection.classes.iter().map(inverse).collect();
        },
    }),
    needs: &[],
    compose: |_, set| {
        let share = set.share();
        set.interest_weight = ((1.0 - share) / share) as f32;
    },
};

pub(super) const OVERSAMPLE: Recipe = Recipe {
    name: "Oversample",
    about: "half of every batch are rims",
    any_classes: Some(AnyClasses {
        about: "each class in turn, so that batches hold as many of each",
        compose: |_, set| set.balanced = true,
    }),
    needs: &[],
    compose: |selection, set| set.interest_per_batch = selection.batch / 2,
};

/// Logit adjustment: Menon et al. 2021 (arXiv 2007.07314), equation 10 with tau 1. What is learnt is the logit without
/// the share of the classes, which the batches have.
pub(super) const ALL_NON_RIMS: Recipe = Recipe {
    name: "All non-rims",
    about: "all non-rims in batches of their natural share, the logit adjusted by the log odds of that share",
    any_classes: None,
    needs: &[],
    compose: |selection, set| {
        set.others = selection.all_others.iter().map(|unit| Example { unit: unit.clone(), target: 0.0 }).collect();
        set.interest_per_batch = InterestSet::per_batch(set.share(), selection.batch);
        let (rims, others) = (set.interest_per_batch as f64, (selection.batch - set.interest_per_batch) as f64);
        set.logit_shift = (rims / others).ln() as f32;
    },
};

/// As the control of the same name, but beside other arms.
pub(super) const SHUFFLED_LABELS: Recipe = Recipe {
    name: "Shuffled labels",
    about: "control: the training lesions' labels dealt out anew; its AUROC must hold .5",
    any_classes: None,
    needs: &[],
    compose: |selection: &Selection, set| set.shuffle_labels(&mut selection.seed.stream("shuffled arm", 0)),
};

pub(super) const CLASSICAL: Recipe = Recipe {
    name: "Classical",
    about: "slices mirrored, turned by quarters and shifted anew each time that a fit sees them",
    any_classes: Some(AnyClasses {
        about: "images mirrored, turned by quarters and shifted anew each time that a fit sees them",
        compose: |_, _| {},
    }),
    needs: &[],
    compose: |_, _| {},
};
