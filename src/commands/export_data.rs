//! `rimforge export monai` and `rimforge export nnunet`: a data set with its labels, for those who train on it.

use std::path::PathBuf;

use clap::Args;

use super::choices::choice;
use super::console::{Console, noted};
use super::options::SeedArgs;
use crate::name::shown_path;
use crate::problem::Result;
use crate::share::monai::DATALIST;
use crate::share::nnunet::SPLITS;
use crate::share::{Outcome, Target, Wanted, monai as monai_form, nnunet as nnunet_form};

/// Arguments of `rimforge export monai`.
#[derive(Args, Debug)]
pub struct MonaiArgs {
    #[command(flatten)]
    what: DataArgs,
    /// Folder for images/, labels/ and datalist.json.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Arguments of `rimforge export nnunet`.
#[derive(Args, Debug)]
pub struct NnunetArgs {
    #[command(flatten)]
    what: DataArgs,
    /// Folder of the data set, called DatasetNNN_Name: nnUNet_raw/Dataset501_Rims.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Args, Debug)]
struct DataArgs {
    /// A prepared data set.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Images that `generate` drew (npy) of a network of this data set: learnt from, never validated or tested on; may
    /// be repeated.
    #[arg(long, value_name = "DIR")]
    synthetic: Vec<PathBuf>,
    /// What labels say: regions of tumours, traced rims, masks of lesions, classes; the first that the data set has.
    #[arg(long, value_parser = choice::<Target>())]
    target: Option<Target>,
    /// Whole patches of lesions, not the slices that networks see.
    #[arg(long)]
    whole: bool,
    /// Deal the patients that are not held out to so many folds; else the data set's sides are taken.
    #[arg(long, value_name = "N")]
    folds: Option<u32>,
    /// Take images of networks that knew other or unknown data: that no test lesion was among them is then your word.
    #[arg(long)]
    trust_origin: bool,
    #[command(flatten)]
    seed: SeedArgs,
}

impl DataArgs {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            data: &self.data,
            synthetic: &self.synthetic,
            target: self.target,
            whole: self.whole,
            folds: self.folds,
            seed: self.seed.run_seed(),
            trust_origin: self.trust_origin,
        }
    }
}

/// Writes the volumes and the list, and prints what they hold.
///
/// # Errors
/// Those of [`monai_form::write`].
pub fn monai(args: &MonaiArgs, console: &Console) -> Result<()> {
    let outcome = monai_form::write(&args.what.wanted(), &args.out, console.observer()?)?;
    console.result(&outcome, || format!("{}{}\n", told(&outcome), shown_path(&args.out.join(DATALIST))))
}

/// Writes the data set, and prints what it holds and where its folds must go.
///
/// # Errors
/// Those of [`nnunet_form::write`].
pub fn nnunet(args: &NnunetArgs, console: &Console) -> Result<()> {
    let outcome = nnunet_form::write(&args.what.wanted(), &args.out, console.observer()?)?;
    let name = args.out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    console.result(&outcome, || {
        let folds = match outcome.folds {
            None => "one fold, 0: the data set's training and validation sides".to_owned(),
            Some(folds) => format!("{folds} folds, by patient"),
        };
        format!(
            "{}data set in {}\n{folds}; after nnUNetv2_plan_and_preprocess and before training copy {SPLITS} into \
             $nnUNet_preprocessed/{name}/, or nnU-Net splits patients\n",
            told(&outcome),
            shown_path(&args.out),
        )
    })
}

fn told(outcome: &Outcome) -> String {
    let clipped =
        if outcome.clipped { "values of real images are clipped to the windows, as drawn ones are\n" } else { "" };
    let notes = noted(&outcome.notes);
    format!("{}\n{clipped}{notes}", outcome.sentence())
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn what_is_typed_is_what_is_wanted() {
        let typed =
            ["--data", "d", "--out", "o", "--synthetic", "a", "--synthetic", "b", "--target", "rims", "--whole"];
        let args = parsed::<MonaiArgs>(&typed).unwrap();
        let wanted = args.what.wanted();
        assert_eq!((wanted.synthetic.len(), wanted.target, wanted.whole), (2, Some(Target::Rims), true));
        assert_eq!((wanted.folds, wanted.trust_origin), (None, false));
        assert!(parsed::<NnunetArgs>(&["--data", "d"]).is_err());
        assert!(parsed::<NnunetArgs>(&["--data", "d", "--out", "o", "--target", "lumps"]).is_err());
    }
}
