//! The stage: seeds in; an image a seed, sheets and a record out.

use std::path::{Path, PathBuf};

use tch::{Device, Tensor};

use super::config::EACH;
use super::drawing::{Drawing, all_names};
use super::explore::{Exploration, SHEETS, explore};
use super::reals::{Meters, Reals};
use super::{Format, GenerateConfig};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::feed::network_source::{NetworkImages, as_refs, network_file};
use crate::feed::pictures;
use crate::files::{self, Input, OutFolder, Owner};
use crate::nets::class::{ClassChoice, class_number, one_hot};
use crate::nets::weights::{self, SavedNetwork};
use crate::problem::{Problem, Result};
use crate::records::synthesis::{LearntFrom, SynthesisRecord};
use crate::run_dir::RECORD;
use crate::settings::Settings;
use crate::units::Ready;

/// Images in the grids, at most.
const GRID: usize = 100;

/// Names of the grids.
const SYNTHETIC_GRID: &str = "grid.png";
const REAL_GRID: &str = "real-grid.png";

/// What is drawn from, and what it is measured beside.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// A network file, or the folder of a training run, of a study or of an import.
    pub network: &'a Path,
    /// Its training rims are shown and measured beside the drawn ones.
    pub data: Option<&'a Prepared>,
}

/// Knows the stage's folders.
pub const OWNER: Owner = Owner::of("generate", unmarked);

/// A folder of a version before there were marks: with a record of drawn images, or with nothing but images where a run
/// was killed before its record.
fn unmarked(folder: &Path) -> Result<Option<Vec<String>>> {
    let image = |name: &str| {
        let digits = name.strip_prefix("seed").map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        digits >= 4 && [".npy", ".png", ".nii.gz"].iter().any(|ending| name.ends_with(ending))
    };
    let stopped = files::was_locked(folder)? && files::holds_only(folder, "", image)?;
    if !stopped && !files::parses::<SynthesisRecord>(&folder.join(RECORD))? {
        return Ok(None);
    }
    let pictures = [RECORD, SYNTHETIC_GRID, REAL_GRID].into_iter().chain(SHEETS).map(str::to_owned);
    Ok(Some(files::files_in(folder, "", image)?.into_iter().chain(pictures).collect()))
}

/// Draws every seed's image in batches and writes the files, the grids and `record.json` into `out`.
///
/// # Errors
/// Those of [`run_stage_with_sheets`].
pub fn run_stage(inputs: Inputs<'_>, config: &GenerateConfig, out: &Path, lab: &Lab<'_>) -> Result<SynthesisRecord> {
    run_stage_with_sheets(inputs, config, &Exploration::default(), out, lab).map(|(record, _)| record)
}

/// As [`run_stage`], taking in the ranges of seeds that are ready ([`super::ranges`]).
///
/// # Errors
/// Those of [`run_stage`]; a unit that is not what it should be, or is missing where none is to be made.
pub fn run_with(
    inputs: Inputs<'_>,
    config: &GenerateConfig,
    (out, ready): (&Path, &Ready),
    lab: &Lab<'_>,
) -> Result<SynthesisRecord> {
    draw(inputs, (config, &Exploration::default()), (out, ready), lab).map(|(record, _)| record)
}

/// As [`run_stage`], with the sheets of an exploration, whose names come beside the record.
///
/// A folder holds the images of one run: those of a run before are replaced, all at once, when the new ones are drawn.
///
/// # Errors
/// A folder with something else in it or in use, no usable network, a bad list of seeds, NIfTI asked of a network that
/// does not know its units, a failed write, or stopped on request.
pub fn run_stage_with_sheets(
    inputs: Inputs<'_>,
    config: &GenerateConfig,
    sheets: &Exploration,
    out: &Path,
    lab: &Lab<'_>,
) -> Result<(SynthesisRecord, Vec<&'static str>)> {
    draw(inputs, (config, sheets), (out, &Ready::NONE), lab)
}

