//! `rimforge generate`.

use clap::Args;

use crate::problem::{Problem, Result};

#[derive(Args, Debug)]
pub struct GenerateArgs {}

pub fn run(_args: &GenerateArgs) -> Result<()> {
    Err(Problem::usage("`generate` is not built yet"))
}
