//! Sets of dermoscopic photographs as they are downloaded, HAM10000 and the ISIC challenges of 2018 and 2019: which
//! lesion a photograph shows, what the lesion is, and which photographs are copies of each other.
//!
//! The group that stays on one side of the split is the lesion with all lesions of which a photograph is nearly the
//! same as one of its own ([`groups`]).

mod layout;

mod photographs;

mod ham10000;

mod isic;

mod pictures;

use std::collections::BTreeMap;
use std::path::Path;

use super::extracted::{Extracted, stop_if_asked};
use super::from_images::Target;
use super::groups;
use super::image_patches::{self, Image, Job};
use super::image_store::ImageStore;
use super::label_classes::in_order;
use super::manifest::{Class, Classes, Split};
use super::name_join::listed;
use super::png_folder::PngFolder;
use super::prepare_config::PrepareConfig;
use super::zip_dataset::ZipDataset;
use crate::name::Name;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::seed::RunSeed;
use layout::Layout;
use photographs::Photographs;

/// Which of the sets a folder or zip holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A table with a column of diagnoses.
    Ham10000,
    /// Tables with a column for each diagnosis.
    Isic,
}

/// Side of the prepared photographs where nothing else is asked for, in pixels.
const SIDE: u32 = 64;

/// Reads the set at `root`, a folder or a zip.
///
/// # Errors
/// Tables or photographs that cannot be used, a split that cannot be made, or a request to stop.
pub(super) fn extract(
    root: &Path,
    origin: Origin,
    target: Target<'_>,
    config: &PrepareConfig,
    lab: (RunSeed, &dyn Observer),
) -> Result<Extracted> {
    let (seed, observer) = lab;
    let mut store: Box<dyn ImageStore> = if root.is_file() {
        Box::new(ZipDataset::open_reading(root, config, |_| layout::is_read)?)
    } else {
        Box::new(PngFolder::open(root, config)?)
    };
    let files = store.files();
    let layout = Layout::of(root, files, origin)?;
    let found = match origin {
        Origin::Ham10000 => ham10000::read(store.as_mut(), &layout)?,
        Origin::Isic => isic::read(store.as_mut(), &layout)?,
    };
    stop_if_asked(observer)?;
    let (paths, notes) = pictures::of(store.as_mut(), &found, &layout)?;
    let config = &PrepareConfig { side: config.side.or(Some(SIDE)), ..config.clone() };
    let job = Job { out: target.out, config, observer, photographs: true };
    let images = images(root, &found, paths)?;
    (target.free)(images.iter().map(|image| image.patch().into()).collect())?;
    let classes = classes(root, &found)?;
    let told = [format!("labels from: {}", found.source)].into_iter();
    let all = Extracted {
        simulated: layout.says_simulated(store.as_mut())?,
        patient_source: format!("{}, joined where photographs are near duplicates", found.lesion_source),
        notes: told.chain(absent(&found)).chain(found.notes.iter().cloned()).chain(notes).collect(),
        classes,
        ..Extracted::default()
    };
    let mut all = image_patches::extract(images, store.as_mut(), all, &job)?;
    let known: Vec<bool> = found.rows.iter().map(|row| row.lesion.is_some()).collect();
    let persons: Vec<Option<&str>> = found.rows.iter().map(|row| row.person.as_deref()).collect();
    groups::deal(&mut all, (&known, &persons), config, (seed, observer)).map_err(|problem| problem.at(root))?;
    Ok(all)
}

/// What is known of each photograph before it is decoded; sides are dealt later.
fn images(root: &Path, found: &Photographs, paths: Vec<String>) -> Result<Vec<Image>> {
    let image = |(row, path): (&photographs::Row, String)| {
        Ok(Image {
            path,
            id: Name::new(&*row.image).map_err(|fault| Problem::input(root, fault).advice("rename the image"))?,
            patient: row.lesion.clone().unwrap_or_else(|| row.image.clone()),
            class: Class::new(&*row.class),
            votes: None,
            label: Some(row.class.clone()),
            split: Split::Train,
        })
    };
    found.rows.iter().zip(paths).map(image).collect()
}

fn classes(root: &Path, found: &Photographs) -> Result<Classes> {
    let present = in_order(found.rows.iter().map(|row| row.class.as_str()));
    if present.len() < 2 {
        return Err(Problem::new(Kind::Input, format!("one class only: {}", listed(&present)))
            .at(root)
            .expected("photographs of another class too"));
    }
    Ok(Classes { names: present.into_iter().map(Class::new).collect(), contested: None, of_interest: None })
}

/// What to say of classes that the tables could name and no photograph is of.
fn absent(found: &Photographs) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = found.known.iter().map(|class| (class.as_str(), 0)).collect();
    found.rows.iter().for_each(|row| *counts.entry(&row.class).or_default() += 1);
    let absent: Vec<String> =
        counts.into_iter().filter(|(_, images)| *images == 0).map(|(class, _)| class.to_owned()).collect();
    (!absent.is_empty()).then(|| format!("no photograph of {}, so no such class", listed(&absent)))
}
