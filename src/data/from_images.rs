//! Plain images (a folder of PNGs or JPEGs, or a zip) with all that is known of them before they are decoded: names,
//! labels, classes, patients, sides.

use std::collections::HashMap;
use std::path::Path;

use super::dataset_json;
use super::extracted::{Extracted, stop_if_asked};
use super::groups;
use super::image_files::{ImageFiles, id};
use super::image_labels::{Labels, Text};
use super::image_patches::{self, Image};
use super::image_store::ImageStore;
use super::label_classes::{self, Labelled, LabelledImage};
use super::label_folders;
use super::manifest::{Class, Classes, Split};
use super::name_join::listed;
use super::one_origin;
use super::png_folder::PngFolder;
use super::prepare_config::{ClassSource, PrepareConfig};
use super::split;
use super::table;
use super::visits;
use super::zip_dataset::ZipDataset;
use crate::files;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::seed::RunSeed;

/// Where patches go.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// Folder of the data set in the making.
    pub out: &'a Path,
    /// Refuses names at which something lies that is not this command's.
    pub free: &'a (dyn Fn(Vec<String>) -> Result<()> + Sync),
}

pub(super) fn from_folder(
    root: &Path,
    target: Target<'_>,
    config: &PrepareConfig,
    seed: RunSeed,
    observer: &dyn Observer,
) -> Result<Extracted> {
    from_store(&mut PngFolder::open(root, config)?, target, config, seed, observer)
}

pub(super) fn from_zip(
    path: &Path,
    target: Target<'_>,
    config: &PrepareConfig,
    seed: RunSeed,
    observer: &dyn Observer,
) -> Result<Extracted> {
    from_store(&mut ZipDataset::open(path, config)?, target, config, seed, observer)
}

fn from_store(
    store: &mut dyn ImageStore,
    target: Target<'_>,
    config: &PrepareConfig,
    seed: RunSeed,
    observer: &dyn Observer,
) -> Result<Extracted> {
    let files = store.files();
    let files = ImageFiles::of(store.place(), files, config)?;
    let set = ImageSet::new(store, &files, config, seed, observer)?;
    drop(files);
    // What lies in the way of the patches is told before they are made.
    (target.free)(set.images.iter().map(|image| image.patch().into()).collect())?;
    let all = Extracted {
        patient_source: set.patient_source,
        classes: set.classes,
        has_readers: set.has_readers,
        notes: set.notes,
        ..Extracted::default()
    };
    let job = image_patches::Job { out: target.out, config, observer, photographs: config.near_duplicates };
    let mut all = image_patches::extract(set.images, store, all, &job)?;
    if config.near_duplicates {
        all.patient_source += ", joined where images are near duplicates";
        let known = vec![set.has_patients; all.lesions.len()];
        groups::deal(&mut all, (&known, &[]), config, (seed, observer)).map_err(|problem| problem.at(store.place()))?;
    } else if all.contrasts.len() == 3 {
        all.notes.push("near duplicates: not looked for (prepare.near_duplicates with prepare.side)".into());
    }
    Ok(all)
}

/// Images with all that is known of them before they are decoded.
struct ImageSet {
    images: Vec<Image>,
    classes: Classes,
    has_readers: bool,
    /// Whether patients are known, and are not the images themselves.
    has_patients: bool,
    patient_source: String,
    notes: Vec<String>,
}

/// Labels and patients from the tables beside the images, the table of patients that is asked for, or the folders.
fn labels(store: &mut dyn ImageStore, files: &ImageFiles, config: &PrepareConfig) -> Result<Labels> {
    let place = store.place().to_owned();
    let mut read = |name: &str, most: u64, what: &str| {
        let bytes = store.read(&format!("{}{name}", files.around), most, what)?;
        Ok::<_, Problem>((place.join(format!("{}{name}", files.around)), bytes))
    };
    let names = &files.names;
    let mut labels = match (&files.json, &files.labels) {
        (Some(json), _) => {
            let (path, bytes) = read(json, dataset_json::MAX_BYTES, "a dataset.json")?;
            Labels::from_json(&Text { path: &path, bytes: &bytes }, names, config)?
        }
        (None, Some(table)) => {
            let (path, bytes) = read(table, table::MAX_BYTES, "a table")?;
            Labels::from_table(&Text { path: &path, bytes: &bytes }, names, config)?
        }
        (None, None) => Labels::from_folders(&place, names, config)?,
    };
    if labels.source == label_folders::SOURCE {
        files.require_no_lost_folder(&place)?;
    }
    match (&config.patients, &files.patients) {
        (Some(asked), lying) => {
            let bytes = files::read(asked, table::MAX_BYTES, "a table")?;
            let called = asked.display().to_string();
            labels = labels.with_patients(&Text { path: asked, bytes: &bytes }, &called, names)?;
            if let Some(lying) = lying.as_ref().filter(|lying| !is_same(asked, &place.join(&files.around).join(lying)))
            {
                labels.notes.push(format!("{lying} is not used: prepare.patients (--patients) names {called}"));
            }
        }
        (None, Some(table)) => {
            let (path, bytes) = read(table, table::MAX_BYTES, "a table")?;
            labels = labels.with_patients(&Text { path: &path, bytes: &bytes }, table, names)?;
        }
        (None, None) => {}
    }
    let has_table = files.json.is_some() || files.labels.is_some();
    files.require_no_near_table(&place, has_table, labels.patient.is_some())?;
    if labels.label.is_none() && labels.votes.is_none() {
        files.require_no_metadata(&place)?;
    }
    labels.read_whole_numbers();
    if labels.patient.is_none() && labels.source != label_folders::SOURCE {
        labels.notes.extend(label_folders::maybe_patients(names, labels.label.as_deref().unwrap_or_default()));
    }
    labels.require_one_spelling(&place, names)?;
    Ok(labels)
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().is_some_and(|one| other.canonicalize().ok() == Some(one))
}

