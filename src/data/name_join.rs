//! Joining two lists by exact name: what is on one side only is an error with both lists, never a shift by one.
//!
//! The published label patch for this paper paired the i-th image in path order with the i-th label in file order; any
//! extra file, missing label or unpadded number then shifted every label after it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::near_names::{is_invisible, near_key, one_form, spelled};
use crate::name::shown;
use crate::problem::{Kind, Problem, Result};

/// Names found on one side only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched<'a> {
    /// Only in the first list, in order.
    pub left: Vec<&'a str>,
    /// Only in the second.
    pub right: Vec<&'a str>,
}

/// Compares two lists of unique names; `None` where both hold the same.
pub fn unmatched<'a>(
    left: impl IntoIterator<Item = &'a str>,
    right: impl IntoIterator<Item = &'a str>,
) -> Option<Unmatched<'a>> {
    let left: BTreeSet<&str> = left.into_iter().collect();
    let right: BTreeSet<&str> = right.into_iter().collect();
    let only = |a: &BTreeSet<&'a str>, b: &BTreeSet<&'a str>| a.difference(b).copied().collect();
    let found = Unmatched { left: only(&left, &right), right: only(&right, &left) };
    (!found.left.is_empty() || !found.right.is_empty()).then_some(found)
}

impl Unmatched<'_> {
    /// "only in the table (2): a, b; only in the label maps (1): c".
    pub fn describe(&self, left: &str, right: &str) -> String {
        let sides = [(left, &self.left), (right, &self.right)];
        let texts = sides.map(|(side, names)| match names.len() {
            0 => format!("only in {side}: none"),
            count => format!("only in {side} ({count}): {}", listed(names)),
        });
        let hint = self.nearly_the_same().map(|hint| format!(" ({hint})")).unwrap_or_default();
        texts.join("; ") + &hint
    }

    /// How the first two names differ that a person may take for one.
    fn nearly_the_same(&self) -> Option<String> {
        let parts = |name: &str| {
            name.replace('\\', "/").split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
        };
        let key = |name: &str| near_key(&parts(name));
        let right: BTreeMap<String, &str> = self.right.iter().map(|&name| (key(name), name)).collect();
        let (left, right) = self.left.iter().find_map(|&name| Some((name, *right.get(&key(name))?)))?;
        Some(format!("{} and {} are spelled differently", spelled(left), spelled(right)))
    }
}

/// The image that each of the `listed` names means, as its place in `images`: each image exactly once. Names are equal
/// whatever Unicode form they are in, and may begin with "./"; `table` says where they are from.
///
/// # Errors
/// Names that occur twice, or both lists where one holds what the other does not.
pub fn places(listed_names: &[&str], images: &[String], table: &str) -> Result<Vec<usize>> {
    let names: Vec<Cow<str>> = listed_names.iter().map(|name| plain(name)).collect();
    let twice = repeated(names.iter().map(|name| &**name));
    if !twice.is_empty() {
        return Err(
            Problem::new(Kind::Input, format!("images named twice: {}", listed(&twice))).expected("each image once")
        );
    }
    let own: Vec<Cow<str>> = images.iter().map(|name| plain(name)).collect();
    match unmatched(names.iter().map(|name| &**name), own.iter().map(|name| &**name)) {
        None => {
            let place: HashMap<&str, usize> = own.iter().map(|name| &**name).zip(0..).collect();
            Ok(names.iter().filter_map(|name| place.get(&**name).copied()).collect())
        }
        Some(found) => Err(Problem::new(Kind::Input, found.describe(table, "the images"))
            .expected("the same names on both sides, spelled exactly alike")
            .advice("names are relative to the data set, with / between folders; nothing is ever matched by position")),
    }
}

/// A name in one Unicode form, without "./" before it.
fn plain(name: &str) -> Cow<'_, str> {
    one_form(name.trim_start_matches("./"))
}

/// Up to twelve names and the number of the rest; letters that no person sees as code points.
pub fn listed(names: &[impl AsRef<str>]) -> String {
    const SHOWN: usize = 12;
    let first = names
        .iter()
        .take(SHOWN)
        .map(AsRef::as_ref)
        .map(|name: &str| if name.chars().any(is_invisible) { spelled(name).into() } else { shown(name) });
    let first = first.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
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
    fn unicode_forms_join_and_other_spellings_are_pointed_out() {
        let images = ["caf\u{e9}.png", "b.png"].map(str::to_owned);
        assert_eq!(places(&["./b.png", "cafe\u{301}.png"], &images, "the table").unwrap(), [1, 0]);
        let problem = places(&["b.PNG", "caf\u{e9}.png"], &images, "the table").unwrap_err().to_string();
        assert!(problem.contains("(\"b.PNG\" and \"b.png\" are spelled differently)"), "{problem}");
        for astray in ["rim//b.png", "/rim/b.png", "rim\\b.png"] {
            let said = places(&[astray], &["rim/b.png".to_owned()], "the table").unwrap_err().to_string();
            assert!(said.contains("and \"rim/b.png\" are spelled differently"), "{said}");
        }
        assert!(listed(&["ri\u{200b}m".to_owned()]).contains("ri\\u{200b}m"));
        let twice = places(&["b.png", "cafe\u{301}.png", "caf\u{e9}.png"], &images, "the table").unwrap_err();
        assert!(twice.to_string().contains("named twice"), "{twice}");
    }

    #[test]
    fn long_lists_are_cut_with_a_count_and_repeats_are_found() {
        let names: Vec<String> = (0..15).map(|i| i.to_string()).collect();
        assert!(listed(&names).ends_with("10, 11 and 3 more"));
        assert_eq!(repeated(["a", "b", "a", "a"]), ["a"]);
    }
}
