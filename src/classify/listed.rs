//! Records of folders that other commands wrote, and the images that they list.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::labelled::Kind;
use crate::data::origin::Origin;
use crate::data::{Prepared, listed_image};
use crate::feed::network_source::require_channels;
use crate::files;
use crate::name::Inside;
use crate::problem::{Problem, Result};
use crate::records::FileHash;
use crate::records::edit::{Edit, EditDirection};
use crate::records::label::Contrast;
use crate::run_dir::RECORD;

/// Largest record in bytes: an entry of some 600 for each of a hundred thousand images.
const LARGEST_RECORD: u64 = 64 << 20;

/// What a record of `generate` or `edit` tells of its images. Whatever a version or a command does not write is empty.
#[derive(Deserialize)]
pub(super) struct Listed {
    #[serde(default)]
    data_sha256: Option<String>,
    #[serde(default)]
    ancestor_data: Vec<String>,
    #[serde(default)]
    contrasts: Vec<Contrast>,
    #[serde(default)]
    pub images: Vec<FileHash>,
    #[serde(default)]
    pub image_classes: Vec<String>,
    /// The class of all of them, where one was asked of a conditional network; its name where the network names it.
    #[serde(default)]
    pub class: Option<i64>,
    #[serde(default)]
    pub class_name: Option<String>,
    #[serde(default)]
    pub kept: Vec<bool>,
    #[serde(default)]
    pub directions: Vec<EditDirection>,
    #[serde(default)]
    pub edits: Vec<Edit>,
    #[serde(default)]
    pub against: String,
    #[serde(default)]
    pub edited_sha256: Option<String>,
}

impl Listed {
    /// The record of `folder`, once its images may stand beside the data set, and what is to be told of them.
    ///
    /// # Errors
    /// No record, images of a generator of another data set (unless `trusted`, also one of which that is not known, or
    /// that started from one of another), of other channels or windows, a list that something else than the program
    /// changed.
    pub fn open(folder: &Path, kind: Kind, data: &Prepared, trusted: bool) -> Result<(Self, Vec<String>)> {
        let path = folder.join(RECORD);
        let (command, _, words) = kind.words();
        let record: Self = read_record(&path, command)?;
        let origin = Origin { data: record.data_sha256.as_deref(), before: &record.ancestor_data };
        let notes = origin.check(&path, words, data.sha256(), trusted)?;
        require_channels(&path, "the images were drawn", &record.contrasts, data)?;
        listed_image::require_list(&record.images, &record.image_classes)
            .map_err(|problem| problem.at(&path).advice(kind.again()))?;
        Ok((record, notes))
    }
}

pub(super) fn read_record<T: DeserializeOwned>(path: &Path, command: &str) -> Result<T> {
    let wanted = format!("the record of a folder that `rimforge {command}` wrote");
    let text = files::read(path, LARGEST_RECORD, &wanted).map_err(|problem| {
        problem.expected(&*wanted).advice(format!(
            "give the --out folder of `rimforge {command}`: images without their record may be of a network that knows \
             the test lesions"
        ))
    })?;
    files::parse_json(path, &text, &wanted)
}

/// The file that a record names, which lies in its folder.
pub(super) fn inside(folder: &Path, record: &Path, name: &str) -> Result<PathBuf> {
    Inside::new(name).map(|name| name.under(folder)).map_err(|fault| Problem::input(record, fault))
}

/// The values of an image that has the given hash.
pub(super) fn values(path: &Path, sha256: &str, data: &Prepared) -> Result<Vec<f32>> {
    let again = "write it again with `rimforge generate` or `rimforge project`, from a network of this data set; in a study, \
                 remove the record.json beside it and run the study again";
    listed_image::read(path, &data.image_shape().map(|n| n as u64), sha256).map_err(|problem| problem.advice(again))
}
