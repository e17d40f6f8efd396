//! From the study's record to the values that the page template shows.

use askama::Template;

use crate::problem::{Kind, Problem, Result};
use crate::records::cohort::Gate;
use crate::records::glioma::GliomaRecord;
use crate::report::figures;
use crate::report::images::data_uri;
use crate::report::numbers::{count, number, of_class, thousands};
use crate::report::page::filters;
use crate::report::tumours::{self, Tumours};
use crate::report::variants::{self, Variants};
use crate::run_dir::StudyDir;

#[derive(Template)]
#[template(path = "glioma.html")]
struct Page<'a> {
    study: &'a GliomaRecord,
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
    tumours: Option<Tumours<'a>>,
    variants: Option<Variants<'a>>,
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
pub fn render(study: &GliomaRecord, dir: &StudyDir) -> Result<String> {
    let root = dir.root();
    let gallery = study.brains.as_ref().and_then(|brains| brains.gallery.as_ref());
    let training = &study.training;
    let page = Page {
        headline: headline(study),
        sides: study.prepare.counts.iter().map(|side| side.split.clone()).collect(),
        splits: splits(study),
        gallery: gallery.map(|file| data_uri(root, &dir.cohort(), file)).transpose()?,
        gates: study.brains.iter().flat_map(|brains| &brains.gates).collect(),
        generator_parameters: count(training.generator_parameters),
        discriminator_parameters: count(training.discriminator_parameters),
        kimg: thousands(training.images),
        frechet_curve: figures::frechet_curve(training),
        loss_curves: figures::loss_curves(training),
        augmentation_curves: figures::augmentation_curves(training),
        real_grid: study.synthesis.real_grid.as_ref().map(|f| data_uri(root, &dir.synthetic(), f)).transpose()?,
        synthetic_grid: data_uri(root, &dir.synthetic(), &study.synthesis.synthetic_grid)?,
        tumours: tumours::section(study.tumours.as_ref(), dir)?,
        variants: variants::section(study.variants.as_ref(), dir)?,
        study,
    };
    page.render().map_err(|error| Problem::new(Kind::Internal, format!("the report's template failed: {error}")))
}

fn headline(study: &GliomaRecord) -> Vec<Fact> {
    let fact = |value: String, label: &str| Fact { value, label: label.to_owned() };
    let mut facts = vec![
        fact(count(study.prepare.patients), "patients"),
        fact(count(study.prepare.lesions), "slices of three planes"),
        fact(count(study.training.classes.len() as u64), "classes"),
    ];
    facts.extend(
        study.training.best_frechet.map(|distance| fact(number(distance, 4), "Fréchet distance, own features")),
    );
    facts.extend(study.variants.iter().map(|found| fact(count(found.variants.len() as u64), "variants compared")));
    facts
}

/// Patients, then slices of each class, by side.
fn splits(study: &GliomaRecord) -> Vec<Row> {
    let sides = &study.prepare.counts;
    let patients = Row { name: "patients".into(), cells: sides.iter().map(|side| count(side.patients)).collect() };
    let of = |class: &String| Row { name: class.clone(), cells: of_class(sides, class) };
    std::iter::once(patients).chain(study.training.classes.iter().map(of)).collect()
}
