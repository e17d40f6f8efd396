//! The images of a reader study: chosen by the seed from a study's folder, blinded to grey levels.

use std::path::{Path, PathBuf};

use rand::RngExt;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::config::ReadConfig;
use super::drawn::{self, Made};
use crate::data::Prepared;
use crate::data::dataset::{Side, Slices};
use crate::data::manifest::Slice;
use crate::digest;
use crate::files;
use crate::name::Name;
use crate::problem::{Kind, Problem, Result};
use crate::raster;
use crate::records::classes::Class;
use crate::records::label::Contrast;
use crate::records::reading::Source;
use crate::run_dir::StudyDir;
use crate::seed::RunSeed;

/// An image and what it is, which its reader is not told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Where it comes from.
    pub source: Source,
    /// The lesion that it shows, or the stem of the drawn file.
    pub id: Name,
    /// Slice within the lesion's patch; none of a drawn image.
    pub slice: Option<u32>,
    /// Images of one group are alike: the patient; of a drawn image itself.
    pub group: String,
    /// Of its grey levels as they are shown.
    pub sha256: String,
}

/// All that a page shows and what stands behind it.
#[derive(Clone, Debug)]
pub struct Items {
    /// By number.
    pub list: Vec<Item>,
    /// Grey levels \[channels, height, width\] of each.
    pub pixels: Vec<Vec<u8>>,
    /// Channels, height and width, the same of all.
    pub shape: [usize; 3],
    /// What the channels show.
    pub contrasts: Vec<Contrast>,
    /// Height and width of a pixel in mm, where known.
    pub pixel_mm: Option<[f64; 2]>,
    /// Whether the cohort is simulated.
    pub simulated: bool,
    /// What the second task asks about.
    pub interest: Class,
    /// SHA-256 of the data set's manifest.
    pub data_sha256: String,
    /// Of the generator of the synthetic images, where any are shown.
    pub network_sha256: Option<String>,
    /// Of sources that have fewer images than were asked for.
    pub notes: Vec<String>,
}

/// Reads the study's data, drawn and projected images, and chooses by `config`.
///
/// # Errors
/// A folder of the study that is missing or not of one piece, no class of interest, or no image of a source.
pub fn choose(dir: &StudyDir, config: &ReadConfig) -> Result<Items> {
    if !files::is_there(&dir.data())? {
        return Err(Problem::input(dir.root(), "no study with a data set")
            .expected("the folder that `rimforge run` wrote, with data/ in it")
            .advice("name what the study's `out` names"));
    }
    let data = Prepared::open(dir.data())?;
    let Some(interest) = data.classes().of_interest.clone() else {
        return Err(Problem::input(
            data.root(),
            format!("classes {} without one of interest", data.classes().listed()),
        )
        .expected("a data set in which one of two classes is looked for, such as rims"));
    };
    let manifest = data.manifest();
    let mut items = Items {
        list: vec![],
        pixels: vec![],
        shape: data.image_shape(),
        contrasts: data.contrasts().to_vec(),
        pixel_mm: manifest.voxel_mm.map(|[_, height, width]| [height, width]),
        simulated: manifest.simulated,
        interest,
        data_sha256: data.sha256().to_owned(),
        network_sha256: None,
        notes: vec![],
    };
    let draw = Draw { dir, data: &data, seed: RunSeed(config.seed) };
    // The same contested lesions with and without denoising.
    let mut pairs = None;
    for (source, asked) in config.counts() {
        let found = match source {
            Source::Real => draw.measured(asked, source, |class| *class == items.interest)?,
            Source::Other => {
                let others = |class: &Class| *class != items.interest && data.classes().number(class).is_some();
                draw.measured(asked, source, others)?
            }
            Source::Synthetic => {
                let (found, network) = draw.synthetic(asked)?;
                items.network_sha256 = Some(network);
                found
            }
            Source::Contested | Source::Denoised => {
                if pairs.is_none() {
                    pairs = Some(draw.pairs(asked)?);
                }
                draw.contested(pairs.as_deref().unwrap_or_default(), source)?
            }
        };
        items.take(source, asked, found)?;
    }
    Ok(items)
}

