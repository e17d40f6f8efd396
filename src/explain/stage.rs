//! The stage: a data set and a comparison of arms in; maps, what they are worth, and a figure out.

use std::collections::BTreeMap;
use std::path::Path;

use tch::Tensor;

use super::config::ExplainConfig;
use super::fits::{self, ArmFits};
use super::items::{self, Item, Rim};
use super::judged::{self, ArmTally, Judge};
use super::maps::Method;
use super::tally::{Statistician, minus};
use super::twins::{self, Workshop};
use super::{attribution, controls, figure, words};
use crate::data::{PrepareConfig, Prepared, rim_maps};
use crate::engine::Lab;
use crate::files::{self, Input, OutFolder, Owner};
use crate::problem::Result;
use crate::records::Interval;
use crate::records::explain::{
    CascadeRecord, ExplainedArm, ExplainedLesion, ExplanationRecord, LesionScore, MapRecord, RimEffect, TruthRecord,
};
use crate::records::label::is_susceptibility;
use crate::run_dir::RECORD;
use crate::settings::Settings;
use crate::simulate::rim_lesions::{CohortConfig, Twins};

/// What is explained.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The data set that the arms were compared on.
    pub data: &'a Prepared,
    /// Folder that `classify` wrote.
    pub classify: &'a Path,
    /// Where the lesions come from; without it no traced rim is known.
    pub cohort: Option<CohortSide<'a>>,
    /// What simulates the cohort; without it the truth is not known.
    pub simulated_by: Option<&'a CohortConfig>,
}

/// A cohort, and how the data set was cut from it.
#[derive(Clone, Copy, Debug)]
pub struct CohortSide<'a> {
    /// Its folder.
    pub root: &'a Path,
    /// Which of its files were taken.
    pub prepare: &'a PrepareConfig,
}

/// Knows the stage's folders; none is older than marks.
pub const OWNER: Owner = Owner::of("explain", |_| Ok(None));

/// Name of the figure.
const FIGURE: &str = "maps.png";

/// Arms whose maps the figure shows.
const ARMS_SHOWN: usize = 2;

/// Explains the classifiers of the chosen arms; leaves `record.json`, `maps.png` and the lesions without their rims in
/// `out`.
///
/// # Errors
/// Settings out of range, a data set without a class of interest or with fewer than two test lesions of it, a
/// comparison that is missing, damaged, of another data set or without an arm that is asked for, a cohort that is not
/// the data set's, a folder in use, a full disk, or stopped on request.
pub fn run_stage(inputs: Inputs<'_>, config: &ExplainConfig, out: &Path, lab: &Lab<'_>) -> Result<ExplanationRecord> {
    config.check()?;
    let data = inputs.data;
    let cohort = inputs.cohort.map(|cohort| cohort.root);
    let read = [data.root(), inputs.classify].into_iter().chain(cohort).map(Input::of);
    let mut claim = OutFolder::new(OWNER, out).apart_from(read).claim()?;
    let mut items = items::choose(data, config.lesions as usize)?;
    let written = items.iter().flat_map(|item| twins::files_of(&item.id)).map(|file| file.to_string());
    claim.will_write(written.chain([RECORD, FIGURE].map(str::to_owned)))?;
    lab.engine.set_deterministic(true)?;
    let (arms, mut notes) = fits::open(inputs.classify, data, config, lab.engine.device)?;
    trace(inputs.cohort, data, &mut items, &mut notes)?;
    let truth = fill(inputs, config, out, lab, (&mut items, &mut notes))?;
    notes.push(words::LIMITS.into());
    let explanation = Explanation { data, config, lab, items: &items };
    explanation.finish(&arms, truth, notes, out)
}

