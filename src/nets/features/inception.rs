//! Inception v3 as torchvision builds it (Szegedy et al. 2016), up to its last pooling: 2048 features an image, from
//! which the Frechet inception distance is computed (Heusel et al. 2017).
//!
//! The network of that distance is the one that TensorFlow published in 2015; its weights circulate under torchvision's
//! names. It differs in three things: it knows 1008 classes, its averages leave the border out, and its last block
//! takes a maximum where torchvision's takes a mean.

use tch::{Device, Kind, Tensor};

use super::recognise::Architecture;
use crate::nets::network::Named;

/// Added to the variances (torchvision's `BasicConv2d`).
const EPSILON: f64 = 1e-3;

/// Images are brought to this side.
const SIDE: i64 = 299;

/// Name; inputs, outputs, kernel's height and width.
type Convolution = (String, [i64; 4]);

/// Widths that differ between the blocks of a kind.
const BLOCKS: [(&str, i64, i64); 7] = [
    ("Mixed_5b", 192, 32),
    ("Mixed_5c", 256, 64),
    ("Mixed_5d", 288, 64),
    ("Mixed_6b", 768, 128),
    ("Mixed_6c", 768, 160),
    ("Mixed_6d", 768, 160),
    ("Mixed_6e", 768, 192),
];

/// Every convolution, in torchvision's order.
fn convolutions() -> Vec<Convolution> {
    let mut all: Vec<Convolution> = Vec::new();
    let mut add = |block: &str, list: &[(&str, [i64; 4])]| {
        all.extend(list.iter().map(|(name, shape)| {
            let dot = if block.is_empty() { "" } else { "." };
            (format!("{block}{dot}{name}"), *shape)
        }));
    };
    add(
        "",
        &[
            ("Conv2d_1a_3x3", [3, 32, 3, 3]),
            ("Conv2d_2a_3x3", [32, 32, 3, 3]),
            ("Conv2d_2b_3x3", [32, 64, 3, 3]),
            ("Conv2d_3b_1x1", [64, 80, 1, 1]),
            ("Conv2d_4a_3x3", [80, 192, 3, 3]),
        ],
    );
    for (block, inputs, pooled) in &BLOCKS[..3] {
        add(
            block,
            &[
                ("branch1x1", [*inputs, 64, 1, 1]),
                ("branch5x5_1", [*inputs, 48, 1, 1]),
                ("branch5x5_2", [48, 64, 5, 5]),
                ("branch3x3dbl_1", [*inputs, 64, 1, 1]),
                ("branch3x3dbl_2", [64, 96, 3, 3]),
                ("branch3x3dbl_3", [96, 96, 3, 3]),
                ("branch_pool", [*inputs, *pooled, 1, 1]),
            ],
        );
    }
    add(
        "Mixed_6a",
        &[
            ("branch3x3", [288, 384, 3, 3]),
            ("branch3x3dbl_1", [288, 64, 1, 1]),
            ("branch3x3dbl_2", [64, 96, 3, 3]),
            ("branch3x3dbl_3", [96, 96, 3, 3]),
        ],
    );
    for (block, inputs, width) in &BLOCKS[3..] {
        add(
            block,
            &[
                ("branch1x1", [*inputs, 192, 1, 1]),
                ("branch7x7_1", [*inputs, *width, 1, 1]),
                ("branch7x7_2", [*width, *width, 1, 7]),
                ("branch7x7_3", [*width, 192, 7, 1]),
                ("branch7x7dbl_1", [*inputs, *width, 1, 1]),
                ("branch7x7dbl_2", [*width, *width, 7, 1]),
                ("branch7x7dbl_3", [*width, *width, 1, 7]),
                ("branch7x7dbl_4", [*width, *width, 7, 1]),
                ("branch7x7dbl_5", [*width, 192, 1, 7]),
                ("branch_pool", [*inputs, 192, 1, 1]),
            ],
        );
    }
    add(
        "Mixed_7a",
        &[
            ("branch3x3_1", [768, 192, 1, 1]),
            ("branch3x3_2", [192, 320, 3, 3]),
            ("branch7x7x3_1", [768, 192, 1, 1]),
            ("branch7x7x3_2", [192, 192, 1, 7]),
            ("branch7x7x3_3", [192, 192, 7, 1]),
            ("branch7x7x3_4", [192, 192, 3, 3]),
        ],
    );
    for (block, inputs) in [("Mixed_7b", 1280), ("Mixed_7c", 2048)] {
        add(
            block,
            &[
                ("branch1x1", [inputs, 320, 1, 1]),
                ("branch3x3_1", [inputs, 384, 1, 1]),
                ("branch3x3_2a", [384, 384, 1, 3]),
                ("branch3x3_2b", [384, 384, 3, 1]),
                ("branch3x3dbl_1", [inputs, 448, 1, 1]),
                ("branch3x3dbl_2", [448, 384, 3, 3]),
                ("branch3x3dbl_3a", [384, 384, 1, 3]),
                ("branch3x3dbl_3b", [384, 384, 3, 1]),
                ("branch_pool", [inputs, 192, 1, 1]),
            ],
        );
    }
    all
}

