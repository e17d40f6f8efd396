//! Where on the page the paper's tables and figures stand, and which this study has not.

use crate::records::study::StudyRecord;

/// One table or figure of the paper.
pub struct Row {
    /// "Table 2".
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Anchor of the heading that it stands under; none where the study has it not.
    pub anchor: Option<&'static str>,
    /// What would bring it.
    pub missing: &'static str,
}

/// What is there to be found.
pub struct Present {
    /// Answers of a reader study.
    pub reading: bool,
    /// A slice of a patient with arrows.
    pub patient: bool,
    /// Lesions of every kind.
    pub lesions: bool,
    /// Class activation maps.
    pub maps: bool,
}

/// All of them, tables first.
pub fn rows(study: &StudyRecord, present: &Present) -> Vec<Row> {
    let row = |name, about, (there, anchor): (bool, &'static str), missing| Row {
        name,
        about,
        anchor: there.then_some(anchor),
        missing,
    };
    vec![
        row("Table 1", "readers: real or synthetic, rim or not", (present.reading, "reading"), "`rimforge read`"),
        row("Table 2", "training sets against held-out rims", (study.evaluation.is_some(), "evaluation"), "[evaluate]"),
        row("Tables 3 and 4", "arms of the classifier", (true, "classifier"), ""),
        row("Figure 1", "a patient, arrows at rims", (present.patient, "cohort"), "an agreed rim on the training side"),
        row("Figure 2", "rims and non-rims", (present.lesions, "cohort"), "a lesion on the training side"),
        row("Figure 3", "generator and discriminator", (true, "generator"), ""),
        row("Figure 4", "denoising by latent projection", (true, "denoising"), ""),
        row("Figure 5", "mapping and synthesis", (true, "generator"), ""),
        row("Figure 6", "real and synthetic lesions", (true, "generator"), ""),
        row("Figure 7", "contested lesions and their projections", (true, "denoising"), ""),
        row("Figure 8", "distance from real rims over training", (true, "generator"), ""),
        row("Figure 9", "where classifiers look", (present.maps, "classifier"), "a test rim"),
        row(
            "Figure 10",
            "several contrasts and the rim map at once",
            (study.multi_contrast.is_some(), "multi-contrast"),
            "[multi_contrast]",
        ),
    ]
}
