//! What there is to train on, as row numbers of one tensor of slices, and what one repetition draws from it.

use rand::seq::SliceRandom;
use rand::seq::index::sample;
use serde::Serialize;

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
    /// Copied from the test side by the control that is meant to leak.
    Leaked,
    /// A real one of the class of this number, where none is of interest.
    Class(u32),
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
            Self::Leaked => "copied test lesion".into(),
            Self::Class(number) => real(number as usize),
        }
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

/// All of it, each list in a fixed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Material {
    /// Real lesions by the number of their class.
    pub classes: Vec<Vec<Unit>>,
    /// The class of interest, where there is one; there are two classes then.
    pub interest: Option<usize>,
    /// Contested lesions; where `denoised` is not empty, the originals of those, in the same order and with the same
    /// slices.
    pub contested: Vec<Unit>,
    /// Projections of contested lesions.
    pub denoised: Vec<Unit>,
    /// Drawn from a generator of the class of interest.
    pub synthetic: Vec<Unit>,
    /// Drawn from a conditional generator, as of the class of interest.
    pub conditional: Vec<Unit>,
    /// Copies of lesions of interest; one list a repetition.
    pub affine: Vec<Vec<Unit>>,
    /// The test side by class, for the control that leaks it.
    pub leaked: Vec<Vec<Unit>>,
}

/// What one repetition works with; every arm composes its training set from the same draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Real lesions by the number of their class; of the class beside one of interest a draw.
    pub classes: Vec<Vec<Unit>>,
    /// As in [`Material`].
    pub interest: Option<usize>,
    /// `extra` contested lesions ...
    pub contested: Vec<Unit>,
    /// ... and, where there are any, their projections in the same order.
    pub denoised: Vec<Unit>,
    /// `extra` at most.
    pub synthetic: Vec<Unit>,
    /// `extra` at most.
    pub conditional: Vec<Unit>,
    /// `extra` at most.
    pub affine: Vec<Unit>,
    /// As in [`Material`].
    pub leaked: Vec<Vec<Unit>>,
}

impl Material {
    /// Lesions of interest; none where no class is.
    pub fn of_interest(&self) -> &[Unit] {
        self.interest.map_or(&[], |interest| &self.classes[interest])
    }

    /// Lesions of the other class; none where no class is of interest.
    fn others(&self) -> &[Unit] {
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
        let draw = |units: &[Unit], count: usize, purpose: &str| -> Vec<Unit> {
            let mut rng = seed.stream(purpose, 0);
            let mut picks = sample(&mut rng, units.len(), count.min(units.len())).into_vec();
            picks.shuffle(&mut rng);
            picks.into_iter().map(|pick| units[pick].clone()).collect()
        };
        let mut classes = self.classes.clone();
        if let Some(interest) = self.interest {
            classes[1 - interest] = draw(self.others(), self.others_count(per_interest), "non-rims");
        }
        Ok(Selection {
            classes,
            interest: self.interest,
            // The same stream, so that a contested lesion and its projection are drawn together.
            contested: draw(&self.contested, extra, "contested"),
            denoised: draw(&self.denoised, extra, "contested"),
            synthetic: draw(&self.synthetic, extra, "synthetic"),
            conditional: draw(&self.conditional, extra, "conditional"),
            affine: self
                .affine
                .get(repetition as usize)
                .map(|units| units[..extra.min(units.len())].to_vec())
                .unwrap_or_default(),
            leaked: self.leaked.clone(),
        })
    }
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
            denoised: units(Origin::Denoised, 8, 300, 1),
            synthetic: units(Origin::Synthetic, 12, 400, 1),
            conditional: units(Origin::Conditional, 9, 600, 1),
            affine: vec![units(Origin::Affine, 8, 500, 1), units(Origin::Affine, 8, 520, 1)],
            leaked: vec![vec![], vec![]],
        }
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
        let lesions = |units: &[Unit]| units.iter().map(|unit| unit.lesion).collect::<Vec<_>>();
        assert_eq!(lesions(&selection.contested), lesions(&selection.denoised));
        assert_eq!(selection.contested.len(), 5);
        assert_eq!(selection.classes[0].len(), 20);
        assert_eq!(selection.affine[0].rows, [500]);
    }

    #[test]
    fn a_draw_follows_its_seed() {
        let draw = |seed| small().select(1, RunSeed(seed), 5, 2.0).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1).classes[0], draw(2).classes[0]);
        assert_eq!(draw(1).affine[0].rows, [520]);
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