/// An image before it is blinded.
struct Found {
    id: Name,
    slice: Option<u32>,
    group: String,
    /// \[C, H, W\] in the network's range.
    pixels: Vec<f32>,
}

impl Items {
    /// SHA-256 of the list, which says what every number stands for and every grey level.
    ///
    /// # Errors
    /// None that a list can cause.
    pub fn sha256(&self) -> Result<String> {
        Ok(digest::sha256(files::json_line(&self.list)?))
    }

    fn take(&mut self, source: Source, asked: usize, found: Vec<Found>) -> Result<()> {
        if found.is_empty() && asked > 0 {
            return Err(Problem::new(
                Kind::Input,
                format!("no image of the source \"{}\" in the study", source.name()),
            )
            .expected("at least one of each source")
            .advice(format!(
                "leave it out: --sources with the others, or prepare or project more ({})",
                match source {
                    Source::Real | Source::Other => "its lesions are those of the validation and test sides",
                    Source::Synthetic => "synthetic/ holds none",
                    Source::Contested | Source::Denoised => "denoised/ holds no contested lesion",
                }
            )));
        }
        if found.len() < asked {
            let there = format!("{} of {asked} images of the source \"{}\"", found.len(), source.name());
            self.notes.push(format!("{there}: the study has no more"));
        }
        for Found { id, slice, group, pixels } in found {
            let levels: Vec<u8> = pixels.iter().map(|&value| raster::grey(value)[0]).collect();
            self.list.push(Item { source, id, slice, group, sha256: digest::sha256(&levels) });
            self.pixels.push(levels);
        }
        Ok(())
    }
}

struct Draw<'a> {
    dir: &'a StudyDir,
    data: &'a Prepared,
    seed: RunSeed,
}

impl Draw<'_> {
    /// One slice each of `count` lesions of the validation and test sides: any slice that cuts the lesion, as the
    /// generator learnt them; the middle ones alone would be told from drawn ones.
    fn measured(&self, count: usize, source: Source, is: impl Fn(&Class) -> bool) -> Result<Vec<Found>> {
        let validation = self.data.validation().filter(|lesion| is(&lesion.class));
        let test = self.data.test().filter(|lesion| is(&lesion.class));
        let mut lesions: Vec<(bool, Vec<usize>)> =
            validation.by_lesion().into_iter().map(|of| (false, of.positions)).collect();
        lesions.extend(test.by_lesion().into_iter().map(|of| (true, of.positions)));
        let mut rng = self.seed.stream("reading items", source as u64);
        lesions.shuffle(&mut rng);
        let picks = lesions.into_iter().take(count);
        picks
            .map(|(is_test, positions)| {
                let position = positions[rng.random_range(0..positions.len())];
                if is_test { slice_of(&test, position) } else { slice_of(&validation, position) }
            })
            .collect()
    }

    /// `count` drawn images, and the hash of the network that drew them.
    fn synthetic(&self, count: usize) -> Result<(Vec<Found>, String)> {
        let folder = self.dir.synthetic();
        let (mut files, network) = drawn::synthetic(&folder, self.data)?;
        files.shuffle(&mut self.seed.stream("reading items", Source::Synthetic as u64));
        let found = files.into_iter().take(count).map(|file| self.found(&folder, file, None)).collect::<Result<_>>()?;
        Ok((found, network))
    }

    /// One projected slice each of `count` contested lesions.
    fn pairs(&self, count: usize) -> Result<Vec<Made>> {
        let mut lesions = drawn::denoised(&self.dir.denoised(), self.data)?;
        let mut rng = self.seed.stream("reading items", Source::Denoised as u64);
        lesions.shuffle(&mut rng);
        let picks = lesions.into_iter().take(count);
        Ok(picks.map(|mut slices| slices.swap_remove(rng.random_range(0..slices.len()))).collect())
    }

    /// Contested lesions as they were measured, or denoised.
    fn contested(&self, pairs: &[Made], source: Source) -> Result<Vec<Found>> {
        let folder = self.dir.denoised();
        let all = self.data.training_all();
        pairs
            .iter()
            .map(|made| {
                let is = |slice: &Slice| {
                    self.data.lesion(slice.lesion).id == made.id && made.slice == Some(u64::from(slice.z))
                };
                let Some(position) = (0..all.len()).find(|&at| is(all.entry(at).0)) else {
                    let path = folder.join(crate::run_dir::RECORD);
                    let slice = made.slice.unwrap_or_default();
                    return Err(Problem::input(path, format!("no training lesion {} with a slice {slice}", made.id))
                        .expected("lesions of the study's data")
                        .advice("project the lesions of this data set"));
                };
                let original = slice_of(&all, position)?;
                match source {
                    Source::Contested => Ok(original),
                    _ => self.found(&folder, made.clone(), Some(original)),
                }
            })
            .collect()
    }

    /// The image of a file that a stage made, perhaps of an original.
    fn found(&self, folder: &Path, made: Made, original: Option<Found>) -> Result<Found> {
        let path: PathBuf = made.file.under(folder);
        let pixels = drawn::read(&path, self.data.image_shape(), &made.sha256)?;
        Ok(match original {
            Some(original) => Found { pixels, ..original },
            None => {
                Found { group: format!("{} {}", Source::Synthetic.name(), made.id), id: made.id, slice: None, pixels }
            }
        })
    }
}

