//! `rimforge prepare`: a cohort, a folder of images, a zip or photographs of skin into patches with a patient-wise
//! split.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::{Serialize, Serializer};

use super::brats_args::BratsArgs;
use super::choices::choice;
use super::console::Console;
use super::fa_args::FaArgs;
use super::options::{Options, SeedArgs};
use super::sources::SourceArgs;
use crate::data::manifest::Items;
use crate::data::prepare_config::ClassSource;
use crate::data::{PrepareConfig, run_stage};
use crate::lab::Lab;
use crate::name::shown_path;
use crate::nifti::Form;
use crate::problem::Result;
use crate::records::label::Window;
use crate::records::prepare::{PrepareRecord, SplitCount};

/// Arguments of `rimforge prepare`.
#[derive(Args, Debug)]
pub struct PrepareArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Folder for the prepared data set.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<PrepareConfig, Typed>,
    #[command(flatten)]
    seed: SeedArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "prepare-settings")]
struct Typed {
    /// Channels of the patches: chimap (or qsm), flair, rim, or another BIDS suffix.
    #[arg(long, value_delimiter = ',')]
    contrasts: Option<Vec<String>>,
    /// Share of the patients that no generator and no fit sees.
    #[arg(long)]
    test_fraction: Option<f64>,
    /// Share of the patients for thresholds and early choices.
    #[arg(long)]
    validation_fraction: Option<f64>,
    /// Use slices with at least this share of the lesion voxels of the lesion's largest slice.
    #[arg(long)]
    slice_area_fraction: Option<f64>,
    /// Blur of traced rims within a slice, standard deviation in voxels; 0 leaves them as traced.
    #[arg(long)]
    rim_softness: Option<f64>,
    /// What maps to -1..1, in the contrast's unit (ppb for chimap); may be repeated.
    #[arg(long = "window", value_name = "CONTRAST=LOW:HIGH", value_parser = window, allow_hyphen_values = true)]
    #[serde(serialize_with = "by_contrast", skip_serializing_if = "Option::is_none")]
    windows: Option<Vec<(String, Window)>>,
    /// Which session of the cohort, where there are several.
    #[arg(long)]
    session: Option<String>,
    /// Which of several files of the cohort that differ in an entity: run-2, part-mag; run-none means those without.
    #[arg(long, value_name = "ENTITY", value_delimiter = ',')]
    entities: Option<Vec<String>>,
    /// Cohort: where volumes lie whose headers say it twice and differently.
    #[arg(long, value_parser = choice::<Form>())]
    form: Option<Form>,
    /// Images: one label is of interest, the others are not told apart (interest); or each label is a class (labels).
    #[arg(long, value_name = "SOURCE", value_parser = choice::<ClassSource>())]
    classes: Option<ClassSource>,
    /// Cohort: an item is a slice of a lesion's patch (slices) or, for programs that use the library, the whole patch
    /// (volumes).
    #[arg(long, value_parser = choice::<Items>())]
    items: Option<Items>,
    /// Images: the label that is the class of interest.
    #[arg(long, value_name = "NAME")]
    rim_label: Option<String>,
    /// Images: the label that counts as contested.
    #[arg(long, value_name = "NAME")]
    ambiguous_label: Option<String>,
    /// Images: table with the columns file and patient.
    #[arg(long, value_name = "FILE.tsv")]
    patients: Option<PathBuf>,
    /// Refuse zips that unpack to more bytes.
    #[arg(long)]
    max_zip_bytes: Option<u64>,
    /// Images: refuse one of more pixels (networks take at most 1024 x 1024).
    #[arg(long)]
    max_pixels: Option<u64>,
    /// Images and photographs: bring them to so many pixels each way by the centred square and averages over areas
    /// (photographs: 64).
    #[arg(long)]
    side: Option<u32>,
    /// Images in colour with --side: keep those that are nearly the same on one side, as copies of one photograph
    /// (tables of --ham10000 and --isic: always).
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    near_duplicates: bool,
    #[command(flatten)]
    #[serde(flatten)]
    brains: BratsArgs,
    #[command(flatten)]
    #[serde(flatten)]
    maps: FaArgs,
    /// Images: refuse folders and zips with more files.
    #[arg(long)]
    max_files: Option<u64>,
}

fn by_contrast<S: Serializer>(windows: &Option<Vec<(String, Window)>>, to: S) -> std::result::Result<S::Ok, S::Error> {
    windows.iter().flatten().cloned().collect::<BTreeMap<_, _>>().serialize(to)
}

