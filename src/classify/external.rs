//! The fits on another data set, of which none of them, no generator and no split knows anything: an external test.
//!
//! All of its sides are scored. Where it holds an image that is learnt from, or shares the data set itself, it is
//! refused: it would be external in name alone.

use tch::Tensor;

use super::by_class::{self, TestItems};
use super::config::ClassifyConfig;
use super::fit;
use super::pool::Pool;
use super::proof;
use super::runs::{ArmRuns, Fitted, Runs, Workplace, fit_file, load_network};
use crate::data::Prepared;
use crate::data::sides::Side;
use crate::data::slices::{LesionSlices, Slices};
use crate::feed::batches::Images;
use crate::name::shown_path;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::classes::Classes;
use crate::records::classify::{ExternalArm, ExternalRecord};
use crate::seed::RunSeed;

/// What is scored: images of all sides.
struct Scored {
    /// \[N, C, H, W\].
    pixels: Tensor,
    /// Each item with the rows of its images.
    lesions: Vec<LesionSlices>,
}

impl Scored {
    fn load(external: &Prepared, place: Workplace<'_>) -> Result<Self> {
        let mut parts = Self { pixels: Tensor::new(), lesions: vec![] };
        let mut pixels = vec![];
        let mut rows = 0;
        let mut add = |images: Tensor, lesions: Vec<LesionSlices>| {
            let moved = |group: LesionSlices| LesionSlices {
                positions: group.positions.iter().map(|position| position + rows).collect(),
                ..group
            };
            parts.lesions.extend(lesions.into_iter().map(moved));
            rows += images.size()[0] as usize;
            pixels.push(images);
        };
        fn side<S: Side>(slices: &Slices<S>, place: Workplace<'_>) -> Result<Option<(Tensor, Vec<LesionSlices>)>> {
            if slices.is_empty() {
                return Ok(None);
            }
            Ok(Some((Images::load(slices, place.device)?.pixels, slices.by_lesion())))
        }
        let sides = [
            side(&external.training_all(), place)?,
            side(&external.validation(), place)?,
            side(&external.test(), place)?,
        ];
        sides.into_iter().flatten().for_each(|(images, lesions)| add(images, lesions));
        if pixels.is_empty() {
            return Err(Problem::input(external.root(), "no image"));
        }
        parts.pixels = Tensor::cat(&pixels, 0);
        Ok(parts)
    }
}

/// Refuses an external set that is not one for this data set.
///
/// # Errors
/// A class of interest in either, the data set itself, images of another form, or none of a class of the data set's.
pub fn require(external: &Prepared, data: &Prepared) -> Result<()> {
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
    require(external, data)?;
    let scored = Scored::load(external, place)?;
    proof::check_external(external, &[&pool.pixels, &pool.test.pixels], &scored.pixels)?;
    let items = items(external, &scored.lesions, data.classes());
    let fits: u64 = runs.arms.iter().map(|arm| arm.fits.len() as u64).sum();
    observer.begin("external test", "fits", fits);
    let mut arms = vec![];
    for arm in &runs.arms {
        let mut own = ArmRuns { arm: arm.arm, sets: arm.sets.clone(), fits: vec![] };
        for repetition in 0..arm.fits.len() as u64 {
            if observer.stop_requested() {
                return Err(Problem::new(Kind::Interrupted, "stopped during the external test")
                    .advice("run the same command again; finished fits are kept"));
            }
            let network = load_network(&fit_file(place.out, arm.arm, repetition), &runs.plan, place.device)?;
            let slices = fit::score(network.as_ref(), &scored.pixels, &pool.scored())?;
            let lesion = |scores: &Vec<f32>| {
                let pooled = |group: &LesionSlices| {
                    config.pooling.pool(&mut group.positions.iter().map(|&at| scores[at]).collect::<Vec<_>>())
                };
                scored.lesions.iter().map(pooled).collect()
            };
            own.fits.push(Fitted { validation: vec![], test: slices.iter().map(lesion).collect() });
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

/// Items of the external set as items of `classes`.
fn items(external: &Prepared, lesions: &[LesionSlices], classes: &Classes) -> TestItems {
    let entry = |group: &LesionSlices| external.lesion(group.lesion);
    TestItems {
        groups: lesions.iter().map(|group| entry(group).patient.clone()).collect(),
        labels: lesions.iter().map(|group| classes.number(&entry(group).class)).collect(),
        classes: classes.clone(),
    }
}
