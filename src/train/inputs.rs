//! Everything a phase computes from, as tensors: what was drawn, the real images, and the optimiser's rates.

use tch::Tensor;

use super::RealBatch;
use super::config::Resolved;
use super::draws::{Draws, FakeDraws, Mixing};
use crate::augment::params::BatchSize;
use crate::augment::{AugmentParams, AugmentTensors, Margin};

/// Of one phase; absent where the phase has no use for it.
#[derive(Debug)]
pub struct Inputs {
    fakes: Option<FakeDraws>,
    /// \[N, C, R, R\].
    pub direction: Option<Tensor>,
    pub augment_fakes: Option<AugmentTensors>,
    pub augment_reals: Option<AugmentTensors>,
    reals: Option<RealBatch>,
    /// Of `Adam::next`, \[2\].
    pub rates: Tensor,
}

/// Whether the tensors' number and shapes follow what was drawn, or only the settings and whether p is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shapes {
    AsDrawn,
    Fixed,
}

impl Inputs {
    /// On the host.
    pub fn of(draws: Draws, reals: &RealBatch, rates: Tensor, settings: &Resolved, shapes: Shapes) -> Self {
        let net = &settings.generator;
        let (channels, side) = (net.channels as usize, net.resolution as usize);
        let size = BatchSize { images: settings.batch as usize, channels, height: side, width: side };
        let shape = [settings.batch as i64, net.channels, net.resolution, net.resolution];
        let operations = |params: &AugmentParams| {
            Some(match shapes {
                Shapes::AsDrawn => AugmentTensors::of(params, &shape, Margin::AsNeeded),
                Shapes::Fixed => AugmentTensors::of(&params.in_full(&settings.augment, size), &shape, Margin::Full),
            })
        };
        let none = Self { fakes: None, direction: None, augment_fakes: None, augment_reals: None, reals: None, rates };
        let shown = || Some(reals.shallow_clone());
        match draws {
            Draws::GeneratorMain { fakes, augment } => {
                Self { fakes: Some(fakes), augment_fakes: operations(&augment), ..none }
            }
            Draws::GeneratorPathLength { fakes, direction } => {
                Self { fakes: Some(fakes), direction: Some(direction), ..none }
            }
            Draws::DiscriminatorMain { fakes, augment_fakes, augment_reals } => Self {
                fakes: Some(fakes),
                augment_fakes: operations(&augment_fakes),
                augment_reals: operations(&augment_reals),
                reals: shown(),
                ..none
            },
            Draws::DiscriminatorR1 { augment } => Self { augment_reals: operations(&augment), reals: shown(), ..none },
        }
    }

    /// What generated images are drawn from.
    ///
    /// # Panics
    /// The phase generates none.
    pub fn fakes(&self) -> &FakeDraws {
        self.fakes.as_ref().expect("the phase generates images")
    }

    /// # Panics
    /// The phase shows no real images.
    pub fn reals(&self) -> &RealBatch {
        self.reals.as_ref().expect("the phase shows real images")
    }

    /// The same inputs with other tensors in the place of these, in a fixed order, each named.
    pub fn map(&self, other: &mut dyn FnMut(&'static str, &Tensor) -> Tensor) -> Self {
        Self {
            fakes: self.fakes.as_ref().map(|fakes| FakeDraws {
                z: other("z", &fakes.z),
                c: fakes.c.as_ref().map(|c| other("c", c)),
                mixing: fakes.mixing.as_ref().map(|Mixing { cutoffs, z }| Mixing {
                    cutoffs: other("cut-offs", cutoffs),
                    z: other("second z", z),
                }),
                noise: fakes.noise.iter().map(|map| other("noise map", map)).collect(),
            }),
            direction: self.direction.as_ref().map(|direction| other("direction", direction)),
            augment_fakes: self.augment_fakes.as_ref().map(|operations| operations.map(other)),
            augment_reals: self.augment_reals.as_ref().map(|operations| operations.map(other)),
            reals: self.reals.as_ref().map(|reals| RealBatch {
                pixels: other("reals", &reals.pixels),
                classes: reals.classes.as_ref().map(|classes| other("classes", classes)),
            }),
            rates: other("rates", &self.rates),
        }
    }

    /// The tensors in the order of [`Inputs::map`].
    pub fn tensors(&self) -> Vec<(&'static str, Tensor)> {
        let mut found = Vec::new();
        let _ = self.map(&mut |name, tensor| {
            found.push((name, tensor.shallow_clone()));
            tensor.shallow_clone()
        });
        found
    }
}
