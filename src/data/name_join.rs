//! Joining two lists by exact name: what is on one side only is an error with both lists, never a shift by one.
//!
//! The published label patch for this paper paired the i-th image in path order with the i-th label in file order; any
//! extra file, missing label or unpadded number then shifted every label after it.

use std::collections::BTreeSet;

/// Names found on one side only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// Only in the first list, in order.
    pub left: Vec<String>,
    /// Only in the second.
    pub right: Vec<String>,
}

/// Compares two lists of unique names; `None` where both hold the same.
pub fn unmatched<'a>(
    left: impl IntoIterator<Item = &'a str>,
    right: impl IntoIterator<Item = &'a str>,
) -> Option<Unmatched> {
    let left: BTreeSet<&str> = left.into_iter().collect();
    let right: BTreeSet<&str> = right.into_iter().collect();
    let only = |a: &BTreeSet<&str>, b: &BTreeSet<&str>| a.difference(b).map(|&name| name.to_owned()).collect();
    let found = Unmatched { left: only(&left, &right), right: only(&right, &left) };
    (!found.left.is_empty() || !found.right.is_empty()).then_some(found)
}

impl Unmatched {
    /// "only in the table (2): a, b; only in the label maps (1): c".
    pub fn describe(&self, left: &str, right: &str) -> String {
        let sides = [(left, &self.left), (right, &self.right)];
        let texts = sides.map(|(side, names)| match names.len() {
            0 => format!("only in {side}: none"),
            count => format!("only in {side} ({count}): {}", listed(names)),
        });
        texts.join("; ")
    }
}

/// Up to twelve names and the number of the rest.
pub fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Names that occur more than once, each listed once, in order.
pub fn repeated<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            twice.insert(name.to_owned());
        }
    }
    twice.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_both_sides_are_listed() {
        assert_eq!(unmatched(["2.png", "10.png"], ["10.png", "2.png"]), None);
        let found = unmatched(["a", "b"], ["b", "c", "d"]).unwrap();
        assert_eq!(found.describe("here", "there"), "only in here (1): a; only in there (2): c, d");
    }

    #[test]
    fn long_lists_are_cut_with_a_count_and_repeats_are_found() {
        let names: Vec<String> = (0..15).map(|i| i.to_string()).collect();
        assert!(listed(&names).ends_with("10, 11 and 3 more"));
        assert_eq!(repeated(["a", "b", "a", "a"]), ["a"]);
    }
}
