//! `rimforge directions`: what a network's latent space can be moved along, named by what each direction moves.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use super::console::{Console, noted};
use super::engine_args::EngineArgs;
use super::options::{Options, SeedArgs};
use crate::data::Prepared;
use crate::directions::config::{MetersChoice, Method};
use crate::directions::factorised::Variant;
use crate::directions::gate::Against;
use crate::directions::layers::LayerGroup;
use crate::directions::{DirectionsConfig, Inputs, run_stage};
use crate::engine::Lab;
use crate::name::shown_path;
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::records::directions::{DirectionSet, DirectionsRecord, StabilityRecord};
use crate::run_dir::RECORD;
use crate::settings::Settings;

/// Arguments of `rimforge directions`.
#[derive(Args, Debug)]
pub struct DirectionsArgs {
    /// Trained network: a .safetensors file, or the folder of a training run or an import.
    #[arg(long, value_name = "NET")]
    network: PathBuf,
    /// Prepared data set of the network; its training side alone is looked at.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A network of the same images that was trained from other weights: does it have the same directions?
    #[arg(long, value_name = "NET")]
    second: Option<PathBuf>,
    /// Folder for vectors, pictures and the record; a run that was stopped begins anew and ends in the same bytes.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<DirectionsConfig, Typed>,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "directions-settings")]
struct Typed {
    /// Ways to find them, separated by commas: closed-form (from the weights), ganspace (from the codes).
    #[arg(long, value_name = "WAY,WAY", value_delimiter = ',', value_parser = choice::<Method>())]
    methods: Option<Vec<Method>>,
    /// Closed form: normalised (rows of unit length, the last image layer too), or published (convolutions as they
    /// are).
    #[arg(long, value_parser = choice::<Variant>())]
    variant: Option<Variant>,
    /// Layers that are moved together, each group with directions of its own: all, coarse, middle, fine.
    #[arg(long, value_name = "GROUP,GROUP", value_delimiter = ',', value_parser = choice::<LayerGroup>())]
    layers: Option<Vec<LayerGroup>>,
    /// Directions of each way and group.
    #[arg(long)]
    count: Option<u64>,
    /// Mapped latents whose spread a step is measured in.
    #[arg(long)]
    samples: Option<u64>,
    /// Codes that are moved along each direction.
    #[arg(long)]
    codes: Option<u64>,
    /// The outermost steps in deviations of the codes, at most 3.
    #[arg(long)]
    reach: Option<f64>,
    /// Random directions that each group is compared with.
    #[arg(long)]
    random: Option<u64>,
    /// The one class that codes are of, by name or number; without it classes are drawn as the training images have
    /// them.
    #[arg(long, value_name = "K", allow_hyphen_values = true)]
    class: Option<ClassChoice>,
    /// Factors that are measured.
    #[arg(long, value_parser = choice::<MetersChoice>())]
    meters: Option<MetersChoice>,
    /// Distance between images: auto, random-vgg, pixels, discriminator, or a file with the weights of a known net.
    #[arg(long)]
    features: Option<String>,
    /// LPIPS weights of that net in a file of their own.
    #[arg(long, value_name = "FILE")]
    lpips_weights: Option<PathBuf>,
    /// What an edited image may not be farther away than: calibrated, none, or a distance.
    #[arg(long)]
    threshold: Option<String>,
    /// What an edited image is held to: the inverted image, or the original.
    #[arg(long, value_parser = choice::<Against>())]
    against: Option<Against>,
    /// Codes in the pictures.
    #[arg(long)]
    shown: Option<u64>,
    /// With --second: images that are projected into it to map codes onto each other; 0 for none.
    #[arg(long)]
    align: Option<u64>,
    /// With --align: steps of each projection.
    #[arg(long)]
    align_steps: Option<u64>,
}

/// Finds directions and prints what each moves.
///
/// # Errors
/// Settings that make no sense, no usable network or data set, a second network of common ancestry, or stopped on
/// request.
pub fn run(args: &DirectionsArgs, console: &Console) -> Result<()> {
    let config = args.settings.config()?;
    config.check()?;
    let engine = args.engine.start()?;
    let data = Prepared::open(&args.data)?;
    let inputs = Inputs { network: &args.network, data: &data, second: args.second.as_deref(), classes: None };
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    console.result(&record, || format!("{}record {}\n", tables(&record), shown_path(&args.out.join(RECORD))))
}

/// What the record says, for a terminal.
fn tables(record: &DirectionsRecord) -> String {
    let mut text = if record.simulated { "SIMULATED. ".to_owned() } else { String::new() };
    let _ = writeln!(
        text,
        "factors: {}; effects in deviations of the training images for a step of one deviation of the codes",
        record.meters
    );
    record.sets.iter().for_each(|set| text.push_str(&of_set(set)));
    let gate = &record.gate;
    let threshold = gate.threshold.map_or_else(|| "none".into(), |threshold| format!("{threshold:.4}"));
    let _ = writeln!(text, "\ngate: {} to the {} image, {threshold} ({})", record.distance, gate.against, gate.from);
    if let Some(found) = &gate.calibration {
        let _ = writeln!(
            text,
            "  {:.0} % of {} pairs of one lesion lie within {:.4}, and {:.0} % of {} pairs of other lesions",
            100.0 * found.quantile,
            found.same_pairs,
            found.threshold,
            100.0 * found.others_within,
            found.other_pairs
        );
    }
    text.push_str(&record.second.as_ref().map(stability).unwrap_or_default());
    text.push_str(&noted(&record.notes));
    text
}

fn of_set(set: &DirectionSet) -> String {
    let [first, last] = set.indices;
    let mut text = format!("\n{}, {} layers (w {first} to {last})\n", set.method, set.layers);
    for one in &set.directions {
        let most = one.effects.iter().fold(0.0f64, |most, effect| most.max(effect.abs()));
        let subspace = one.subspace.map_or_else(String::new, |number| format!("  subspace {}", number + 1));
        let _ = writeln!(
            text,
            "  {:<26} {:<22} {most:>6.3}  purity {:.2}  {}  sigma {:.3}{subspace}",
            one.id,
            one.name,
            one.purity,
            if one.beats_null { "beyond chance" } else { "within chance" },
            one.sigma
        );
    }
    let null = &set.null;
    let _ = writeln!(
        text,
        "  {:<26} {:<22} {:>6.3}  purity {:.2}  (95 % of {} random directions)",
        "chance", "", null.strongest, null.purity, null.directions
    );
    text
}

fn stability(second: &StabilityRecord) -> String {
    let mut text = String::from("\nthe second network's directions, matched by what they do\n");
    for set in &second.sets {
        let aligned = set.aligned.as_ref().map_or_else(String::new, |aligned| {
            format!("; vectors behind the map of codes: mean |cos| {:.3}, p {:.3}", aligned.mean, aligned.p)
        });
        let _ = writeln!(
            text,
            "  {}, {}: mean |cos| {:.3}, by chance up to {:.3}, p {:.3}{aligned}",
            set.method, set.layers, set.mean, set.chance, set.p
        );
    }
    if let Some(map) = &second.alignment {
        let _ = writeln!(text, "  map of codes: R^2 {:.3} of {} held out", map.r_squared, map.pairs[1]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;
    use crate::directions::gate::Threshold;

    #[test]
    fn options_set_settings() {
        let typed = ["--network", "n", "--data", "d", "--out", "o"];
        let config =
            |more: &[&str]| parsed::<DirectionsArgs>(&[&typed[..], more].concat()).unwrap().settings.config().unwrap();
        assert_eq!(config(&[]), DirectionsConfig::default());
        let some = config(&["--layers", "all,fine", "--threshold", "0.2", "--methods", "ganspace", "--class", "mel"]);
        assert_eq!(some.layers, [LayerGroup::All, LayerGroup::Fine]);
        assert_eq!((some.threshold, some.methods), (Threshold::At(0.2), vec![Method::Ganspace]));
        assert_eq!(some.class, Some(ClassChoice::Name("mel".into())));
    }
}
