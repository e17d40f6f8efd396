//! Offsets of a styled convolution's kernels, a set of their own for each image: W' = W (1 + delta), with one delta for
//! each pair of channels, before modulation and demodulation (Alaluf et al. 2022, HyperStyle, section 3.2).
//!
//! Only what depends on both channels adds power: the demodulation cancels a delta of the output channel alone, and one
//! of the input channel alone is a change of style.

use tch::{Kind, Tensor};

use super::resample::Resampling;
use crate::engine::fused;

/// Offsets of one layer with O outputs and I inputs, for N images.
#[derive(Debug)]
pub enum Offset {
    /// delta \[N, O, I\].
    Dense(Tensor),
    /// delta = `outputs` x `inputs`, so that all images go through the layer's one kernel together.
    LowRank {
        /// \[N, O, r\].
        outputs: Tensor,
        /// \[N, r, I\].
        inputs: Tensor,
    },
}

impl Offset {
    /// delta \[N, O, I\].
    pub fn dense(&self) -> Tensor {
        match self {
            Self::Dense(delta) => delta.shallow_clone(),
            Self::LowRank { outputs, inputs } => outputs.matmul(inputs),
        }
    }

    /// The sum of two; of low ranks the ranks add up.
    pub fn plus(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::LowRank { outputs, inputs }, Self::LowRank { outputs: more_outputs, inputs: more_inputs }) => {
                Self::LowRank {
                    outputs: Tensor::cat(&[outputs, more_outputs], 2),
                    inputs: Tensor::cat(&[inputs, more_inputs], 1),
                }
            }
            _ => Self::Dense(self.dense() + other.dense()),
        }
    }

    /// Those of some of the images, \[M\] int64.
    pub fn of(&self, images: &Tensor) -> Self {
        self.map(|tensor| tensor.index_select(0, images))
    }

    /// Those of several lists of images, one behind the other; all alike dense, or of one rank.
    pub fn of_all<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let (mut dense, mut outputs_of, mut inputs_of) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            match part {
                Self::Dense(delta) => dense.push(delta),
                Self::LowRank { outputs, inputs } => {
                    outputs_of.push(outputs);
                    inputs_of.push(inputs);
                }
            }
        }
        match dense.as_slice() {
            [] => Self::LowRank { outputs: Tensor::cat(&outputs_of, 0), inputs: Tensor::cat(&inputs_of, 0) },
            dense => Self::Dense(Tensor::cat(dense, 0)),
        }
    }

    /// The same without its history.
    pub fn detach(&self) -> Self {
        self.map(Tensor::detach)
    }

    fn map(&self, change: impl Fn(&Tensor) -> Tensor) -> Self {
        match self {
            Self::Dense(delta) => Self::Dense(change(delta)),
            Self::LowRank { outputs, inputs } => Self::LowRank { outputs: change(outputs), inputs: change(inputs) },
        }
    }

    /// What the offsets add to the sum over inputs and taps of (weight style)^2: \[N, O\] from that of weights alone
    /// \[O, I\] and the squared styles \[N, I\]. Exactly 0 where delta is.
    pub(super) fn energy(&self, weights: &Tensor, squares: &Tensor) -> Tensor {
        let delta = self.dense();
        // (1 + delta)^2 - 1.
        let more = &delta * (&delta + 2.0) * weights.unsqueeze(0);
        more.matmul(&squares.unsqueeze(2)).squeeze_dim(2)
    }

    /// What the offsets add to the convolution: of x \[N, I, H, W\], scaled by its styles, with weight \[O, I, 3, 3\]
    /// times delta. `convolve` is the layer's convolution with its one kernel, `layer` how it goes.
    pub(super) fn convolved(&self, x: &Tensor, layer: Layer<'_>, convolve: impl Fn(&Tensor) -> Tensor) -> Tensor {
        match self {
            Self::Dense(delta) => grouped(x, delta, layer),
            Self::LowRank { outputs, inputs } => {
                let part = |rank: i64| {
                    let y = convolve(&fused::scale_channels(x, &inputs.select(1, rank)));
                    fused::scale_channels(&y, &outputs.select(2, rank))
                };
                (1..inputs.size()[1]).fold(part(0), |sum, rank| sum + part(rank))
            }
        }
    }
}

/// The convolution that offsets are of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layer<'a> {
    /// \[O, I, 3, 3\].
    pub weight: &'a Tensor,
    /// Factor on it.
    pub gain: f64,
    /// How the output's side comes to be twice the input's; `None` keeps it.
    pub double: Option<Resampling>,
}

/// A kernel of its own for each image: the images lie side by side as groups of channels.
fn grouped(x: &Tensor, delta: &Tensor, Layer { weight, gain, double }: Layer<'_>) -> Tensor {
    let (count, inputs, height, width) = x.size4().expect("offsets for each pair of channels are of images");
    let outputs = delta.size()[1];
    let gain = gain * double.map_or(1.0, |resampling| resampling.gain_up(x));
    let kernels = weight.unsqueeze(0) * (delta * gain).unsqueeze(3).unsqueeze(4);
    let x_beside = x.contiguous().view([1, count * inputs, height, width]);
    let kernels = kernels.to_kind(x.kind());
    let none = None::<Tensor>;
    if let Some(resampling) = double {
        let kernels = kernels.transpose(1, 2).reshape([count * inputs, outputs, 3, 3]);
        let y = x_beside.conv_transpose2d(&kernels, none, [2, 2], [0, 0], [0, 0], count, [1, 1]);
        let y = y.view([count, outputs, 2 * height + 1, 2 * width + 1]);
        resampling.cut(&y)
    } else {
        let y = x_beside.conv2d(&kernels.reshape([count * outputs, inputs, 3, 3]), none, [1, 1], [1, 1], [1, 1], count);
        y.view([count, outputs, height, width])
    }
}

/// Bytes of all offsets of one image, as float32.
pub fn bytes_of_an_image(offsets: &[Offset]) -> u64 {
    let values = |tensor: &Tensor| tensor.numel() as u64 / tensor.size()[0].max(1) as u64;
    let of = |offset: &Offset| match offset {
        Offset::Dense(delta) => values(delta),
        Offset::LowRank { outputs, inputs } => values(outputs) + values(inputs),
    };
    offsets.iter().map(of).sum::<u64>() * Kind::Float.elt_size_in_bytes() as u64
}
