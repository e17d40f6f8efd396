//! `rimforge report`.

use clap::Args;

use crate::problem::{Problem, Result};

#[derive(Args, Debug)]
pub struct ReportArgs {}

pub fn run(_args: &ReportArgs) -> Result<()> {
    Err(Problem::usage("`report` is not built yet"))
}
