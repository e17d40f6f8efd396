//! The truth of simulated cohorts: lesions scanned again without their rims. Each is kept in a file, so that a stopped
//! explanation goes on with those that it has.

use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::items::{Item, Truth};
use crate::data::patches::{Border, cut};
use crate::data::{Prepared, patch_file};
use crate::digest;
use crate::files;
use crate::name::{Inside, Name};
use crate::nifti::RasVolume;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::simulate::rim_lesions::Twins;

/// Folder of the patches without rim, in the stage's.
const FOLDER: &str = "twins";

/// How far a map that is simulated again may lie from the data set's, in ppb: three of the steps that files round to.
/// Other instructions of a processor move last bits, and with them single values to the next step.
const SAME_PPB: f32 = 0.2;

/// What stands beside a patch without rim.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    /// Hash of all that decides the patch.
    key: String,
    /// Of the patch's file.
    sha256: String,
}

/// The files of a lesion, relative to the stage's folder.
pub(super) fn files_of(id: &Name) -> [Inside; 2] {
    [Inside::of(FOLDER, id, ".npy"), Inside::of(FOLDER, id, ".json")]
}

/// What the lesions are simulated again with.
pub(super) struct Workshop<'a> {
    pub twins: &'a Twins,
    pub data: &'a Prepared,
    /// The stage's folder.
    pub out: &'a Path,
    pub threads: usize,
    pub observer: &'a dyn Observer,
}

impl Workshop<'_> {
    /// Gives each item of a data set of susceptibility alone that has a rim its truth; the largest difference in ppb
    /// between the data set and what is simulated again with all rims, over the first patient's lesions.
    ///
    /// # Errors
    /// A data set of another cohort than the one that is simulated, a full disk, or a stop on
    /// request: what is made is kept.
    pub fn fill(&self, items: &mut [Item]) -> Result<f32> {
        let apart = self.require_same(&items[0])?;
        self.observer.begin("lesions without their rims", "lesions", items.len() as u64);
        let failed = |error| Problem::new(Kind::Environment, format!("cannot start threads: {error}"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.twins.at_once(self.threads));
        let pool = pool.build().map_err(failed)?;
        let made = pool.install(|| {
            let one = |item: &Item| {
                let patch = self.patch(item)?;
                self.observer.advance(1);
                Ok(patch)
            };
            items.par_iter().with_max_len(1).map(one).collect::<Result<Vec<_>>>()
        });
        self.observer.end();
        let [_, height, width] = self.data.image_shape();
        let scale = self.data.contrasts().first().map_or(1.0, |contrast| contrast.window.scale());
        let nothing = SAME_PPB / scale as f32;
        for (item, patch) in items.iter_mut().zip(made?) {
            let slice = &patch[item.z as usize * height * width..][..height * width];
            let truth = Truth::new(&item.pixels, self.data.to_network(slice), 1);
            // A lesion that the readers took for a rim and that has none loses nothing.
            item.truth = truth.difference.iter().any(|&value| value > nothing).then_some(truth);
        }
        Ok(apart)
    }

    /// Refuses a cohort that is not the one that the settings simulate.
    fn require_same(&self, first: &Item) -> Result<f32> {
        let map = self.map(first, None)?;
        let mut apart = 0f32;
        let data = self.data;
        for (at, lesion) in (0u32..).zip(&data.manifest().lesions).filter(|(_, one)| one.patient == first.patient) {
            let again = cut(&map, lesion.centre, data.manifest().patch, Border::Edge);
            apart = data.patch(at)?.iter().zip(&again).fold(apart, |most, (a, b)| most.max((a - b).abs()));
        }
        if apart <= SAME_PPB {
            return Ok(apart);
        }
        Err(Problem::input(data.root(), format!("maps {apart:.1} ppb from those that are simulated again"))
            .expected("the cohort that these settings simulate with this version")
            .advice(
                "give the settings that it was simulated with, or leave the truth out (explain.twins = false; no \
                 --simulated-by)",
            ))
    }

    /// The patch of a lesion without its rim, \[depth, height, width\] in ppb: made before, or now.
    fn patch(&self, item: &Item) -> Result<Vec<f32>> {
        let [file, note] = files_of(&item.id).map(|inside| inside.under(self.out));
        let shape = self.data.manifest().patch.map(u64::from);
        let centre = self.data.lesion(item.lesion).centre;
        let key = digest::sha256(files::json_line(&(self.twins.key()?, &item.id, centre, shape))?);
        if let Some(kept) = kept(&file, &note, &key, &shape)? {
            return Ok(kept);
        }
        if self.observer.stop_requested() {
            return Err(Problem::new(Kind::Interrupted, "stopped between two lesions")
                .advice("the same command goes on from there"));
        }
        let map = self.map(item, Some(label(item)?))?;
        let patch = cut(&map, centre, self.data.manifest().patch, Border::Edge);
        let sha256 = patch_file::write(&file, &shape, &patch)?;
        files::write_json(&note, &Note { key, sha256 })?;
        Ok(patch)
    }

    fn map(&self, item: &Item, without: Option<u16>) -> Result<RasVolume> {
        self.twins.map(&item.patient, without)?.ok_or_else(|| {
            Problem::input(self.data.root(), format!("patient {}, whom these settings do not simulate", item.patient))
                .expected("the cohort that these settings simulate")
                .advice("give the settings that it was simulated with")
        })
    }
}

/// The number of a lesion in its patient's label map.
fn label(item: &Item) -> Result<u16> {
    let number = item.id.as_str().strip_prefix(item.patient.as_str()).and_then(|rest| rest.strip_prefix("_lesion-"));
    number.and_then(|number| number.parse().ok()).ok_or_else(|| {
        Problem::new(Kind::Input, format!("a lesion called {}", item.id)).expected("names as simulated cohorts have")
    })
}

/// A patch that an earlier run left, if it is whole and of the same key.
fn kept(file: &Path, note: &Path, key: &str, shape: &[u64; 3]) -> Result<Option<Vec<f32>>> {
    let Some(found) = files::read_note::<Note>(note)?.filter(|found| found.key == key) else { return Ok(None) };
    if !files::is_there(file)? {
        return Ok(None);
    }
    match patch_file::read(file, shape, &found.sha256) {
        Ok(patch) => Ok(Some(patch)),
        // No permission, a disk that fails: that says nothing about the patch.
        Err(problem) if problem.kind() == Kind::Environment => Err(problem),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_kept_for_its_key_and_only_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (file, note) = (folder.path().join("a.npy"), folder.path().join("a.json"));
        let values = vec![1.0f32, 2.0, 3.0, 4.0];
        let sha256 = patch_file::write(&file, &[1, 2, 2], &values).unwrap();
        assert_eq!(kept(&file, &note, "k", &[1, 2, 2]).unwrap(), None);
        files::write_json(&note, &Note { key: "k".into(), sha256 }).unwrap();
        assert_eq!(kept(&file, &note, "k", &[1, 2, 2]).unwrap(), Some(values));
        assert_eq!(kept(&file, &note, "other", &[1, 2, 2]).unwrap(), None);
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.pop();
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(kept(&file, &note, "k", &[1, 2, 2]).unwrap(), None);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(kept(&file, &note, "k", &[1, 2, 2]).unwrap(), None);
        std::fs::write(&note, "{\"key\":").unwrap();
        assert_eq!(kept(&file, &note, "k", &[1, 2, 2]).unwrap(), None);
    }
}
