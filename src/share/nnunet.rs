//! A raw data set of nnU-Net v2 (`nnUNet_raw/DatasetNNN_Name`), with the folds that its preprocessed folder needs.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::collection::{Case, Collection, Place, Wanted};
use super::example::Files;
use super::outcome::Outcome;
use crate::files::{self, Input, OutFolder, Owner};
use crate::name::Inside;
use crate::observer::Observer;
use crate::problem::{Problem, Result};

/// Names of the files beside the images.
const DATASET: &str = "dataset.json";
const CASES: &str = "cases.tsv";

/// The folds, which nnU-Net looks for in its preprocessed folder, else it deals cases at random.
pub const SPLITS: &str = "splits_final.json";

/// Knows the folders of this export; there is no version of it without marks.
const OWNER: Owner = Owner::of("export nnunet", |_| Ok(None));

/// Writes the data set into `out`, whose name is the data set's.
///
/// # Errors
/// A name of another form, labels that are no maps, no validation patient and no folds, what [`Collection::open`]
/// refuses, an `out` that is not this command's, a failed write, or stopped on request.
pub fn write(wanted: &Wanted<'_>, out: &Path, observer: &dyn Observer) -> Result<Outcome> {
    let name = dataset_name(out)?;
    let read = wanted.synthetic.iter().map(|folder| Input::of(folder)).chain([Input::of(wanted.data)]);
    let folder = OutFolder::new(OWNER, out).apart_from(read);
    folder.check()?;
    let all = Collection::open(wanted, observer)?;
    if !all.task.has_maps() {
        return Err(Problem::input(wanted.data, "labels that are classes of whole images")
            .expected("maps: nnU-Net learns segmentation")
            .advice("choose another --target; for classification: `rimforge export monai`"));
    }
    let splits = splits(&all);
    let empty = |side: &str| splits.iter().any(|split| split[side].as_array().is_none_or(Vec::is_empty));
    if empty("train") || empty("val") {
        return Err(Problem::input(wanted.data, "a fold with nothing to learn from or nothing to validate on")
            .expected("patients on both the training and the validation side")
            .advice("deal folds over all patients but the held-out ones: --folds 5"));
    }
    let outcome = Outcome::of(&all);
    let mut claim = folder.claim()?;
    claim.discard()?;
    let staging = claim.staging()?;
    files::make_folder(&staging)?;
    let mut names = all.write(&staging, |case| files_of(&all, case), observer)?;
    files::write(staging.join(CASES), table(&all).as_bytes())?;
    files::write_json(staging.join(SPLITS), &splits)?;
    files::write_json(staging.join(DATASET), &description(&name, &outcome))?;
    names.extend([CASES, SPLITS].map(str::to_owned));
    claim.publish(names, &[DATASET], observer)?;
    Ok(outcome)
}

/// The data set's name, from the folder's.
fn dataset_name(out: &Path) -> Result<String> {
    let name = out.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let word = |text: &str| {
        let letters = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
        letters && !text.is_empty()
    };
    let fits = name.strip_prefix("Dataset").and_then(|rest| rest.split_once('_')).is_some_and(|(number, rest)| {
        number.len() == 3 && number.bytes().all(|digit| digit.is_ascii_digit()) && number != "000" && word(rest)
    });
    if fits {
        return Ok(name.to_owned());
    }
    Err(Problem::usage("a folder whose name is no data set of nnU-Net")
        .at(out)
        .expected("DatasetNNN_Name, three digits and a word: nnU-Net finds a data set by its number")
        .advice("give --out nnUNet_raw/Dataset501_Rims, or another number"))
}

fn files_of(all: &Collection, case: &Case) -> Files {
    let (images, labels) = match case.place {
        Place::Test => ("imagesTs", "labelsTs"),
        _ => ("imagesTr", "labelsTr"),
    };
    let image = |channel: usize| Inside::of(images, &case.name.with(&format!("_{channel:04}")), ".nii.gz");
    Files {
        images: (0..all.task.image.len()).map(image).collect(),
        label: Some(Inside::of(labels, &case.name, ".nii.gz")),
    }
}

/// For each fold the cases to learn from and to validate on; without folds the data set's two sides. Drawn ones are
/// always learnt from.
fn splits(all: &Collection) -> Vec<Value> {
    let split = |validates: &dyn Fn(&Case) -> bool| {
        let own = all.cases.iter().filter(|case| case.place != Place::Test);
        let (val, train): (Vec<&Case>, Vec<&Case>) = own.partition(|case| validates(case));
        let names = |cases: Vec<&Case>| cases.into_iter().map(|case| json!(case.name)).collect::<Vec<_>>();
        json!({"train": names(train), "val": names(val)})
    };
    match all.folds {
        None => vec![split(&|case| case.place == Place::Validation)],
        Some(folds) => (0..folds).map(|fold| split(&|case| case.place == Place::Training(Some(fold)))).collect(),
    }
}

fn description(name: &str, outcome: &Outcome) -> Value {
    let channels: Map<String, Value> =
        outcome.channels.iter().enumerate().map(|(at, channel)| (at.to_string(), json!(channel.name))).collect();
    let labels: Map<String, Value> =
        outcome.labels.iter().enumerate().map(|(number, name)| (name.clone(), json!(number))).collect();
    json!({
        "name": name,
        "description": outcome.sentence(),
        "channel_names": channels,
        "labels": labels,
        "numTraining": outcome.training + outcome.validation,
        "file_ending": ".nii.gz",
        "rimforge": outcome,
    })
}

/// A line a case: whose it is, and where it may be used.
fn table(all: &Collection) -> String {
    let mut text = "case\tpatient\tclass\tplace\torigin\n".to_owned();
    for case in &all.cases {
        let place = match case.place {
            Place::Training(Some(fold)) => format!("fold {fold}"),
            Place::Training(None) => "training".into(),
            Place::Validation => "validation".into(),
            Place::Test => "test".into(),
        };
        let simulated = if all.data.manifest().simulated { "simulated" } else { "real" };
        let origin = if case.is_drawn() { "synthetic" } else { simulated };
        let patient = case.patient.as_deref().unwrap_or("n/a");
        let class = case.class.as_ref().map_or("n/a", |class| class.name());
        text += &format!("{}\t{patient}\t{class}\t{place}\t{origin}\n", case.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_as_nnu_net_finds_it() {
        for name in ["Dataset501_Rims", "raw/Dataset001_a-b_c"] {
            assert!(dataset_name(Path::new(name)).is_ok(), "{name}");
        }
        for name in
            ["Dataset51_Rims", "Dataset000_x", "Dataset501", "Dataset501_", "dataset501_x", "Dataset501_a b", "x"]
        {
            let problem = dataset_name(Path::new(name)).unwrap_err().to_string();
            assert!(problem.contains("Dataset501_Rims"), "{name}: {problem}");
        }
    }
}
