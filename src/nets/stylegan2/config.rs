//! Sizes of the networks, their defaults and the two presets.

use serde::{Deserialize, Serialize};

use super::shapes::{self, Shapes};
use super::variants::{self, Modulation, QuantiseConfig};
use crate::nets::layers::resample::Resampling;
use crate::problem::{Problem, Result};

/// Numbers in the tensors of one network, at most: 1 GiB as float32, of which training holds six. The largest published
/// network (1024 x 1024 pixels) has 30 million.
pub const MOST_NUMBERS: u64 = 1 << 28;

/// Length of a latent, channels of a layer, classes, at most: more than any machine holds.
pub const MOST: i64 = 1 << 16;

/// Channels of an activation times its side, at most.
pub const MOST_CHANNEL_BASE: i64 = MOST << 8;

/// Layers of a mapping, at most.
pub const MOST_LAYERS: i64 = 64;

/// Sizes of a generator. Channels at resolution R are min(channel_base / R, channel_max).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Length of the input latent z.
    pub z_dim: i64,
    /// Length of the intermediate latent w.
    pub w_dim: i64,
    /// Number of classes; 0 is unconditional.
    pub c_dim: i64,
    /// Image side, a power of two from 8 up.
    pub resolution: i64,
    /// Image channels.
    pub channels: i64,
    /// Channels of an activation times its side.
    pub channel_base: i64,
    /// Most channels of an activation.
    pub channel_max: i64,
    /// Fully connected layers of the mapping network.
    pub mapping_layers: i64,
    /// Bound on activations; `None` leaves them unbounded.
    pub conv_clamp: Option<f64>,
    /// 2 for images, 3 for volumes with equal sides; files of images do not name it.
    #[serde(skip_serializing_if = "of_images")]
    pub dimensions: i64,
    /// What styles do; files of StyleGAN2 networks name neither this nor what follows.
    #[serde(skip_serializing_if = "usual")]
    pub modulation: Modulation,
    /// How convolutions double the side.
    #[serde(skip_serializing_if = "usual")]
    pub resampling: Resampling,
    /// Side of the block that self-attention follows; `None` is without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<i64>,
}

/// Sizes of a discriminator; see [`GeneratorConfig`] for the shared fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// Number of classes; 0 is unconditional.
    pub c_dim: i64,
    /// Image side, a power of two from 8 up.
    pub resolution: i64,
    /// Image channels.
    pub channels: i64,
    /// Channels of an activation times its side.
    pub channel_base: i64,
    /// Most channels of an activation.
    pub channel_max: i64,
    /// Layers of the class mapping; used only where `c_dim` > 0.
    pub mapping_layers: i64,
    /// Bound on activations; `None` leaves them unbounded.
    pub conv_clamp: Option<f64>,
    /// Images over which the minibatch standard deviation is taken; a batch must be divisible by min(group, batch).
    pub mbstd_group: i64,
    /// As the generator's.
    #[serde(skip_serializing_if = "of_images")]
    pub dimensions: i64,
    /// How convolutions halve the side.
    #[serde(skip_serializing_if = "usual")]
    pub resampling: Resampling,
    /// Side of the output of the block that self-attention follows; `None` is without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention: Option<i64>,
    /// Codes that features are held to; `None` is without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantise: Option<QuantiseConfig>,
}

fn of_images(dimensions: &i64) -> bool {
    *dimensions == 2
}

fn usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for GeneratorConfig {
    fn default() -> Self {
        Self::small(64, 1)
    }
}

impl Default for DiscriminatorConfig {
    fn default() -> Self {
        Self::matching(&GeneratorConfig::default())
    }
}

impl GeneratorConfig {
    /// The size that two CPU cores can train.
    pub fn small(resolution: i64, channels: i64) -> Self {
        Self {
            z_dim: 128,
            w_dim: 128,
            c_dim: 0,
            resolution,
            channels,
            channel_base: 1024,
            channel_max: 64,
            mapping_layers: 2,
            conv_clamp: Some(256.0),
            dimensions: 2,
            modulation: Modulation::Weights,
            resampling: Resampling::Filter,
            attention: None,
        }
    }

