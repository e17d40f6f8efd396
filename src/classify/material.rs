//! What there is to train on, as row numbers of one tensor of slices, and what one repetition draws from it.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand::seq::index::sample;
use serde::Serialize;

use super::source::Source;
use super::training_set::Example;
use crate::problem::{Kind, Problem, Result};
use crate::records::classes::Classes;
use crate::seed::RunSeed;

/// Where a training example comes from. The names in files are those of the rim study.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Origin {
    /// A real one of the class of interest.
    #[serde(rename = "Rim")]
    Interest,
    /// A real one of the other class.
    #[serde(rename = "NonRim")]
    Other,
    /// A real one whose class is contested.
    #[serde(rename = "Ambiguous")]
    Contested,
    /// Made from one of interest.
    Affine,
    /// Drawn from a generator of the class of interest.
    Synthetic,
    /// Synthetic, of a conditional generator.
    Conditional,
    /// The projection of a contested one.
    Denoised,
    /// The projection of an agreed one of interest.
    ProjectedInterest,
    /// The projection of an agreed one of the other class.
    ProjectedOther,
    /// Drawn from random latents, untruncated.
    RandomLatent,
    /// The image of the generator's mean w.
    MeanImage,
    /// Between projections of those of interest, in W.
    LatentSmote,
    /// Between slices of those of interest.
    Smote,
    /// Decoded between codes of those of interest.
    DeepSmote,
    /// A contested one mixed with its projection.
    Mixed,
    /// The projection of a contested one as of the class that it fits better.
    BetterSide,
    /// Copied from the test side by the control that is meant to leak.
    Leaked,
    /// A real one of the class of this number, where none is of interest.
    Class(u32),
    /// Drawn by a generator as of the class of this number.
    Drawn(u32),
    /// A training lesion of the class of this number, inverted and edited.
    Edited(u32),
}

impl Origin {
    /// In words; `classes` are those of the data set.
    pub fn name(self, classes: &Classes) -> String {
        let real = |number: usize| format!("real {}", classes.names[number]);
        let interest = classes.interest().unwrap_or_default();
        let wanted = &classes.names[interest];
        match self {
            Self::Interest => real(interest),
            Self::Other => real(1 - interest),
            Self::Contested => "contested".into(),
            Self::Affine => format!("affine copy of a {wanted}"),
            Self::Synthetic => format!("synthetic {wanted}"),
            Self::Conditional => format!("synthetic {wanted} of the conditional generator"),
            Self::Denoised => "denoised contested".into(),
            Self::ProjectedInterest => format!("projected {wanted}"),
            Self::ProjectedOther => format!("projected {}", classes.names[1 - interest]),
            Self::RandomLatent => "image set of random latents".into(),
            Self::MeanImage => "image of the generator's mean".into(),
            Self::LatentSmote => format!("image between projected {wanted}s"),
            Self::Smote => format!("slice between {wanted}s"),
            Self::DeepSmote => format!("decoded slice between {wanted}s"),
            Self::Mixed => "contested mixed with its projection".into(),
            Self::BetterSide => "projection of a contested one as what it fits better".into(),
            Self::Leaked => "copied test lesion".into(),
            Self::Class(number) => real(number as usize),
            Self::Drawn(number) => format!("synthetic {}", classes.names[number as usize]),
            Self::Edited(number) => format!("edited {}", classes.names[number as usize]),
        }
    }

    /// Number of the class that it was made as of; of what is made of every class alone.
    pub fn made_of_class(self) -> Option<usize> {
        match self {
            Self::Drawn(number) | Self::Edited(number) => Some(number as usize),
            _ => None,
        }
    }

    /// Whether it is a real one whose class is agreed.
    pub fn is_agreed(self) -> bool {
        matches!(self, Self::Interest | Self::Other | Self::Class(_))
    }
}

