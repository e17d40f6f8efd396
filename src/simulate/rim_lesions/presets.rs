//! The cohorts that can be asked for by name, and what a study may change about them.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use super::physics::{BackgroundConfig, EchoConfig, Inversion};
use super::readers::ReaderConfig;
use crate::nifti::Grid;
use crate::problem::Result;
use crate::settings::Settings;

/// A study's `[cohort]` table: a preset and what differs from it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CohortConfig {
    /// What the rest differs from.
    pub preset: Preset,
    /// Every random draw derives from it.
    pub seed: u64,
    /// Lesions, rims and votes scale with it.
    pub patients: Option<u32>,
    /// Dipole inversion.
    pub inversion: Option<InversionMethod>,
    /// Median over patients: white matter at the first echo over the noise of one real channel.
    pub snr: Option<f64>,
    /// Share of lesions that truly have a rim, 0..0.5; the readers' counts scale with it.
    pub prevalence: Option<f64>,
}

impl Default for CohortConfig {
    fn default() -> Self {
        Self { preset: Preset::Demo, seed: 1, patients: None, inversion: None, snr: None, prevalence: None }
    }
}

/// A cohort that can be asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The published counts: 256 patients, 260 agreed and 177 ambiguous of 7980 lesions, kappa 0.73.
    Paper,
    /// The same counts, of 479 true rims: most ambiguous lesions are rims.
    PaperOptimist,
    /// The same counts, of 319 true rims: most ambiguous lesions are none.
    PaperPessimist,
    /// The published counts with equal sizes of lesions with and without a rim.
    Hard,
    /// Small slabs and every third lesion a rim, for two cores: NOT the natural prevalence.
    Demo,
    /// Three tiny slabs, for tests.
    Tiny,
}

/// Dipole inversion, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InversionMethod {
    /// Total variation.
    Tv,
    /// Closed form.
    L2,
    /// Thresholded division.
    Tkd,
}

impl InversionMethod {
    /// With its default settings.
    pub fn settings(self) -> Inversion {
        match self {
            Self::Tv => Inversion::TV,
            Self::L2 => Inversion::L2,
            Self::Tkd => Inversion::TKD,
        }
    }
}

/// A cohort in every number: what a preset is once a study's changes are applied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CohortDesign {
    /// What it started from.
    pub preset: Preset,
    /// Every random draw derives from it.
    pub seed: u64,
    /// One line for people.
    pub description: &'static str,
    /// Their number.
    pub patients: u32,
    /// Of all patients together.
    pub lesions: u32,
    /// Lesions with an iron shell, of all patients together.
    pub true_rims: u32,
    /// Shape of the spread over patients: how many of the preset's patients have 0, 1, 2, ... true rims.
    pub rims_histogram: &'static [u32],
    /// The two readers, and how often they are to agree.
    pub readers: ReaderConfig,
    /// Of every slab; as text its shape and voxel size, on which the cohort's key rests.
    #[serde(serialize_with = "shape_and_voxel_mm")]
    pub grid: Grid,
    /// Draw lesions without a rim from the rims' sizes.
    pub match_sizes: bool,
    /// Median over patients.
    pub snr: f64,
    /// When the signal is read.
    pub echoes: EchoConfig,
    /// What background removal leaves and takes.
    pub background: BackgroundConfig,
    /// How the field becomes a map.
    pub inversion: Inversion,
}

/// True rims per patient such that, with each true rim agreed on with probability .62 (248 of 399), agreed rims
/// per patient are as published: 0 in 164 patients, 1 in 35, 2 in 18, 3 to 12 in 39 (least squares over histograms).
const RIMS_DEFAULT: &[u32] = &[147, 36, 15, 13, 11, 9, 6, 5, 5, 3, 2, 2, 1, 1];
/// The same where 256 of 479 are agreed on.
const RIMS_OPTIMIST: &[u32] = &[142, 37, 14, 12, 10, 9, 7, 6, 4, 4, 2, 2, 2, 1, 1, 1, 1, 1];
/// The same where 245 of 319 are.
const RIMS_PESSIMIST: &[u32] = &[155, 36, 17, 13, 10, 8, 5, 5, 2, 2, 2, 1];

impl Preset {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Paper, Self::PaperOptimist, Self::PaperPessimist, Self::Hard, Self::Demo, Self::Tiny];

    /// As written in a study file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::PaperOptimist => "paper-optimist",
            Self::PaperPessimist => "paper-pessimist",
            Self::Hard => "hard",
            Self::Demo => "demo",
            Self::Tiny => "tiny",
        }
    }

    /// As published or as described, before a study's changes.
    pub fn design(self) -> CohortDesign {
        let paper = CohortDesign {
            preset: Preset::Paper,
            seed: 0,
            description: "256 patients with the published counts of rims and of disagreements",
            patients: 256,
            lesions: 7980,
            true_rims: 399,
            rims_histogram: RIMS_DEFAULT,
            readers: ReaderConfig { agreed: 260, ambiguous: 177, ..ReaderConfig::default() },
            grid: Grid::centred([256, 256, 64], [0.4, 0.4, 1.0]),
            match_sizes: false,
            snr: 40.0,
            echoes: EchoConfig::default(),
            background: BackgroundConfig::default(),
            inversion: Inversion::TV,
        };
        match self {
            Self::Paper => paper,
            Self::PaperOptimist => CohortDesign {
                preset: self,
                description: "the published counts, most ambiguous lesions are true rims",
                true_rims: 479,
                rims_histogram: RIMS_OPTIMIST,
                ..paper
            },
            Self::PaperPessimist => CohortDesign {
                preset: self,
                description: "the published counts, most ambiguous lesions are no rims",
                true_rims: 319,
                rims_histogram: RIMS_PESSIMIST,
                ..paper
            },
            Self::Hard => CohortDesign {
                preset: self,
                description: "the published counts, rims and other lesions of equal size",
                match_sizes: true,
                ..paper
            },
            Self::Demo => CohortDesign {
                preset: self,
                description: "small and ENRICHED for two cores: every third lesion is a rim, against 3 percent in patients",
                patients: 36,
                lesions: 288,
                true_rims: 96,
                rims_histogram: &[1, 3, 5, 5, 4],
                readers: ReaderConfig { agreed: 63, ambiguous: 42, ..ReaderConfig::default() },
                grid: Grid::centred([160, 160, 40], [0.4, 0.4, 1.0]),
                ..paper
            },
            Self::Tiny => CohortDesign {
                preset: self,
                description: "three tiny slabs for tests; proves nothing about rims",
                patients: 3,
                lesions: 12,
                true_rims: 4,
                rims_histogram: &[1, 1, 1],
                readers: ReaderConfig { agreed: 3, ambiguous: 2, ..ReaderConfig::default() },
                grid: Grid::centred([96, 96, 26], [0.4, 0.4, 1.0]),
                ..paper
            },
        }
    }
}

