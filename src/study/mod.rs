//! Recipes: a study's settings, its stages in order, what is kept of them.
//!
//! A recipe is a folder here: its settings, and its stages in the order in which they run. What it leaves is a record
//! like any stage's and lies with those, in [`crate::records::study`], where the report finds it. What recipes share
//! lives once beside them: which recipe a study file is for ([`kind`]), reading it with `--set` ([`settings`]), the
//! stages' cache ([`cache`]), the study folder ([`folder`]).

pub mod kind;

pub mod settings;

mod toml_bounds;

pub mod folder;

mod changes;

pub mod cache;

mod content;

pub mod errand;

mod drawn;

mod projected;

mod trained;

pub mod rim_lesions;

pub mod dermatoscopy;

pub mod glioma;

pub mod projection_accuracy;

use crate::engine::Engine;

pub use dermatoscopy::DermatoscopyStudy;
pub use errand::{Errand, What};
pub use glioma::GliomaStudy;
pub use kind::StudyKind;
pub use projection_accuracy::ProjectionAccuracyStudy;
pub use rim_lesions::RimStudy;
pub use settings::StudyFile;

/// "CPU", "Cuda(0)".
fn device_name(engine: &Engine) -> String {
    match engine.device {
        tch::Device::Cpu => "CPU".to_owned(),
        other => format!("{other:?}"),
    }
}
