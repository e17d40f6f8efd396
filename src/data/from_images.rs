//! Plain images (a folder of PNGs or a zip) to patches of depth 1 in grey levels.

use std::collections::HashMap;
use std::path::Path;

use rayon::prelude::*;

use super::extracted::{Extracted, PATCHES, hash_pixels, stop_if_asked};
use super::image_labels::{Labelled, LabelledImage, Labels};
use super::manifest::{Class, Classes, Lesion, Slice, Split};
use super::name_join::{listed, repeated};
use super::patch_file;
use super::png_folder::PngFolder;
use super::png_image::{self, Form, PngImage};
use super::prepare_config::{ClassSource, PrepareConfig};
use super::split::{self, PixelHash};
use super::zip_dataset::ZipDataset;
use crate::digest;
use crate::name::{Inside, Name};
use crate::nifti::Affine;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;
use crate::records::label::{Contrast, Window};
use crate::seed::RunSeed;

/// Images that are in memory at once.
const CHUNK: usize = 256;

pub(super) fn from_folder(
    root: &Path,
    out: &Path,
    config: &PrepareConfig,
    seed: RunSeed,
    observer: &dyn Observer,
) -> Result<Extracted> {
    let folder = PngFolder::open(root)?;
    let set = ImageSet::new(root, folder.names, folder.labels, folder.others, config, seed)?;
    let read = |name: &str| {
        let path = root.join(name);
        tracing::debug!("reading {}", path.display());
        std::fs::read(&path).map_err(|error| Problem::io(&path, "reading", error))
    };
    set.extract(out, read, observer)
}

pub(super) fn from_zip(
    path: &Path,
    out: &Path,
    config: &PrepareConfig,
    seed: RunSeed,
    observer: &dyn Observer,
) -> Result<Extracted> {
    let mut zip = ZipDataset::open(path, config.max_zip_bytes)?;
    let set = ImageSet::new(path, zip.names.clone(), zip.labels.clone(), zip.others, config, seed)?;
    set.extract(out, |name| zip.read(name), observer)
}

/// Images with all that is known of them before they are decoded.
struct ImageSet<'a> {
    source: &'a Path,
    config: &'a PrepareConfig,
    images: Vec<Image>,
    classes: Classes,
    has_readers: bool,
    patient_source: String,
    notes: Vec<String>,
}

struct Image {
    name: String,
    /// Usable as a file name.
    id: Name,
    patient: String,
    class: Class,
    /// What two readers say; absent where the label is the class.
    votes: Option<(bool, bool)>,
    label: Option<String>,
    split: Split,
}

/// Where the patients of the images are known from.
fn patient_source(labels: &Labels, config: &PrepareConfig) -> String {
    match (&labels.patient, &config.patients) {
        (Some(_), Some(table)) => format!("the column patient of {}", table.display()),
        (Some(_), None) => format!("the column patient of {}", labels.source),
        (None, _) => "none known: each image counts as its own patient".to_owned(),
    }
}

/// What the record says about labels, patients and the `others`, files that are no images.
fn notes(labels: &Labels, patient_source: &str, others: u64) -> Vec<String> {
    let mut notes = vec![format!("labels from: {}", labels.source), format!("patients: {patient_source}")];
    if labels.label.is_none() && labels.votes.is_none() {
        let counted = "no labels: every image counts as of the class of interest";
        notes.push(format!("{counted}; such a set trains a generator, not a classifier"));
    }
    if others > 0 {
        notes.push(format!("{others} other files were passed over"));
    }
    notes
}

impl<'a> ImageSet<'a> {
    fn new(
        source: &'a Path,
        names: Vec<String>,
        mut labels: Labels,
        others: u64,
        config: &'a PrepareConfig,
        seed: RunSeed,
    ) -> Result<Self> {
        if let Some(table) = &config.patients {
            labels = labels.with_patients(table, &names)?;
        }
        let Labelled { classes, images: labelled } = labels.classes(&names, config)?;
        require_classes(source, &labels, &classes, &labelled)?;
        let patient_of = |name: &String| labels.patient.as_ref().map_or(name, |patients| &patients[name]).clone();
        let kinds = split::kinds(&classes);
        let own = names.iter().zip(&labelled).map(|(name, image)| {
            (labels.patient.as_ref().map_or(name, |patients| &patients[name]).as_str(), &image.class)
        });
        let patients = split::count_lesions(own, &kinds);
        let sides = split::assign(&patients, &kinds, config.shares(), seed).map_err(|problem| problem.at(source))?;
        let side_of: HashMap<&str, Split> = patients.iter().map(|patient| patient.id.as_str()).zip(sides).collect();
        let named = |name: &String| {
            id(name).map_err(|fault| Problem::input(source, format!("{name}: {fault}")).advice("rename the image"))
        };
        let ids: Vec<Name> = names.iter().map(named).collect::<Result<_>>()?;
        if let Some(same) = repeated(ids.iter().map(Name::as_str)).first() {
            return Err(
                Problem::input(source, format!("several images whose names become {same}")).advice("rename them")
            );
        }
        let images = names.iter().zip(ids).zip(labelled).map(|((name, id), LabelledImage { class, label })| {
            let patient = patient_of(name);
            let given = labels.votes.as_ref().map(|votes| votes[name]);
            let votes = match config.classes {
                ClassSource::Interest => Some(votes_of(&class, given)),
                ClassSource::Labels => given,
            };
            let split = side_of[patient.as_str()];
            Image { name: name.clone(), id, patient, class, votes, label, split }
        });
        let patient_source = patient_source(&labels, config);
        let notes = notes(&labels, &patient_source, others);
        Ok(Self {
            source,
            config,
            images: images.collect(),
            classes,
            has_readers: labels.votes.is_some(),
            patient_source,
            notes,
        })
    }

