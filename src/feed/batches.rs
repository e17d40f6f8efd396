//! Slices as tensors: a whole set at once, or endless shuffled batches that are a pure function of the step.

use tch::{Device, Kind as Type, Tensor};

use super::epochs::Epochs;
use crate::data::dataset::{Side, SliceImage, Slices};
use crate::problem::{Kind, Problem, Result};
use crate::seed::RunSeed;

/// All slices of a set in memory.
#[derive(Debug)]
pub struct Images {
    /// float32 \[N, C, H, W\] in \[-1, 1\].
    pub pixels: Tensor,
    /// float32 \[N, 1, H, W\], 1 inside the lesion; absent for plain images.
    pub masks: Option<Tensor>,
    /// For each image its index into the manifest's lesions.
    pub lesions: Vec<u32>,
}

impl Images {
    /// Reads every slice of `slices`, in its order, onto `device`.
    ///
    /// # Errors
    /// A slice cannot be read.
    pub fn load<S: Side>(slices: &Slices<S>, device: Device) -> Result<Self> {
        let shape = slices.prepared().image_shape();
        Ok(Self::stack(&slices.images()?, shape, device))
    }

    fn stack(images: &[SliceImage], [channels, height, width]: [usize; 3], device: Device) -> Self {
        let count = images.len() as i64;
        let (channels, height, width) = (channels as i64, height as i64, width as i64);
        let pixels: Vec<f32> = images.iter().flat_map(|image| image.pixels.iter().copied()).collect();
        let masks: Option<Vec<u8>> =
            images.iter().map(|image| image.mask.as_deref()).collect::<Option<Vec<_>>>().map(|masks| masks.concat());
        Self {
            pixels: Tensor::from_slice(&pixels).view([count, channels, height, width]).to_device(device),
            masks: masks.map(|masks| {
                Tensor::from_slice(&masks).view([count, 1, height, width]).to_kind(Type::Float).to_device(device)
            }),
            lesions: images.iter().map(|image| image.lesion).collect(),
        }
    }

    /// The same images, not copied.
    pub fn shallow_clone(&self) -> Self {
        Self {
            pixels: self.pixels.shallow_clone(),
            masks: self.masks.as_ref().map(Tensor::shallow_clone),
            lesions: self.lesions.clone(),
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.lesions.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.lesions.is_empty()
    }
}

/// Endless batches: every image once per epoch in an order drawn anew for each; a batch may straddle two epochs.
///
/// Batch `step` depends on the seed, the purpose and `step` only, so a resumed run sees what it would have seen.
#[derive(Debug)]
pub struct Batches {
    images: Images,
    size: usize,
    epochs: Epochs,
}

/// One batch.
#[derive(Debug)]
pub struct Batch {
    /// float32 \[batch, C, H, W\] in \[-1, 1\].
    pub pixels: Tensor,
    /// Positions in the set.
    pub positions: Vec<usize>,
}

impl Batches {
    /// Of `size` images each; `purpose` names the random stream ("train.reals").
    ///
    /// # Errors
    /// No images, or none a batch.
    pub fn new(images: Images, size: usize, seed: RunSeed, purpose: &str) -> Result<Self> {
        if images.is_empty() || size == 0 {
            return Err(Problem::new(Kind::Input, format!("batches of {size} from {} images", images.len()))
                .expected("at least one image and one a batch"));
        }
        let epochs = Epochs::new(images.len(), seed, purpose);
        Ok(Self { images, size, epochs })
    }

    /// The same batches of the same images, which are not copied.
    pub fn shallow_clone(&self) -> Self {
        Self { images: self.images.shallow_clone(), size: self.size, epochs: self.epochs.clone() }
    }

    /// The set that they are drawn from.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// Positions of batch `step`.
    pub fn positions(&self, step: u64) -> Vec<usize> {
        let size = self.size as u64;
        (step * size..(step + 1) * size).map(|draw| self.epochs.at(draw).item).collect()
    }

    /// Batch `step`.
    pub fn at(&self, step: u64) -> Batch {
        let positions = self.positions(step);
        let index: Vec<i64> = positions.iter().map(|&position| position as i64).collect();
        let index = Tensor::from_slice(&index).to_device(self.images.pixels.device());
        Batch { pixels: self.images.pixels.index_select(0, &index), positions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Prepared, tests::small};

    fn batches(size: usize, seed: u64) -> Batches {
        let folder = tempfile::tempdir().unwrap();
        small(folder.path());
        let rims = Prepared::open(folder.path()).unwrap().training_of_interest();
        Batches::new(Images::load(&rims, Device::Cpu).unwrap(), size, RunSeed(seed), "test").unwrap()
    }

    #[test]
    fn tensors_have_the_documented_shape_and_values() {
        let batches = batches(4, 0);
        assert_eq!(batches.images().pixels.size(), [6, 1, 4, 4]);
        assert_eq!(batches.images().masks.as_ref().unwrap().size(), [6, 1, 4, 4]);
        let batch = batches.at(0);
        assert_eq!(batch.pixels.size(), [4, 1, 4, 4]);
        let expected = batches.images().pixels.get(batch.positions[2] as i64);
        assert_eq!(batch.pixels.get(2), expected);
    }

    #[test]
    fn every_epoch_holds_each_image_once_and_orders_differ() {
        let batches = batches(4, 0);
        let drawn: Vec<usize> = (0..6).flat_map(|step| batches.positions(step)).collect();
        let epochs: Vec<&[usize]> = drawn.chunks(6).collect();
        for epoch in &epochs {
            let mut sorted = epoch.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5]);
        }
        assert!(epochs.iter().any(|epoch| *epoch != epochs[0]));
    }

    #[test]
    fn a_step_is_the_same_whenever_it_is_asked_for() {
        let (first, again) = (batches(4, 7), batches(4, 7));
        let forwards: Vec<_> = (0..9).map(|step| first.positions(step)).collect();
        let backwards: Vec<_> = (0..9).rev().map(|step| again.positions(step)).rev().collect();
        assert_eq!(forwards, backwards);
        assert!((0..9).any(|step| batches(4, 8).positions(step) != forwards[step as usize]));
    }

    #[test]
    fn no_images_is_a_problem() {
        let empty =
            Images { pixels: Tensor::zeros([0, 1, 4, 4], (Type::Float, Device::Cpu)), masks: None, lesions: vec![] };
        assert!(Batches::new(empty, 4, RunSeed(0), "test").is_err());
    }
}
