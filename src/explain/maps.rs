//! Maps of attribution of one classifier: what of its answer comes from where.
//!
//! All maps are of the log-odds of one class; of two classes that is the difference of the two logits. Behind the last
//! unit the three maps are one up to a constant: where a mean over the map and a linear head follow, the gradient is
//! the head's weight at every place. They differ behind earlier units, whose maps are finer.

use tch::{Kind, Tensor};

use crate::nets::classifiers::{Classifier, log_odds};
use crate::problem::Result;

/// A way to make a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Class activation map (Zhou et al. 2016, arXiv 1512.04150), in front of the head; signed.
    Cam,
    /// Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391, equations 1 and 2); the positive part.
    GradCam,
    /// HiResCAM (Draelos & Carin 2020, arXiv 2011.08891, equation 4); the positive part, as in the others.
    HiResCam,
}

impl Method {
    /// In the order of the tables.
    pub const ALL: [Self; 3] = [Self::Cam, Self::GradCam, Self::HiResCam];

    /// In files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Cam => "cam",
            Self::GradCam => "grad-cam",
            Self::HiResCam => "hires-cam",
        }
    }

    /// In tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cam => "CAM",
            Self::GradCam => "Grad-CAM",
            Self::HiResCam => "HiResCAM",
        }
    }
}

/// Activations \[N, K, h, w\] weighted by the mean gradient of their channel, summed, the positive part: \[N, h, w\].
pub fn grad_cam(activations: &Tensor, gradients: &Tensor) -> Tensor {
    let weights = gradients.mean_dim([2i64, 3].as_slice(), true, Kind::Float);
    (activations * weights).sum_dim_intlist(1, false, Kind::Float).relu()
}

/// Activations \[N, K, h, w\] times their own gradients, summed over channels, the positive part: \[N, h, w\].
pub fn hires_cam(activations: &Tensor, gradients: &Tensor) -> Tensor {
    (activations * gradients).sum_dim_intlist(1, false, Kind::Float).relu()
}

/// The maps of `images` \[N, C, H, W\] in the order of [`Method::ALL`], each \[N, h, w\] on its own grid; Grad-CAM and
/// HiResCAM behind the first `layer` layers.
pub fn of_class(network: &dyn Classifier, images: &Tensor, class: i64, layer: usize) -> [Tensor; 3] {
    let cam = tch::no_grad(|| network.activation(images, class));
    let activations = tch::no_grad(|| network.features(images, layer)).set_requires_grad(true);
    // In evaluation mode no image knows of another, so the gradient of the sum holds every image's own.
    let score = log_odds(&network.logits_of(&activations, layer)).select(1, class).sum(Kind::Float);
    let gradients = Tensor::run_backward(&[score], &[&activations], false, false).remove(0);
    let activations = activations.detach();
    [cam, grad_cam(&activations, &gradients), hires_cam(&activations, &gradients)]
}

/// Maps \[N, h, w\] at the size of the images, \[N, height, width\], bilinear.
pub fn enlarged(maps: &Tensor, [height, width]: [usize; 2]) -> Tensor {
    maps.unsqueeze(1).upsample_bilinear2d([height as i64, width as i64], false, None, None).squeeze_dim(1)
}

