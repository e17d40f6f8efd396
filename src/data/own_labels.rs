//! Label maps that lie under two names: what was drawn on one person says nothing of another, and images cannot show
//! that it is another's.

use std::collections::HashMap;
use std::path::Path;

use super::near_names::spelled;
use crate::digest;
use crate::problem::{Problem, Result};

/// Labelled voxels that two persons do not share by chance.
const LEAST: usize = 30;

/// What tells a map or a mask from others, voxel by voxel: `None` where next to nothing is labelled.
pub(super) fn identity(labels: &[u8]) -> Option<String> {
    let labelled = labels.iter().filter(|&&label| label != 0).count();
    (labelled >= LEAST).then(|| digest::sha256(labels))
}

/// As [`identity`], of a mask of `voxels` voxels that is cut about `centre` and whose file has this hash.
pub(super) fn of_lesion(centre: [i64; 3], voxels: u64, sha256: Option<&str>) -> Option<String> {
    sha256.filter(|_| voxels >= LEAST as u64).map(|sha256| format!("{centre:?} {sha256}"))
}

/// Holds each of `maps` (its name, whose it is, its identity) to be of one person.
///
/// # Errors
/// The first two of different persons that are the same; `of` says what they are of.
pub(super) fn require_own<'a>(
    root: &Path,
    of: &str,
    maps: impl IntoIterator<Item = (&'a str, &'a str, Option<String>)>,
) -> Result<()> {
    let mut seen: HashMap<String, (&str, &str)> = HashMap::new();
    for (name, person, identity) in maps {
        let Some(identity) = identity else { continue };
        let (first, owner) = *seen.entry(identity).or_insert((name, person));
        if owner != person {
            return Err(Problem::input(
                root,
                format!("the same labels {of}, voxel by voxel: {} and {}", spelled(first), spelled(name)),
            )
            .expected("what was drawn on each of them")
            .advice(
                "put the right map in the place of the wrong one, or take one of the two out; if they are one person, \
                 let their names say so",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_map_of_two_persons_is_named_and_next_to_nothing_is_no_map() {
        let labels = |at: usize| (0..100).map(|voxel| u8::from(voxel >= at && voxel < at + 40)).collect::<Vec<u8>>();
        let held = |maps: &[(&str, &str, Vec<u8>)]| {
            let maps = maps.iter().map(|(name, person, labels)| (*name, *person, identity(labels)));
            require_own(Path::new("set"), "of two persons", maps).map_err(|problem| problem.to_string())
        };
        let said = held(&[("a", "A", labels(0)), ("b", "B", labels(1)), ("c", "C", labels(0))]).unwrap_err();
        assert!(said.contains("the same labels of two persons, voxel by voxel: \"a\" and \"c\""), "{said}");
        assert!(held(&[("a1", "A", labels(0)), ("a2", "A", labels(0))]).is_ok());
        assert!(held(&[("a", "A", vec![0; 100]), ("b", "B", vec![0; 100])]).is_ok());
        let of = |voxels| of_lesion([1, 2, 3], voxels, Some("x"));
        assert!(of(29).is_none() && of(30) == of(31) && of_lesion([1, 2, 4], 30, Some("x")) != of(30));
    }
}
