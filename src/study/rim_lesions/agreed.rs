//! Projections of the agreed lesions of the training side, which some arms need beside those of the contested ones.

use std::path::PathBuf;

use super::config::RimStudy;
use crate::classify::arms;
use crate::classify::source::Given;
use crate::project::ProjectConfig;
use crate::records::classes::{Class, Split};
use crate::run_dir::StudyDir;

/// Whose projections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreed {
    /// Lesions that both readers call rims.
    Rims,
    /// Lesions that neither does.
    NonRims,
}

impl Agreed {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Rims, Self::NonRims];

    /// Name of the stage.
    pub fn stage(self) -> &'static str {
        match self {
            Self::Rims => "project-rims",
            Self::NonRims => "project-non-rims",
        }
    }

    /// Where the projections lie.
    pub fn folder(self, dir: &StudyDir) -> PathBuf {
        match self {
            Self::Rims => dir.denoised_rims(),
            Self::NonRims => dir.denoised_non_rims(),
        }
    }

    fn given(self) -> Given {
        match self {
            Self::Rims => Given::ProjectedInterest,
            Self::NonRims => Given::ProjectedOthers,
        }
    }
}

impl RimStudy {
    /// Whether an arm of the study cannot do without these projections.
    pub fn needs_projected(&self, agreed: Agreed) -> bool {
        arms::sources(&self.classify.arms).iter().any(|source| source.asks_for().contains(&agreed.given()))
    }

    /// As the contested lesions are projected, without controls and films; as many non-rims as arms add at most, and
    /// all rims: points between them are the richer the more there are.
    pub fn agreed_project(&self, agreed: Agreed, project: &ProjectConfig) -> ProjectConfig {
        let (class, limit) = match agreed {
            Agreed::Rims => (Class::RIM, 0),
            Agreed::NonRims => (Class::NON_RIM, self.classify.extra),
        };
        let split = Split::Train;
        ProjectConfig { class, split, limit, controls: 0, choose_features: 0, film: 0, ..project.clone() }
    }
}