/// The network that is drawn from, and the class of it.
pub(super) fn opened(inputs: Inputs<'_>, config: &GenerateConfig, lab: &Lab<'_>) -> Result<Opened> {
    let opened = Opened::load(&network_file(inputs.network)?, config.class.as_ref(), lab.engine.device)?;
    if let Some(data) = inputs.data {
        opened.source.require_of(opened.network.generator.config().channels, data)?;
        opened.source.notes_beside(data).iter().for_each(|note| lab.observer.note(note));
    }
    if config.formats.contains(&Format::Nifti) && opened.source.contrasts.is_empty() {
        return Err(Problem::usage("this network does not say which units its channels have")
            .expected("a network trained by `rimforge train`, or imported with --window")
            .advice("take \"nifti\" out of generate.formats (--format), or import it again with --window LOW,HIGH"));
    }
    Ok(opened)
}

fn draw(
    inputs: Inputs<'_>,
    (config, sheets): (&GenerateConfig, &Exploration),
    (out, ready): (&Path, &Ready),
    lab: &Lab<'_>,
) -> Result<(SynthesisRecord, Vec<&'static str>)> {
    config.check()?;
    sheets.check()?;
    let file = network_file(inputs.network)?;
    let read = [Some(file.as_path()), inputs.data.map(Prepared::root)].into_iter().flatten().map(Input::of);
    let folder = OutFolder::new(OWNER, out).apart_from(read);
    folder.check()?;
    let opened = opened(inputs, config, lab)?;
    if opened.in_turn.is_some() && !sheets.is_empty() {
        return Err(Problem::usage(format!("sheets of images with generate.class (--class) = {EACH:?}"))
            .expected("one class, whose images they show")
            .advice("draw them in a call of their own, with the class by its name"));
    }
    let mut claim = folder.claim()?;
    // Nothing is gone on with.
    claim.discard()?;
    // What lies in the way of the result is told before hours of drawing, not after them.
    let grids = std::iter::once(SYNTHETIC_GRID).chain(inputs.data.map(|_| REAL_GRID));
    let others = grids.chain([RECORD]).chain(sheets.names()).map(str::to_owned);
    claim.require_free(all_names(config, &config.seed_numbers()?, &opened.source).chain(others))?;
    let making = Making { opened: &opened, config, sheets, ready, out: &claim.staging()? };
    let made = making.all(inputs.data, lab).and_then(|(record, drawn)| {
        let images = record.images.iter().map(|image| image.path.clone());
        let grids = std::iter::once(SYNTHETIC_GRID).chain(record.real_grid.as_ref().map(|_| REAL_GRID));
        let names = images.chain(grids.chain(drawn.iter().copied()).map(str::to_owned)).collect();
        claim.publish(names, &[RECORD], lab.observer)?;
        Ok((record, drawn))
    });
    if made.is_err() {
        // The first error is the one to show.
        let _ = claim.discard();
    }
    made
}

/// What is drawn with and where it is put until it is whole.
struct Making<'a> {
    opened: &'a Opened,
    config: &'a GenerateConfig,
    sheets: &'a Exploration,
    ready: &'a Ready,
    out: &'a Path,
}

impl Making<'_> {
    /// Images, grids, record and sheets.
    fn all(&self, data: Option<&Prepared>, lab: &Lab<'_>) -> Result<(SynthesisRecord, Vec<&'static str>)> {
        let &Self { opened, config, sheets, ready, out } = self;
        let source = &opened.source;
        let seeds = config.seed_numbers()?;
        files::make_folder(out)?;
        let reals = data.map(Reals::of);
        let cells = grid_cells(seeds.len(), reals.as_ref());
        let mut meters = Meters::new(source);
        let mut shown = Vec::new();
        let (images, image_classes) =
            Drawing { opened, config, seeds: &seeds, out }.write(ready, lab.observer, &mut |image| {
                meters.synthetic(&image.pixels);
                if shown.len() < cells {
                    shown.push(image.canvas(source.look()));
                }
            })?;
        let texts = source.texts("grid of images");
        pictures::grid(&shown).write_png(out.join(SYNTHETIC_GRID), &as_refs(&texts))?;
        if let Some(reals) = &reals {
            reals.measure(&mut meters)?;
            let texts = [("Description", "real training rims")];
            pictures::grid(&reals.canvases(cells, source.look())?).write_png(out.join(REAL_GRID), &texts)?;
        }
        let record = SynthesisRecord {
            network_sha256: opened.network.sha256.clone(),
            data_sha256: source.data_sha256.clone(),
            ancestor_data: source.ancestor_data.clone(),
            learnt_from: Some(LearntFrom::of(&opened.network.description.label.provenance)),
            count: seeds.len() as u64,
            first_seed: u64::from(*seeds.iter().min().expect("at least one seed")),
            last_seed: u64::from(*seeds.iter().max().expect("at least one seed")),
            truncation: config.truncation,
            noise: config.noise.name().into(),
            class: opened.number,
            class_name: opened.number.and_then(|number| source.classes.get(number as usize).cloned()),
            contrasts: source.contrasts.clone(),
            channels: source.contrasts.iter().map(|contrast| contrast.name.to_string()).collect(),
            images,
            image_classes,
            synthetic_grid: SYNTHETIC_GRID.into(),
            grid_images: shown.len() as u64,
            real_grid: reals.map(|_| REAL_GRID.into()),
            rim_contrast: meters.rims.summary(),
            map_contrast: meters.maps.summary(),
        };
        files::write_json(out.join(RECORD), &record)?;
        let drawn = if sheets.is_empty() { vec![] } else { explore(opened, config, sheets, out)? };
        Ok((record, drawn))
    }
}

