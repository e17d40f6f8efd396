//! What a benchmark found.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Nets, Way};
use crate::problem::Result;
use crate::records::precision::PrecisionSpeed;
use crate::records::spelling;

/// What a benchmark found; absent what does not apply.
#[derive(Clone, Debug, Serialize)]
pub struct BenchRecord {
    /// "train", "project", "generate", "simulate", "prepare" or "classify".
    pub benchmark: &'static str,
    /// The networks: "small", "paper", "slice-256", "volume-32" or "volume-64".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net: Option<String>,
    /// Images at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
    /// Of activations and kernels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<&'static str>,
    /// What it was chosen by, where it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision_speed: Option<PrecisionSpeed>,
    /// Ways of computing that were tried; first the one that training takes, of which the other numbers are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<Way>,
    /// "cpu" or "cuda(0)".
    pub device: String,
    /// Of one operation.
    pub threads: usize,
    /// Processes that train together; absent for what one alone does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<usize>,
    /// Parts of the work, in milliseconds of wall-clock time per image (per patient).
    pub parts_ms: BTreeMap<&'static str, f64>,
    /// Images a second, of all processes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images_per_s: Option<f64>,
    /// Images times steps of the projector a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_steps_per_s: Option<f64>,
    /// Of a training step's time, spent in exchanges between its replicas, threads or processes, as the first of them
    /// sees it: waiting for the slowest, carrying and adding up. 0 where a batch is computed in one part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange_share: Option<f64>,
    /// Seconds a patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_per_patient: Option<f64>,
    /// Forward and backward of a 3x3 convolution, 512 to 512 channels at 32x32, batch 8, float32: the better of before
    /// and after; of processes at the same time, added up.
    pub conv_fp32_gflops: f64,
    /// Arithmetic of training on one image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gflop_per_image: Option<f64>,
    /// Arithmetic of training as a share of that rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_of_conv_rate: Option<f64>,
    /// Of training time at the default settings, spent writing checkpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_share: Option<f64>,
    /// Most memory in use: of the GPU where it is the device, else of the process; of several the first one's.
    pub peak_bytes: u64,
}

impl BenchRecord {
    /// Parts alone; what holds for every benchmark is filled in afterwards.
    pub(super) fn new(
        benchmark: &'static str,
        nets: Option<&Nets>,
        parts_ms: BTreeMap<&'static str, f64>,
    ) -> Result<Self> {
        Ok(Self {
            benchmark,
            net: nets.map(|nets| spelling::name(&nets.size)),
            batch: nets.map(Nets::batch).transpose()?,
            precision: None,
            precision_speed: None,
            ways: vec![],
            device: String::new(),
            threads: 0,
            processes: None,
            parts_ms,
            images_per_s: None,
            image_steps_per_s: None,
            exchange_share: None,
            seconds_per_patient: None,
            conv_fp32_gflops: 0.0,
            gflop_per_image: None,
            share_of_conv_rate: None,
            checkpoint_share: None,
            peak_bytes: 0,
        })
    }

    /// The same for a person.
    pub fn table(&self) -> String {
        let mut text = self.benchmark.to_owned();
        if let (Some(net), Some(batch)) = (&self.net, self.batch) {
            text.push_str(&format!(", {net} net, batch {batch}"));
        }
        let precision = self.precision.map_or(String::new(), |precision| format!(", {precision}"));
        let processes = match self.processes {
            Some(several) if several > 1 => format!(", {several} processes of"),
            _ => ",".to_owned(),
        };
        let threads = if self.threads == 1 { "thread" } else { "threads" };
        text.push_str(&format!("{precision}, {}{processes} {} {threads}\n", self.device, self.threads));
        for (part, ms) in &self.parts_ms {
            text.push_str(&format!("  {part:<34} {ms:>10.2} ms\n"));
        }
        let mut line = |name: &str, value: Option<f64>, unit: &str| {
            if let Some(value) = value {
                text.push_str(&format!("  {name:<34} {value:>10.2} {unit}\n"));
            }
        };
        for Way { precision, replicas, threads, images_per_s } in &self.ways {
            let parts = if *replicas == 1 { "1 part".to_owned() } else { format!("{replicas} parts") };
            let of_threads = if *threads == 1 { String::new() } else { format!(" x {threads} threads") };
            line(&format!("{precision}, {parts}{of_threads}"), Some(*images_per_s), "images/s");
        }
        line("images", self.images_per_s, "/s");
        line("share of time in exchanges", self.exchange_share.map(|share| 100.0 * share), "%");
        line("image steps", self.image_steps_per_s, "/s");
        line("patient", self.seconds_per_patient, "s");
        line("float32 convolution rate", Some(self.conv_fp32_gflops), "GFLOP/s");
        line("arithmetic of an image", self.gflop_per_image, "GFLOP");
        line("share of it", self.share_of_conv_rate, "");
        line("share of time in checkpoints", self.checkpoint_share.map(|share| 100.0 * share), "%");
        line("peak memory", Some(self.peak_bytes as f64 / f64::from(1 << 20)), "MiB");
        if let Some(speed) = &self.precision_speed {
            text.push_str(&format!("  bfloat16 on one thread: {}\n", speed.in_words()));
        }
        text
    }
}
