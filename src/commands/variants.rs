//! `rimforge variants`: variants of the network and of its training at equal budget.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use toml::Table;

use super::choices::choice;

use super::console::{Console, noted};
use super::engine_args::EngineArgs;
use super::numbers::counted;
use super::options::{Options, SeedArgs};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::name::{Name, shown_path};
use crate::problem::{Problem, Result};
use crate::records::variants::{Range, Reach, VariantRecord, VariantsRecord};
use crate::run_dir::VariantsDir;
use crate::study::settings;
use crate::train::TrainConfig;
use crate::variants::{Variant, VariantsConfig, run_stage};

/// Arguments of `rimforge variants`.
#[derive(Args, Debug)]
pub struct VariantsArgs {
    /// Prepared data set (`rimforge prepare`).
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder for the trainings, the record and the sheet; a second run goes on where the first stopped.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<VariantsConfig, Typed>,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// A training under a name of its own beside the variants: a setting of `train` by its dotted name that it changes,
    /// e.g. from-base:base=embedded; may be repeated, for the same recipe too.
    #[arg(long = "recipe", value_name = "NAME:KEY=VALUE")]
    recipes: Vec<String>,
    /// A setting of every training by its dotted name, as `train` takes it, e.g. condition=labels or net.preset=paper;
    /// may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "variants-settings")]
struct Typed {
    /// Variants, separated by commas; the others are compared with the first. All unless told.
    #[arg(long, value_delimiter = ',', value_parser = choice::<Variant>())]
    names: Option<Vec<Variant>>,
    /// Trainings of each.
    #[arg(long)]
    seeds: Option<u64>,
    /// Thousands of images of each training.
    #[arg(long)]
    kimg: Option<f64>,
    /// Distances measured in each training.
    #[arg(long)]
    points: Option<u64>,
    /// Images drawn of each for the reading of their classes.
    #[arg(long)]
    drawn: Option<u64>,
}

/// Trains, compares and prints the table.
///
/// # Errors
/// Settings that make no sense, no usable data set, or a training that fails or is stopped.
pub fn run(args: &VariantsArgs, console: &Console) -> Result<()> {
    let config = VariantsConfig { recipes: recipes(&args.recipes)?, ..args.settings.config()? };
    let usual = settings::overlay(&TrainConfig::default(), &[], &args.set)?;
    let engine = args.engine.start()?;
    let data = Prepared::open(&args.data)?;
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let record = run_stage(&data, &usual, &config, &args.out, &lab)?;
    console.result(&record, || format!("{}{}\n", table(&record), shown_path(&VariantsDir::new(&args.out).record())))
}

/// Recipes by name, each the settings that it changes.
fn recipes(typed: &[String]) -> Result<BTreeMap<Name, Table>> {
    let mut assignments: BTreeMap<Name, Vec<String>> = BTreeMap::new();
    for text in typed {
        let (name, assignment) = text.split_once(':').ok_or_else(|| {
            Problem::usage(format!("--recipe {text}"))
                .expected("NAME:KEY=VALUE")
                .advice("write a name, a colon, and a setting of train, e.g. --recipe from-base:base=embedded")
        })?;
        let name = Name::new(name.trim()).map_err(Problem::usage)?;
        assignments.entry(name).or_default().push(assignment.to_owned());
    }
    let table = |(name, assignments): (Name, Vec<String>)| {
        let written = settings::written::<TrainConfig>(&assignments);
        Ok((name.clone(), written.map_err(|problem| problem.at(format!("--recipe {name}")))?))
    };
    assignments.into_iter().map(table).collect()
}

/// What the record says, for a terminal.
pub fn table(record: &VariantsRecord) -> String {
    let mut text = if record.simulated { "SIMULATED. ".to_owned() } else { String::new() };
    let floor = record.floor.map_or_else(String::new, |floor| format!("; two halves of the reals: {floor:.4}"));
    let _ = writeln!(
        text,
        "{} of each variant on {} slices, {} images each ({}){floor}",
        counted(record.seeds, "training"),
        record.train_slices,
        record.images,
        record.place
    );
    let _ = writeln!(
        text,
        "{:<22} {:>24} {:<20} {:>24} {:<20} {:>8} {:>7} {:>8} {:>9}",
        "variant", "distance, equal images", "", "equal seconds", "", "classes", "planes", "variety", "images/s"
    );
    let range = |range: &Range| format!("{:.4} ({:.4}-{:.4})", range.mean, range.low, range.high);
    let share =
        |range: &Option<Range>| range.map_or_else(|| "-".into(), |range| format!("{:.0} %", 100.0 * range.mean));
    let words = |verdict: Option<crate::records::variants::Verdict>| verdict.map_or("", |verdict| verdict.words());
    for variant in &record.variants {
        let _ = writeln!(
            text,
            "{:<22} {:>24} {:<20} {:>24} {:<20} {:>8} {:>7} {:>8} {:>9.0}",
            variant.key,
            range(&variant.at_equal_images),
            words(variant.verdict),
            range(&variant.at_equal_seconds),
            words(variant.verdict_at_equal_seconds),
            share(&variant.fidelity),
            share(&variant.planes),
            share(&variant.variety),
            variant.images_per_s.mean
        );
    }
    let _ = writeln!(text, "Frechet distance on {}; mean (range over seeds)", record.features);
    let words = |reach: Reach| reach.words(record.seeds, |value| format!("{value:.0}"));
    let reach = |reach: &Option<Reach>| reach.map_or_else(|| "-".into(), words);
    let _ =
        writeln!(text, "{:<22} {:<42} {:<42}", "until as near as", "two halves of the reals", "the first at its end");
    for VariantRecord { key, to_floor, to_first, .. } in &record.variants {
        let _ = writeln!(text, "{key:<22} {:<42} {:<42}", reach(to_floor), reach(to_first));
    }
    if let Some(reader) = &record.reader {
        let planes = reader.planes.map_or_else(String::new, |planes| format!(", {:.0} % of planes", 100.0 * planes));
        let _ = writeln!(
            text,
            "classes read by {}: right for {:.0} % of {} held-out real slices{planes}",
            reader.name,
            100.0 * reader.accuracy,
            reader.held_out
        );
    }
    text.push_str(&noted(&record.notes));
    text
}
