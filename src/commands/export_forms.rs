//! `rimforge export FORM`: what the program leaves, in the forms that others read.

use clap::Subcommand;

use super::console::Console;
use super::export_bids::{self, BidsArgs};
use super::export_card::{self, CardArgs, CroissantArgs};
use super::export_data::{self, MonaiArgs, NnunetArgs};
use crate::problem::Result;

/// A form that others read.
#[derive(Debug, Subcommand)]
pub enum Form {
    /// NIfTI volumes and a datalist.json as MONAI reads it, with folds by patient.
    Monai(MonaiArgs),
    /// A raw data set of nnU-Net v2, with splits_final.json by patient.
    Nnunet(NnunetArgs),
    /// A derivative data set of BIDS, of drawn images or of projected lesions.
    Bids(BidsArgs),
    /// A description in Croissant, of a data set or of drawn images.
    Croissant(CroissantArgs),
    /// A network as model hubs have them: model card, weights, configuration.
    Card(CardArgs),
}

/// Writes the form that was asked for.
///
/// # Errors
/// Those of its export.
pub fn run(form: &Form, console: &Console) -> Result<()> {
    match form {
        Form::Monai(args) => export_data::monai(args, console),
        Form::Nnunet(args) => export_data::nnunet(args, console),
        Form::Bids(args) => export_bids::run(args, console),
        Form::Croissant(args) => export_card::croissant(args, console),
        Form::Card(args) => export_card::card(args, console),
    }
}