/// One lesion, or what stands for one: drawn as a whole, so that a lesion of many slices weighs no more than one of
/// few.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// Where it comes from.
    pub origin: Origin,
    /// Rows of its slices; at least one.
    pub rows: Vec<u32>,
    /// The manifest's lesion behind it; none for synthetic ones.
    pub lesion: Option<u32>,
}

/// What a source has.
#[derive(Clone, Debug, PartialEq)]
pub enum Supply {
    /// Each repetition draws from these.
    Drawn(Vec<Example>),
    /// What each generator has; repetitions take generators in turn.
    Generators(Vec<Supply>),
    /// Each repetition takes the first.
    Ranked(Vec<Example>),
    /// A list for each repetition.
    Each(Vec<Vec<Example>>),
}

impl Supply {
    /// All of it.
    pub fn examples(&self) -> Vec<&Example> {
        match self {
            Self::Drawn(examples) | Self::Ranked(examples) => examples.iter().collect(),
            Self::Generators(supplies) => supplies.iter().flat_map(Self::examples).collect(),
            Self::Each(lists) => lists.iter().flatten().collect(),
        }
    }

    /// What each of several generators has; what the one has where there is one; `None` of none.
    pub fn of_generators(mut supplies: Vec<Self>) -> Option<Self> {
        match supplies.len() {
            0 | 1 => supplies.pop(),
            _ => Some(Self::Generators(supplies)),
        }
    }

    /// Generator by generator; one part too where it is of none.
    pub fn by_generator(&self) -> Vec<&Self> {
        if let Self::Generators(supplies) = self { supplies.iter().collect() } else { vec![self] }
    }

    /// What a repetition takes of it, `extra` at most; `purpose` names the stream of its draws.
    fn taken(&self, repetition: u64, extra: usize, seed: RunSeed, purpose: &str) -> Vec<Example> {
        let first = |examples: &Vec<Example>| examples.iter().take(extra).cloned().collect();
        match self {
            Self::Drawn(examples) => drawn(examples, extra, seed, purpose),
            Self::Ranked(examples) => first(examples),
            Self::Generators(supplies) => {
                supplies[repetition as usize % supplies.len()].taken(repetition, extra, seed, purpose)
            }
            Self::Each(lists) => lists.get(repetition as usize).map(first).unwrap_or_default(),
        }
    }

    /// How many a repetition can take.
    pub fn count(&self) -> usize {
        match self {
            Self::Drawn(examples) | Self::Ranked(examples) => examples.len(),
            Self::Generators(supplies) => supplies.iter().map(Self::count).min().unwrap_or(0),
            Self::Each(lists) => lists.iter().map(Vec::len).min().unwrap_or(0),
        }
    }
}

/// All of it, each list in a fixed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Material {
    /// Real lesions by the number of their class.
    pub classes: Vec<Vec<Unit>>,
    /// The class of interest, where there is one; there are two classes then.
    pub interest: Option<usize>,
    /// Contested lesions; where there are projections of contested ones, the originals of those, in the same order and
    /// with the same slices.
    pub contested: Vec<Unit>,
    /// What was read or made for the arms.
    pub supplies: BTreeMap<Source, Supply>,
    /// The test side by class, for the control that leaks it.
    pub leaked: Vec<Vec<Unit>>,
}

/// What one repetition works with; every arm composes its training set from the same draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Real lesions by the number of their class; of the class beside one of interest a draw.
    pub classes: Vec<Vec<Unit>>,
    /// All real lesions of the class beside one of interest; none where no class is.
    pub all_others: Vec<Unit>,
    /// As in [`Material`].
    pub interest: Option<usize>,
    /// Of each source `extra` at most; those of contested lesions are of the same, in the same order.
    pub added: BTreeMap<Source, Vec<Example>>,
    /// The same draw from the first of several generators, whichever is this repetition's: for what stands beside
    /// material that the first alone gives.
    pub of_first: BTreeMap<Source, Vec<Example>>,
    /// As in [`Material`].
    pub leaked: Vec<Vec<Unit>>,
    /// Slices in a batch.
    pub batch: u64,
    /// Of what else an arm draws.
    pub seed: RunSeed,
}

