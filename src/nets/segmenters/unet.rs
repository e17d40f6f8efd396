//! A small U-Net (Ronneberger et al. 2015, arXiv 1505.04597) of images with the blocks of nnU-Net (Isensee et al. 2021,
//! Nat Methods 18:203): two 3x3 convolutions a level, each with instance normalisation and a leaky ReLU of slope .01;
//! strided convolutions down, transposed ones up.
//!
//! Instance normalisation knows of one image alone, so that images of several sources in one step do not see each other
//! through moments.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::engine::fused;
use crate::nets::network::{Init, Network, Role, Visitor, join};
use crate::seed::RunSeed;

/// Levels; each but the first halves height and width.
pub const LEVELS: usize = 4;

/// Height and width must be multiples of it.
pub const MULTIPLE: i64 = 1 << (LEVELS - 1);

/// Slope of the leaky ReLU below 0.
const SLOPE: f64 = 0.01;

const EPSILON: f64 = 1e-5;

/// Shape of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UNetConfig {
    /// Channels of an image.
    pub channels: i64,
    /// Channels of the levels from the top.
    pub widths: [i64; LEVELS],
    /// Answers a pixel: 1, inside or not; more, one for each of so many labels that exclude each other.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub outputs: i64,
}

fn one() -> i64 {
    1
}

fn is_one(outputs: &i64) -> bool {
    *outputs == 1
}

/// Convolution 3x3, instance normalisation, leaky ReLU.
#[derive(Debug)]
struct Unit {
    weight: Tensor, // [O, I, 3, 3]
    scale: Tensor,  // [O]
    shift: Tensor,  // [O]
    stride: i64,
}

impl Unit {
    /// He et al. (2015) for a leaky ReLU; scale 1, shift 0.
    fn new(init: &Init, inputs: i64, outputs: i64, stride: i64) -> Self {
        let std = (2.0 / ((1.0 + SLOPE * SLOPE) * (9 * inputs) as f64)).sqrt();
        Self {
            weight: init.normal("weight", &[outputs, inputs, 3, 3], std),
            scale: init.constant("scale", &[outputs], 1.0),
            shift: init.constant("shift", &[outputs], 0.0),
            stride,
        }
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        // A normalisation takes any bias away.
        let x = fused::convolution(x, &self.weight, 1.0, self.stride, 1);
        let none = None::<Tensor>;
        x.instance_norm(Some(&self.scale), Some(&self.shift), none.as_ref(), none.as_ref(), true, 0.1, EPSILON, true)
            .leaky_relu()
    }

    fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "weight"), &self.weight, Role::Parameter);
        visit(join(path, "scale"), &self.scale, Role::Parameter);
        visit(join(path, "shift"), &self.shift, Role::Parameter);
    }
}

/// From one level to the one above.
#[derive(Debug)]
struct Up {
    weight: Tensor, // [I, O, 2, 2]
    bias: Tensor,   // [O]
    units: [Unit; 2],
}

impl Up {
    fn new(init: &Init, inputs: i64, outputs: i64) -> Self {
        // Each pixel of the result is made of one pixel of the input.
        let weight = init.normal("weight", &[inputs, outputs, 2, 2], (1.0 / inputs as f64).sqrt());
        let bias = init.constant("bias", &[outputs], 0.0);
        let units = [("unit1", 2 * outputs), ("unit2", outputs)];
        Self { weight, bias, units: units.map(|(name, inputs)| Unit::new(&init.sub(name), inputs, outputs, 1)) }
    }

    fn forward(&self, below: &Tensor, beside: &Tensor) -> Tensor {
        let (none, two, one) = ([0i64, 0], [2i64, 2], [1i64, 1]);
        let up = below.conv_transpose2d(&self.weight, Some(&self.bias), two, none, none, 1, one);
        self.units.iter().fold(Tensor::cat(&[&up, beside], 1), |x, unit| unit.forward(&x))
    }
}