/// Gives the items the rims that were traced.
fn trace(cohort: Option<CohortSide<'_>>, data: &Prepared, items: &mut [Item], notes: &mut Vec<String>) -> Result<()> {
    if let Some(CohortSide { root, prepare }) = cohort {
        let lesions: Vec<u32> = items.iter().map(|item| item.lesion).collect();
        let mut traced = rim_maps::read(root, prepare, data, &lesions)?;
        let [_, height, width] = data.image_shape();
        for item in items.iter_mut() {
            let Some(patch) = traced.remove(&item.lesion) else { continue };
            item.rim = Rim::new(patch[item.z as usize * height * width..][..height * width].to_vec(), width);
        }
    }
    let without = items.iter().filter(|item| item.rim.is_none()).count();
    if without == items.len() {
        notes.push(words::NOT_TRACED.into());
    } else if without > 0 {
        notes.push(format!(
            "Of {without} of {} lesions no rim was traced in the slice: they are in neither pointing game nor energy.",
            items.len()
        ));
    }
    Ok(())
}

/// Gives the items their truth where it can be known; the notes say why not.
fn fill(
    inputs: Inputs<'_>,
    config: &ExplainConfig,
    out: &Path,
    lab: &Lab<'_>,
    (items, notes): (&mut [Item], &mut Vec<String>),
) -> Result<Option<TruthRecord>> {
    let data = inputs.data;
    let why_not = match (inputs.simulated_by, data.contrasts()) {
        (None, _) => Some(words::REAL),
        (Some(_), _) if !config.twins => Some(words::NOT_ASKED),
        (Some(_), [contrast]) if is_susceptibility(contrast.name.as_str()) => None,
        _ => Some(words::OTHER_CONTRASTS),
    };
    let (Some(simulated_by), None) = (inputs.simulated_by, why_not) else {
        notes.extend(why_not.map(str::to_owned));
        return Ok(None);
    };
    let (threads, observer) = (lab.engine.facts.threads, lab.observer);
    let twins = Twins::new(simulated_by)?;
    let apart_ppb = Workshop { twins: &twins, data, out, threads, observer }.fill(items)?;
    let lesions = items.iter().filter(|item| item.truth.is_some()).count();
    if lesions < items.len() {
        notes.push(format!(
            "{} of {} lesions that both readers take for rims have none that could be taken away: they are in no \
             number that needs the truth.",
            items.len() - lesions,
            items.len()
        ));
    }
    Ok(Some(TruthRecord { lesions: lesions as u64, apart_ppb: apart_ppb.into() }))
}

/// What the record is made from.
struct Explanation<'a> {
    data: &'a Prepared,
    config: &'a ExplainConfig,
    lab: &'a Lab<'a>,
    items: &'a [Item],
}

