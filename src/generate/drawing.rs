//! Seeds to image files.

use std::path::{Path, PathBuf};

use super::stage::Opened;
use super::{Format, GenerateConfig};
use crate::data::patch_file;
use crate::feed::image::Image;
use crate::feed::network_source::{NetworkImages, as_refs};
use crate::feed::padding;
use crate::files;
use crate::latent::draw::{BATCH, draw, filled};
use crate::nifti;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;

/// What is drawn, and where it goes.
pub(super) struct Drawing<'a> {
    /// The network and the class.
    pub opened: &'a Opened,
    /// How to draw and what to write.
    pub config: &'a GenerateConfig,
    /// An image each.
    pub seeds: &'a [u32],
    /// Folder of the images.
    pub out: &'a Path,
}

impl Drawing<'_> {
    /// Draws every seed's image in batches, writes it and shows it to `each`; gives the files and their hashes, and
    /// the class of each file where each class is drawn in turn.
    pub fn write(&self, observer: &dyn Observer, each: &mut dyn FnMut(&Image)) -> Result<(Vec<FileHash>, Vec<String>)> {
        let &Self { opened, config, seeds, out } = self;
        let Opened { network, source, .. } = opened;
        observer.begin("generate", "images", seeds.len() as u64);
        let (mut files, mut classes) = (Vec::new(), Vec::new());
        for chunk in seeds.chunks(BATCH) {
            if observer.stop_requested() {
                return Err(Problem::new(Kind::Interrupted, "stopped while drawing images")
                    .advice("run the same command again"));
            }
            let drawn = {
                let class = opened.classes_of(&filled(chunk));
                draw(&network.generator, chunk, class.as_ref(), config.truncation, config.noise)
            };
            let images = Image::drawn(&padding::crop(&source.padding, &drawn), &opened.file)?;
            for (image, &seed) in images.iter().zip(chunk) {
                let class = opened.class_in_turn(seed);
                for path in self.image(seed, class.as_deref(), image)? {
                    let sha256 = files::sha256(out.join(&path))?;
                    files.push(FileHash { path, sha256 });
                    classes.extend(class.clone());
                }
                each(image);
            }
            observer.advance(chunk.len() as u64);
        }
        observer.end();
        Ok((files, classes))
    }

    /// Writes one image in every format that is asked for, `class` that of its turn; gives the files' names.
    fn image(&self, seed: u32, class: Option<&str>, image: &Image) -> Result<Vec<String>> {
        let (out, config, source) = (self.out, self.config, &self.opened.source);
        let mut written = Vec::new();
        for &format in &config.formats {
            let names = names(format, seed, source);
            let paths: Vec<PathBuf> = names.iter().map(|name| out.join(name)).collect();
            match format {
                Format::Npy => {
                    let shape = image.shape.map(|n| n as u64);
                    paths.iter().try_for_each(|path| patch_file::write(path, &shape, &image.pixels).map(drop))?;
                }
                Format::Png => {
                    // One class is told as it was asked for: by its name or its number.
                    let asked = config.class.as_ref().map(ToString::to_string);
                    let class = class.or(asked.as_deref()).map_or(String::new(), |class| format!(", class {class}"));
                    let texts = source.texts(&format!("seed {seed}{class}"));
                    let canvas = image.canvas(source.look());
                    paths.iter().try_for_each(|path| canvas.write_png(path, &as_refs(&texts)))?;
                }
                Format::Nifti => write_nifti(&paths, image, source)?,
            }
            written.extend(names);
        }
        Ok(written)
    }
}

/// Names of the files of one image in one format.
fn names(format: Format, seed: u32, source: &NetworkImages) -> Vec<String> {
    let stem = format!("seed{seed:04}");
    match (format, source.contrasts.as_slice()) {
        (Format::Npy, _) => vec![format!("{stem}.npy")],
        (Format::Png, _) => vec![format!("{stem}.png")],
        (Format::Nifti, [_]) => vec![format!("{stem}.nii.gz")],
        (Format::Nifti, several) => several.iter().map(|one| format!("{stem}_{}.nii.gz", one.name)).collect(),
    }
}

/// Names of the files of all images.
pub(super) fn all_names<'a>(
    config: &'a GenerateConfig,
    seeds: &'a [u32],
    source: &'a NetworkImages,
) -> impl Iterator<Item = String> + 'a {
    seeds.iter().flat_map(move |&seed| config.formats.iter().flat_map(move |&format| names(format, seed, source)))
}

/// One file a channel, one slice deep, its centre at the world's origin; susceptibility in ppm, a probability within
/// 0..1.
fn write_nifti(paths: &[PathBuf], image: &Image, source: &NetworkImages) -> Result<()> {
    let [_, height, width] = image.shape;
    for ((contrast, values), path) in source.contrasts.iter().zip(image.pixels.chunks_exact(height * width)).zip(paths)
    {
        let physical = |value: f32| match (contrast.unit.as_str(), contrast.window.to_physical(value)) {
            ("ppb", ppb) => ppb * 1e-3,
            ("probability", share) => share.clamp(0.0, 1.0),
            (_, value) => value,
        };
        let values: Vec<f32> = values.iter().map(|&value| physical(value)).collect();
        let what = if source.simulated { "SIMULATED SYNTHETIC" } else { "SYNTHETIC" };
        let voxel = source.voxel_mm.unwrap_or([1.0; 3]);
        nifti::write_slice(path, &values, [width, height], voxel, what)?;
    }
    Ok(())
}