/// The network.
#[derive(Debug)]
pub struct UNet {
    down: Vec<[Unit; 2]>,
    up: Vec<Up>,
    head_weight: Tensor, // [K, W, 1, 1]
    head_bias: Tensor,   // [K]
}

impl UNet {
    /// First values depend on `seed` alone, not on libtorch's generator.
    pub fn new(config: &UNetConfig, seed: RunSeed, device: Device) -> Self {
        let init = Init::new(seed, device, "segmenter");
        let down = (0..LEVELS).map(|level| {
            let init = init.sub(&format!("down{}", level + 1));
            let (inputs, outputs) =
                (if level == 0 { config.channels } else { config.widths[level - 1] }, config.widths[level]);
            let stride = if level == 0 { 1 } else { 2 };
            [Unit::new(&init.sub("unit1"), inputs, outputs, stride), Unit::new(&init.sub("unit2"), outputs, outputs, 1)]
        });
        let down = down.collect();
        let up = (0..LEVELS - 1).rev().map(|level| {
            Up::new(&init.sub(&format!("up{}", level + 1)), config.widths[level + 1], config.widths[level])
        });
        let up = up.collect();
        let head = init.sub("head");
        let width = config.widths[0];
        Self {
            down,
            up,
            head_weight: head.normal("weight", &[config.outputs, width, 1, 1], (1.0 / width as f64).sqrt()),
            head_bias: head.constant("bias", &[config.outputs], 0.0),
        }
    }

    /// Images \[N, C, H, W\] in \[-1, 1\], H and W multiples of [`MULTIPLE`] -> logits \[N, K, H, W\], K being
    /// the answers a pixel.
    pub fn forward(&self, images: &Tensor) -> Tensor {
        let mut levels: Vec<Tensor> = Vec::with_capacity(LEVELS);
        for units in &self.down {
            let below = levels.last().unwrap_or(images);
            levels.push(units[1].forward(&units[0].forward(below)));
        }
        let mut x = levels.pop().unwrap_or_else(|| images.shallow_clone());
        for (up, beside) in self.up.iter().zip(levels.iter().rev()) {
            x = up.forward(&x, beside);
        }
        x.conv2d(&self.head_weight, Some(&self.head_bias), [1i64, 1], [0i64, 0], [1i64, 1], 1)
    }

    /// Probabilities \[N, K, H, W\] without gradient; of several labels they sum to 1.
    pub fn probabilities(&self, images: &Tensor) -> Tensor {
        tch::no_grad(|| match self.forward(images) {
            logits if logits.size()[1] == 1 => logits.sigmoid().to_kind(Kind::Float),
            logits => logits.softmax(1, Kind::Float),
        })
    }
}

