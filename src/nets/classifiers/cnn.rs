//! A classifier of small images: six convolutional units, global average pooling, a linear head over the classes.
//!
//! One unit is 3x3 convolution, 2x2 max pooling (first units only), batch normalisation, ReLU, in the order that the
//! paper names them. The paper gives neither widths nor strides; here the first three units pool, so that a 64x64 slice
//! leaves an 8x8 map, whose class activations (Zhou et al. 2016, arXiv 1512.04150) still tell a lesion's edge from its
//! core.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::{Classifier, Mode};
use crate::engine::fused;
use crate::nets::network::{Init, Named, Network, Role, Visitor, join};
use crate::seed::RunSeed;

/// Units of the network.
pub const UNITS: usize = 6;

/// Units that pool.
const POOLED: usize = 3;

/// Inputs must be at least this wide and high.
pub const SMALLEST: i64 = 1 << POOLED;

const MOMENTUM: f64 = 0.1;
const EPSILON: f64 = 1e-5;

/// Shape of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CnnConfig {
    /// Channels of a slice.
    pub channels: i64,
    /// Channels after each unit.
    pub widths: [i64; UNITS],
    /// Classes that are told apart, at least 2.
    // Two are not written: files and keys are then those from before there were more.
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub classes: i64,
}

fn two() -> i64 {
    2
}

/// Name of a unit, counted from 0.
fn unit(at: usize) -> String {
    format!("unit{}", at + 1)
}

fn is_two(classes: &i64) -> bool {
    *classes == two()
}

impl CnnConfig {
    /// Our reading of the paper: 16 to 128 channels, 282 thousand parameters; two classes.
    pub fn paper(channels: i64) -> Self {
        Self { channels, widths: [16, 32, 64, 64, 128, 128], classes: two() }
    }

    /// An eighth of the arithmetic, for two cores; two classes.
    pub fn small(channels: i64) -> Self {
        Self { channels, widths: [8, 16, 24, 32, 32, 32], classes: two() }
    }

    /// The shape of the network that tensors of these names and shapes are of; `None` where they fit none.
    pub fn of(tensors: &Named) -> Option<Self> {
        let size = |name: &str| tensors.get(name).map(Tensor::size);
        let mut config = Self { channels: 0, widths: [0; UNITS], classes: *size("head.bias")?.first()? };
        let mut inputs = None;
        for (at, width) in config.widths.iter_mut().enumerate() {
            let [outputs, channels, 3, 3] = size(&format!("{}.weight", unit(at)))?[..] else { return None };
            if inputs.is_some_and(|inputs| inputs != channels) {
                return None;
            }
            *width = outputs;
            inputs = Some(outputs);
            if at == 0 {
                config.channels = channels;
            }
        }
        (size("head.weight")? == [config.classes, inputs?] && config.classes >= 2).then_some(config)
    }

    /// The same for another number of classes.
    pub fn of_classes(self, classes: usize) -> Self {
        Self { classes: classes as i64, ..self }
    }
}

#[derive(Debug)]
struct Unit {
    weight: Tensor, // [O, I, 3, 3]
    scale: Tensor,
    shift: Tensor,
    running_mean: Tensor,
    running_variance: Tensor,
    pooled: bool,
}

impl Unit {
    /// He et al. (2015) for the convolution, which needs no bias before a normalisation; scale 1, shift 0.
    fn new(init: &Init, inputs: i64, outputs: i64, pooled: bool) -> Self {
        Self {
            weight: init.normal("weight", &[outputs, inputs, 3, 3], (2.0 / (9 * inputs) as f64).sqrt()),
            scale: init.constant("scale", &[outputs], 1.0),
            shift: init.constant("shift", &[outputs], 0.0),
            running_mean: init.zero_buffer(&[outputs]),
            running_variance: init.zero_buffer(&[outputs]) + 1.0,
            pooled,
        }
    }

