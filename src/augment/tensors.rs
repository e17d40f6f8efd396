//! What [`AugmentParams`] says, as tensors: computing with them takes no number from the host, so that a GPU can record
//! it.

use tch::Tensor;

use super::affine::Affine;
use super::differentiable::DifferentiableTensors;
use super::params::{AugmentParams, Color};
use super::volume::VolumeTensors;
use super::warp::{Geometry, Mirrored};

/// How far beyond its border a moved image is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Margin {
    /// As far as these maps reach.
    AsNeeded,
    /// As far as any map can, so that shapes do not depend on the maps.
    Full,
}

/// The operations on N images; absent where no image is touched. float32.
#[derive(Debug)]
pub struct AugmentTensors {
    pub(super) geometry: Option<Geometry>,
    pub(super) color: Option<Recolor>,
    /// Gain of each frequency band \[N, 4\], lowest first.
    pub(super) bands: Option<Tensor>,
    /// Values to add, \[N, C, H, W\].
    pub(super) noise: Option<Tensor>,
    /// Centre (x, y) of the blanked rectangle as shares of the sides \[N, 2\]; far outside where nothing is blanked.
    pub(super) cutout: Option<Tensor>,
    pub(super) cutout_size: f64,
    pub(super) differentiable: Option<DifferentiableTensors>,
    pub(super) volume: Option<VolumeTensors>,
    pub(super) image_channels: Vec<bool>,
}

/// Values x -> matrix x + shift: \[N, 3, 3\] and \[N, 3, 1\] for colours, \[N, 1, 1\] twice for any other number of
/// channels.
#[derive(Debug)]
pub(super) struct Recolor {
    pub(super) matrix: Tensor,
    pub(super) shift: Tensor,
}

impl Recolor {
    fn of(colors: &[Color], channels: i64) -> Self {
        if channels != 3 {
            let (factors, shifts): (Vec<f32>, Vec<f32>) =
                colors.iter().map(|map| map.grey()).map(|(f, s)| (f as f32, s as f32)).unzip();
            return Self { matrix: tensor(&factors, &[-1, 1, 1]), shift: tensor(&shifts, &[-1, 1, 1]) };
        }
        let part = |columns: std::ops::Range<usize>| -> Vec<f32> {
            let rows = colors.iter().flat_map(|map| map.rows);
            rows.flat_map(|row| row[columns.clone()].to_vec()).map(|value| value as f32).collect()
        };
        Self { matrix: tensor(&part(0..3), &[-1, 3, 3]), shift: tensor(&part(3..4), &[-1, 3, 1]) }
    }
}

impl AugmentTensors {
    /// `params` for images of shape \[N, C, H, W\], on the host.
    pub fn of(params: &AugmentParams, shape: &[i64], margin: Margin) -> Self {
        let (channels, height, width) = (shape[1], shape[2], shape[3]);
        let cutout = |centres: &Vec<Option<[f64; 2]>>| {
            // A centre far away blanks nothing.
            let values: Vec<f32> =
                centres.iter().flat_map(|centre| centre.unwrap_or([9.0; 2])).map(|share| share as f32).collect();
            tensor(&values, &[-1, 2])
        };
        let bands = |gains: &Vec<[f64; 4]>| {
            let values: Vec<f32> = gains.iter().flatten().map(|gain| *gain as f32).collect();
            tensor(&values, &[-1, 4])
        };
        Self {
            geometry: params.geometry.as_deref().map(|maps: &[Affine]| {
                let inverse: Vec<Affine> = maps.iter().map(|map| map.inverse()).collect();
                let mirrored = match margin {
                    Margin::AsNeeded => Mirrored::reached_by(&inverse, height, width),
                    Margin::Full => Mirrored::in_full(height, width),
                };
                Geometry::of(&inverse, mirrored)
            }),
            color: params.color.as_deref().map(|colors| Recolor::of(colors, channels)),
            bands: params.bands.as_ref().map(bands),
            noise: params.noise.as_deref().map(|values| tensor(values, shape)),
            cutout: params.cutout.as_ref().map(cutout),
            cutout_size: params.cutout_size,
            differentiable: params.differentiable.as_ref().map(|params| DifferentiableTensors::of(params, shape)),
            volume: match (&params.volume, margin) {
                // Shapes stay the same whatever was drawn.
                (Some(volume), Margin::AsNeeded) if volume.is_still() => None,
                (volume, _) => volume.as_ref().map(|volume| volume.tensors()),
            },
            image_channels: params.image_channels.clone(),
        }
    }

    /// The same operations with other tensors in the place of these, in a fixed order, each named.
    pub fn map(&self, other: &mut dyn FnMut(&'static str, &Tensor) -> Tensor) -> Self {
        Self {
            geometry: self.geometry.as_ref().map(|geometry| geometry.with(other("places", &geometry.places))),
            color: self.color.as_ref().map(|Recolor { matrix, shift }| Recolor {
                matrix: other("matrix", matrix),
                shift: other("shift", shift),
            }),
            bands: self.bands.as_ref().map(|gains| other("bands", gains)),
            noise: self.noise.as_ref().map(|values| other("noise", values)),
            cutout: self.cutout.as_ref().map(|centres| other("cutout", centres)),
            cutout_size: self.cutout_size,
            differentiable: self.differentiable.as_ref().map(|tensors| tensors.map(other)),
            volume: self.volume.as_ref().map(|tensors| tensors.map(other)),
            image_channels: self.image_channels.clone(),
        }
    }
}

fn tensor(values: &[f32], shape: &[i64]) -> Tensor {
    Tensor::from_slice(values).reshape(shape)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::augment::apply::{apply, carry_out};
    use crate::augment::params::BatchSize;
    use crate::augment::sets::AugmentConfig;
    use crate::seed::RunSeed;

    #[test]
    fn in_full_it_is_the_same_augmentation() {
        let shape = [6, 1, 16, 16];
        let size = BatchSize { images: 6, channels: 1, height: 16, width: 16 };
        let config = AugmentConfig::published(&crate::augment::Group::ALL);
        tch::manual_seed(1);
        let images = Tensor::rand(shape, (Kind::Float, Device::Cpu));
        let mut touched = 0;
        for index in 0..10 {
            let params = AugmentParams::sample(&mut RunSeed(1).stream("augment", index), 0.03, &config, size);
            let tensors = AugmentTensors::of(&params.in_full(&config, size), &shape, Margin::Full);
            let mut names = Vec::new();
            let tensors = tensors.map(&mut |name, tensor| {
                names.push((name, tensor.size()));
                tensor.copy()
            });
            let shapes = [vec![6, 6], vec![6, 1, 1], vec![6, 1, 1], vec![6, 4], vec![6, 1, 16, 16], vec![6, 2]];
            let expected = ["places", "matrix", "shift", "bands", "noise", "cutout"];
            assert_eq!(names, expected.into_iter().zip(shapes).collect::<Vec<_>>());
            let plain = apply(&images, &params);
            let error = (carry_out(&images, &tensors) - &plain).abs().max().double_value(&[]);
            assert!(error < 2e-5, "{error}");
            touched += i32::from((plain - &images).abs().max().double_value(&[]) > 1e-3);
        }
        assert!((1..=10).contains(&touched), "{touched}");
        let still = AugmentParams::sample(&mut RunSeed(1).stream("augment", 0), 0.0, &config, size);
        assert_eq!(still.in_full(&config, size), still, "at p = 0 nothing is done at all");
    }
}
