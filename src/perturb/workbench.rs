//! One slice at a time: spoil it, read back what is finished, judge its projection.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::corruption::{Corruption, Strengths, corrupt};
use super::sheet;
use crate::files;
use crate::metrics::ssim::ssim;
use crate::problem::Result;
use crate::project::acceptance::Gauge;
use crate::project::batches::Made;
use crate::project::targets::Target;
use crate::project::{OneProjected, fingerprint, store};
use crate::records::perturbation::{Likeness, PerturbedCase, Sheet};
use crate::run_dir::PerturbationDir;
use crate::seed::RunSeed;

/// A slice as it was and as it is given to the projector.
pub(super) struct Spoiled {
    /// "rim", "training rim" or "non-rim".
    pub role: &'static str,
    /// What was done to it.
    pub corruption: Corruption,
    /// A slice of a lesion of the data set.
    pub original: Target,
    /// The same slice, spoiled, under a name of its own.
    pub target: Target,
}

/// A finished case and the hash of what it depends on.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    fingerprint: String,
    case: PerturbedCase,
    /// SHA-256 of the image's file; absent where an older version made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image_sha256: Option<String>,
    /// How it came about; absent where an older version made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made: Option<Made>,
}

/// A finished case and how it came about, where that is known.
pub(super) type Finished = (PerturbedCase, Option<Made>);

/// What all slices share.
pub(super) struct Workbench<'a> {
    /// Where results go.
    pub dir: &'a PerturbationDir,
    /// How slices are measured.
    pub gauge: &'a Gauge,
    /// Physical unit of what is measured.
    pub unit: &'a str,
    /// How strong each corruption is.
    pub strengths: Strengths,
    /// All that every case depends on.
    pub settings: Value,
}

