//! VGG16, AlexNet and SqueezeNet 1.1 as torchvision builds them (`torchvision.models`), up to their last convolution:
//! layers one after the other, some of whose outputs are what LPIPS compares (Zhang et al. 2018; the package `lpips`).

use tch::{Device, Tensor};

use crate::nets::network::Named;

/// A layer of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// torchvision's number; inputs, outputs, kernel, stride, padding; ReLU behind it.
    Convolution(u32, [i64; 5]),
    /// torchvision's number; inputs, squeezed, outputs of each of the two kernels; ReLU behind each.
    Fire(u32, [i64; 3]),
    /// The maximum over squares of such a side, every two pixels; an incomplete last square counts where the flag is
    /// set.
    Pool(i64, bool),
    /// The output up to here is compared.
    Compared,
}

use Layer::{Compared, Convolution, Fire, Pool};

/// Configuration D; compared after the last ReLU in front of each pooling.
pub const VGG16: [Layer; 22] = [
    Convolution(0, [3, 64, 3, 1, 1]),
    Convolution(2, [64, 64, 3, 1, 1]),
    Compared,
    Pool(2, false),
    Convolution(5, [64, 128, 3, 1, 1]),
    Convolution(7, [128, 128, 3, 1, 1]),
    Compared,
    Pool(2, false),
    Convolution(10, [128, 256, 3, 1, 1]),
    Convolution(12, [256, 256, 3, 1, 1]),
    Convolution(14, [256, 256, 3, 1, 1]),
    Compared,
    Pool(2, false),
    Convolution(17, [256, 512, 3, 1, 1]),
    Convolution(19, [512, 512, 3, 1, 1]),
    Convolution(21, [512, 512, 3, 1, 1]),
    Compared,
    Pool(2, false),
    Convolution(24, [512, 512, 3, 1, 1]),
    Convolution(26, [512, 512, 3, 1, 1]),
    Convolution(28, [512, 512, 3, 1, 1]),
    Compared,
];

/// Compared after each convolution.
pub const ALEXNET: [Layer; 12] = [
    Convolution(0, [3, 64, 11, 4, 2]),
    Compared,
    Pool(3, false),
    Convolution(3, [64, 192, 5, 1, 2]),
    Compared,
    Pool(3, false),
    Convolution(6, [192, 384, 3, 1, 1]),
    Compared,
    Convolution(8, [384, 256, 3, 1, 1]),
    Compared,
    Convolution(10, [256, 256, 3, 1, 1]),
    Compared,
];

/// Compared after the first convolution and after those fires that LPIPS takes.
pub const SQUEEZENET: [Layer; 19] = [
    Convolution(0, [3, 64, 3, 2, 0]),
    Compared,
    Pool(3, true),
    Fire(3, [64, 16, 64]),
    Fire(4, [128, 16, 64]),
    Compared,
    Pool(3, true),
    Fire(6, [128, 32, 128]),
    Fire(7, [256, 32, 128]),
    Compared,
    Pool(3, true),
    Fire(9, [256, 48, 192]),
    Compared,
    Fire(10, [384, 48, 192]),
    Compared,
    Fire(11, [384, 64, 256]),
    Compared,
    Fire(12, [512, 64, 256]),
    Compared,
];

/// Names and shapes of a stack's tensors: kernel and bias of each convolution, in order.
pub fn tensors(stack: &[Layer]) -> Vec<(String, Vec<i64>)> {
    let pair = |path: String, outputs: i64, inputs: i64, kernel: i64| {
        [(format!("{path}.weight"), vec![outputs, inputs, kernel, kernel]), (format!("{path}.bias"), vec![outputs])]
    };
    let of = |layer: &Layer| match *layer {
        Convolution(at, [inputs, outputs, kernel, _, _]) => {
            pair(format!("features.{at}"), outputs, inputs, kernel).to_vec()
        }
        Fire(at, [inputs, squeezed, outputs]) => [
            pair(format!("features.{at}.squeeze"), squeezed, inputs, 1),
            pair(format!("features.{at}.expand1x1"), outputs, squeezed, 1),
            pair(format!("features.{at}.expand3x3"), outputs, squeezed, 3),
        ]
        .concat(),
        Pool(..) | Compared => vec![],
    };
    stack.iter().flat_map(of).collect()
}

/// A stack with weights.
pub struct Stack {
    layers: &'static [Layer],
    /// Kernel and bias of each convolution, in order.
    weights: Vec<[Tensor; 2]>,
}

impl Stack {
    /// Takes the tensors that [`tensors`] names.
    pub fn new(layers: &'static [Layer], tensors: &Named, device: Device) -> Self {
        let names = self::tensors(layers);
        let tensor = |name: &str| tensors[name].to_device(device);
        let weights = names.chunks(2).map(|pair| [tensor(&pair[0].0), tensor(&pair[1].0)]).collect();
        Self { layers, weights }
    }

    /// Compared outputs \[N, C, H, W\] of normalised images \[N, 3, H, W\]; where an image is too small for a layer,
    /// those up to it.
    pub fn outputs(&self, images: &Tensor) -> Vec<Tensor> {
        let mut weights = self.weights.iter();
        let mut next = |x: &Tensor, stride: i64, padding: i64| {
            let [kernel, bias] = weights.next().expect("a pair for each convolution");
            x.conv2d(kernel, Some(bias), [stride, stride], [padding, padding], [1, 1], 1).relu()
        };
        let mut x = images.shallow_clone();
        let mut outputs = Vec::new();
        for layer in self.layers {
            let side = x.size()[2].min(x.size()[3]);
            x = match *layer {
                Convolution(_, [_, _, kernel, _, padding]) if side + 2 * padding < kernel => break,
                Convolution(_, [_, _, _, stride, padding]) => next(&x, stride, padding),
                Fire(..) => {
                    let squeezed = next(&x, 1, 0);
                    Tensor::cat(&[next(&squeezed, 1, 0), next(&squeezed, 1, 1)], 1)
                }
                Pool(kernel, _) if side < kernel => break,
                Pool(kernel, last) => x.max_pool2d([kernel, kernel], [2, 2], [0, 0], [1, 1], last),
                Compared => {
                    outputs.push(x.shallow_clone());
                    continue;
                }
            };
        }
        outputs
    }
}