impl Selection {
    /// What was drawn of a source, with the labels that it was made with.
    pub fn as_made(&self, source: Source) -> Vec<Example> {
        self.added.get(&source).cloned().unwrap_or_default()
    }

    /// What was drawn of a source, all with the probability `target`.
    pub fn labelled(&self, source: Source, target: f32) -> Vec<Example> {
        self.as_made(source).into_iter().map(|example| Example { target, ..example }).collect()
    }

    /// The same from the first generator, in every repetition.
    pub fn labelled_of_first(&self, source: Source, target: f32) -> Vec<Example> {
        let Some(examples) = self.of_first.get(&source) else { return self.labelled(source, target) };
        examples.iter().map(|example| Example { target, ..example.clone() }).collect()
    }
}

impl Material {
    /// Lesions of interest; none where no class is.
    pub fn of_interest(&self) -> &[Unit] {
        self.interest.map_or(&[], |interest| &self.classes[interest])
    }

    /// All lesions, or what stands for them; without those that a control leaks.
    pub fn units(&self) -> Vec<&Unit> {
        let made = self.supplies.values().flat_map(Supply::examples).map(|example| &example.unit);
        self.classes.iter().flatten().chain(&self.contested).chain(made).collect()
    }

    /// What was read or made of a source.
    pub fn supply(&self, source: Source) -> Option<&Supply> {
        self.supplies.get(&source)
    }

    /// Generators whose images an arm with these sources takes in turn, repetition by repetition: one where one of the
    /// sources is of the first alone.
    pub fn generators(&self, sources: &[Source]) -> usize {
        let of_generators = sources.iter().filter(|source| source.is_of_a_generator());
        let counts = of_generators.filter_map(|source| Some(self.supply(*source)?.by_generator().len()));
        counts.min().unwrap_or(1)
    }

    /// What each generator gave of a source, in another order.
    ///
    /// # Errors
    /// Those of `order`; nothing of that source.
    pub fn ranked_by_generator(
        &self,
        source: Source,
        order: impl Fn(Vec<Example>) -> Result<Vec<Example>>,
    ) -> Result<Supply> {
        let of_each = self.supply(source).map(Supply::by_generator).unwrap_or_default();
        let ranked = |supply: &Supply| Ok(Supply::Ranked(order(supply.examples().into_iter().cloned().collect())?));
        let ranked = of_each.into_iter().map(ranked).collect::<Result<_>>()?;
        Supply::of_generators(ranked).ok_or_else(|| Problem::new(Kind::Internal, "nothing was drawn"))
    }

    /// Lesions of the other class; none where no class is of interest.
    pub fn others(&self) -> &[Unit] {
        self.interest.map_or(&[], |interest| &self.classes[1 - interest])
    }

    /// Training lesions of the other class at `per_interest` for each of interest, as many as there are at most.
    pub fn others_count(&self, per_interest: f64) -> usize {
        ((self.of_interest().len() as f64 * per_interest).round() as usize).clamp(1, self.others().len().max(1))
    }

