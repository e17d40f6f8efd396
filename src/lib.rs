//! rimforge: from a cohort on disk to classifiers trained with synthetic and denoised lesions, and the evidence.
//!
//! Data flows down this list; a module imports only from those that its row in `ARCHITECTURE.md` names,
//! and `tests/it/architecture.rs` holds it to that.

// The engine alone talks to libtorch past the borrow checker; training asks the system for the disk's room, and the
// end of the process has an allocator and a handler of signals.
#![deny(unsafe_code)]

/// What every stage may lean on: errors for people, progress.
pub mod problem;

/// Progress out of a stage, a request to stop into it.
pub mod observer;

/// Words out of files that are safe in file names and on a terminal.
pub mod name;

/// The ground floor, down to TensorBoard's event files: here SHA-256 as text.
pub mod digest;

/// Random streams by name: (run seed, purpose, index).
pub mod seed;

/// What every stage works with: engine, seed, observer.
pub mod lab;

/// What every section of a study's settings can do.
pub mod settings;

/// Smoothing of small images.
pub mod filter;

/// sRGB, CIELAB, the typology angle of skin.
pub mod colour;

/// Whole files or none, locked folders, hashes of what is read.
pub mod files;

/// The one place that knows the names of a study's files.
pub mod run_dir;

/// Parts of a stage that other processes make, in files that whoever does the whole takes in.
pub mod units;

/// Small pictures: canvas, text, PNG.
pub mod raster;

/// TensorBoard's event files.
pub mod tensorboard;

/// Plain results of the stages, and what networks and data sets say about their images.
pub mod records;

/// Numbers to numbers: kappa, ranking scores, intervals, tests.
pub mod statistics;

/// Volumes: one reader, one writer, one grid.
pub mod nifti;

/// 1. Files to patches: BIDS, PNG, zip; intensity windows; patient-wise split.
pub mod data;

/// What a picture shows, in numbers, without a network.
pub mod meters;

/// Is a cohort, simulated or not, to be believed?
pub mod gates;

/// 0. Simulated data with known truth, in the layout of its field.
pub mod simulate;

/// The only door to libtorch beyond plain tensor calls.
#[allow(unsafe_code, reason = "the door to libtorch and to the C++ shim")]
pub mod engine;

/// Steps of descent: Adam with visible state, the moving average of weights.
pub mod optim;

/// The differentiable augmentation and its controller.
pub mod augment;

/// Features or images to numbers with intervals.
pub mod metrics;

/// 2. Tensors to tensors: generator, discriminator, feature nets, classifier, strict weights.
pub mod nets;

/// Networks of the StyleGAN2-ADA reference in and out; no pickle is run.
pub mod pickle;

/// The latent space: seeds, cloud, images of seeds, paths.
pub mod latent;

/// Prepared data to tensors, images to pictures.
pub mod feed;

/// 3. GAN training: phases, losses, state, checkpoints.
pub mod train;

/// 4. Seeds to images.
pub mod generate;

/// 5. Image to latent, and whether to believe the result.
pub mod project;

/// 3b. Variants of the network trained at equal budget and compared.
pub mod variants;

/// 5b. Known lesions spoiled and projected back.
pub mod perturb;

/// 5g. How projections differ from images: how far to trust them, and whether that tells lesions.
pub mod residuals;

/// 5d. Images to codes for editing: by encoder or descent, and the generator mended for them.
pub mod invert;

/// 5c. Contested lesions projected as of one class and as of the other: a probability.
pub mod two_sided;

/// 5d. Directions of a latent space, named by what they move.
pub mod directions;

/// 5f. Training images moved along accepted directions, each as of its class.
pub mod edit;

/// 6. Augmentation arms, the fit, lesion scores.
pub mod classify;

/// 6b. Sets of images against held-out ones; a network's latent space.
pub mod evaluate;

/// 6c. What classifiers look at: maps of attribution, held to the truth where it is known.
pub mod explain;

/// 6d. Masks of rims: one network an arm, measured on held-out lesions.
pub mod segment;

/// 6e. Regions of gliomas: what drawn pairs of an under-represented population are worth.
pub mod tumours;

/// 7. Run folder to one HTML file.
pub mod report;

/// Recipes: a study's settings, its stages in order, what is kept of them.
pub mod study;

/// 9. What the program leaves, in the forms that others read.
pub mod share;

/// 8. Local web pages: a reader study, answered in a browser of this machine.
pub mod serve;

/// How fast this machine does it.
pub mod bench;

/// The end of the process, whatever breaks.
#[allow(unsafe_code, reason = "an allocator is unsafe by its trait, and a handler of signals may do next to nothing")]
pub mod ending;

/// Parse, call, print.
pub mod commands;

/// The command line's shape.
pub mod cli;
