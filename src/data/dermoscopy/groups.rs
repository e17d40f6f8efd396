//! Groups that stay on one side of the split: lesions, joined where photographs of two are nearly the same.

use std::collections::{BTreeMap, HashMap};

use super::near_duplicates;
use super::photographs::{Photographs, Row};
use crate::data::thumbnail::Thumbnail;
use crate::name::shown;
use crate::observer::Observer;
use crate::problem::Result;

/// Pairs that the record lists, one in a note.
const LISTED: usize = 200;

/// The groups of a set.
pub(super) struct Groups {
    /// By photograph: the first lesion of its group, or the photograph itself where it is of no known lesion.
    pub of: Vec<String>,
    /// What the record should say about them.
    pub notes: Vec<String>,
}

/// The group of each photograph; `thumbnails` in the order of the rows.
///
/// # Errors
/// Nearly all photographs alike, or a request to stop.
pub(super) fn of(found: &Photographs, thumbnails: &[Thumbnail], observer: &dyn Observer) -> Result<Groups> {
    let name = |row: &Row| row.lesion.clone().unwrap_or_else(|| row.image.clone());
    // A photograph and a lesion may have one name; they are one thing only where the table says so.
    let mut numbers: HashMap<(bool, &str), usize> = HashMap::new();
    let mut names = Vec::new();
    let mut lesions = Vec::new();
    for row in &found.rows {
        let key = (row.lesion.is_some(), row.lesion.as_deref().unwrap_or(&row.image));
        lesions.push(*numbers.entry(key).or_insert_with(|| {
            names.push(name(row));
            names.len() - 1
        }));
    }
    let pairs = near_duplicates::pairs(thumbnails, &lesions, observer)?;
    let mut joined = Joined((0..names.len()).collect());
    pairs.iter().for_each(|&(one, other)| joined.join(lesions[one], lesions[other]));
    let roots: Vec<usize> = (0..names.len()).map(|lesion| joined.root(lesion)).collect();
    let mut first: BTreeMap<usize, &str> = BTreeMap::new();
    for (root, name) in roots.iter().zip(&names) {
        let first = first.entry(*root).or_insert(name);
        *first = (*first).min(name);
    }
    let of = lesions.iter().map(|&lesion| first[&roots[lesion]].to_owned()).collect();
    Ok(Groups { of, notes: notes(found, &pairs, &roots) })
}

fn notes(found: &Photographs, pairs: &[(usize, usize)], roots: &[usize]) -> Vec<String> {
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    roots.iter().for_each(|&root| *sizes.entry(root).or_default() += 1);
    let (groups, largest) = (sizes.len(), sizes.values().max().copied().unwrap_or_default());
    let joined = sizes.values().filter(|&&lesions| lesions > 1).count();
    let start = format!("groups, which tables call patients: {groups} of {} lesions", roots.len());
    if pairs.is_empty() {
        return vec![start, "near duplicates in different lesions: none".into()];
    }
    let lesion =
        |row: &Row| row.lesion.as_deref().map_or("no lesion known".into(), |lesion| shown(lesion).into_owned());
    let one =
        |at: usize| format!("{} ({}, {})", shown(&found.rows[at].image), lesion(&found.rows[at]), found.rows[at].class);
    let counted = format!(
        "near duplicates in different lesions: {} pairs of photographs, by which {joined} groups have more than one \
         lesion, the largest {largest}",
        pairs.len()
    );
    let listed = pairs.iter().take(LISTED).map(|&(a, b)| format!("near duplicates: {} and {}", one(a), one(b)));
    let classes = pairs.iter().filter(|&&(a, b)| found.rows[a].class != found.rows[b].class).count();
    let contradict = (classes > 0).then(|| format!("{classes} of these pairs are of two classes: look at them"));
    let more = pairs.len().checked_sub(LISTED + 1).map(|more| format!("near duplicates: {} further pairs", more + 1));
    [start, counted].into_iter().chain(contradict).chain(listed).chain(more).collect()
}

/// Which lesions are joined: each points to one of its group, the first to itself.
struct Joined(Vec<usize>);

impl Joined {
    fn root(&mut self, lesion: usize) -> usize {
        let mut at = lesion;
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_to_one_is_joined_to_all_of_its_group() {
        let mut joined = Joined((0..6).collect());
        [(1, 2), (4, 5), (2, 4), (5, 1)].iter().for_each(|&(one, other)| joined.join(one, other));
        let roots: Vec<usize> = (0..6).map(|lesion| joined.root(lesion)).collect();
        assert_eq!(roots, [0, 1, 1, 3, 1, 1]);
    }
}
