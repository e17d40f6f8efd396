//! `rimforge report STUDY_FOLDER`: (re)writes the HTML report from results.json.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::console::Console;
use crate::name::shown_path;
use crate::problem::Result;
use crate::run_dir::StudyDir;

/// Arguments of `rimforge report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Study folder that holds results.json, e.g. out/demo.
    study: PathBuf,
}

/// Writes the report and prints where.
///
/// # Errors
/// No readable results, or a failed write.
pub fn run(args: &ReportArgs, console: &Console) -> Result<()> {
    let path = crate::report::write(&StudyDir::new(&args.study))?;
    console.result(&json!({"report": path.to_string_lossy()}), || format!("{}\n", shown_path(&path)))
}
