//! `rimforge prepare`.

use crate::data::run_stage;
use crate::lab::Lab;
use std::path::PathBuf;

use clap::Args;

use super::choices::choice;
use super::progress::Progress;
use crate::data::manifest::Items;
use crate::data::prepare_config::ClassSource;
use crate::data::{PrepareConfig, Source};
use crate::problem::{Kind, Problem, Result};
use crate::records::label::Window;
use crate::records::prepare::{PrepareRecord, SplitCount};
use crate::seed::RunSeed;

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct SourceArgs {
    /// BIDS cohort: sub-*/anat/*_Chimap.nii.gz, lesions and readers under derivatives/lesions.
    #[arg(long, value_name = "DIR")]
    cohort: Option<PathBuf>,
    /// Folder of PNGs; labels from dataset.json, labels.tsv or the sub-folders.
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// StyleGAN2-ADA data set.
    #[arg(long, value_name = "FILE")]
    zip: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct PrepareArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Folder for the prepared data set.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Channels of the patches: chimap, flair, rim, or another BIDS suffix.
    #[arg(long, value_delimiter = ',', default_value = "chimap")]
    contrasts: Vec<String>,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Share of the patients that no generator and no fit sees.
    #[arg(long, default_value_t = PrepareConfig::default().test_fraction)]
    test_fraction: f64,
    /// Share of the patients for thresholds and early choices.
    #[arg(long, default_value_t = PrepareConfig::default().validation_fraction)]
    validation_fraction: f64,
    /// Use slices with at least this share of the lesion voxels of the lesion's largest slice.
    #[arg(long, default_value_t = PrepareConfig::default().slice_area_fraction)]
    slice_area_fraction: f64,
    /// Blur of traced rims within a slice, standard deviation in voxels; 0 leaves them as traced.
    #[arg(long, default_value_t = PrepareConfig::default().rim_softness)]
    rim_softness: f64,
    /// What maps to -1..1, in the contrast's unit (ppb for chimap); may be repeated.
    #[arg(long = "window", value_name = "CONTRAST=LOW:HIGH", value_parser = window, allow_hyphen_values = true)]
    windows: Vec<(String, Window)>,
    /// Which session of the cohort, where there are several.
    #[arg(long)]
    session: Option<String>,
    /// Images: one label is of interest, the others are not told apart (interest); or each label is a class (labels).
    #[arg(long, value_name = "SOURCE", default_value = "interest", value_parser = choice::<ClassSource>())]
    classes: ClassSource,
    /// Cohort: an item is a slice of a lesion's patch (slices) or the whole patch (volumes).
    #[arg(long, default_value = "slices", value_parser = choice::<Items>())]
    items: Items,
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
    #[arg(long, default_value_t = PrepareConfig::default().max_zip_bytes)]
    max_zip_bytes: u64,
    /// Print the record as JSON instead of lines.
    #[arg(long)]
    json: bool,
}

impl PrepareArgs {
    fn resolve(&self) -> Result<(Source, PrepareConfig)> {
        let source = match (&self.source.cohort, &self.source.images, &self.source.zip) {
            (Some(root), _, _) => Source::Cohort(root.clone()),
            (_, Some(root), _) => Source::Images(root.clone()),
            (_, _, Some(path)) => Source::Zip(path.clone()),
            _ => return Err(Problem::usage("no source").expected("--cohort, --images or --zip")),
        };
        let config = PrepareConfig {
            contrasts: self.contrasts.clone(),
            slice_area_fraction: self.slice_area_fraction,
            rim_softness: self.rim_softness,
            test_fraction: self.test_fraction,
            validation_fraction: self.validation_fraction,
            windows: self.windows.iter().cloned().collect(),
            session: self.session.clone(),
            classes: self.classes,
            items: self.items,
            rim_label: self.rim_label.clone(),
            ambiguous_label: self.ambiguous_label.clone(),
            patients: self.patients.clone(),
            max_zip_bytes: self.max_zip_bytes,
            ..PrepareConfig::default()
        };
        Ok((source, config))
    }
}

/// "chimap=-120:160".
fn window(text: &str) -> std::result::Result<(String, Window), String> {
    let parsed = text.split_once('=').and_then(|(contrast, ends)| {
        let (low, high) = ends.split_once(':')?;
        Some((contrast.to_owned(), Window { low: low.parse().ok()?, high: high.parse().ok()? }))
    });
    parsed.ok_or_else(|| "expected CONTRAST=LOW:HIGH, e.g. chimap=-120:160".to_owned())
}

pub fn run(args: &PrepareArgs) -> Result<()> {
    let (source, config) = args.resolve()?;
    let lab = Lab { engine: &(), seed: RunSeed(args.seed), observer: &Progress::new()? };
    let record = run_stage(&source, &config, &args.out, &lab)?;
    if args.json {
        let text = serde_json::to_string_pretty(&record)
            .map_err(|error| Problem::new(Kind::Internal, format!("cannot express as JSON: {error}")))?;
        println!("{text}");
    } else {
        print(&record);
        println!("prepared data in {}", args.out.display());
    }
    Ok(())
}

fn print(record: &PrepareRecord) {
    if record.simulated {
        println!("SIMULATED");
    }
    let PrepareRecord { patients, lesions, slices, .. } = record;
    println!("{lesions} lesions of {patients} patients, {slices} slices, channels {}", record.contrasts.join(", "));
    match (record.kappa, &record.kappa_interval) {
        (Some(kappa), Some(range)) => {
            let percent = 100.0 * range.level;
            println!(
                "readers agree with kappa {kappa:.3} ({percent:.0} % interval {:.3} to {:.3})",
                range.low, range.high
            );
        }
        (Some(kappa), None) => println!("readers agree with kappa {kappa:.3} (too few patients for an interval)"),
        (None, _) => {}
    }
    print!("{}", sides(&record.counts));
    println!("on two sides: {} patients, {} images", record.patients_on_two_sides, record.pixel_hashes_on_two_sides);
    if record.non_finite_voxels > 0 {
        println!("{} NaN or infinite voxels were set to 0", record.non_finite_voxels);
    }
    record.notes.iter().for_each(|note| println!("{note}"));
}

/// Patients and lesions of each side, by class.
fn sides(counts: &[SplitCount]) -> String {
    let classed = |side: &SplitCount| -> Vec<(String, u64)> {
        match side.classes.is_empty() {
            true => {
                vec![("rim".into(), side.rim), ("ambiguous".into(), side.ambiguous), ("non-rim".into(), side.non_rim)]
            }
            false => side.classes.iter().map(|count| (count.class.to_string(), count.items)).collect(),
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
    use super::*;

    #[test]
    fn windows_are_read_as_contrast_and_two_ends() {
        assert_eq!(window("chimap=-120:160").unwrap(), ("chimap".into(), Window { low: -120.0, high: 160.0 }));
        assert!(window("chimap=-120").is_err());
    }
}
