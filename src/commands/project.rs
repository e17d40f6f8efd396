//! `rimforge project`.

use clap::Args;

use crate::problem::{Problem, Result};

#[derive(Args, Debug)]
pub struct ProjectArgs {}

pub fn run(_args: &ProjectArgs) -> Result<()> {
    Err(Problem::usage("`project` is not built yet"))
}