impl Explanation<'_> {
    fn finish(
        &self,
        arms: &[ArmFits],
        truth: Option<TruthRecord>,
        notes: Vec<String>,
        out: &Path,
    ) -> Result<ExplanationRecord> {
        let &Self { data, config, lab, items } = self;
        let [channels, height, width] = data.image_shape();
        let pixels: Vec<f32> = items.iter().flat_map(|item| item.pixels.iter().copied()).collect();
        let shape = [items.len() as i64, channels as i64, height as i64, width as i64];
        let images = Tensor::from_slice(&pixels).view(shape).to_device(lab.engine.device);
        let class = data.classes().interest().unwrap_or_default() as i64;
        let judge = Judge { config, lab, items, images: &images, image: [height, width], class };
        let fits: usize = arms.iter().map(|arm| arm.fits.len()).sum();
        lab.observer.begin("explanations", "lesions", (fits * items.len()) as u64);
        let tallies = arms.iter().map(|arm| judge.arm(arm)).collect::<Result<Vec<_>>>();
        lab.observer.end();
        let tallies = tallies?;
        let statistician = Statistician {
            patients: items.iter().map(|item| item.patient.as_str()).collect(),
            draws: config.draws as usize,
            seed: lab.seed.child("intervals", 0),
        };
        let explained = |(at, arm): (usize, &ArmFits)| arm_record(arm, &tallies[at], &tallies[0], at, &statistician);
        let class_name = data.classes().of_interest.as_ref().map(|class| class.name().to_owned());
        let layers = arms.first().and_then(|arm| arm.fits.first()).map(|fit| fit.network.layers()).unwrap_or_default();
        let record = ExplanationRecord {
            simulated: data.manifest().simulated,
            data_sha256: data.sha256().to_owned(),
            seed: lab.seed.0,
            class: class_name.unwrap_or_default(),
            layer: layers.get(config.layer as usize - 1).cloned().unwrap_or_default(),
            grids: tallies.first().map(|tally| tally.grids).unwrap_or_default(),
            image: [height as u64, width as u64],
            lesions: self.lesions(&tallies),
            patients: items.iter().map(|item| &item.patient).collect::<std::collections::BTreeSet<_>>().len() as u64,
            measures: words::measures(),
            chance: self.chance(&statistician),
            arms: arms.iter().enumerate().map(explained).collect(),
            truth,
            figure: (config.shown > 0).then(|| FIGURE.into()),
            notes,
        };
        // It speaks of a figure that is about to be replaced.
        files::remove(&out.join(RECORD))?;
        if config.shown > 0 {
            self.draw(arms, &tallies, out)?;
        } else {
            files::remove(&out.join(FIGURE))?;
        }
        files::write_json(out.join(RECORD), &record)?;
        Ok(record)
    }

    fn lesions(&self, tallies: &[ArmTally]) -> Vec<ExplainedLesion> {
        let scale = self.data.contrasts().first().map_or(1.0, |contrast| contrast.window.scale());
        let one = |(at, item): (usize, &Item)| {
            let score = |tally: &ArmTally| LesionScore {
                log_odds: tally.with.values()[at].unwrap_or(f64::NAN),
                without_rim: tally.without.values()[at],
            };
            let change = |truth: &items::Truth| {
                scale * truth.difference.iter().fold(0.0, |most: f64, value| most.max((*value).into()))
            };
            ExplainedLesion {
                lesion_id: item.id.to_string(),
                patient: item.patient.clone(),
                z: item.z,
                traced: item.rim.as_ref().map_or(0, |rim| rim.traced.iter().filter(|one| **one).count() as u64),
                rim_changes: item.truth.as_ref().map(change),
                scores: tallies.iter().map(score).collect(),
            }
        };
        self.items.iter().enumerate().map(one).collect()
    }

    /// What an even map comes to.
    fn chance(&self, statistician: &Statistician<'_>) -> BTreeMap<String, Interval> {
        let of =
            |value: &dyn Fn(&Item) -> Option<f64>| statistician.mean(&self.items.iter().map(value).collect::<Vec<_>>());
        let rim = |area: fn(&Rim) -> f64| of(&|item: &Item| item.rim.as_ref().map(area));
        let even = |item: &Item| {
            let difference = &item.truth.as_ref()?.difference;
            attribution::overlap(&vec![1.0; difference.len()], difference)
        };
        [
            (words::POINTING, rim(|rim| attribution::area(&rim.region))),
            (words::ENERGY, rim(|rim| attribution::area(&rim.traced))),
            (words::OVERLAP, of(&even)),
        ]
        .into_iter()
        .filter_map(|(key, interval)| Some((key.to_owned(), interval?)))
        .collect()
    }

    /// The first lesions whose truth is known, else the first; spread over all.
    fn draw(&self, arms: &[ArmFits], tallies: &[ArmTally], out: &Path) -> Result<()> {
        let &Self { data, config, items, .. } = self;
        let [_, height, width] = data.image_shape();
        let known: Vec<usize> = (0..items.len()).filter(|&at| items[at].truth.is_some()).collect();
        let pick = if known.is_empty() { (0..items.len()).collect() } else { known };
        let count = (config.shown as usize).min(pick.len());
        let rows: Vec<usize> = (0..count).map(|at| pick[at * pick.len() / count]).collect();
        let mut columns = Vec::new();
        if items.iter().any(|item| item.truth.is_some()) {
            let difference = |at: &usize| items[*at].truth.as_ref().map(|truth| truth.difference.as_slice());
            let maps = rows.iter().map(difference).collect();
            columns.push(figure::Maps { heading: ["change by rim", "the truth"], maps });
        }
        for (arm, tally) in arms.iter().zip(tallies).take(ARMS_SHOWN) {
            for (method, lists) in Method::ALL.iter().zip(&tally.shown) {
                let maps = rows.iter().map(|&at| Some(lists[at].as_slice())).collect();
                columns.push(figure::Maps { heading: [arm.arm.name(), method.title()], maps });
            }
        }
        let shown: Vec<&Item> = rows.iter().map(|&at| &items[at]).collect();
        let class = data.classes().of_interest.as_ref().map_or("", |class| class.name());
        let simulated = if data.manifest().simulated { "SIMULATED; " } else { "" };
        let footer = format!("{simulated}red: for a {class}, blue: against; every map on its own scale");
        let sheet = figure::draw(&shown, &columns, [height, width], &footer);
        sheet.write_png(out.join(FIGURE), &[("Description", &format!("{simulated}maps of attribution"))])
    }
}