    /// The published size below 512 pixels (22 million parameters at 64 pixels, one channel).
    pub fn paper(resolution: i64, channels: i64) -> Self {
        Self { z_dim: 512, w_dim: 512, channel_base: 16384, channel_max: 512, ..Self::small(resolution, channels) }
    }

    /// Channels of the activations of side `resolution`.
    pub fn channels_at(&self, resolution: i64) -> i64 {
        (self.channel_base / resolution).min(self.channel_max)
    }

    /// For volumes of `resolution` voxels each way: up to 64 what two CPU cores can train, larger ones for a GPU.
    pub fn volumes(resolution: i64, channels: i64) -> Self {
        let (channel_base, channel_max) = if resolution <= 64 { (256, 32) } else { (2048, 128) };
        Self { channel_base, channel_max, dimensions: 3, ..Self::small(resolution, channels) }
    }

    /// Shape of a batch of `count`: \[count, C, R, R\], of volumes \[count, C, R, R, R\].
    pub fn images(&self, count: i64) -> Vec<i64> {
        [count, self.channels].into_iter().chain((0..self.dimensions).map(|_| self.resolution)).collect()
    }

    /// Number of w vectors that the synthesis takes: 2 log2(R) - 2.
    pub fn num_ws(&self) -> i64 {
        2 * i64::from(self.resolution.ilog2()) - 2
    }

    /// Names and words of what makes it another network than StyleGAN2, e.g. "modulation" and "adain".
    pub fn departures(&self) -> Vec<(&'static str, String)> {
        variants::departures(self.modulation, self.resampling, self.attention)
    }

    /// Refuses sizes that no network can be built from.
    ///
    /// # Errors
    /// Names the field, what it may be, and what it is.
    pub fn validate(&self) -> Result<()> {
        check_image(self.resolution, self.dimensions)?;
        variants::check_dimensions(self.dimensions, &self.departures())?;
        variants::check_attention(self.attention, self.resolution)?;
        check_channels(self.channels, self.channel_base, self.channel_max, self.resolution)?;
        within("z_dim", self.z_dim, 1, MOST)?;
        within("w_dim", self.w_dim, 1, MOST)?;
        within("c_dim", self.c_dim, 0, MOST)?;
        within("mapping_layers", self.mapping_layers, 1, MOST_LAYERS)?;
        check_clamp(self.conv_clamp)?;
        check_numbers("generator", &shapes::generator(self))
    }
}

impl DiscriminatorConfig {
    /// The discriminator that mirrors `generator`; its features are not quantised.
    pub fn matching(generator: &GeneratorConfig) -> Self {
        Self {
            c_dim: generator.c_dim,
            resolution: generator.resolution,
            channels: generator.channels,
            channel_base: generator.channel_base,
            channel_max: generator.channel_max,
            mapping_layers: 8,
            conv_clamp: generator.conv_clamp,
            mbstd_group: 4,
            dimensions: generator.dimensions,
            resampling: generator.resampling,
            attention: generator.attention,
            quantise: None,
        }
    }

    /// As [`GeneratorConfig::departures`].
    pub fn departures(&self) -> Vec<(&'static str, String)> {
        let mut found = variants::departures(Modulation::default(), self.resampling, self.attention);
        found.extend(self.quantise.as_ref().map(|quantise| ("quantise", format!("{:?}", quantise.sides))));
        found
    }

    /// Whether self-attention follows the block of side `resolution`, whose output has half that side.
    pub(super) fn attends(&self, resolution: i64) -> bool {
        self.attention == Some(resolution / 2)
    }

