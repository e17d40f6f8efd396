//! `rimforge simulate`: writes a simulated cohort, or checks one (also a real one).

use std::path::{Path, PathBuf};

use clap::Args;

use super::cohort_check::examine;
use super::progress::Progress;
use crate::atomic_file;
use crate::cohort::bids_writer::GALLERY;
use crate::cohort::gates::AskedCounts;
use crate::cohort::pipeline::{Existing, simulate};
use crate::cohort::{CohortConfig, InversionMethod, Preset, anatomy};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::cohort::CohortRecord;
use crate::run_dir::RECORD;

#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// Which cohort.
    #[arg(long, value_enum, default_value = "demo", conflicts_with = "check")]
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
    #[arg(long, value_enum, conflicts_with = "check")]
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
            let record = write(&args.config(), out, args.threads, existing, &progress)?;
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

/// The first stage of a study: the cohort of `config` in `folder`, finished where an earlier run stopped.
pub fn run_stage(config: &CohortConfig, folder: &Path, observer: &dyn Observer) -> Result<CohortRecord> {
    write(config, folder, None, Existing::Refuse, observer)
}

/// What a cohort on disk holds and whether it passes its gates.
pub fn describe(root: &Path, observer: &dyn Observer) -> Result<CohortRecord> {
    let (mut record, _) = examine(root, read_asked(root)?, observer)?;
    // What the files themselves do not say, a simulated cohort's own record does.
    let path = root.join(RECORD);
    if let Some(own) = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<CohortRecord>(&text).ok()) {
        (record.preset, record.seed, record.gallery) = (own.preset, own.seed, own.gallery);
    }
    Ok(record)
}

/// Simulates, judges what is on disk, and leaves the gallery and `record.json` in the folder.
fn write(
    config: &CohortConfig,
    out: &Path,
    threads: Option<usize>,
    existing: Existing,
    observer: &dyn Observer,
) -> Result<CohortRecord> {
    let design = config.design()?;
    let threads = match threads {
        Some(0) => return Err(Problem::usage("0 threads").expected("1 or more")),
        Some(threads) => threads,
        None => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
    };
    let simulated = simulate(&design, out, &anatomy::build, threads, existing, observer)?;
    let asked = AskedCounts {
        lesions: u64::from(design.lesions),
        agreed: design.readers.agreed,
        ambiguous: design.readers.ambiguous,
    };
    atomic_file::write_json(asked_file(out), &asked)?;
    let (mut record, gallery) = examine(out, Some(asked), observer)?;
    (record.preset, record.seed) = (simulated.preset, simulated.seed);
    for gate in record.gates.iter().filter(|gate| !gate.passed) {
        observer.note(&format!(
            "gate not passed: {} {:.3}, wanted {:.3} to {:.3}",
            gate.name, gate.value, gate.low, gate.high
        ));
    }
    if let Some(canvas) = gallery.canvas() {
        let texts = gallery.texts();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(keyword, text)| (*keyword, text.as_str())).collect();
        canvas.write_png(out.join(GALLERY), &texts)?;
        record.gallery = Some(GALLERY.to_owned());
    }
    atomic_file::write_json(out.join(RECORD), &record)?;
    Ok(record)
}

/// The counts that a simulation was asked for, kept so that a later check can hold the cohort to them.
fn asked_file(root: &Path) -> PathBuf {
    root.join(".rimforge").join("asked.json")
}

fn read_asked(root: &Path) -> Result<Option<AskedCounts>> {
    let path = asked_file(root);
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read(&path).map_err(|error| Problem::io(&path, "reading", error))?;
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        Problem::input(&path, format!("not the counts of a simulation: {error}")).advice("delete it, or simulate anew")
    })
}

fn check(root: &Path, json: bool, observer: &dyn Observer) -> Result<()> {
    let record = describe(root, observer)?;
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
