//! Which sets are compared: the real images of each side, each folder by itself, and the training sets that a
//! classifier would learn from.

use std::path::{Path, PathBuf};

use super::draw::{available, some};
use super::sources::{self, Folder, Kind, Source, Unit};
use super::stage::{FEWEST, SetFolder};
use crate::classify::Arm;
use crate::classify::made::of_data::Added;
use crate::data::{Prepared, TestSlices};
use crate::name::shown_path;
use crate::problem::{Problem, Result};
use crate::seed::RunSeed;

/// Held-out images of the class of interest are source 0.
const HELD: usize = 0;

/// Contested training images are source 3; between them lie the training images of interest and the others.
pub const CONTESTED: usize = 3;

/// Parts of a folder's path that its name can have, at most.
const MOST_PARTS: usize = 64;

/// A set with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// For the tables.
    pub name: String,
    /// What is in it.
    pub about: String,
    /// What it may be drawn from.
    pub units: Vec<Unit>,
    /// Of projections: for each image, its place and the place of its original.
    pub originals: Vec<(sources::Place, sources::Place)>,
}

impl Named {
    fn new(name: impl Into<String>, about: impl Into<String>, units: Vec<Unit>) -> Self {
        Self { name: name.into(), about: about.into(), units, originals: vec![] }
    }

    /// How many images it has.
    pub fn images(&self) -> usize {
        available(&self.units)
    }
}

/// What an arm adds that is made of the data set alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Which.
    pub arm: Arm,
    /// At least one.
    pub images: Vec<Added>,
}

/// How a training set draws what it adds.
#[derive(Clone, Copy, Debug)]
pub struct Draw {
    /// Units at most.
    pub extra: usize,
    /// Of the draw.
    pub seed: RunSeed,
}

/// All that is compared.
pub struct Sets<'a> {
    /// By number.
    pub sources: Vec<Source<'a>>,
    /// Held-out real images.
    pub held: Named,
    /// Each by itself, real training images first.
    pub alone: Vec<Named>,
    /// What classifiers learn from, the real ones first.
    pub training: Vec<Named>,
    /// What a reader of the numbers should know.
    pub notes: Vec<String>,
}

