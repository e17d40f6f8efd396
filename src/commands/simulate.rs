//! `rimforge simulate`.

use clap::Args;

use crate::problem::{Problem, Result};

#[derive(Args, Debug)]
pub struct SimulateArgs {}

pub fn run(_args: &SimulateArgs) -> Result<()> {
    Err(Problem::usage("`simulate` is not built yet"))
}