    /// \[N, I, H, W\] -> \[N, O, H', W'\], halved where the unit pools.
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.normalised(&self.convolved(x), mode).relu()
    }

    /// As [`Unit::forward`] in training mode, and the same of `beside` with the batch's moments of `x`.
    fn forward_beside(&self, x: &Tensor, beside: &Tensor) -> (Tensor, Tensor) {
        let positions = [0i64, 2, 3].as_slice();
        let (x, beside) = (self.convolved(x), self.convolved(beside));
        let deviation = (x.var_dim(positions, false, true) + EPSILON).sqrt();
        let normal = (beside - x.mean_dim(positions, true, Kind::Float)) / deviation;
        let beside = normal * self.scale.view([1, -1, 1, 1]) + self.shift.view([1, -1, 1, 1]);
        (self.normalised(&x, Mode::Train).relu(), beside.relu())
    }

    fn convolved(&self, x: &Tensor) -> Tensor {
        let x = fused::convolution(x, &self.weight, 1.0, 1, 1);
        if self.pooled { x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false) } else { x }
    }

    fn normalised(&self, x: &Tensor, mode: Mode) -> Tensor {
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

/// The classifier.
#[derive(Debug)]
pub struct Cnn {
    units: Vec<Unit>,
    head_weight: Tensor, // [k, C]
    head_bias: Tensor,   // [k]
}

impl Cnn {
    /// First values depend on `seed` alone, not on libtorch's generator.
    pub fn new(config: &CnnConfig, seed: RunSeed, device: Device) -> Self {
        let init = Init::new(seed, device, "classifier");
        let mut inputs = config.channels;
        let units = config
            .widths
            .iter()
            .enumerate()
            .map(|(i, &outputs)| {
                let unit = Unit::new(&init.sub(&unit(i)), inputs, outputs, i < POOLED);
                inputs = outputs;
                unit
            })
            .collect();
        let head = init.sub("head");
        Self {
            units,
            head_weight: head.normal("weight", &[config.classes, inputs], (1.0 / inputs as f64).sqrt()),
            head_bias: head.constant("bias", &[config.classes], 0.0),
        }
    }

    /// What the first `units` units make of slices.
    fn maps(&self, x: &Tensor, units: usize, mode: Mode) -> Tensor {
        let size = x.size();
        assert!(size.len() == 4 && size[2].min(size[3]) >= SMALLEST, "slices of shape {size:?}");
        self.units[..units].iter().fold(x.shallow_clone(), |x, unit| unit.forward(&x, mode))
    }

    fn head(&self, maps: &Tensor) -> Tensor {
        maps.mean_dim([2i64, 3].as_slice(), false, Kind::Float).linear(&self.head_weight, Some(&self.head_bias))
    }
}

impl Classifier for Cnn {
    fn classes(&self) -> i64 {
        self.head_bias.size()[0]
    }

    fn channels(&self) -> i64 {
        self.units[0].weight.size()[1]
    }

    fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.head(&self.maps(images, UNITS, mode))
    }

    fn forward_beside(&self, images: &Tensor, beside: &Tensor) -> (Tensor, Tensor) {
        let start = (images.shallow_clone(), beside.shallow_clone());
        let (maps, others) = self.units.iter().fold(start, |(x, beside), unit| unit.forward_beside(&x, &beside));
        (self.head(&maps), self.head(&others))
    }

    fn layers(&self) -> Vec<String> {
        (0..UNITS).map(unit).chain(["head".to_owned()]).collect()
    }

    fn features(&self, images: &Tensor, layers: usize) -> Tensor {
        self.maps(images, layers, Mode::Evaluate)
    }

    fn logits_of(&self, features: &Tensor, layers: usize) -> Tensor {
        let rest = &self.units[layers..];
        self.head(&rest.iter().fold(features.shallow_clone(), |x, unit| unit.forward(&x, Mode::Evaluate)))
    }

    /// The map is an eighth of the image's height and width.
    fn activation(&self, images: &Tensor, class: i64) -> Tensor {
        let others: Vec<i64> = (0..self.classes()).filter(|&other| other != class).collect();
        let others = Tensor::from_slice(&others).to_device(self.head_bias.device());
        let above = |head: &Tensor| {
            head.get(class) - head.index_select(0, &others).mean_dim([0i64].as_slice(), false, Kind::Float)
        };
        let weight = above(&self.head_weight).view([1, -1, 1, 1]);
        let maps = self.maps(images, UNITS, Mode::Evaluate);
        (maps * weight).sum_dim_intlist(1, false, Kind::Float) + above(&self.head_bias)
    }
}

