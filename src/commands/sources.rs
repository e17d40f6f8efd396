//! Where `rimforge prepare` reads from: one of them.

use std::path::PathBuf;

use clap::Args;

use crate::data::Source;
use crate::problem::{Problem, Result};

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct SourceArgs {
    /// BIDS cohort: sub-*/anat/*_Chimap.nii.gz, lesions and readers under derivatives/lesions.
    #[arg(long, value_name = "DIR")]
    cohort: Option<PathBuf>,
    /// Folder of PNGs, or of JPEGs; labels from dataset.json, labels.tsv or the sub-folders.
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// StyleGAN2-ADA data set.
    #[arg(long, value_name = "FILE")]
    zip: Option<PathBuf>,
    /// HAM10000 as downloaded, folder or zip: HAM10000_metadata.csv (.tab, no ending) and photographs.
    #[arg(long, value_name = "DIR")]
    ham10000: Option<PathBuf>,
    /// Training set of ISIC 2018 (task 3) or 2019 as downloaded, folder or zip: *_GroundTruth.csv, lesions,
    /// photographs.
    #[arg(long, value_name = "DIR")]
    isic: Option<PathBuf>,
    /// Brains with gliomas as downloaded: BraTS-Africa, BraTS 2017 to 2024; folders of cases at any depth.
    #[arg(long, value_name = "DIR")]
    brats: Option<PathBuf>,
    /// Maps of fractional anisotropy in one space: BIDS derivatives (*_param-FA_dwimap.nii.gz) or *_FA.nii.gz;
    /// participants.tsv says who is healthy, *_label-lesion_mask.nii.gz where lesions are.
    #[arg(long, value_name = "DIR")]
    fa: Option<PathBuf>,
}

/// A path where it was typed, and the source that it is.
type Given<'a> = (&'a Option<PathBuf>, fn(PathBuf) -> Source);

impl SourceArgs {
    /// The one that was typed.
    pub(super) fn source(&self) -> Result<Source> {
        let sources: [Given<'_>; 7] = [
            (&self.cohort, Source::Cohort),
            (&self.images, Source::Images),
            (&self.zip, Source::Zip),
            (&self.ham10000, Source::Ham10000),
            (&self.isic, Source::Isic),
            (&self.brats, Source::Brats),
            (&self.fa, Source::Fa),
        ];
        let given = sources.into_iter().find_map(|(path, of)| path.clone().map(of));
        given.ok_or_else(|| {
            Problem::usage("no source").expected("--cohort, --images, --zip, --ham10000, --isic, --brats or --fa")
        })
    }
}
