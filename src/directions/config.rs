//! What a person sets about directions.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::factorised::Variant;
use super::gate::{Against, Threshold};
use super::layers::LayerGroup;
use super::saved::MOST_DEVIATIONS;
use crate::feed::pictures::Look;
use crate::meters::{Meters, Plain, Skin};
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::project::FeatureSetting;
use crate::records::label::Contrast;
use crate::settings::Settings;

/// How directions are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// From the weights ([`super::factorised`]).
    ClosedForm,
    /// From the codes ([`super::principal`]).
    Ganspace,
}

impl Method {
    /// As written in settings and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClosedForm => "closed-form",
            Self::Ganspace => "ganspace",
        }
    }
}

/// Which factors are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetersChoice {
    /// Those of dermoscopy for photographs in colour, else those of any picture.
    #[default]
    Auto,
    /// Those of any picture.
    Plain,
    /// Those of dermoscopy.
    Skin,
}

impl MetersChoice {
    /// The meters of pictures of these contrasts, and what records call them.
    pub fn meters(self, contrasts: &[Contrast]) -> (&'static str, &'static dyn Meters) {
        let photograph = Look::of(contrasts) == Look::Colour;
        match self {
            Self::Auto if photograph => Self::Skin.meters(contrasts),
            Self::Auto | Self::Plain => ("plain", &Plain),
            Self::Skin => ("skin", &Skin),
        }
    }
}

/// How directions are found and judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DirectionsConfig {
    /// Ways to find them.
    pub methods: Vec<Method>,
    /// Of the closed form.
    pub variant: Variant,
    /// Groups of layers, each with directions of its own; those that a small network does not have are left out.
    pub layers: Vec<LayerGroup>,
    /// Directions of each method and group, the first ones.
    pub count: u64,
    /// Mapped latents whose spread a step is measured in.
    pub samples: u64,
    /// Codes that are moved along every direction.
    pub codes: u64,
    /// The outermost steps in deviations of the codes, at most 3.
    pub reach: f64,
    /// Random directions that each group is compared with.
    pub random: u64,
    /// The one class that codes are of; absent takes all classes as the training images have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<ClassChoice>,
    /// Factors that are measured.
    pub meters: MetersChoice,
    /// Feature net of the distance between images.
    pub features: FeatureSetting,
    /// LPIPS weights of that net in a file of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lpips_weights: Option<PathBuf>,
    /// What an edited image may not be farther away than: "calibrated", "none" or a distance.
    pub threshold: Threshold,
    /// What an edited image is held to.
    pub against: Against,
    /// Which quantile of pairs of one lesion a calibrated threshold is.
    pub quantile: f64,
    /// Pairs of training images that a threshold is calibrated on, at most.
    pub pairs: u64,
    /// Thresholds that the record compares, beside none at all.
    pub sweep: Vec<f64>,
    /// Codes in the pictures.
    pub shown: u64,
    /// Shufflings that a match with a second network is compared with.
    pub shuffles: u64,
    /// Images of the first network that are projected into the second, to map codes onto each other; 0 for none.
    pub align: u64,
    /// Steps of each of these projections.
    pub align_steps: u64,
}

impl Default for DirectionsConfig {
    fn default() -> Self {
        Self {
            methods: vec![Method::ClosedForm, Method::Ganspace],
            variant: Variant::Normalised,
            layers: LayerGroup::EVERY.to_vec(),
            count: 5,
            samples: 10_000,
            codes: 64,
            reach: MOST_DEVIATIONS,
            random: 50,
            class: None,
            meters: MetersChoice::Auto,
            features: FeatureSetting::Auto,
            lpips_weights: None,
            threshold: Threshold::Calibrated,
            against: Against::Inverted,
            quantile: 0.95,
            pairs: 500,
            sweep: vec![0.1, 0.15, 0.2, 0.25, 0.3],
            shown: 3,
            shuffles: 999,
            align: 0,
            align_steps: 100,
        }
    }
}

/// Largest distance that a threshold may be.
const MOST_DISTANCE: f64 = 1e6;

impl Settings for DirectionsConfig {
    const SECTION: &'static str = "directions";

    fn check(&self) -> Result<()> {
        Self::distinct("methods", &self.methods)?;
        Self::distinct("layers", &self.layers)?;
        if self.variant == Variant::Published && self.layers != [LayerGroup::All] {
            let found = format!("{:?} with variant = \"published\"", self.layers);
            return Err(Self::refuse("layers", found, "[\"all\"]: that variant moves every layer"));
        }
        Self::within("count", self.count, 1, 512)?;
        Self::within("samples", self.samples, 100, 1_000_000)?;
        Self::within("codes", self.codes, 2, 4096)?;
        Self::positive("reach", self.reach, MOST_DEVIATIONS)?;
        Self::within("random", self.random, 20, 10_000)?;
        if let Some(class) = self.class.as_ref().filter(|class| !class.could_be()) {
            return Err(Self::refuse("class", class.quoted(), "the name of a class, or its number from 0"));
        }
        if let Threshold::At(distance) = self.threshold {
            Self::within("threshold", distance, 0.0, MOST_DISTANCE)?;
        }
        Self::within("quantile", self.quantile, 0.5, 0.999)?;
        Self::within("pairs", self.pairs, 20, 100_000)?;
        for (at, distance) in self.sweep.iter().enumerate() {
            Self::within(&format!("sweep[{at}]"), *distance, 0.0, MOST_DISTANCE)?;
        }
        Self::within("shown", self.shown, 1, self.codes.min(16))?;
        Self::within("shuffles", self.shuffles, 1, 100_000)?;
        Self::within("align", self.align, 0, 100_000)?;
        Self::within("align_steps", self.align_steps, 1, 10_000)
    }
}

impl DirectionsConfig {
    /// A list that is not empty and names nothing twice.
    fn distinct<T: PartialEq + std::fmt::Debug>(name: &str, list: &[T]) -> Result<()> {
        if list.is_empty() || (1..list.len()).any(|at| list[..at].contains(&list[at])) {
            return Err(Self::refuse(name, format!("{list:?}"), "at least one, each once"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_run_can_use_is_refused_by_its_key() {
        let good = DirectionsConfig::default();
        good.check().unwrap();
        let says = |config: DirectionsConfig| config.check().unwrap_err().to_string();
        for (wrong, key) in [
            (DirectionsConfig { methods: vec![], ..good.clone() }, "directions.methods"),
            (DirectionsConfig { layers: vec![LayerGroup::Fine; 2], ..good.clone() }, "directions.layers"),
            (DirectionsConfig { variant: Variant::Published, ..good.clone() }, "directions.layers"),
            (DirectionsConfig { reach: 3.5, ..good.clone() }, "directions.reach"),
            (DirectionsConfig { codes: 2, shown: 3, ..good.clone() }, "directions.shown"),
            (DirectionsConfig { threshold: Threshold::At(-1.0), ..good.clone() }, "directions.threshold"),
            (DirectionsConfig { sweep: vec![0.1, f64::NAN], ..good.clone() }, "directions.sweep[1]"),
            (DirectionsConfig { random: 1, ..good.clone() }, "directions.random"),
        ] {
            assert!(says(wrong).contains(key), "{key}");
        }
        let published = DirectionsConfig { variant: Variant::Published, layers: vec![LayerGroup::All], ..good };
        published.check().unwrap();
        let text = toml::to_string(&published).unwrap();
        assert_eq!(toml::from_str::<DirectionsConfig>(&text).unwrap(), published);
        assert!(text.contains("threshold = \"calibrated\"") && !text.contains("class"), "{text}");
    }
}
