//! A description of a data set or of drawn images in Croissant: JSON-LD that catalogues and loaders read.
//!
//! One file that goes beside the data: its paths are relative to it, or to the address where the data will lie. The
//! hash of the manifest (or record) is in it, and that file has the hash of every other one.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::license;
use crate::data::{AnyPrepared, listed_image};
use crate::files::{self, Input, OutFolder, Owner};
use crate::name::Inside;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::FileHash;
use crate::run_dir::RECORD;
use crate::share::drawn;

/// Name of the description.
pub const DESCRIPTION: &str = "croissant.json";

/// Name of a data set's manifest.
const MANIFEST: &str = "manifest.json";

/// Knows the folders of this export; there is no version of it without marks.
const OWNER: Owner = Owner::of("export croissant", |_| Ok(None));

/// What is described.
#[derive(Clone, Copy, Debug)]
pub enum Described<'a> {
    /// A prepared data set.
    Data(&'a Path),
    /// Drawn images.
    Synthetic(&'a Path),
}

/// What only a person knows.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Under which it may be passed on.
    pub license: &'a str,
    /// What it is called; the folder's name, unless told.
    pub name: Option<&'a str>,
    /// Where the data will lie; beside the description, unless told.
    pub url: Option<&'a str>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CroissantOutcome {
    /// What it is called.
    pub name: String,
    /// Whether all or some of it is simulated or drawn.
    pub synthetic: bool,
    /// Entries of its table.
    pub items: u64,
    /// Of the manifest or record.
    pub sha256: String,
}

/// Parts of a description.
struct Parts {
    about: String,
    synthetic: bool,
    items: u64,
    /// The file that lists all others: name and hash.
    list: (&'static str, String),
    /// The others: identifier, pattern, description.
    sets: Vec<[&'static str; 3]>,
    /// Columns of the table: name, type, JSON path in the list, description.
    columns: Vec<[&'static str; 4]>,
    sensitive: Option<&'static str>,
}

/// Writes the description into `out`.
///
/// # Errors
/// No license, no data set or no record of drawn images, an `out` that is not this command's, or a failed write.
pub fn write(of: Described<'_>, said: Said<'_>, out: &Path, observer: &dyn Observer) -> Result<CroissantOutcome> {
    license::check(said.license)?;
    let (Described::Data(folder) | Described::Synthetic(folder)) = of;
    let target = OutFolder::new(OWNER, out).apart_from([Input::of(folder)]);
    target.check()?;
    let parts = match of {
        Described::Data(folder) => of_data(folder)?,
        Described::Synthetic(folder) => of_drawn(folder)?,
    };
    let own = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = said.name.map(str::to_owned).or(own).unwrap_or_else(|| "data".into());
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Problem::usage("a name with control characters, or none").expected("--name, in a few words"));
    }
    if let Some(url) = said.url {
        let is_address = ["https://", "http://"].iter().any(|start| url.len() > start.len() && url.starts_with(start));
        if !is_address || url.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
            return Err(Problem::usage(format!("--url {}", crate::name::shown(url)))
                .expected("where the data will lie: https:// and more, without spaces"));
        }
    }
    let mut claim = target.claim()?;
    claim.discard()?;
    let staging = claim.staging()?;
    files::make_folder(&staging)?;
    files::write_json(staging.join(DESCRIPTION), &description(&parts, &name, said))?;
    claim.publish(vec![], &[DESCRIPTION], observer)?;
    Ok(CroissantOutcome { name, synthetic: parts.synthetic, items: parts.items, sha256: parts.list.1 })
}

fn of_data(folder: &Path) -> Result<Parts> {
    let data = AnyPrepared::open(folder)?;
    let manifest = data.manifest();
    let contrasts: Vec<String> =
        manifest.contrasts.iter().map(|contrast| format!("{} in {}", contrast.name, contrast.unit)).collect();
    let simulated = if manifest.simulated { "SIMULATED: " } else { "" };
    Ok(Parts {
        about: format!(
            "{simulated}{} patches [channels, depth, height, width] of {:?} voxels, float32 npy, with a split by patient; \
             channels: {}",
            manifest.lesions.len(),
            manifest.patch,
            contrasts.join(", ")
        ),
        synthetic: manifest.simulated,
        items: manifest.lesions.len() as u64,
        list: (MANIFEST, data.sha256().to_owned()),
        sets: vec![["patches", "patches/*.npy", "Patches, and masks of what is in them (*_mask.npy)"]],
        columns: vec![
            ["id", "sc:Text", "$.lesions[*].id", "Name of the item"],
            ["patient", "sc:Text", "$.lesions[*].patient", "Whose it is: all of one patient are on one side"],
            ["class", "sc:Text", "$.lesions[*].class", "Class, or the contested state"],
            ["split", "sc:Text", "$.lesions[*].split", "Side: train, validation or test"],
            ["patch", "sc:Text", "$.lesions[*].patch", "File of the patch"],
            ["sha256", "sc:Text", "$.lesions[*].sha256", "SHA-256 of that file"],
        ],
        sensitive: (!manifest.simulated).then_some("Images that may be of patients: what was agreed for them holds"),
    })
}

