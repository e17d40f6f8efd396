//! DeepSMOTE (Dablain et al. 2021, arXiv 2105.02340, algorithm 1): an autoencoder of both classes' slices, SMOTE among
//! the codes of the rims, decoded.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use serde_json::json;
use tch::{Kind as Type, Tensor};

use super::neighbours::{NEIGHBOURS, between, draw, neighbours};
use super::{Workshop, smote};
use crate::classify::config::Width;
use crate::classify::material::{Material, Origin, Supply, Unit};
use crate::classify::rows::Rows;
use crate::classify::runs::pixels_sha256;
use crate::feed::padding;
use crate::nets::Network;
use crate::nets::autoencoder::{AutoencoderConfig, Decoder, Encoder, STEP};
use crate::nets::classifiers::Mode;
use crate::nets::network::Named;
use crate::observer::Observer;
use crate::optim::{Adam, AdamConfig, Flat};
use crate::problem::{Kind, Problem, Result};
use crate::records::label::Padding;
use crate::seed::RunSeed;

/// Slices in a batch, and of one class at most in the penalty's, as published.
const BATCH: usize = 100;

/// Of both halves' Adam, as published.
const LEARNING_RATE: f64 = 2e-4;

/// What is added to the error of reconstruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Penalty {
    /// The paper's: the codes of one class change places, and what is decoded is compared with the images in theirs.
    /// The gradient reaches both halves.
    Paper,
    /// The published program's: codes and images change places alike, and the codes have no gradient. That is
    /// reconstruction once more, for the decoder alone.
    Code,
}

impl Penalty {
    fn file(self) -> &'static str {
        match self {
            Self::Paper => super::FILES[2],
            Self::Code => super::FILES[3],
        }
    }
}

/// As many decoded slices for each repetition as arms add.
pub(super) fn make(shop: &Workshop<'_>, rows: &mut Rows, material: &Material, penalty: Penalty) -> Result<Supply> {
    let (own, patients) = smote::slices(shop, rows, material);
    let size = own.size();
    let padding = padding_of(size[2] as usize, size[3] as usize);
    let width = match shop.config.width {
        Width::Small => 16,
        Width::Paper => 64,
    };
    let code = shop.config.deep_smote_latent;
    let config = AutoencoderConfig { channels: size[1], side: padding.side as i64, width, code };
    let classes = by_class(rows, material, &padding);
    let images: Vec<&Tensor> = classes.iter().collect();
    let settings = json!([config, shop.config.deep_smote_epochs, format!("{penalty:?}"), pixels_sha256(&images)?]);
    let epochs = shop.config.deep_smote_epochs;
    let tensors = shop.kept(penalty.file(), &settings, || {
        let seed = shop.seed.child("deep smote", 0);
        Training { config, penalty, epochs, seed }.run(&classes, shop.observer)
    })?;
    let mut encoder = Encoder::new(&config, RunSeed(0), rows.device());
    let mut decoder = Decoder::new(&config, RunSeed(0), rows.device());
    encoder.load(&half(&tensors, ENCODER))?;
    decoder.load(&half(&tensors, DECODER))?;
    let padded = padding::pad(&padding, &own);
    let codes = tch::no_grad(|| encoder.forward(&padded, Mode::Evaluate));
    let near = neighbours(&codes, &patients, NEIGHBOURS)?;
    let one = |repetition| {
        let draws = draw(&near, shop.extra, &mut shop.seed.stream("deep smote", repetition))?;
        let images = tch::no_grad(|| decoder.forward(&between(&codes, &draws), Mode::Evaluate));
        Ok(rows.of_interest(padding::crop(&padding, &images), Origin::DeepSmote))
    };
    Ok(Supply::Each(shop.each(one)?))
}

/// The next square whose side the networks can halve four times.
fn padding_of(height: usize, width: usize) -> Padding {
    let side = height.max(width).next_multiple_of(STEP as usize);
    Padding { height, width, side }
}

/// Padded slices of the agreed lesions of each class.
fn by_class(rows: &Rows, material: &Material, padding: &Padding) -> Vec<Tensor> {
    let class = |units: &Vec<Unit>| {
        let places: Vec<i64> = units.iter().flat_map(|unit| unit.rows.iter().map(|&row| i64::from(row))).collect();
        padding::pad(padding, &rows.training().index_select(0, &Tensor::from_slice(&places).to_device(rows.device())))
    };
    material.classes.iter().map(class).collect()
}

const ENCODER: &str = "encoder.";
const DECODER: &str = "decoder.";

fn half(tensors: &Named, prefix: &str) -> Named {
    let own = tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor.copy())));
    own.collect()
}

fn copied(encoder: &Encoder, decoder: &Decoder) -> Named {
    let named = |prefix: &'static str, tensors: Named| {
        tensors.into_iter().map(move |(name, tensor)| (format!("{prefix}{name}"), tensor.detach().copy()))
    };
    named(ENCODER, encoder.tensors()).chain(named(DECODER, decoder.tensors())).collect()
}

/// What the networks of an autoencoder come from.
struct Training {
    config: AutoencoderConfig,
    penalty: Penalty,
    epochs: u64,
    seed: RunSeed,
}