/// "chimap=-120:160".
fn window(text: &str) -> std::result::Result<(String, Window), String> {
    let parsed = text.split_once('=').and_then(|(contrast, ends)| {
        let (low, high) = ends.split_once(':')?;
        Some((contrast.to_owned(), Window { low: low.parse().ok()?, high: high.parse().ok()? }))
    });
    parsed.ok_or_else(|| "expected CONTRAST=LOW:HIGH, e.g. chimap=-120:160".to_owned())
}

/// Prepares the data set and prints what it holds.
///
/// # Errors
/// Settings that make no sense, a source that cannot be used, a failed write, or stopped on request.
pub fn run(args: &PrepareArgs, console: &Console) -> Result<()> {
    let (source, config) = (args.source.source()?, args.settings.config()?);
    let lab = Lab { engine: &(), seed: args.seed.run_seed(), observer: console.observer()? };
    let record = run_stage(&source, &config, &args.out, &lab)?;
    console.result(&record, || format!("{}prepared data in {}\n", summary(&record), shown_path(&args.out)))
}

fn summary(record: &PrepareRecord) -> String {
    let mut text = if record.simulated { "SIMULATED\n".to_owned() } else { String::new() };
    let PrepareRecord { patients, lesions, slices, .. } = record;
    let channels = record.contrasts.join(", ");
    text += &format!("{lesions} lesions of {patients} patients, {slices} slices, channels {channels}\n");
    if let Some(kappa) = record.kappa {
        let range = match &record.kappa_interval {
            Some(range) => {
                format!("{:.0} % interval {:.3} to {:.3}", 100.0 * range.level, range.low, range.high)
            }
            None => "too few patients for an interval".to_owned(),
        };
        text += &format!("readers agree with kappa {kappa:.3} ({range})\n");
    }
    text += &sides(&record.counts);
    let (patients, images) = (record.patients_on_two_sides, record.pixel_hashes_on_two_sides);
    text += &format!("on two sides: {patients} patients, {images} images\n");
    if record.non_finite_voxels > 0 {
        text += &format!("{} NaN or infinite voxels were set to 0\n", record.non_finite_voxels);
    }
    record.notes.iter().for_each(|note| text += &format!("{note}\n"));
    text
}

/// Patients and lesions of each side, by class.
fn sides(counts: &[SplitCount]) -> String {
    let classed = |side: &SplitCount| -> Vec<(String, u64)> {
        if side.classes.is_empty() {
            vec![("rim".into(), side.rim), ("ambiguous".into(), side.ambiguous), ("non-rim".into(), side.non_rim)]
        } else {
            side.classes.iter().map(|count| (count.class.to_string(), count.items)).collect()
        }
    };
    let widths = |name: &str| name.chars().count() + if name == "rim" { 5 } else { 2 };
    let mut text = String::new();
    for (row, side) in counts.iter().enumerate() {
        let classes = classed(side);
        if row == 0 {
            text.push_str(&format!("{:12}{:>10}", "side", "patients"));
            classes.iter().for_each(|(name, _)| text.push_str(&format!("{name:>width$}", width = widths(name))));
            text.push('\n');
        }
        text.push_str(&format!("{:12}{:>10}", side.split, side.patients));
        classes.iter().for_each(|(name, count)| text.push_str(&format!("{count:>width$}", width = widths(name))));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn options_set_settings() {
        let parse = |more: &[&str]| parsed::<PrepareArgs>(&[&["--zip", "z", "--out", "o"], more].concat()).unwrap();
        assert_eq!(parse(&[]).settings.config().unwrap(), PrepareConfig::default());
        let some =
            ["--window", "flair=0:2", "--contrasts", "chimap,flair", "--rim-softness", "0", "--patients", "p.tsv"];
        let some = parse(&some).settings.config().unwrap();
        assert_eq!(some.windows, BTreeMap::from([("flair".to_owned(), Window { low: 0.0, high: 2.0 })]));
        assert_eq!((some.contrasts.len(), some.rim_softness, some.patients), (2, 0.0, Some("p.tsv".into())));
        assert!(parsed::<PrepareArgs>(&["--out", "o"]).is_err(), "one source");
    }

    #[test]
    fn windows_are_read_as_contrast_and_two_ends() {
        assert_eq!(window("chimap=-120:160").unwrap(), ("chimap".into(), Window { low: -120.0, high: 160.0 }));
        assert!(window("chimap=-120").is_err());
    }
}
