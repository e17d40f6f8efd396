//! Inverted images: codes, what is changed of the generator for each of them, and how they are drawn again, edited or
//! not.

use std::path::PathBuf;

use tch::{Device, Tensor};

use super::bench::{CHUNK, widened};
use super::embedding::Codes;
use crate::nets::layers::offset::{self, Offset};
use crate::nets::network::Named;
use crate::nets::stylegan2::shapes;
use crate::nets::weights::{part, read_tensors};
use crate::nets::{Generator, GeneratorConfig, Network, Noise};
use crate::problem::{Problem, Result};
use crate::seed::RunSeed;

/// Codes of N images and what they are drawn with.
pub(super) struct Inverted<'a> {
    /// Of each image.
    pub codes: Codes,
    /// Of each image, one a layer; none for none.
    pub offsets: Vec<Offset>,
    /// Draws them.
    pub drawn_by: DrawnBy<'a>,
}

/// What draws inverted images.
pub(super) enum DrawnBy<'a> {
    /// One generator for all.
    One(&'a Generator),
    /// One for all, tuned.
    Tuned(Generator),
    /// One for each, in files of all of its tensors.
    Each {
        /// Of each image.
        files: Vec<PathBuf>,
        /// Sizes of all of them.
        sizes: GeneratorConfig,
        /// Where they draw.
        device: Device,
    },
}

impl Inverted<'_> {
    /// Images \[M, C, R, R\] of those at `rows`, each code moved by `shift` \[num_ws, w_dim\], or by its
    /// own of \[M, num_ws, w_dim\], where that is given.
    ///
    /// # Errors
    /// A tuned generator's file that cannot be read.
    pub fn draw(&self, rows: &[i64], shift: Option<&Tensor>) -> Result<Tensor> {
        let own = |first: usize, count: usize| match shift {
            Some(shift) if shift.dim() == 3 => Some(shift.narrow(0, first as i64, count as i64)),
            shift => shift.map(Tensor::shallow_clone),
        };
        let chunks = rows.chunks(CHUNK as usize).zip((0..).step_by(CHUNK as usize));
        let drawn = |generator: &Generator, (rows, first): (&[i64], usize)| {
            self.of(generator, rows, own(first, rows.len()).as_ref())
        };
        let images = match &self.drawn_by {
            DrawnBy::One(generator) => chunks.map(|chunk| drawn(generator, chunk)).collect::<Vec<_>>(),
            DrawnBy::Tuned(generator) => chunks.map(|chunk| drawn(generator, chunk)).collect(),
            DrawnBy::Each { files, sizes, device } => {
                let one = |(at, &row): (usize, &i64)| {
                    let file = files.get(row as usize).ok_or_else(|| Problem::usage(format!("no image {row}")))?;
                    let mut tuned = Generator::new(sizes, RunSeed(0), *device)?;
                    tuned.load(&part("G.", &read_tensors(file)?.tensors)).map_err(|problem| problem.at(file))?;
                    Ok(self.of(&tuned, &[row], own(at, 1).as_ref()))
                };
                rows.iter().enumerate().map(one).collect::<Result<_>>()?
            }
        };
        Ok(Tensor::cat(&images, 0))
    }

    fn of(&self, generator: &Generator, rows: &[i64], shift: Option<&Tensor>) -> Tensor {
        tch::no_grad(|| {
            let rows = Tensor::from_slice(rows).to_device(generator.device());
            let ws = widened(generator, &self.codes.w.index_select(0, &rows));
            let ws = match shift {
                Some(shift) => ws + shift,
                None => ws,
            };
            let offsets: Vec<Offset> = self.offsets.iter().map(|offset| offset.of(&rows)).collect();
            let maps: Vec<Tensor> = self.codes.noise.iter().map(|map| map.index_select(0, &rows)).collect();
            let noise = if maps.is_empty() { Noise::Const } else { Noise::Given(&maps) };
            generator.synthesis.forward_with(&ws, &noise, &offsets)
        })
    }

    /// Bytes that one image takes, beside a generator that serves all.
    pub fn bytes_of_an_image(&self) -> u64 {
        let values = |tensor: &Tensor| 4 * tensor.numel() as u64 / tensor.size()[0].max(1) as u64;
        let codes = values(&self.codes.w) + self.codes.noise.iter().map(values).sum::<u64>();
        let generator = match &self.drawn_by {
            DrawnBy::Each { sizes, .. } => 4 * shapes::numbers(&shapes::generator(sizes)) as u64,
            _ => 0,
        };
        codes + offset::bytes_of_an_image(&self.offsets) + generator
    }

    /// Codes and offsets by name, as they lie in a file: "w", "noise.00" .., and of each layer "offset.00.delta", or
    /// "offset.00.outputs" and "offset.00.inputs".
    pub fn tensors(&self) -> Named {
        let mut all = self.codes.tensors();
        for (at, offset) in self.offsets.iter().enumerate() {
            let mut put =
                |part: &str, tensor: &Tensor| all.insert(format!("offset.{at:02}.{part}"), tensor.contiguous());
            match offset {
                Offset::Dense(delta) => drop(put("delta", delta)),
                Offset::LowRank { outputs, inputs } => {
                    put("outputs", outputs);
                    put("inputs", inputs);
                }
            }
        }
        all
    }
}

/// Offsets of such a file, of so many layers; `None` where it has other ones. None at all are good, too.
pub(super) fn offsets_of(tensors: &Named, layers: usize, device: Device) -> Option<Vec<Offset>> {
    if !tensors.keys().any(|name| name.starts_with("offset.")) {
        return Some(vec![]);
    }
    let part = |at: usize, part: &str| Some(tensors.get(&format!("offset.{at:02}.{part}"))?.to_device(device));
    let layer = |at: usize| match (part(at, "delta"), part(at, "outputs"), part(at, "inputs")) {
        (Some(delta), None, None) => Some(Offset::Dense(delta)),
        (None, Some(outputs), Some(inputs)) => Some(Offset::LowRank { outputs, inputs }),
        _ => None,
    };
    // A network whose kernels cannot be offset has no layer that one may be of.
    if layers == 0 { None } else { (0..layers).map(layer).collect() }
}
