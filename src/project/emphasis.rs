//! What of a slice counts: the lesion, whose mask is known, against everything around it.
//!
//! A generator too small to draw a slice as it is spends its latent where most pixels are. Weighing the lesion keeps
//! the background from paying for its fit with the rim.

use tch::{Device, Tensor};

use super::targets::Target;
use crate::feed::padding;
use crate::filter::dilated;
use crate::records::label::Padding;

/// How the parts of a slice are weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Emphasis {
    /// Weight of a pixel outside the lesion and its margin, where those weigh 1.
    pub background: f64,
    /// Pixels about the lesion that count as it does.
    pub margin: u64,
}

impl Emphasis {
    /// Weight of each pixel of each slice \[N, 1, R, R\], R the network's side; a slice without a mask weighs 1
    /// everywhere. `None` where nothing is to be weighed.
    pub fn map(&self, batch: &[&Target], padding: &Padding, device: Device) -> Option<Tensor> {
        if self.background == 1.0 || batch.iter().all(|target| target.mask.is_none()) {
            return None;
        }
        let weigh = |lesion: bool| if lesion { 1.0 } else { self.background as f32 };
        let of_slice = |target: &&Target| match &target.mask {
            Some(mask) => dilated(mask, padding.width, self.margin as usize).into_iter().map(weigh).collect(),
            None => vec![1.0; padding.height * padding.width],
        };
        let weights: Vec<f32> = batch.iter().flat_map(of_slice).collect();
        let shape = [batch.len() as i64, 1, padding.height as i64, padding.width as i64];
        Some(padding::pad(padding, &Tensor::from_slice(&weights).view(shape).to_device(device)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    #[test]
    fn the_lesion_and_its_margin_weigh_one() {
        let target = |mask| Target { id: Name::of_known("a"), pixels: vec![0.0; 64], mask, lesion: None };
        let lesion = target(Some((0..64).map(|at| at == 9).collect()));
        let padding = Padding::of(8, 8);
        let emphasis = Emphasis { background: 0.25, margin: 1 };
        let map = emphasis.map(&[&lesion, &target(None)], &padding, Device::Cpu).unwrap();
        assert_eq!(map.size(), [2, 1, 8, 8]);
        // Five pixels weigh 1 and 59 a quarter; the slice without a mask weighs 64.
        assert_eq!(map.get(0).sum(tch::Kind::Float).double_value(&[]), 5.0 + 59.0 / 4.0);
        assert_eq!(map.get(1).sum(tch::Kind::Float).double_value(&[]), 64.0);
        assert!(emphasis.map(&[&target(None)], &padding, Device::Cpu).is_none());
        assert!(Emphasis { background: 1.0, ..emphasis }.map(&[&lesion], &padding, Device::Cpu).is_none());
    }
}
