//! The autoencoder of DeepSMOTE (Dablain et al. 2021, arXiv 2105.02340): four convolutions down to a code and four
//! transposed ones back, after the DCGAN that the paper builds on (Radford et al. 2016).
//!
//! A convolution is 4x4 with stride 2; batch normalisation follows all but the encoder's first and the decoder's last;
//! LeakyReLU(.2) in the encoder, ReLU in the decoder, tanh at its end.

use serde::Serialize;
use tch::{Device, Kind, Tensor};

use super::classifiers::Mode;
use super::network::{Init, Network, Role, Visitor, join};
use crate::seed::RunSeed;

/// Sides of images are multiples of this.
pub const STEP: i64 = 16;

const LEVELS: usize = 4;
const MOMENTUM: f64 = 0.1;
const EPSILON: f64 = 1e-5;
const SLOPE: f64 = 0.2;

/// Shape of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AutoencoderConfig {
    /// Channels of an image.
    pub channels: i64,
    /// Width and height of an image, a multiple of [`STEP`].
    pub side: i64,
    /// Channels after the first convolution; they double with each.
    pub width: i64,
    /// Numbers in a code.
    pub code: i64,
}

impl AutoencoderConfig {
    /// Channels after each of the encoder's convolutions.
    fn widths(&self) -> [i64; LEVELS] {
        [1, 2, 4, 8].map(|factor| factor * self.width)
    }

    /// Channels, height and width of what is flattened for the code.
    fn innermost(&self) -> [i64; 3] {
        let side = self.side / STEP;
        [self.widths()[LEVELS - 1], side, side]
    }
}

#[derive(Debug)]
struct Norm {
    scale: Tensor,
    shift: Tensor,
    running_mean: Tensor,
    running_variance: Tensor,
}

impl Norm {
    fn new(init: &Init, channels: i64) -> Self {
        Self {
            scale: init.constant("scale", &[channels], 1.0),
            shift: init.constant("shift", &[channels], 0.0),
            running_mean: init.zero_buffer(&[channels]),
            running_variance: init.zero_buffer(&[channels]) + 1.0,
        }
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        x.batch_norm(
            Some(&self.scale),
            Some(&self.shift),
            Some(&self.running_mean),
            Some(&self.running_variance),
            mode == Mode::Train,
            MOMENTUM,
            EPSILON,
            true,
        )
    }
}

/// A convolution, up or down, and its normalisation.
#[derive(Debug)]
struct Level {
    /// \[O, I, 4, 4\] down, \[I, O, 4, 4\] up.
    weight: Tensor,
    norm: Option<Norm>,
}

impl Level {
    /// N(0, .02^2), as DCGAN.
    fn new(init: &Init, [inputs, outputs]: [i64; 2], up: bool, normalised: bool) -> Self {
        let shape = if up { [inputs, outputs, 4, 4] } else { [outputs, inputs, 4, 4] };
        Self { weight: init.normal("weight", &shape, 0.02), norm: normalised.then(|| Norm::new(init, outputs)) }
    }

    fn normalised(&self, x: Tensor, mode: Mode) -> Tensor {
        match &self.norm {
            Some(norm) => norm.forward(&x, mode),
            None => x,
        }
    }
}

/// Levels and the linear map between the innermost one and the code.
#[derive(Debug)]
struct Half {
    levels: Vec<Level>,
    weight: Tensor,
    bias: Tensor,
}

impl Half {
    fn new(init: &Init, channels: &[i64], up: bool, [inputs, outputs]: [i64; 2]) -> Self {
        let count = channels.len() - 1;
        let plain = if up { count - 1 } else { 0 };
        let level = |at: usize| {
            Level::new(&init.sub(&format!("level{}", at + 1)), [channels[at], channels[at + 1]], up, at != plain)
        };
        let linear = init.sub("code");
        Self {
            levels: (0..count).map(level).collect(),
            weight: linear.normal("weight", &[outputs, inputs], (1.0 / inputs as f64).sqrt()),
            bias: linear.constant("bias", &[outputs], 0.0),
        }
    }

    fn visit(&self, visit: &mut Visitor<'_>) {
        for (at, level) in self.levels.iter().enumerate() {
            let path = format!("level{}", at + 1);
            visit(join(&path, "weight"), &level.weight, Role::Parameter);
            if let Some(norm) = &level.norm {
                visit(join(&path, "scale"), &norm.scale, Role::Parameter);
                visit(join(&path, "shift"), &norm.shift, Role::Parameter);
                visit(join(&path, "running_mean"), &norm.running_mean, Role::Buffer);
                visit(join(&path, "running_variance"), &norm.running_variance, Role::Buffer);
            }
        }
        visit("code.weight".into(), &self.weight, Role::Parameter);
        visit("code.bias".into(), &self.bias, Role::Parameter);
    }
}

/// Images to codes.
#[derive(Debug)]
pub struct Encoder(Half);

impl Encoder {
    /// First values depend on `seed` alone, not on libtorch's generator.
    pub fn new(config: &AutoencoderConfig, seed: RunSeed, device: Device) -> Self {
        let channels: Vec<i64> = [config.channels].into_iter().chain(config.widths()).collect();
        let init = Init::new(seed, device, "encoder");
        Self(Half::new(&init, &channels, false, [config.innermost().iter().product(), config.code]))
    }