fn of_drawn(folder: &Path) -> Result<Parts> {
    let record = drawn::record(folder)?;
    record.images.iter().try_for_each(|image| require_listed(folder, image))?;
    let from = match record.learnt_from.as_ref().and_then(|learnt| learnt.simulated) {
        Some(true) => "SIMULATED data",
        Some(false) => "measured data",
        None => "data that it does not name",
    };
    Ok(Parts {
        about: format!(
            "SYNTHETIC: images of {} seeds, drawn by a generator that was trained on {from}; channels: {}",
            record.count,
            record.channels.join(", ")
        ),
        synthetic: true,
        items: record.images.len() as u64,
        list: (RECORD, files::sha256(folder.join(RECORD))?),
        sets: vec![["images", "seed*", "Drawn images: npy in the network's range, and pictures or volumes of them"]],
        columns: vec![
            ["path", "sc:Text", "$.images[*].path", "File of the image"],
            ["sha256", "sc:Text", "$.images[*].sha256", "SHA-256 of that file"],
        ],
        sensitive: None,
    })
}

/// Refuses a list that leads a reader out of the folder, or to other files than `generate` wrote.
fn require_listed(folder: &Path, image: &FileHash) -> Result<()> {
    let path = Inside::new(image.path.as_str())
        .map_err(|fault| Problem::input(folder.join(RECORD), fault).advice(drawn::AGAIN))?;
    listed_image::require(&folder.join(&path), &image.sha256).map_err(|problem| problem.advice(drawn::AGAIN))
}

fn description(parts: &Parts, name: &str, said: Said<'_>) -> Value {
    let (list, sha256) = &parts.list;
    let at = |file: &str| match said.url {
        Some(url) => format!("{}/{file}", url.trim_end_matches('/')),
        None => file.to_owned(),
    };
    let mut distribution = vec![json!({
        "@type": "cr:FileObject",
        "@id": list,
        "name": list,
        "description": "Lists every other file with its SHA-256",
        "contentUrl": at(list),
        "encodingFormat": "application/json",
        "sha256": sha256,
    })];
    distribution.extend(parts.sets.iter().map(|[id, includes, about]| {
        json!({
            "@type": "cr:FileSet",
            "@id": id,
            "name": id,
            "description": about,
            "encodingFormat": "application/octet-stream",
            "includes": includes,
        })
    }));
    let field = |[column, kind, path, about]: &[&str; 4]| {
        json!({
            "@type": "cr:Field",
            "@id": format!("items/{column}"),
            "name": column,
            "description": about,
            "dataType": kind,
            "source": {"fileObject": {"@id": list}, "extract": {"jsonPath": path}},
        })
    };
    let mut whole = json!({
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": parts.about,
        "license": said.license,
        "rai:hasSyntheticData": parts.synthetic,
        "rai:dataCollectionType": [if parts.synthetic { "Others" } else { "Secondary Data Analysis" }],
        "rai:dataCollection": parts.about,
        "distribution": distribution,
        "recordSet": [{
            "@type": "cr:RecordSet",
            "@id": "items",
            "name": "items",
            "description": format!("The items that {list} lists"),
            "field": parts.columns.iter().map(field).collect::<Vec<_>>(),
        }],
    });
    if let Some(url) = said.url {
        whole["url"] = json!(url);
    }
    if let Some(sensitive) = parts.sensitive {
        whole["rai:personalSensitiveInformation"] = json!([sensitive]);
    }
    whole
}

/// The context that the specification's version 1.0 prescribes.
fn context() -> Value {
    let typed = |id: &str, kind: &str| json!({"@id": id, "@type": kind});
    let mut context = json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "sc": "https://schema.org/",
        "conformsTo": "dct:conformsTo",
        "data": typed("cr:data", "@json"),
        "dataType": typed("cr:dataType", "@vocab"),
        "examples": typed("cr:examples", "@json"),
    });
    let own = [
        "citeAs",
        "column",
        "equivalentProperty",
        "extract",
        "field",
        "fileProperty",
        "fileObject",
        "fileSet",
        "format",
        "includes",
        "isLiveDataset",
        "jsonPath",
        "key",
        "md5",
        "parentField",
        "path",
        "recordSet",
        "references",
        "regex",
        "repeated",
        "replace",
        "samplingRate",
        "separator",
        "source",
        "subField",
        "transform",
    ];
    own.iter().for_each(|word| context[*word] = json!(format!("cr:{word}")));
    context
}
