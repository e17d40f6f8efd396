//! `rimforge bench`: how fast this machine trains, projects and draws, beside its own convolution rate in the same run.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::choices::choice;
use super::console::Console;
use super::distributed::DistributedArgs;
use super::engine_args::EngineArgs;
use crate::bench::{self, BenchNet, Nets, Work};
use crate::classify::config::Width;
use crate::engine::Precision;
use crate::problem::Result;

/// Arguments of `rimforge bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    engine: EngineArgs,
    /// Timed repetitions of each piece of work, after one that is not counted.
    #[arg(long, default_value_t = 3, global = true)]
    repetitions: u32,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Every phase of a training step, by this process or by several together.
    Train {
        #[command(flatten)]
        net: NetArgs,
        /// Parts of a batch, each on a thread of its own; absent: as training would divide it, and 1 beside it.
        #[arg(long)]
        replicas: Option<u64>,
        #[command(flatten)]
        distributed: DistributedArgs,
    },
    /// Steps of the projector on many images at once.
    Project {
        #[command(flatten)]
        net: NetArgs,
    },
    /// Drawing images.
    Generate {
        #[command(flatten)]
        net: NetArgs,
    },
    /// One full-size patient on one core: anatomy, scan, inversion.
    Simulate,
    /// Reading a cohort's files and cutting patches, beside inflating the files alone.
    Prepare {
        /// BIDS folder, simulated or your own; nothing is written into it.
        #[arg(long, value_name = "FOLDER")]
        cohort: PathBuf,
    },
    /// Training steps of the lesion classifier, a fit on each thread.
    Classify {
        /// Width of the classifier.
        #[arg(long, default_value = "small", value_parser = choice::<Width>())]
        net: Width,
    },
}

#[derive(Args, Debug)]
struct NetArgs {
    /// The networks: of images of 64 pixels, slices of 256, volumes of 32 or 64 voxels each way.
    #[arg(long, default_value = "small", value_parser = choice::<BenchNet>())]
    net: BenchNet,
    /// Of activations and kernels; auto is measured on a CPU, and training is timed in both.
    #[arg(long, default_value = "auto", value_parser = choice::<Precision>())]
    precision: Precision,
    /// Images at once; absent: 32 for the small net, 16 for volumes of 32 voxels, 8 for the others.
    #[arg(long)]
    batch: Option<u64>,
}

impl NetArgs {
    fn nets(&self) -> Nets {
        Nets { size: self.net, precision: self.precision, batch: self.batch }
    }
}

impl What {
    fn work(&self) -> Work {
        match self {
            Self::Train { net, replicas, .. } => Work::Train(net.nets(), *replicas),
            Self::Project { net } => Work::Project(net.nets()),
            Self::Generate { net } => Work::Generate(net.nets()),
            Self::Simulate => Work::Simulate,
            Self::Prepare { cohort } => Work::Prepare(cohort.clone()),
            Self::Classify { net } => Work::Classify(*net),
        }
    }
}

/// Measures and prints the result.
///
/// # Errors
/// Arguments that make no sense, or work that fails.
pub fn run(args: &BenchArgs, console: &Console) -> Result<()> {
    let (engine, group) = match &args.what {
        What::Train { distributed, .. } => distributed.start(&args.engine)?,
        _ => (args.engine.start()?, None),
    };
    match bench::run(&args.what.work(), args.repetitions, &engine, group)? {
        Some(record) => console.result(&record, || record.table()),
        // Another process reports.
        None => Ok(()),
    }
}
