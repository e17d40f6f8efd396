//! The seven classes of HAM10000: how often they come, and the range of every factor of their lesions.
//!
//! Criteria after the dermoscopic terminology of the International Dermoscopy Society (dermoscopy.org); counts of
//! images, lesions and photographs a lesion as in HAM10000's published table (Tschandl et al. 2018). Ranges overlap,
//! so that no single factor tells the classes apart.

use serde::{Deserialize, Serialize};

/// A diagnosis, under its name in the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Diagnosis {
    /// Melanoma.
    Mel,
    /// Melanocytic naevus.
    Nv,
    /// Basal cell carcinoma.
    Bcc,
    /// Actinic keratosis, intraepithelial carcinoma.
    Akiec,
    /// Benign keratosis.
    Bkl,
    /// Dermatofibroma.
    Df,
    /// Vascular lesion.
    Vasc,
}

/// In the order of the challenge's tables.
pub const ALL: [Diagnosis; 7] =
    [Diagnosis::Mel, Diagnosis::Nv, Diagnosis::Bcc, Diagnosis::Akiec, Diagnosis::Bkl, Diagnosis::Df, Diagnosis::Vasc];

/// Lesions with 1, 2, ... 6 photographs among HAM10000's 7,470.
pub const PHOTOGRAPHS: [u32; 6] = [5514, 1423, 490, 34, 5, 4];

/// From and to; drawn evenly.
pub type Range = [f64; 2];

/// What a factor of a class's lesions may be. Lengths in mm, melanin and blood as shares of volume; what has no unit
/// goes from 0, absent, to 1, as strong as it gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranges {
    /// Of a disc of the same area.
    pub diameter: Range,
    /// Long over short axis.
    pub aspect: Range,
    /// Of the border from an ellipse, root mean square, as a share of the radius.
    pub irregularity: Range,
    /// Over which the border fades.
    pub edge: Range,
    /// Of outline and pigment.
    pub asymmetry: Range,
    /// In the epidermis.
    pub melanin: Range,
    /// In the dermis, .2 mm deep.
    pub deep_melanin: Range,
    /// In the upper dermis.
    pub blood: Range,
    /// Of pigment from place to place.
    pub variegation: Range,
    /// Dark lines about pale holes.
    pub network: Range,
    /// Distance of its holes.
    pub period: Range,
    /// Dark discs, how many.
    pub globules: Range,
    /// Dark rays at the border.
    pub streaks: Range,
    /// Milia-like cysts and comedo-like openings, how many.
    pub cysts: Range,
    /// Arborising vessels, how many.
    pub vessels: Range,
    /// Lacunae of blood, how many.
    pub lacunae: Range,
    /// White scar in the centre.
    pub scar: Range,
    /// Scale and red pseudo-network.
    pub scale: Range,
}

/// What classes have unless they say otherwise.
const PLAIN: Ranges = Ranges {
    diameter: [3.0, 7.0],
    aspect: [1.0, 1.4],
    irregularity: [0.01, 0.06],
    edge: [0.15, 0.7],
    asymmetry: [0.0, 0.3],
    melanin: [0.03, 0.10],
    deep_melanin: [0.0, 0.01],
    blood: [0.004, 0.015],
    variegation: [0.1, 0.4],
    network: [0.0, 0.1],
    period: [0.35, 0.7],
    globules: [0.0, 0.0],
    streaks: [0.0, 0.0],
    cysts: [0.0, 0.0],
    vessels: [0.0, 0.0],
    lacunae: [0.0, 0.0],
    scar: [0.0, 0.0],
    scale: [0.0, 0.0],
};

impl Diagnosis {
    /// As in HAM10000's `dx`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Mel => "mel",
            Self::Nv => "nv",
            Self::Bcc => "bcc",
            Self::Akiec => "akiec",
            Self::Bkl => "bkl",
            Self::Df => "df",
            Self::Vasc => "vasc",
        }
    }

    /// Lesions among HAM10000's 7,470.
    pub fn lesions(self) -> u32 {
        match self {
            Self::Mel => 614,
            Self::Nv => 5403,
            Self::Bcc => 327,
            Self::Akiec => 228,
            Self::Bkl => 727,
            Self::Df => 73,
            Self::Vasc => 98,
        }
    }

    /// Of its lesions.
    pub fn ranges(self) -> Ranges {
        match self {
            // Atypical naevi reach into melanoma's ranges, so that readers differ on some of both.
            Self::Nv => Ranges {
                asymmetry: [0.0, 0.65],
                melanin: [0.07, 0.24],
                variegation: [0.1, 0.7],
                network: [0.1, 0.9],
                globules: [0.0, 14.0],
                streaks: [0.0, 0.4],
                ..PLAIN
            },
            Self::Mel => Ranges {
                diameter: [4.5, 9.0],
                aspect: [1.0, 1.7],
                irregularity: [0.04, 0.15],
                asymmetry: [0.25, 1.0],
                melanin: [0.09, 0.36],
                deep_melanin: [0.0, 0.12],
                blood: [0.006, 0.05],
                variegation: [0.3, 1.0],
                network: [0.0, 0.8],
                period: [0.45, 0.9],
                globules: [0.0, 16.0],
                streaks: [0.0, 0.9],
                scar: [0.0, 0.5],
                ..PLAIN
            },
            Self::Bkl => Ranges {
                diameter: [3.5, 9.0],
                aspect: [1.0, 1.6],
                irregularity: [0.02, 0.11],
                edge: [0.06, 0.2],
                asymmetry: [0.0, 0.5],
                melanin: [0.04, 0.17],
                cysts: [2.0, 16.0],
                network: [0.0, 0.2],
                ..PLAIN
            },
            Self::Bcc => Ranges {
                irregularity: [0.03, 0.11],
                edge: [0.3, 1.1],
                asymmetry: [0.1, 0.8],
                melanin: [0.03, 0.06],
                deep_melanin: [0.01, 0.10],
                blood: [0.02, 0.06],
                variegation: [0.4, 1.0],
                vessels: [2.0, 8.0],
                ..PLAIN
            },
            Self::Akiec => Ranges {
                irregularity: [0.03, 0.12],
                edge: [0.5, 1.3],
                asymmetry: [0.1, 0.6],
                melanin: [0.015, 0.06],
                blood: [0.02, 0.07],
                variegation: [0.2, 0.6],
                scale: [0.2, 1.0],
                ..PLAIN
            },
            Self::Df => Ranges {
                diameter: [3.0, 6.0],
                aspect: [1.0, 1.25],
                edge: [0.5, 1.2],
                melanin: [0.04, 0.12],
                network: [0.1, 0.5],
                scar: [0.4, 1.0],
                ..PLAIN
            },
            Self::Vasc => Ranges {
                diameter: [2.0, 6.0],
                edge: [0.08, 0.3],
                melanin: [0.012, 0.03],
                blood: [0.06, 0.25],
                lacunae: [2.0, 12.0],
                ..PLAIN
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lesions_and_photographs_are_those_of_ham10000() {
        assert_eq!(ALL.iter().map(|class| class.lesions()).sum::<u32>(), 7470);
        assert_eq!(PHOTOGRAPHS.iter().sum::<u32>(), 7470);
        let images: u32 = (1..).zip(PHOTOGRAPHS).map(|(times, lesions)| times * lesions).sum();
        assert_eq!(images, 10_015);
    }
}
