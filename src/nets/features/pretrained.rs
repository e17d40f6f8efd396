//! A user's feature net: the weights of a known one, computed with by this program's own code.
//!
//! Images come in the network's range -1..1; one channel is shown as three equal ones, any other number than three as
//! that many grey images, features side by side. VGG16, AlexNet and SqueezeNet see them as LPIPS does, shifted and
//! scaled as torchvision's ImageNet weights expect (Zhang et al. 2018 and the package `lpips`, `ScalingLayer`): mean
//! .485, .456, .406 and deviation .229, .224, .225 of images in 0..1. Inception sees them in -1..1, as the Frechet
//! inception distance does.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::inception::Inception;
use super::recognise::{Architecture, Recognised};
use super::stacks::{ALEXNET, SQUEEZENET, Stack, VGG16};
use super::{FeatureNet, Places, at_most_largest_side, unit_normalised};
use crate::nets::network::Named;
use crate::problem::{Kind as ProblemKind, Problem, Result};

/// Of images in 0..1.
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f64; 3] = [0.229, 0.224, 0.225];

/// A net with weights.
pub struct Pretrained {
    architecture: Architecture,
    net: Net,
    /// Root of the LPIPS weights \[1, 1, C\] of each compared layer; empty without them.
    heads: Vec<Tensor>,
    shift: Tensor,
    scale: Tensor,
    name: String,
}

enum Net {
    Stack(Stack),
    Inception(Inception),
}

impl Pretrained {
    /// The net of `recognised` with the tensors that it names, by the file's names; `file` is for the net's name.
    ///
    /// # Errors
    /// LPIPS weights below zero, or a file that says that its images are shifted and scaled otherwise.
    pub fn new(recognised: &Recognised, tensors: &Named, file: &Path, device: Device) -> Result<Self> {
        let Recognised { net, names, heads, range } = recognised;
        range.iter().try_for_each(|name| check_range(name, &tensors[name]))?;
        let own: Named =
            names.iter().filter_map(|(own, name)| Some((own.clone(), tensors.get(name)?.shallow_clone()))).collect();
        let heads_of = |name: &String| {
            let weights = &tensors[name];
            if weights.lt(0.0).any().int64_value(&[]) != 0 {
                return Err(Problem::new(ProblemKind::Input, format!("{name} holds weights below zero"))
                    .expected("LPIPS weights, none of which is below zero"));
            }
            Ok(weights.sqrt().reshape([1, 1, -1]).to_device(device))
        };
        let heads: Vec<Tensor> = heads.iter().map(heads_of).collect::<Result<_>>()?;
        let stack = |layers| Net::Stack(Stack::new(layers, &own, device));
        let built = match net {
            Architecture::Vgg16 => stack(VGG16.as_slice()),
            Architecture::AlexNet => stack(ALEXNET.as_slice()),
            Architecture::SqueezeNet => stack(SQUEEZENET.as_slice()),
            Architecture::InceptionV3 | Architecture::FidInception => {
                Net::Inception(Inception::new(*net, &own, device))
            }
        };
        let weighted = match (&built, heads.is_empty()) {
            (Net::Inception(_), _) => "",
            (Net::Stack(_), true) => " without LPIPS weights",
            (Net::Stack(_), false) => " with LPIPS weights",
        };
        let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let constant =
            |values: [f64; 3]| Tensor::from_slice(&values).to_kind(Kind::Float).reshape([1, 3, 1, 1]).to_device(device);
        Ok(Self {
            architecture: *net,
            net: built,
            heads,
            // From images in -1..1 instead of 0..1.
            shift: constant(MEAN.map(|mean| 2.0 * mean - 1.0)),
            scale: constant(DEVIATION.map(|deviation| 2.0 * deviation)),
            name: format!("features of {}{weighted} ({})", net.title(), crate::name::shown(&file)),
        })
    }

    /// Which net it is.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// Whether it weighs its layers, as LPIPS does.
    pub fn weighs_layers(&self) -> bool {
        !self.heads.is_empty()
    }

