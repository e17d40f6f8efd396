//! A user's perceptual net as a TorchScript file, e.g. VGG16 with LPIPS weighting.
//!
//! Convention of the file: `forward(img, resize_images, return_lpips)` with images 0..255 \[N, 3, H, W\] gives features
//! whose squared distance, summed, is the perceptual distance.

use std::path::{Path, PathBuf};

use tch::{CModule, Device, IValue, Tensor};

use super::signature::{Argument, forward_arguments};
use super::{FeatureNet, at_most_largest_side};
use crate::problem::{Problem, Result};

/// A net read from a file.
pub struct TorchScriptFeatures {
    module: CModule,
    /// Values of the arguments after the image, by position.
    rest: Vec<bool>,
    path: PathBuf,
    name: String,
}

impl TorchScriptFeatures {
    /// Loads the file and checks its calling convention.
    ///
    /// # Errors
    /// Not a TorchScript file, or a `forward` that has no `return_lpips` or takes more than flags.
    pub fn load(path: &Path, device: Device) -> Result<Self> {
        let rest = flags(path, &forward_arguments(path)?)?;
        let unreadable =
            |e: tch::TchError| Problem::input(path, "libtorch cannot read this TorchScript file").because(e);
        let mut module = CModule::load_on_device(path, device).map_err(unreadable)?;
        module.f_set_eval().map_err(unreadable)?;
        for (_, parameter) in module.named_parameters().map_err(unreadable)? {
            let _ = parameter.set_requires_grad(false);
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self { module, rest, path: path.to_owned(), name: format!("TorchScript features of {file}") })
    }
}

/// `resize_images` off, `return_lpips` on, every other flag at its default.
fn flags(path: &Path, arguments: &[Argument]) -> Result<Vec<bool>> {
    let wrong = |found: String| {
        Problem::input(path, found)
            .expected("forward(img, resize_images=..., return_lpips=...), as VGG16 for LPIPS has")
    };
    if !arguments.iter().any(|a| a.name == "return_lpips") {
        let names: Vec<_> = arguments.iter().map(|a| a.name.as_str()).collect();
        return Err(wrong(format!("forward takes (img, {}), no return_lpips", names.join(", "))));
    }
    let value = |argument: &Argument| match (argument.name.as_str(), argument.default.as_deref()) {
        ("return_lpips", _) | (_, Some("True")) if argument.name != "resize_images" => Ok(true),
        ("resize_images", _) | (_, Some("False")) => Ok(false),
        (name, default) => Err(wrong(format!("forward has the argument {name} with default {default:?}, not a flag"))),
    };
    arguments.iter().map(value).collect()
}

impl FeatureNet for TorchScriptFeatures {
    fn name(&self) -> &str {
        &self.name
    }

    /// One or three channels go in as grey or RGB; any other number as that many grey images, features side by side.
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        let size = images.size();
        let (n, channels) = (size[0], size[1]);
        let images = at_most_largest_side(&((images + 1.0) * 127.5));
        let (height, width) = (images.size()[2], images.size()[3]);
        let colour = match channels {
            3 => images,
            _ => images.reshape([n * channels, 1, height, width]).expand([n * channels, 3, height, width], false),
        };
        let mut inputs = vec![IValue::Tensor(colour)];
        inputs.extend(self.rest.iter().map(|&flag| IValue::Bool(flag)));
        let failed = |found: &str| {
            Problem::input(&self.path, found.to_owned()).expected("features [N, F] from images [N, 3, H, W] in 0..255")
        };
        match self.module.forward_is(&inputs) {
            Ok(IValue::Tensor(features)) if features.dim() == 2 => Ok(features.reshape([n, -1])),
            Ok(IValue::Tensor(features)) => Err(failed(&format!("forward returned {:?}", features.size()))),
            Ok(_) => Err(failed("forward did not return a tensor")),
            Err(error) => Err(failed("forward failed").because(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::super::squared_distance;
    use super::*;

    fn standin() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/standin_perceptual.pt")
    }

    #[test]
    fn grey_images_get_features_of_unit_length_and_gradients() {
        let net = TorchScriptFeatures::load(&standin(), Device::Cpu).unwrap();
        tch::manual_seed(3);
        let image = Tensor::randn([2, 1, 32, 32], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let features = net.features(&image).unwrap();
        // Two layers of stride 2 with 8 and 16 channels, each position at unit length over sqrt(positions).
        assert_eq!(features.size(), [2, 8 * 16 * 16 + 16 * 8 * 8]);
        let length = squared_distance(&features, &features.zeros_like());
        assert!((length.double_value(&[1]) - 2.0).abs() < 0.1);
        let loss = features.narrow(1, 0, 100).sum(Kind::Float);
        let gradient = &Tensor::run_backward(&[loss], &[&image], false, false)[0];
        assert!(gradient.abs().max().double_value(&[]) > 0.0);
    }

    #[test]
    fn other_numbers_of_channels_go_in_one_by_one() {
        let net = TorchScriptFeatures::load(&standin(), Device::Cpu).unwrap();
        let image = Tensor::randn([1, 2, 32, 32], (Kind::Float, Device::Cpu));
        let both = net.features(&image).unwrap();
        let second = net.features(&image.narrow(1, 1, 1)).unwrap();
        assert!(both.narrow(1, 3072, 3072).allclose(&second, 1e-5, 1e-6, false));
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.pt");
        std::fs::write(&path, b"no archive").unwrap();
        let problem = TorchScriptFeatures::load(&path, Device::Cpu).err().unwrap().to_string();
        assert!(problem.contains("net.pt") && problem.contains("TorchScript"), "{problem}");
    }

    #[test]
    fn a_forward_without_lpips_is_refused() {
        let argument = |name: &str, default: &str| Argument { name: name.into(), default: Some(default.into()) };
        let path = Path::new("net.pt");
        assert!(flags(path, &[argument("return_features", "False")]).is_err());
        let all = [argument("return_lpips", "False"), argument("resize_images", "True"), argument("use_fp16", "True")];
        assert_eq!(flags(path, &all).unwrap(), [true, false, true]);
        assert!(flags(path, &[argument("return_lpips", "False"), argument("layers", "3")]).is_err());
    }
}
