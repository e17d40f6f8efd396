//! From judged lesions to numbers with intervals over patients.

use std::collections::{BTreeMap, BTreeSet};

use super::config::SegmentConfig;
use super::judge::{HeldLesion, Judged, Overlap};
use super::runs::ArmRuns;
use crate::data::Prepared;
use crate::problem::Result;
use crate::records::Interval;
use crate::records::evaluate::{Better, Measure};
use crate::seed::RunSeed;
use crate::statistics::bootstrap::{ClusterBootstrap, mean};
use crate::statistics::ranking::Ranking;

/// Whose patients a measure depends on.
#[derive(Clone, Copy, Debug)]
enum Of {
    /// Rims with a traced mask.
    Traced(fn(&Overlap) -> f64),
    /// Lesions of both classes, ranked by voxels.
    Ranks(fn(&Ranking, &[u32]) -> Option<f64>),
    /// Rim-free lesions.
    Free,
}

/// Key, name, unit, what is better, and what it takes.
const MEASURES: [(&str, &str, &str, Better, Of); 8] = [
    ("dice", "Dice", "", Better::Higher, Of::Traced(|overlap| overlap.dice)),
    ("surface-dice", "Surface Dice", "", Better::Higher, Of::Traced(|overlap| overlap.surface_dice)),
    ("centreline-dice", "Centreline Dice", "", Better::Higher, Of::Traced(|overlap| overlap.centreline_dice)),
    ("hd95", "HD95", "mm", Better::Lower, Of::Traced(|overlap| overlap.hd95)),
    ("missed", "Rims missed", "", Better::Lower, Of::Traced(|overlap| f64::from(u8::from(overlap.missed)))),
    ("auroc", "AUROC of volume", "", Better::Higher, Of::Ranks(|ranking, copies| ranking.auroc_of(Some(copies)))),
    (
        "auprc",
        "AUPRC of volume",
        "",
        Better::Higher,
        Of::Ranks(|ranking, copies| ranking.average_precision_of(Some(copies), None)),
    ),
    ("false-positives", "Rim-free lesions with a rim", "", Better::Lower, Of::Free),
];

/// What the measures are; `diagonal` is what a missed rim counts as, mm.
pub fn measures(config: &SegmentConfig, diagonal: f64) -> Vec<Measure> {
    let about = |key: &str| match key {
        "dice" => "Share of voxels that mask and traced mask have in common. Depends on volume: of a line two voxels \
                   wide, a shift of one voxel takes half; compare with the readers' own."
            .to_owned(),
        "surface-dice" => format!(
            "Share of both borders that lies within {} mm of the other, border voxels counted. Forgives what a hand \
             cannot draw better; says nothing of how far off the rest is.",
            config.tolerance_mm
        ),
        "centreline-dice" => "Whether the masks run along the same line (clDice, slice by slice). A broken rim costs; \
                              its thickness does not count."
            .to_owned(),
        "hd95" => format!(
            "The larger of the two directed 95th percentiles of border distances. A rim that was missed counts as \
             the patch's diagonal, {diagonal:.1} mm, so that missing more cannot look better; other programs drop it."
        ),
        "missed" => "Share of traced rims of which the mask is empty.".to_owned(),
        "auroc" => {
            "Whether more voxels are called rim in agreed rims than in rim-free lesions: the mask as a detector. \
                    Does not ask where the voxels are."
                .to_owned()
        }
        "auprc" => "The same where rims are few; depends on their share in the test set.".to_owned(),
        _ => format!(
            "Share of agreed rim-free lesions with {} or more voxels called rim. Readers miss rims: some of these may \
             be there.",
            config.least_voxels
        ),
    };
    let measure = |(key, name, unit, better, _): (&str, &str, &str, Better, Of)| Measure {
        key: key.into(),
        name: if key == "surface-dice" { format!("{name} at {} mm", config.tolerance_mm) } else { name.into() },
        unit: unit.into(),
        better,
        about: about(key),
    };
    MEASURES.map(measure).into()
}

/// Measures of an arm, and their differences from the arm "Real".
pub type Numbers = (BTreeMap<String, Interval>, BTreeMap<String, Interval>);