    /// Images \[N, C, S, S\] in -1..1 -> codes \[N, code\].
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let down = |x: Tensor, level: &Level| {
            let x = x.conv2d(&level.weight, None::<Tensor>, [2, 2], [1, 1], [1, 1], 1);
            let x = level.normalised(x, mode);
            x.maximum(&(&x * SLOPE))
        };
        let maps = self.0.levels.iter().fold(images.shallow_clone(), down);
        maps.flatten(1, -1).linear(&self.0.weight, Some(&self.0.bias))
    }
}

impl Network for Encoder {
    fn visit(&self, visit: &mut Visitor<'_>) {
        self.0.visit(visit);
    }
}

/// Codes to images.
#[derive(Debug)]
pub struct Decoder {
    half: Half,
    innermost: [i64; 3],
}

impl Decoder {
    /// First values depend on `seed` alone, not on libtorch's generator.
    pub fn new(config: &AutoencoderConfig, seed: RunSeed, device: Device) -> Self {
        let channels: Vec<i64> = config.widths().into_iter().rev().chain([config.channels]).collect();
        let init = Init::new(seed, device, "decoder");
        let innermost = config.innermost();
        Self { half: Half::new(&init, &channels, true, [config.code, innermost.iter().product()]), innermost }
    }

    /// Codes \[N, code\] -> images \[N, C, S, S\] in -1..1.
    pub fn forward(&self, codes: &Tensor, mode: Mode) -> Tensor {
        let [channels, height, width] = self.innermost;
        let first = codes.linear(&self.half.weight, Some(&self.half.bias)).relu();
        let last = self.half.levels.len() - 1;
        let up = |x: Tensor, (at, level): (usize, &Level)| {
            let x = x.conv_transpose2d(&level.weight, None::<Tensor>, [2, 2], [1, 1], [0, 0], 1, [1, 1]);
            let x = level.normalised(x, mode);
            if at == last { x.tanh() } else { x.relu() }
        };
        let maps = self.half.levels.iter().enumerate().fold(first.view([-1, channels, height, width]), up);
        maps.to_kind(Kind::Float)
    }
}

impl Network for Decoder {
    fn visit(&self, visit: &mut Visitor<'_>) {
        self.half.visit(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::fixture::Array;
    use std::collections::BTreeMap;

    #[derive(serde::Deserialize)]
    struct Reference {
        channels: i64,
        side: i64,
        width: i64,
        code: i64,
        encoder: BTreeMap<String, Array>,
        decoder: BTreeMap<String, Array>,
        x: Array,
        trained_codes: Array,
        trained_images: Array,
        codes: Array,
        images: Array,
    }

    fn close(ours: &Tensor, theirs: &Array) {
        assert_eq!(ours.size(), theirs.shape);
        let distance = f64::try_from((ours - theirs.tensor()).abs().max()).unwrap();
        assert!(distance < 2e-5, "{distance} apart");
    }

    #[test]
    fn agrees_with_pytorch() {
        let text = include_str!("../../tests/fixtures/autoencoder.json");
        let reference: Reference = serde_json::from_str(text).unwrap();
        let Reference { channels, side, width, code, .. } = reference;
        let config = AutoencoderConfig { channels, side, width, code };
        let (mut encoder, mut decoder) =
            (Encoder::new(&config, RunSeed(0), Device::Cpu), Decoder::new(&config, RunSeed(0), Device::Cpu));
        let named =
            |arrays: &BTreeMap<String, Array>| arrays.iter().map(|(name, a)| (name.clone(), a.tensor())).collect();
        encoder.load(&named(&reference.encoder)).unwrap();
        decoder.load(&named(&reference.decoder)).unwrap();
        let x = reference.x.tensor();
        let codes = encoder.forward(&x, Mode::Train);
        close(&codes, &reference.trained_codes);
        close(&decoder.forward(&codes, Mode::Train), &reference.trained_images);
        // The running moments have moved by one batch.
        let codes = encoder.forward(&x, Mode::Evaluate);
        close(&codes, &reference.codes);
        close(&decoder.forward(&codes, Mode::Evaluate), &reference.images);
    }

    #[test]
    fn images_come_back_at_their_size_and_within_the_range() {
        let config = AutoencoderConfig { channels: 2, side: 48, width: 4, code: 5 };
        let (encoder, decoder) =
            (Encoder::new(&config, RunSeed(1), Device::Cpu), Decoder::new(&config, RunSeed(1), Device::Cpu));
        let x = Init::new(RunSeed(1), Device::Cpu, "x").normal_buffer("x", &[3, 2, 48, 48]);
        let codes = encoder.forward(&x, Mode::Evaluate);
        assert_eq!(codes.size(), [3, 5]);
        let images = decoder.forward(&(codes * 100.0), Mode::Evaluate);
        assert_eq!(images.size(), x.size());
        assert!(f64::try_from(images.abs().max()).unwrap() <= 1.0);
    }
}
