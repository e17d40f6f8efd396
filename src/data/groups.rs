//! Groups that stay on one side of the split: lesions, joined where photographs of two are nearly the same or of one
//! person.
//!
//! Groups are known only once all photographs are decoded, so sides are dealt after that.

use std::collections::{BTreeMap, HashMap};

use super::extracted::Extracted;
use super::manifest::{Lesion, Split};
use super::near_duplicates;
use super::prepare_config::PrepareConfig;
use super::split;
use crate::name::shown;
use crate::observer::Observer;
use crate::problem::{Kind, Result};
use crate::seed::RunSeed;

/// Pairs that the record lists, one in a note.
const LISTED: usize = 200;

/// Joins the lesions of photographs that are nearly the same or of one person, calls each group as the first of its
/// lesions, and deals groups out to the sides. The thumbnails of `all` are used up; `known` says of each photograph
/// whether its patient is a lesion that a table names, not the photograph itself, and `persons` whose it is, where any
/// of that is known.
///
/// # Errors
/// Nearly all photographs alike, a split that cannot be made, or a request to stop.
pub(super) fn deal(
    all: &mut Extracted,
    (known, persons): (&[bool], &[Option<&str>]),
    config: &PrepareConfig,
    (seed, observer): (RunSeed, &dyn Observer),
) -> Result<()> {
    // A photograph and a lesion may have one name; they are one thing only where the table says so.
    let mut numbers: HashMap<(bool, &str), usize> = HashMap::new();
    let mut names = Vec::new();
    let mut lesions = Vec::new();
    for (photograph, &known) in all.lesions.iter().zip(known) {
        lesions.push(*numbers.entry((known, &photograph.patient)).or_insert_with(|| {
            names.push(photograph.patient.clone());
            names.len() - 1
        }));
    }
    let pairs = near_duplicates::pairs(&std::mem::take(&mut all.thumbnails), &lesions, observer)?;
    let mut joined = Joined((0..names.len()).collect());
    pairs.iter().for_each(|&(one, other)| joined.join(lesions[one], lesions[other]));
    let mut of_person: HashMap<&str, usize> = HashMap::new();
    for (&lesion, person) in lesions.iter().zip(persons).filter_map(|(lesion, person)| Some((lesion, (*person)?))) {
        joined.join(*of_person.entry(person).or_insert(lesion), lesion);
    }
    if !of_person.is_empty() {
        all.notes.push(format!("lesions of one person together: {} persons are known", of_person.len()));
    }
    let roots: Vec<usize> = (0..names.len()).map(|lesion| joined.root(lesion)).collect();
    let mut first: BTreeMap<usize, &str> = BTreeMap::new();
    for (root, name) in roots.iter().zip(&names) {
        let first = first.entry(*root).or_insert(name);
        *first = (*first).min(name);
    }
    all.notes.extend(notes(&all.lesions, known, &pairs, &roots));
    for ((photograph, hash), lesion) in all.lesions.iter_mut().zip(&mut all.hashes).zip(lesions) {
        photograph.patient = first[&roots[lesion]].to_owned();
        hash.patient.clone_from(&photograph.patient);
    }
    sides(all, config, (seed, observer))
}

fn sides(all: &mut Extracted, config: &PrepareConfig, (seed, observer): (RunSeed, &dyn Observer)) -> Result<()> {
    let kinds = split::kinds(&all.classes);
    let own = all.lesions.iter().map(|lesion| (lesion.patient.as_str(), &lesion.class));
    let groups = split::count_lesions(own, &kinds);
    let sides = split::assign(&groups, &kinds, config.shares(), seed, observer).map_err(|problem| {
        match problem.kind() {
        Kind::Input => problem.more_advice(
            "a patient here is a lesion with those of which it has near duplicates, and is on one side; a class with \
             fewer of them than there are sides can be left out of the table, with its photographs",
        ),
        _ => problem,
    }
    })?;
    let side_of: BTreeMap<String, Split> = groups.into_iter().map(|group| group.id).zip(sides).collect();
    all.lesions.iter_mut().for_each(|lesion| lesion.split = side_of[&lesion.patient]);
    Ok(())
}

/// What the record says about the groups, before photographs are called after theirs.
fn notes(found: &[Lesion], known: &[bool], pairs: &[(usize, usize)], roots: &[usize]) -> Vec<String> {
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    roots.iter().for_each(|&root| *sizes.entry(root).or_default() += 1);
    let (groups, largest) = (sizes.len(), sizes.values().max().copied().unwrap_or_default());
    let joined = sizes.values().filter(|&&lesions| lesions > 1).count();
    let start = format!("groups, which tables call patients: {groups} of {} lesions", roots.len());
    if pairs.is_empty() {
        return vec![start, "near duplicates in different lesions: none".into()];
    }
    let lesion = |at: usize| if known[at] { shown(&found[at].patient).into_owned() } else { "no lesion known".into() };
    let one = |at: usize| format!("{} ({}, {})", shown(&found[at].id), lesion(at), found[at].class);
    let counted = format!(
        "near duplicates in different lesions: {} pairs of photographs, by which {joined} groups have more than one \
         lesion, the largest {largest}",
        pairs.len()
    );
    let listed = pairs.iter().take(LISTED).map(|&(a, b)| format!("near duplicates: {} and {}", one(a), one(b)));
    let classes = pairs.iter().filter(|&&(a, b)| found[a].class != found[b].class).count();
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
