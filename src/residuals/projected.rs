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
use crate::project::{ProjectConfig, fingerprint, store};
use crate::records::arithmetic::Arithmetic;
use crate::run_dir::RECORD;

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

impl Descents<'_> {
    /// The image of each target \[C, H, W\], in their order, and how they were computed. What is finished is read back;
    /// batches of which anything is missing are projected.
    ///
    /// # Errors
    /// `Kind::Interrupted` once asked to stop; finished batches stay. A failed write.
    pub fn all(
        &self,
        targets: &[Target],
        claim: &mut Claim,
        lab: &Lab<'_>,
    ) -> Result<(Vec<Vec<f32>>, Vec<Arithmetic>)> {
        let observer = lab.observer;
        observer.begin("project", "image steps", targets.len() as u64 * self.config.steps);
        let prints: Vec<String> = targets.iter().map(|target| fingerprint(&self.settings, target)).collect();
        let mut kept: Vec<Option<Made>> =
            targets.iter().zip(&prints).map(|(target, print)| self.kept(target, print)).collect::<Result<_>>()?;
        let cut = Batches::new(&prints, self.config.batch as usize, self.place);
        let finished: Vec<_> = kept.iter().map(|made| made.as_ref().map(Some)).collect();
        let to_do = cut.to_do(&finished, &[], self.out, observer)?;
        if !to_do.places.is_empty() {
            // The record speaks of images that will be others, and so may files of images that are not asked for now.
            files::remove(&self.out.join(RECORD))?;
            let own: BTreeSet<String> =
                targets.iter().flat_map(|target| files_of(&target.id)).map(|name| name.to_string()).collect();
            let of_images = |name: &str| name.starts_with("images/") || name.starts_with("cases/");
            claim.forget(|name| of_images(name) && !own.contains(name))?;
            claim.will_write(own)?;
        }
        observer.advance((targets.len() - to_do.places.len()) as u64 * self.config.steps);
        let chosen: Vec<&Target> = to_do.places.iter().map(|&at| &targets[at]).collect();
        let run = Run::new(self.config, lab.seed, observer);
        self.projector.project_all(self.net.net.as_ref(), &chosen, &run, &mut |row, projected| {
            let at = to_do.places[row];
            if to_do.kept[at] {
                return Ok(());
            }
            let [image, note] = files_of(&targets[at].id).map(|name| name.under(self.out));
            // The note of an image before must not stand beside a new one.
            files::remove(&note)?;
            store::write_npy(&image, &projected.image)?;
            let made = cut.made(at);
            let told =
                Kept { fingerprint: prints[at].clone(), image_sha256: files::sha256(&image)?, made: made.clone() };
            files::write_json(&note, &told)?;
            kept[at] = Some(made);
            Ok(())
        })?;
        observer.end();
        let read = |target: &Target| store::read_plain(&files_of(&target.id)[0].under(self.out), target.pixels.len());
        let images = targets.iter().map(read).collect::<Result<_>>()?;
        Ok((images, Arithmetic::distinct(kept.iter().flatten().map(|made| &made.arithmetic))))
    }

    fn kept(&self, target: &Target, print: &str) -> Result<Option<Made>> {
        let [image, note] = files_of(&target.id).map(|name| name.under(self.out));
        let kept = files::read_note::<Kept>(&note)?.filter(|kept| kept.fingerprint == *print);
        let Some(kept) = kept else { return Ok(None) };
        let same = files::is_there(&image)? && files::sha256(&image)? == kept.image_sha256;
        Ok(same.then_some(kept.made))
    }
}