/// Names and shapes of the tensors; the last, which the features do not need, tells the two networks apart by its
/// number of `classes`.
pub fn tensors(classes: i64) -> Vec<(String, Vec<i64>)> {
    let of = |(name, [inputs, outputs, height, width]): Convolution| {
        let of_bn = ["weight", "bias", "running_mean", "running_var"];
        let bn = of_bn.map(|part| (format!("{name}.bn.{part}"), vec![outputs]));
        std::iter::once((format!("{name}.conv.weight"), vec![outputs, inputs, height, width])).chain(bn)
    };
    convolutions().into_iter().flat_map(of).chain([("fc.weight".to_owned(), vec![classes, 2048])]).collect()
}

/// The network with weights; batch normalisation is part of the kernels.
pub struct Inception {
    /// Kernel and bias by the convolution's name.
    weights: std::collections::BTreeMap<String, [Tensor; 2]>,
    of_fid: bool,
}

impl Inception {
    /// Takes the tensors that [`tensors`] names.
    pub fn new(net: Architecture, tensors: &Named, device: Device) -> Self {
        let folded = |(name, _): Convolution| {
            let of = |part: &str| tensors[&format!("{name}.{part}")].to_device(device).to_kind(Kind::Double);
            let scale = of("bn.weight") / (of("bn.running_var") + EPSILON).sqrt();
            let kernel = of("conv.weight") * scale.reshape([-1, 1, 1, 1]);
            let bias = of("bn.bias") - of("bn.running_mean") * scale;
            (name, [kernel.to_kind(Kind::Float), bias.to_kind(Kind::Float)])
        };
        let weights = convolutions().into_iter().map(folded).collect();
        Self { weights, of_fid: net == Architecture::FidInception }
    }

    /// Features \[N, 2048\] of images \[N, 3, H, W\] in -1..1, which are brought to 299 x 299 pixels (bilinear, corners
    /// not aligned, as the PyTorch form of the FID does it).
    pub fn features(&self, images: &Tensor) -> Tensor {
        let x = images.upsample_bilinear2d([SIDE, SIDE], false, None, None);
        let x = self.convolve("Conv2d_1a_3x3", &x, 2, 0);
        let x = self.convolve("Conv2d_2a_3x3", &x, 1, 0);
        let x = self.convolve("Conv2d_2b_3x3", &x, 1, 1);
        let x = self.convolve("Conv2d_3b_1x1", &largest(&x), 1, 0);
        let x = self.convolve("Conv2d_4a_3x3", &x, 1, 0);
        let x = BLOCKS[..3].iter().fold(largest(&x), |x, (block, ..)| self.block_5(block, &x));
        let x = self.block_6a(&x);
        let x = BLOCKS[3..].iter().fold(x, |x, (block, ..)| self.block_6(block, &x));
        let x = self.block_7("Mixed_7b", &self.block_7a(&x));
        self.block_7("Mixed_7c", &x).mean_dim([2i64, 3].as_slice(), false, None)
    }