    /// The codes of the block of side `resolution`, where its output is quantised.
    pub(super) fn codes_of(&self, resolution: i64) -> Option<&QuantiseConfig> {
        self.quantise.as_ref().filter(|quantise| quantise.sides.contains(&(resolution / 2)))
    }

    /// Channels of the activations of side `resolution`.
    pub fn channels_at(&self, resolution: i64) -> i64 {
        (self.channel_base / resolution).min(self.channel_max)
    }

    /// Refuses sizes that no network can be built from.
    ///
    /// # Errors
    /// Names the field, what it may be, and what it is.
    pub fn validate(&self) -> Result<()> {
        check_image(self.resolution, self.dimensions)?;
        variants::check_dimensions(self.dimensions, &self.departures())?;
        variants::check_attention(self.attention, self.resolution / 2)?;
        self.quantise.as_ref().map_or(Ok(()), |quantise| quantise.validate(self.resolution))?;
        check_channels(self.channels, self.channel_base, self.channel_max, self.resolution)?;
        within("c_dim", self.c_dim, 0, MOST)?;
        within("mapping_layers", self.mapping_layers, 1, MOST_LAYERS)?;
        within("mbstd_group", self.mbstd_group, 1, MOST)?;
        check_clamp(self.conv_clamp)?;
        check_numbers("discriminator", &shapes::discriminator(self))
    }
}

/// 4, 8, .. `resolution`.
pub(crate) fn resolutions(resolution: i64) -> impl DoubleEndedIterator<Item = i64> {
    (2..=resolution.ilog2()).map(|log2| 1_i64 << log2)
}

fn check_image(resolution: i64, dimensions: i64) -> Result<()> {
    let most = match dimensions {
        2 => 1024,
        3 => 256,
        _ => {
            return Err(Problem::usage(format!("dimensions = {dimensions}")).expected("2 for images, 3 for volumes"));
        }
    };
    if !(8..=most).contains(&resolution) || !(resolution as u64).is_power_of_two() {
        let expected = format!("a power of two from 8 to {most}");
        return Err(Problem::usage(format!("resolution {resolution}")).expected(expected));
    }
    Ok(())
}

fn check_channels(channels: i64, base: i64, max: i64, resolution: i64) -> Result<()> {
    within("channels", channels, 1, MOST)?;
    within("channel_max", max, 1, MOST)?;
    within("channel_base", base, resolution, MOST_CHANNEL_BASE)
}

fn within(name: &str, value: i64, low: i64, high: i64) -> Result<()> {
    if !(low..=high).contains(&value) {
        return Err(Problem::usage(format!("{name} = {value}")).expected(format!("{low} to {high}")));
    }
    Ok(())
}

fn check_numbers(network: &str, shapes: &Shapes) -> Result<()> {
    let numbers = shapes::numbers(shapes);
    if numbers > u128::from(MOST_NUMBERS) {
        return Err(Problem::usage(format!("a {network} of {numbers} numbers"))
            .expected(format!("at most {MOST_NUMBERS} (1 GiB as float32)"))
            .advice("make z_dim, w_dim, channel_base, channel_max or mapping_layers smaller"));
    }
    Ok(())
}

