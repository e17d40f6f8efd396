//! What an arm is made of.

use crate::classify::material::Selection;
use crate::classify::source::Source;
use crate::classify::training_set::{ClassSet, InterestSet};

/// All that an arm says about itself.
pub struct Recipe {
    /// As in the tables.
    pub name: &'static str,
    /// What it does where a class is of interest, in the words of the rim study.
    pub about: &'static str,
    /// What it does where no class is of more interest than another; absent where it makes no sense there.
    pub any_classes: Option<AnyClasses>,
    /// Material that it cannot do without.
    pub needs: &'static [Source],
    /// Makes of the None arm's set, which it is handed, its own.
    pub compose: fn(&Selection, &mut InterestSet),
}

/// An arm where no class is of more interest than another.
pub struct AnyClasses {
    /// What it does.
    pub about: &'static str,
    /// Makes of the None arm's set, which it is handed, its own.
    pub compose: fn(&Selection, &mut ClassSet),
}
