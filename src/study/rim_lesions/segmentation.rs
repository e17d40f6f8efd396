//! The stage that learns masks of rims from several contrasts.

use std::path::Path;

use super::Run;
use super::config::RimStudy;
use super::main_path::Cohort;
use crate::classify::source::Source;
use crate::data::Prepared;
use crate::generate::Format;
use crate::problem::{Problem, Result};
use crate::records::classes::{Class, Split};
use crate::records::segment::SegmentRecord;
use crate::segment::arms::Arm;
use crate::segment::{self, SegmentConfig};
use crate::settings::Settings;
use crate::study::cache::Stage;
use crate::units::{Ready, Share};

impl Run<'_> {
    /// Learns and measures masks where that is asked for; `key` is of what [`Run::multi_contrast`] left.
    pub fn segment(&mut self, cohort: &Cohort, key: Option<&str>) -> Result<Option<SegmentRecord>> {
        let (Some(config), Some(key)) = (&self.study.segment, key) else { return Ok(None) };
        if self.stages.passes("segment") {
            return Ok(None);
        }
        let prepared = Prepared::open(self.dir.multi_contrast_data())?;
        let stage = Stage::new("segment", self.dir.segmentation(), &(config, self.study.seed), &[key])?;
        let lab = self.lab.of_stage("segment");
        let (synthetic, denoised) = (self.dir.multi_contrast_synthetic(), self.dir.multi_contrast_denoised());
        let needs = |source: Source| config.arms.iter().any(|arm| arm.sources().contains(&source));
        let inputs = segment::Inputs {
            data: &prepared,
            synthetic: needs(Source::Synthetic).then_some(synthetic.as_path()),
            denoised: needs(Source::Denoised).then_some(denoised.as_path()),
            cohort: Some(&cohort.folder),
        };
        let learn = |folder: &Path, ready: &Ready| {
            cohort.unchanged(segment::run_with(inputs, config, (folder, ready), &lab)?, lab.observer)
        };
        let share = |share: &Share| cohort.unchanged(segment::run_share(inputs, config, share, &lab)?, lab.observer);
        let done = self.stages.run_in_units(stage, |_| true, learn, share)?;
        Ok(Some(done.record))
    }
}

impl RimStudy {
    /// Masks need a traced contrast beside another, and each arm what it adds.
    ///
    /// # Errors
    /// `Kind::Usage`: the section that is missing, or the setting that stands against it.
    pub(super) fn check_segment(&self) -> Result<()> {
        let Some(segment) = &self.segment else { return Ok(()) };
        let Some(multi) = &self.multi_contrast else {
            return Err(Problem::usage("[segment] without [multi_contrast]")
                .expected("a section [multi_contrast] whose contrasts hold \"rim\" and at least one other")
                .advice("add it, or leave [segment] out"));
        };
        if !multi.contrasts.iter().any(|name| name == "rim") || multi.contrasts.len() < 2 {
            let found = format!("multi_contrast.contrasts = {:?} with [segment]", multi.contrasts);
            return Err(Problem::usage(found)
                .expected("\"rim\" among them, which is the mask, and at least one other, the image")
                .advice("add them, or leave [segment] out"));
        }
        let clash = |arm: &Arm, found: String, expected: &str| {
            Problem::usage(format!("\"{}\" in segment.arms with {found}", arm.key()))
                .expected(expected)
                .advice(format!("change that, or leave \"{}\" out of segment.arms", arm.key()))
        };
        for arm in &segment.arms {
            for source in arm.sources() {
                let (class, split) = (&self.project.class, self.project.split);
                if *source == Source::Synthetic && !self.generate.formats.contains(&Format::Npy) {
                    return Err(clash(arm, "no arrays among generate.formats".into(), "\"npy\" among them"));
                }
                if *source == Source::Denoised && multi.denoise == 0 {
                    return Err(clash(arm, "multi_contrast.denoise = 0".into(), "lesions to denoise"));
                }
                if *source == Source::Denoised && (*class != Class::AMBIGUOUS || split != Split::Train) {
                    let found = format!("project.class = \"{class}\" on the {split:?} side").to_lowercase();
                    return Err(clash(arm, found, "contested lesions of the training side"));
                }
            }
        }
        match self.prepare.patch {
            [_, height, width] if height == width && height.is_multiple_of(8) => Ok(()),
            patch => Err(SegmentConfig::refuse(
                "arms",
                format!("any, with prepare.patch = {patch:?}"),
                "height and width alike and a multiple of 8",
            )),
        }
    }
}
