//! Everything a phase computes from, as tensors: what was drawn and the real images, one type for each phase; and the
//! optimiser's rates.

use tch::Tensor;

use super::config::Resolved;
use super::draws::{Draws, FakeDraws, Mixing};
use super::schedule::Phase;
use super::{RealBatch, Rows};
use crate::augment::params::BatchSize;
use crate::augment::{AugmentParams, AugmentTensors, Margin};

/// Gives each tensor another one, by its name.
pub type Other<'a> = dyn FnMut(&'static str, &Tensor) -> Tensor + 'a;

/// Of the generator's loss.
#[derive(Debug)]
pub struct GeneratorMain {
    /// What images are generated from.
    pub fakes: FakeDraws,
    /// Their augmentation.
    pub augment: AugmentTensors,
    /// The real images that a relativistic loss holds them to, and their augmentation.
    pub pairs: Option<(RealBatch, AugmentTensors)>,
    /// Share of the images that is learnt from, scalar; absent: all.
    pub share: Option<Tensor>,
}

/// Of path-length regularisation.
#[derive(Debug)]
pub struct GeneratorPathLength {
    /// What images are generated from.
    pub fakes: FakeDraws,
    /// Standard normals of the images' shape, their direction.
    pub direction: Tensor,
}

/// Of the discriminator's loss.
#[derive(Debug)]
pub struct DiscriminatorMain {
    /// What images are generated from.
    pub fakes: FakeDraws,
    /// Their augmentation.
    pub augment_fakes: AugmentTensors,
    /// That of the real images.
    pub augment_reals: AugmentTensors,
    /// The real images of the step.
    pub reals: RealBatch,
    /// Weight of LeCam regularisation, scalar; absent: none.
    pub lecam: Option<Tensor>,
    /// As drawn.
    pub picks: Vec<Tensor>,
}

/// Of the R1 penalty.
#[derive(Debug)]
pub struct DiscriminatorR1 {
    /// Augmentation of the real images.
    pub augment: AugmentTensors,
    /// The real images of the step.
    pub reals: RealBatch,
    /// Generated images, where their gradient is penalised, too, and their augmentation.
    pub fakes: Option<(FakeDraws, AugmentTensors)>,
}

/// What was drawn and shown, by phase.
#[derive(Debug)]
pub enum OfPhase {
    /// Of [`Phase::GeneratorMain`].
    GeneratorMain(GeneratorMain),
    /// Of [`Phase::GeneratorPathLength`].
    GeneratorPathLength(GeneratorPathLength),
    /// Of [`Phase::DiscriminatorMain`].
    DiscriminatorMain(DiscriminatorMain),
    /// Of [`Phase::DiscriminatorR1`].
    DiscriminatorR1(DiscriminatorR1),
}

/// All inputs of one phase.
#[derive(Debug)]
pub struct Inputs {
    /// What was drawn and shown.
    pub of_phase: OfPhase,
    /// Of [`crate::optim::Adam::next`], \[2\].
    pub rates: Tensor,
}

/// Whether the tensors' number and shapes follow what was drawn, or only the settings and whether p is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shapes {
    /// What was not drawn is not there, and images are padded no more than they need.
    AsDrawn,
    /// Every operation is there, and images are padded for all that could be drawn.
    Fixed,
}

/// What the tensors' form depends on.
pub type Form<'a> = (&'a Resolved, Shapes);

impl Inputs {
    /// On the host. `rates` are of [`crate::optim::Adam::next`]; of `reals`, and of what was drawn for a whole batch,
    /// the `rows` are taken.
    pub fn of(draws: Draws, reals: &RealBatch, rows: Rows, rates: Tensor, (settings, shapes): Form<'_>) -> Self {
        Self { of_phase: OfPhase::of(draws, reals, rows, (settings, shapes)), rates }
    }

    /// The phase that they are for.
    pub fn phase(&self) -> Phase {
        self.of_phase.phase()
    }