impl Training {
    /// The networks of the pass with the lowest mean loss, as published.
    fn run(&self, classes: &[Tensor], observer: &dyn Observer) -> Result<Named> {
        let device = classes[0].device();
        let (encoder, decoder) =
            (Encoder::new(&self.config, self.seed, device), Decoder::new(&self.config, self.seed, device));
        // The two optimisers of the paper are one: Adam takes each number for itself, and their settings are equal.
        let parameters = encoder.parameters().into_iter().chain(decoder.parameters());
        let flat = Flat::new(parameters.map(|(_, parameter)| parameter).collect());
        let mut adam = Adam::new(flat.values(), AdamConfig::default());
        let all = Tensor::cat(classes, 0);
        let count = all.size()[0] as usize;
        let (mut best, mut least) = (copied(&encoder, &decoder), f64::INFINITY);
        observer.begin("autoencoder", "passes", self.epochs);
        for epoch in 0..self.epochs {
            if observer.stop_requested() {
                return Err(Problem::new(Kind::Interrupted, "stopped; the autoencoder begins anew"));
            }
            let mut rng = self.seed.stream("epoch", epoch);
            let mut order: Vec<i64> = (0..count as i64).collect();
            order.shuffle(&mut rng);
            let mut sum = 0.0;
            // Normalisation needs two: a last one alone waits for the next pass.
            for batch in order.chunks(BATCH).filter(|batch| batch.len() > 1) {
                let images = all.index_select(0, &Tensor::from_slice(batch).to_device(device));
                let of_class = &classes[rng.random_range(0..classes.len())];
                let chosen = of_class.index_select(0, &picked(of_class.size()[0], &mut rng).to_device(device));
                let codes = encoder.forward(&images, Mode::Train);
                let error = mean_square(&decoder.forward(&codes, Mode::Train), &images);
                let loss = error + self.penalty(&encoder, &decoder, &chosen, &mut rng);
                let rates = adam.next(LEARNING_RATE).to_device(device);
                let _ = adam.step(&flat.gradient(&loss), &rates);
                sum += f64::try_from(loss)? * batch.len() as f64;
            }
            let mean = sum / count as f64;
            if !mean.is_finite() {
                return Err(Problem::new(
                    Kind::Gate,
                    format!("the autoencoder's loss is {mean} in pass {}", epoch + 1),
                )
                .expected("a number")
                .advice("leave the DeepSMOTE arms out of classify.arms (--arms)"));
            }
            if mean < least {
                (best, least) = (copied(&encoder, &decoder), mean);
            }
            observer.advance(1);
        }
        observer.end();
        Ok(best)
    }

    fn penalty(&self, encoder: &Encoder, decoder: &Decoder, images: &Tensor, rng: &mut impl Rng) -> Tensor {
        let mut places: Vec<i64> = (0..images.size()[0]).collect();
        places.shuffle(rng);
        let places = Tensor::from_slice(&places).to_device(images.device());
        match self.penalty {
            Penalty::Paper => {
                let codes = encoder.forward(images, Mode::Train).index_select(0, &places);
                mean_square(&decoder.forward(&codes, Mode::Train), images)
            }
            Penalty::Code => {
                let codes = tch::no_grad(|| encoder.forward(images, Mode::Train)).index_select(0, &places);
                mean_square(&decoder.forward(&codes, Mode::Train), &images.index_select(0, &places))
            }
        }
    }
}

/// Places of [`BATCH`] slices of `count` at most; one alone twice, since normalisation needs two.
fn picked(count: i64, rng: &mut impl Rng) -> Tensor {
    let mut places: Vec<i64> = (0..count).collect();
    places.shuffle(rng);
    places.truncate(BATCH);
    if count == 1 {
        places.push(0);
    }
    Tensor::from_slice(&places)
}

fn mean_square(a: &Tensor, b: &Tensor) -> Tensor {
    (a - b).square().mean(Type::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn networks() -> (Encoder, Decoder, Tensor) {
        let config = AutoencoderConfig { channels: 1, side: 16, width: 2, code: 3 };
        let x = crate::nets::network::Init::new(RunSeed(2), Device::Cpu, "x").normal_buffer("x", &[6, 1, 16, 16]);
        (Encoder::new(&config, RunSeed(1), Device::Cpu), Decoder::new(&config, RunSeed(1), Device::Cpu), x.tanh())
    }

    #[test]
    fn the_papers_penalty_reaches_both_halves_and_the_programs_is_reconstruction_for_the_decoder_alone() {
        let (encoder, decoder, x) = networks();
        let penalty = |penalty: Penalty| {
            let training = Training {
                config: AutoencoderConfig { channels: 1, side: 16, width: 2, code: 3 },
                penalty,
                epochs: 1,
                seed: RunSeed(1),
            };
            training.penalty(&encoder, &decoder, &x, &mut RunSeed(5).stream("penalty", 0))
        };
        let reached = |loss: &Tensor, network: &dyn Network| {
            let parameters: Vec<Tensor> = network.parameters().into_iter().map(|(_, tensor)| tensor).collect();
            // libtorch refuses a loss that no parameter leads to, or gives gradients that are none.
            Tensor::f_run_backward(&[loss], &parameters, true, false)
                .is_ok_and(|gradients| gradients.iter().any(Tensor::defined))
        };
        let reconstruction = mean_square(&decoder.forward(&encoder.forward(&x, Mode::Train), Mode::Train), &x);
        let value = |loss: &Tensor| f64::try_from(loss).unwrap();
        let (paper, code) = (penalty(Penalty::Paper), penalty(Penalty::Code));
        assert!((value(&paper) - value(&reconstruction)).abs() > 1e-6);
        approx::assert_abs_diff_eq!(value(&code), value(&reconstruction), epsilon = 1e-5);
        assert!(reached(&paper, &encoder) && reached(&paper, &decoder));
        assert!(!reached(&code, &encoder) && reached(&code, &decoder));
    }

    #[test]
    fn sides_are_raised_to_what_can_be_halved_four_times() {
        let side = |height, width| padding_of(height, width).side;
        assert_eq!([side(64, 64), side(40, 40), side(8, 8)], [64, 48, 16]);
    }
}