    fn extract(
        self,
        out: &Path,
        mut read: impl FnMut(&str) -> Result<Vec<u8>>,
        observer: &dyn Observer,
    ) -> Result<Extracted> {
        let folder = out.join(PATCHES);
        crate::files::make_folder(&folder)?;
        let mut all = Extracted {
            patient_source: self.patient_source.clone(),
            classes: self.classes.clone(),
            has_readers: self.has_readers,
            notes: self.notes.clone(),
            ..Extracted::default()
        };
        let mut first: Option<(Form, &str)> = None;
        observer.begin("decoding images", "images", self.images.len() as u64);
        for chunk in self.images.chunks(CHUNK) {
            stop_if_asked(observer)?;
            let files = chunk.iter().map(|image| read(&image.name)).collect::<Result<Vec<_>>>()?;
            let decoded: Vec<(PngImage, FileHash)> =
                chunk.par_iter().zip(&files).map(|(image, bytes)| self.decode(image, bytes)).collect::<Result<_>>()?;
            for (image, (png, _)) in chunk.iter().zip(&decoded) {
                self.require_form(*first.get_or_insert((png.form, &image.name)), (png.form, &image.name))?;
            }
            let written = chunk.par_iter().zip(&decoded).map(|(image, (png, _))| self.write(out, image, png));
            let written: Vec<(Lesion, PixelHash)> = written.collect::<Result<_>>()?;
            for ((lesion, hash), (_, input)) in written.into_iter().zip(decoded) {
                all.slices.push(Slice { lesion: all.lesions.len() as u32, z: 0, voxels: 0 });
                all.lesions.push(lesion);
                all.hashes.push(hash);
                all.inputs.push(input);
            }
            observer.advance(chunk.len() as u64);
        }
        observer.end();
        if let Some((form, _)) = first {
            all.patch = [1, form.height, form.width];
            let channel = |number| Contrast {
                name: Name::of_known(&format!("image{number}")),
                unit: "grey level".into(),
                window: Window { low: 0.0, high: f64::from(form.white) },
            };
            all.contrasts = (0..form.channels).map(|number| self.config.with_window(channel(number))).collect();
            all.notes.push(format!("{form}"));
        }
        Ok(all)
    }

    /// Refuses an image of another form than the first; both with their names.
    fn require_form(&self, (form, of): (Form, &str), (found, name): (Form, &str)) -> Result<()> {
        if found == form {
            return Ok(());
        }
        Err(Problem::input(self.source, format!("{name} is {found} but {of} is {form}"))
            .expected("one size, depth and colour in the whole set")
            .advice("convert them to one form first"))
    }

    fn decode(&self, image: &Image, bytes: &[u8]) -> Result<(PngImage, FileHash)> {
        let png = png_image::decode(bytes).map_err(|found| {
            Problem::input(self.source, format!("{}: {found}", image.name))
                .expected("a whole 8 or 16 bit gray or RGB PNG")
        })?;
        Ok((png, FileHash { path: image.name.clone(), sha256: digest::sha256(bytes) }))
    }

    fn write(&self, out: &Path, image: &Image, png: &PngImage) -> Result<(Lesion, PixelHash)> {
        let patch = Inside::of(PATCHES, &image.id, ".npy");
        let shape = [png.form.channels, 1, png.form.height, png.form.width].map(u64::from);
        let hash =
            PixelHash { sha256: hash_pixels(&png.levels), patient: image.patient.clone(), name: image.name.clone() };
        let lesion = Lesion {
            sha256: patch_file::write(&out.join(&patch), &shape, &png.levels)?,
            mask_sha256: None,
            id: image.id.clone(),
            patient: image.patient.clone(),
            centre: [0; 3],
            affine: Affine::IDENTITY,
            reader1: image.votes.map(|votes| votes.0),
            reader2: image.votes.map(|votes| votes.1),
            class: image.class.clone(),
            label: image.label.clone(),
            split: image.split,
            voxels: 0,
            patch,
            mask: None,
        };
        Ok((lesion, hash))
    }
}

/// The name without ending, folders joined by dashes: "rim/a.png" -> "rim-a".
fn id(name: &str) -> std::result::Result<Name, String> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    Name::new(stem.replace('/', "-"))
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
