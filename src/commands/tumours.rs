//! `rimforge tumours`: regions of gliomas with and without drawn pairs of a rare population, arm by arm.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use super::console::{Console, noted};
use super::engine_args::EngineArgs;
use super::numbers::{bracketed, counted, signed};
use super::options::{Options, SeedArgs};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::name::shown_path;
use crate::problem::Result;
use crate::records::tumours::{Group, TumourArm, TumoursRecord};
use crate::run_dir::RECORD;
use crate::segment::config::Width;
use crate::settings::Settings;
use crate::tumours::arms::Arm;
use crate::tumours::{Inputs, TumoursConfig, run_stage};

/// Arguments of `rimforge tumours`.
#[derive(Args, Debug)]
pub struct TumoursArgs {
    /// Prepared data set of images with their regions ("seg"), whose classes name populations.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Slices that `generate --class each` drew with a network of this data set.
    #[arg(long, value_name = "DIR")]
    synthetic: Option<PathBuf>,
    /// Folder for the record, the figure and the fits.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<TumoursConfig, Typed>,
    /// Take images of networks that knew other or unknown data: that no test patient was among them is then your word,
    /// and the record says so.
    #[arg(long)]
    trust_origin: bool,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "tumours-settings")]
struct Typed {
    /// Arms, separated by commas; differences are from "frequent".
    #[arg(long, value_parser = choice::<Arm>(), value_delimiter = ',')]
    arms: Option<Vec<Arm>>,
    /// The under-represented population, as classes name it.
    #[arg(long)]
    rare: Option<String>,
    /// Repetitions of every arm.
    #[arg(long)]
    seeds: Option<u64>,
    /// Steps of the optimiser.
    #[arg(long)]
    steps: Option<u64>,
    /// Of Adam at the first step.
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Slices in a batch.
    #[arg(long)]
    batch: Option<u64>,
    /// Channels of the network.
    #[arg(long, value_parser = choice::<Width>())]
    width: Option<Width>,
    /// Drawn pairs that a repetition takes, at most.
    #[arg(long)]
    extra: Option<u64>,
    /// Weight of the loss of drawn pairs.
    #[arg(long)]
    extra_weight: Option<f64>,
    /// Resamplings of the test patients.
    #[arg(long)]
    draws: Option<usize>,
    /// Test slices in the figure.
    #[arg(long)]
    shown: Option<usize>,
}

/// Fits, measures and prints the table.
///
/// # Errors
/// Settings that make no sense, no usable data or pairs, or stopped on request.
pub fn run(args: &TumoursArgs, console: &Console) -> Result<()> {
    let config = TumoursConfig { trust_origin: args.trust_origin, ..args.settings.config()? };
    config.check()?;
    let engine = args.engine.start()?;
    let data = Prepared::open(&args.data)?;
    let inputs = Inputs { data: &data, synthetic: args.synthetic.as_deref() };
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    console.result(&record, || format!("{}record {}\n", table(&record), shown_path(&args.out.join(RECORD))))
}

/// What the record says, for a terminal.
pub fn table(record: &TumoursRecord) -> String {
    let mut text = if record.simulated { "SIMULATED. ".to_owned() } else { String::new() };
    text.push_str("Dice per patient over all slices; less that of the arm \"frequent\" on the same patients\n");
    for (group, test) in &record.test {
        let whose = match group {
            Group::Rare => record.rare.clone(),
            Group::Frequent => record.frequent.join(", "),
        };
        let _ =
            writeln!(text, "{whose}: {}, {}", counted(test.patients, "test patient"), counted(test.slices, "slice"));
        for region in &record.regions {
            let without = test.without.get(&region.key).copied().unwrap_or_default();
            let left = if without > 0 { format!("; {without} patients without") } else { String::new() };
            let _ = writeln!(text, "  {} ({}{left})", region.name, region.about);
            for arm in &record.arms {
                let [dice, less] = cells(arm, *group, &region.key);
                let _ = writeln!(text, "    {:<24} {dice:<24} {less}", arm.name);
            }
        }
    }
    text.push_str("in brackets: 95 % intervals over patients\n");
    text.push_str(&noted(&record.notes));
    text
}

/// Dice, and its difference from the arm "frequent" where there is one.
fn cells(arm: &TumourArm, group: Group, region: &str) -> [String; 2] {
    let found = arm.groups.get(&group);
    let dice = found.and_then(|found| found.dice.get(region));
    let difference = found.and_then(|found| found.differences.get(region));
    [bracketed(dice, 3), difference.map_or_else(String::new, |less| signed(less, 3))]
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn options_set_settings() {
        let args = parsed::<TumoursArgs>(&["--data", "d", "--out", "o"]).unwrap();
        assert_eq!(args.settings.config().unwrap(), TumoursConfig::default());
        let typed =
            ["--data", "d", "--out", "o", "--arms", "frequent,frequent+rare", "--width", "tiny", "--rare", "MEN"];
        let config = parsed::<TumoursArgs>(&typed).unwrap().settings.config().unwrap();
        assert_eq!((config.arms, config.width), (vec![Arm::Frequent, Arm::FrequentRare], Width::Tiny));
        assert_eq!(config.rare, "MEN");
        assert!(parsed::<TumoursArgs>(&["--data", "d", "--out", "o", "--arms", "fake"]).is_err());
    }
}
