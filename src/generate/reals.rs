//! The training lesions that synthetic ones are shown and measured beside.

use crate::data::{Prepared, TrainSlices};
use crate::feed::image::Image;
use crate::feed::network_source::NetworkImages;
use crate::feed::pictures::Look;
use crate::metrics::map_meter::MapMeter;
use crate::metrics::rim_meter::RimMeter;
use crate::problem::Result;
use crate::raster::Canvas;

/// Slices of non-rims that are measured, at most; evenly spread over all of them.
const NULL_SLICES: usize = 1000;

/// How much rim images show.
pub(super) struct Meters {
    /// On the susceptibility map.
    pub rims: RimMeter,
    /// Under a drawn rim map.
    pub maps: MapMeter,
}

impl Meters {
    /// For images of this network.
    pub fn new(source: &NetworkImages) -> Self {
        let size = [source.padding.height, source.padding.width];
        Self { rims: RimMeter::new(&source.contrasts, size), maps: MapMeter::new(&source.contrasts, size) }
    }

    /// Adds a drawn image \[C, height, width\].
    pub fn synthetic(&mut self, pixels: &[f32]) {
        self.rims.synthetic(pixels);
        self.maps.synthetic(pixels);
    }
}

/// The training rims of a data set.
pub(super) struct Reals<'a> {
    data: &'a Prepared,
    rims: TrainSlices,
    /// The largest slice of each.
    shown: TrainSlices,
}

impl<'a> Reals<'a> {
    /// Those of the training side.
    pub fn of(data: &'a Prepared) -> Self {
        let rims = data.training_of_interest();
        Self { data, shown: rims.largest_of_each_lesion(), rims }
    }

    /// Lesions that can be shown.
    pub fn lesions(&self) -> usize {
        self.shown.len()
    }

    /// Measures all slices of the rims, and some of the non-rims as what texture alone shows.
    pub fn measure(&self, meters: &mut Meters) -> Result<()> {
        for image in Image::of_slices(&self.rims)? {
            meters.rims.real(&image.pixels);
            meters.maps.real(&image.pixels);
        }
        let non_rims = self.data.training_of_others();
        for position in (0..non_rims.len()).step_by(non_rims.len().div_ceil(NULL_SLICES).max(1)) {
            meters.rims.non_rim(&non_rims.image(position)?.pixels);
        }
        Ok(())
    }

    /// Pictures of the first `count` lesions.
    pub fn canvases(&self, count: usize, look: Look) -> Result<Vec<Canvas>> {
        let images = Image::of_slices(&self.shown)?;
        Ok(images.iter().take(count).map(|image| image.canvas(look)).collect())
    }
}
