//! What the numbers of a label map mean: they changed over the years, and copies with swapped ones go round.

use serde::{Deserialize, Serialize};

/// A scheme of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    /// By the file's name: BraTS 2023 and BraTS-Africa where it ends in "-seg", BraTS 2017 to 2021 in "_seg", the
    /// decathlon's in neither. A map that the scheme of its name does not explain is refused, and one of a child
    /// ("-PED-"): its numbers changed their meaning from 2023 to 2024 under the same names.
    #[default]
    #[serde(rename = "by-name")]
    ByName,
    /// 1 necrosis and dark core, 2 oedema, 3 enhancing.
    #[serde(rename = "brats-2023")]
    Brats2023,
    /// 1 necrosis and dark core, 2 oedema, 4 enhancing.
    #[serde(rename = "brats-2021")]
    Brats2021,
    /// As 2023, and 4 for the cavity of a resection, which is no tumour.
    #[serde(rename = "brats-2024-gli")]
    Brats2024,
    /// 1 enhancing, 2 dark core, 3 cysts, 4 oedema.
    #[serde(rename = "brats-2024-ped")]
    Pediatric,
    /// 1 oedema, 2 dark core, 3 enhancing.
    #[serde(rename = "msd")]
    Msd,
}

/// What a voxel is, whatever number says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Region {
    /// Nothing of a tumour.
    None = 0,
    /// Necrosis, cysts, and what does not take up contrast of the core.
    Core = 1,
    /// Swelling and infiltration.
    Oedema = 2,
    /// What takes up contrast.
    Enhancing = 3,
}

impl Scheme {
    /// Whether the name of a file leaves open what its numbers mean.
    pub(super) fn is_open(self, name: &str) -> bool {
        self == Self::ByName && name.contains("-PED-")
    }

    /// What this means for a file.
    pub(super) fn of_file(self, name: &str) -> Self {
        match self {
            Self::ByName if name.contains("-seg.") => Self::Brats2023,
            Self::ByName if name.contains("_seg.") => Self::Brats2021,
            Self::ByName => Self::Msd,
            told => told,
        }
    }

    /// The region of a number; `None` where the scheme has no such number.
    fn region(self, label: u8) -> Option<Region> {
        use Region::{Core, Enhancing, None as Nothing, Oedema};
        let known: &[Region] = match self {
            Self::ByName => &[Nothing],
            Self::Brats2023 => &[Nothing, Core, Oedema, Enhancing],
            // There never was a 3.
            Self::Brats2021 if label == 3 => return None,
            Self::Brats2021 => &[Nothing, Core, Oedema, Nothing, Enhancing],
            Self::Brats2024 => &[Nothing, Core, Oedema, Enhancing, Nothing],
            Self::Pediatric => &[Nothing, Enhancing, Core, Core, Oedema],
            Self::Msd => &[Nothing, Oedema, Core, Enhancing],
        };
        known.get(usize::from(label)).copied()
    }

    /// The regions of a map's voxels.
    ///
    /// # Errors
    /// In words, what was found and what to do: a number that is no label, or that the scheme does not have.
    pub(super) fn regions(self, values: &[f32]) -> Result<Vec<u8>, (String, String)> {
        let mut present = [false; 256];
        let mut labels = Vec::with_capacity(values.len());
        for &value in values {
            if value.fract() != 0.0 || !(0.0..256.0).contains(&value) {
                let found = format!("a voxel of {value} in a map of labels");
                return Err((found, "a segmentation: whole numbers from 0 up".into()));
            }
            present[value as usize] = true;
            labels.push(value as u8);
        }
        let numbers: Vec<u8> = (0..=255).filter(|&label| present[usize::from(label)]).collect();
        let unknown = numbers.iter().find(|&&label| self.region(label).is_none());
        if let Some(unknown) = unknown {
            let listed: Vec<String> = numbers.iter().map(u8::to_string).collect();
            let known: Vec<String> =
                (0..=4).filter(|&label| self.region(label).is_some()).map(|label: u8| label.to_string()).collect();
            return Err((
                format!("the label {unknown} among {}", listed.join(", ")),
                format!("{}, as {} has them", known.join(", "), self.key()),
            ));
        }
        Ok(labels.into_iter().map(|label| self.region(label).map_or(0, |region| region as u8)).collect())
    }

    fn key(self) -> &'static str {
        match self {
            Self::ByName => "the file's name",
            Self::Brats2023 => "brats-2023",
            Self::Brats2021 => "brats-2021",
            Self::Brats2024 => "brats-2024-gli",
            Self::Pediatric => "brats-2024-ped",
            Self::Msd => "msd",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_regions_by_their_scheme() {
        for (scheme, numbers, expected) in [
            (Scheme::Brats2023, [0.0, 1.0, 2.0, 3.0], [0, 1, 2, 3]),
            (Scheme::Brats2021, [0.0, 1.0, 2.0, 4.0], [0, 1, 2, 3]),
            (Scheme::Brats2024, [1.0, 2.0, 3.0, 4.0], [1, 2, 3, 0]),
            (Scheme::Pediatric, [1.0, 2.0, 3.0, 4.0], [3, 1, 1, 2]),
            (Scheme::Msd, [0.0, 1.0, 2.0, 3.0], [0, 2, 1, 3]),
        ] {
            assert_eq!(scheme.regions(&numbers).unwrap(), expected, "{scheme:?}");
        }
    }

    #[test]
    fn what_a_scheme_does_not_explain_is_refused() {
        assert_eq!(Scheme::ByName.of_file("BraTS-SSA-00002-000-seg.nii.gz"), Scheme::Brats2023);
        assert_eq!(Scheme::ByName.of_file("BraTS2021_00000_seg.nii.gz"), Scheme::Brats2021);
        assert_eq!(Scheme::ByName.of_file("BRATS_001.nii.gz"), Scheme::Msd);
        assert_eq!(Scheme::Msd.of_file("BraTS2021_00000_seg.nii.gz"), Scheme::Msd);
        // Either the old number of what enhances, or the cavity of an operation: nothing in the file says which.
        let (found, expected) = Scheme::Brats2023.regions(&[0.0, 1.0, 2.0, 4.0]).unwrap_err();
        assert!(found == "the label 4 among 0, 1, 2, 4" && expected == "0, 1, 2, 3, as brats-2023 has them", "{found}");
        assert!(Scheme::Brats2021.regions(&[3.0]).is_err());
        assert!(Scheme::Brats2023.regions(&[0.5]).unwrap_err().0.contains("a voxel of 0.5"));
        assert!(Scheme::Brats2023.regions(&[-1.0]).is_err() && Scheme::Brats2023.regions(&[f32::NAN]).is_err());
    }
}
