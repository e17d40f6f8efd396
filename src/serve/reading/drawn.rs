//! Images that stages of the study made: which there are, each known by its hash.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::data::{Prepared, listed_image};
use crate::files;
use crate::name::{Inside, Name};
use crate::problem::{Problem, Result};
use crate::records::FileHash;
use crate::records::label::Contrast;
use crate::run_dir::RECORD;

/// Bytes of a stage's record, at most.
const LONGEST: u64 = 256 << 20;

/// Role of projections that are shown.
const CONTESTED: &str = "ambiguous";

/// An image in a stage's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The lesion, or the file's stem.
    pub id: Name,
    /// Slice within the lesion's patch.
    pub slice: Option<u64>,
    /// Its file.
    pub file: Inside,
    /// Of the file.
    pub sha256: String,
}

#[derive(Deserialize)]
struct Synthesis {
    network_sha256: String,
    #[serde(default)]
    data_sha256: Option<String>,
    #[serde(default)]
    contrasts: Vec<Contrast>,
    #[serde(default)]
    images: Vec<FileHash>,
}

#[derive(Deserialize)]
struct Projection {
    #[serde(default)]
    projected_sha256: Option<String>,
    #[serde(default)]
    contrasts: Vec<Contrast>,
    lesions: Vec<Projected>,
}

#[derive(Deserialize)]
struct Projected {
    lesion_id: Name,
    slice: u64,
    role: String,
    image: Inside,
    #[serde(default)]
    image_sha256: Option<String>,
}

/// The drawn images that the record of `folder` lists, in its order, and the hash of their network.
///
/// # Errors
/// No record, one that leads out of its folder, one of a version that listed no images, or of a network that was
/// trained on other data, which may have seen the real images; other channels or windows, by whose greys drawn ones
/// are told.
pub fn synthetic(folder: &Path, data: &Prepared) -> Result<(Vec<Made>, String)> {
    let path = folder.join(RECORD);
    let record: Synthesis = record(&path, "generate", "synthetic")?;
    data.require_made_of_it(&path, "images of a network", record.data_sha256.as_deref())?;
    require_windows(&path, &record.contrasts, data)?;
    if record.images.is_empty() {
        return Err(earlier(&path, "generate"));
    }
    let arrays = record.images.into_iter().filter(|image| image.path.ends_with(".npy"));
    let made = |image: FileHash| {
        let id = Name::of_known(image.path.trim_end_matches(".npy"));
        let file = Inside::new(image.path).map_err(|fault| Problem::input(&path, fault))?;
        Ok(Made { id, slice: None, file, sha256: image.sha256 })
    };
    Ok((arrays.map(made).collect::<Result<_>>()?, record.network_sha256))
}

/// The projected contested lesions that the record of `folder` lists, in the order of their names, each with its
/// slices.
///
/// # Errors
/// No record, one of a version that kept no hashes, or projections of other data or windows.
pub fn denoised(folder: &Path, data: &Prepared) -> Result<Vec<Vec<Made>>> {
    let path = folder.join(RECORD);
    let record: Projection = record(&path, "project", "denoised")?;
    data.require_made_of_it(&path, "projections", record.projected_sha256.as_deref())?;
    require_windows(&path, &record.contrasts, data)?;
    let mut lesions: BTreeMap<Name, Vec<Made>> = BTreeMap::new();
    for entry in record.lesions.into_iter().filter(|entry| entry.role == CONTESTED) {
        let sha256 = entry.image_sha256.ok_or_else(|| earlier(&path, "project"))?;
        let made = Made { id: entry.lesion_id.clone(), slice: Some(entry.slice), file: entry.image, sha256 };
        lesions.entry(entry.lesion_id).or_default().push(made);
    }
    Ok(lesions.into_values().collect())
}

