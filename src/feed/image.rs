//! Images of the network's range on their way to files.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::pictures::{self, Look};
use crate::data::TrainSlices;
use crate::problem::{Problem, Result};
use crate::raster::Canvas;

/// One image in the network's range.
#[derive(Clone, Debug)]
pub struct Image {
    /// Row-major \[channels, height, width\].
    pub pixels: Vec<f32>,
    /// Channels, height, width.
    pub shape: [usize; 3],
}

impl Image {
    /// As a picture.
    pub fn canvas(&self, look: Look) -> Canvas {
        pictures::canvas(&self.pixels, self.shape, look)
    }

    /// Splits a batch \[N, C, H, W\].
    pub fn split(batch: &Tensor) -> Result<Vec<Self>> {
        let (count, channels, height, width) = batch.size4()?;
        let shape = [channels, height, width].map(|n| n as usize);
        let batch = batch.to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
        let image = |index| Ok(Self { pixels: Vec::try_from(batch.get(index).reshape([-1]))?, shape });
        (0..count).map(image).collect()
    }

    /// The images of a batch \[N, C, H, W\] that the network of the file `network` drew.
    ///
    /// # Errors
    /// One holds a value that is no number, as a network draws whose training diverged.
    pub fn drawn(batch: &Tensor, network: &Path) -> Result<Vec<Self>> {
        let images = Self::split(batch)?;
        if images.iter().flat_map(|image| &image.pixels).all(|value| value.is_finite()) {
            return Ok(images);
        }
        Err(Problem::input(network, "a network that draws NaN or infinite values")
            .expected("finite ones, mostly within -1 to 1")
            .advice("its training diverged, or its weights were changed: take an earlier checkpoint, or train anew"))
    }

    /// Slices of training lesions.
    pub fn of_slices(slices: &TrainSlices) -> Result<Vec<Self>> {
        let shape = slices.prepared().image_shape();
        Ok(slices.images()?.into_iter().map(|image| Self { pixels: image.pixels, shape }).collect())
    }
}
