//! From the study's record to the values that the page template shows.

use askama::Template;

use super::arms::{self, Arms, Row};
use super::inversion::{self, Inversion};
use super::questions;
use super::sections::{self, DirectionRow};
use crate::problem::{Kind, Problem, Result};
use crate::records::cohort::Gate;
use crate::records::dermatoscopy::DermatoscopyRecord;
use crate::records::prepare::SplitCount;
use crate::report::figures;
use crate::report::images::{Figure, data_uri, stage_image};
use crate::report::numbers::{count, interval, thousands};
use crate::run_dir::StudyDir;

#[derive(Template)]
#[template(path = "dermatoscopy.html")]
struct Page<'a> {
    study: &'a DermatoscopyRecord,
    headline: Vec<Fact>,
    summary: Vec<String>,
    classes: Vec<String>,
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
    inversion: Inversion,
    methods: String,
    random: u64,
    class_scores: String,
    directions: Vec<DirectionRow>,
    atlas: String,
    gate: String,
    sweep: Vec<Row>,
    edited: String,
    edit_sheet: Option<String>,
    classifier: String,
    external: String,
    arms: Arms,
    maps: Vec<Figure>,
    questions: Vec<Row>,
}

struct Fact {
    value: String,
    label: String,
}

use crate::report::page::filters;

/// The page as HTML text; every picture is inside it.
pub fn render(study: &DermatoscopyRecord, dir: &StudyDir) -> Result<String> {
    let root = dir.root();
    let classify = &study.classify;
    let classes: Vec<String> = classify.classes.iter().map(|class| class.name().to_owned()).collect();
    let maps = stage_image(root, &dir.classify(), "cam.png", "Class activation maps, arm by arm.")?;
    let gallery = study.images.as_ref().and_then(|images| images.gallery.as_ref());
    let page = Page {
        headline: headline(study),
        summary: questions::rows(study).into_iter().take(1).flat_map(|row| row.cells).collect(),
        splits: study.prepare.counts.iter().map(|side| split(side, &classes)).collect(),
        classes,
        gallery: gallery.map(|file| data_uri(root, &dir.cohort(), file)).transpose()?,
        gates: study.images.iter().flat_map(|images| &images.gates).collect(),
        generator_parameters: count(study.training.generator_parameters),
        discriminator_parameters: count(study.training.discriminator_parameters),
        kimg: thousands(study.training.images),
        frechet_curve: figures::frechet_curve(&study.training),
        loss_curves: figures::loss_curves(&study.training),
        augmentation_curves: figures::augmentation_curves(&study.training),
        real_grid: study.synthesis.real_grid.as_ref().map(|f| data_uri(root, &dir.synthetic(), f)).transpose()?,
        synthetic_grid: data_uri(root, &dir.synthetic(), &study.synthesis.synthetic_grid)?,
        inversion: inversion::section(&study.inversion, dir)?,
        methods: sections::methods(study),
        random: sections::random(study),
        class_scores: study.directions.class_scores.clone().unwrap_or_else(|| "nobody tells them".into()),
        directions: sections::directions(study),
        atlas: data_uri(root, &dir.directions(), &study.directions.atlas)?,
        gate: sections::gate(study),
        sweep: sections::sweep(study),
        edited: sections::edited(study),
        edit_sheet: study.edits.iter().map(|edits| data_uri(root, &dir.edited(), &edits.sheet)).next().transpose()?,
        classifier: classifier(study),
        external: external(study),
        arms: arms::section(classify),
        maps,
        questions: questions::rows(study),
        study,
    };
    page.render().map_err(|error| Problem::new(Kind::Internal, format!("the report's template failed: {error}")))
}

fn headline(study: &DermatoscopyRecord) -> Vec<Fact> {
    let fact = |value: String, label: &str| Fact { value, label: label.to_owned() };
    let beats = sections::directions(study).iter().filter(|row| row.beats).count();
    let mut facts = vec![
        fact(count(study.prepare.lesions), "photographs"),
        fact(count(study.prepare.patients), "lesions"),
        fact(beats.to_string(), "directions beyond the null"),
        fact(study.edits.as_ref().map_or(0, |edits| edits.directions.len()).to_string(), "accepted"),
    ];
    let none = study.classify.none().and_then(|arm| arm.by_class.as_ref()?.overall.get("balanced_accuracy"));
    facts.extend(none.map(|value| fact(interval(value, 2), "balanced accuracy, real lesions only")));
    facts
}

fn split(side: &SplitCount, classes: &[String]) -> Row {
    let of = |class: &String| side.classes.iter().find(|count| count.class.name() == class).map_or(0, |one| one.items);
    let cells = std::iter::once(count(side.patients)).chain(classes.iter().map(|class| count(of(class))));
    Row { arm: side.split.clone(), cells: cells.collect() }
}

fn classifier(study: &DermatoscopyRecord) -> String {
    let classify = &study.classify;
    format!(
        "One classifier ({} parameters) per arm and seed, {} seeds, {} optimiser steps of batch {} in every arm. Test: {} \
         photographs of {} lesions that neither generator nor classifier ever saw. Balanced accuracy is the mean recall \
         of the classes; intervals are a bootstrap over lesions.",
        count(classify.parameters),
        classify.seeds.len(),
        count(classify.optimiser_steps),
        classify.batch,
        count(classify.test.lesions),
        count(classify.test.patients)
    )
}

fn external(study: &DermatoscopyRecord) -> String {
    let Some(found) = &study.classify.external else { return String::new() };
    format!(
        "The same fits on {} other photographs of {} lesions, of which nobody here knew anything{}.",
        count(found.test.lesions),
        count(found.test.patients),
        if found.simulated { " (SIMULATED, from another seed)" } else { "" }
    )
}
