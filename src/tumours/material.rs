//! What is learnt from and what is held out: slices of all contrasts, the map of regions the labels, the others the
//! image.

use std::collections::BTreeMap;

use serde::Serialize;
use tch::{Device, Kind as Type, Tensor};

use super::arms::Arm;
use super::populations::{PREPARE, population};
use super::regions::labels;
use crate::classify::labelled::Labelled;
use crate::classify::material::{Origin, Supply};
use crate::classify::rows::Rows;
use crate::classify::source::Source;
use crate::classify::training_set::Example;
use crate::classify::{pool, proof};
use crate::data::Prepared;
use crate::feed::batches::Images;
use crate::feed::epochs::Epochs;
use crate::nets::segmenters::unet;
use crate::problem::{Kind, Problem, Result};
use crate::records::label::Window;
use crate::seed::RunSeed;

/// Unit of the contrast that holds regions.
const REGION: &str = "region";

/// What the network's range means in a map of regions.
const WINDOW: Window = Window { low: 0.0, high: 3.0 };

/// Which channels are what.
#[derive(Clone, Debug, PartialEq)]
pub struct Channels {
    /// Of the image; at least one.
    pub image: Vec<i64>,
    /// The map of regions.
    pub region: i64,
}

impl Channels {
    /// Of a data set.
    ///
    /// # Errors
    /// No map of regions or more than one, none beside it, one of another window, or slices that the network cannot
    /// take.
    pub fn of(data: &Prepared) -> Result<Self> {
        let contrasts = data.contrasts();
        let names: Vec<&str> = contrasts.iter().map(|contrast| contrast.name.as_str()).collect();
        let refused =
            |found: String, expected: &str| Err(Problem::input(data.root(), found).expected(expected).advice(PREPARE));
        let is_region = |at: &usize| contrasts[*at].unit == REGION;
        let (regions, image): (Vec<usize>, Vec<usize>) = (0..contrasts.len()).partition(is_region);
        let [region] = regions[..] else {
            let found = format!("{} maps of regions among the contrasts {}", regions.len(), names.join(", "));
            return refused(found, "one, \"seg\", whose unit is \"region\"");
        };
        if contrasts[region].window != WINDOW {
            let Window { low, high } = contrasts[region].window;
            return refused(format!("regions from {low} to {high}"), "regions from 0 to 3");
        }
        if image.is_empty() {
            return refused("regions and no image beside them".into(), "at least one image to find them in");
        }
        let [_, height, width] = data.image_shape();
        if height != width || !height.is_multiple_of(unet::MULTIPLE as usize) {
            let expected = format!("square slices whose side is a multiple of {}", unet::MULTIPLE);
            return refused(format!("slices of {height} x {width} pixels"), &expected);
        }
        Ok(Self { image: image.into_iter().map(|at| at as i64).collect(), region: region as i64 })
    }

    /// Images \[N, C, S, S\] of slices \[N, all, S, S\].
    fn images(&self, slices: &Tensor) -> Tensor {
        slices.index_select(1, &Tensor::from_slice(&self.image).to_device(slices.device()))
    }

    /// Labels \[N, 1, S, S\], 0 to 3, of slices \[N, all, S, S\].
    fn labels(&self, slices: &Tensor) -> Tensor {
        labels(&slices.narrow(1, self.region, 1))
    }
}

/// Everything that fits read; shared storage, nobody writes to it.
#[derive(Debug)]
pub struct Learnt {
    /// \[N, C + 1, S, S\]: the image's channels and behind them the labels.
    pub pairs: Tensor,
    /// Rows of real slices of the frequent populations.
    pub frequent: Vec<u32>,
    /// Rows of real slices of the rare one.
    pub rare: Vec<u32>,
    /// Rows of drawn pairs of the rare one.
    pub drawn: Vec<u32>,
}

/// Slices that are held out.
#[derive(Debug)]
pub struct Held {
    /// \[N, C, S, S\].
    pub images: Tensor,
    /// Labels of each slice.
    pub labels: Vec<Vec<u8>>,
    /// In the data set's order.
    pub patients: Vec<HeldPatient>,
}

