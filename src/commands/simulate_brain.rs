//! `rimforge simulate brain`: writes simulated gliomas, or checks a set of them.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::console::Console;
use super::options::Options;
use super::simulate::gate_lines;
use crate::lab::Lab;
use crate::name::shown_path;
use crate::problem::{Problem, Result};
use crate::records::brain::BrainRecord;
use crate::seed::RunSeed;
use crate::simulate::brain::gates::{judge, require_passed};
use crate::simulate::brain::{BrainConfig, GALLERY, run_stage};
use crate::simulate::writing::{Existing, Writing};

/// Arguments of `rimforge simulate brain`.
#[derive(Args, Debug)]
pub struct BrainArgs {
    #[command(flatten)]
    settings: Options<BrainConfig, Typed>,

    /// Folder to write, in the layout of BraTS-Africa and BraTS 2023; new, empty, or one that an earlier run of the
    /// same command was stopped in. A case takes about 30 MB.
    #[arg(long, required_unless_present = "check", conflicts_with = "check")]
    out: Option<PathBuf>,

    /// Cases at once, each about 700 MB; all cores unless told. The result does not depend on it.
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
#[group(id = "brain-settings")]
struct Typed {
    /// Cases of the rare population: BraTS-Africa's names, mostly 1.5 T with slices of 5 mm.
    #[arg(long, conflicts_with = "check")]
    africa: Option<u32>,

    /// Cases of the frequent one: BraTS 2023's names, mostly 3 T with slices of 1 mm.
    #[arg(long, conflicts_with = "check")]
    others: Option<u32>,

    /// Every random draw derives from it.
    #[arg(long, value_name = "N", conflicts_with = "check")]
    seed: Option<u64>,
}

/// Writes the set, or checks one, and prints what it holds.
///
/// # Errors
/// Settings that make no sense, a folder that holds something else, a failed write; with `--check` also a gate that
/// does not pass.
pub fn run(args: &BrainArgs, console: &Console) -> Result<()> {
    match (&args.check, &args.out) {
        (Some(root), _) => check(root, console),
        (None, Some(out)) => write(args, out, console),
        (None, None) => Err(Problem::usage("neither --out nor --check")),
    }
}

fn write(args: &BrainArgs, out: &Path, console: &Console) -> Result<()> {
    let existing = if args.replace { Existing::Replace } else { Existing::Refuse };
    let config = args.settings.config()?;
    let lab = Lab { engine: &(), seed: RunSeed(config.seed), observer: console.observer()? };
    let record = run_stage(Writing { existing, threads: args.threads }, &config, out, &lab)?;
    console.result(&record, || {
        let picture = out.join(GALLERY);
        format!("{}cases in {}, examples in {}\n", summary(&record), shown_path(out), shown_path(&picture))
    })
}

fn check(root: &Path, console: &Console) -> Result<()> {
    let record = judge(root, console.observer()?)?;
    console.result(&record, || summary(&record))?;
    require_passed(&record).map_err(|problem| problem.at(root))
}

fn summary(record: &BrainRecord) -> String {
    let mut text = format!("SIMULATED, {} cases\n", record.cases);
    for one in &record.populations {
        let scanners: Vec<String> = one
            .scanners
            .iter()
            .filter(|(_, cases)| *cases > 0)
            .map(|(name, cases)| format!("{cases} {name}"))
            .collect();
        let [core, oedema, enhancing] = one.labelled;
        text += &format!(
            "{} {:>4} cases ({}); whole tumour {:.0} ml on the middle; core in {core}, oedema in {oedema}, enhancing in \
             {enhancing}\n",
            one.key,
            one.cases,
            scanners.join(", "),
            one.whole_ml
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
        let parse = |arguments: &[&str]| parsed::<BrainArgs>(arguments);
        assert_eq!(parse(&["--out", "o"]).unwrap().settings.config().unwrap(), BrainConfig::default());
        let some = parse(&["--out", "o", "--africa", "3", "--others", "0", "--seed", "7"]).unwrap();
        let expected = BrainConfig { africa: 3, others: 0, seed: 7 };
        assert_eq!(some.settings.config().unwrap(), expected);
        assert!(parse(&["--check", "c"]).is_ok() && parse(&["--check", "c", "--seed", "7"]).is_err());
        assert!(parse(&[]).is_err());
    }
}
