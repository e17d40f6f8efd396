//! `rimforge simulate`: writes a simulated cohort, or checks one (also a real one).

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::choices::choice;
use super::console::Console;
use super::options::Options;
use super::simulate_brain::{self, BrainArgs};
use super::simulate_diffusion::{self, DiffusionArgs};
use super::simulate_skin::{self, SkinArgs};
use crate::data::PrepareConfig;
use crate::gates::examine::{describe, require_passed};
use crate::lab::Lab;
use crate::name::shown_path;
use crate::nifti::Form;
use crate::problem::{Problem, Result};
use crate::records::cohort::{CohortRecord, Gate};
use crate::records::label::SUSCEPTIBILITY;
use crate::seed::RunSeed;
use crate::settings::Settings;
use crate::simulate::rim_lesions::{CohortConfig, Existing, GALLERY, InversionMethod, Preset, Writing, run_stage};

/// Arguments of `rimforge simulate`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SimulateArgs {
    #[command(subcommand)]
    other: Option<Other>,

    #[command(flatten)]
    settings: Options<CohortConfig, Typed>,

    /// Folder to write; new, empty, or one that an earlier run of the same command was stopped in.
    #[arg(long, required_unless_present = "check", conflicts_with = "check")]
    out: Option<PathBuf>,

    /// Patients at once; all cores unless told. The result does not depend on it.
    #[arg(long, conflicts_with = "check")]
    threads: Option<usize>,

    /// Make a cohort anew that was simulated in this folder with other settings.
    #[arg(long, conflicts_with = "check")]
    replace: bool,

    /// Check the cohort in this folder instead (exit code 5 when a gate does not pass).
    #[arg(long, value_name = "FOLDER")]
    check: Option<PathBuf>,

    /// With --check: which session, where there are several.
    #[arg(long, conflicts_with = "out")]
    session: Option<String>,

    /// With --check: which of several files that differ in an entity: run-2, part-mag; run-none means those without.
    #[arg(long, value_name = "ENTITY", value_delimiter = ',', conflicts_with = "out")]
    entities: Vec<String>,

    /// With --check: contrasts that must be there and lie on the label maps' grid; the gates look at susceptibility.
    #[arg(long, value_delimiter = ',', conflicts_with = "out")]
    contrasts: Option<Vec<String>>,

    /// With --check: where volumes lie whose headers say it twice and differently.
    #[arg(long, value_parser = choice::<Form>(), conflicts_with = "out")]
    form: Option<Form>,
}

/// What is simulated other than a cohort of rim lesions.
#[derive(Debug, Subcommand)]
enum Other {
    /// Brains of two populations with gliomas, in the layout of BraTS-Africa and BraTS 2023, with their truth.
    Brain(BrainArgs),
    /// Maps of fractional anisotropy of the healthy and of multiple sclerosis, as BIDS has derivatives of diffusion.
    Diffusion(DiffusionArgs),
    /// Dermoscopic pictures of seven classes, in the layout of HAM10000, with the truth of every factor.
    Skin(SkinArgs),
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "cohort-settings")]
struct Typed {
    /// Which cohort.
    #[arg(long, value_parser = choice::<Preset>(), conflicts_with = "check")]
    preset: Option<Preset>,

    /// Patients; lesions, rims and votes scale with it.
    #[arg(long, conflicts_with = "check")]
    patients: Option<u32>,

    /// Every random draw derives from it.
    #[arg(long, value_name = "N", conflicts_with = "check")]
    seed: Option<u64>,

    /// Dipole inversion: total variation, closed-form L2, or thresholded division.
    #[arg(long, value_parser = choice::<InversionMethod>(), conflicts_with = "check")]
    inversion: Option<InversionMethod>,

    /// Median signal-to-noise ratio at the first echo.
    #[arg(long, conflicts_with = "check")]
    snr: Option<f64>,

    /// Share of lesions that truly have a rim, above 0 to 0.5.
    #[arg(long, conflicts_with = "check")]
    prevalence: Option<f64>,
}

