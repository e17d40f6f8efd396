//! `rimforge simulate diffusion`: writes simulated maps of anisotropy, or checks a set of them.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::console::Console;
use super::options::Options;
use super::simulate::gate_lines;
use crate::lab::Lab;
use crate::name::shown_path;
use crate::problem::{Problem, Result};
use crate::records::diffusion::DiffusionRecord;
use crate::seed::RunSeed;
use crate::simulate::diffusion::gates::{judge, require_passed};
use crate::simulate::diffusion::{DiffusionConfig, GALLERY, run_stage};
use crate::simulate::writing::{Existing, Writing};

/// Arguments of `rimforge simulate diffusion`.
#[derive(Args, Debug)]
pub struct DiffusionArgs {
    #[command(flatten)]
    settings: Options<DiffusionConfig, Typed>,

    /// Folder to write, as BIDS has derivatives of diffusion; new, empty, or one that an earlier run of the same
    /// command was stopped in. A person takes about 2 MB.
    #[arg(long, required_unless_present = "check", conflicts_with = "check")]
    out: Option<PathBuf>,

    /// Persons at once, each about 150 MB; all cores unless told. The result does not depend on it.
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
#[group(id = "diffusion-settings")]
struct Typed {
    /// Healthy persons.
    #[arg(long, conflicts_with = "check")]
    healthy: Option<u64>,

    /// Persons with multiple sclerosis.
    #[arg(long, conflicts_with = "check")]
    ms: Option<u64>,

    /// Every random draw derives from it.
    #[arg(long, value_name = "N", conflicts_with = "check")]
    seed: Option<u64>,
}

/// Writes the set, or checks one, and prints what it holds.
///
/// # Errors
/// Settings that make no sense, a folder that holds something else, a failed write; with `--check` also a gate that
/// does not pass.
pub fn run(args: &DiffusionArgs, console: &Console) -> Result<()> {
    match (&args.check, &args.out) {
        (Some(root), _) => check(root, console),
        (None, Some(out)) => write(args, out, console),
        (None, None) => Err(Problem::usage("neither --out nor --check")),
    }
}

fn write(args: &DiffusionArgs, out: &Path, console: &Console) -> Result<()> {
    let existing = if args.replace { Existing::Replace } else { Existing::Refuse };
    let config = args.settings.config()?;
    let lab = Lab { engine: &(), seed: RunSeed(config.seed), observer: console.observer()? };
    let record = run_stage(Writing { existing, threads: args.threads }, &config, out, &lab)?;
    console.result(&record, || {
        let picture = out.join(GALLERY);
        format!("{}persons in {}, examples in {}\n", summary(&record), shown_path(out), shown_path(&picture))
    })
}

fn check(root: &Path, console: &Console) -> Result<()> {
    let record = judge(root, console.observer()?)?;
    console.result(&record, || summary(&record))?;
    require_passed(&record).map_err(|problem| problem.at(root))
}

fn summary(record: &DiffusionRecord) -> String {
    let mut text = format!("SIMULATED, {} persons\n", record.persons);
    for one in &record.groups {
        text += &format!(
            "{:<8}{:>5} persons, {:.0} years on average; FA of white matter {:.3}; {} lesions, {:.1} ml on the middle\n",
            one.key, one.persons, one.age, one.white_fa, one.lesions, one.lesion_ml
        );
    }
    text + &gate_lines(&record.gates, [44, 10])
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn options_set_settings_and_do_not_go_with_a_check() {
        let parse = |arguments: &[&str]| parsed::<DiffusionArgs>(arguments);
        assert_eq!(parse(&["--out", "o"]).unwrap().settings.config().unwrap(), DiffusionConfig::default());
        let some = parse(&["--out", "o", "--healthy", "3", "--ms", "0", "--seed", "7"]).unwrap();
        let expected = DiffusionConfig { healthy: 3, ms: 0, seed: 7 };
        assert_eq!(some.settings.config().unwrap(), expected);
        assert!(parse(&["--check", "c"]).is_ok() && parse(&["--check", "c", "--seed", "7"]).is_err());
        assert!(parse(&[]).is_err());
    }
}