impl Network for Cnn {
    fn visit(&self, visit: &mut Visitor<'_>) {
        for (i, unit) in self.units.iter().enumerate() {
            let path = self::unit(i);
            visit(join(&path, "weight"), &unit.weight, Role::Parameter);
            visit(join(&path, "scale"), &unit.scale, Role::Parameter);
            visit(join(&path, "shift"), &unit.shift, Role::Parameter);
            visit(join(&path, "running_mean"), &unit.running_mean, Role::Buffer);
            visit(join(&path, "running_variance"), &unit.running_variance, Role::Buffer);
        }
        visit("head.weight".into(), &self.head_weight, Role::Parameter);
        visit("head.bias".into(), &self.head_bias, Role::Parameter);
    }
}

#[cfg(test)]
mod tests {
    use super::super::cross_entropy;
    use super::*;
    use crate::nets::fixture::Array;
    use approx::assert_relative_eq;
    use std::collections::BTreeMap;

    #[derive(serde::Deserialize)]
    struct Reference {
        channels: i64,
        widths: [i64; UNITS],
        weights: BTreeMap<String, Array>,
        x: Array,
        target: Array,
        weight: Array,
        train_logits: Array,
        loss: f64,
        running: BTreeMap<String, Array>,
        evaluate_logits: Array,
    }

    fn close(ours: &Tensor, theirs: &Tensor, tolerance: f64) {
        let distance = f64::try_from((ours - theirs).abs().max()).unwrap();
        assert!(distance <= tolerance, "{distance} apart");
    }

    #[test]
    fn agrees_with_numpy() {
        let reference: Reference = serde_json::from_str(include_str!("../../../tests/fixtures/cnn.json")).unwrap();
        let config = CnnConfig { channels: reference.channels, widths: reference.widths, classes: 2 };
        let mut cnn = Cnn::new(&config, RunSeed(0), Device::Cpu);
        let weights = reference.weights.iter().map(|(name, array)| (name.clone(), array.tensor())).collect();
        cnn.load(&weights).unwrap();
        let x = reference.x.tensor();
        let logits = cnn.forward(&x, Mode::Train);
        close(&logits, &reference.train_logits.tensor(), 2e-5);
        let second = reference.target.tensor();
        let target = Tensor::stack(&[second.ones_like() - &second, second], 1);
        let loss = cross_entropy(&logits, &target, &reference.weight.tensor());
        assert_relative_eq!(f64::try_from(loss).unwrap(), reference.loss, epsilon = 1e-5);
        let after = cnn.tensors();
        assert_eq!(reference.running.len(), 2 * UNITS);
        for (name, array) in &reference.running {
            close(&after[name], &array.tensor(), 1e-6);
        }
        close(&cnn.forward(&x, Mode::Evaluate), &reference.evaluate_logits.tensor(), 2e-5);
    }

    #[test]
    fn what_stands_beside_is_normalised_by_the_others_and_changes_nothing_for_them() {
        let draw =
            |name: &str, count: i64| Init::new(RunSeed(1), Device::Cpu, name).normal_buffer("x", &[count, 1, 16, 16]);
        let (x, y) = (draw("x", 5), draw("y", 2) + 3.0);
        let [own, other] = [0, 1].map(|_| Cnn::new(&CnnConfig::small(1), RunSeed(3), Device::Cpu));
        let logits = own.forward(&x, Mode::Train);
        let (beside_y, of_y) = other.forward_beside(&x, &y);
        assert!(beside_y.equal(&logits) && of_y.size() == [2, 2]);
        for (name, tensor) in own.tensors() {
            assert!(tensor.equal(&other.tensors()[&name]), "{name}");
        }
        // Beside itself, a batch is as it is alone.
        let (first, second) = own.forward_beside(&x, &x);
        close(&first, &second, 1e-4);
    }