    /// Draws for repetition `repetition`; `extra` must not exceed what the arms in question can draw from.
    ///
    /// # Errors
    /// A class without a training lesion.
    pub fn select(&self, repetition: u64, seed: RunSeed, extra: usize, per_interest: f64) -> Result<Selection> {
        if self.classes.iter().any(Vec::is_empty) {
            let counts: Vec<String> = self.classes.iter().map(|units| units.len().to_string()).collect();
            let found = format!("{} training lesions of the classes in their order", counts.join(" and "));
            return Err(Problem::new(Kind::Input, found)
                .expected("at least one of each")
                .advice("prepare more data, or another split seed"));
        }
        let mut classes = self.classes.clone();
        if let Some(interest) = self.interest {
            classes[1 - interest] = drawn(self.others(), self.others_count(per_interest), seed, "non-rims");
        }
        let of_supply = |(&source, supply): (&Source, &Supply)| {
            let extra = if source.is_of_every_class() { supply.count() } else { extra };
            (source, supply.taken(repetition, extra, seed, source.stream()))
        };
        let mut added: BTreeMap<Source, Vec<Example>> = self.supplies.iter().map(of_supply).collect();
        let of_several = self.supplies.iter().filter_map(|(&source, supply)| match supply.by_generator()[..] {
            [first, _, ..] => Some((source, first)),
            _ => None,
        });
        let of_first = of_several.map(|(source, first)| of_supply((&source, first))).collect();
        let contested: Vec<Example> =
            self.contested.iter().map(|unit| Example { unit: unit.clone(), target: 0.5 }).collect();
        added.insert(Source::Ambiguous, drawn(&contested, extra, seed, Source::Ambiguous.stream()));
        Ok(Selection {
            classes,
            all_others: self.others().to_vec(),
            interest: self.interest,
            added,
            of_first,
            leaked: self.leaked.clone(),
            batch: 0,
            seed,
        })
    }
}

