//! Settings of `invert`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::method::{Embed, Method, Refine};
use crate::problem::Result;
use crate::project::FeatureSetting;
use crate::settings::Settings;

/// Settings of `invert`. The defaults take a few minutes on two cores for a small network of 64 pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InvertConfig {
    /// How codes are found: "w-descent", "w-plus-descent", "encoder".
    pub embed: Embed,
    /// What is done to the generator then: "none", "hypernetwork", "pivotal-each", "pivotal-all".
    pub refine: Refine,
    /// Other methods ("encoder+hypernetwork") that are measured beside it on the compared images.
    pub compare: Vec<Method>,
    /// Training images that are inverted, drawn by the seed; 0 takes all. Whatever learns, learns from all.
    pub images: u64,
    /// Images of the training and of the validation side, each, that methods are measured on.
    pub compared: u64,
    /// As project.features, and with the same names.
    pub features: FeatureSetting,
    /// Weight of the feature distance beside an L2 of weight 1, for encoder and hypernetwork.
    pub feature_weight: f64,
    /// Latents whose w are the cloud that distances are measured to.
    pub w_samples: u64,
    /// Images together in a batch of a descent, an encoder or a tuning.
    pub batch: u64,
    /// Steps of a descent in W or W+.
    pub descent_steps: u64,
    /// Steps of the encoder's training.
    pub encoder_steps: u64,
    /// Channels of the first layer of encoder and hypernetwork; they double with each halving, up to eight times.
    pub width: u64,
    /// Whether the encoder gives a w for each layer.
    pub encoder_w_plus: bool,
    /// Share of drawn images, whose w are known, in a batch of the encoder's.
    pub drawn_share: f64,
    /// Weight of the squared distance to those w, in units of the deviation of w.
    pub w_weight: f64,
    /// Adam's rate for encoder and hypernetwork, which falls to 0 over the second half of the steps.
    pub learning_rate: f64,
    /// Steps of the hypernetwork's training.
    pub hyper_steps: u64,
    /// Images of its batches.
    pub hyper_batch: u64,
    /// Passes of the hypernetwork, in training as later.
    pub hyper_passes: u64,
    /// Rank of the offsets that each pass gives; 0 gives one for each pair of channels, as published.
    pub hyper_rank: u64,
    /// Steps of tuning: of each image alone, or of the generator for all.
    pub pivotal_steps: u64,
    /// Adam's rate for all weights of the synthesis.
    pub pivotal_rate: f64,
    /// Tuning ends once the feature distance is not above this; 0 takes all steps.
    pub pivotal_stop: f64,
    /// Weight of what keeps a tuned generator what it was about the codes that it is tuned at (L2 and feature
    /// distance).
    pub locality: f64,
    /// How far from such a code that is asked, in deviations of w.
    pub locality_step: f64,
    /// Principal directions of the cloud along which images are edited to measure how codes take edits; 0 measures
    /// none.
    pub edits: u64,
}

impl Default for InvertConfig {
    fn default() -> Self {
        Self {
            embed: Embed::Encoder,
            refine: Refine::PivotalAll,
            compare: vec![],
            images: 0,
            compared: 12,
            features: FeatureSetting::Auto,
            feature_weight: 0.8,
            w_samples: 10_000,
            batch: 16,
            descent_steps: 400,
            encoder_steps: 600,
            width: 16,
            encoder_w_plus: false,
            drawn_share: 0.5,
            w_weight: 0.1,
            learning_rate: 2e-3,
            hyper_steps: 200,
            hyper_batch: 8,
            hyper_passes: 3,
            hyper_rank: 2,
            pivotal_steps: 300,
            pivotal_rate: 3e-3,
            pivotal_stop: 0.0,
            locality: 0.1,
            locality_step: 1.0,
            edits: 2,
        }
    }
}

impl InvertConfig {
    /// What every image in question is inverted by.
    pub fn method(&self) -> Method {
        Method { embed: self.embed, refine: self.refine }
    }

    /// What the encoder's weights depend on.
    pub(super) fn of_encoder(&self) -> Value {
        json!([
            self.encoder_steps,
            self.batch,
            self.width,
            self.encoder_w_plus,
            [self.drawn_share, self.w_weight, self.feature_weight, self.learning_rate]
        ])
    }

    /// What the hypernetwork's weights depend on.
    pub(super) fn of_hypernetwork(&self) -> Value {
        json!([self.of_encoder(), self.hyper_steps, self.hyper_batch, self.hyper_passes, self.hyper_rank])
    }

