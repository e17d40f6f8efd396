//! Images of every class with the class of each: drawn by `generate` with each class in turn, or edited by `edit`.

use std::collections::HashSet;
use std::path::Path;

use super::drawn::{listed_images, read_image};
use super::extras::{Loaded, Synthetic};
use super::listed::Listed;
use super::oddities;
use crate::data::Prepared;
use crate::name::{Name, shown};
use crate::observer::Observer;
use crate::problem::{self, Problem, Result};
use crate::records::classes::Class;
use crate::records::edit::Edit;
use crate::run_dir::RECORD;

/// Who made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `generate`, files seed0000.npy, seed0001.npy, ...
    Drawn,
    /// `edit`, files edit0000.npy, edit0001.npy, ...
    Edited,
}

impl Kind {
    /// The command that writes them, what its files' names begin with, and what they are called in words.
    pub(super) fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Drawn => ("generate", "seed", "synthetic"),
            Self::Edited => ("edit", "edit", "edited"),
        }
    }

    /// What to do where the folder is not as it was left.
    pub(super) fn again(self) -> String {
        format!("run the same `rimforge {}` command again", self.words().0)
    }
}

/// An image with its class.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// Its values.
    pub image: Synthetic,
    /// Number of its class among the data set's.
    pub class: usize,
    /// Whether a gate kept it; true where there was none.
    pub kept: bool,
    /// How it was edited, where it was.
    pub edit: Option<Edited>,
}

/// What an edit did to an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edited {
    /// Place of the direction among those that were accepted.
    pub direction: usize,
    /// Distance that the gate looks at.
    pub distance: f64,
}

impl Listed {
    /// What was done to the image in this place.
    fn edit(&self, at: usize) -> Option<Edited> {
        let edit = self.edits.get(at)?;
        let distance = if self.against == "original" { edit.to_original } else { edit.to_inverted };
        let direction = self.directions.iter().position(|one| one.id == edit.direction)?;
        Some(Edited { direction, distance })
    }
}

/// Reads the images that `folder`'s record lists, in the order of their numbers, each with its class.
///
/// # Errors
/// A record without a class for each image, a class that the data set does not have, or as
/// [`synthetic`](super::drawn::synthetic). Stopped on request.
pub fn read(
    folder: &Path,
    data: &Prepared,
    kind: Kind,
    trusted: bool,
    observer: &dyn Observer,
) -> Result<Loaded<Labelled>> {
    let (record, mut notes) = Listed::open(folder, kind, data, trusted)?;
    let path = folder.join(RECORD);
    if record.image_classes.len() != record.images.len() {
        return Err(Problem::input(&path, "no class for each image")
            .expected("images of every class, each with its own")
            .advice("draw them with generate.class = \"each\" (`rimforge generate --class each`)"));
    }
    if !record.kept.is_empty() && record.kept.len() != record.images.len() {
        let found = format!("{} verdicts of the gate on {} images", record.kept.len(), record.images.len());
        return Err(Problem::input(&path, found).advice(kind.again()));
    }
    if kind == Kind::Edited {
        require_of_training(&path, &record, data)?;
    }
    let known = |edit: &Edit| record.directions.iter().any(|one| one.id == edit.direction);
    let whole = record.edits.len() == record.images.len() && record.edits.iter().all(known);
    if kind == Kind::Edited && !whole {
        return Err(Problem::input(&path, "no accepted direction for each image").advice(kind.again()));
    }
    let class = |at: usize| {
        let name = &record.image_classes[at];
        data.classes().number(&Class::new(name.as_str())).ok_or_else(|| {
            Problem::input(&path, format!("an image of class {}", shown(name)))
                .expected(format!("one of {}", data.classes().listed()))
                .advice("draw from a network that was trained on this data set")
        })
    };
    let places = listed_images(folder, &record.images, kind)?;
    let read = |&at: &usize| {
        Ok(Labelled {
            image: read_image(folder, &path, &record.images[at], (data, observer))?,
            class: class(at)?,
            kept: record.kept.get(at).copied().unwrap_or(true),
            edit: record.edit(at),
        })
    };
    let items: Vec<Labelled> = places.values().map(read).collect::<Result<_>>()?;
    let kept = places.values().zip(&items).filter(|(_, item)| item.kept);
    let called = format!("{} images", kind.words().2);
    notes.extend(oddities::told(&called, kept.map(|(&at, item)| (&record.images[at], &item.image))));
    Ok(Loaded { items, notes })
}

/// Refuses edits of another split, and of lesions that this one does not train on.
fn require_of_training(path: &Path, record: &Listed, data: &Prepared) -> Result<()> {
    let of = record.edited_sha256.as_deref().unwrap_or("that it does not name");
    data.require_made_of_it(path, "edits", Some(of))?;
    let training = data.training_all();
    let training: HashSet<&Name> = training.by_lesion().iter().map(|group| &data.lesion(group.lesion).id).collect();
    match record.edits.iter().find(|edit| !training.contains(&edit.lesion_id)) {
        Some(edit) => Err(Problem::new(problem::Kind::Gate, format!("an edit of {}", edit.lesion_id))
            .at(path)
            .expected("lesions of the training side")
            .advice("edit this data set's training side (`rimforge edit`), or test lesions may leak")),
        None => Ok(()),
    }
}
