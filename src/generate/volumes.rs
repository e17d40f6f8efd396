//! Seeds to volumes: a NIfTI file a channel, and a sheet of three views.

use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};

use super::config::EACH;
use super::stage::{OWNER, Opened};
use super::{Format, GenerateConfig};
use crate::data::patch_file;
use crate::engine::Lab;
use crate::feed::network_source::{NetworkImages, as_refs, network_file};
use crate::feed::volumes::three_views;
use crate::files::{self, Input, OutFolder};
use crate::latent::draw::{BATCH, NoiseMode, draw, filled};
use crate::nets::weights;
use crate::nifti::{self, Affine, Grid, Volume};
use crate::problem::{Kind as ProblemKind, Problem, Result};
use crate::records::FileHash;
use crate::records::label::Contrast;
use crate::records::synthesis::{LearntFrom, SynthesisRecord};
use crate::run_dir::RECORD;
use crate::settings::Settings;

const SHEET: &str = "grid.png";

/// Volumes of the sheet, at most.
const SHOWN: usize = 16;

/// Whether `network`, a file or a folder, draws volumes.
///
/// # Errors
/// No usable network.
pub fn draws_volumes(network: &Path) -> Result<bool> {
    let network = weights::load_network(network_file(network)?, Device::Cpu)?;
    Ok(network.generator.config().dimensions == 3)
}

/// Draws every seed's volume and writes the files, a sheet and `record.json` into `out`. Where the settings name the
/// usual formats, NIfTI and PNG are written.
///
/// # Errors
/// A folder with something else in it, no usable network of volumes, one that draws NaN, a failed write, or stopped on
/// request.
pub fn run_volume_stage(network: &Path, config: &GenerateConfig, out: &Path, lab: &Lab<'_>) -> Result<SynthesisRecord> {
    config.check()?;
    if config.noise == NoiseMode::Random {
        return Err(
            Problem::usage("generate.noise (--noise) = \"random\" for volumes").expected("\"const\" or \"none\"")
        );
    }
    let usual = config.formats == GenerateConfig::default().formats;
    let formats = if usual { vec![Format::Nifti, Format::Png] } else { config.formats.clone() };
    let file = network_file(network)?;
    let folder = OutFolder::new(OWNER, out).apart_from(std::iter::once(Input::of(&file)));
    folder.check()?;
    let network = weights::load_network(&file, lab.engine.device)?;
    let opened = Opened::of(network, file.clone(), config.class.as_ref())?;
    if opened.source.contrasts.is_empty() && formats.contains(&Format::Nifti) {
        return Err(Problem::usage("this network does not say which units its channels have")
            .expected("a network trained by `rimforge train`")
            .advice("take \"nifti\" out of generate.formats (--format)"));
    }
    let seeds = config.seed_numbers()?;
    let mut claim = folder.claim()?;
    claim.discard()?;
    let source = &opened.source;
    let of_seed = |seed: u32| formats.iter().flat_map(move |&format| names(format, seed, source));
    claim.require_free(seeds.iter().flat_map(|&seed| of_seed(seed)).chain([SHEET, RECORD].map(str::to_owned)))?;
    let staging = claim.staging()?;
    let making = Making { opened: &opened, config, formats: &formats, out: &staging };
    let made = making.all(&seeds, lab).and_then(|record| {
        let names = record.images.iter().map(|image| image.path.clone()).chain([SHEET.to_owned()]).collect();
        claim.publish(names, &[RECORD], lab.observer)?;
        Ok(record)
    });
    if made.is_err() {
        // The first error is the one to show.
        let _ = claim.discard();
    }
    made
}

/// Names of the files of one volume in one format.
fn names(format: Format, seed: u32, source: &NetworkImages) -> Vec<String> {
    let stem = format!("seed{seed:04}");
    match format {
        Format::Npy => vec![format!("{stem}.npy")],
        Format::Png => vec![format!("{stem}.png")],
        Format::Nifti => source.contrasts.iter().map(|one| format!("{stem}_{}.nii.gz", one.name)).collect(),
    }
}

struct Making<'a> {
    opened: &'a Opened,
    config: &'a GenerateConfig,
    formats: &'a [Format],
    out: &'a Path,
}

