//! Soft labels of contested lesions: what a classifier and the readers say together, or what is true.

use super::{Workshop, cross_fit};
use crate::classify::material::{Material, Supply, Unit};
use crate::classify::rows::Rows;
use crate::classify::training_set::Example;
use crate::problem::{Kind, Problem, Result};
use crate::statistics::reader_model::{self, ReaderModel};

/// Rounds of classifier and readers: the first classifiers see agreed lesions alone, the last the contested ones with
/// what the first made of them.
const ROUNDS: usize = 2;

/// The contested lesions with the probability that features and readers give them.
///
/// The E step of Raykar et al. 2010 is [`reader_model`]; its classifier is a logistic regression on the score of
/// networks that have not seen the patient, and those are fitted again between rounds. Agreed lesions keep their label
/// for the networks.
pub(super) fn make(shop: &Workshop<'_>, rows: &Rows, material: &Material, notes: &mut Vec<String>) -> Result<Supply> {
    let agreed: Vec<&Unit> = material.classes.iter().flatten().collect();
    let all: Vec<&Unit> = material.contested.iter().chain(agreed).collect();
    let votes = all.iter().map(|unit| votes(shop, unit)).collect::<Result<Vec<_>>>()?;
    let mut soft: Vec<Example> = vec![];
    let mut model: Option<ReaderModel> = None;
    for round in 0..ROUNDS {
        let fitted = cross_fit::fit(shop, rows, material, &soft, round)?;
        let scores: Vec<f64> = all.iter().map(|unit| fitted.of_lesion(shop, unit)).collect();
        let found = reader_model::fit(&scores, &votes)?;
        soft = labelled(&material.contested, found.posterior.iter().map(|&p| p as f32));
        model = Some(found);
    }
    notes.extend(model.map(|model| said(&model, material.contested.len())));
    Ok(Supply::Drawn(soft))
}

/// The contested lesions with their true label.
pub(super) fn oracle(shop: &Workshop<'_>, material: &Material) -> Result<Supply> {
    let Some(truth) = &shop.extras.truth else { return Err(Problem::new(Kind::Internal, "no truth was read")) };
    let target = |unit: &Unit| f32::from(u8::from(truth[unit.lesion.unwrap_or_default() as usize]));
    Ok(Supply::Drawn(labelled(&material.contested, material.contested.iter().map(target))))
}

fn labelled(units: &[Unit], targets: impl Iterator<Item = f32>) -> Vec<Example> {
    units.iter().zip(targets).map(|(unit, target)| Example { unit: unit.clone(), target }).collect()
}

fn votes(shop: &Workshop<'_>, unit: &Unit) -> Result<Vec<bool>> {
    let lesion = shop.data.lesion(unit.lesion.unwrap_or_default());
    lesion
        .reader1
        .zip(lesion.reader2)
        .map(|(first, second)| vec![first, second])
        .ok_or_else(|| Problem::new(Kind::Internal, format!("{} has no votes", lesion.id)).at(shop.data.root()))
}

/// For whoever reads the numbers.
fn said(model: &ReaderModel, contested: usize) -> String {
    let expected: f64 = model.posterior[..contested].iter().sum();
    let rates = model.sensitivity.iter().zip(&model.specificity).zip(1..);
    let reader = |((sensitivity, specificity), number): ((&f64, &f64), i32)| {
        format!("reader {number} sensitivity {sensitivity:.2}, specificity {specificity:.3}")
    };
    format!(
        "EM: {expected:.1} of the {contested} contested training lesions are expected to be rims ({:.2}); {}.",
        expected / contested.max(1) as f64,
        rates.map(reader).collect::<Vec<_>>().join("; ")
    )
}
