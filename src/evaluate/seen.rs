//! All images of an evaluation as the meters see them: each read once, its vector and its readouts computed once.

use std::collections::HashMap;

use rayon::prelude::*;
use tch::Tensor;

use super::draw::Drawn;
use super::eye::Eye;
use super::sources::{Place, Source};
use crate::metrics::groups::Groups;
use crate::metrics::rim_contrast::RimSearch;
use crate::metrics::rim_readouts::RimReadouts;
use crate::observer::Observer;
use crate::problem::Result;
use crate::records::label::{Contrast, SUSCEPTIBILITY};

/// The map that rims are read on.
#[derive(Clone, Debug)]
pub struct RimMap {
    channel: usize,
    contrast: Contrast,
    /// Pixels of one channel.
    pub plane: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Ready for its slices.
    pub search: RimSearch,
}

impl RimMap {
    /// The map in ppb among the channels; `None` where there is none.
    pub fn of(contrasts: &[Contrast], [_, height, width]: [usize; 3]) -> Option<Self> {
        let is_map = |contrast: &Contrast| contrast.name == SUSCEPTIBILITY && contrast.unit == "ppb";
        let channel = contrasts.iter().position(is_map)?;
        let search = RimSearch::new(width, height);
        Some(Self { channel, contrast: contrasts[channel].clone(), plane: height * width, width, search })
    }

    /// The map of an image \[C, H, W\] in ppb.
    pub fn ppb(&self, pixels: &[f32]) -> Vec<f32> {
        let map = &pixels[self.channel * self.plane..][..self.plane];
        map.iter().map(|&value| self.contrast.window.to_physical(value)).collect()
    }

    /// The image with another map.
    pub fn replaced(&self, pixels: &[f32], ppb: &[f32]) -> Vec<f32> {
        let mut pixels = pixels.to_vec();
        let map = &mut pixels[self.channel * self.plane..][..self.plane];
        map.iter_mut().zip(ppb).for_each(|(to, &from)| *to = self.contrast.window.to_network(from));
        pixels
    }

    fn read(&self, pixels: &[f32]) -> Option<[f64; 4]> {
        let found = RimReadouts::of(&self.search, &self.ppb(pixels), self.width)?;
        Some([found.rim_ppb, found.thickness, found.closure, found.core_ppb])
    }
}

/// What was seen of each image.
pub struct Seen {
    /// \[T, C, H, W\].
    pub pixels: Tensor,
    /// float64 \[T, F\].
    pub vectors: Tensor,
    /// Rim contrast, thickness (pixels), closure and core contrast; `None` where there is no map or nothing was found.
    pub readouts: Vec<Option<[f64; 4]>>,
    row_of: HashMap<(usize, Place), i64>,
}

/// Images of a set as rows of what was seen, with their groups.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Rows.
    pub rows: Vec<i64>,
    /// Of the images.
    pub groups: Groups,
    /// Names of the groups, image by image.
    pub names: Vec<String>,
}

impl Seen {
    /// Reads and looks at all images of `drawn`.
    ///
    /// # Errors
    /// An image that cannot be read; stopped on request.
    pub fn look(
        sources: &[Source<'_>],
        drawn: &[&Drawn],
        shape: [usize; 3],
        eye: &Eye,
        map: Option<&RimMap>,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let mut row_of = HashMap::new();
        let mut places: Vec<(usize, Place)> = Vec::new();
        for &image in drawn.iter().flat_map(|drawn| &drawn.images) {
            row_of.entry(image).or_insert_with(|| {
                places.push(image);
                places.len() as i64 - 1
            });
        }
        let images: Vec<Vec<f32>> =
            places.par_iter().map(|&(source, place)| sources[source].read(place)).collect::<Result<_>>()?;
        let readouts = images.par_iter().map(|pixels| map.and_then(|map| map.read(pixels))).collect();
        let [channels, height, width] = shape.map(|side| side as i64);
        let pixels = Tensor::from_slice(&images.concat()).reshape([-1, channels, height, width]);
        let vectors = eye.vectors(&pixels, observer)?;
        Ok(Self { pixels, vectors, readouts, row_of })
    }

    /// The rows of what was drawn.
    pub fn chosen(&self, drawn: &Drawn) -> Chosen {
        Chosen {
            rows: drawn.images.iter().map(|image| self.row_of[image]).collect(),
            groups: Groups::by_name(&drawn.groups),
            names: drawn.groups.clone(),
        }
    }

    /// The row of one image, where it was among those that were drawn.
    pub fn row(&self, image: (usize, Place)) -> Option<i64> {
        self.row_of.get(&image).copied()
    }

    /// Pixels of some rows.
    pub fn images(&self, rows: &[i64]) -> Tensor {
        self.pixels.index_select(0, &Tensor::from_slice(rows))
    }
}