fn arm_record(
    arm: &ArmFits,
    tally: &ArmTally,
    first: &ArmTally,
    at: usize,
    statistician: &Statistician<'_>,
) -> ExplainedArm {
    let keys = words::measures();
    let mean = |key: &str, values: Vec<Option<f64>>| match key {
        words::POINTING => statistician.hits(&values),
        _ => statistician.mean(&values),
    };
    let map = |(which, name): (usize, &judged::MapName)| {
        let values = |tally: &ArmTally, key: &str| tally.scores.get(&(which, key.to_owned())).map(|c| c.values());
        let scores = keys
            .iter()
            .filter_map(|measure| Some((measure.key.clone(), mean(&measure.key, values(tally, &measure.key)?)?)));
        let differences = keys.iter().filter(|_| at > 0 && name.of_classifier).filter_map(|measure| {
            let difference = minus(&values(tally, &measure.key)?, &values(first, &measure.key)?);
            Some((measure.key.clone(), statistician.mean(&difference)?))
        });
        let cascade = tally.cascade.iter().filter(|_| name.of_classifier).map(|(layer, columns)| CascadeRecord {
            layer: layer.clone(),
            correlation: statistician.mean(&columns[which].values()),
        });
        MapRecord {
            key: name.key.into(),
            title: name.title.into(),
            of_classifier: name.of_classifier,
            scores: scores.collect(),
            minus_first_arm: differences.collect(),
            cascade: cascade.collect(),
        }
    };
    let random = [(words::DELETION, &tally.random[0]), (words::INSERTION, &tally.random[1])];
    let random =
        random.into_iter().filter_map(|(key, column)| Some((key.to_owned(), statistician.mean(&column.values())?)));
    ExplainedArm {
        name: arm.arm.name().to_owned(),
        fits: arm.files.clone(),
        maps: judged::MAPS.iter().enumerate().map(map).filter(|map| !map.scores.is_empty()).collect(),
        random: random.collect(),
        effect: effect(tally, statistician),
    }
}

/// What the answer loses with the rim, over the lesions whose truth is known.
fn effect(tally: &ArmTally, statistician: &Statistician<'_>) -> Option<RimEffect> {
    let without = tally.without.values();
    let known = |values: Vec<Option<f64>>| -> Vec<Option<f64>> {
        values.iter().zip(&without).map(|(value, known)| known.and(*value)).collect()
    };
    let with = known(tally.with.values());
    let difference = minus(&with, &without);
    let above: Vec<Option<f64>> =
        with.iter().zip(&without).map(|(with, without)| without.filter(|_| with.is_some_and(|w| w > 0.0))).collect();
    Some(RimEffect {
        with_rim: statistician.mean(&with)?,
        without_rim: statistician.mean(&without)?,
        falls: statistician.share(&difference, |change| change > 0.0)?,
        difference: statistician.mean(&difference)?,
        crosses: statistician.share(&above, |without| without <= 0.0),
    })
}

/// The controls of one item on the grid of the class activation map, in the order of [`judged::MAPS`] behind those of
/// the classifier.
pub(super) fn controls_of(item: &Item, image: [usize; 2], grid: [usize; 2]) -> [Option<Vec<f32>>; 4] {
    let plane = image[0] * image[1];
    let difference = item.truth.as_ref().map(|truth| truth.difference.clone());
    let coarse = difference.as_ref().map(|map| controls::on_grid(map, image, grid));
    [Some(controls::edges(&item.pixels[..plane], image)), Some(controls::middle(image)), difference, coarse]
}