    /// The same inputs with other tensors in the place of these, in a fixed order, each named.
    pub fn map(&self, other: &mut Other<'_>) -> Self {
        Self { of_phase: self.of_phase.map(other), rates: other("rates", &self.rates) }
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

impl OfPhase {
    fn of(draws: Draws, reals: &RealBatch, rows: Rows, (settings, shapes): Form<'_>) -> Self {
        let net = &settings.generator;
        let (channels, side) = (net.channels as usize, net.resolution as usize);
        let size = BatchSize { images: settings.batch as usize, channels, height: side, width: side };
        let shape = net.images(settings.batch as i64);
        let rows = rows.chosen(settings.batch);
        // Which operations there are and how far images are padded follows from the whole batch: every replica computes
        // its images as one that has them all.
        let operations = |params: &AugmentParams| {
            let all = match shapes {
                Shapes::AsDrawn => AugmentTensors::of(params, &shape, Margin::AsNeeded),
                Shapes::Fixed => AugmentTensors::of(&params.in_full(&settings.augment, size), &shape, Margin::Full),
            };
            match &rows {
                Some(rows) => all.map(&mut |_, tensor| tensor.index_select(0, rows)),
                None => all,
            }
        };
        let reals = || reals.at(rows.as_ref());
        match draws {
            Draws::GeneratorMain { fakes, augment, augment_reals, share } => Self::GeneratorMain(GeneratorMain {
                fakes,
                augment: operations(&augment),
                pairs: augment_reals.map(|augment| (reals(), operations(&augment))),
                share: share.map(scalar),
            }),
            Draws::GeneratorPathLength { fakes, direction } => {
                Self::GeneratorPathLength(GeneratorPathLength { fakes, direction })
            }
            Draws::DiscriminatorMain { fakes, augment_fakes, augment_reals, lecam, picks } => {
                Self::DiscriminatorMain(DiscriminatorMain {
                    fakes,
                    augment_fakes: operations(&augment_fakes),
                    augment_reals: operations(&augment_reals),
                    reals: reals(),
                    lecam: lecam.map(scalar),
                    picks,
                })
            }
            Draws::DiscriminatorR1 { augment, fakes } => Self::DiscriminatorR1(DiscriminatorR1 {
                augment: operations(&augment),
                reals: reals(),
                fakes: fakes.map(|(fakes, augment)| (fakes, operations(&augment))),
            }),
        }
    }

    fn phase(&self) -> Phase {
        match self {
            Self::GeneratorMain(_) => Phase::GeneratorMain,
            Self::GeneratorPathLength(_) => Phase::GeneratorPathLength,
            Self::DiscriminatorMain(_) => Phase::DiscriminatorMain,
            Self::DiscriminatorR1(_) => Phase::DiscriminatorR1,
        }
    }

    fn map(&self, other: &mut Other<'_>) -> Self {
        match self {
            Self::GeneratorMain(GeneratorMain { fakes, augment, pairs, share }) => Self::GeneratorMain(GeneratorMain {
                fakes: fakes.map(other),
                augment: augment.map(other),
                pairs: pairs.as_ref().map(|(reals, augment)| (reals.map(other), augment.map(other))),
                share: share.as_ref().map(|share| other("share", share)),
            }),
            Self::GeneratorPathLength(GeneratorPathLength { fakes, direction }) => {
                let fakes = fakes.map(other);
                Self::GeneratorPathLength(GeneratorPathLength { fakes, direction: other("direction", direction) })
            }
            Self::DiscriminatorMain(DiscriminatorMain { fakes, augment_fakes, augment_reals, reals, lecam, picks }) => {
                Self::DiscriminatorMain(DiscriminatorMain {
                    fakes: fakes.map(other),
                    augment_fakes: augment_fakes.map(other),
                    augment_reals: augment_reals.map(other),
                    reals: reals.map(other),
                    lecam: lecam.as_ref().map(|weight| other("lecam", weight)),
                    picks: picks.iter().map(|picks| other("picks", picks)).collect(),
                })
            }
            Self::DiscriminatorR1(DiscriminatorR1 { augment, reals, fakes }) => {
                Self::DiscriminatorR1(DiscriminatorR1 {
                    augment: augment.map(other),
                    reals: reals.map(other),
                    fakes: fakes.as_ref().map(|(fakes, augment)| (fakes.map(other), augment.map(other))),
                })
            }
        }
    }
}

fn scalar(value: f64) -> Tensor {
    Tensor::from(value as f32)
}

impl FakeDraws {
    fn map(&self, other: &mut Other<'_>) -> Self {
        Self {
            z: other("z", &self.z),
            c: self.c.as_ref().map(|c| other("c", c)),
            mixing: self
                .mixing
                .as_ref()
                .map(|Mixing { cutoffs, z }| Mixing { cutoffs: other("cut-offs", cutoffs), z: other("second z", z) }),
            noise: self.noise.iter().map(|map| other("noise map", map)).collect(),
        }
    }
}

impl RealBatch {
    fn map(&self, other: &mut Other<'_>) -> Self {
        Self {
            pixels: other("reals", &self.pixels),
            classes: self.classes.as_ref().map(|classes| other("classes", classes)),
        }
    }
}
