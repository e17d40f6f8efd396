//! `rimforge simulate`: writes a simulated cohort, or checks one (also a real one).

use super::choices::choice;
use crate::gates::examine::describe;
use crate::lab::Lab;
use crate::seed::RunSeed;
use crate::simulate::rim_lesions::{Writing, run_stage};
use std::path::{Path, PathBuf};

use clap::Args;

use super::progress::Progress;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::cohort::CohortRecord;
use crate::simulate::rim_lesions::{CHIMAP, CohortConfig, Existing, GALLERY, InversionMethod, Preset};

#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// Which cohort.
    #[arg(long, value_parser = choice::<Preset>(), default_value = "demo", conflicts_with = "check")]
    preset: Preset,

    /// Folder to write; new, empty, or one that an earlier run of the same command was stopped in.
    #[arg(long, required_unless_present = "check", conflicts_with = "check")]
    out: Option<PathBuf>,

    /// Patients; lesions, rims and votes scale with it.
    #[arg(long, conflicts_with = "check")]
    patients: Option<u32>,

    #[arg(long, default_value_t = 1, conflicts_with = "check")]
    seed: u64,

    /// Dipole inversion: total variation, closed-form L2, or thresholded division.
    #[arg(long, value_parser = choice::<InversionMethod>(), conflicts_with = "check")]
    inversion: Option<InversionMethod>,

    /// Median signal-to-noise ratio at the first echo.
    #[arg(long, conflicts_with = "check")]
    snr: Option<f64>,

    /// Share of lesions that truly have a rim, above 0 to 0.5.
    #[arg(long, conflicts_with = "check")]
    prevalence: Option<f64>,

    /// Patients at once; all cores unless told. The result does not depend on it.
    #[arg(long, conflicts_with = "check")]
    threads: Option<usize>,

    /// Make a cohort anew that was simulated in this folder with other settings.
    #[arg(long, conflicts_with = "check")]
    replace: bool,

    /// Check the cohort in this folder instead (exit code 5 when a gate does not pass).
    #[arg(long, value_name = "FOLDER")]
    check: Option<PathBuf>,

    /// Print the record as JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &SimulateArgs) -> Result<()> {
    let progress = Progress::new()?;
    match (&args.check, &args.out) {
        (Some(root), _) => check(root, args.json, &progress),
        (None, Some(out)) => {
            let existing = if args.replace { Existing::Replace } else { Existing::Refuse };
            let config = args.config();
            let lab = Lab { engine: &(), seed: RunSeed(config.seed), observer: &progress };
            let record = run_stage(Writing { existing, threads: args.threads }, &config, out, &lab)?;
            print(&record, args.json)?;
            if !args.json {
                println!("cohort in {}, picture in {}", out.display(), out.join(GALLERY).display());
            }
            Ok(())
        }
        (None, None) => Err(Problem::usage("neither --out nor --check")),
    }
}

impl SimulateArgs {
    fn config(&self) -> CohortConfig {
        CohortConfig {
            preset: self.preset,
            seed: self.seed,
            patients: self.patients,
            inversion: self.inversion,
            snr: self.snr,
            prevalence: self.prevalence,
        }
    }
}

fn check(root: &Path, json: bool, observer: &dyn Observer) -> Result<()> {
    let record = describe(root, CHIMAP, observer)?;
    print(&record, json)?;
    let failed: Vec<&str> = record.gates.iter().filter(|gate| !gate.passed).map(|gate| gate.name.as_str()).collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        Kind::Gate,
        format!("{} of {} gates not passed: {}", failed.len(), record.gates.len(), failed.join("; ")),
    )
    .at(root)
    .expected("every value in its range")
    .advice("results on this cohort do not carry over; see each gate's source for why"))
}

fn print(record: &CohortRecord, json: bool) -> Result<()> {
    if json {
        let text = serde_json::to_string_pretty(record)
            .map_err(|error| Problem::new(Kind::Internal, format!("cannot express the record as JSON: {error}")))?;
        println!("{text}");
        return Ok(());
    }
    let origin = if record.simulated { "SIMULATED, " } else { "" };
    println!("{origin}{} patients, {} lesions", record.patients, record.lesions);
    println!(
        "both readers say rim {}, exactly one {}, none {}; kappa {:.3}",
        record.agreed_rims, record.ambiguous, record.non_rims, record.kappa
    );
    if let Some(truth) = &record.truth {
        println!(
            "true rims {}: {} agreed on, {} ambiguous, {} missed by both",
            truth.rims, truth.agreed_true, truth.ambiguous_true, truth.missed_by_both
        );
    }
    for gate in &record.gates {
        let verdict = if gate.passed { "ok  " } else { "FAIL" };
        println!(
            "{verdict} {:<48} {:>9.3} {:<8} {:.3} to {:.3}",
            gate.name, gate.value, gate.unit, gate.low, gate.high
        );
    }
    Ok(())
}
