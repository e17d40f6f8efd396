//! `rimforge simulate skin`: writes simulated dermoscopic pictures, or checks a set of them.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::console::Console;
use super::options::Options;
use super::simulate::gate_lines;
use crate::lab::Lab;
use crate::name::shown_path;
use crate::problem::{Problem, Result};
use crate::records::skin::SkinRecord;
use crate::seed::RunSeed;
use crate::simulate::skin::judge::{judge, require_passed};
use crate::simulate::skin::{GALLERY, SkinConfig, run_stage};
use crate::simulate::writing::{Existing, Writing};

/// Arguments of `rimforge simulate skin`.
#[derive(Args, Debug)]
pub struct SkinArgs {
    #[command(flatten)]
    settings: Options<SkinConfig, Typed>,

    /// Folder to write, in HAM10000's layout; new, empty, or one that an earlier run of the same command was stopped
    /// in.
    #[arg(long, required_unless_present = "check", conflicts_with = "check")]
    out: Option<PathBuf>,

    /// Lesions at once; all cores unless told. The result does not depend on it.
    #[arg(long, conflicts_with = "check")]
    threads: Option<usize>,

    /// Make a set anew that was simulated in this folder with other settings.
    #[arg(long, conflicts_with = "check")]
    replace: bool,

    /// Check the simulated set in this folder instead (exit code 5 when a gate does not pass).
    #[arg(long, value_name = "FOLDER")]
    check: Option<PathBuf>,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "skin-settings")]
struct Typed {
    /// Lesions of all classes, at HAM10000's shares; it has 7470.
    #[arg(long, conflicts_with = "check")]
    lesions: Option<u32>,

    /// Lesions of each class, at least.
    #[arg(long, conflicts_with = "check")]
    least: Option<u32>,

    /// Side of a picture, pixels; a pigment network shows from 128 on.
    #[arg(long, conflicts_with = "check")]
    side: Option<u32>,

    /// Every random draw derives from it.
    #[arg(long, value_name = "N", conflicts_with = "check")]
    seed: Option<u64>,
}

/// Writes the set, or checks one, and prints what it holds.
///
/// # Errors
/// Settings that make no sense, a folder that holds something else, a failed write; with `--check` also a gate that
/// does not pass.
pub fn run(args: &SkinArgs, console: &Console) -> Result<()> {
    match (&args.check, &args.out) {
        (Some(root), _) => check(root, console),
        (None, Some(out)) => write(args, out, console),
        (None, None) => Err(Problem::usage("neither --out nor --check")),
    }
}

fn write(args: &SkinArgs, out: &Path, console: &Console) -> Result<()> {
    let existing = if args.replace { Existing::Replace } else { Existing::Refuse };
    let config = args.settings.config()?;
    let lab = Lab { engine: &(), seed: RunSeed(config.seed), observer: console.observer()? };
    let record = run_stage(Writing { existing, threads: args.threads }, &config, out, &lab)?;
    console.result(&record, || {
        let picture = out.join(GALLERY);
        format!("{}pictures in {}, examples in {}\n", summary(&record), shown_path(out), shown_path(&picture))
    })
}

fn check(root: &Path, console: &Console) -> Result<()> {
    let record = judge(root, console.observer()?)?;
    console.result(&record, || summary(&record))?;
    require_passed(&record).map_err(|problem| problem.at(root))
}

fn summary(record: &SkinRecord) -> String {
    let side = record.side;
    let mut text = format!("SIMULATED, {} lesions, {} pictures {side} x {side}\n", record.lesions, record.images);
    for class in &record.classes {
        let [first, second] = class.called;
        text += &format!(
            "{:<6} {:>5} lesions {:>6} pictures; readers call {first} and {second} melanoma\n",
            class.dx, class.lesions, class.images
        );
    }
    if let Some(kappa) = record.kappa {
        text += &format!("kappa of the readers {kappa:.3}\n");
    }
    text + &gate_lines(&record.gates, [40, 8])
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn options_set_settings_and_do_not_go_with_a_check() {
        let parse = |arguments: &[&str]| parsed::<SkinArgs>(arguments);
        assert_eq!(parse(&["--out", "o"]).unwrap().settings.config().unwrap(), SkinConfig::default());
        let some = parse(&["--out", "o", "--lesions", "300", "--least", "9", "--side", "128", "--seed", "7"]).unwrap();
        let expected = SkinConfig { lesions: 300, least: 9, side: 128, seed: 7 };
        assert_eq!(some.settings.config().unwrap(), expected);
        assert!(parse(&["--check", "c"]).is_ok() && parse(&["--check", "c", "--seed", "7"]).is_err());
        assert!(parse(&[]).is_err());
    }
}