    /// What codes depend on.
    pub(super) fn of_embedding(&self, embed: Embed) -> Value {
        match embed {
            Embed::Encoder => json!([embed, self.of_encoder()]),
            _ => json!([embed, self.descent_steps, self.w_samples, self.batch]),
        }
    }

    /// What a tuned generator depends on.
    pub(super) fn of_tuning(&self, embed: Embed) -> Value {
        let Self { batch, pivotal_steps, pivotal_rate, pivotal_stop, locality, locality_step, w_samples, .. } = *self;
        let numbers = [pivotal_rate, pivotal_stop, locality, locality_step];
        json!([self.of_embedding(embed), batch, pivotal_steps, numbers, w_samples])
    }

    /// What an inversion depends on.
    pub(super) fn of_method(&self, method: Method) -> Value {
        let second = match method.refine {
            Refine::None => Value::Null,
            Refine::Hypernetwork => self.of_hypernetwork(),
            Refine::PivotalEach | Refine::PivotalAll => self.of_tuning(method.embed),
        };
        json!([method, self.of_embedding(method.embed), second])
    }

    /// It, then the others, each once.
    pub fn methods(&self) -> Vec<Method> {
        let mut methods = vec![self.method()];
        self.compare.iter().for_each(|method| {
            if !methods.contains(method) {
                methods.push(*method);
            }
        });
        methods
    }
}

impl Settings for InvertConfig {
    const SECTION: &'static str = "invert";

    fn check(&self) -> Result<()> {
        if let Some(fault) = self.method().fault() {
            return Err(Self::refuse("refine", crate::records::spelling::name(&self.refine), fault));
        }
        Self::within("compared", self.compared, 1, 10_000)?;
        Self::within("feature_weight", self.feature_weight, 0.0, 1e6)?;
        Self::within("w_samples", self.w_samples, 100, 10_000_000)?;
        Self::within("batch", self.batch, 1, 65_536)?;
        for (name, steps) in [
            ("descent_steps", self.descent_steps),
            ("encoder_steps", self.encoder_steps),
            ("hyper_steps", self.hyper_steps),
            ("pivotal_steps", self.pivotal_steps),
        ] {
            Self::within(name, steps, 1, 10_000_000)?;
        }
        Self::within("width", self.width, 1, 1024)?;
        Self::within("drawn_share", self.drawn_share, 0.0, 1.0)?;
        Self::within("w_weight", self.w_weight, 0.0, 1e6)?;
        Self::positive("learning_rate", self.learning_rate, 10.0)?;
        Self::within("hyper_batch", self.hyper_batch, 1, 65_536)?;
        Self::within("hyper_passes", self.hyper_passes, 1, 100)?;
        Self::within("hyper_rank", self.hyper_rank, 0, 512)?;
        Self::positive("pivotal_rate", self.pivotal_rate, 10.0)?;
        Self::within("pivotal_stop", self.pivotal_stop, 0.0, 1e6)?;
        Self::within("locality", self.locality, 0.0, 1e6)?;
        Self::within("locality_step", self.locality_step, 0.0, 1e6)?;
        Self::within("edits", self.edits, 0, 64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_listed_once_and_the_chosen_one_first() {
        let text =
            "embed = \"encoder\"\nrefine = \"hypernetwork\"\ncompare = [\"w-descent\", \"encoder+hypernetwork\"]";
        let config: InvertConfig = toml::from_str(text).unwrap();
        let names: Vec<String> = config.methods().iter().map(Method::to_string).collect();
        assert_eq!(names, ["encoder+hypernetwork", "w-descent"]);
        assert!(config.check().is_ok() && InvertConfig::default().check().is_ok());
        assert!(toml::from_str::<InvertConfig>("compare = [\"encoder+nothing\"]").is_err());
    }

    #[test]
    fn a_hypernetwork_without_encoder_and_senseless_numbers_are_refused() {
        let without = InvertConfig { embed: Embed::WDescent, refine: Refine::Hypernetwork, ..InvertConfig::default() };
        assert!(without.check().unwrap_err().to_string().contains("behind it alone"));
        assert!(InvertConfig { drawn_share: 1.5, ..InvertConfig::default() }.check().is_err());
        assert!(InvertConfig { learning_rate: f64::NAN, ..InvertConfig::default() }.check().is_err());
        assert!(InvertConfig { hyper_passes: 0, ..InvertConfig::default() }.check().is_err());
    }
}
