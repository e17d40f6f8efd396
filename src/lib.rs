//! rimforge: from a cohort on disk to classifiers trained with synthetic and denoised lesions, and the evidence.
//!
//! Data flows down this list; a module imports only from those that its row in `ARCHITECTURE.md` names,
//! and `tests/it/architecture.rs` holds it to that.

/// What every stage may lean on: errors for people, progress, named random streams, plain results, file names, whole files.
pub mod problem;

pub mod observer;

pub mod digest;

pub mod filter;

pub mod seed;

pub mod records;

pub mod run_dir;

pub mod atomic_file;

/// Small pictures with text, as PNG.
pub mod raster;

/// Numbers to numbers: kappa, ranking scores, intervals, tests.
pub mod statistics;

/// The only door to libtorch beyond plain tensor calls.
pub mod engine;

/// 0. Simulate a cohort: anatomy, lesions, dipole physics, inversion, readers, BIDS.
pub mod cohort;

/// 1. Files to patches: NIfTI, BIDS, PNG, zip; intensity windows; patient-wise split.
pub mod data;

/// 2. Tensors to tensors: generator, discriminator, perceptual nets, classifier, strict weights.
pub mod nets;

/// Networks of the StyleGAN2-ADA reference in and out; no pickle is run.
pub mod pickle;

/// 3. The differentiable augmentation and its controller.
pub mod augment;

/// 4. GAN training: phases, losses, Adam, EMA, state, checkpoints.
pub mod train;

/// 4b. Seeds to images.
pub mod generate;

/// 5. Image to latent, and whether to believe the result.
pub mod project;

/// 6. Features or images to numbers with intervals.
pub mod metrics;

/// 7. Augmentation arms, the fit, lesion scores.
pub mod classify;

/// 8. Run folder to one HTML file.
pub mod report;

/// Parse, resolve, run.
pub mod config;

pub mod cli;

pub mod commands;
