//! Feature nets: images to vectors whose squared distance is a perceptual loss.
//!
//! All take images in the network's range, float32 \[N, C, H, W\] in -1..1, and give \[N, F\]; gradients flow to the
//! images and never to the nets' own weights. What the distance is used for is the caller's.

use tch::Tensor;

use crate::engine::fused;
use crate::problem::Result;

pub mod clip;

pub mod discriminator;

pub mod frechet;

pub mod pixels;

pub mod places;

pub mod random_vgg;

pub mod recognise;

pub mod stacks;

pub mod inception;

pub mod pretrained;

pub mod published;

pub use discriminator::DiscriminatorFeatures;
pub use frechet::FrechetFeatures;
pub use pixels::PixelPyramid;
pub use places::Places;
pub use pretrained::Pretrained;
pub use random_vgg::RandomVgg;

/// Images larger than this are reduced by area averaging before a VGG-like net sees them.
pub const LARGEST_SIDE: i64 = 256;

/// A fixed map from images to features.
pub trait FeatureNet {
    /// What a record calls it, e.g. "random VGG-like features (seed 1703)".
    fn name(&self) -> &str;

    /// Features \[N, F\] of `images` \[N, C, H, W\] in -1..1.
    ///
    /// # Errors
    /// Only nets that come from a user's file fail here, with the file's name.
    fn features(&self, images: &Tensor) -> Result<Tensor>;

    /// Where the F features of `images` lie; of a net that pools over the whole image, nowhere.
    ///
    /// # Errors
    /// As [`FeatureNet::features`].
    fn places(&self, images: &Tensor) -> Result<Vec<Places>> {
        Ok(vec![Places::nowhere(self.features(images)?.size()[1])])
    }
}

/// Sum over features of the squared difference: \[N\] from two \[N, F\].
pub fn squared_distance(a: &Tensor, b: &Tensor) -> Tensor {
    fused::squared_distance(a, b)
}

/// As LPIPS: each position's channel vector at unit length, each layer's sum of squares divided by its number of
/// positions. Layers \[N, C, H, W\] -> \[N, F\], the channels of a position side by side.
pub(super) fn unit_normalised(layers: &[Tensor]) -> Tensor {
    Tensor::cat(&layers.iter().map(fused::unit_features).collect::<Vec<_>>(), 1)
}

/// Area-averages images whose longer side exceeds [`LARGEST_SIDE`]; others pass unchanged.
pub(super) fn at_most_largest_side(images: &Tensor) -> Tensor {
    let size = images.size();
    if size[2].max(size[3]) > LARGEST_SIDE {
        images.adaptive_avg_pool2d([LARGEST_SIDE, LARGEST_SIDE])
    } else {
        images.shallow_clone()
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn distance_is_the_sum_of_squares() {
        let a = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0]).view([2, 2]);
        let b = Tensor::from_slice(&[1.0f32, 0.0, 0.0, 0.0]).view([2, 2]);
        assert_eq!(Vec::<f32>::try_from(squared_distance(&a, &b)).unwrap(), [4.0, 25.0]);
    }

    #[test]
    fn large_images_are_area_averaged() {
        let large =
            Tensor::arange(512, (Kind::Float, Device::Cpu)).view([1, 1, 1, 512]).expand([1, 1, 512, 512], false);
        let small = at_most_largest_side(&large);
        assert_eq!(small.size(), [1, 1, 256, 256]);
        assert_eq!(small.double_value(&[0, 0, 7, 3]), 6.5);
    }
}
