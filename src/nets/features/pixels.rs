//! Multi-scale pixels: the image split into bands of detail, each weighted alike.

use tch::Tensor;

use super::{FeatureNet, Places};
use crate::problem::Result;

/// Coarsest side of the pyramid.
const COARSEST: i64 = 4;

/// A Laplacian-like pyramid (Burt and Adelson 1983) with 2x2 averages and nearest-neighbour expansion, so that its
/// bands are orthogonal: band k is the average over 2^k x 2^k pixels minus that over 2^(k+1) x 2^(k+1).
///
/// A band's squared difference is divided by its number of values; coarse bands, which cover few values, thus weigh
/// as much as fine ones.
#[derive(Default)]
pub struct PixelPyramid;

impl PixelPyramid {
    /// Its name in records.
    pub const TITLE: &str = "multi-scale pixels";
}

/// Whether an average of so many rows and columns is the last of its pyramid.
fn is_coarsest(height: i64, width: i64) -> bool {
    height.min(width) <= COARSEST || height % 2 == 1 || width % 2 == 1
}

impl FeatureNet for PixelPyramid {
    fn name(&self) -> &str {
        Self::TITLE
    }

    fn features(&self, images: &Tensor) -> Result<Tensor> {
        let flat = |band: &Tensor| {
            let flat = band.flatten(1, -1);
            let count = flat.size()[1] as f64;
            flat / count.sqrt()
        };
        let mut bands = Vec::new();
        let mut x = images.shallow_clone();
        loop {
            let size = x.size();
            let (height, width) = (size[2], size[3]);
            if is_coarsest(height, width) {
                break;
            }
            let coarse = x.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None);
            bands.push(flat(&(&x - coarse.upsample_nearest2d([height, width], None, None))));
            x = coarse;
        }
        bands.push(flat(&x));
        Ok(Tensor::cat(&bands, 1))
    }

    fn places(&self, images: &Tensor) -> Result<Vec<Places>> {
        let size = images.size();
        let [values, mut height, mut width] = [size[1], size[2], size[3]];
        let mut places = vec![Places { grid: [height, width], values, beside: false }];
        while !is_coarsest(height, width) {
            (height, width) = (height / 2, width / 2);
            places.push(Places { grid: [height, width], values, beside: false });
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::super::squared_distance;
    use super::*;

    #[test]
    fn a_constant_lives_in_the_coarsest_band_alone() {
        let image = Tensor::full([1, 1, 16, 16], 0.5, (Kind::Float, Device::Cpu));
        let features = PixelPyramid.features(&image).unwrap();
        assert_eq!(features.size(), [1, 256 + 64 + 16]);
        assert_eq!(features.narrow(1, 0, 320).abs().max().double_value(&[]), 0.0);
        // 16 values of 0.5 / sqrt(16): squares sum to 0.25, the mean square.
        let length = squared_distance(&features, &features.zeros_like());
        assert!((length.double_value(&[0]) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn a_chequerboard_lives_in_the_finest_band_alone() {
        let sign = Tensor::arange(8, (Kind::Float, Device::Cpu)).remainder(2) * 2.0 - 1.0;
        let image = (sign.view([8, 1]) * sign.view([1, 8])).view([1, 1, 8, 8]);
        let features = PixelPyramid.features(&image).unwrap();
        assert_eq!(features.narrow(1, 64, 16).abs().max().double_value(&[]), 0.0);
        assert!((squared_distance(&features, &features.zeros_like()).double_value(&[0]) - 1.0).abs() < 1e-6);
    }
}
