//! Where a descent begins: at the mean of w, as published, or at the drawn image that is most like the target.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::cloud::LatentCloud;
use crate::nets::perceptual::FeatureNet;
use crate::nets::{Generator, Noise};
use crate::problem::Result;

/// Images compared at a time.
const CHUNK: i64 = 50;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The mean of w.
    Mean,
    /// Of the first members of the cloud, the one whose image is nearest in features. Needs fewer steps (docs/performance.md).
    #[default]
    Nearest,
}

/// w \[N, w_dim\] for targets \[N, C, R, R\]; `candidates` members of the cloud are drawn with the network's own noise.
///
/// # Errors
/// What the feature net reports.
pub fn of(
    start: Start,
    generator: &Generator,
    features: &dyn FeatureNet,
    targets: &Tensor,
    cloud: &LatentCloud,
    candidates: i64,
) -> Result<Tensor> {
    match start {
        Start::Mean => Ok(cloud.mean_of(targets.size()[0])),
        Start::Nearest => tch::no_grad(|| nearest(generator, features, targets, cloud, candidates)),
    }
}

fn nearest(
    generator: &Generator,
    features: &dyn FeatureNet,
    targets: &Tensor,
    cloud: &LatentCloud,
    candidates: i64,
) -> Result<Tensor> {
    let wanted = features.features(targets)?;
    let members = cloud.samples().narrow(0, 0, candidates.min(cloud.samples().size()[0]));
    let layers = generator.synthesis.num_ws();
    let mut distances = Vec::new();
    for chunk in members.split(CHUNK, 0) {
        let ws = chunk.unsqueeze(1).expand([-1, layers, -1], false);
        let drawn = features.features(&generator.synthesis.forward(&ws, &Noise::Const))?;
        distances.push(Tensor::cdist(&wanted, &drawn, 2.0, None::<i64>));
    }
    let best = Tensor::cat(&distances, 1).argmin(1, false);
    Ok(members.index_select(0, &best))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::perceptual::PixelPyramid;
    use crate::nets::{GeneratorConfig, latents::RandomState};
    use crate::seed::RunSeed;
    use tch::Device;

    #[test]
    fn a_drawn_image_starts_at_its_own_w() {
        let small = GeneratorConfig::small(16, 1);
        let config = GeneratorConfig { z_dim: 8, w_dim: 6, channel_base: 64, channel_max: 8, ..small };
        let generator = Generator::new(&config, RunSeed(1), Device::Cpu).unwrap();
        let cloud = LatentCloud::sample(&generator, 120, None);
        // Members 3 and 70 of the cloud, which begins with RandomState(123).
        let z = RandomState::new(123).randn(120, 8);
        let z = Tensor::stack(&[z.get(3), z.get(70)], 0);
        let targets = tch::no_grad(|| generator.forward(&z, None, &Noise::Const));
        let start = |start, candidates| of(start, &generator, &PixelPyramid, &targets, &cloud, candidates).unwrap();
        let found = start(Start::Nearest, 120);
        assert!(found.get(0).equal(&cloud.samples().get(3)) && found.get(1).equal(&cloud.samples().get(70)));
        assert!(!start(Start::Nearest, 60).get(1).equal(&cloud.samples().get(70)));
        assert!(start(Start::Mean, 120).get(1).equal(cloud.mean()));
    }
}