impl ImageSet {
    fn new(
        store: &mut dyn ImageStore,
        files: &ImageFiles,
        config: &PrepareConfig,
        seed: RunSeed,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let labels = labels(store, files, config)?;
        let (place, names) = (store.place(), &files.names);
        let Labelled { classes, images: labelled, notes: told } =
            label_classes::classes(place, &labels, names.len(), config)?;
        require_classes(place, &labels, &classes, &labelled)?;
        let of_one_volume = if labels.patient.is_none() { one_origin(place, names)? } else { None };
        let patient_of = |at: usize| labels.patient.as_ref().map_or(names[at].as_str(), |patients| &patients[at]);
        let kinds = split::kinds(&classes);
        let own = labelled.iter().enumerate().map(|(at, image)| (patient_of(at), &image.class));
        let patients = split::count_lesions(own, &kinds);
        stop_if_asked(observer)?;
        let sides =
            split::assign(&patients, &kinds, config.shares(), seed, observer).map_err(|problem| problem.at(place))?;
        let side_of: HashMap<&str, Split> = patients.iter().map(|patient| patient.id.as_str()).zip(sides).collect();
        let image = |(at, LabelledImage { class, label }): (usize, LabelledImage)| {
            let given = labels.votes.as_ref().map(|votes| votes[at]);
            let votes = match config.classes {
                ClassSource::Interest => Some(votes_of(&class, given)),
                ClassSource::Labels => given,
            };
            let (patient, name) = (patient_of(at), &names[at]);
            Ok(Image {
                path: format!("{}{name}", files.around),
                id: id(name).map_err(|fault| Problem::input(place, fault).advice("rename the image"))?,
                patient: patient.to_owned(),
                class,
                votes,
                label,
                split: side_of[patient],
            })
        };
        let images = labelled.into_iter().enumerate().map(image).collect::<Result<_>>()?;
        let patient_source = match labels.patient_source.as_str() {
            "" => "none known: each image counts as its own patient".to_owned(),
            known => known.to_owned(),
        };
        let mut notes = vec![format!("labels from: {}", labels.source), format!("patients: {patient_source}")];
        if labels.label.is_none() && labels.votes.is_none() {
            let counted = "no labels: every image counts as of the class of interest";
            notes.push(format!("{counted}; such a set trains a generator, not a classifier"));
        }
        notes.extend(of_one_volume);
        let persons = labels.patient.iter().flatten();
        notes.extend(visits::alike(persons.map(String::as_str)));
        notes.extend(told.into_iter().chain(labels.notes).chain(files.notes()));
        let has_patients = labels.patient.is_some();
        Ok(Self { images, classes, has_readers: labels.votes.is_some(), has_patients, patient_source, notes })
    }
}

/// What to say of images whose names say that they are slices of one volume, where nobody says whose they are.
///
/// # Errors
/// Names of copies of one original.
fn one_origin(place: &Path, names: &[String]) -> Result<Option<String>> {
    let names = || names.iter().map(String::as_str);
    if let Some(copies) = one_origin::copies(names()) {
        let found = format!("images whose names are those of copies of one original: {copies}");
        return Err(Problem::input(place, found)
            .expected("each image once: copies would lie on both sides of the split")
            .advice(
                "give the originals (fits change images as they read them), or a table with a column called patient",
            ));
    }
    Ok(one_origin::slices(names()).map(|names| {
        format!(
            "images that seem to be slices of one volume, each dealt to a side by itself: {names}; a column called \
             patient holds them together"
        )
    }))
}

/// The two votes that a class stands for, where no readers gave any; "contested" without them is one vote.
fn votes_of(class: &Class, given: Option<(bool, bool)>) -> (bool, bool) {
    let both = *class == Class::RIM;
    match given.unwrap_or((both, both)) {
        (false, false) if *class == Class::AMBIGUOUS => (true, false),
        votes => votes,
    }
}

fn require_classes(source: &Path, labels: &Labels, classes: &Classes, images: &[LabelledImage]) -> Result<()> {
    let count = |class: &Class| images.iter().filter(|image| image.class == *class).count();
    if let Some(interest) = &classes.of_interest
        && count(interest) == 0
    {
        return Err(Problem::new(Kind::Input, format!("no image of the class of interest among {}", images.len()))
            .at(source)
            .expected("at least one"));
    }
    let labelled = labels.label.is_some() || labels.votes.is_some();
    let present = classes.names.iter().filter(|class| count(class) > 0).count();
    if labelled && present < 2 {
        let known: std::collections::BTreeSet<String> = images.iter().filter_map(|image| image.label.clone()).collect();
        let known: Vec<String> = known.into_iter().collect();
        return Err(Problem::new(
            Kind::Input,
            format!("one class only ({}) in {} images", listed(&known), images.len()),
        )
        .at(source)
        .expected("images of another class too")
        .advice("add them, or remove the labels to train a generator only"));
    }
    Ok(())
}
