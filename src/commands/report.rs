//! `rimforge report STUDY_FOLDER`: (re)writes the HTML report from results.json.

use std::path::PathBuf;

use clap::Args;

use crate::problem::Result;
use crate::run_dir::StudyDir;

#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Study folder that holds results.json, e.g. out/demo.
    study: PathBuf,
}

pub fn run(args: &ReportArgs) -> Result<()> {
    let path = crate::report::write(&StudyDir::new(&args.study))?;
    println!("{}", path.display());
    Ok(())
}
