//! Images of any shape in a network's square ([`Padding`]): padded on the way in, cropped on the way out.

use tch::Tensor;

use crate::records::label::Padding;

/// Repeats the border: \[N, C, height, width\] -> \[N, C, side, side\].
pub fn pad(padding: &Padding, images: &Tensor) -> Tensor {
    if padding.is_none() {
        return images.shallow_clone();
    }
    let &Padding { height, width, side } = padding;
    let [top, left] = padding.offset().map(|n| n as i64);
    let [bottom, right] = [side - height, side - width].map(|n| n as i64);
    images.replication_pad2d([left, right - left, top, bottom - top])
}

/// Takes the border away again: \[N, C, side, side\] -> \[N, C, height, width\].
pub fn crop(padding: &Padding, images: &Tensor) -> Tensor {
    if padding.is_none() {
        return images.shallow_clone();
    }
    let [top, left] = padding.offset().map(|n| n as i64);
    images.narrow(2, top, padding.height as i64).narrow(3, left, padding.width as i64).contiguous()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn a_wide_image_comes_back_from_the_middle_of_its_square() {
        let padding = Padding::of(3, 6);
        let image = Tensor::arange(18, (Kind::Float, Device::Cpu)).view([1, 1, 3, 6]);
        let padded = pad(&padding, &image);
        assert_eq!(padded.size(), [1, 1, 8, 8]);
        // Two rows above repeat the first row, one column left its first value.
        assert_eq!(padded.double_value(&[0, 0, 0, 0]), 0.0);
        assert_eq!(padded.double_value(&[0, 0, 7, 7]), 17.0);
        assert_eq!(crop(&padding, &padded), image);
    }
}
