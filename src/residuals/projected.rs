//! The projection of each image, finished ones kept: killed and run again the same images come out.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::{Lab, Place};
use crate::files::{self, Claim};
use crate::name::{Inside, Name};
use crate::problem::Result;
use crate::project::batches::{Batches, Made};
use crate::project::feature_choice::Features;
use crate::project::projector::{Projector, Run};
use crate::project::targets::Target;
use crate::project::{OneProjected, ProjectConfig, fingerprint, store, units};
use crate::records::arithmetic::Arithmetic;
use crate::run_dir::RECORD;
use crate::units::Ready;

/// A finished projection: what it depends on, and its file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    fingerprint: String,
    image_sha256: String,
    made: Made,
}

/// What all images share.
pub struct Descents<'a> {
    /// Where results go.
    pub out: &'a Path,
    /// Opened network.
    pub projector: &'a Projector,
    /// What distances are measured with.
    pub net: &'a Features<'a>,
    /// How to project.
    pub config: &'a ProjectConfig,
    /// All that every projection depends on.
    pub settings: Value,
    /// Where it is computed.
    pub place: &'a Place,
}

/// A projection and its note, relative to the folder.
pub fn files_of(id: &Name) -> [Inside; 2] {
    [Inside::of("images", id, ".npy"), Inside::of("cases", id, ".json")]
}

/// The files of images, their notes behind the images that they speak of.
fn in_order(targets: &[Target]) -> Vec<String> {
    let of = |at: usize| targets.iter().map(move |target| files_of(&target.id)[at].to_string());
    of(0).chain(of(1)).collect()
}

impl Descents<'_> {
    /// The image of each target \[C, H, W\], in their order, and how they were computed. What is finished is read back,
    /// what is ready taken in; batches of which anything is missing are projected.
    ///
    /// # Errors
    /// `Kind::Interrupted` once asked to stop; finished batches stay. A failed write; a unit that is not what it should
    /// be, or is missing where none is to be made.
    pub fn all(
        &self,
        targets: &[Target],
        (claim, ready): (&mut Claim, &Ready),
        lab: &Lab<'_>,
    ) -> Result<(Vec<Vec<f32>>, Vec<Arithmetic>)> {
        let observer = lab.observer;
        observer.begin("project", "image steps", targets.len() as u64 * self.config.steps);
        let prints: Vec<String> = targets.iter().map(|target| fingerprint(&self.settings, target)).collect();
        let read =
            || targets.iter().zip(&prints).map(|(target, print)| self.kept(target, print)).collect::<Result<_>>();
        let mut kept: Vec<Option<Made>> = read()?;
        let size = self.config.batch as usize;
        if kept.iter().any(Option::is_none) && ready.is_any() {
            self.clear(targets, claim)?;
            for (number, (targets, kept)) in targets.chunks(size).zip(kept.chunks(size)).enumerate() {
                if kept.iter().any(Option::is_none) {
                    ready.take(&units::batch(number), self.out, &in_order(targets))?;
                }
            }
            kept = read()?;
        }
        let cut = Batches::new(&prints, size, self.place);
        let finished: Vec<_> = kept.iter().map(|made| made.as_ref().map(Some)).collect();
        let to_do = cut.to_do(&finished, &[], self.out, observer)?;
        let missing: BTreeSet<Name> = to_do.places.iter().map(|at| units::batch(at / size)).collect();
        ready.require_none(&missing.into_iter().collect::<Vec<_>>())?;
        if !to_do.places.is_empty() {
            self.clear(targets, claim)?;
        }
        observer.advance((targets.len() - to_do.places.len()) as u64 * self.config.steps);
        let chosen: Vec<&Target> = to_do.places.iter().map(|&at| &targets[at]).collect();
        let run = Run::new(self.config, lab.seed, observer);
        self.projector.project_all(self.net.net.as_ref(), &chosen, &run, &mut |row, projected| {
            let at = to_do.places[row];
            if to_do.kept[at] {
                return Ok(());
            }
            kept[at] = Some(self.write(&targets[at], (&prints[at], cut.made(at)), &projected)?);
            Ok(())
        })?;
        observer.end();
        let read = |target: &Target| store::read_plain(&files_of(&target.id)[0].under(self.out), target.pixels.len());
        let images = targets.iter().map(read).collect::<Result<_>>()?;
        Ok((images, Arithmetic::distinct(kept.iter().flatten().map(|made| &made.arithmetic))))
    }

    /// Projects the batches of these numbers, each of which is handed over when it is done with the names of its files.
    ///
    /// # Errors
    /// As [`Descents::all`]; what `done` reports.
    pub fn batches(
        &self,
        targets: &[Target],
        numbers: &[usize],
        lab: &Lab<'_>,
        mut done: impl FnMut(usize, Vec<String>) -> Result<()>,
    ) -> Result<()> {
        let prints: Vec<String> = targets.iter().map(|target| fingerprint(&self.settings, target)).collect();
        let size = self.config.batch as usize;
        let cut = Batches::new(&prints, size, self.place);
        let places = |number: usize| number * size..targets.len().min((number + 1) * size);
        let images: usize = numbers.iter().map(|&number| places(number).len()).sum();
        lab.observer.begin("project", "image steps", images as u64 * self.config.steps);
        let run = Run::new(self.config, lab.seed, lab.observer);
        for &number in numbers {
            let places = places(number);
            let chosen: Vec<&Target> = targets[places.clone()].iter().collect();
            self.projector.project_all(self.net.net.as_ref(), &chosen, &run, &mut |row, projected| {
                let at = places.start + row;
                self.write(&targets[at], (&prints[at], cut.made(at)), &projected).map(drop)
            })?;
            done(number, in_order(&targets[places]))?;
        }
        lab.observer.end();
        Ok(())
    }

    /// Before anything is made: the record speaks of images that will be others, and so may files of images that are
    /// not asked for now.
    fn clear(&self, targets: &[Target], claim: &mut Claim) -> Result<()> {
        files::remove(&self.out.join(RECORD))?;
        let own: BTreeSet<String> = in_order(targets).into_iter().collect();
        let of_images = |name: &str| name.starts_with("images/") || name.starts_with("cases/");
        claim.forget(|name| of_images(name) && !own.contains(name))?;
        claim.will_write(own)
    }

    /// Writes a projection and its note.
    fn write(&self, target: &Target, (print, made): (&str, Made), projected: &OneProjected) -> Result<Made> {
        let [image, note] = files_of(&target.id).map(|name| name.under(self.out));
        // The note of an image before must not stand beside a new one.
        files::remove(&note)?;
        store::write_npy(&image, &projected.image)?;
        let told = Kept { fingerprint: print.to_owned(), image_sha256: files::sha256(&image)?, made: made.clone() };
        files::write_json(&note, &told)?;
        Ok(made)
    }

    fn kept(&self, target: &Target, print: &str) -> Result<Option<Made>> {
        let [image, note] = files_of(&target.id).map(|name| name.under(self.out));
        let kept = files::read_note::<Kept>(&note)?.filter(|kept| kept.fingerprint == *print);
        let Some(kept) = kept else { return Ok(None) };
        let same = files::is_there(&image)? && files::sha256(&image)? == kept.image_sha256;
        Ok(same.then_some(kept.made))
    }
}
