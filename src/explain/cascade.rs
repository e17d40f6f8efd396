//! Whether a map depends on what the classifier learned: its layers are made random one after the other, from the head
//! downward, and the map is compared with the one before (Adebayo et al. 2018, arXiv 1810.03292, section 3.1).

use tch::Tensor;

use super::maps::{Method, lists, of_class};
use crate::nets::classifiers::{Classifier, ClassifierConfig};
use crate::problem::{Kind, Problem, Result};
use crate::seed::RunSeed;
use crate::statistics::correlation::spearman;

/// What of a map is left with so many random layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The layer that was made random in this step; all behind it are already.
    pub layer: String,
    /// For each method and each image the rank correlation with the map of the trained classifier, on the map's own
    /// grid; `None` where one of the two is the same everywhere.
    pub correlations: [Vec<Option<f64>>; 3],
}

/// The maps of `images` \[N, C, H, W\] as the layers of `network` become random; a layer's random values are those that
/// a network begins its training with, drawn from `seed`.
///
/// # Errors
/// A network of no known kind.
pub fn cascade(
    network: &dyn Classifier,
    images: &Tensor,
    class: i64,
    layer: usize,
    seed: RunSeed,
) -> Result<Vec<Step>> {
    let trained = network.tensors();
    let config =
        ClassifierConfig::of(&trained).ok_or_else(|| Problem::new(Kind::Internal, "a classifier of no known kind"))?;
    let mut tensors = trained;
    let mut mixed = config.build(seed, images.device());
    let random: Vec<(String, Tensor)> =
        mixed.tensors().into_iter().map(|(name, tensor)| (name, tensor.detach().copy())).collect();
    let before = values(&of_class(network, images, class, layer))?;
    let mut steps = Vec::new();
    for name in network.layers().into_iter().rev() {
        let prefix = format!("{name}.");
        for (name, tensor) in random.iter().filter(|(name, _)| name.starts_with(&prefix)) {
            tensors.insert(name.clone(), tensor.shallow_clone());
        }
        mixed.load(&tensors)?;
        let now = values(&of_class(mixed.as_ref(), images, class, layer))?;
        let correlations = std::array::from_fn(|method| {
            before[method].iter().zip(&now[method]).map(|(before, now)| spearman(before, now)).collect()
        });
        steps.push(Step { layer: name, correlations });
    }
    Ok(steps)
}

/// Each map of each method as numbers.
fn values(maps: &[Tensor; 3]) -> Result<[Vec<Vec<f64>>; 3]> {
    let mut all = [vec![], vec![], vec![]];
    for (own, map) in all.iter_mut().zip(maps) {
        let wide = |map: Vec<f32>| map.into_iter().map(f64::from).collect();
        *own = lists(map)?.into_iter().map(wide).collect();
    }
    debug_assert_eq!(all.len(), Method::ALL.len());
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::classifiers::cnn::{Cnn, CnnConfig};
    use crate::nets::network::{Init, Network};
    use tch::Device;

    #[test]
    fn layers_go_from_the_head_down_and_the_classifier_itself_is_left_alone() {
        let cnn = Cnn::new(&CnnConfig::small(1), RunSeed(3), Device::Cpu);
        let kept: Vec<Tensor> = cnn.tensors().into_values().map(|tensor| tensor.detach().copy()).collect();
        let x = Init::new(RunSeed(1), Device::Cpu, "x").normal_buffer("x", &[3, 1, 64, 64]);
        let steps = cascade(&cnn, &x, 1, 2, RunSeed(9)).unwrap();
        let names: Vec<&str> = steps.iter().map(|step| step.layer.as_str()).collect();
        assert_eq!(names, ["head", "unit6", "unit5", "unit4", "unit3", "unit2", "unit1"]);
        assert!(cnn.tensors().into_values().zip(&kept).all(|(now, before)| now.equal(before)));
        let mean = |step: &Step, method: usize| {
            let values: Vec<f64> = step.correlations[method].iter().copied().flatten().collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        assert!(mean(&steps[6], 0).abs() < 0.6 && mean(&steps[6], 2).abs() < 0.6);
        // The same random values as the network's own leave every map as it is.
        let same = cascade(&cnn, &x, 1, 2, RunSeed(3)).unwrap();
        for step in &same {
            assert!((0..3).all(|method| (mean(step, method) - 1.0).abs() < 1e-9), "{step:?}");
        }
    }
}
