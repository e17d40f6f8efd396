//! What networks may have that StyleGAN2 does not, each off by default: their names, and which sizes they go with.

use serde::{Deserialize, Serialize};

use crate::nets::layers::resample::Resampling;
use crate::problem::{Problem, Result};
use crate::records::spelling;

/// Side of an activation with attention, at most: its weights take the fourth power of the side, 64 MiB an image.
pub const MOST_ATTENDED: i64 = 64;

/// Codes of a quantised activation, at most.
pub const MOST_CODES: i64 = 4096;

/// What a style does to a convolution of the synthesis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Modulation {
    /// Scales its kernels (Karras et al. 2020, section 2.2).
    #[default]
    Weights,
    /// Scales and shifts its normalised output (Karras et al. 2019, section 3). The layers to the image have no style.
    Adain,
}

/// Features of a discriminator held to a dictionary of codes (Zhao et al. 2020).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantiseConfig {
    /// Sides of the activations: of blocks' outputs.
    pub sides: Vec<i64>,
    /// Codes of each.
    pub codes: i64,
    /// What an update leaves of the codes' moving averages.
    pub decay: f64,
    /// Whether the next block sees the codes; else only the commitment acts.
    pub pass_on: bool,
}

impl Default for QuantiseConfig {
    fn default() -> Self {
        Self { sides: vec![8, 16], codes: 128, decay: 0.8, pass_on: true }
    }
}

impl QuantiseConfig {
    /// Refuses what no discriminator of images of `resolution` pixels can have.
    ///
    /// # Errors
    /// Names the field, what it may be, and what it is.
    pub fn validate(&self, resolution: i64) -> Result<()> {
        let refuse = |name: &str, found: String, expected: String| {
            Err(Problem::usage(format!("quantise.{name} = {found}")).expected(expected).advice("correct it"))
        };
        let mut sides = self.sides.clone();
        sides.sort_unstable();
        sides.dedup();
        if sides.is_empty()
            || sides.len() < self.sides.len()
            || !sides.iter().all(|&side| is_side(side, resolution / 2))
        {
            let shown: Vec<String> = self.sides.iter().take(8).map(i64::to_string).collect();
            let expected = format!("sides of blocks' outputs, each once: powers of two from 4 to {}", resolution / 2);
            return refuse("sides", format!("[{}]", shown.join(", ")), expected);
        }
        if !(2..=MOST_CODES).contains(&self.codes) {
            return refuse("codes", self.codes.to_string(), format!("2 to {MOST_CODES}"));
        }
        if !(0.0..1.0).contains(&self.decay) {
            return refuse("decay", self.decay.to_string(), "from 0 to less than 1".into());
        }
        Ok(())
    }
}

/// Names and words of what differs from StyleGAN2 in a network with these, e.g. "attention" and "16".
pub(super) fn departures(
    modulation: Modulation,
    resampling: Resampling,
    attention: Option<i64>,
) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if modulation != Modulation::default() {
        found.push(("modulation", spelling::name(&modulation)));
    }
    if resampling != Resampling::default() {
        found.push(("resampling", spelling::name(&resampling)));
    }
    found.extend(attention.map(|side| ("attention", side.to_string())));
    found
}

