//! Codes that directions are measured from: latents of seeds, of classes drawn as the training data have them.

use rand::RngExt;
use tch::Tensor;

use crate::data::Prepared;
use crate::feed::network_source::NetworkImages;
use crate::latent::seeds::{self, RandomState};
use crate::nets::Generator;
use crate::nets::class::{ClassChoice, class_number, one_hot};
use crate::problem::{Problem, Result};
use crate::seed::RunSeed;

/// Latents that are mapped at a time.
const TOGETHER: i64 = 1024;

/// Codes and what they are of.
pub struct Codes {
    /// As `generate --seeds` takes them.
    pub seeds: Vec<u32>,
    /// Number of the class of each; empty without classes.
    pub classes: Vec<i64>,
    /// \[N, w_dim\].
    pub w: Tensor,
}

/// Which classes codes are of: the share of each; empty without classes.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassShares(pub Vec<f64>);

impl ClassShares {
    /// Of the chosen class alone; else as the training slices of `data` have them.
    ///
    /// # Errors
    /// A class that the network does not have, or classes of a network that no training slice is of.
    pub fn new(
        generator: &Generator,
        source: &NetworkImages,
        data: &Prepared,
        choice: Option<&ClassChoice>,
    ) -> Result<Self> {
        let c_dim = generator.config().c_dim;
        if choice.is_some() || c_dim == 0 {
            let number = class_number(c_dim, &source.classes, choice, "--class")?;
            return Ok(Self((0..c_dim).map(|class| f64::from(u8::from(Some(class) == number))).collect()));
        }
        let mut counts = vec![0.0; c_dim as usize];
        for (_, lesion) in data.training_all().entries() {
            let named = |word: &str| source.classes.iter().position(|name| name == word);
            let class = named(lesion.class.name()).or_else(|| named(lesion.label.as_deref()?));
            if let Some(class) = class {
                counts[class] += 1.0;
            }
        }
        let all: f64 = counts.iter().sum();
        if all == 0.0 {
            let names = if source.classes.is_empty() { "without names".into() } else { source.classes.join(", ") };
            return Err(Problem::input(data.root(), "no training image of a class of the network's")
                .expected(format!("images of its classes: {names}"))
                .advice("choose one with --class, or give the data set that the network was trained on"));
        }
        Ok(Self(counts.iter().map(|count| count / all).collect()))
    }

    /// The class of the `index`-th code; its draw depends on seed, purpose and index alone.
    fn draw(&self, seed: RunSeed, purpose: &str, index: u64) -> i64 {
        let mut left = seed.stream(purpose, index).random::<f64>();
        let mut drawn = 0;
        for (class, share) in (0..).zip(&self.0) {
            if *share > 0.0 {
                drawn = class;
                if left < *share {
                    break;
                }
                left -= share;
            }
        }
        drawn
    }

    fn of(&self, count: usize, seed: RunSeed, purpose: &str) -> Vec<i64> {
        if self.0.is_empty() {
            return vec![];
        }
        (0..count as u64).map(|index| self.draw(seed, purpose, index)).collect()
    }
}

/// w \[N, w_dim\] of latents z \[N, z_dim\] and their classes.
fn mapped(generator: &Generator, z: &Tensor, classes: &[i64]) -> Tensor {
    let c = (!classes.is_empty()).then(|| one_hot(classes, generator.config().c_dim, generator.device()));
    let z = z.to_device(generator.device());
    let count = z.size()[0];
    let parts: Vec<Tensor> = (0..count)
        .step_by(TOGETHER as usize)
        .map(|first| {
            let length = TOGETHER.min(count - first);
            let c = c.as_ref().map(|c| c.narrow(0, first, length));
            tch::no_grad(|| generator.mapping.forward(&z.narrow(0, first, length), c.as_ref()).select(1, 0))
        })
        .collect();
    Tensor::cat(&parts, 0)
}

/// `count` codes of seeds that follow each other; the first one depends on the run's seed.
pub fn of_seeds(generator: &Generator, shares: &ClassShares, count: usize, seed: RunSeed) -> Codes {
    // So that none is beyond what a seed may be.
    let first = (seed.child("first code", 0).0 & 0x3fff_ffff) as u32;
    let seeds: Vec<u32> = (first..).take(count).collect();
    let classes = shares.of(count, seed, "class of a code");
    let w = mapped(generator, &seeds::latents(&seeds, generator.config().z_dim), &classes);
    Codes { seeds, classes, w }
}

/// `count` mapped latents \[count, w_dim\], whose spread a step is measured in.
pub fn cloud(generator: &Generator, shares: &ClassShares, count: usize, seed: RunSeed) -> Tensor {
    let start = (seed.child("cloud of codes", 0).0 & 0xffff_ffff) as u32;
    let z = RandomState::new(start).randn(count as i64, generator.config().z_dim);
    mapped(generator, &z, &shares.of(count, seed, "class of the cloud"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_drawn_at_their_shares() {
        let shares = ClassShares(vec![0.7, 0.0, 0.3]);
        let drawn = shares.of(4000, RunSeed(1), "x");
        let of = |class: i64| drawn.iter().filter(|&&one| one == class).count() as f64 / 4000.0;
        assert!((of(0) - 0.7).abs() < 0.03 && of(1) == 0.0, "{} {}", of(0), of(1));
        assert_eq!(drawn[..9], shares.of(9, RunSeed(1), "x")[..], "the first do not depend on how many follow");
        assert!(ClassShares(vec![0.0, 1.0]).of(50, RunSeed(2), "x").iter().all(|&class| class == 1));
        assert!(ClassShares(vec![]).of(5, RunSeed(1), "x").is_empty());
    }
}
