//! `rimforge generate`: lesions from a trained network, one file a seed.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use super::console::Console;
use super::engine_args::EngineArgs;
use super::options::Options;
use super::volumes;
use crate::data::Prepared;
use crate::engine::Lab;
use crate::generate::explore::Exploration;
use crate::generate::volumes::draws_volumes;
use crate::generate::{Format, GenerateConfig, Inputs, run_stage_with_sheets};
use crate::latent::draw::NoiseMode;
use crate::latent::paths;
use crate::name::shown_path;
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::records::synthesis::SynthesisRecord;
use crate::seed::RunSeed;
use crate::settings::Settings;

/// Arguments of `rimforge generate`.
#[derive(Args, Debug)]
pub struct GenerateArgs {
    /// A network file, or the folder of a training run (its best network, else its last) or an import.
    #[arg(long, value_name = "FILE|DIR")]
    network: PathBuf,
    #[command(flatten)]
    settings: Options<GenerateConfig, Typed>,
    /// Where to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Prepared data set whose training rims to show and measure beside the synthetic ones.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    explore: Options<Exploration, Sheets>,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "generate-settings")]
struct Typed {
    /// Seeds and ranges of seeds, each NumPy's RandomState(seed).
    #[arg(long)]
    seeds: Option<String>,
    /// Truncation psi: 1 full variety, 0 the mean image.
    #[arg(long = "trunc", value_name = "PSI")]
    truncation: Option<f64>,
    /// Class of a conditional network: its name, its number from 0, or "each" in turn, seed by seed.
    #[arg(long, value_name = "K", allow_hyphen_values = true)]
    class: Option<ClassChoice>,
    /// Noise maps.
    #[arg(long, value_parser = choice::<NoiseMode>())]
    noise: Option<NoiseMode>,
    /// What to write for each seed; may be repeated or given with commas.
    #[arg(long = "format", value_name = "FORMAT", value_parser = choice::<Format>(), value_delimiter = ',')]
    formats: Option<Vec<Format>>,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "sheets")]
struct Sheets {
    /// Also a grid that mixes styles of seeds: rows, then columns whose styles replace the rows' on --mix-layers.
    #[arg(long, value_name = "0-4:10-14")]
    mix: Option<String>,
    /// Layers of --mix, from 0 (coarse); the coarser half by default.
    #[arg(long, value_name = "0-4", requires = "mix")]
    mix_layers: Option<String>,
    /// Also a strip and a film (animated PNG) on the way from seed to seed.
    #[arg(long, value_name = "SEEDS")]
    walk: Option<String>,
    /// Steps of --walk between two seeds.
    #[arg(long, value_name = "N", requires = "walk")]
    walk_frames: Option<usize>,
    /// What --walk runs through: w (straight) or z (on the sphere).
    #[arg(long, requires = "walk", value_parser = choice::<paths::Path>())]
    walk_space: Option<paths::Path>,
    /// Also a sheet of the first 8 seeds at these truncations.
    #[arg(long, value_name = "0,0.5,1", allow_hyphen_values = true, value_delimiter = ',')]
    truncation_sweep: Option<Vec<f64>>,
}

/// Draws the images and the sheets and prints a summary.
///
/// # Errors
/// Settings that make no sense, no usable network or data set, a failed write, or stopped on request.
pub fn run(args: &GenerateArgs, console: &Console) -> Result<()> {
    let (config, sheets) = (args.settings.config()?, args.explore.config()?);
    config.check()?;
    sheets.check()?;
    let engine = args.engine.start()?;
    if draws_volumes(&args.network)? {
        let lab = Lab { engine: &engine, seed: RunSeed(0), observer: console.observer()? };
        let beside = args.data.is_some() || !sheets.is_empty();
        return volumes::generate(&args.network, &config, (&args.out, beside), &lab, console);
    }
    let data = args.data.as_ref().map(Prepared::open).transpose()?;
    let inputs = Inputs { network: &args.network, data: data.as_ref() };
    // Every draw is a function of an image's own seed.
    let lab = Lab { engine: &engine, seed: RunSeed(0), observer: console.observer()? };
    let (record, written) = run_stage_with_sheets(inputs, &config, &sheets, &args.out, &lab)?;
    console.result(&record, || {
        let images = format!("{} images in {}\n", record.count, shown_path(&args.out));
        let sheets: String = written.iter().map(|name| format!("{}\n", shown_path(&args.out.join(name)))).collect();
        images + &sheets + &rims(&record)
    })
}

/// How much rim the images show; nothing where it was not measured.
fn rims(record: &SynthesisRecord) -> String {
    let Some(rims) = &record.rim_contrast else { return String::new() };
    let (synthetic, real) = (rims.synthetic_quartiles, rims.real_quartiles);
    let mut text = format!(
        "rim contrast, median (quartiles): synthetic {:.1} ({:.1} to {:.1}) ppb, real rims {:.1} ({:.1} to {:.1}) ppb\n",
        rims.synthetic_median, synthetic.0, synthetic.1, rims.real_median, real.0, real.1
    );
    if let (Some(median), Some((low, high))) = (rims.non_rim_median, rims.non_rim_quartiles) {
        text += &format!("the same measure on non-rims: {median:.1} ({low:.1} to {high:.1}) ppb\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn options_set_settings_and_sheets() {
        let parse =
            |more: &[&str]| parsed::<GenerateArgs>(&[&["--network", "n", "--out", "o"], more].concat()).unwrap();
        let plain = parse(&[]);
        assert_eq!(plain.settings.config().unwrap(), GenerateConfig::default());
        assert!(plain.explore.config().unwrap().is_empty());
        let some =
            parse(&["--trunc", "0.5", "--format", "png", "--class", "rim", "--walk", "1,2", "--walk-space", "z"]);
        let config = some.settings.config().unwrap();
        assert_eq!((config.truncation, config.formats), (0.5, vec![Format::Png]));
        assert_eq!(config.class, Some(ClassChoice::Name("rim".into())));
        let sheets = some.explore.config().unwrap();
        assert_eq!((sheets.walk.as_deref(), sheets.walk_space, sheets.walk_frames), (Some("1,2"), paths::Path::Z, 8));
    }
}