/// One of each arm; `reference` is the place of the arm that the others are compared with.
///
/// # Errors
/// None that judged lesions can cause; the ranking's own are passed on.
pub fn compare(
    runs: &[ArmRuns],
    reference: Option<usize>,
    lesions: &[HeldLesion],
    data: &Prepared,
    (config, seed): (&SegmentConfig, RunSeed),
) -> Result<Vec<Numbers>> {
    let patients: Vec<&str> = lesions.iter().map(|lesion| data.lesion(lesion.lesion).patient.as_str()).collect();
    let labels: Vec<bool> = lesions.iter().map(|lesion| lesion.of_interest).collect();
    let ranking = |judged: &Vec<Judged>| {
        Ranking::new(&judged.iter().map(|judged| judged.voxels as f64).collect::<Vec<_>>(), &labels)
    };
    let rankings: Vec<Vec<Ranking>> =
        runs.iter().map(|run| run.judged.iter().map(ranking).collect::<Result<_>>()).collect::<Result<_>>()?;
    let one = |arm: usize, of: Of, copies: &[u32]| -> Option<f64> {
        let repetitions = runs[arm].judged.iter().zip(&rankings[arm]);
        mean(repetitions.map(|(judged, ranking)| match of {
            Of::Traced(read) => share(judged.iter().map(|judged| judged.overlap.as_ref().map(read)), copies),
            Of::Ranks(of) => of(ranking, copies),
            Of::Free => {
                let found = |(judged, label): (&Judged, &bool)| {
                    (!label).then(|| f64::from(u8::from(judged.voxels >= config.least_voxels)))
                };
                share(judged.iter().zip(&labels).map(found), copies)
            }
        }))
    };
    let statistics = |copies: &[u32]| -> Vec<Option<f64>> {
        let own: Vec<Vec<Option<f64>>> =
            (0..runs.len()).map(|arm| MEASURES.map(|(.., of)| one(arm, of, copies)).into()).collect();
        let less = |arm: &Vec<Option<f64>>| -> Vec<Option<f64>> {
            let from = reference.map(|reference| &own[reference]);
            (0..MEASURES.len()).map(|at| Some(arm[at]? - from?[at]?)).collect()
        };
        let differences: Vec<Option<f64>> = own.iter().flat_map(less).collect();
        own.iter().flatten().copied().chain(differences).collect()
    };
    let count = MEASURES.len();
    let bootstrap = ClusterBootstrap::by_patient(&patients, seed.child("segment intervals", 0)).draws(config.draws);
    let drawn = bootstrap.draw(2 * runs.len() * count, statistics);
    let carriers = |of: Of| {
        let with = |keep: &dyn Fn(&HeldLesion) -> bool| {
            let kept = lesions.iter().zip(&patients).filter(|(lesion, _)| keep(lesion)).map(|(_, patient)| *patient);
            kept.collect::<BTreeSet<&str>>().len()
        };
        let (rims, free) = (with(&|lesion| lesion.of_interest), with(&|lesion| !lesion.of_interest));
        match of {
            Of::Traced(_) => with(&HeldLesion::is_traced),
            Of::Ranks(_) => rims.min(free),
            Of::Free => free,
        }
    };
    let table = |first: usize| -> BTreeMap<String, Interval> {
        let one = |(at, (key, .., of)): (usize, (&str, &str, &str, Better, Of))| {
            Some((key.to_owned(), drawn.interval(first + at, carriers(of))?))
        };
        MEASURES.into_iter().enumerate().filter_map(one).collect()
    };
    let numbers = |arm: usize| {
        let compared = reference.is_some_and(|reference| reference != arm);
        (table(arm * count), if compared { table((runs.len() + arm) * count) } else { BTreeMap::new() })
    };
    Ok((0..runs.len()).map(numbers).collect())
}

/// Dice of each repetition of an arm, the mean over traced lesions.
pub fn dice_by_seed(run: &ArmRuns) -> Vec<f64> {
    let mean = |judged: &Vec<Judged>| {
        let dice = judged.iter().map(|judged| judged.overlap.map(|overlap| overlap.dice));
        share(dice, &vec![1; judged.len()])
    };
    run.judged.iter().filter_map(mean).collect()
}

/// Mean of the values that are there, each counted as often as its item was drawn.
pub fn share(values: impl Iterator<Item = Option<f64>>, copies: &[u32]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for (value, &copies) in values.zip(copies).filter_map(|(value, copies)| Some((value?, copies))) {
        sum += value * f64::from(copies);
        count += f64::from(copies);
    }
    (count > 0.0).then(|| sum / count)
}