impl CohortConfig {
    /// The preset with this table's changes.
    ///
    /// # Errors
    /// Values that make no cohort: no patient, a prevalence outside 0..0.5, a signal-to-noise ratio that is not
    /// positive.
    pub fn design(&self) -> Result<CohortDesign> {
        self.check()?;
        let mut design = CohortDesign { seed: self.seed, ..self.preset.design() };
        if let Some(patients) = self.patients {
            let factor = f64::from(patients) / f64::from(design.patients);
            design.patients = patients;
            design.lesions = scaled(design.lesions, factor).max(patients);
            design.scale_rims(factor);
        }
        if let Some(prevalence) = self.prevalence {
            design.scale_rims(prevalence * f64::from(design.lesions) / f64::from(design.true_rims));
        }
        if let Some(snr) = self.snr {
            design.snr = snr;
        }
        if let Some(method) = self.inversion {
            design.inversion = method.settings();
        }
        Ok(design)
    }
}

impl Settings for CohortConfig {
    const SECTION: &'static str = "cohort.simulate";

    fn check(&self) -> Result<()> {
        Self::within("patients", self.patients.unwrap_or(1), 1, 9999)?;
        Self::positive("prevalence", self.prevalence.unwrap_or(0.5), 0.5)?;
        // Beyond the highest there is no noise in a float32 image.
        Self::within("snr", self.snr.unwrap_or(5.0), 5.0, 1e6)
    }
}

impl CohortDesign {
    /// True rims and the readers' counts together; never less than one of each, so that the readers can be solved.
    fn scale_rims(&mut self, factor: f64) {
        self.true_rims = scaled(self.true_rims, factor).max(1);
        self.readers.agreed = u64::from(scaled(self.readers.agreed as u32, factor).max(1));
        self.readers.ambiguous = u64::from(scaled(self.readers.ambiguous as u32, factor).max(1));
    }
}

fn shape_and_voxel_mm<S: Serializer>(grid: &Grid, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_struct("Grid", 2)?;
    fields.serialize_field("shape", &grid.shape)?;
    fields.serialize_field("voxel_mm", &grid.voxel_mm())?;
    fields.end()
}

fn scaled(count: u32, factor: f64) -> u32 {
    (f64::from(count) * factor).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_hold_the_presets_patients_and_rims() {
        for preset in [Preset::Paper, Preset::PaperOptimist, Preset::PaperPessimist, Preset::Hard] {
            let design = preset.design();
            let patients: u32 = design.rims_histogram.iter().sum();
            let rims: u32 = design.rims_histogram.iter().zip(0..).map(|(patients, rims)| patients * rims).sum();
            assert_eq!((patients, rims), (design.patients, design.true_rims), "{preset:?}");
        }
    }

    #[test]
    fn fewer_patients_keep_the_proportions() {
        let config = CohortConfig { preset: Preset::Paper, patients: Some(64), ..CohortConfig::default() };
        let design = config.design().unwrap();
        assert_eq!((design.lesions, design.true_rims), (1995, 100));
        assert_eq!((design.readers.agreed, design.readers.ambiguous), (65, 44));
    }

    #[test]
    fn prevalence_moves_rims_and_votes_but_not_lesions() {
        let config = CohortConfig { preset: Preset::Paper, prevalence: Some(0.1), ..CohortConfig::default() };
        let design = config.design().unwrap();
        assert_eq!((design.lesions, design.true_rims), (7980, 798));
        assert_eq!((design.readers.agreed, design.readers.ambiguous), (520, 354));
    }

    #[test]
    fn nonsense_is_refused() {
        let base = CohortConfig::default();
        for config in [
            CohortConfig { patients: Some(0), ..base },
            CohortConfig { prevalence: Some(1.2), ..base },
            CohortConfig { snr: Some(f64::NAN), ..base },
        ] {
            assert_eq!(config.design().unwrap_err().kind(), crate::problem::Kind::Usage);
        }
    }

    #[test]
    fn names_are_those_of_a_study_file() {
        for preset in Preset::ALL {
            assert_eq!(serde_json::to_value(preset).unwrap(), preset.name());
        }
    }

    #[test]
    fn a_study_file_can_hold_it() {
        let config: CohortConfig =
            toml::from_str("preset = \"paper-optimist\"\npatients = 64\ninversion = \"l2\"").unwrap();
        assert_eq!(config.preset, Preset::PaperOptimist);
        assert_eq!(config.design().unwrap().inversion.name(), "l2");
        assert!(toml::from_str::<CohortConfig>("patient = 3").is_err());
    }
}
