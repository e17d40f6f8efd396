//! The stage: seeds in; an image a seed, sheets and a record out.

use std::path::Path;

use tch::{Device, Tensor};

use super::{Format, GenerateConfig};
use crate::data::{Prepared, TrainSlices};
use crate::engine::Lab;
use crate::feed::image::Image;
use crate::feed::network_source::{Source, as_refs, network_file};
use crate::feed::pictures;
use crate::files;
use crate::latent::draw::{BATCH, draw};
use crate::metrics::map_meter::MapMeter;
use crate::metrics::rim_meter::RimMeter;
use crate::nets::class::{ClassChoice, class_number, one_hot};
use crate::nets::weights::{self, SavedNetwork};
use crate::problem::{Kind, Problem, Result};
use crate::records::synthesis::SynthesisRecord;
use crate::run_dir::RECORD;

/// Images in the grids.
const GRID: usize = 100;

/// Slices of non-rims that are measured, at most; evenly spread over all of them.
const NULL_SLICES: usize = 1000;

/// What is drawn from, and what it is measured beside.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// A network file, or the folder of a training run, of a study or of an import.
    pub network: &'a Path,
    /// Its training rims are shown and measured beside the drawn ones.
    pub data: Option<&'a Prepared>,
}

/// Draws every seed's image in batches and writes the files, the grids and `record.json` into `out`.
///
/// # Errors
/// No usable network, a bad list of seeds, NIfTI asked of a network that does not know its units, a failed write,
/// or stopped on request.
pub fn run_stage(inputs: Inputs<'_>, config: &GenerateConfig, out: &Path, lab: &Lab<'_>) -> Result<SynthesisRecord> {
    let Inputs { network, data } = inputs;
    let &Lab { engine, observer, .. } = lab;
    let seeds = config.checked_seeds()?;
    let Opened { network, source, number, class } = Opened::load(network, config.class.as_ref(), engine.device)?;
    let nifti = config.formats.contains(&Format::Nifti);
    if nifti && source.contrasts.is_empty() {
        return Err(Problem::usage("this network does not say which units its channels have")
            .expected("a network trained by `rimforge train`, or imported with --window")
            .advice("use --format npy, or import it again with --window LOW,HIGH"));
    }
    std::fs::create_dir_all(out).map_err(|e| Problem::io(out, "making the folder", e))?;
    let reals = data.map(Prepared::training_of_interest);
    let shown_reals = reals.as_ref().map(TrainSlices::largest_of_each_lesion);
    // As many synthetic ones as reals, so that both are seen at one scale; a full square.
    let most = shown_reals.as_ref().map_or(GRID, |reals| reals.len().min(GRID)).min(seeds.len());
    let side = (1..=most).take_while(|side| side * side <= most).last().unwrap_or(1);
    let mut shown = Vec::new();
    let size = [source.padding.height, source.padding.width];
    let (mut rims, mut maps) = (RimMeter::new(&source.contrasts, size), MapMeter::new(&source.contrasts, size));
    observer.begin("generate", "images", seeds.len() as u64);
    for chunk in seeds.chunks(BATCH) {
        if observer.stop_requested() {
            return Err(
                Problem::new(Kind::Interrupted, "stopped while drawing images").advice("run the same command again")
            );
        }
        let images =
            source.padding.crop(&draw(&network.generator, chunk, class.as_ref(), config.truncation, config.noise));
        let images = Image::split(&images)?;
        for (image, &seed) in images.iter().zip(chunk) {
            write_image(out, config, seed, image, &source)?;
            rims.synthetic(&image.pixels);
            maps.synthetic(&image.pixels);
            if shown.len() < side * side {
                shown.push(image.canvas(source.look()));
            }
        }
        observer.advance(chunk.len() as u64);
    }
    observer.end();
    let texts = source.texts("grid of images");
    pictures::grid(&shown).write_png(out.join("grid.png"), &as_refs(&texts))?;
    let mut real_grid = None;
    if let (Some(data), Some(reals), Some(shown_reals)) = (data, &reals, &shown_reals) {
        for image in Image::of_slices(reals)? {
            rims.real(&image.pixels);
            maps.real(&image.pixels);
        }
        let non_rims = data.training_of_others();
        for position in (0..non_rims.len()).step_by(non_rims.len().div_ceil(NULL_SLICES).max(1)) {
            rims.non_rim(&non_rims.image(position)?.pixels);
        }
        let reals = Image::of_slices(shown_reals)?;
        let shown: Vec<_> = reals.iter().take(side * side).map(|image| image.canvas(source.look())).collect();
        let name = "real-grid.png".to_owned();
        pictures::grid(&shown).write_png(out.join(&name), &[("Description", "real training rims")])?;
        real_grid = Some(name);
    }
    let record = SynthesisRecord {
        network_sha256: network.sha256,
        data_sha256: network.description.provenance["data_sha256"].as_str().map(str::to_owned),
        count: seeds.len() as u64,
        first_seed: u64::from(*seeds.iter().min().expect("at least one seed")),
        last_seed: u64::from(*seeds.iter().max().expect("at least one seed")),
        truncation: config.truncation,
        noise: config.noise.name().into(),
        class: number,
        class_name: number.and_then(|number| source.classes.get(number as usize).cloned()),
        channels: source.contrasts.iter().map(|contrast| contrast.name.clone()).collect(),
        synthetic_grid: "grid.png".into(),
        grid_images: shown.len() as u64,
        real_grid,
        rim_contrast: rims.summary(),
        map_contrast: maps.summary(),
    };
    files::write_json(out.join(RECORD), &record)?;
    Ok(record)
}

