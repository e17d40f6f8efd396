//! Images of any shape in a network's square: padded on the way in, cropped on the way out.

use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Smallest side that the networks have.
const SMALLEST: usize = 8;

/// Where an image of `height` x `width` pixels lies in the network's square: in the middle, its border repeated around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Padding {
    pub height: usize,
    pub width: usize,
    /// Of the network's square.
    pub side: usize,
}

impl Padding {
    /// For the smallest power of two that holds the image.
    pub fn of(height: usize, width: usize) -> Self {
        Self { height, width, side: height.max(width).max(SMALLEST).next_power_of_two() }
    }

    /// Nothing to pad: a network's own square.
    pub fn none(side: usize) -> Self {
        Self { height: side, width: side, side }
    }

    pub fn is_none(&self) -> bool {
        (self.height, self.width) == (self.side, self.side)
    }

    /// Rows above and columns left of the image.
    fn offset(&self) -> [usize; 2] {
        [(self.side - self.height) / 2, (self.side - self.width) / 2]
    }

    /// \[N, C, height, width\] -> \[N, C, side, side\].
    pub fn pad(&self, images: &Tensor) -> Tensor {
        if self.is_none() {
            return images.shallow_clone();
        }
        let [top, left] = self.offset().map(|n| n as i64);
        let [bottom, right] = [self.side - self.height, self.side - self.width].map(|n| n as i64);
        images.replication_pad2d([left, right - left, top, bottom - top])
    }

    /// \[N, C, side, side\] -> \[N, C, height, width\].
    pub fn crop(&self, images: &Tensor) -> Tensor {
        if self.is_none() {
            return images.shallow_clone();
        }
        let [top, left] = self.offset().map(|n| n as i64);
        images.narrow(2, top, self.height as i64).narrow(3, left, self.width as i64).contiguous()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn a_wide_image_comes_back_from_the_middle_of_its_square() {
        let padding = Padding::of(3, 6);
        assert_eq!(padding.side, 8);
        let image = Tensor::arange(18, (Kind::Float, Device::Cpu)).view([1, 1, 3, 6]);
        let padded = padding.pad(&image);
        assert_eq!(padded.size(), [1, 1, 8, 8]);
        // Two rows above repeat the first row, one column left its first value.
        assert_eq!(padded.double_value(&[0, 0, 0, 0]), 0.0);
        assert_eq!(padded.double_value(&[0, 0, 7, 7]), 17.0);
        assert_eq!(padding.crop(&padded), image);
    }

    #[test]
    fn powers_of_two_are_left_alone() {
        assert!(Padding::of(64, 64).is_none());
        assert_eq!(Padding::of(64, 64), Padding::none(64));
        assert_eq!(Padding::of(48, 65).side, 128);
    }
}
