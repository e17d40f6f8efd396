//! From the trainings to the record: ranges at equal images and at equal seconds, and whether they lie apart.

use super::config::VariantsConfig;
use super::recipe::Recipe;
use super::stage::Trained;
use crate::data::Prepared;
use crate::engine::Lab;
use crate::problem::{Kind, Problem, Result};
use crate::records::arithmetic;
use crate::records::variants::{ClassReaderRecord, Range, Reach, VariantRecord, VariantRun, VariantsRecord, Verdict};
use crate::run_dir::VariantsDir;

/// The record of all trainings.
pub(super) fn record(
    data: &Prepared,
    config: &VariantsConfig,
    trained: &[Trained],
    reader: Option<ClassReaderRecord>,
    lab: &Lab<'_>,
) -> Result<VariantsRecord> {
    let first = trained.first().ok_or_else(|| Problem::usage("no training"))?;
    let last_second = |run: &VariantRun| run.points.last().map_or(f64::INFINITY, |point| point.seconds);
    let equal_seconds = trained.iter().map(|one| last_second(&one.run)).fold(f64::INFINITY, f64::min);
    let mut variants: Vec<VariantRecord> = Vec::new();
    for name in Recipe::names(config) {
        let own: Vec<&Trained> = trained.iter().filter(|one| one.recipe.name == name).collect();
        variants.push(of_variant(&own, equal_seconds)?);
    }
    let floor = first.record.frechet_real_floor;
    let first_ends = variants.first().map(|first| first.at_equal_images.mean);
    for variant in &mut variants {
        variant.to_floor = floor.map(|floor| Reach::of(&variant.runs, floor));
        variant.to_first = first_ends.map(|distance| Reach::of(&variant.runs, distance));
    }
    let reference = variants.first().map(|first| (first.at_equal_images, first.at_equal_seconds));
    for variant in variants.iter_mut().skip(1) {
        let Some((images, seconds)) = reference else { continue };
        variant.verdict = Some(Verdict::of(variant.at_equal_images, images, config.seeds));
        variant.verdict_at_equal_seconds = Some(Verdict::of(variant.at_equal_seconds, seconds, config.seeds));
    }
    Ok(VariantsRecord {
        simulated: data.manifest().simulated,
        data_sha256: data.sha256().to_owned(),
        seed: lab.seed.0,
        seeds: config.seeds,
        images: first.record.images,
        train_slices: first.record.train_slices,
        place: format!("{:?}, {}", lab.engine.device, arithmetic::in_words(lab.engine.facts.threads as u64)),
        features: first.record.frechet_features.clone(),
        floor,
        equal_seconds,
        notes: notes(config, trained, reader.as_ref()),
        reader,
        variants,
        sheet: VariantsDir::SHEET.into(),
    })
}

fn of_variant(own: &[&Trained], equal_seconds: f64) -> Result<VariantRecord> {
    let first = own.first().ok_or_else(|| Problem::usage("a variant without a training"))?;
    let recipe = &first.recipe;
    let range = |what: &str, of: &dyn Fn(&Trained) -> Option<f64>| {
        let values: Option<Vec<f64>> = own.iter().map(|one| of(one)).collect();
        values
            .and_then(|values| Range::of(&values))
            .ok_or_else(|| Problem::new(Kind::Internal, format!("no {what} of the variant {}", recipe.name)))
    };
    let shares = |of: &dyn Fn(&VariantRun) -> Option<f64>| {
        own.iter().map(|one| of(&one.run)).collect::<Option<Vec<f64>>>().and_then(|values| Range::of(&values))
    };
    Ok(VariantRecord {
        key: recipe.name.to_string(),
        about: recipe.about.clone(),
        parameters: first.record.generator_parameters + first.record.discriminator_parameters,
        at_equal_images: range("distance", &|one| one.run.points.last().map(|point| point.distance))?,
        at_equal_seconds: range("distance", &|one| at_seconds(&one.run, equal_seconds))?,
        images_per_s: range("speed", &|one| Some(one.record.images_per_s))?,
        fidelity: shares(&|run| run.fidelity),
        planes: shares(&|run| run.planes),
        variety: shares(&|run| run.variety),
        least_variety: shares(&|run| run.least_variety),
        to_floor: None,
        to_first: None,
        verdict: None,
        verdict_at_equal_seconds: None,
        runs: own.iter().map(|one| one.run.clone()).collect(),
    })
}

/// Distance at the last look until then; before the first, that of the first.
fn at_seconds(run: &VariantRun, seconds: f64) -> Option<f64> {
    let until = run.points.iter().rev().find(|point| point.seconds <= seconds);
    until.or(run.points.first()).map(|point| point.distance)
}

fn notes(config: &VariantsConfig, trained: &[Trained], reader: Option<&ClassReaderRecord>) -> Vec<String> {
    let mut notes = Vec::new();
    if config.seeds < 3 {
        notes.push(format!("{} training(s) of each variant: ranges of fewer than three say little", config.seeds));
    }
    let rolled: Vec<String> = trained
        .iter()
        .filter(|one| one.run.rollbacks > 0)
        .map(|one| format!("{} (training {})", one.recipe.name, one.run.seed + 1))
        .collect();
    if !rolled.is_empty() {
        notes.push(format!("diverged and were rolled back: {}", rolled.join(", ")));
    }
    if let Some(reader) = reader.filter(|reader| reader.accuracy < 0.8) {
        notes.push(format!(
            "the reader of classes reads only {:.0} % of held-out real slices: what it says of drawn ones has that \
             ceiling",
            100.0 * reader.accuracy
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::variants::CurvePoint;

    #[test]
    fn at_equal_seconds_the_last_look_counts() {
        let point = |images, seconds, distance| CurvePoint { images, seconds, distance };
        let points = vec![point(1, 10.0, 5.0), point(2, 20.0, 4.0), point(3, 30.0, 3.0)];
        let run = VariantRun::of_points(points);
        let at = |seconds| at_seconds(&run, seconds).unwrap();
        assert_eq!([5.0, 10.0, 29.0, 30.0, 99.0].map(at), [5.0, 5.0, 4.0, 3.0, 3.0]);
    }
}
