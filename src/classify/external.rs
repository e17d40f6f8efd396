//! The fits on another data set, of which none of them, no generator and no split knows anything: an external test.
//!
//! All of its sides are scored. Where it holds an image that is learnt from, or shares the data set itself, it is
//! refused: it would be external in name alone.

use std::collections::BTreeSet;

use tch::{Device, Tensor};

use super::by_class::{self, TestItems};
use super::config::ClassifyConfig;
use super::fit;
use super::fit_files::{self, load_network};
use super::pool::{Pool, Scoring};
use super::proof;
use super::runs::{ArmRuns, Fitted, Runs, Workplace};
use crate::data::name_join::listed;
use crate::data::slices::LesionSlices;
use crate::data::{Prepared, near_duplicates};
use crate::name::shown_path;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::classes::Classes;
use crate::records::classify::{ExternalArm, ExternalRecord};
use crate::seed::RunSeed;

/// Refuses an external set that is not one for this data set.
///
/// # Errors
/// A class of interest in either, the data set itself, images of another form, none of a class of the data set's, or
/// lesions of the same names, unless the settings say that they are others or both sets are simulated, where names are
/// numbers from 0 on.
pub fn require(external: &Prepared, data: &Prepared, config: &ClassifyConfig) -> Result<()> {
    let refuse = |found: String, expected: String| Err(Problem::usage(found).at(external.root()).expected(expected));
    if data.classes().of_interest.is_some() {
        return refuse(
            "an external test set for data with a class of interest".into(),
            "data whose labels are classes (`rimforge prepare --classes labels`)".into(),
        );
    }
    if external.sha256() == data.sha256() || external.root() == data.root() {
        return refuse(format!("{} as its own external test set", shown_path(data.root())), "another data set".into());
    }
    if external.image_shape() != data.image_shape() || external.contrasts() != data.contrasts() {
        let shape = |data: &Prepared| format!("{:?} (channels, height, width)", data.image_shape());
        return refuse(
            format!("images of {}, or other channels or windows", shape(external)),
            format!("{} and the channels and windows of {}", shape(data), shown_path(data.root())),
        );
    }
    let known = |class: &&_| data.classes().number(class).is_some();
    if !external.classes().names.iter().any(|class| known(&class)) {
        return refuse(
            format!("classes {}", external.classes().listed()),
            format!("some of {}", data.classes().listed()),
        );
    }
    let names = |data: &Prepared| -> BTreeSet<String> {
        let lesions = data.manifest().lesions.iter();
        lesions.flat_map(|lesion| [lesion.patient.clone(), lesion.id.to_string()]).collect()
    };
    let shared: Vec<String> = names(external).intersection(&names(data)).cloned().collect();
    let numbered = external.manifest().simulated && data.manifest().simulated;
    if !(shared.is_empty() || config.external_apart || numbered) {
        return Err(Problem::new(Kind::Gate, format!("lesions that the data set has, too: {}", listed(&shared)))
            .at(external.root())
            .expected("lesions that no fit learnt from, was chosen by or is tested on")
            .advice(
                "take them out; if names are alike by chance and these are others, say so with classify.external_apart \
                 = true (--external-apart)",
            ));
    }
    Ok(())
}

/// Scores every fit of `runs` on `external`; items of classes that the data set does not have are left out.
///
/// # Errors
/// As [`require`]; an image that is learnt from or tested on among its own, a fit that cannot be read, or stopped on
/// request.
pub fn score(
    external: &Prepared,
    (data, pool, runs): (&Prepared, &Pool, &Runs),
    config: &ClassifyConfig,
    (place, seed): (Workplace<'_>, RunSeed),
    observer: &dyn Observer,
) -> Result<ExternalRecord> {
    require(external, data, config)?;
    let scored = Scoring::joined(vec![
        Scoring::load(&external.training_all(), place.device)?,
        Scoring::load(&external.validation(), place.device)?,
        Scoring::load(&external.test(), place.device)?,
    ]);
    if scored.lesions.is_empty() {
        return Err(Problem::input(external.root(), "no image"));
    }
    // Where thresholds and plans were chosen is no other hospital, either.
    let chosen_on = Scoring::load(&data.validation(), place.device)?;
    let known = [&pool.pixels, &pool.test.pixels, &chosen_on.pixels];
    proof::check_external(external, &known, &scored.pixels)?;
    if external.image_shape()[0] == 3 {
        let known = known.iter().map(|pixels| levels(pixels)).collect::<Result<Vec<_>>>()?.concat();
        let side = external.image_shape()[2];
        let found = near_duplicates::between(&known, &levels(&scored.pixels)?, side, observer)?;
        if let Some((_, at)) = found {
            let found = format!("image {at} of the external test set shows what one of the data set's does");
            return Err(Problem::new(Kind::Gate, found)
                .at(external.root())
                .expected(
                    "photographs of other lesions, not copies of these in another size, compression or brightness",
                )
                .advice("take it out, and prepare the external set again"));
        }
    }
    let items = items(external, &scored.lesions, data.classes());
    let fits: u64 = runs.arms.iter().map(|arm| arm.fits.len() as u64).sum();
    observer.begin("external test", "fits", fits);
    let mut arms = vec![];
    for arm in &runs.arms {
        let mut own = ArmRuns { arm: arm.arm, sets: arm.sets.clone(), fits: vec![], generators: arm.generators };
        for repetition in 0..arm.fits.len() as u64 {
            if observer.stop_requested() {
                return Err(Problem::new(Kind::Interrupted, "stopped during the external test")
                    .advice("run the same command again; finished fits are kept"));
            }
            let network = load_network(&fit_files::path(place.out, arm.arm, repetition), &runs.plan, place.device)?;
            let slices = fit::score(network.as_ref(), &scored.pixels, &pool.scored())?;
            own.fits.push(Fitted { validation: vec![], test: scored.pooled(&slices, config.pooling) });
            observer.advance(1);
        }
        arms.push(own);
    }
    observer.end();
    let runs = Runs { plan: runs.plan, arms, computed_with: vec![], files: vec![] };
    let found = by_class::compare(&runs, &items, config, seed.child("external test", 0))?;
    let arms = found.arms.into_iter().filter_map(|arm| Some(ExternalArm { name: arm.name, by_class: arm.by_class? }));
    Ok(ExternalRecord {
        data_sha256: external.sha256().to_owned(),
        simulated: external.manifest().simulated,
        test: items.record(),
        arms: arms.collect(),
        differences: found.differences,
    })
}

/// Photographs \[N, 3, S, S\] in -1..1 as levels of 0 to 255.
fn levels(pixels: &Tensor) -> Result<Vec<Vec<f32>>> {
    let count = pixels.size()[0];
    let one = |at: i64| Ok(Vec::try_from(((pixels.get(at).to_device(Device::Cpu) + 1.0) * 127.5).reshape([-1]))?);
    (0..count).map(one).collect()
}

/// Items of the external set as items of `classes`.
fn items(external: &Prepared, lesions: &[LesionSlices], classes: &Classes) -> TestItems {
    let entry = |group: &LesionSlices| external.lesion(group.lesion);
    TestItems {
        groups: lesions.iter().map(|group| entry(group).patient.clone()).collect(),
        labels: lesions.iter().map(|group| classes.number(&entry(group).class)).collect(),
        classes: classes.clone(),
    }
}