impl<'a> Sets<'a> {
    /// Of a data set, of what arms make of it, and of folders; a training set adds at most `extra` units to the real
    /// ones.
    ///
    /// # Errors
    /// No held-out or training images, or a folder that cannot be read.
    pub fn of(data: &'a Prepared, made: Vec<Made>, folders: &'a [SetFolder<'a>], draw: Draw) -> Result<Self> {
        let Draw { extra, seed } = draw;
        let (class, held) = held_out(data);
        let (own, others) = (data.training_of_interest(), data.training_of_others());
        let contested = data.training_all().filter(|lesion| data.class_of(lesion).is_none());
        if held.is_empty() || own.is_empty() {
            return Err(Problem::input(
                data.root(),
                format!("{} held-out and {} training slices of {class}", held.len(), own.len()),
            )
            .expected("some of each: what is compared with, and the floor")
            .advice("prepare slices with a larger test share"));
        }
        let units = [
            sources::of_slices(&held, HELD),
            sources::of_slices(&own, 1),
            sources::of_slices(&others, 2),
            sources::of_slices(&contested, CONTESTED),
        ];
        let floor = Named::new(format!("real {class}s"), "training side", units[1].clone());
        let mut alone = vec![floor.clone()];
        let mut notes = Vec::new();
        let beside = [
            Named::new(format!("real others than {class}s"), "training side", units[2].clone()),
            Named::new("contested", "training side, as they are", units[3].clone()),
        ];
        for set in beside.into_iter().filter(|set| set.images() > 0) {
            add(&mut alone, &mut notes, set);
        }
        let mut places = std::collections::HashMap::new();
        for (at, (slice, lesion)) in contested.entries().enumerate() {
            places.insert((lesion.id.to_string(), slice.z), at);
        }
        let mut training = vec![Named { name: "None".into(), about: format!("real {class}s alone"), ..floor }];
        let with = |name: &str, about: String, parts: &[&[Unit]]| {
            let each = extra / parts.len().max(1);
            let added =
                parts.iter().enumerate().flat_map(|(at, part)| some(part, each, seed.child("extra", at as u64)));
            Named::new(name, about, units[1].iter().cloned().chain(added).collect())
        };
        if !contested.is_empty() {
            training.push(with("Ambiguous", format!("real {class}s and contested ones as they are"), &[&units[3]]));
        }
        let mut sources =
            vec![Source::HeldOut(held), Source::Training(own), Source::Training(others), Source::Training(contested)];
        for Made { arm, images } in made {
            let source = sources.len();
            let group = |(at, image): (usize, &Added)| match image.lesion {
                Some(lesion) => data.lesion(lesion).patient.clone(),
                None => format!("image {at}"),
            };
            let groups = images.iter().enumerate().map(group).collect::<Vec<_>>().into_iter().enumerate();
            let units: Vec<Unit> = groups.map(|(at, group)| Unit { group, images: vec![(source, at)] }).collect();
            training.push(with(arm.name(), format!("real {class}s and {}", arm.about(data.classes())?), &[&units]));
            sources.push(Source::Made(images.into_iter().map(|image| image.pixels).collect()));
        }
        let mut read: Vec<(&SetFolder<'_>, Kind, Vec<Unit>)> = Vec::new();
        for given in folders {
            let Folder { source, units, originals, kind, stranger, other_class } =
                sources::folder(given.folder, data, sources.len())?;
            let about = match kind {
                Kind::Drawn => "drawn by a network, each image a draw of its own",
                Kind::Projected => "projections of contested lesions",
            };
            if stranger {
                notes.push(format!(
                    "The network behind {:?} knew other data than this set, or does not say: held-out images may \
                     have been among them, and then it is nearer than it should be.",
                    given.name
                ));
            }
            notes.extend(other_class.map(|other| format!("Of {:?} {other}.", given.name)));
            let originals = originals.iter().enumerate();
            let originals = originals.filter_map(|(at, key)| Some((at, *places.get(key)?))).collect();
            let set = Named { originals, ..Named::new(&given.name, about, units.clone()) };
            if given.may_lack {
                add(&mut alone, &mut notes, set);
            } else {
                alone.push(set);
            }
            training.push(with(&given.training, format!("real {class}s and {}", given.name), &[&units]));
            read.push((given, kind, units));
            sources.push(source);
        }
        let first = |kind: Kind| read.iter().find(|(_, of, _)| *of == kind);
        if let (Some((drawn, _, a)), Some((projected, _, b))) = (first(Kind::Drawn), first(Kind::Projected)) {
            let about = format!("real {class}s, {} and {}, half each", projected.name, drawn.name);
            // ADA-GAN and ADA-GAN-LD make ADA-GAN+LD.
            let name = match projected.training.strip_prefix(&format!("{}-", drawn.training)) {
                Some(rest) => format!("{}+{rest}", drawn.training),
                None => format!("{} + {}", drawn.training, projected.name),
            };
            training.push(with(&name, about, &[b, a]));
        }
        Ok(Self {
            sources,
            held: Named::new(format!("held-out {class}s"), "test side", units[0].clone()),
            alone,
            training,
            notes,
        })
    }
}

/// What an image of the class of interest is called, and those of the test side; all of a class where none is of
/// interest.
fn held_out(data: &Prepared) -> (String, TestSlices) {
    let interest = data.classes().of_interest.clone();
    let class = interest.as_ref().map_or("image".to_owned(), |class| class.name().to_owned());
    let held = data.test().filter(|lesion| match &interest {
        Some(class) => lesion.class == *class,
        None => data.class_of(lesion).is_some(),
    });
    (class, held)
}

/// Adds a set that need not be there where it has enough images to say anything, else a note.
fn add(alone: &mut Vec<Named>, notes: &mut Vec<String>, set: Named) {
    if set.images() >= FEWEST {
        alone.push(set);
    } else {
        notes.push(format!(
            "{:?} does not stand by itself: it has {} images, and fewer than {FEWEST} say nothing.",
            set.name,
            set.images()
        ));
    }
}

/// Refuses a data set with too few held-out images, or training ones, of the class of interest: better before a network
/// is trained than after it.
///
/// # Errors
/// `Kind::Input`, with the side.
pub fn require_images(data: &Prepared) -> Result<()> {
    let (class, held) = held_out(data);
    for (side, images) in [("held-out", held.len()), ("training", data.training_of_interest().len())] {
        if images < FEWEST {
            return Err(Problem::input(data.root(), format!("{images} {side} slices of {class} for [evaluate]"))
                .expected(format!("at least {FEWEST}"))
                .advice("prepare with a larger test share or a smaller slice_area_fraction, or leave [evaluate] out"));
        }
    }
    Ok(())
}

/// Each folder under its own name, with as many of the folders above it as tell it from the others.
///
/// # Errors
/// `Kind::Usage`: a folder twice.
pub fn folders_named(folders: &[PathBuf]) -> Result<Vec<SetFolder<'_>>> {
    let mut sets = Vec::new();
    for folder in folders {
        let name = name_among(folder, folders)?;
        sets.push(SetFolder { training: format!("real + {name}"), name, folder, may_lack: false });
    }
    Ok(sets)
}

fn name_among(folder: &Path, folders: &[PathBuf]) -> Result<String> {
    let alone = |depth: &usize| {
        let own = sources::name_of(folder, *depth);
        folders.iter().filter(|other| sources::name_of(other, *depth) == own).count() == 1
    };
    match (1..=MOST_PARTS).find(alone) {
        Some(depth) => Ok(sources::name_of(folder, depth)),
        None => Err(Problem::usage(format!("{} twice", shown_path(folder))).expected("each folder once")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_one_name_are_told_apart_by_those_above() {
        let named = |folders: &[&str]| {
            let folders: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
            folders_named(&folders).map(|sets| sets.into_iter().map(|set| set.name).collect::<Vec<_>>())
        };
        assert_eq!(named(&["a/one/", "b/two"]).unwrap(), ["one", "two"]);
        assert_eq!(named(&["a/x/set", "b/x/set", "set"]).unwrap(), ["a/x/set", "b/x/set", "set"]);
        assert_eq!(named(&["a/set", "b/set", "c/other"]).unwrap(), ["a/set", "b/set", "other"]);
        assert!(named(&["a/set", "a/set/"]).unwrap_err().to_string().contains("a/set twice"));
    }
}
