//! `rimforge classify`.

use clap::Args;

use crate::problem::{Problem, Result};

#[derive(Args, Debug)]
pub struct ClassifyArgs {}

pub fn run(_args: &ClassifyArgs) -> Result<()> {
    Err(Problem::usage("`classify` is not built yet"))
}
