//! Lesions projected into the conditional generator as of either class, and what that says of the contested.

use std::path::PathBuf;

use super::Run;
use super::config::RimStudy;
use crate::classify::arms;
use crate::classify::source::Given;
use crate::data::Prepared;
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::project::feature_choice::with_chosen_features;
use crate::project::{self, Evidence, ProjectConfig};
use crate::records::classes::{Class, Split};
use crate::records::projection::ProjectionRecord;
use crate::records::two_sided::TwoSidedRecord;
use crate::run_dir::StudyDir;
use crate::study::cache::{Done, Stage};
use crate::study::projected;
use crate::two_sided::{self, TwoSidedConfig};

/// As what lesions are projected: the class of interest, and the other.
const AS: [Class; 2] = [Class::RIM, Class::NON_RIM];

/// Lesions that are projected together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    /// Contested training lesions, and agreed ones of the validation side.
    Contested,
    /// Agreed training rims.
    Rims,
    /// Agreed training non-rims.
    NonRims,
}

impl Group {
    /// Names of the stages, as of each class of [`AS`].
    fn stages(self) -> [&'static str; 2] {
        match self {
            Self::Contested => ["project-contested-as-rim", "project-contested-as-non-rim"],
            Self::Rims => ["project-rims-as-rim", "project-rims-as-non-rim"],
            Self::NonRims => ["project-non-rims-as-rim", "project-non-rims-as-non-rim"],
        }
    }

    fn folder(self, dir: &StudyDir, class: &Class) -> PathBuf {
        let of = match self {
            Self::Contested => "contested",
            Self::Rims => "rims",
            Self::NonRims => "non-rims",
        };
        dir.projected_as(of, class.name())
    }
}

fn groups(config: &TwoSidedConfig) -> Vec<Group> {
    let seen = [Group::Rims, Group::NonRims].into_iter().filter(|_| config.seen > 0);
    [Group::Contested].into_iter().chain(seen).collect()
}

/// The folders of a group of lesions projected as of each class, one list a class.
fn folders(config: &TwoSidedConfig, dir: &StudyDir) -> [Vec<PathBuf>; 2] {
    AS.map(|class| groups(config).into_iter().map(|group| group.folder(dir, &class)).collect())
}

/// The stages that project lesions as of either class, and their folders, in their order.
pub(super) fn projections(config: &TwoSidedConfig, dir: &StudyDir) -> Vec<(&'static str, PathBuf)> {
    let of_group =
        |group: Group| AS.iter().zip(group.stages()).map(move |(as_, stage)| (stage, group.folder(dir, as_)));
    groups(config).into_iter().flat_map(of_group).collect()
}

impl RimStudy {
    /// Every folder of such projections that this study will use.
    pub(super) fn two_sided_projections(&self, dir: &StudyDir) -> Vec<PathBuf> {
        self.two_sided.iter().flat_map(|config| folders(config, dir).concat()).collect()
    }

    /// Whether an arm learns from what they say.
    pub(super) fn needs_two_sided(&self) -> bool {
        arms::sources(&self.classify.arms).iter().any(|source| source.asks_for().contains(&Given::TwoSided))
    }

    /// As the contested lesions are projected onto rims, but with no pull towards them, which would favour one side.
    fn two_sided_project(
        &self,
        config: &TwoSidedConfig,
        group: Group,
        class: &Class,
        base: &ProjectConfig,
    ) -> ProjectConfig {
        let (of, limit, controls) = match group {
            Group::Contested => (base.class.clone(), base.limit, config.held_out),
            Group::Rims => (Class::RIM, config.seen, 0),
            Group::NonRims => (Class::NON_RIM, config.seen, 0),
        };
        ProjectConfig {
            class: of,
            split: Split::Train,
            limit,
            controls,
            choose_features: 0,
            film: 0,
            towards_rim: 0.0,
            evidence: Evidence::Slice,
            curve: vec![],
            condition: Some(ClassChoice::Name(class.name().to_owned())),
            ..base.clone()
        }
    }
}

impl Run<'_> {
    /// Projects lesions as of either class and calibrates, where that is asked for; `gan_key` is the conditional
    /// generator's.
    pub fn two_sided(
        &mut self,
        prepared: &Prepared,
        projection: &ProjectionRecord,
        gan_key: &str,
    ) -> Result<Option<Done<TwoSidedRecord>>> {
        let Some(config) = &self.study.two_sided else { return Ok(None) };
        let base = with_chosen_features(&self.study.project, projection)?;
        let network = self.dir.conditional_gan().best_network();
        let mut keys = vec![];
        for group in groups(config) {
            for (class, name) in AS.iter().zip(group.stages()) {
                if self.stages.passes(name) {
                    continue;
                }
                let settings = self.study.two_sided_project(config, group, class, &base);
                let folder = group.folder(self.dir, class);
                let stage = Stage::new(name, folder, &(&settings, self.study.seed), &[gan_key])?;
                // The seed of the main projection in both: the same lesions, the same draws.
                let lab = self.lab.of_stage("project");
                let inputs = project::Inputs { network: &network, from: project::From::Data(prepared) };
                let done = projected::project(&mut self.stages, stage, (inputs, &settings), &lab);
                // Where one of them ends a list of units, the others are listed all the same.
                keys.extend(self.stages.aside(done)?.map(|done| done.key));
            }
        }
        if self.stages.passes("two-sided") {
            return Ok(None);
        }
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let stage = Stage::new("two-sided", self.dir.two_sided(), &(config, self.study.seed), &keys)?;
        let [of_interest, other] = folders(config, self.dir);
        let inputs = two_sided::Inputs { data: prepared, of_interest: &of_interest, other: &other };
        let lab = self.lab.of_stage("two-sided");
        Ok(Some(self.stages.run(stage, |folder| two_sided::run_stage(inputs, config, folder, &lab))?))
    }
}
