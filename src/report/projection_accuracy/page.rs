//! From the study's record to the values that the page template shows.

use askama::Template;

use crate::problem::{Kind, Problem, Result};
use crate::records::cohort::Gate;
use crate::records::projection_accuracy::ProjectionAccuracyRecord;
use crate::report::figures;
use crate::report::images::data_uri;
use crate::report::numbers::{count, number, of_class, thousands};
use crate::report::page::filters;
use crate::report::residuals::{self, Residuals};
use crate::run_dir::StudyDir;

#[derive(Template)]
#[template(path = "fa_maps.html")]
struct Page<'a> {
    study: &'a ProjectionAccuracyRecord,
    headline: Vec<Fact>,
    sides: Vec<String>,
    splits: Vec<Row>,
    gallery: Option<String>,
    gates: Vec<&'a Gate>,
    generator_parameters: String,
    discriminator_parameters: String,
    kimg: String,
    frechet_curve: String,
    loss_curves: String,
    augmentation_curves: String,
    real_grid: Option<String>,
    synthetic_grid: String,
    residuals: Residuals<'a>,
}

struct Fact {
    value: String,
    label: String,
}

/// A name and its numbers.
struct Row {
    name: String,
    cells: Vec<String>,
}

/// The page as HTML text; every picture is inside it.
pub fn render(study: &ProjectionAccuracyRecord, dir: &StudyDir) -> Result<String> {
    let root = dir.root();
    let gallery = study.maps.as_ref().and_then(|maps| maps.gallery.as_ref());
    let training = &study.training;
    let page = Page {
        headline: headline(study),
        sides: study.prepare.counts.iter().map(|side| side.split.clone()).collect(),
        splits: splits(study),
        gallery: gallery.map(|file| data_uri(root, &dir.cohort(), file)).transpose()?,
        gates: study.maps.iter().flat_map(|maps| &maps.gates).collect(),
        generator_parameters: count(training.generator_parameters),
        discriminator_parameters: count(training.discriminator_parameters),
        kimg: thousands(training.images),
        frechet_curve: figures::frechet_curve(training),
        loss_curves: figures::loss_curves(training),
        augmentation_curves: figures::augmentation_curves(training),
        real_grid: study.synthesis.real_grid.as_ref().map(|f| data_uri(root, &dir.synthetic(), f)).transpose()?,
        synthetic_grid: data_uri(root, &dir.synthetic(), &study.synthesis.synthetic_grid)?,
        residuals: residuals::section(&study.residuals, dir)?,
        study,
    };
    page.render().map_err(|error| Problem::new(Kind::Internal, format!("the report's template failed: {error}")))
}

fn headline(study: &ProjectionAccuracyRecord) -> Vec<Fact> {
    let fact = |value: String, label: &str| Fact { value, label: label.to_owned() };
    let mut facts =
        vec![fact(count(study.prepare.patients), "persons"), fact(count(study.prepare.lesions), "axial slices")];
    let row = |role: &str| study.residuals.accuracy.iter().find(|row| row.role == role && row.corruption == "none");
    facts.extend(
        row("healthy, held out")
            .map(|row| fact(number(row.projected.ssim_inside.value, 2), "SSIM in the brain, held out")),
    );
    if let Some(found) = &study.residuals.detection {
        let kept = found.contrast_kept.as_ref();
        facts.extend(kept.map(|kept| fact(number(kept.value, 2), "of a lesion's contrast left by projection")));
        facts.push(fact(number(found.skill.value, 3), "AUPRC more than the best score without generator"));
    }
    facts
}

/// Persons, then slices of each group, by side.
fn splits(study: &ProjectionAccuracyRecord) -> Vec<Row> {
    let sides = &study.prepare.counts;
    let patients = Row { name: "persons".into(), cells: sides.iter().map(|side| count(side.patients)).collect() };
    let residuals = &study.residuals;
    let of = |class: &String| Row { name: format!("slices, {class}"), cells: of_class(sides, class) };
    std::iter::once(patients).chain(residuals.healthy.iter().chain(&residuals.lesioned).map(of)).collect()
}