/// A held-out patient.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldPatient {
    /// As the data set names it.
    pub name: String,
    /// Whether it is of the rare population.
    pub rare: bool,
    /// Its slices, of all planes.
    pub rows: Vec<usize>,
}

/// Rows that one fit learns from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmSet {
    /// Of a batch.
    pub real: Vec<u32>,
    /// Beside it, with a sampler of their own.
    pub added: Vec<u32>,
}

impl Learnt {
    /// Loads the training side with `drawn` pairs of the rare population behind it, and the test side; proves that
    /// nothing of the latter is in the former, neither whole nor with other labels.
    ///
    /// # Errors
    /// A slice that cannot be read, a leak, or a test patient in two populations.
    pub fn load(
        data: &Prepared,
        channels: &Channels,
        drawn: &[Labelled],
        (rare, device): (&str, Device),
    ) -> Result<(Self, Held)> {
        let training = data.training_all();
        let mut rows = Rows::new(&training, device)?;
        let mut material = pool::real(&training);
        let example = |pair: &Labelled| {
            let unit = rows.synthetic(&pair.image, Origin::Drawn(pair.class as u32));
            Example { unit, target: 0.0 }
        };
        let examples: Vec<Example> = drawn.iter().map(example).collect();
        let drawn = examples.iter().flat_map(|example| example.unit.rows.clone()).collect();
        material.supplies.insert(Source::DrawnByClass, Supply::Drawn(examples));
        let test = data.test();
        let slices = rows.stack();
        let (images, held_slices) = (channels.images(&slices), Images::load(&test, device)?.pixels);
        let held_images = channels.images(&held_slices);
        proof::check(data, &material, &slices, &held_slices)?;
        proof::check(data, &material, &images, &held_images)?;
        let (mut frequent, mut of_rare) = (Vec::new(), Vec::new());
        for (row, (_, slice)) in (0u32..).zip(training.entries()) {
            if population(&slice.class) == Some(rare) { of_rare.push(row) } else { frequent.push(row) }
        }
        let pairs = Tensor::cat(&[images, channels.labels(&slices)], 1);
        let held = Held {
            images: held_images,
            labels: planes(&channels.labels(&held_slices))?,
            patients: patients(
                test.entries().map(|(_, slice)| (slice.patient.as_str(), population(&slice.class))),
                rare,
            )
            .map_err(|problem| problem.at(data.root()))?,
        };
        Ok((Self { pairs, frequent, rare: of_rare, drawn }, held))
    }

    /// What an arm learns from in a repetition: of the drawn pairs `extra` at most, the same for every arm.
    pub fn set(&self, arm: Arm, seed: RunSeed, extra: u64) -> ArmSet {
        let mut real = if arm.takes_frequent() { self.frequent.clone() } else { vec![] };
        if arm.takes_rare() {
            real.extend(&self.rare);
        }
        let drawn: Vec<u32> = if arm.takes_drawn() { self.chosen(seed, extra) } else { vec![] };
        if real.is_empty() { ArmSet { real: drawn, added: vec![] } } else { ArmSet { real, added: drawn } }
    }

    fn chosen(&self, seed: RunSeed, extra: u64) -> Vec<u32> {
        let deck = Epochs::new(self.drawn.len(), seed, "drawn pairs");
        let count = extra.min(self.drawn.len() as u64);
        let mut chosen: Vec<u32> = (0..count).map(|draw| self.drawn[deck.at(draw).item]).collect();
        chosen.sort_unstable();
        chosen
    }

    /// How many of the drawn pairs have no label but 0.
    ///
    /// # Errors
    /// Values that cannot be read back.
    pub fn empty_drawn(&self) -> Result<u64> {
        if self.drawn.is_empty() {
            return Ok(0);
        }
        let rows: Vec<i64> = self.drawn.iter().map(|&row| i64::from(row)).collect();
        let last = self.pairs.size()[1] - 1;
        let drawn = self.pairs.index_select(0, &Tensor::from_slice(&rows).to_device(self.pairs.device()));
        let most: Vec<f32> = Vec::try_from(drawn.narrow(1, last, 1).amax([1i64, 2, 3].as_slice(), false))?;
        Ok(most.into_iter().filter(|most| *most == 0.0).count() as u64)
    }

