//! What a DenseNet is made of: normalisation, dense layers, transitions; each for a batch alone or with others beside
//! it.

use tch::{Kind, Tensor};

use super::super::Mode;
use crate::engine::fused;
use crate::nets::network::{Init, Role, Visitor, join};

const MOMENTUM: f64 = 0.1;
const EPSILON: f64 = 1e-5;

/// Channels between a dense layer's two convolutions, in those that it adds.
pub(super) const BOTTLENECK: i64 = 4;

/// Maps \[N, C, H, W\] of a batch, and of others \[M, C, H, W\] beside it that are normalised by its moments.
pub(super) struct Maps {
    pub own: Tensor,
    pub beside: Option<Tensor>,
}

impl Maps {
    pub fn of(own: &Tensor, beside: Option<&Tensor>) -> Self {
        Self { own: own.shallow_clone(), beside: beside.map(Tensor::shallow_clone) }
    }

    /// The same done to both.
    pub fn map(&self, each: impl Fn(&Tensor) -> Tensor) -> Self {
        Self { own: each(&self.own), beside: self.beside.as_ref().map(each) }
    }

    /// These channels, then the other's.
    fn and(&self, more: &Self) -> Self {
        let both = |one: &Tensor, other: &Tensor| Tensor::cat(&[one, other], 1);
        let beside = self.beside.as_ref().zip(more.beside.as_ref());
        Self { own: both(&self.own, &more.own), beside: beside.map(|(one, other)| both(one, other)) }
    }
}

/// Batch normalisation with the ReLU behind it.
#[derive(Debug)]
pub(super) struct Norm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_variance: Tensor,
}

impl Norm {
    /// Scale 1, shift 0.
    pub fn new(init: &Init, channels: i64) -> Self {
        Self {
            weight: init.constant("weight", &[channels], 1.0),
            bias: init.constant("bias", &[channels], 0.0),
            running_mean: init.zero_buffer(&[channels]),
            running_variance: init.zero_buffer(&[channels]) + 1.0,
        }
    }

    pub fn forward(&self, maps: &Maps, mode: Mode) -> Maps {
        let beside = maps.beside.as_ref().map(|beside| self.by_moments_of(&maps.own, beside).relu());
        Maps { own: self.normalised(&maps.own, mode).relu(), beside }
    }

    fn normalised(&self, x: &Tensor, mode: Mode) -> Tensor {
        x.batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.running_mean),
            Some(&self.running_variance),
            mode == Mode::Train,
            MOMENTUM,
            EPSILON,
            true,
        )
    }

    fn by_moments_of(&self, x: &Tensor, beside: &Tensor) -> Tensor {
        let positions = [0i64, 2, 3].as_slice();
        let deviation = (x.var_dim(positions, false, true) + EPSILON).sqrt();
        let normal = (beside - x.mean_dim(positions, true, Kind::Float)) / deviation;
        normal * self.weight.view([1, -1, 1, 1]) + self.bias.view([1, -1, 1, 1])
    }

    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "weight"), &self.weight, Role::Parameter);
        visit(join(path, "bias"), &self.bias, Role::Parameter);
        visit(join(path, "running_mean"), &self.running_mean, Role::Buffer);
        visit(join(path, "running_var"), &self.running_variance, Role::Buffer);
    }
}

/// He et al. (2015) for a convolution, which needs no bias before a normalisation; \[O, I, k, k\].
pub(super) fn kernel(init: &Init, [outputs, inputs, size]: [i64; 3]) -> Tensor {
    init.normal("weight", &[outputs, inputs, size, size], (2.0 / (inputs * size * size) as f64).sqrt())
}

/// Two convolutions, whose maps are laid beside those that they were made of.
#[derive(Debug)]
pub(super) struct DenseLayer {
    norm1: Norm,
    conv1: Tensor, // [4 growth, I, 1, 1]
    norm2: Norm,
    conv2: Tensor, // [growth, 4 growth, 3, 3]
}

impl DenseLayer {
    pub fn new(init: &Init, inputs: i64, growth: i64) -> Self {
        let inner = BOTTLENECK * growth;
        Self {
            norm1: Norm::new(&init.sub("norm1"), inputs),
            conv1: kernel(&init.sub("conv1"), [inner, inputs, 1]),
            norm2: Norm::new(&init.sub("norm2"), inner),
            conv2: kernel(&init.sub("conv2"), [growth, inner, 3]),
        }
    }

    /// \[N, I, H, W\] -> \[N, I + growth, H, W\].
    pub fn forward(&self, maps: &Maps, mode: Mode) -> Maps {
        let inner = self.norm1.forward(maps, mode).map(|x| fused::convolution(x, &self.conv1, 1.0, 1, 0));
        let made = self.norm2.forward(&inner, mode).map(|x| fused::convolution(x, &self.conv2, 1.0, 1, 1));
        maps.and(&made)
    }

    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        self.norm1.visit(&join(path, "norm1"), visit);
        visit(join(path, "conv1.weight"), &self.conv1, Role::Parameter);
        self.norm2.visit(&join(path, "norm2"), visit);
        visit(join(path, "conv2.weight"), &self.conv2, Role::Parameter);
    }
}

/// Half the channels, then half the height and width.
#[derive(Debug)]
pub(super) struct Transition {
    norm: Norm,
    conv: Tensor, // [I / 2, I, 1, 1]
}

impl Transition {
    pub fn new(init: &Init, inputs: i64) -> Self {
        Self { norm: Norm::new(&init.sub("norm"), inputs), conv: kernel(&init.sub("conv"), [inputs / 2, inputs, 1]) }
    }

    /// \[N, I, H, W\] -> \[N, I / 2, H / 2, W / 2\].
    pub fn forward(&self, maps: &Maps, mode: Mode) -> Maps {
        let halved = |x: &Tensor| {
            fused::convolution(x, &self.conv, 1.0, 1, 0).avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None)
        };
        self.norm.forward(maps, mode).map(halved)
    }

    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        self.norm.visit(&join(path, "norm"), visit);
        visit(join(path, "conv.weight"), &self.conv, Role::Parameter);
    }
}
