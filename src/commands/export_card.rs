//! `rimforge export card` and `rimforge export croissant`: what a network and a data set are, for hubs and catalogues.

use std::path::PathBuf;

use clap::Args;

use super::console::{Console, noted};
use crate::name::shown_path;
use crate::problem::{Problem, Result};
use crate::share::card::{self, Card, README};
use crate::share::croissant::{self, DESCRIPTION, Described, Said};

/// Arguments of `rimforge export card`.
#[derive(Args, Debug)]
pub struct CardArgs {
    /// A network file, or the folder of a training run or an import.
    #[arg(long, value_name = "FILE|DIR")]
    network: PathBuf,
    /// The data set that it was trained on: the card says of how many patients.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// License under which you pass it on, as hubs spell it: cc-by-4.0, mit, other.
    #[arg(long)]
    license: String,
    /// Folder for README.md, model.safetensors and config.json.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Arguments of `rimforge export croissant`.
#[derive(Args, Debug)]
pub struct CroissantArgs {
    /// A prepared data set.
    #[arg(long, value_name = "DIR", required_unless_present = "synthetic", conflicts_with = "synthetic")]
    data: Option<PathBuf>,
    /// Images that `generate` drew.
    #[arg(long, value_name = "DIR")]
    synthetic: Option<PathBuf>,
    /// License under which you pass it on: its name, SPDX identifier or address.
    #[arg(long)]
    license: String,
    /// What it is called; the folder's name, unless told.
    #[arg(long)]
    name: Option<String>,
    /// Where the data will lie; beside croissant.json, unless told.
    #[arg(long, value_name = "ADDRESS")]
    url: Option<String>,
    /// Folder for croissant.json, which goes beside the data when they are shared.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes the card, and prints what it says and could not say.
///
/// # Errors
/// Those of [`card::write`].
pub fn card(args: &CardArgs, console: &Console) -> Result<()> {
    let wanted = Card { network: &args.network, data: args.data.as_deref(), license: &args.license };
    let outcome = card::write(wanted, &args.out, console.observer()?)?;
    console.result(&outcome, || {
        let simulated = if outcome.simulated == Some(true) { "SIMULATED. " } else { "" };
        let notes = noted(&outcome.notes);
        format!("{notes}{simulated}card in {}\n", shown_path(&args.out.join(README)))
    })
}

/// Writes the description, and prints what it is of.
///
/// # Errors
/// Those of [`croissant::write`].
pub fn croissant(args: &CroissantArgs, console: &Console) -> Result<()> {
    let of = match (&args.data, &args.synthetic) {
        (Some(data), _) => Described::Data(data),
        (None, Some(drawn)) => Described::Synthetic(drawn),
        (None, None) => return Err(Problem::usage("neither --data nor --synthetic")),
    };
    let said = Said { license: &args.license, name: args.name.as_deref(), url: args.url.as_deref() };
    let outcome = croissant::write(of, said, &args.out, console.observer()?)?;
    console.result(&outcome, || {
        let synthetic = if outcome.synthetic { "synthetic or simulated" } else { "measured" };
        let place = shown_path(&args.out.join(DESCRIPTION));
        let beside = if args.url.is_none() { "; it goes beside the data when they are shared" } else { "" };
        format!("{}: {} items, {synthetic}\n{place}{beside}\n", outcome.name, outcome.items)
    })
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn no_license_is_made_up_and_one_thing_is_described() {
        assert!(parsed::<CardArgs>(&["--network", "n", "--out", "o"]).is_err());
        assert!(parsed::<CardArgs>(&["--network", "n", "--out", "o", "--license", "mit"]).is_ok());
        let base = ["--license", "mit", "--out", "o"];
        let parse = |words: &[&str]| parsed::<CroissantArgs>(&[&base[..], words].concat());
        assert!(parse(&["--data", "d"]).is_ok() && parse(&["--synthetic", "s"]).is_ok());
        assert!(parse(&[]).is_err() && parse(&["--data", "d", "--synthetic", "s"]).is_err());
    }
}