fn require_windows(path: &Path, known: &[Contrast], data: &Prepared) -> Result<()> {
    if known.is_empty() || known == data.contrasts() {
        return Ok(());
    }
    Err(Problem::input(path, "images of other channels or windows than the data set's")
        .expected(format!("those of {}", data.root().display()))
        .advice("draw and project with a network that was trained on these data"))
}

fn record<T: DeserializeOwned>(path: &Path, command: &str, source: &str) -> Result<T> {
    let advice = format!("finish the study first, or leave out its {source} images with --sources");
    let text = files::read(path, LONGEST, &format!("a record of `rimforge {command}`"))
        .map_err(|problem| problem.advice(advice))?;
    files::parse_json(path, &text, &format!("a record of `rimforge {command}`"))
}

fn earlier(path: &Path, command: &str) -> Problem {
    Problem::input(path, "a record of an earlier version: it lists no images with their hashes")
        .expected("each image with its hash, so that it is known what a reader saw")
        .advice(format!("run the same `rimforge {command}` command again, or the study"))
}

/// Reads a float32 image \[C, H, W\] of the network's range that must have the given hash.
///
/// # Errors
/// Those of [`listed_image::read`].
pub fn read(path: &Path, shape: [usize; 3], sha256: &str) -> Result<Vec<f32>> {
    listed_image::read(path, &shape.map(|n| n as u64), sha256)
        .map_err(|problem| problem.advice("run the study again; it makes what changed anew"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::tests::small;
    use crate::problem::Kind;
    use serde_json::json;

    #[test]
    fn listed_images_are_found_and_others_are_not() {
        let (folder, prepared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        small(prepared.path());
        let data = Prepared::open(prepared.path()).unwrap();
        let says = || synthetic(folder.path(), &data).unwrap_err().to_string();
        assert!(says().contains("--sources"), "{}", says());
        let put = |value: serde_json::Value| std::fs::write(folder.path().join(RECORD), value.to_string()).unwrap();
        put(json!({"network_sha256": "ab"}));
        assert!(says().contains("an earlier version"));
        let image = |path: &str| json!({"path": path, "sha256": "cd"});
        put(json!({"network_sha256": "ab", "images": [image("../../seed0.npy")]}));
        assert!(says().contains("does not stay inside"));
        put(json!({"network_sha256": "ab", "images": [image("seed0000.npy"), image("seed0000.png")]}));
        let (made, network) = synthetic(folder.path(), &data).unwrap();
        assert_eq!((made.len(), made[0].id.as_str(), network.as_str()), (1, "seed0000", "ab"));
        let lesion = |id: &str, slice: u64, role: &str| json!({"lesion_id": id, "slice": slice, "role": role, "image": "images/a.npy", "image_sha256": "ef"});
        put(json!({"lesions": [lesion("b", 3, "ambiguous"), lesion("a", 1, "rim"), lesion("b", 4, "ambiguous")]}));
        let lesions = denoised(folder.path(), &data).unwrap();
        assert_eq!(lesions.len(), 1, "controls are none of a reader's business");
        // A network of another split may have seen the real images; other windows are seen in the greys.
        put(json!({"lesions": [lesion("b", 3, "ambiguous")], "projected_sha256": "another"}));
        let said = denoised(folder.path(), &data).unwrap_err();
        assert!(said.kind() == Kind::Gate && said.to_string().contains("projections of data another"), "{said}");
        put(json!({"network_sha256": "ab", "data_sha256": "another", "images": [image("seed0000.npy")]}));
        assert!(says().contains("of data another"), "{}", says());
        let window = json!({"low": -9.0, "high": 9.0});
        let other = json!([{"name": "chimap", "unit": "ppb", "window": window}]);
        put(json!({"network_sha256": "ab", "contrasts": other, "images": [image("seed0000.npy")]}));
        assert!(says().contains("other channels or windows"), "{}", says());
        assert_eq!(lesions[0].iter().map(|made| made.slice).collect::<Vec<_>>(), [Some(3), Some(4)]);
    }
}