    /// Convolution, bias, ReLU; every kernel but the first ones of a half size is padded by half its sides.
    fn convolve(&self, name: &str, x: &Tensor, stride: i64, padded: i64) -> Tensor {
        let [kernel, bias] = &self.weights[name];
        let size = kernel.size();
        let padding = [size[2] / 2 * padded, size[3] / 2 * padded];
        x.conv2d(kernel, Some(bias), [stride, stride], padding, [1, 1], 1).relu()
    }

    /// Convolutions of `block` one after the other, all of them padded.
    fn chain(&self, block: &str, names: &[&str], x: &Tensor) -> Tensor {
        names.iter().fold(x.shallow_clone(), |x, name| self.convolve(&format!("{block}.{name}"), &x, 1, 1))
    }

    fn block_5(&self, block: &str, x: &Tensor) -> Tensor {
        let chain = |names: &[&str], x: &Tensor| self.chain(block, names, x);
        Tensor::cat(
            &[
                chain(&["branch1x1"], x),
                chain(&["branch5x5_1", "branch5x5_2"], x),
                chain(&["branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"], x),
                chain(&["branch_pool"], &self.average(x)),
            ],
            1,
        )
    }

    fn block_6a(&self, x: &Tensor) -> Tensor {
        let double = self.chain("Mixed_6a", &["branch3x3dbl_1", "branch3x3dbl_2"], x);
        Tensor::cat(
            &[
                self.convolve("Mixed_6a.branch3x3", x, 2, 0),
                self.convolve("Mixed_6a.branch3x3dbl_3", &double, 2, 0),
                largest(x),
            ],
            1,
        )
    }

    fn block_6(&self, block: &str, x: &Tensor) -> Tensor {
        let chain = |names: &[&str], x: &Tensor| self.chain(block, names, x);
        let double =
            ["branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"].as_slice();
        Tensor::cat(
            &[
                chain(&["branch1x1"], x),
                chain(&["branch7x7_1", "branch7x7_2", "branch7x7_3"], x),
                chain(double, x),
                chain(&["branch_pool"], &self.average(x)),
            ],
            1,
        )
    }

    fn block_7a(&self, x: &Tensor) -> Tensor {
        let narrow = self.chain("Mixed_7a", &["branch3x3_1"], x);
        let wide = self.chain("Mixed_7a", &["branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3"], x);
        Tensor::cat(
            &[
                self.convolve("Mixed_7a.branch3x3_2", &narrow, 2, 0),
                self.convolve("Mixed_7a.branch7x7x3_4", &wide, 2, 0),
                largest(x),
            ],
            1,
        )
    }

    fn block_7(&self, block: &str, x: &Tensor) -> Tensor {
        let chain = |names: &[&str], x: &Tensor| self.chain(block, names, x);
        let single = chain(&["branch3x3_1"], x);
        let double = chain(&["branch3x3dbl_1", "branch3x3dbl_2"], x);
        let pooled = if self.of_fid && block == "Mixed_7c" {
            x.max_pool2d([3, 3], [1, 1], [1, 1], [1, 1], false)
        } else {
            self.average(x)
        };
        Tensor::cat(
            &[
                chain(&["branch1x1"], x),
                chain(&["branch3x3_2a"], &single),
                chain(&["branch3x3_2b"], &single),
                chain(&["branch3x3dbl_3a"], &double),
                chain(&["branch3x3dbl_3b"], &double),
                chain(&["branch_pool"], &pooled),
            ],
            1,
        )
    }

    /// The mean over 3 x 3 pixels around each; beyond the border lie zeros, or nothing.
    fn average(&self, x: &Tensor) -> Tensor {
        x.avg_pool2d([3, 3], [1, 1], [1, 1], false, !self.of_fid, None)
    }
}

/// The maximum over 3 x 3 pixels, every two pixels.
fn largest(x: &Tensor) -> Tensor {
    x.max_pool2d([3, 3], [2, 2], [0, 0], [1, 1], false)
}
