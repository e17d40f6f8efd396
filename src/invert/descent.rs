//! Codes by the projector's descent, from the nearest of some drawn images.

use tch::Tensor;

use super::bench::Bench;
use super::embedding::Codes;
use super::material::Images;
use crate::engine::precision::{Precision, Scope};
use crate::problem::Result;
use crate::project::start::NumberedCloud;
use crate::project::{
    Aims, Comparison, Descent, Draws, Moment, ProjectConfig, Projected, Projection, Space, Start, optimise,
};

/// Bytes of the candidates' features that are kept for the next batch.
const ROOM: usize = 1 << 29;

/// What all batches share.
pub(super) struct Descents<'a> {
    bench: &'a Bench<'a>,
    comparison: Comparison<'a>,
    descent: Descent,
}

impl<'a> Descents<'a> {
    /// In one of the two spaces, otherwise as `project` does it by default.
    pub fn new(bench: &'a Bench<'a>, space: Space) -> Self {
        let usual = ProjectConfig::default();
        let descent = Descent { steps: bench.config.descent_steps, space, ..usual.descent() };
        Self { bench, comparison: Comparison::new(bench.features, usual.candidates as i64, ROOM), descent }
    }

    /// Codes and noise maps of one batch; `suffix` sets its random draws apart.
    ///
    /// # Errors
    /// Stopped on request, or a descent that diverged.
    pub fn of(&mut self, images: &Images, suffix: &str) -> Result<Codes> {
        let &Bench { generator, ref cloud, features, seed, observer, .. } = self.bench;
        let names: Vec<String> = images.items.iter().map(|item| format!("{}{suffix}", item.id)).collect();
        let sides: Vec<i64> = generator.synthesis.noise_shapes().into_iter().map(|(_, side)| side).collect();
        let (w_dim, steps) = (generator.config().w_dim, self.descent.steps);
        let draws = Draws::sample(seed, &names, &sides, w_dim, steps, self.bench.device());
        let _precision = Scope::enter(Precision::Float32);
        let own = NumberedCloud { number: 0, cloud };
        let start = self.comparison.start(Start::Nearest, generator, own, &images.pixels, None)?;
        let projection = Projection {
            generator,
            features,
            targets: &images.pixels,
            start: &start,
            deviation: cloud.deviation(),
            draws: &draws,
            descent: &self.descent,
            aims: &Aims::default(),
            graphs: self.bench.graphs,
        };
        let count = names.len() as u64;
        let mut after_step = |_: &Moment<'_>| {
            observer.advance(count);
            !observer.stop_requested()
        };
        let Projected { w, noise, .. } = optimise(&projection, None, &mut after_step)?;
        let noise = noise.iter().map(Tensor::shallow_clone).collect();
        Ok(Codes { w, noise })
    }
}
