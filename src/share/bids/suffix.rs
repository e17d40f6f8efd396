//! What BIDS calls a contrast: folder, entities and suffix.

use crate::problem::{Problem, Result};
use crate::records::label::{Contrast, SUSCEPTIBILITY};

/// A contrast as BIDS has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suffix {
    /// "anat".
    pub folder: &'static str,
    /// Entities before `desc`, each with its underscore: "_ce-gadolinium".
    entities: &'static str,
    /// "Chimap".
    suffix: &'static str,
    /// Whether voxels are whole numbers that name regions.
    pub is_labels: bool,
}

impl Suffix {
    /// Of a data set's contrast.
    ///
    /// # Errors
    /// One that BIDS has no name for.
    pub fn of(contrast: &Contrast) -> Result<Self> {
        let anat = |entities, suffix| Self { folder: "anat", entities, suffix, is_labels: suffix == "dseg" };
        Ok(match contrast.name.as_str() {
            SUSCEPTIBILITY => anat("", "Chimap"),
            "flair" | "t2f" => anat("", "FLAIR"),
            "t1n" | "t1w" => anat("", "T1w"),
            "t1c" => anat("_ce-gadolinium", "T1w"),
            "t2w" => anat("", "T2w"),
            "rim" => anat("_label-rim", "probseg"),
            "seg" => anat("", "dseg"),
            "fa" => Self { folder: "dwi", entities: "_model-tensor_param-FA", suffix: "dwimap", is_labels: false },
            other => {
                return Err(Problem::usage(format!("the contrast {other}, for which BIDS has no suffix here"))
                    .expected("chimap, flair, rim, t1n, t1c, t2w, t2f, seg or fa")
                    .advice("BIDS is for brains: share other images by `rimforge export croissant`"));
            }
        })
    }

    /// Name of the file without ending: "sub-synth0001_desc-synthetic_Chimap".
    pub fn stem(&self, subject: &str, desc: &str) -> String {
        format!("{subject}{}_desc-{desc}_{}", self.entities, self.suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::label::Window;

    #[test]
    fn contrasts_have_the_names_of_the_specification_or_none() {
        let named = |name: &'static str| {
            let contrast = Contrast { name: name.into(), unit: "a.u.".into(), window: Window { low: 0.0, high: 1.0 } };
            Suffix::of(&contrast).map(|suffix| suffix.stem("sub-synth0001", "synthetic"))
        };
        assert_eq!(named("chimap").unwrap(), "sub-synth0001_desc-synthetic_Chimap");
        assert_eq!(named("t1c").unwrap(), "sub-synth0001_ce-gadolinium_desc-synthetic_T1w");
        assert_eq!(named("rim").unwrap(), "sub-synth0001_label-rim_desc-synthetic_probseg");
        assert!(named("image0").unwrap_err().to_string().contains("image0, for which BIDS has no suffix"));
    }
}
