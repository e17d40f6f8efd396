//! `rimforge train`.

use clap::Args;

use crate::problem::{Problem, Result};

#[derive(Args, Debug)]
pub struct TrainArgs {}

pub fn run(_args: &TrainArgs) -> Result<()> {
    Err(Problem::usage("`train` is not built yet"))
}
