//! `rimforge explain`: what the classifiers of a comparison look at, and whether it is the rim.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use super::console::{Console, noted};
use super::engine_args::EngineArgs;
use super::numbers::bracketed;
use super::options::{Options, SeedArgs};
use crate::classify::Arm;
use crate::data::{PrepareConfig, Prepared};
use crate::engine::Lab;
use crate::explain::{CohortSide, ExplainConfig, Inputs, run_stage};
use crate::name::shown_path;
use crate::problem::Result;
use crate::records::explain::{ExplainedArm, ExplanationRecord};
use crate::run_dir::RECORD;
use crate::settings::Settings;
use crate::simulate::rim_lesions::{CohortConfig, Preset};

/// Arguments of `rimforge explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Prepared data set that the arms were compared on.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of `rimforge classify`.
    #[arg(long, value_name = "DIR")]
    classify: PathBuf,
    /// Cohort that the data set was prepared from; its traced rims say where rims are.
    #[arg(long, value_name = "DIR")]
    cohort: Option<PathBuf>,
    /// Preset that the cohort was simulated with: its lesions are simulated again without their rims.
    #[arg(long, value_name = "PRESET", value_parser = choice::<Preset>())]
    simulated_by: Option<Preset>,
    /// Patients that it was simulated with, where not the preset's.
    #[arg(long, value_name = "N", requires = "simulated_by")]
    simulated_patients: Option<u32>,
    /// Seed that it was simulated with, where not 1.
    #[arg(long, value_name = "N", requires = "simulated_by")]
    simulated_seed: Option<u64>,
    /// Folder for the record and the figure; the same command goes on where it was stopped.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<ExplainConfig, Typed>,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "explain-settings")]
struct Typed {
    /// Arms of the comparison, in order.
    #[arg(long, value_name = "ARM,ARM", value_delimiter = ',', value_parser = choice::<Arm>())]
    arms: Option<Vec<Arm>>,
    /// Repetitions of each arm, at most.
    #[arg(long)]
    fits: Option<u64>,
    /// Test lesions, at most.
    #[arg(long)]
    lesions: Option<u64>,
    /// Layers of the classifier behind which Grad-CAM and HiResCAM look.
    #[arg(long)]
    layer: Option<u64>,
    /// Steps of deletion and insertion.
    #[arg(long)]
    steps: Option<u64>,
    /// Random orders that deletion and insertion are compared with.
    #[arg(long)]
    orders: Option<u64>,
    /// Lesions in the figure.
    #[arg(long)]
    shown: Option<u64>,
    /// Draws of every interval.
    #[arg(long)]
    draws: Option<u64>,
}

impl ExplainArgs {
    fn simulated_by(&self) -> Option<CohortConfig> {
        let usual = CohortConfig::default();
        let seed = self.simulated_seed.unwrap_or(usual.seed);
        Some(CohortConfig { preset: self.simulated_by?, patients: self.simulated_patients, seed, ..usual })
    }
}

/// Explains and prints the tables.
///
/// # Errors
/// Settings that make no sense, no usable data set, comparison or cohort, or stopped on request.
pub fn run(args: &ExplainArgs, console: &Console) -> Result<()> {
    let config = args.settings.config()?;
    config.check()?;
    let prepare = PrepareConfig::default();
    let simulated_by = args.simulated_by();
    simulated_by.iter().try_for_each(Settings::check)?;
    let engine = args.engine.start()?;
    let data = Prepared::open(&args.data)?;
    let cohort = args.cohort.as_deref().map(|root| CohortSide { root, prepare: &prepare });
    let inputs = Inputs { data: &data, classify: &args.classify, cohort, simulated_by: simulated_by.as_ref() };
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    console.result(&record, || format!("{}record {}\n", tables(&record), shown_path(&args.out.join(RECORD))))
}

/// What the record says, for a terminal.
fn tables(record: &ExplanationRecord) -> String {
    let mut text = if record.simulated { "SIMULATED. ".to_owned() } else { String::new() };
    let (lesions, patients) = (record.lesions.len(), record.patients);
    let _ = writeln!(text, "maps of {lesions} test lesions of {patients} patients, for the class {}", record.class);
    for measure in &record.measures {
        let _ = writeln!(text, "\n{}, {} is better", measure.name, measure.better);
        if let Some(chance) = record.chance.get(&measure.key) {
            let _ = writeln!(text, "  {:<44} {}", "chance", bracketed(chance, 3));
        }
        for arm in &record.arms {
            text.push_str(&rows(arm, &measure.key));
        }
    }
    for (arm, effect) in record.arms.iter().filter_map(|arm| Some((arm, arm.effect.as_ref()?))) {
        let _ = writeln!(
            text,
            "\n{} without the rim: log-odds {} lower; they fall in {} of lesions",
            arm.name,
            bracketed(&effect.difference, 3),
            bracketed(&effect.falls, 3)
        );
    }
    text.push_str("\nin brackets: 95 % intervals over patients\n");
    text.push_str(&noted(&record.notes));
    text
}

fn rows(arm: &ExplainedArm, key: &str) -> String {
    let maps = arm.maps.iter().filter_map(|map| Some((map.title.as_str(), map.scores.get(key)?)));
    let random = arm.random.get(key).map(|random| ("random order", random));
    let row =
        |(title, score): (&str, _)| format!("  {:<44} {}\n", format!("{} {title}", arm.name), bracketed(score, 3));
    maps.chain(random).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn options_set_settings_and_the_simulation() {
        let args = parsed::<ExplainArgs>(&["--data", "d", "--classify", "c", "--out", "o"]).unwrap();
        assert_eq!(args.settings.config().unwrap(), ExplainConfig::default());
        assert_eq!(args.simulated_by(), None);
        let typed = ["--data", "d", "--classify", "c", "--out", "o", "--arms", "none,oracle", "--layer", "3"];
        let more = ["--simulated-by", "tiny", "--simulated-seed", "7"];
        let args = parsed::<ExplainArgs>(&[&typed[..], &more].concat()).unwrap();
        let config = args.settings.config().unwrap();
        assert_eq!((config.arms, config.layer), (vec![Arm::None, Arm::Oracle], 3));
        let expected = CohortConfig { preset: Preset::Tiny, seed: 7, ..CohortConfig::default() };
        assert_eq!(args.simulated_by(), Some(expected));
        assert!(parsed::<ExplainArgs>(&[&typed[..], &["--simulated-seed", "7"]].concat()).is_err());
    }
}
