//! From the study's record to the values that the page template shows.

use askama::Template;

use super::accuracy::{self, Accuracy};
use super::arms::{self, Arms};
use super::conditional::{self, Conditional};
use super::denoising::{self, Denoising};
use super::evaluation::{self, Evaluation};
use super::evidence::{self, Evidence};
use super::explanation::{self, Explanation};
use super::figures;
use super::generators::{self, GeneratorRow};
use super::images::{Figure, data_uri, stage_image};
use super::multi_contrast::{self, MultiContrast};
use super::numbers::{count, interval, number, thousands};
use super::reading::{self, Reading};
use super::segmentation::{self, Segmentation};
use super::two_sided::{self, TwoSided};
use super::{paper, patient, schematics};
use crate::problem::{Kind, Problem, Result};
use crate::records::study::StudyRecord;
use crate::run_dir::StudyDir;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    study: &'a StudyRecord,
    headline: Vec<Fact>,
    summary: Vec<String>,
    both: u64,
    only_first: u64,
    only_second: u64,
    neither: u64,
    kappa: String,
    patients: String,
    lesions: String,
    rims_per_patient: String,
    patient: Option<Figure>,
    lesion_figure: Option<Figure>,
    contrasts: String,
    generator_parameters: String,
    discriminator_parameters: String,
    classifier_parameters: String,
    kimg: String,
    schematics: [String; 3],
    frechet_curve: String,
    loss_curves: String,
    augmentation_curves: String,
    real_grid: Option<String>,
    synthetic_grid: Option<String>,
    conditional: Option<Conditional<'a>>,
    accuracy: Option<Accuracy<'a>>,
    multi_contrast: Option<MultiContrast<'a>>,
    evaluation: Option<Evaluation<'a>>,
    reading: Option<Reading>,
    segmentation: Option<Segmentation<'a>>,
    /// Numbers of the last two chapters, which depend on the one before.
    chapters: [u32; 2],
    denoising: Denoising,
    contrast_scatter: String,
    two_sided: Option<TwoSided<'a>>,
    arms: Arms,
    generators: Vec<GeneratorRow>,
    evidence: Option<Evidence>,
    maps: Vec<Figure>,
    explanation: Option<Explanation<'a>>,
    paper: Vec<paper::Row>,
}

struct Fact {
    value: String,
    label: String,
}

pub(super) mod filters {
    /// `{{ value|num(2) }}`: fixed digits, em dash where undefined.
    #[askama::filter_fn]
    pub fn num(value: &f64, _: &dyn askama::Values, digits: usize) -> askama::Result<String> {
        Ok(super::number(*value, digits))
    }
}

/// The page as HTML text; every picture is inside it.
pub fn render(study: &StudyRecord, dir: &StudyDir) -> Result<String> {
    let cohort = &study.cohort;
    let classify = &study.classify;
    let patient = patient::figure(study, dir)?;
    let lesion_figure = patient::lesions(study, dir)?;
    let reading = reading::section(study, dir)?;
    let maps = stage_image(dir.root(), &dir.classify(), "cam.png", "Class activation maps of test rims, arm by arm.")?;
    let present = paper::Present {
        reading: reading.is_some(),
        patient: patient.is_some(),
        lesions: lesion_figure.is_some(),
        maps: !maps.is_empty(),
    };
    let page = Page {
        study,
        headline: headline(study),
        summary: arms::summary(classify).into_iter().chain(evidence::summary(classify)).collect(),
        both: cohort.agreed_rims,
        only_first: cohort.reader1_rims - cohort.agreed_rims.min(cohort.reader1_rims),
        only_second: cohort.reader2_rims - cohort.agreed_rims.min(cohort.reader2_rims),
        neither: cohort.non_rims,
        kappa: match &study.prepare.kappa_interval {
            Some(kappa) => interval(kappa, 3),
            None => number(cohort.kappa, 3),
        },
        patients: count(cohort.patients),
        lesions: count(cohort.lesions),
        rims_per_patient: figures::rims_per_patient(cohort),
        patient,
        lesion_figure,
        contrasts: study.prepare.contrasts.join(", "),
        generator_parameters: count(study.training.generator_parameters),
        discriminator_parameters: count(study.training.discriminator_parameters),
        classifier_parameters: count(classify.parameters),
        kimg: thousands(study.training.images),
        schematics: [
            schematics::training(&study.training),
            schematics::modules(&study.training),
            schematics::denoising(&study.projection),
        ],
        frechet_curve: figures::frechet_curve(&study.training),
        loss_curves: figures::loss_curves(&study.training),
        augmentation_curves: figures::augmentation_curves(&study.training),
        real_grid: study.synthesis.real_grid.as_ref().map(|f| data_uri(dir.root(), &dir.synthetic(), f)).transpose()?,
        synthetic_grid: Some(data_uri(dir.root(), &dir.synthetic(), &study.synthesis.synthetic_grid)?),
        conditional: conditional::section(study, dir)?,
        accuracy: accuracy::section(study, dir)?,
        multi_contrast: multi_contrast::section(study, dir)?,
        evaluation: evaluation::section(study),
        reading,
        segmentation: segmentation::section(study, dir)?,
        chapters: if study.multi_contrast.is_some() { [6, 7] } else { [5, 6] },
        denoising: denoising::section(&study.projection, dir)?,
        contrast_scatter: figures::contrast_scatter(&study.projection),
        two_sided: two_sided::section(study, dir)?,
        arms: arms::section(classify),
        generators: generators::rows(study),
        evidence: evidence::section(classify),
        explanation: explanation::section(study, dir)?,
        maps,
        paper: paper::rows(study, &present),
    };
    page.render().map_err(|error| Problem::new(Kind::Internal, format!("the report's template failed: {error}")))
}

fn headline(study: &StudyRecord) -> Vec<Fact> {
    let fact = |value: String, label: &str| Fact { value, label: label.to_owned() };
    let mut facts = vec![
        fact(count(study.cohort.lesions), "lesions"),
        fact(count(study.cohort.agreed_rims), "rims (both readers)"),
        fact(count(study.cohort.ambiguous), "ambiguous (one reader)"),
        fact(number(study.cohort.kappa, 2), "Cohen's κ"),
    ];
    facts.extend(arms::real_lesions_only(&study.classify).map(|auprc| fact(auprc, "AUPRC, real lesions only")));
    facts
}
