//! What the map of regions holds, and the regions that BraTS measures (Menze et al. 2015, IEEE Trans Med Imaging
//! 34:1993, section III-B).

use serde::{Deserialize, Serialize};
use tch::{Kind as Type, Tensor};

use crate::records::spelling;

/// Labels of a voxel: 0 none, 1 core that does not enhance, 2 oedema, 3 enhancing.
pub const LABELS: usize = 4;

/// A part of the tumour that a Dice coefficient is given for; each holds the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Region {
    /// All labels.
    Whole,
    /// What does not swell.
    Core,
    /// What takes up contrast.
    Enhancing,
}

impl Region {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::Whole, Self::Core, Self::Enhancing];

    /// In files.
    pub fn key(self) -> String {
        spelling::name(&self)
    }

    /// In tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "Whole tumour",
            Self::Core => "Tumour core",
            Self::Enhancing => "Enhancing tumour",
        }
    }

    /// Which labels it is made of.
    pub fn about(self) -> &'static str {
        match self {
            Self::Whole => "labels 1, 2 and 3",
            Self::Core => "labels 1 and 3",
            Self::Enhancing => "label 3",
        }
    }

    /// Whether a voxel of this label belongs to it.
    pub fn has(self, label: u8) -> bool {
        match self {
            Self::Whole => label > 0,
            Self::Core => label == 1 || label == 3,
            Self::Enhancing => label == 3,
        }
    }
}

/// Labels 0 to 3, as float32, of a map in the network's range, where they lie at -1, -1/3, 1/3 and 1: the nearest.
pub fn labels(map: &Tensor) -> Tensor {
    let top = (LABELS - 1) as f64;
    ((map + 1.0) * (top / 2.0)).round().clamp(0.0, top).to_kind(Type::Float)
}

/// A mask of each label \[N, 4, H, W\], 0 or 1, of labels \[N, 1, H, W\].
pub fn masks(labels: &Tensor) -> Tensor {
    let of: Vec<Tensor> = (0..LABELS).map(|label| labels.eq(label as f64)).collect();
    Tensor::cat(&of, 1).to_kind(Type::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_read_as_the_nearest_of_four_levels() {
        let map = [-1.0, -1.0 / 3.0, 1.0 / 3.0, 1.0, -0.7, -0.6, -0.1, 0.1, 0.6, 0.7, -1.4, 1.4f32];
        let found: Vec<f32> = Vec::try_from(labels(&Tensor::from_slice(&map))).unwrap();
        assert_eq!(found, [0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 0.0, 3.0]);
        let masks = masks(&Tensor::from_slice(&[0f32, 3.0, 1.0, 1.0]).view([1, 1, 2, 2]));
        assert_eq!(masks.size(), [1, 4, 2, 2]);
        let values: Vec<f32> = Vec::try_from(masks.reshape([-1])).unwrap();
        assert_eq!(values, [1., 0., 0., 0., 0., 0., 1., 1., 0., 0., 0., 0., 0., 1., 0., 0.]);
    }

    #[test]
    fn regions_of_labels() {
        let of = |region: Region| [0, 1, 2, 3].map(|label| region.has(label));
        assert_eq!(of(Region::Whole), [false, true, true, true]);
        assert_eq!(of(Region::Core), [false, true, false, true]);
        assert_eq!(of(Region::Enhancing), [false, false, false, true]);
        assert_eq!(Region::ALL.map(Region::key), ["whole", "core", "enhancing"]);
    }
}
