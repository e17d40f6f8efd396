//! Seeds to image files: drawn, or taken from the ranges of them that others drew.

use std::path::{Path, PathBuf};

use super::ranges::Range;
use super::stage::Opened;
use super::{Format, GenerateConfig};
use crate::data::patch_file;
use crate::feed::image::Image;
use crate::feed::network_source::{NetworkImages, as_refs};
use crate::feed::padding;
use crate::files;
use crate::files::npy::Npy;
use crate::latent::draw::{BATCH, draw, filled};
use crate::nifti;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;
use crate::records::label::Padding;
use crate::units::Ready;

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
    /// Writes every seed's image and shows it to `each`; gives the files and their hashes, and the class of each file
    /// where each class is drawn in turn. What is not `ready` is drawn, batch by batch.
    ///
    /// # Errors
    /// `Kind::Interrupted` once asked to stop; a network that draws NaN, a failed write, or a range that is not what it
    /// should be, or is missing where none is to be made.
    pub fn write(
        &self,
        ready: &Ready,
        observer: &dyn Observer,
        each: &mut dyn FnMut(&Image),
    ) -> Result<(Vec<FileHash>, Vec<String>)> {
        let &Self { opened, out, seeds, .. } = self;
        observer.begin("generate", "images", seeds.len() as u64);
        let taken = self.take(ready)?;
        let (mut files, mut classes) = (Vec::new(), Vec::new());
        let mut note = |seed: u32, image: &Image| {
            let class = opened.class_in_turn(seed);
            for path in self.names(seed) {
                let sha256 = files::sha256(out.join(&path))?;
                files.push(FileHash { path, sha256 });
                classes.extend(class.clone());
            }
            each(image);
            Ok(())
        };
        for (range, taken) in Range::all(seeds).iter().zip(taken) {
            if taken {
                for &seed in range.seeds {
                    note(seed, &self.read(seed)?)?;
                }
                observer.advance(range.seeds.len() as u64);
            } else {
                self.draw(range.seeds, observer, &mut note)?;
            }
        }
        observer.end();
        Ok((files, classes))
    }

    /// Draws `some` of the seeds, whole batches of the list, and writes their images; `each` is handed seed and image.
    ///
    /// # Errors
    /// `Kind::Interrupted` once asked to stop; a network that draws NaN, or a failed write.
    pub fn draw(
        &self,
        some: &[u32],
        observer: &dyn Observer,
        each: &mut dyn FnMut(u32, &Image) -> Result<()>,
    ) -> Result<()> {
        let &Self { opened, config, .. } = self;
        let Opened { network, source, .. } = opened;
        for chunk in some.chunks(BATCH) {
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
                self.image(seed, opened.class_in_turn(seed).as_deref(), image)?;
                each(seed, image)?;
            }
            observer.advance(chunk.len() as u64);
        }
        Ok(())
    }

    /// Of each range whether its files lie there now, because it was ready.
    fn take(&self, ready: &Ready) -> Result<Vec<bool>> {
        let ranges = Range::all(self.seeds);
        let mut taken = vec![];
        for range in &ranges {
            let names = range.seeds.iter().flat_map(|&seed| self.names_in_unit(seed));
            taken.push(ready.is_any() && ready.take(&range.name, self.out, &names.collect::<Vec<_>>())?);
        }
        let missing = ranges.iter().zip(&taken).filter(|(_, taken)| !**taken).map(|(range, _)| range.name.clone());
        ready.require_none(&missing.collect::<Vec<_>>())?;
        Ok(taken)
    }

    /// The image of a seed whose range was taken; its array goes where none is asked for.
    fn read(&self, seed: u32) -> Result<Image> {
        let path = self.out.join(array(seed));
        let Padding { height, width, .. } = self.opened.source.padding;
        let channels = self.opened.network.generator.config().channels;
        let shape = [channels as usize, height, width];
        let numbers = shape.map(|n| n as u64);
        let bytes = files::read(&path, patch_file::most_bytes::<f32>(&numbers), "an array that a shard left")?;
        let named = |problem: Problem| problem.at(&path).advice("run its shard again, which makes it anew");
        let array = Npy::open(&bytes).map_err(named)?;
        if array.shape() != numbers {
            let found = Problem::new(Kind::Input, format!("an array of shape {:?}", array.shape()));
            return Err(named(found.expected(format!("{numbers:?}"))));
        }
        let pixels = array.values().map_err(named)?;
        if !self.config.formats.contains(&Format::Npy) {
            files::remove(&path)?;
        }
        Ok(Image { pixels, shape })
    }

    /// Writes the array of a seed's image.
    pub fn array(&self, seed: u32, image: &Image) -> Result<()> {
        patch_file::write(&self.out.join(array(seed)), &image.shape.map(|n| n as u64), &image.pixels).map(drop)
    }

    /// Names of the files of one image.
    fn names(&self, seed: u32) -> impl Iterator<Item = String> {
        self.config.formats.iter().flat_map(move |&format| names(format, seed, &self.opened.source))
    }

    /// The same in a range that is drawn apart: with its array in any case, which whoever takes it in measures.
    pub fn names_in_unit(&self, seed: u32) -> Vec<String> {
        let mut names: Vec<String> = self.names(seed).collect();
        if !self.config.formats.contains(&Format::Npy) {
            names.push(array(seed));
        }
        names
    }

    /// Writes one image in every format that is asked for, `class` that of its turn.
    fn image(&self, seed: u32, class: Option<&str>, image: &Image) -> Result<()> {
        let (out, config, source) = (self.out, self.config, &self.opened.source);
        for &format in &config.formats {
            let paths: Vec<PathBuf> = names(format, seed, source).iter().map(|name| out.join(name)).collect();
            match format {
                Format::Npy => self.array(seed, image)?,
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
        }
        Ok(())
    }
}

/// Name of the array of a seed's image.
fn array(seed: u32) -> String {
    format!("seed{seed:04}.npy")
}

/// Names of the files of one image in one format.
fn names(format: Format, seed: u32, source: &NetworkImages) -> Vec<String> {
    let stem = format!("seed{seed:04}");
    match (format, source.contrasts.as_slice()) {
        (Format::Npy, _) => vec![array(seed)],
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
        let values: Vec<f32> = values.iter().map(|&value| contrast.drawn_in_volumes(value)).collect();
        let what = if source.simulated { "SIMULATED SYNTHETIC" } else { "SYNTHETIC" };
        let voxel = source.voxel_mm.unwrap_or([1.0; 3]);
        nifti::write_slice(path, &values, [width, height], voxel, what)?;
    }
    Ok(())
}