    /// One vector an image, \[N, F\], for distances between sets: Inception's features, of the other nets the mean over
    /// positions of each compared output. Channels as in [`FeatureNet::features`]; without gradient.
    pub fn pooled(&self, images: &Tensor) -> Tensor {
        tch::no_grad(|| {
            let (n, colour) = (images.size()[0], self.colour(images));
            let features = match &self.net {
                Net::Inception(net) => net.features(&colour),
                Net::Stack(net) => {
                    let outputs = net.outputs(&((colour - &self.shift) / &self.scale));
                    let mean = |x: &Tensor| x.mean_dim([2i64, 3].as_slice(), false, None);
                    Tensor::cat(&outputs.iter().map(mean).collect::<Vec<_>>(), 1)
                }
            };
            features.reshape([n, -1])
        })
    }

    /// Images \[N, C, H, W\] as the net takes them: \[N, 3, H, W\], or \[N C, 3, H, W\] where C is not 3.
    fn colour(&self, images: &Tensor) -> Tensor {
        let size = images.size();
        let (n, channels) = (size[0], size[1]);
        let images = match &self.net {
            Net::Stack(_) => at_most_largest_side(images),
            Net::Inception(_) => images.shallow_clone(),
        };
        let (height, width) = (images.size()[2], images.size()[3]);
        match channels {
            3 => images,
            _ => images.reshape([n * channels, 1, height, width]).expand([n * channels, 3, height, width], false),
        }
    }
}

impl FeatureNet for Pretrained {
    fn name(&self) -> &str {
        &self.name
    }

    fn features(&self, images: &Tensor) -> Result<Tensor> {
        let n = images.size()[0];
        let colour = self.colour(images);
        let features = match &self.net {
            Net::Inception(net) => net.features(&colour),
            Net::Stack(net) => {
                let outputs = net.outputs(&((colour - &self.shift) / &self.scale));
                if self.heads.is_empty() {
                    unit_normalised(&outputs)
                } else {
                    let weighted = outputs.iter().zip(&self.heads).map(|(output, head)| {
                        let unit = unit_normalised(std::slice::from_ref(output));
                        (unit.reshape([unit.size()[0], -1, head.size()[2]]) * head).flatten(1, -1)
                    });
                    Tensor::cat(&weighted.collect::<Vec<_>>(), 1)
                }
            }
        };
        Ok(features.reshape([n, -1]))
    }

    fn places(&self, images: &Tensor) -> Result<Vec<Places>> {
        let Net::Stack(net) = &self.net else {
            return Ok(vec![Places::nowhere(self.features(images)?.size()[1])]);
        };
        let first = images.narrow(0, 0, 1);
        let colour = self.colour(&first);
        let layers: Vec<Places> =
            net.outputs(&((&colour - &self.shift) / &self.scale)).iter().map(Places::beside).collect();
        // An image of other than three channels is that many grey ones, one after the other.
        Ok(layers.repeat(colour.size()[0] as usize))
    }
}

/// What a file says its images are shifted or scaled by must be what they are: for images in 0..1, 0..255 or -1..1.
fn check_range(name: &str, values: &Tensor) -> Result<()> {
    let found = Vec::<f64>::try_from(values.to_kind(Kind::Double).reshape([-1]))?;
    let known = [
        MEAN,
        DEVIATION,
        MEAN.map(|mean| 255.0 * mean),
        DEVIATION.map(|deviation| 255.0 * deviation),
        MEAN.map(|mean| 2.0 * mean - 1.0),
        DEVIATION.map(|deviation| 2.0 * deviation),
    ];
    // The package lpips rounds to three digits.
    let near = |known: &[f64; 3]| known.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-3 * a.abs().max(1.0));
    if known.iter().any(near) {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::Input, format!("a net whose {name} is {found:?}"))
        .expected("weights for images as torchvision normalises them (ImageNet's mean and deviation)"))
}