/// Each map of \[N, h, w\] as a row-major list.
///
/// # Errors
/// libtorch refuses the tensor.
pub fn lists(maps: &Tensor) -> Result<Vec<Vec<f32>>> {
    let maps = maps.to_device(tch::Device::Cpu).contiguous();
    (0..maps.size()[0]).map(|at| Ok(Vec::try_from(maps.get(at).reshape([-1]))?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::classifiers::cnn::{Cnn, CnnConfig};
    use crate::nets::fixture::Array;
    use crate::nets::network::{Init, Network};
    use crate::seed::RunSeed;
    use tch::Device;

    fn distance(a: &Tensor, b: &Tensor) -> f64 {
        f64::try_from((a - b).abs().max()).unwrap()
    }

    /// One channel of activations 1 2 / 3 4 with gradients 1 0 / 0 -1 (mean 0), one of 1 1 / 1 1 with 2 2 / 2 2.
    /// Grad-CAM: 0 x first + 2 x second = 2 everywhere. HiResCAM: 1 + 2, 0 + 2 / 0 + 2, -4 + 2 cut at 0.
    #[test]
    fn by_hand() {
        let of = |values: &[f32]| Tensor::from_slice(values).view([1, 2, 2, 2]);
        let activations = of(&[1.0, 2.0, 3.0, 4.0, 1.0, 1.0, 1.0, 1.0]);
        let gradients = of(&[1.0, 0.0, 0.0, -1.0, 2.0, 2.0, 2.0, 2.0]);
        assert_eq!(lists(&grad_cam(&activations, &gradients)).unwrap(), [[2.0; 4]]);
        assert_eq!(lists(&hires_cam(&activations, &gradients)).unwrap(), [[3.0, 2.0, 2.0, 0.0]]);
    }

    #[derive(serde::Deserialize)]
    struct Behind {
        layer: usize,
        grad_cam: Array,
        hires_cam: Array,
    }

    #[derive(serde::Deserialize)]
    struct Reference {
        weights: std::collections::BTreeMap<String, Array>,
        x: Array,
        class: i64,
        cam: Array,
        behind: Vec<Behind>,
    }

    /// The package grad-cam (pytorch-grad-cam) on the same network in PyTorch; see tests/fixtures/make_explanation.py.
    #[test]
    fn agree_with_pytorch_grad_cam() {
        let text = include_str!("../../tests/fixtures/explanation.json");
        let all: serde_json::Value = serde_json::from_str(text).unwrap();
        let reference: Reference = serde_json::from_value(all["maps"].clone()).unwrap();
        let weights = reference.weights.iter().map(|(name, array)| (name.clone(), array.tensor())).collect();
        let mut cnn = Cnn::new(&CnnConfig::of(&weights).unwrap(), RunSeed(0), Device::Cpu);
        cnn.load(&weights).unwrap();
        let x = reference.x.tensor();
        assert_eq!(reference.behind.iter().map(|one| one.layer).collect::<Vec<_>>(), [1, 2, 4, 6]);
        for behind in &reference.behind {
            let [cam, grad, hires] = of_class(&cnn, &x, reference.class, behind.layer);
            for (ours, theirs) in [(cam.relu(), &reference.cam), (grad, &behind.grad_cam), (hires, &behind.hires_cam)] {
                let theirs = theirs.tensor();
                let largest = f64::try_from(theirs.max()).unwrap();
                assert!(distance(&ours, &theirs) < 1e-4 * largest.max(1e-3), "layer {}: {largest}", behind.layer);
            }
        }
    }

    #[test]
    fn behind_the_last_unit_all_three_are_one_up_to_a_constant() {
        let cnn = Cnn::new(&CnnConfig::small(1), RunSeed(4), Device::Cpu);
        let x = Init::new(RunSeed(1), Device::Cpu, "x").normal_buffer("x", &[3, 1, 32, 32]);
        let [cam, grad, hires] = of_class(&cnn, &x, 1, 6);
        // A mean over 16 places, and a bias that is 0 in a new network.
        assert!(distance(&(cam.relu() / 16.0), &grad) < 1e-6 && distance(&grad, &hires) < 1e-6);
        assert!(f64::try_from(grad.max()).unwrap() > 1e-3);
        let [_, grad, hires] = of_class(&cnn, &x, 1, 2);
        assert_eq!(grad.size(), [3, 8, 8]);
        assert!(distance(&grad, &hires) > 1e-4);
        assert_eq!(enlarged(&grad, [32, 32]).size(), [3, 32, 32]);
    }
}
