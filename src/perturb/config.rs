//! Settings of `perturb`: how many lesions are spoiled, and how strongly.

use serde::{Deserialize, Serialize};

use super::corruption::Strengths;
use crate::problem::Result;
use crate::settings::Settings;

/// Settings of `perturb`; how to project is `project`'s business.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PerturbConfig {
    /// Lesions of each role: held-out rims, training rims, non-rims; 0 leaves the stage out of a study.
    pub lesions: u64,
    // Those of `Strengths` one by one: of a flattened struct serde does not say which keys it knows.
    /// As in [`Strengths`].
    pub noise: f64,
    /// As in [`Strengths`].
    pub salt_and_pepper: f64,
    /// As in [`Strengths`].
    pub blur: f64,
    /// As in [`Strengths`].
    pub inpainting: f64,
}

impl PerturbConfig {
    /// So many lesions of each role, spoiled so strongly.
    pub fn new(lesions: u64, strengths: Strengths) -> Self {
        let Strengths { noise, salt_and_pepper, blur, inpainting } = strengths;
        Self { lesions, noise, salt_and_pepper, blur, inpainting }
    }

    /// How strong each corruption is.
    pub fn strengths(&self) -> Strengths {
        let Self { noise, salt_and_pepper, blur, inpainting, .. } = *self;
        Strengths { noise, salt_and_pepper, blur, inpainting }
    }
}

impl Settings for PerturbConfig {
    const SECTION: &'static str = "perturb";

    fn check(&self) -> Result<()> {
        Self::within("noise", self.noise, 0.0, 10.0)?;
        Self::within("salt_and_pepper", self.salt_and_pepper, 0.0, 1.0)?;
        Self::within("blur", self.blur, 0.0, 100.0)?;
        Self::within("inpainting", self.inpainting, 0.0, 1.0)
    }
}

impl Default for PerturbConfig {
    fn default() -> Self {
        Self::new(0, Strengths::default())
    }
}