/// A network and the class of it that is drawn.
pub struct Opened {
    pub network: SavedNetwork,
    pub source: Source,
    /// Of the class.
    pub number: Option<i64>,
    /// \[1, c_dim\].
    pub class: Option<Tensor>,
}

impl Opened {
    /// # Errors
    /// No usable network, or a class that it does not have.
    pub fn load(network: &Path, class: Option<&ClassChoice>, device: Device) -> Result<Self> {
        let network = weights::load_network(network_file(network)?, device)?;
        let source = Source::of(&network.description);
        let c_dim = network.generator.config().c_dim;
        let number = class_number(c_dim, &source.classes, class, "--class")?;
        let class = number.map(|number| one_hot(&[number], c_dim, device));
        Ok(Self { network, source, number, class })
    }
}

fn write_image(out: &Path, config: &GenerateConfig, seed: u32, image: &Image, source: &Source) -> Result<()> {
    let stem = format!("seed{seed:04}");
    for format in &config.formats {
        match format {
            Format::Npy => {
                let path = out.join(format!("{stem}.npy"));
                crate::data::patch_file::write(&path, &image.shape.map(|n| n as u64), &image.pixels)?;
            }
            Format::Png => {
                let class = config.class.as_ref().map_or(String::new(), |class| format!(", class {class}"));
                let texts = source.texts(&format!("seed {seed}{class}"));
                image.canvas(source.look()).write_png(out.join(format!("{stem}.png")), &as_refs(&texts))?;
            }
            Format::Nifti => write_nifti(out, &stem, image, source)?,
        }
    }
    Ok(())
}

/// One file a channel, one slice deep, its centre at the world's origin; susceptibility in ppm, a probability within 0..1.
fn write_nifti(out: &Path, stem: &str, image: &Image, source: &Source) -> Result<()> {
    let [_, height, width] = image.shape;
    for (contrast, values) in source.contrasts.iter().zip(image.pixels.chunks_exact(height * width)) {
        let name = match source.contrasts.len() {
            1 => format!("{stem}.nii.gz"),
            _ => format!("{stem}_{}.nii.gz", contrast.name),
        };
        let physical = |value: f32| match (contrast.unit.as_str(), contrast.window.to_physical(value)) {
            ("ppb", ppb) => ppb * 1e-3,
            ("probability", share) => share.clamp(0.0, 1.0),
            (_, value) => value,
        };
        let values: Vec<f32> = values.iter().map(|&value| physical(value)).collect();
        let what = if source.simulated { "SIMULATED SYNTHETIC" } else { "SYNTHETIC" };
        let voxel = source.voxel_mm.unwrap_or([1.0; 3]);
        pictures::write_slice_nifti(&out.join(name), &values, [width, height], voxel, what)?;
    }
    Ok(())
}