impl Making<'_> {
    fn all(&self, seeds: &[u32], lab: &Lab<'_>) -> Result<SynthesisRecord> {
        let Opened { network, source, .. } = self.opened;
        files::make_folder(self.out)?;
        lab.observer.begin("generate", "volumes", seeds.len() as u64);
        let (mut images, mut image_classes, mut shown) = (vec![], vec![], vec![]);
        for chunk in seeds.chunks(BATCH) {
            if lab.observer.stop_requested() {
                return Err(Problem::new(ProblemKind::Interrupted, "stopped while drawing volumes")
                    .advice("run the same command again"));
            }
            let class = self.opened.classes_of(&filled(chunk));
            let drawn = draw(&network.generator, chunk, class.as_ref(), self.config.truncation, self.config.noise);
            let drawn = drawn.to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
            if drawn.isfinite().all().int64_value(&[]) == 0 {
                return Err(Problem::input(&self.opened.file, "a network that draws NaN or infinite values")
                    .expected("finite ones, mostly within -1 to 1")
                    .advice("its training diverged: take an earlier checkpoint, or train anew"));
            }
            for (at, &seed) in (0..).zip(chunk) {
                let volume = drawn.narrow(0, at, 1);
                let turn = self.opened.class_in_turn(seed);
                for path in self.write(seed, turn.as_deref(), &volume)? {
                    let sha256 = files::sha256(self.out.join(&path))?;
                    images.push(FileHash { path, sha256 });
                    image_classes.extend(turn.clone());
                }
                if shown.len() < SHOWN {
                    shown.push(volume);
                }
            }
            lab.observer.advance(chunk.len() as u64);
        }
        lab.observer.end();
        let texts = source.texts("axial, coronal and sagittal middle slices");
        three_views(&Tensor::cat(&shown, 0), source.look())?.write_png(self.out.join(SHEET), &as_refs(&texts))?;
        let number = self.opened.number;
        let record = SynthesisRecord {
            network_sha256: network.sha256.clone(),
            data_sha256: source.data_sha256.clone(),
            ancestor_data: source.ancestor_data.clone(),
            learnt_from: Some(LearntFrom::of(&network.description.label.provenance)),
            count: seeds.len() as u64,
            first_seed: seeds.iter().copied().map(u64::from).min().unwrap_or_default(),
            last_seed: seeds.iter().copied().map(u64::from).max().unwrap_or_default(),
            truncation: self.config.truncation,
            noise: self.config.noise.name().into(),
            class: number,
            class_name: number.and_then(|number| source.classes.get(number as usize).cloned()),
            channels: source.contrasts.iter().map(|contrast| contrast.name.to_string()).collect(),
            contrasts: source.contrasts.clone(),
            images,
            image_classes,
            synthetic_grid: SHEET.into(),
            grid_images: shown.len() as u64,
            real_grid: None,
            rim_contrast: None,
            map_contrast: None,
        };
        files::write_json(self.out.join(RECORD), &record)?;
        Ok(record)
    }

    /// Writes a volume \[1, C, S, S, S\] in every format; gives the files' names.
    fn write(&self, seed: u32, class: Option<&str>, volume: &Tensor) -> Result<Vec<String>> {
        let source = &self.opened.source;
        let shape = volume.size()[1..].iter().map(|&size| size as u64).collect::<Vec<_>>();
        let values: Vec<f32> = Vec::try_from(volume.reshape([-1]))?;
        let mut written = vec![];
        for &format in self.formats {
            let names = names(format, seed, source);
            let paths: Vec<PathBuf> = names.iter().map(|name| self.out.join(name)).collect();
            match format {
                Format::Npy => {
                    paths.iter().try_for_each(|path| patch_file::write(path, &shape, &values).map(drop))?;
                }
                Format::Png => {
                    let asked = self.config.class.as_ref().map(ToString::to_string).filter(|asked| asked != EACH);
                    let class = class.or(asked.as_deref()).map_or(String::new(), |class| format!(", class {class}"));
                    let texts = source.texts(&format!("seed {seed}{class}; axial, coronal, sagittal"));
                    let sheet = three_views(volume, source.look())?;
                    paths.iter().try_for_each(|path| sheet.write_png(path, &as_refs(&texts)))?;
                }
                Format::Nifti => {
                    let channels = values.chunks_exact(values.len() / source.contrasts.len().max(1));
                    for ((contrast, values), path) in source.contrasts.iter().zip(channels).zip(&paths) {
                        write_nifti(path, contrast, values, shape[1] as usize, source)?;
                    }
                }
            }
            written.extend(names);
        }
        Ok(written)
    }
}

/// One channel, its centre at the world's origin. Depth runs from the top, height from the front and width from the
/// right, as brains are prepared: the first voxel is the patient's upper right front, and the affine says so.
fn write_nifti(path: &Path, contrast: &Contrast, values: &[f32], side: usize, source: &NetworkImages) -> Result<()> {
    let [depth_mm, height_mm, width_mm] = source.voxel_mm.unwrap_or([1.0; 3]);
    let middle = (side as f64 - 1.0) / 2.0;
    let rows = [
        [-width_mm, 0.0, 0.0, width_mm * middle],
        [0.0, -height_mm, 0.0, height_mm * middle],
        [0.0, 0.0, -depth_mm, depth_mm * middle],
    ];
    let data = values.iter().map(|&value| contrast.drawn_in_volumes(value)).collect();
    let volume = Volume { grid: Grid::new([side; 3], Affine(rows)), data };
    nifti::write(path, &volume, if source.simulated { "SIMULATED SYNTHETIC" } else { "SYNTHETIC" })
}
