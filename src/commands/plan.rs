//! `rimforge plan STUDY.toml`: every unit of a study, and whether it is done.

use clap::Args;

use super::console::Console;
use super::shards::{self, StudyArgs, StudyText};
use crate::problem::Result;
use crate::records::units::PlanRecord;

/// Arguments of `rimforge plan`.
#[derive(Args, Debug)]
pub struct PlanArgs {
    #[command(flatten)]
    study: StudyArgs,

    /// Print only the names of the stages that are made in several units, one a line, in an order in which they can be
    /// made.
    #[arg(long)]
    stages: bool,
}

/// Prints the units; nothing is written.
///
/// # Errors
/// As `rimforge run`, before its first stage.
pub fn run(args: &PlanArgs, console: &Console) -> Result<()> {
    let plan = shards::plan(&StudyText::of(&args.study).read()?, console)?;
    if !args.stages {
        return console.result(&plan, || table(&plan));
    }
    let of_stages = plan.units.chunk_by(|a, b| a.stage == b.stage);
    // A training is one unit, whatever is done; others are left in the list whatever is found of them.
    let several = of_stages.filter(|units| units[0].shard && !units[0].id.ends_with("/training"));
    let stages: Vec<&str> = several.map(|units| units[0].stage.as_str()).collect();
    console.result(&stages, || stages.iter().map(|stage| format!("{stage}\n")).collect())
}

/// A line a stage.
fn table(plan: &PlanRecord) -> String {
    let mut text = format!("{:<28} {:>11} {:>7}  key               needs\n", "stage", "units done", "shards");
    let mut rest = plan.units.as_slice();
    while let [first, ..] = rest {
        let count = rest.iter().take_while(|unit| unit.stage == first.stage).count();
        let (units, after) = rest.split_at(count);
        let done = units.iter().filter(|unit| unit.done).count();
        let of = if first.id.ends_with("/*") { "?".to_owned() } else { count.to_string() };
        let key = first.key.as_ref().map_or("not known yet", |key| &key[..16.min(key.len())]);
        let shards = if first.shard { "yes" } else { "" };
        let progress = format!("{done} of {of}");
        text += &format!("{:<28} {progress:>11} {shards:>7}  {key:<16}  {}\n", first.stage, first.needs.join(", "));
        rest = after;
    }
    text
}
