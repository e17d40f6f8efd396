//! What a label says: which of the data set's channels or masks it is made of, and the names of its numbers.

use serde::{Deserialize, Serialize};

use crate::data::AnyPrepared;
use crate::data::manifest::{Lesion, Manifest};
use crate::problem::{Problem, Result};
use crate::records::spelling;

/// Unit of a contrast that holds a map of regions.
const REGION: &str = "region";

/// Name of the contrast that holds traced rims.
const RIM: &str = "rim";

/// Share of the tracings from which on a voxel belongs to a rim.
const TRACED: f32 = 0.5;

/// What is to be found in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Regions of a tumour, by the data set's map of regions.
    Regions,
    /// Traced rims, by the contrast "rim".
    Rims,
    /// Lesions, by their masks.
    Lesions,
    /// The class of the whole image: a number, no map.
    Classes,
}

/// A target in a data set: which channels are what.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// What the labels say.
    pub target: Target,
    /// Channels of the image; at least one.
    pub image: Vec<usize>,
    /// The channel that the label is made of; none for masks and classes.
    channel: Option<usize>,
    /// Names of the label's numbers, from 0.
    pub labels: Vec<String>,
}

impl Task {
    /// The target that is asked for; else regions, rims, lesions or classes, the first that the data set has.
    ///
    /// # Errors
    /// A target that the data set does not have, or no image beside the label.
    pub fn of(data: &AnyPrepared, asked: Option<Target>) -> Result<Self> {
        let manifest = data.manifest();
        let regions = manifest.contrasts.iter().position(|contrast| contrast.unit == REGION);
        let rim = manifest.contrasts.iter().position(|contrast| contrast.name.as_str() == RIM);
        let masked = manifest.lesions.iter().any(|lesion| lesion.mask.is_some());
        let target = asked.unwrap_or(match (regions, rim) {
            (Some(_), _) => Target::Regions,
            (_, Some(_)) => Target::Rims,
            _ if masked => Target::Lesions,
            _ => Target::Classes,
        });
        let missing = |expected: &str, advice: &str| {
            let listed: Vec<&str> = manifest.contrasts.iter().map(|contrast| contrast.name.as_str()).collect();
            let found = format!("no {} in a data set of {}", spelling::name(&target), listed.join(", "));
            Err(Problem::input(data.root(), found).expected(expected).advice(advice))
        };
        let channel = match target {
            Target::Regions if regions.is_none() => {
                return missing("a contrast \"seg\" of regions", "prepare the brains with --contrasts t1c,seg");
            }
            Target::Rims if rim.is_none() => {
                return missing("a contrast \"rim\" of traced rims", "prepare the cohort with --contrasts chimap,rim");
            }
            Target::Lesions if !masked => {
                return missing("masks of lesions", "ask for another --target: plain images have classes");
            }
            Target::Regions => regions,
            Target::Rims => rim,
            Target::Lesions | Target::Classes => None,
        };
        // A map of regions or rims is an answer, not an image, whatever is asked for.
        let answers = [regions, rim.filter(|_| manifest.contrasts.len() > 1)];
        let image: Vec<usize> =
            (0..manifest.contrasts.len()).filter(|at| !answers.contains(&Some(*at)) && channel != Some(*at)).collect();
        if image.is_empty() {
            return missing("an image beside the label", "prepare with one more contrast");
        }
        Ok(Self { target, image, channel, labels: labels(target, manifest) })
    }

    /// Whether labels are maps.
    pub fn has_maps(&self) -> bool {
        self.target != Target::Classes
    }

    /// The label map \[voxels\] of channels \[channels, voxels\] in physical units and of a mask; `None` where the
    /// target is a class, or the mask is missing.
    pub fn map(&self, channels: &[f32], mask: Option<&[u8]>, voxels: usize) -> Option<Vec<u8>> {
        let channel = |at: usize| &channels[at * voxels..][..voxels];
        let last = self.labels.len().saturating_sub(1) as f32;
        match (self.target, self.channel) {
            (Target::Regions, Some(at)) => {
                Some(channel(at).iter().map(|region| region.round().clamp(0.0, last) as u8).collect())
            }
            (Target::Rims, Some(at)) => Some(channel(at).iter().map(|share| u8::from(*share >= TRACED)).collect()),
            (Target::Lesions, _) => mask.map(<[u8]>::to_vec),
            _ => None,
        }
    }

    /// Why an item has no label that could be learnt from, in words that follow its number: "are contested".
    pub fn passes_over(&self, lesion: &Lesion, manifest: &Manifest) -> Option<&'static str> {
        let contested = manifest.classes.number(&lesion.class).is_none();
        match self.target {
            Target::Classes | Target::Rims if contested => Some("are contested"),
            Target::Lesions if lesion.mask.is_none() => Some("have no mask"),
            _ => None,
        }
    }

    /// As [`Task::passes_over`], once the label is known: a rim that nobody traced would teach that it is none.
    pub fn contradicts(&self, lesion: &Lesion, manifest: &Manifest, label: &[u8]) -> Option<&'static str> {
        let rim = manifest.classes.of_interest.as_ref() == Some(&lesion.class);
        let untraced = self.target == Target::Rims && rim && !label.contains(&1);
        untraced.then_some("are rims of which nothing is traced")
    }
}

/// Names of a label's numbers.
fn labels(target: Target, manifest: &Manifest) -> Vec<String> {
    let of = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    match target {
        Target::Regions => of(&["background", "core", "oedema", "enhancing"]),
        Target::Rims => of(&["background", "rim"]),
        Target::Lesions => of(&["background", "lesion"]),
        Target::Classes => manifest.classes.names.iter().map(|class| class.name().to_owned()).collect(),
    }
}
