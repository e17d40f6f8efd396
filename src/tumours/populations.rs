//! Populations out of the names of classes: "axial-tumour-SSA" is of "SSA".

use std::collections::BTreeSet;

use crate::data::Prepared;
use crate::problem::{Problem, Result};
use crate::records::classes::Class;

/// How a data set is made that this room can work with.
pub const PREPARE: &str = "prepare it with `rimforge prepare --brats DIR --contrasts t1c,t2f,seg --slice-classes \
                           plane-tumour-population`";

/// What stands behind the last "-" of a class's name; `None` where nothing does.
pub fn population(class: &Class) -> Option<&str> {
    class.name().rsplit_once('-').map(|(_, population)| population).filter(|population| !population.is_empty())
}

/// The populations beside the rare one, in the order of the alphabet.
///
/// # Errors
/// A class that names no population, fewer than two populations, or none called `rare`.
pub fn frequent(data: &Prepared, rare: &str) -> Result<Vec<String>> {
    let classes = data.classes();
    let refused =
        |found: String, expected: String| Err(Problem::input(data.root(), found).expected(expected).advice(PREPARE));
    let named: Option<BTreeSet<&str>> = classes.names.iter().map(population).collect();
    let Some(named) = named.filter(|named| named.len() > 1) else {
        let expected = "classes of at least two populations, as axial-tumour-SSA and axial-tumour-GLI";
        return refused(format!("classes {}", classes.listed()), expected.into());
    };
    if !named.contains(rare) {
        let listed = named.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Problem::input(data.root(), format!("slices of the populations {listed}"))
            .expected(format!("some of {rare}, the rare one"))
            .advice("name one that is there (tumours.rare, --rare)"));
    }
    Ok(named.into_iter().filter(|name| *name != rare).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_population_is_the_last_word_of_a_class() {
        let of = |name: &str| population(&Class::new(name.to_owned())).map(str::to_owned);
        assert_eq!(of("axial-tumour-SSA").as_deref(), Some("SSA"));
        assert_eq!(of("coronal-GLI").as_deref(), Some("GLI"));
        assert_eq!((of("axial"), of("axial-"), of("")), (None, None, None));
    }
}