    /// A handle for another thread; tensors share storage.
    pub fn clone_for_thread(&self) -> Self {
        let pairs = self.pairs.shallow_clone();
        Self { pairs, frequent: self.frequent.clone(), rare: self.rare.clone(), drawn: self.drawn.clone() }
    }
}

/// Planes of labels \[N, 1, S, S\], by row.
///
/// # Errors
/// Values that cannot be read back.
pub fn planes(labels: &Tensor) -> Result<Vec<Vec<u8>>> {
    let plane = (labels.size()[2] * labels.size()[3]) as usize;
    let values = labels.to_kind(Type::Uint8).to_device(Device::Cpu).contiguous().reshape([-1]);
    Ok(Vec::<u8>::try_from(values)?.chunks_exact(plane).map(<[u8]>::to_vec).collect())
}

/// Patients of slices, which are given by patient and population, in the order of their first slices.
fn patients<'a>(slices: impl Iterator<Item = (&'a str, Option<&'a str>)>, rare: &str) -> Result<Vec<HeldPatient>> {
    let mut place: BTreeMap<&str, usize> = BTreeMap::new();
    let mut patients: Vec<HeldPatient> = Vec::new();
    for (row, (name, population)) in slices.enumerate() {
        let of_rare = population == Some(rare);
        let at = *place.entry(name).or_insert(patients.len());
        if at == patients.len() {
            patients.push(HeldPatient { name: name.to_owned(), rare: of_rare, rows: vec![] });
        }
        if patients[at].rare != of_rare {
            let found = format!("patient {name} is of the population {rare} and of another");
            return Err(Problem::new(Kind::Input, found).expected("patients of one population each").advice(PREPARE));
        }
        patients[at].rows.push(row);
    }
    Ok(patients)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt() -> Learnt {
        let pairs = Tensor::zeros([9, 2, 8, 8], (Type::Float, Device::Cpu));
        Learnt { pairs, frequent: vec![0, 2, 4], rare: vec![1, 3], drawn: vec![5, 6, 7, 8] }
    }

    #[test]
    fn an_arm_sees_only_its_slices_and_all_arms_the_same_pairs() {
        let (learnt, seed) = (learnt(), RunSeed(3));
        let of = |arm: Arm| learnt.set(arm, seed, 2);
        let [frequent, with, alone, both, all] = Arm::ALL.map(of);
        assert_eq!((frequent.real, frequent.added), (vec![0, 2, 4], vec![]));
        assert_eq!((&with.real, with.added.len()), (&vec![0, 2, 4], 2));
        assert!(with.added.iter().all(|row| (5..9).contains(row)), "{:?}", with.added);
        assert_eq!((&alone.real, alone.added.len()), (&with.added, 0));
        assert_eq!((both.real, both.added), (vec![0, 2, 4, 1, 3], vec![]));
        assert_eq!((all.real, &all.added), (vec![0, 2, 4, 1, 3], &with.added));
        assert_eq!(learnt.set(Arm::SyntheticOnly, seed, 100).real, [5, 6, 7, 8]);
        let others: Vec<ArmSet> = (0..20).map(|seed| learnt.set(Arm::SyntheticOnly, RunSeed(seed), 2)).collect();
        assert!(others.iter().any(|other| other.real != alone.real), "another repetition draws others");
        assert_eq!(learnt.empty_drawn().unwrap(), 4);
    }

    #[test]
    fn slices_are_gathered_by_patient_and_a_patient_is_of_one_population() {
        let slices = [("b", Some("SSA")), ("a", Some("GLI")), ("b", Some("SSA")), ("c", Some("MEN"))];
        let found = patients(slices.into_iter(), "SSA").unwrap();
        let told: Vec<(&str, bool, &[usize])> =
            found.iter().map(|one| (one.name.as_str(), one.rare, one.rows.as_slice())).collect();
        assert_eq!(told, [("b", true, &[0, 2][..]), ("a", false, &[1]), ("c", false, &[3])]);
        let torn = [("b", Some("SSA")), ("b", Some("GLI"))];
        let problem = patients(torn.into_iter(), "SSA").unwrap_err();
        assert_eq!(problem.kind(), Kind::Input);
        assert!(problem.to_string().contains("patient b"), "{problem}");
    }
}
