//! How well photographs are inverted, method by method.

use crate::problem::Result;
use crate::records::Interval;
use crate::records::invert::{InversionRecord, InvertedMethod, InvertedSide};
use crate::report::images::{Figure, data_uri};
use crate::report::numbers::{count, interval, number};
use crate::run_dir::StudyDir;

/// What the section shows.
pub struct Inversion {
    /// What was inverted, by what.
    pub about: String,
    /// One a method and side.
    pub rows: Vec<MethodRow>,
    /// One an edit and method.
    pub edits: Vec<EditRow>,
    /// Names of the methods with what they do.
    pub methods: Vec<(String, String)>,
    /// Originals beside what the methods make of them.
    pub figures: Vec<Figure>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// A method's cells on one side.
pub struct MethodRow {
    /// "encoder+pivotal-all".
    pub method: String,
    /// "train" or "validation".
    pub side: String,
    /// How many images.
    pub images: String,
    /// L2, feature distance, SSIM, lesion L2, distance to the cloud, latent inconsistency.
    pub cells: Vec<String>,
    /// That an image takes.
    pub bytes: String,
}

/// How codes of a method take an edit.
pub struct EditRow {
    /// Of the inversion.
    pub method: String,
    /// Of the edit.
    pub edit: String,
    /// The factor that it moves most.
    pub factor: String,
    /// Effect, transfer, leak on drawn and on inverted images.
    pub cells: Vec<String>,
}

/// Reads the record.
///
/// # Errors
/// A picture that it names is missing.
pub fn section(record: &InversionRecord, dir: &StudyDir) -> Result<Inversion> {
    let images = &record.images;
    let figure = |sheet: &crate::records::perturbation::Sheet| {
        Ok(Figure { image: data_uri(dir.root(), &dir.inverted(), &sheet.file)?, caption: sheet.caption.clone() })
    };
    Ok(Inversion {
        about: format!(
            "{} training photographs inverted by {}; whatever learns, learns from {} training photographs. Methods are \
             compared on {} of them and on {} validation photographs, which no encoder and no tuned generator for all saw. \
             L2 is the mean square on {}; the distance is that of {}.",
            count(images.training),
            record.method,
            count(images.learnt),
            count(images.compared),
            count(images.validation),
            record.range.replace("..", " to "),
            record.features
        ),
        rows: record.methods.iter().flat_map(|one| one.sides.iter().map(move |side| row(one, side))).collect(),
        edits: record.methods.iter().flat_map(edits).collect(),
        methods: record.methods.iter().map(|one| (one.key.clone(), one.about.clone())).collect(),
        figures: record.sheets.iter().map(figure).collect::<Result<_>>()?,
        notes: record.notes.clone(),
    })
}

fn row(method: &InvertedMethod, side: &InvertedSide) -> MethodRow {
    let cell = |value: &Option<Interval>, digits| value.as_ref().map_or("—".into(), |value| interval(value, digits));
    MethodRow {
        method: method.key.clone(),
        side: side.side.clone(),
        images: count(side.images),
        cells: vec![
            cell(&side.l2, 4),
            cell(&side.distance, 4),
            cell(&side.ssim, 3),
            cell(&side.lesion_l2, 4),
            cell(&side.w_distance, 2),
            side.inconsistency.map_or("—".into(), |value| number(value, 2)),
        ],
        bytes: count(method.bytes_of_an_image),
    }
}

fn edits(method: &InvertedMethod) -> Vec<EditRow> {
    let optional = |value: Option<f64>| value.map_or("—".into(), |value| number(value, 2));
    let row = |edit: &crate::records::invert::EditTransfer| EditRow {
        method: method.key.clone(),
        edit: edit.edit.clone(),
        factor: edit.factor.clone(),
        cells: vec![number(edit.effect, 2), number(edit.transfer, 2), optional(edit.leak_drawn), optional(edit.leak)],
    };
    method.edits.iter().map(row).collect()
}
