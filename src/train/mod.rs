//! GAN training: StyleGAN2-ADA (Karras et al. 2020) on the training images of a prepared data set.
//!
//! # One training step, file by file
//!
//! **Start.** [`stage`] opens everything: `reals` the images and their classes, `base` (chosen by [`base_choice`],
//! perhaps `embedded` in the program) the network to start from, of which [`transfer`] copies what fits; [`identity`]
//! is what a checkpoint must agree with. [`settled`] settles the precision by measurement and the parts of a batch
//! ([`parts`]), or takes both from the checkpoint. [`replicas`] gives each part a thread, which calls
//! [`training::train`], whose loop takes steps until a tick is over.
//!
//! **A step**, in `Training::step`:
//!
//! 1. [`batch`]: the real images of this step, a function of the step's number alone; [`phases::symmetric`] turns each
//!    by a random element of the symmetry that the data are declared to have.
//!    [`rows`] says which of them this replica computes.
//! 2. [`schedule`]: which of the four phases are due: always the generator's and the discriminator's loss, by default
//!    path lengths at every fourth step and R1 at every sixteenth.
//! 3. For each phase [`runner`] takes these ways:
//!    - [`draws`]: latents, classes, style mixing, noise and augmentation, all drawn on the host from the stream of
//!      this phase and step;
//!    - [`inputs`]: the draws and the real images as tensors, one type a phase; on a GPU they travel in one copy to
//!      places that stay, so that the phase can be recorded once and repeated;
//!    - [`phases`]: the networks run, [`loss`] gives the scalar, [`crate::optim::Flat`] its gradient over all
//!      parameters, [`crate::optim::Peers`] the mean of it over all replicas, and [`crate::optim::Adam`] one step at
//!      the rate that [`schedule`] corrects for lazy regularisation.
//!    - On the way [`stats`] sums up losses and the signs of D(real), and adds to the probes whether all was finite.
//! 4. [`state`]: the step is counted; the generator's moving average follows by [`crate::optim::ema`]; at the end of an
//!    interval of batches [`crate::augment::Ada`] moves the augmentation's probability by the signs of the interval
//!    before.
//!
//! **A tick** (`Training::tick`): the probes are looked at first: a run that is not finite goes back to its last
//! checkpoint with half the learning rate. Then a [`Watcher`] (`watch` is the stage's own) scores and draws,
//! [`run_folder`] writes the log, and [`checkpoint`] what [`saved`] makes of the state, where the disk has room for it
//! (`disk_room`). **The end**: `outcome` says for the record what was trained.
//!
//! Nothing on the way from 3 to 4 waits for the device, and nothing is drawn from a shared generator: where a run was
//! interrupted leaves no trace in its result.

pub mod batch;

pub mod rows;

pub mod config;

pub mod base_choice;

pub mod schedule;

pub mod loss;

pub mod draws;

pub mod inputs;

pub mod phases;

pub mod runner;

pub mod stats;

pub mod state;

pub mod identity;

pub mod saved;

pub mod transfer;

pub mod checkpoint;

mod disk_room;

pub mod run_folder;

pub mod watcher;

pub mod training;

mod replicas;

pub mod parts;

pub mod settled;

mod base;

mod embedded;

mod packed;

mod reals;

mod watch;

mod outcome;

pub mod stage;

pub mod volumes;

pub use base_choice::BaseChoice;
pub use batch::{RealBatch, RealBatches, Reals};
pub use config::{FakeClasses, Resolved, Symmetry, TrainConfig};
pub use embedded::check_embedded_base;
pub use outcome::not_arrived;
pub use reals::{TrainingSet, channel_rule, channel_rules};
pub use replicas::train_in_parts;
pub use rows::Rows;
pub use run_folder::RunFolder;
pub use runner::{Runner, Step};
pub use stage::{run_stage, run_stage_among};
pub use state::TrainState;
pub use training::{MAX_ROLLBACKS, Training, train};
pub use volumes::run_volume_stage;
pub use watcher::{At, Next, Scores, Unwatched, Watcher};