fn slice_of<S: Side>(slices: &Slices<S>, position: usize) -> Result<Found> {
    let (slice, lesion) = slices.entry(position);
    let pixels = slices.image(position)?.pixels;
    Ok(Found { id: lesion.id.clone(), slice: Some(slice.z), group: lesion.patient.clone(), pixels })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// `count` images of four pixels, the sources in turn; a denoised one is of the lesion of the contested one before
    /// it, and seven patients have them all.
    pub fn made_up(count: usize) -> Items {
        let item = |at: usize| {
            let source = Source::ALL[at % 5];
            let of = at - usize::from(source == Source::Denoised);
            let group =
                if source == Source::Synthetic { format!("synthetic {at}") } else { format!("patient-{}", of % 7) };
            let levels = levels(at);
            let sha256 = digest::sha256(levels);
            Item { source, id: Name::of_known(&format!("lesion-{of}")), slice: Some(of as u32), group, sha256 }
        };
        Items {
            list: (0..count).map(item).collect(),
            pixels: (0..count).map(|at| levels(at).to_vec()).collect(),
            shape: [1, 2, 2],
            contrasts: vec![],
            pixel_mm: None,
            simulated: true,
            interest: Class::RIM,
            data_sha256: "ab".into(),
            network_sha256: Some("cd".into()),
            notes: vec![],
        }
    }

    fn levels(at: usize) -> [u8; 4] {
        [at as u8, (at >> 8) as u8, 0, 255]
    }

    #[test]
    fn the_hash_knows_every_image_and_its_place() {
        let one = made_up(5);
        let mut other = one.clone();
        assert_eq!(one.sha256().unwrap(), other.sha256().unwrap());
        other.list.swap(0, 1);
        assert_ne!(one.sha256().unwrap(), other.sha256().unwrap());
        let mut brighter = one.clone();
        brighter.list[2].sha256 = digest::sha256([1]);
        assert_ne!(one.sha256().unwrap(), brighter.sha256().unwrap());
    }

    #[test]
    fn a_source_without_an_image_is_told_and_one_with_few_is_noted() {
        let mut items = made_up(0);
        let problem = items.take(Source::Denoised, 3, vec![]).unwrap_err().to_string();
        assert!(problem.contains("no image of the source \"denoised\"") && problem.contains("--sources"), "{problem}");
        let pixels = vec![-1.0, 1.0, 0.0, 9.0];
        let found = Found { id: Name::of_known("a"), slice: None, group: "g".into(), pixels };
        items.take(Source::Real, 2, vec![found]).unwrap();
        assert_eq!(items.pixels, [[0, 255, 128, 255]], "as the report's pictures have them");
        assert_eq!(items.notes, ["1 of 2 images of the source \"real\": the study has no more"]);
    }
}