/// `count` of them at most, in a random order; `purpose` names the stream.
fn drawn<T: Clone>(from: &[T], count: usize, seed: RunSeed, purpose: &str) -> Vec<T> {
    let mut rng = seed.stream(purpose, 0);
    let mut picks = sample(&mut rng, from.len(), count.min(from.len())).into_vec();
    picks.shuffle(&mut rng);
    picks.into_iter().map(|pick| from[pick].clone()).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::records::classes::Class;

    /// `count` units of `rows` slices each, in rows from `first_row` on.
    pub fn units(origin: Origin, count: u32, first_row: u32, rows: u32) -> Vec<Unit> {
        let unit = |i| Unit {
            origin,
            rows: (0..rows).map(|row| first_row + i * rows + row).collect(),
            lesion: (!matches!(origin, Origin::Synthetic | Origin::Conditional)).then_some(i),
        };
        (0..count).map(unit).collect()
    }

    /// 10 of interest, 30 others, 8 contested with projections, 12 synthetic; 2 slices each, 1 for what was generated.
    pub fn small() -> Material {
        Material {
            classes: vec![units(Origin::Other, 30, 100, 2), units(Origin::Interest, 10, 0, 2)],
            interest: Some(1),
            contested: units(Origin::Contested, 8, 200, 2),
            supplies: BTreeMap::from([
                (Source::Denoised, Supply::Drawn(rims(units(Origin::Denoised, 8, 300, 1)))),
                (Source::Synthetic, Supply::Drawn(rims(units(Origin::Synthetic, 12, 400, 1)))),
                (Source::Conditional, Supply::Drawn(rims(units(Origin::Conditional, 9, 600, 1)))),
                (
                    Source::Affine,
                    Supply::Each(vec![rims(units(Origin::Affine, 8, 500, 1)), rims(units(Origin::Affine, 8, 520, 1))]),
                ),
            ]),
            leaked: vec![vec![], vec![]],
        }
    }

    /// All surely of interest.
    pub fn rims(units: Vec<Unit>) -> Vec<Example> {
        units.into_iter().map(|unit| Example { unit, target: 1.0 }).collect()
    }

    /// Three classes of 12, 6 and 2 lesions with 2 slices each, none of interest; 4 contested.
    pub fn three_classes() -> Material {
        let sizes = [(12, 0), (6, 24), (2, 36)];
        let class = |(at, (count, first)): (u32, (u32, u32))| units(Origin::Class(at), count, first, 2);
        Material {
            classes: (0..).zip(sizes).map(class).collect(),
            contested: units(Origin::Contested, 4, 40, 2),
            leaked: vec![vec![]; 3],
            ..Material::default()
        }
    }

    #[test]
    fn a_contested_lesion_and_its_projection_are_drawn_together() {
        let selection = small().select(0, RunSeed(4), 5, 2.0).unwrap();
        let lesions =
            |source: Source| selection.as_made(source).iter().map(|example| example.unit.lesion).collect::<Vec<_>>();
        assert_eq!(lesions(Source::Ambiguous), lesions(Source::Denoised));
        assert_eq!(lesions(Source::Ambiguous).len(), 5);
        assert_eq!((selection.classes[0].len(), selection.all_others.len()), (20, 30));
        assert_eq!(selection.as_made(Source::Affine)[0].unit.rows, [500]);
    }

    #[test]
    fn a_draw_follows_its_seed() {
        let draw = |seed| small().select(1, RunSeed(seed), 5, 2.0).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1).classes[0], draw(2).classes[0]);
        assert_eq!(draw(1).as_made(Source::Affine)[0].unit.rows, [520]);
    }

    /// Of two generators the first has rows 700 and on, the second 800 and on: repetitions 0 and 2 see the first,
    /// 1 the second, each with the lesions that the contested arm draws.
    #[test]
    fn repetitions_take_generators_in_turn() {
        let mut material = small();
        let of = |first| Supply::Drawn(rims(units(Origin::Denoised, 8, first, 1)));
        material.supplies.insert(Source::Denoised, Supply::Generators(vec![of(700), of(800)]));
        for (repetition, hundred) in [(0, 7), (1, 8), (2, 7)] {
            let selection = material.select(repetition, RunSeed(repetition), 5, 2.0).unwrap();
            let denoised = selection.as_made(Source::Denoised);
            assert!(denoised.iter().all(|example| example.unit.rows[0] / 100 == hundred), "{repetition}");
            let lesions = |examples: Vec<Example>| examples.iter().map(|e| e.unit.lesion).collect::<Vec<_>>();
            assert_eq!(lesions(denoised), lesions(selection.as_made(Source::Ambiguous)));
            let first = selection.labelled_of_first(Source::Denoised, 1.0);
            assert!(first.iter().all(|example| example.unit.rows[0] / 100 == 7), "{repetition}");
            assert_eq!(lesions(first), lesions(selection.as_made(Source::Ambiguous)));
        }
        assert_eq!(material.generators(&[Source::Ambiguous, Source::Denoised]), 2);
        assert_eq!(material.generators(&[Source::Synthetic, Source::Denoised]), 1, "synthetic ones are of the first");
        let supply = material.supply(Source::Denoised).unwrap();
        assert_eq!((supply.count(), supply.examples().len(), supply.by_generator().len()), (8, 16, 2));
    }

    #[test]
    fn a_class_without_lesions_cannot_be_trained() {
        let mut material = small();
        material.classes[1].clear();
        let problem = material.select(0, RunSeed(0), 5, 2.0).unwrap_err().to_string();
        assert!(problem.contains("30 and 0 training lesions"), "{problem}");
    }

    #[test]
    fn without_a_class_of_interest_all_lesions_are_taken() {
        let selection = three_classes().select(0, RunSeed(4), 5, 0.5).unwrap();
        assert_eq!(selection.classes, three_classes().classes);
    }

    #[test]
    fn origins_are_named_after_the_classes() {
        let readers = Classes::of_readers();
        assert_eq!(Origin::Interest.name(&readers), "real rim");
        assert_eq!(Origin::Other.name(&readers), "real non-rim");
        assert_eq!(Origin::Affine.name(&readers), "affine copy of a rim");
        assert_eq!(serde_json::to_string(&[Origin::Interest, Origin::Contested]).unwrap(), r#"["Rim","Ambiguous"]"#);
        let skin = Classes { names: ["mel", "nv"].map(Class::new).to_vec(), contested: None, of_interest: None };
        assert_eq!(Origin::Class(1).name(&skin), "real nv");
    }
}