/// Refuses departures in networks of volumes.
pub(super) fn check_dimensions(dimensions: i64, departures: &[(&'static str, String)]) -> Result<()> {
    match departures.first() {
        Some((name, word)) if dimensions != 2 => Err(Problem::usage(format!("{name} = {word} with dimensions = 3"))
            .expected(format!("a network of images: {name} is of images only"))
            .advice(format!("leave {name} out"))),
        _ => Ok(()),
    }
}

/// Refuses attention after a block that is not there, where the blocks' activations have sides of up to `largest`.
pub(super) fn check_attention(attention: Option<i64>, largest: i64) -> Result<()> {
    let most = largest.min(MOST_ATTENDED);
    match attention {
        Some(side) if !is_side(side, most) => Err(Problem::usage(format!("attention = {side}"))
            .expected(format!("the side of an activation that a block gives: a power of two from 4 to {most}"))
            .advice("choose such a side, or leave attention out")),
        _ => Ok(()),
    }
}

fn is_side(side: i64, most: i64) -> bool {
    (4..=most).contains(&side) && (side as u64).is_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::{DiscriminatorConfig, GeneratorConfig};

    fn small() -> GeneratorConfig {
        GeneratorConfig::small(32, 1)
    }

    #[test]
    fn a_file_names_variants_only_where_there_are_any() {
        let both = |config: &GeneratorConfig| {
            let mirror = DiscriminatorConfig::matching(config);
            (serde_json::to_string(config).unwrap(), serde_json::to_string(&mirror).unwrap())
        };
        let (g, d) = both(&small());
        for word in ["modulation", "resampling", "attention", "quantise"] {
            assert!(!g.contains(word) && !d.contains(word), "{word} in {g} {d}");
        }
        let variant = GeneratorConfig {
            modulation: Modulation::Adain,
            resampling: Resampling::Transposed,
            attention: Some(16),
            ..small()
        };
        let (g, d) = both(&variant);
        assert!(g.ends_with(r#""modulation":"adain","resampling":"transposed","attention":16}"#), "{g}");
        assert!(d.ends_with(r#""resampling":"transposed","attention":16}"#), "{d}");
        assert_eq!(serde_json::from_str::<GeneratorConfig>(&g).unwrap(), variant);
        let quantised = DiscriminatorConfig {
            quantise: Some(QuantiseConfig::default()),
            ..DiscriminatorConfig::matching(&variant)
        };
        let d = serde_json::to_string(&quantised).unwrap();
        assert!(d.ends_with(r#""quantise":{"sides":[8,16],"codes":128,"decay":0.8,"pass_on":true}}"#), "{d}");
        assert_eq!(serde_json::from_str::<DiscriminatorConfig>(&d).unwrap(), quantised);
    }

    #[test]
    fn attention_follows_a_block_of_both_networks() {
        let with = |side, resolution| {
            let config = GeneratorConfig { attention: Some(side), ..GeneratorConfig::small(resolution, 1) };
            [config.validate(), DiscriminatorConfig::matching(&config).validate()].map(|result| result.is_ok())
        };
        for (side, resolution, expected) in [
            (4, 8, [true, true]),
            (8, 8, [true, false]),
            (16, 32, [true, true]),
            (32, 32, [true, false]),
            (64, 128, [true, true]),
            (128, 256, [false, false]),
            (64, 32, [false, false]),
            (12, 32, [false, false]),
            (2, 32, [false, false]),
            (0, 32, [false, false]),
            (i64::MIN, 32, [false, false]),
        ] {
            assert_eq!(with(side, resolution), expected, "{side} of {resolution}");
        }
        let wrong = GeneratorConfig { attention: Some(24), ..small() }.validate().unwrap_err().to_string();
        assert!(wrong.contains("attention = 24") && wrong.contains("a power of two from 4 to 32"), "{wrong}");
    }

    #[test]
    fn codes_are_of_blocks_that_are_there() {
        let with = |quantise: QuantiseConfig| {
            DiscriminatorConfig { quantise: Some(quantise), ..DiscriminatorConfig::matching(&small()) }.validate()
        };
        let usual = QuantiseConfig::default;
        for sides in [vec![4], vec![16, 8, 4]] {
            assert!(with(QuantiseConfig { sides, ..usual() }).is_ok());
        }
        for (wrong, says) in [
            (QuantiseConfig { sides: vec![], ..usual() }, "quantise.sides = []"),
            (QuantiseConfig { sides: vec![8, 32], ..usual() }, "quantise.sides = [8, 32]"),
            (QuantiseConfig { sides: vec![8, 8], ..usual() }, "each once: powers of two from 4 to 16"),
            (QuantiseConfig { sides: vec![-8], ..usual() }, "quantise.sides = [-8]"),
            (QuantiseConfig { codes: 1, ..usual() }, "quantise.codes = 1"),
            (QuantiseConfig { codes: 4097, ..usual() }, "quantise.codes = 4097"),
            (QuantiseConfig { decay: 1.0, ..usual() }, "quantise.decay = 1"),
            (QuantiseConfig { decay: f64::NAN, ..usual() }, "quantise.decay = NaN"),
        ] {
            let problem = with(wrong).unwrap_err().to_string();
            assert!(problem.contains(says), "{problem}");
        }
    }

    #[test]
    fn variants_of_volumes_are_refused_by_name() {
        let volumes = GeneratorConfig { dimensions: 3, ..small() };
        for (config, says) in [
            (GeneratorConfig { modulation: Modulation::Adain, ..volumes.clone() }, "modulation = adain"),
            (GeneratorConfig { resampling: Resampling::Transposed, ..volumes.clone() }, "resampling = transposed"),
            (GeneratorConfig { attention: Some(8), ..volumes.clone() }, "attention = 8"),
        ] {
            let problem = config.validate().unwrap_err().to_string();
            assert!(problem.contains(says) && problem.contains("of images only"), "{problem}");
        }
        let mirror = DiscriminatorConfig::matching(&volumes);
        let quantise = Some(QuantiseConfig::default());
        let problem = DiscriminatorConfig { quantise, ..mirror }.validate().unwrap_err().to_string();
        assert!(problem.contains("quantise = [8, 16]") && problem.contains("of images only"), "{problem}");
    }
}