impl Workbench<'_> {
    /// Spoils a slice with draws of its own. What spoils a slice would spoil its lesion: the other slices, as they are,
    /// are evidence of it only where nothing is spoiled.
    pub fn spoil(&self, role: &'static str, original: &Target, corruption: Corruption, seed: RunSeed) -> Spoiled {
        let id = original.id.with(&format!("_{}_{}", role.replace(' ', "-"), corruption.slug()));
        let mut draws = seed.stream(&format!("perturb {id}"), 0);
        let size = (self.gauge.height, self.gauge.width);
        let mask = original.mask.as_deref();
        let pixels = corrupt(&original.pixels, size, mask, corruption, &self.strengths, &mut draws);
        let mut target = Target { id, pixels, ..original.clone() };
        if corruption != Corruption::None {
            target = target.by_itself();
        }
        Spoiled { role, corruption, original: original.clone(), target }
    }

    /// The case of an earlier run, if it was made from the same things and its image is there and the same.
    pub fn finished(&self, item: &Spoiled) -> Result<Option<Finished>> {
        // One of other settings, or that says nothing, is made again.
        let print = self.print(item);
        let kept = files::read_note::<Kept>(self.dir.case(&item.target.id))?.filter(|kept| kept.fingerprint == print);
        let Some(kept) = kept else { return Ok(None) };
        let image = self.dir.root().join(&kept.case.image);
        if !files::is_there(&image)? {
            return Ok(None);
        }
        let same = match &kept.image_sha256 {
            Some(noted) => files::sha256(&image)? == *noted,
            None => true,
        };
        Ok(same.then_some((kept.case, kept.made)))
    }

    /// Whether the case that an earlier run left is of other settings, of another data set or network.
    pub fn is_of_others(&self, item: &Spoiled) -> Result<bool> {
        let kept = files::read_note::<Kept>(self.dir.case(&item.target.id))?;
        Ok(kept.is_some_and(|kept| kept.fingerprint != self.print(item)))
    }

    /// Hash of all that a case depends on.
    pub fn print(&self, item: &Spoiled) -> String {
        fingerprint(&self.settings, &item.target)
    }

    /// Measures a projection against the slice as it was, and writes both the image and the case.
    pub fn judge(&self, item: &Spoiled, projected: &OneProjected, made: Made) -> Result<Finished> {
        let lesion = item.original.lesion.as_ref().expect("lesions of a data set are known");
        let name = PerturbationDir::image(&item.target.id);
        let (image, note) = (self.dir.root().join(&name), self.dir.case(&item.target.id));
        // The note of an earlier run of other settings must not stand beside the new image.
        files::remove(&note)?;
        store::write_npy(&image, &projected.image)?;
        let case = PerturbedCase {
            lesion_id: lesion.lesion_id.clone(),
            slice: lesion.slice,
            role: item.role.to_owned(),
            corruption: item.corruption.name().to_owned(),
            strength: item.corruption.strength(&self.strengths, self.gauge.scale, self.unit),
            corrupted: self.likeness(&item.original, &item.target.pixels)?,
            projected: self.likeness(&item.original, &projected.pixels)?,
            contrast: lesion.contrast,
            w_distance: projected.w_distance,
            image: name,
        };
        let image_sha256 = Some(files::sha256(&image)?);
        let kept = Kept { fingerprint: self.print(item), case, image_sha256, made: Some(made) };
        files::write_json(note, &kept)?;
        Ok((kept.case, kept.made))
    }

    /// How `image` \[C, H, W\] compares with a slice as it was.
    fn likeness(&self, original: &Target, image: &[f32]) -> Result<Likeness> {
        let plane = self.gauge.height * self.gauge.width;
        let scaled = |pixels: &[f32]| -> Vec<f64> {
            let channel = &pixels[self.gauge.channel * plane..][..plane];
            channel.iter().map(|&value| (f64::from(value) + 1.0) / 2.0).collect()
        };
        let (before, after) = (scaled(&original.pixels), scaled(image));
        let squares = before.iter().zip(&after).map(|(a, b)| (a - b).powi(2));
        let mask = original.mask.as_deref();
        Ok(Likeness {
            ssim: ssim(&before, &after, (self.gauge.height, self.gauge.width), 1.0)?,
            mse: squares.sum::<f64>() / plane as f64,
            lesion_rms: self.gauge.root_mean_squares(&original.pixels, image, mask).0,
            contrast: self.gauge.contrast_after(image, original)?,
        })
    }

    /// The first rims with each corruption, and the first training rims and non-rims.
    pub fn sheets(&self, spoiled: &[Spoiled], cases: &[PerturbedCase], simulated: bool) -> Result<Vec<Sheet>> {
        let mut rows = Vec::new();
        for (item, case) in spoiled.iter().zip(cases) {
            let image = store::read_plain(&self.dir.root().join(&case.image), item.target.pixels.len())?;
            rows.push(sheet::Row { item, case, image });
        }
        sheet::Sheets { dir: self.dir, gauge: self.gauge, unit: self.unit, simulated }.write_all(&rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;
    use crate::project::evidence::Beside;
    use crate::project::targets::OfLesion;
    use crate::records::classes::Class;

    /// By hand: the slice shows 1, 1 and half way round, each of the two beside it 4, 7 and all round. As it is, the
    /// lesion shows their mean of 3, 5 and 5/6; spoiled, only what the slice shows.
    #[test]
    fn other_slices_are_no_evidence_of_a_slice_that_is_spoiled() {
        let dir = PerturbationDir::new("none");
        let gauge = Gauge { channel: 0, height: 4, width: 4, scale: 1.0 };
        let bench =
            Workbench { dir: &dir, gauge: &gauge, unit: "ppb", strengths: Strengths::default(), settings: Value::Null };
        let lesion = OfLesion {
            lesion_id: Name::of_known("a"),
            patient: "a".to_owned(),
            slice: 3,
            role: Class::RIM,
            contrast: 1.0,
            beside: Beside { slices: 2, sums: [8.0, 14.0, 2.0] },
        };
        let original = Target { id: Name::of_known("a"), pixels: vec![0.0; 16], mask: None, lesion: Some(lesion) };
        let mean =
            |corruption| bench.spoil("rim", &original, corruption, RunSeed(1)).target.mean_of_lesion([1.0, 1.0, 0.5]);
        assert_eq!(mean(Corruption::None), [3.0, 5.0, 2.5 / 3.0]);
        for spoiled in Corruption::ALL.into_iter().filter(|corruption| *corruption != Corruption::None) {
            assert_eq!(mean(spoiled), [1.0, 1.0, 0.5], "{spoiled:?}");
        }
    }
}