/// Writes the cohort, or checks one, and prints what it holds.
///
/// # Errors
/// Settings that make no sense, a folder that holds something else, a failed write; with `--check` also a gate that
/// does not pass.
pub fn run(args: &SimulateArgs, console: &Console) -> Result<()> {
    match &args.other {
        Some(Other::Brain(brain)) => return simulate_brain::run(brain, console),
        Some(Other::Diffusion(diffusion)) => return simulate_diffusion::run(diffusion, console),
        Some(Other::Skin(skin)) => return simulate_skin::run(skin, console),
        None => {}
    }
    match (&args.check, &args.out) {
        (Some(root), _) => check(root, args, console),
        (None, Some(out)) => write(args, out, console),
        (None, None) => Err(Problem::usage("neither --out nor --check")),
    }
}

fn write(args: &SimulateArgs, out: &Path, console: &Console) -> Result<()> {
    let existing = if args.replace { Existing::Replace } else { Existing::Refuse };
    let config = args.settings.config()?;
    let lab = Lab { engine: &(), seed: RunSeed(config.seed), observer: console.observer()? };
    let record = run_stage(Writing { existing, threads: args.threads }, &config, out, &lab)?;
    console.result(&record, || {
        let (cohort, picture) = (shown_path(out), out.join(GALLERY));
        format!("{}cohort in {cohort}, picture in {}\n", summary(&record), shown_path(&picture))
    })
}

fn check(root: &Path, args: &SimulateArgs, console: &Console) -> Result<()> {
    let (session, entities) = (args.session.clone(), args.entities.clone());
    let mut prepare = PrepareConfig { session, entities, form: args.form.unwrap_or_default(), ..Default::default() };
    prepare.contrasts = args.contrasts.clone().unwrap_or(prepare.contrasts);
    prepare.check()?;
    let record = describe(root, SUSCEPTIBILITY, &prepare, console.observer()?)?;
    console.result(&record, || summary(&record))?;
    require_passed(&record).map_err(|problem| problem.at(root))
}

fn summary(record: &CohortRecord) -> String {
    let origin = if record.simulated { "SIMULATED, " } else { "" };
    let mut text = format!("{origin}{} patients, {} lesions\n", record.patients, record.lesions);
    text += &format!(
        "both readers say rim {}, exactly one {}, none {}; kappa {:.3}\n",
        record.agreed_rims, record.ambiguous, record.non_rims, record.kappa
    );
    if let Some(truth) = &record.truth {
        text += &format!(
            "true rims {}: {} agreed on, {} ambiguous, {} missed by both\n",
            truth.rims, truth.agreed_true, truth.ambiguous_true, truth.missed_by_both
        );
    }
    text + &gate_lines(&record.gates, [48, 9])
}

/// A line a gate; names and values take so many columns.
pub(super) fn gate_lines(gates: &[Gate], [name, value]: [usize; 2]) -> String {
    let line = |gate: &Gate| {
        let verdict = if gate.passed { "ok  " } else { "FAIL" };
        format!(
            "{verdict} {:<name$} {:>value$.3} {:<8} {:.3} to {:.3}\n",
            gate.name, gate.value, gate.unit, gate.low, gate.high
        )
    };
    gates.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn options_set_settings_and_do_not_go_with_a_check() {
        let parse = |arguments: &[&str]| parsed::<SimulateArgs>(arguments);
        assert_eq!(parse(&["--out", "o"]).unwrap().settings.config().unwrap(), CohortConfig::default());
        let some =
            parse(&["--out", "o", "--preset", "tiny", "--seed", "7", "--snr", "9", "--inversion", "l2"]).unwrap();
        let expected = CohortConfig {
            preset: Preset::Tiny,
            seed: 7,
            snr: Some(9.0),
            inversion: Some(InversionMethod::L2),
            ..CohortConfig::default()
        };
        assert_eq!(some.settings.config().unwrap(), expected);
        assert!(parse(&["--check", "c"]).is_ok() && parse(&["--check", "c", "--seed", "7"]).is_err());
        assert!(parse(&["--check", "c", "--session", "1", "--entities", "run-2", "--form", "qform"]).is_ok());
        assert!(parse(&["--out", "o", "--session", "1"]).is_err() && parse(&[]).is_err());
    }
}
