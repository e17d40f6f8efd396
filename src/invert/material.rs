//! Images of the training and validation sides, in the network's square.

use rand::seq::SliceRandom;
use tch::{Device, Tensor};

use crate::data::Prepared;
use crate::data::sides::Side;
use crate::data::slices::Slices;
use crate::feed::padding;
use crate::name::Name;
use crate::problem::{Problem, Result};
use crate::records::classes::Split;
use crate::records::label::Padding;
use crate::seed::RunSeed;

/// One image of a data set.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Of its slice.
    pub id: Name,
    /// Training or validation.
    pub split: Split,
    /// The group that it belongs to.
    pub patient: String,
    /// \[H, W\]; absent for plain images.
    pub mask: Option<Vec<bool>>,
}

/// Images with what is known of them.
#[derive(Debug)]
pub(super) struct Images {
    /// In the manifest's order.
    pub items: Vec<Item>,
    /// \[N, C, R, R\] in -1..1, padded.
    pub pixels: Tensor,
}

impl Images {
    fn load<S: Side>(slices: &Slices<S>, padding: &Padding, device: Device) -> Result<Self> {
        let [channels, height, width] = slices.prepared().image_shape().map(|n| n as i64);
        let (mut items, mut tensors) = (Vec::new(), Vec::new());
        for (position, image) in slices.images()?.into_iter().enumerate() {
            let (_, lesion) = slices.entry(position);
            items.push(Item {
                id: slices.id(position),
                split: S::SPLIT,
                patient: lesion.patient.clone(),
                mask: image.inside(),
            });
            tensors.push(Tensor::from_slice(&image.pixels).view([channels, height, width]));
        }
        let pixels = padding::pad(padding, &Tensor::stack(&tensors, 0)).contiguous().to_device(device);
        Ok(Self { items, pixels })
    }

    /// Those at some places, in their order.
    pub fn of(&self, places: &[usize]) -> Self {
        let rows: Vec<i64> = places.iter().map(|&at| at as i64).collect();
        let pixels = self.pixels.index_select(0, &Tensor::from_slice(&rows).to_device(self.pixels.device()));
        Self { items: places.iter().map(|&at| self.items[at].clone()).collect(), pixels }
    }

    /// These and then those.
    pub fn and(&self, others: &Self) -> Self {
        let items = self.items.iter().chain(&others.items).cloned().collect();
        Self { items, pixels: Tensor::cat(&[&self.pixels, &others.pixels], 0) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }
}

/// What is learnt from, what is inverted, and what methods are compared on.
pub(super) struct Material {
    /// All training images that the network could draw.
    pub learnt: Images,
    /// Of them and of the validation side, to be inverted: the training images first.
    pub inverted: Images,
    /// Places among the inverted ones that methods are compared on.
    pub compared: Vec<usize>,
}

impl Material {
    /// The middle slice of each lesion of the classes that a network without classes learns from
    /// ([`Prepared::training_of_interest`]), or of every class where it has some; nothing contested.
    pub fn load(prepared: &Prepared, c_dim: i64, counts: Counts, at: Place<'_>) -> Result<Self> {
        let Place { padding, device, seed } = at;
        let training = match c_dim {
            0 => prepared.training_of_interest(),
            _ => prepared.training_all().filter(|lesion| prepared.class_of(lesion).is_some()),
        };
        let interest = prepared.classes().interest().filter(|_| c_dim == 0);
        let validation = prepared.validation().filter(|lesion| {
            let class = prepared.class_of(lesion);
            class.is_some() && interest.is_none_or(|interest| class == Some(interest))
        });
        if training.is_empty() {
            return Err(Problem::input(prepared.root(), "no training image of what the network draws")
                .expected("at least one")
                .advice("prepare more data"));
        }
        let learnt = Images::load(&training.largest_of_each_lesion(), padding, device)?;
        let chosen = drawn(learnt.len(), counts.images, seed, "inverted training images");
        let first: Vec<usize> = (0..chosen.len()).collect();
        let mut compared = picked(&first, counts.compared, seed, "compared training images");
        let mut inverted = learnt.of(&chosen);
        let held = validation.largest_of_each_lesion();
        if !held.is_empty() {
            let held = Images::load(&held, padding, device)?;
            let held = held.of(&drawn(held.len(), counts.compared, seed, "compared validation images"));
            compared.extend(inverted.len()..inverted.len() + held.len());
            inverted = inverted.and(&held);
        }
        Ok(Self { learnt, inverted, compared })
    }
}

/// How many images are inverted and compared; 0 inverts all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    /// Training images.
    pub images: u64,
    /// Of each side.
    pub compared: u64,
}

/// Where images go, and who draws them.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Of the network.
    pub padding: &'a Padding,
    /// Of the network.
    pub device: Device,
    /// Of the draws.
    pub seed: RunSeed,
}

/// At most `most` of 0..`count` (all where that is 0), drawn, in ascending order.
fn drawn(count: usize, most: u64, seed: RunSeed, purpose: &str) -> Vec<usize> {
    let all: Vec<usize> = (0..count).collect();
    if most == 0 { all } else { picked(&all, most, seed, purpose) }
}

fn picked(all: &[usize], most: u64, seed: RunSeed, purpose: &str) -> Vec<usize> {
    let mut picked = all.to_vec();
    picked.shuffle(&mut seed.stream(purpose, 0));
    picked.truncate(most as usize);
    picked.sort_unstable();
    picked
}
