//! What `generate` and `evaluate` do with volumes.

use std::fmt::Write;
use std::path::Path;

use super::console::{Console, noted};
use crate::data::PreparedVolumes;
use crate::engine::Lab;
use crate::evaluate::{self, EvaluateConfig};
use crate::generate::{self, GenerateConfig};
use crate::name::shown_path;
use crate::problem::{Problem, Result};
use crate::records::volumes::VolumeEvaluation;

/// Draws volumes; `beside` says whether data or sheets were asked for, which a network of volumes has not.
///
/// # Errors
/// Those of [`generate::volumes::run_volume_stage`].
pub(super) fn generate(
    network: &Path,
    config: &GenerateConfig,
    (out, beside): (&Path, bool),
    lab: &Lab<'_>,
    console: &Console,
) -> Result<()> {
    if beside {
        return Err(Problem::usage("--data or sheets with a network of volumes")
            .expected("volumes of seeds alone")
            .advice("look at the reals in the folder of the training run: previews/reals.png"));
    }
    let record = generate::volumes::run_volume_stage(network, config, out, lab)?;
    console.result(&record, || format!("{} volumes in {}\n", record.count, shown_path(out)))
}

/// Measures volumes that `network` draws; `sets` says whether folders of images were given, too.
///
/// # Errors
/// Settings that images alone have; those of [`evaluate::volumes::run_volume_stage`].
pub(super) fn evaluate(
    data: &PreparedVolumes,
    network: Option<&Path>,
    (config, sets): (&EvaluateConfig, bool),
    out: &Path,
    (lab, console): (&Lab<'_>, &Console),
) -> Result<()> {
    let Some(network) = network.filter(|_| !sets) else {
        return Err(Problem::usage("volumes without --network, or with --synthetic")
            .expected("--network FILE|DIR, from which as many volumes are drawn as are compared"));
    };
    if *config != EvaluateConfig::default() {
        return Err(Problem::usage("settings of evaluate other than the defaults for volumes")
            .expected("none: features, kernel and windows of volumes are fixed"));
    }
    let record = evaluate::volumes::run_volume_stage(data, network, out, lab)?;
    console.result(&record, || table(&record))
}

fn table(record: &VolumeEvaluation) -> String {
    let mut text = if record.simulated { "SIMULATED. ".to_owned() } else { String::new() };
    let _ = writeln!(text, "{} volumes in each set; drawn against reals (reals against reals)", record.volumes);
    for one in &record.measures {
        let _ = writeln!(text, "{}\n  {:.5} ({:.5}), {}", one.name, one.drawn, one.real, one.meaning);
    }
    text.push_str(&noted(&record.notes));
    text
}
