//! Cases to examples, and examples to files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::collection::{Case, Collection, Origin};
use super::example::{Example, Files};
use super::{place, stop_if_asked};
use crate::data::manifest::{Lesion, Split};
use crate::files;
use crate::observer::Observer;
use crate::problem::{Problem, Result};

impl Collection {
    /// Reads parts of a lesion's patch: slices, or the whole.
    pub(super) fn read_real(&self, lesion: u32, parts: &[Option<u32>]) -> Result<Vec<Example>> {
        let manifest = self.data.manifest();
        let entry = &manifest.lesions[lesion as usize];
        let [depth, height, width] = manifest.patch.map(|size| size as usize);
        let (plane, voxels) = (height * width, depth * height * width);
        let affine = place::of_patch(entry, manifest).map_err(|problem| problem.at(self.data.root()))?;
        let patch = self.data.patch(lesion)?;
        let mask = self.data.mask(lesion)?;
        let label = self.task.map(&patch, mask.as_deref(), voxels);
        let channel = |at: usize| {
            let contrast = &manifest.contrasts[at];
            let [low, high] = [contrast.window.low as f32, contrast.window.high as f32];
            let clipped = |value: f32| if self.is_clipped() { value.clamp(low, high) } else { value };
            let values = patch[at * voxels..][..voxels].iter();
            values.map(|&value| contrast.in_volumes(clipped(value))).collect::<Vec<f32>>()
        };
        let channels: Vec<Vec<f32>> = self.task.image.iter().map(|&at| channel(at)).collect();
        let part = |part: &Option<u32>| match *part {
            None => Example { shape: [depth, height, width], affine, channels: channels.clone(), label: label.clone() },
            Some(z) => {
                let range = z as usize * plane..(z as usize + 1) * plane;
                Example {
                    shape: [1, height, width],
                    affine: place::of_slice(affine, z),
                    channels: channels.iter().map(|values| values[range.clone()].to_vec()).collect(),
                    label: label.as_ref().map(|label| label[range.clone()].to_vec()),
                }
            }
        };
        Ok(parts.iter().map(part).collect())
    }

    /// Reads a drawn image; its voxels are as large as those of the training items of its class, and its middle is the
    /// world's origin.
    pub(super) fn read_drawn(&self, set: usize, at: usize) -> Result<Example> {
        let manifest = self.data.manifest();
        let (_, class) = &self.drawn[set].images[at];
        let values = self.drawn[set].values(at, &self.data)?;
        let [depth, height, width] = manifest.patch.map(|size| size as usize);
        let depth = if self.whole { depth } else { 1 };
        let voxels = depth * height * width;
        let learnt = |lesion: &&Lesion| lesion.split == Split::Train;
        let alike = manifest.lesions.iter().filter(learnt).find(|lesion| Some(&lesion.class) == class.as_ref());
        let Some(like) = alike.or_else(|| manifest.lesions.iter().find(learnt)) else {
            return Err(Problem::input(self.data.root(), "no item on the training side"));
        };
        let affine = place::of_patch(like, manifest).map_err(|problem| problem.at(self.data.root()))?;
        let drawn: Vec<f32> = values
            .chunks_exact(voxels)
            .zip(&manifest.contrasts)
            .flat_map(|(values, contrast)| values.iter().map(|&value| contrast.window.to_physical(value)))
            .collect();
        let channel = |&at: &usize| {
            let values = values[at * voxels..][..voxels].iter();
            values.map(|&value| manifest.contrasts[at].drawn_in_volumes(value.clamp(-1.0, 1.0))).collect()
        };
        Ok(Example {
            shape: [depth, height, width],
            affine: place::centred(affine, [width, height, depth]),
            channels: self.task.image.iter().map(channel).collect(),
            label: self.task.map(&drawn, None, voxels),
        })
    }

    /// Writes all cases below `root` where `files` says; gives the names of what was written.
    ///
    /// # Errors
    /// A file that cannot be read or written, or stopped on request.
    pub fn write(
        &self,
        root: &Path,
        files: impl Fn(&Case) -> Files + Sync,
        observer: &dyn Observer,
    ) -> Result<Vec<String>> {
        let all: Vec<Files> = self.cases.iter().map(&files).collect();
        let folders: BTreeSet<PathBuf> =
            all.iter().flat_map(Files::all).filter_map(|file| file.under(root).parent().map(Path::to_owned)).collect();
        folders.iter().try_for_each(|folder| files::make_folder(folder))?;
        observer.begin("writing volumes", "examples", self.cases.len() as u64);
        let groups: Vec<&[Case]> =
            self.cases.chunk_by(|one, other| lesion(one).is_some_and(|own| Some(own) == lesion(other))).collect();
        let one = |group: &&[Case]| -> Result<()> {
            stop_if_asked(observer)?;
            let examples = match &group[0].origin {
                Origin::Drawn(set, at) => vec![self.read_drawn(*set, *at)?],
                Origin::Real(lesion, _) => self.read_real(*lesion, &group.iter().map(part).collect::<Vec<_>>())?,
            };
            for (case, example) in group.iter().zip(examples) {
                example.write(root, &files(case), &self.words(case))?;
            }
            observer.advance(group.len() as u64);
            Ok(())
        };
        let done = groups.par_iter().try_for_each(one);
        observer.end();
        done?;
        Ok(all.iter().flat_map(Files::all).map(|file| file.as_str().to_owned()).collect())
    }

    /// What stands in the headers of a case's files: one text a channel, then that of the label.
    fn words(&self, case: &Case) -> Vec<String> {
        let manifest = self.data.manifest();
        let simulated = if manifest.simulated { "SIMULATED " } else { "" };
        let drawn = if case.is_drawn() { "SYNTHETIC " } else { "" };
        let channel = |&at: &usize| {
            let contrast = &manifest.contrasts[at];
            format!("{simulated}{drawn}{} in {}", contrast.name, contrast.unit_in_volumes())
        };
        let label = format!("{simulated}{drawn}labels: {}", self.task.labels.join(", "));
        self.task.image.iter().map(channel).chain([label]).collect()
    }
}

/// The lesion of a real case.
fn lesion(case: &Case) -> Option<u32> {
    match case.origin {
        Origin::Real(lesion, _) => Some(lesion),
        Origin::Drawn(..) => None,
    }
}

fn part(case: &Case) -> Option<u32> {
    match case.origin {
        Origin::Real(_, part) => part,
        Origin::Drawn(..) => None,
    }
}
