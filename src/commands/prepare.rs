//! `rimforge prepare`.

use clap::Args;

use crate::problem::{Problem, Result};

#[derive(Args, Debug)]
pub struct PrepareArgs {}

pub fn run(_args: &PrepareArgs) -> Result<()> {
    Err(Problem::usage("`prepare` is not built yet"))
}
