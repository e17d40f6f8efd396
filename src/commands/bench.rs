//! `rimforge bench`: how fast this machine trains, projects and draws, beside its own convolution rate in the same run.
//!
//! Times of two machines, or of two days on one machine, do not compare; shares of the convolution rate do. Every number
//! is the best of its repetitions: what disturbs a run only ever makes it slower.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use self::clock::Clock;
use crate::commands::engine_args::EngineArgs;
use crate::engine::Precision;
use crate::nets::GeneratorConfig;
use crate::problem::{Kind as ProblemKind, Problem, Result};
use crate::train::stats;

mod classifier;

mod clock;

mod cohort;

mod nets;

mod patient;

/// Side of the images: that of a prepared slice.
const SIDE: i64 = 64;

#[derive(Args, Debug)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    engine: EngineArgs,
    /// Timed repetitions of each piece of work, after one that is not counted.
    #[arg(long, default_value_t = 3, global = true)]
    repetitions: u32,
    /// One JSON object on standard output instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Every phase of a training step.
    Train {
        #[command(flatten)]
        net: NetArgs,
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
        #[arg(long, value_enum, default_value = "small")]
        net: Net,
    },
}

impl What {
    fn net(&self) -> Option<&NetArgs> {
        match self {
            Self::Train { net } | Self::Project { net } | Self::Generate { net } => Some(net),
            Self::Simulate | Self::Prepare { .. } | Self::Classify { .. } => None,
        }
    }
}

#[derive(Args, Debug)]
struct NetArgs {
    /// Size of the networks.
    #[arg(long, value_enum, default_value = "small")]
    net: Net,
    /// Of activations and kernels: float32, bfloat16, auto (what the device is made for); on a GPU also tf32, float16.
    #[arg(long, default_value = "auto", value_parser = precision)]
    precision: Precision,
    /// Images at once; absent: 32 for the small net, 8 for the paper's.
    #[arg(long)]
    batch: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Net {
    Small,
    Paper,
}

impl Net {
    fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Paper => "paper",
        }
    }

    /// Arithmetic of training on one image (forward and backward of both networks), by hand from the layers: for the share
    /// of the convolution rate only.
    fn training_gflop(self) -> f64 {
        match self {
            Self::Small => 1.15,
            Self::Paper => 200.0,
        }
    }

    fn generator(self) -> GeneratorConfig {
        match self {
            Self::Small => GeneratorConfig::small(SIDE, 1),
            Self::Paper => GeneratorConfig::paper(SIDE, 1),
        }
    }
}

fn precision(text: &str) -> std::result::Result<Precision, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|error| error.to_string())
}

impl NetArgs {
    fn batch(&self) -> Result<u64> {
        let batch = self.batch.unwrap_or(if self.net == Net::Small { 32 } else { 8 });
        match batch {
            1..=4096 => Ok(batch),
            _ => Err(Problem::usage(format!("--batch {batch}")).expected("1 to 4096")),
        }
    }
}

/// What a benchmark found.
#[derive(Debug, Serialize)]
struct Report {
    benchmark: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    net: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<u64>,
    /// Of activations and kernels.
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<&'static str>,
    device: String,
    threads: usize,
    /// Parts of the work, in milliseconds of wall-clock time per image (per patient).
    parts_ms: BTreeMap<&'static str, f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    images_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_steps_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_per_patient: Option<f64>,
    /// Forward and backward of a 3x3 convolution, 512 to 512 channels at 32x32, batch 8, float32: before and after.
    conv_fp32_gflops: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    share_of_conv_rate: Option<f64>,
    /// Of training time at the default settings, spent writing checkpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_share: Option<f64>,
    peak_bytes: u64,
}

pub fn run(args: &BenchArgs) -> Result<()> {
    if args.repetitions == 0 {
        return Err(Problem::usage("--repetitions 0").expected("at least 1"));
    }
    let engine = args.engine.start()?;
    let clock = Clock { repetitions: args.repetitions, device: engine.device, graphs: engine.graphs };
    let before = clock.convolution_rate();
    let mut report = match &args.what {
        What::Train { net } => nets::train(&clock, net)?,
        What::Project { net } => nets::project(&clock, net)?,
        What::Generate { net } => nets::generate(&clock, net)?,
        What::Simulate => patient::simulate(&clock)?,
        What::Prepare { cohort } => cohort::prepare_cohort(&clock, cohort, engine.facts.threads)?,
        What::Classify { net } => classifier::classify(&clock, *net, &engine)?,
    };
    report.conv_fp32_gflops = before.max(clock.convolution_rate());
    report.precision =
        args.what.net().map(|net| net.precision.resolve(engine.device, true)).transpose()?.map(Precision::name);
    report.device = format!("{:?}", engine.device).to_lowercase();
    report.threads = engine.facts.threads;
    report.peak_bytes = stats::peak_memory(engine.device);
    if let (What::Train { net }, Some(rate)) = (&args.what, report.images_per_s) {
        report.share_of_conv_rate = Some(rate * net.net.training_gflop() / report.conv_fp32_gflops);
    }
    match args.json {
        true => {
            let text = serde_json::to_string_pretty(&report)
                .map_err(|error| Problem::new(ProblemKind::Internal, format!("cannot express the result: {error}")))?;
            println!("{text}");
        }
        false => print!("{}", report.table()),
    }
    Ok(())
}

impl Report {
    fn new(benchmark: &'static str, net: Option<&NetArgs>, parts_ms: BTreeMap<&'static str, f64>) -> Result<Self> {
        Ok(Self {
            benchmark,
            net: net.map(|net| net.net.name()),
            batch: net.map(NetArgs::batch).transpose()?,
            precision: None,
            device: String::new(),
            threads: 0,
            parts_ms,
            images_per_s: None,
            image_steps_per_s: None,
            seconds_per_patient: None,
            conv_fp32_gflops: 0.0,
            share_of_conv_rate: None,
            checkpoint_share: None,
            peak_bytes: 0,
        })
    }

    fn table(&self) -> String {
        let mut text = self.benchmark.to_owned();
        if let (Some(net), Some(batch)) = (self.net, self.batch) {
            text.push_str(&format!(", {net} net, batch {batch}"));
        }
        let precision = self.precision.map_or(String::new(), |precision| format!(", {precision}"));
        text.push_str(&format!("{precision}, {}, {} threads\n", self.device, self.threads));
        for (part, ms) in &self.parts_ms {
            text.push_str(&format!("  {part:<34} {ms:>10.2} ms\n"));
        }
        let mut line = |name: &str, value: Option<f64>, unit: &str| {
            if let Some(value) = value {
                text.push_str(&format!("  {name:<34} {value:>10.2} {unit}\n"));
            }
        };
        line("images", self.images_per_s, "/s");
        line("image steps", self.image_steps_per_s, "/s");
        line("patient", self.seconds_per_patient, "s");
        line("float32 convolution rate", Some(self.conv_fp32_gflops), "GFLOP/s");
        line("share of it", self.share_of_conv_rate, "");
        line("share of time in checkpoints", self.checkpoint_share.map(|share| 100.0 * share), "%");
        line("peak memory", Some(self.peak_bytes as f64 / f64::from(1 << 20)), "MiB");
        text
    }
}