    #[test]
    fn an_activation_map_averages_to_its_class_above_the_others() {
        let cnn = Cnn::new(&CnnConfig::small(2).of_classes(4), RunSeed(3), Device::Cpu);
        assert_eq!(cnn.classes(), 4);
        let x = Init::new(RunSeed(1), Device::Cpu, "x").normal_buffer("x", &[3, 2, 32, 32]);
        let map = cnn.activation(&x, 2);
        assert_eq!(map.size(), [3, 4, 4]);
        let logits = cnn.forward(&x, Mode::Evaluate);
        let others = (logits.sum_dim_intlist(1, false, Kind::Float) - logits.select(1, 2)) / 3.0;
        close(&map.mean_dim([1i64, 2].as_slice(), false, Kind::Float), &(logits.select(1, 2) - others), 1e-5);
    }

    #[test]
    fn of_two_classes_scores_and_maps_are_of_the_difference_of_the_logits() {
        let cnn = Cnn::new(&CnnConfig::small(1), RunSeed(3), Device::Cpu);
        let x = Init::new(RunSeed(1), Device::Cpu, "x").normal_buffer("x", &[2, 1, 16, 16]);
        let logits = cnn.forward(&x, Mode::Evaluate);
        let difference = logits.select(1, 1) - logits.select(1, 0);
        assert_eq!(cnn.scores(&x).select(1, 1), difference);
        close(&cnn.activation(&x, 1).mean_dim([1i64, 2].as_slice(), false, Kind::Float), &difference, 1e-5);
        // A file that says nothing of classes is of two.
        let text = serde_json::to_string(&CnnConfig::small(1)).unwrap();
        assert!(!text.contains("classes"), "{text}");
        assert_eq!(serde_json::from_str::<CnnConfig>(&text).unwrap(), CnnConfig::small(1));
    }

    #[test]
    fn a_network_is_cut_in_two_at_any_layer_and_known_by_its_tensors() {
        let config = CnnConfig::small(2).of_classes(3);
        let cnn = Cnn::new(&config, RunSeed(3), Device::Cpu);
        let x = Init::new(RunSeed(1), Device::Cpu, "x").normal_buffer("x", &[2, 2, 16, 16]);
        let whole = cnn.forward(&x, Mode::Evaluate);
        for layers in 1..=UNITS {
            close(&cnn.logits_of(&cnn.features(&x, layers), layers), &whole, 0.0);
        }
        assert_eq!(cnn.features(&x, 2).size(), [2, 16, 4, 4]);
        let mut tensors = cnn.tensors();
        let layers = cnn.layers();
        assert!(tensors.keys().all(|name| layers.iter().any(|layer| name.starts_with(&format!("{layer}.")))));
        assert_eq!(CnnConfig::of(&tensors), Some(config));
        tensors.insert("unit3.weight".into(), Tensor::zeros([24, 17, 3, 3], (Kind::Float, Device::Cpu)));
        assert_eq!(CnnConfig::of(&tensors), None);
        tensors.remove("unit3.weight");
        assert_eq!(CnnConfig::of(&tensors), None);
    }

    #[test]
    fn first_values_follow_the_seed_and_weights_of_another_size_are_refused() {
        let make = |seed| Cnn::new(&CnnConfig::small(1), RunSeed(seed), Device::Cpu);
        let first = |cnn: &Cnn| f64::try_from(cnn.units[0].weight.abs().sum(Kind::Double)).unwrap();
        assert_eq!(first(&make(1)), first(&make(1)));
        assert_ne!(first(&make(1)), first(&make(2)));
        // 9 x (8 + 128 + 384 + 768 + 1024 + 1024) weights, 2 x 144 scales and shifts, 66 in the head.
        assert_eq!(make(0).parameter_count(), 30_024 + 288 + 66);
        let problem = make(1).load(&Cnn::new(&CnnConfig::paper(1), RunSeed(1), Device::Cpu).tensors()).unwrap_err();
        assert!(problem.to_string().contains("unit1.weight has shape [16, 1, 3, 3], not [8, 1, 3, 3]"), "{problem}");
    }
}
