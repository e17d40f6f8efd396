//! Inverted training images, and the photographs that they are of.

use std::collections::HashMap;
use std::path::Path;

use tch::{Device, Tensor};

use crate::data::{Prepared, TrainSlices};
use crate::feed::network_source::{NetworkImages, network_file};
use crate::feed::padding;
use crate::invert::Inversion;
use crate::name::Name;
use crate::nets::SavedNetwork;
use crate::nets::weights::load_image_network;
use crate::problem::{Kind, Problem, Result};

/// One inverted training image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its row among the inversion's images.
    row: i64,
    /// Its position among the training slices.
    position: usize,
    /// Its lesion's place in the manifest.
    pub lesion: u32,
    /// Its slice within the lesion.
    pub slice: u32,
}

/// What `invert` left of the training side, opened with the network that it is of.
pub struct Inverted {
    /// The training images.
    pub items: Vec<Item>,
    /// The network, as it was before anything was tuned.
    pub network: SavedNetwork,
    /// What its file says about its images.
    pub source: NetworkImages,
    /// How the images were inverted.
    pub method: String,
    inversion: Inversion,
    slices: TrainSlices,
    device: Device,
}

impl Inverted {
    /// Opens the inversions of `network` in `folder`. Images of other sides are left out.
    ///
    /// # Errors
    /// No such inversions or network; inversions of another data set or split.
    pub fn read(folder: &Path, network: &Path, data: &Prepared, device: Device) -> Result<Self> {
        let file = network_file(network)?;
        let inversion = Inversion::open(folder, &file, None, device)?;
        // An encoder has seen the training side of its own split: the test side of another.
        data.require_made_of_it(folder, "inversions", Some(inversion.data_sha256()))?;
        let network = load_image_network(&file, device)?;
        let source = NetworkImages::of(&network.description);
        let slices = data.training_all();
        let known: HashMap<Name, usize> = (0..slices.len()).map(|position| (slices.id(position), position)).collect();
        let training = inversion.images().iter().enumerate().filter(|(_, image)| image.side == "train");
        let item = |(row, image): (usize, &crate::records::invert::InvertedImage)| {
            let Some(&position) = known.get(&image.id) else {
                return Err(Problem::new(Kind::Gate, format!("{} is no training image of the data set", image.id))
                    .at(folder)
                    .expected(format!("images of the training side of {}", data.root().display()))
                    .advice("invert this data set's training side (`rimforge invert`)"));
            };
            let (slice, _) = slices.entry(position);
            Ok(Item { row: row as i64, position, lesion: slice.lesion, slice: slice.z })
        };
        let items = training.map(item).collect::<Result<Vec<_>>>()?;
        let method = inversion.method().to_string();
        Ok(Self { items, network, source, method, inversion, slices, device })
    }

    /// How many w an image takes, and how many numbers each has.
    pub fn code_shape(&self) -> (usize, usize) {
        let config = self.network.generator.config();
        (config.num_ws() as usize, config.w_dim as usize)
    }

    /// Images \[M, C, R, R\] of the items at `places`, each code moved by its own of `shifts` \[M, num_ws, w_dim\]
    /// where those are given.
    ///
    /// # Errors
    /// A tuned generator's file that cannot be read.
    pub fn images(&self, places: &[usize], shifts: Option<&Tensor>) -> Result<Tensor> {
        let rows: Vec<i64> = places.iter().map(|&place| self.items[place].row).collect();
        Ok(padding::pad(&self.source.padding, &self.inversion.draw_moved(&rows, shifts)?))
    }

    /// The photographs themselves \[M, C, R, R\], as the network would draw them.
    ///
    /// # Errors
    /// A patch that cannot be read.
    pub fn originals(&self, places: &[usize]) -> Result<Tensor> {
        let [channels, height, width] = self.slices.prepared().image_shape().map(|side| side as i64);
        let one = |&place: &usize| {
            let image = self.slices.image(self.items[place].position)?;
            Ok(Tensor::from_slice(&image.pixels).view([1, channels, height, width]))
        };
        let images = places.iter().map(one).collect::<Result<Vec<_>>>()?;
        Ok(padding::pad(&self.source.padding, &Tensor::cat(&images, 0).to_device(self.device)))
    }
}