impl Network for UNet {
    fn visit(&self, visit: &mut Visitor<'_>) {
        for (level, units) in self.down.iter().enumerate() {
            for (at, unit) in units.iter().enumerate() {
                unit.visit(&format!("down{}.unit{}", level + 1, at + 1), visit);
            }
        }
        for (at, up) in self.up.iter().enumerate() {
            let path = format!("up{}", LEVELS - 1 - at);
            visit(join(&path, "weight"), &up.weight, Role::Parameter);
            visit(join(&path, "bias"), &up.bias, Role::Parameter);
            for (at, unit) in up.units.iter().enumerate() {
                unit.visit(&join(&path, &format!("unit{}", at + 1)), visit);
            }
        }
        visit("head.weight".into(), &self.head_weight, Role::Parameter);
        visit("head.bias".into(), &self.head_bias, Role::Parameter);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{cross_entropy, dice_loss};
    use super::*;
    use crate::nets::fixture::Array;
    use std::collections::BTreeMap;

    #[derive(serde::Deserialize)]
    struct Reference {
        channels: i64,
        widths: [i64; LEVELS],
        weights: BTreeMap<String, Array>,
        x: Array,
        target: Array,
        logits: Array,
        cross_entropy: f64,
        dice: f64,
        gradient: Array,
    }

    /// tests/fixtures/make_segment.py: the same network of torch.nn's modules, its losses, and the gradient of their
    /// sum by the first convolution.
    #[test]
    fn agrees_with_pytorch() {
        let reference: Reference = serde_json::from_str(include_str!("../../../tests/fixtures/unet.json")).unwrap();
        let config = UNetConfig { channels: reference.channels, widths: reference.widths, outputs: 1 };
        let mut unet = UNet::new(&config, RunSeed(0), Device::Cpu);
        let weights = reference.weights.iter().map(|(name, array)| (name.clone(), array.tensor())).collect();
        unet.load(&weights).unwrap();
        let far = |ours: &Tensor, theirs: &Array| f64::try_from((ours - theirs.tensor()).abs().max()).unwrap();
        let logits = unet.forward(&reference.x.tensor());
        assert!(far(&logits, &reference.logits) < 2e-5, "{}", far(&logits, &reference.logits));
        let target = reference.target.tensor();
        let (entropy, dice) = (cross_entropy(&logits, &target), dice_loss(&logits, &target));
        approx::assert_abs_diff_eq!(f64::try_from(&entropy).unwrap(), reference.cross_entropy, epsilon = 1e-5);
        approx::assert_abs_diff_eq!(f64::try_from(&dice).unwrap(), reference.dice, epsilon = 1e-5);
        let first = &unet.down[0][0].weight;
        let gradient = Tensor::run_backward(&[entropy + dice], &[first], false, false);
        assert!(far(&gradient[0], &reference.gradient) < 2e-5, "{}", far(&gradient[0], &reference.gradient));
    }

    #[test]
    fn first_values_are_of_the_seed_and_an_image_does_not_know_of_its_neighbours() {
        let config = UNetConfig { channels: 2, widths: [4, 4, 8, 8], outputs: 1 };
        let of = |seed| UNet::new(&config, RunSeed(seed), Device::Cpu);
        let x = Tensor::arange(2 * 2 * 256, (Kind::Float, Device::Cpu)).view([2, 2, 16, 16]).sin();
        let both = of(1).probabilities(&x);
        assert!(both.equal(&of(1).probabilities(&x)) && !both.equal(&of(2).probabilities(&x)));
        let alone = of(1).probabilities(&x.narrow(0, 1, 1));
        assert!(f64::try_from((alone - both.narrow(0, 1, 1)).abs().max()).unwrap() < 1e-6);
        assert_eq!(both.size(), [2, 1, 16, 16]);
    }

    #[test]
    fn a_network_of_one_answer_is_written_as_it_always_was_and_labels_share_a_probability_of_1() {
        let one = UNetConfig { channels: 2, widths: [4, 4, 8, 8], outputs: 1 };
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(text, r#"{"channels":2,"widths":[4,4,8,8]}"#);
        assert_eq!(serde_json::from_str::<UNetConfig>(&text).unwrap(), one);
        let shape = |config: &UNetConfig| {
            let tensors = UNet::new(config, RunSeed(1), Device::Cpu).tensors();
            (tensors["head.weight"].size(), tensors["head.bias"].size(), tensors.len())
        };
        let four = UNetConfig { outputs: 4, ..one };
        let (weight, bias, count) = shape(&one);
        assert_eq!((weight, bias), (vec![1, 4, 1, 1], vec![1]));
        assert_eq!(shape(&four), (vec![4, 4, 1, 1], vec![4], count));
        let x = Tensor::arange(2 * 256, (Kind::Float, Device::Cpu)).view([1, 2, 16, 16]).sin();
        let p = UNet::new(&four, RunSeed(1), Device::Cpu).probabilities(&x);
        assert_eq!(p.size(), [1, 4, 16, 16]);
        let sum = p.sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        assert!(f64::try_from((sum - 1.0).abs().max()).unwrap() < 1e-6);
    }
}