/// Images of a grid: a full square, of as many synthetic ones as reals, so that both are seen at one scale.
fn grid_cells(seeds: usize, reals: Option<&Reals<'_>>) -> usize {
    let most = reals.map_or(GRID, |reals| reals.lesions().min(GRID)).min(seeds);
    let side = (1..=most).take_while(|side| side * side <= most).last().unwrap_or(1);
    side * side
}

/// A network and the class of it that is drawn.
pub struct Opened {
    /// Where it lies.
    pub file: PathBuf,
    /// As the file has it.
    pub network: SavedNetwork,
    /// What the file says about the images.
    pub source: NetworkImages,
    /// Of the class; `None` where the network has none, and where each is drawn in turn.
    pub number: Option<i64>,
    /// \[1, c_dim\].
    pub class: Option<Tensor>,
    /// How many classes are drawn in turn; `None` where one is, or none.
    pub in_turn: Option<i64>,
}

impl Opened {
    /// Reads what `network` means, a file or a folder, and finds the class by its name or number.
    ///
    /// # Errors
    /// No usable network, or a class that it does not have.
    pub fn load(network: &Path, class: Option<&ClassChoice>, device: Device) -> Result<Self> {
        let file = network_file(network)?;
        Self::of(weights::load_image_network(&file, device)?, file, class)
    }

    /// The network of `file`, already read.
    ///
    /// # Errors
    /// A class that it does not have.
    pub(super) fn of(network: SavedNetwork, file: PathBuf, class: Option<&ClassChoice>) -> Result<Self> {
        let device = network.generator.device();
        let source = NetworkImages::of(&network.description);
        let c_dim = network.generator.config().c_dim;
        let is_each =
            |choice: &&ClassChoice| choice.to_string() == EACH && !source.classes.iter().any(|name| name == EACH);
        if c_dim > 0 && class.filter(is_each).is_some() {
            return Ok(Self { file, network, source, number: None, class: None, in_turn: Some(c_dim) });
        }
        let number = class_number(c_dim, &source.classes, class, "--class")?;
        let class = number.map(|number| one_hot(&[number], c_dim, device));
        Ok(Self { file, network, source, number, class, in_turn: None })
    }

    /// Class of a seed's image where each is drawn in turn: its name, or its number where the network names none.
    pub fn class_in_turn(&self, seed: u32) -> Option<String> {
        let number = i64::from(seed) % self.in_turn?;
        Some(self.source.classes.get(number as usize).cloned().unwrap_or_else(|| number.to_string()))
    }

    /// Classes of the images of `seeds` \[1 or N, c_dim\], where the network has classes.
    pub fn classes_of(&self, seeds: &[u32]) -> Option<Tensor> {
        match self.in_turn {
            None => self.class.as_ref().map(Tensor::shallow_clone),
            Some(classes) => {
                let numbers: Vec<i64> = seeds.iter().map(|&seed| i64::from(seed) % classes).collect();
                Some(one_hot(&numbers, classes, self.network.generator.device()))
            }
        }
    }
}
