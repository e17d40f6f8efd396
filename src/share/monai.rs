//! NIfTI volumes and a `datalist.json` as MONAI's `load_decathlon_datalist` reads it.
//!
//! `{"training": [{"image", "label", "fold"}], "validation": [...], "test": [...]}`, paths relative to the file.
//! Examples of a fold are that fold's validation set (`monai.auto3dseg.datafold_read`); drawn ones are in no fold and
//! so always learnt from.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::collection::{Case, Collection, Place, Wanted};
use super::example::Files;
use super::outcome::Outcome;
use crate::files::{self, Input, OutFolder, Owner};
use crate::name::Inside;
use crate::observer::Observer;
use crate::problem::Result;

/// Name of the list.
pub const DATALIST: &str = "datalist.json";

/// Knows the folders of this export; there is no version of it without marks.
const OWNER: Owner = Owner::of("export monai", |_| Ok(None));

/// Writes the volumes and the list into `out`.
///
/// # Errors
/// What [`Collection::open`] refuses, an `out` that is not this command's, a failed write, or stopped on request.
pub fn write(wanted: &Wanted<'_>, out: &Path, observer: &dyn Observer) -> Result<Outcome> {
    let read = wanted.synthetic.iter().map(|folder| Input::of(folder)).chain([Input::of(wanted.data)]);
    let folder = OutFolder::new(OWNER, out).apart_from(read);
    folder.check()?;
    let all = Collection::open(wanted, observer)?;
    let outcome = Outcome::of(&all);
    let mut claim = folder.claim()?;
    claim.discard()?;
    let staging = claim.staging()?;
    files::make_folder(&staging)?;
    let names = all.write(&staging, |case| files_of(&all, case), observer)?;
    files::write_json(staging.join(DATALIST), &datalist(&all, &outcome))?;
    claim.publish(names, &[DATALIST], observer)?;
    Ok(outcome)
}

fn files_of(all: &Collection, case: &Case) -> Files {
    let contrasts = &all.data.manifest().contrasts;
    let image = |&at: &usize| Inside::of("images", &case.name.with(&format!("_{:.40}", contrasts[at].name)), ".nii.gz");
    Files {
        images: all.task.image.iter().map(image).collect(),
        label: all.task.has_maps().then(|| Inside::of("labels", &case.name, ".nii.gz")),
    }
}

fn datalist(all: &Collection, outcome: &Outcome) -> Value {
    let of = |side: fn(Place) -> bool| -> Vec<Value> {
        all.cases.iter().filter(|case| side(case.place)).map(|case| item(all, case)).collect()
    };
    json!({
        "name": all.data.root().file_name().map(|name| name.to_string_lossy()),
        "description": outcome.sentence(),
        "modality": outcome.channels.iter().enumerate().map(|(at, channel)| (at.to_string(), json!(channel.name)))
            .collect::<Map<_, _>>(),
        "labels": outcome.labels.iter().enumerate().map(|(at, name)| (at.to_string(), json!(name)))
            .collect::<Map<_, _>>(),
        "rimforge": outcome,
        "training": of(|place| matches!(place, Place::Training(_))),
        "validation": of(|place| place == Place::Validation),
        "test": of(|place| place == Place::Test),
    })
}

/// One entry: a path, or a list of one a channel; a map's path, or the class's number.
fn item(all: &Collection, case: &Case) -> Value {
    let Files { images, label } = files_of(all, case);
    let classes = &all.data.manifest().classes;
    let number = || case.class.as_ref().and_then(|class| classes.number(class));
    let mut item = Map::new();
    item.insert("image".into(), if let [one] = &images[..] { json!(one) } else { json!(images) });
    item.insert("label".into(), label.map_or_else(|| json!(number()), |label| json!(label)));
    if let Place::Training(Some(fold)) = case.place {
        item.insert("fold".into(), json!(fold));
    }
    item.insert("id".into(), json!(case.name));
    item.insert("patient".into(), json!(case.patient));
    item.insert("class".into(), json!(case.class));
    item.insert("synthetic".into(), json!(case.is_drawn()));
    item.insert("simulated".into(), json!(all.data.manifest().simulated));
    Value::Object(item)
}