fn check_clamp(clamp: Option<f64>) -> Result<()> {
    match clamp {
        // Tensors are float32.
        Some(bound) if bound.is_nan() || bound <= 0.0 || bound > f64::from(f32::MAX) => {
            Err(Problem::usage(format!("conv_clamp = {bound:e}")).expected("a positive number that float32 holds"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_the_published_sizes() {
        let paper = GeneratorConfig::paper(64, 1);
        assert_eq!(paper.num_ws(), 10);
        assert_eq!(resolutions(64).map(|r| paper.channels_at(r)).collect::<Vec<_>>(), [512, 512, 512, 512, 256]);
        let small = GeneratorConfig::small(64, 1);
        assert_eq!(resolutions(64).map(|r| small.channels_at(r)).collect::<Vec<_>>(), [64, 64, 64, 32, 16]);
    }

    #[test]
    fn a_file_that_names_no_dimensions_is_of_images() {
        let images = DiscriminatorConfig::matching(&GeneratorConfig::small(32, 1));
        let text = serde_json::to_string(&images).unwrap();
        assert!(!text.contains("dimensions"), "{text}");
        assert_eq!(serde_json::from_str::<DiscriminatorConfig>(&text).unwrap().dimensions, 2);
        let volumes = GeneratorConfig { dimensions: 3, ..GeneratorConfig::small(32, 1) };
        let text = serde_json::to_string(&volumes).unwrap();
        assert!(text.ends_with(r#""dimensions":3}"#), "{text}");
        assert_eq!(serde_json::from_str::<GeneratorConfig>(&text).unwrap(), volumes);
        assert_eq!(DiscriminatorConfig::matching(&volumes).dimensions, 3);
    }

    #[test]
    fn a_clamp_is_a_positive_number_of_float32() {
        let with = |bound| GeneratorConfig { conv_clamp: bound, ..GeneratorConfig::small(32, 1) }.validate();
        assert!(with(None).is_ok() && with(Some(256.0)).is_ok());
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(with(Some(wrong)).unwrap_err().to_string().contains("conv_clamp = "), "{wrong}");
        }
    }

    #[test]
    fn images_have_two_dimensions_and_volumes_three() {
        let with = |dimensions, resolution| GeneratorConfig { dimensions, ..GeneratorConfig::small(resolution, 1) };
        for (dimensions, resolution) in [(2, 1024), (3, 8), (3, 256)] {
            assert!(with(dimensions, resolution).validate().is_ok());
        }
        for (dimensions, resolution, expected) in
            [(1, 8, "3 for volumes"), (4, 8, "3 for volumes"), (3, 512, "8 to 256")]
        {
            let problem = with(dimensions, resolution).validate().unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn sizes_beyond_every_machine_are_refused_at_once() {
        let small = || GeneratorConfig::small(1024, 1);
        for (wrong, says) in [
            (GeneratorConfig { z_dim: 1_000_000_000, ..small() }, "z_dim = 1000000000; expected 1 to 65536"),
            (GeneratorConfig { mapping_layers: i64::MAX, ..small() }, "mapping_layers = 9223372036854775807"),
            (GeneratorConfig { channel_base: 1 << 40, ..small() }, "channel_base = 1099511627776"),
            (GeneratorConfig { channels: i64::MAX, ..small() }, "channels = 9223372036854775807"),
            (GeneratorConfig { c_dim: i64::MAX, ..small() }, "c_dim"),
            (GeneratorConfig { resolution: i64::MIN, ..small() }, "resolution"),
            (GeneratorConfig { channel_base: 1 << 24, channel_max: 1 << 16, ..small() }, "a generator of"),
            (GeneratorConfig { w_dim: 1 << 16, mapping_layers: 64, ..small() }, "a generator of"),
        ] {
            let problem = wrong.validate().unwrap_err().to_string();
            assert!(problem.contains(says), "{problem}");
        }
        // 65536 channels at 4 pixels: the last block alone has 2^32 x 16 numbers.
        let wide = GeneratorConfig { channel_base: 1 << 24, channel_max: 1 << 16, dimensions: 3, ..small() };
        let problem = DiscriminatorConfig { resolution: 8, ..DiscriminatorConfig::matching(&wide) }.validate();
        assert!(problem.unwrap_err().to_string().contains("a discriminator of"));
    }

    #[test]
    fn refuses_a_size_that_is_no_power_of_two() {
        assert!(GeneratorConfig::small(48, 1).validate().is_err());
        assert!(GeneratorConfig::small(64, 0).validate().is_err());
        assert!(GeneratorConfig::paper(1024, 3).validate().is_ok());
        assert!(GeneratorConfig::small(64, 1).validate().is_ok());
    }
}
