//! `rimforge export bids`: drawn images, or projections of lesions, as a derivative data set of BIDS.

use std::path::PathBuf;

use clap::Args;

use super::console::{Console, noted};
use crate::name::shown_path;
use crate::problem::{Problem, Result};
use crate::share::bids::{BidsOutcome, Projected, write_denoised, write_synthetic};

/// Arguments of `rimforge export bids`.
#[derive(Args, Debug)]
pub struct BidsArgs {
    /// Images that `generate` drew (npy): a subject a seed.
    #[arg(long, value_name = "DIR", required_unless_present = "denoised", conflicts_with_all = ["denoised", "data"])]
    synthetic: Option<PathBuf>,
    /// Lesions that `project` found: of patients, unless they were simulated.
    #[arg(long, value_name = "DIR", requires = "data")]
    denoised: Option<PathBuf>,
    /// With --denoised: the data set whose lesions were projected.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// With --denoised: projections of patients' lesions are patient data, which you may write and pass on.
    #[arg(long, conflicts_with = "synthetic")]
    patient_data: bool,
    /// Folder of the data set.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Writes the data set, and prints what it holds.
///
/// # Errors
/// Those of [`write_synthetic`] and [`write_denoised`].
pub fn run(args: &BidsArgs, console: &Console) -> Result<()> {
    let observer = console.observer()?;
    let outcome = match (&args.synthetic, &args.denoised, &args.data) {
        (Some(folder), ..) => write_synthetic(folder, &args.out, observer)?,
        (None, Some(folder), Some(data)) => {
            write_denoised(Projected { folder, data, known_as_patients: args.patient_data }, &args.out, observer)?
        }
        _ => return Err(Problem::usage("neither --synthetic nor --denoised with --data")),
    };
    console.result(&outcome, || format!("{}data set in {}\n", told(&outcome), shown_path(&args.out)))
}

fn told(outcome: &BidsOutcome) -> String {
    let simulated = if outcome.simulated == Some(true) { "SIMULATED. " } else { "" };
    let patients = if outcome.patient_data { "PATIENT DATA. " } else { "" };
    let notes = noted(&outcome.notes);
    format!(
        "{patients}{simulated}{} {} images of {} subjects\n{notes}",
        outcome.scans, outcome.origin, outcome.subjects
    )
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn one_source_is_given_and_what_it_needs() {
        let parse = |words: &[&str]| parsed::<BidsArgs>(&[words, &["--out", "o"]].concat());
        assert!(parse(&["--synthetic", "s"]).is_ok());
        assert!(parse(&["--denoised", "p", "--data", "d", "--patient-data"]).unwrap().patient_data);
        for wrong in [&[][..], &["--denoised", "p"], &["--synthetic", "s", "--denoised", "p", "--data", "d"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(parse(&["--synthetic", "s", "--patient-data"]).is_err());
    }
}
