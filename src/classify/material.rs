//! What there is to train on, as row numbers of one tensor of slices, and what one repetition draws from it.

use rand::seq::SliceRandom;
use rand::seq::index::sample;
use serde::Serialize;

use crate::problem::{Kind, Problem, Result};
use crate::seed::RunSeed;

/// Where a training example comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Origin {
    Rim,
    NonRim,
    Ambiguous,
    Affine,
    Synthetic,
    /// Synthetic, of a conditional generator.
    Conditional,
    Denoised,
    /// Copied from the test side by the control that is meant to leak.
    Leaked,
}

impl Origin {
    pub fn name(self) -> &'static str {
        match self {
            Self::Rim => "real rim",
            Self::NonRim => "real non-rim",
            Self::Ambiguous => "contested",
            Self::Affine => "affine copy of a rim",
            Self::Synthetic => "synthetic rim",
            Self::Conditional => "synthetic rim of the conditional generator",
            Self::Denoised => "denoised contested",
            Self::Leaked => "copied test lesion",
        }
    }
}

/// One lesion, or what stands for one: drawn as a whole, so that a lesion of many slices weighs no more than one of few.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unit {
    pub origin: Origin,
    /// Rows of its slices; at least one.
    pub rows: Vec<u32>,
    /// The manifest's lesion behind it; none for synthetic ones.
    pub lesion: Option<u32>,
}

/// All of it, each list in a fixed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Material {
    pub rims: Vec<Unit>,
    pub non_rims: Vec<Unit>,
    /// Contested lesions; where `denoised` is not empty, the originals of those, in the same order and with the same slices.
    pub ambiguous: Vec<Unit>,
    pub denoised: Vec<Unit>,
    pub synthetic: Vec<Unit>,
    pub conditional: Vec<Unit>,
    /// One list a repetition.
    pub affine: Vec<Vec<Unit>>,
    /// The test side, for the control that leaks it: rims and others.
    pub leaked: (Vec<Unit>, Vec<Unit>),
}

/// What one repetition works with; every arm composes its training set from the same draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    pub rims: Vec<Unit>,
    pub non_rims: Vec<Unit>,
    /// `extra` contested lesions and, where there are any, their projections in the same order.
    pub ambiguous: Vec<Unit>,
    pub denoised: Vec<Unit>,
    pub synthetic: Vec<Unit>,
    pub conditional: Vec<Unit>,
    pub affine: Vec<Unit>,
    pub leaked: (Vec<Unit>, Vec<Unit>),
}

impl Material {
    /// Training non-rims at `per_rim` for each rim, as many as there are at most.
    pub fn non_rim_count(&self, per_rim: f64) -> usize {
        ((self.rims.len() as f64 * per_rim).round() as usize).clamp(1, self.non_rims.len().max(1))
    }

    /// Draws for repetition `repetition`; `extra` must not exceed what the arms in question can draw from.
    ///
    /// # Errors
    /// No training rim or no training non-rim.
    pub fn select(&self, repetition: u64, seed: RunSeed, extra: usize, per_rim: f64) -> Result<Selection> {
        if self.rims.is_empty() || self.non_rims.is_empty() {
            let found = format!("{} agreed rims and {} non-rims to train on", self.rims.len(), self.non_rims.len());
            return Err(Problem::new(Kind::Input, found)
                .expected("at least one of each")
                .advice("prepare a larger cohort, or another split seed"));
        }
        let draw = |units: &[Unit], count: usize, purpose: &str| -> Vec<Unit> {
            let mut rng = seed.stream(purpose, 0);
            let mut picks = sample(&mut rng, units.len(), count.min(units.len())).into_vec();
            picks.shuffle(&mut rng);
            picks.into_iter().map(|pick| units[pick].clone()).collect()
        };
        Ok(Selection {
            rims: self.rims.clone(),
            non_rims: draw(&self.non_rims, self.non_rim_count(per_rim), "non-rims"),
            // The same stream, so that a contested lesion and its projection are drawn together.
            ambiguous: draw(&self.ambiguous, extra, "contested"),
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
pub mod tests {
    use super::*;

    pub fn units(origin: Origin, count: u32, first_row: u32, rows: u32) -> Vec<Unit> {
        let unit = |i| Unit {
            origin,
            rows: (0..rows).map(|row| first_row + i * rows + row).collect(),
            lesion: (!matches!(origin, Origin::Synthetic | Origin::Conditional)).then_some(i),
        };
        (0..count).map(unit).collect()
    }

    /// 10 rims, 30 non-rims, 8 contested with projections, 12 synthetic; 2 slices each, 1 for what was generated.
    pub fn small() -> Material {
        Material {
            rims: units(Origin::Rim, 10, 0, 2),
            non_rims: units(Origin::NonRim, 30, 100, 2),
            ambiguous: units(Origin::Ambiguous, 8, 200, 2),
            denoised: units(Origin::Denoised, 8, 300, 1),
            synthetic: units(Origin::Synthetic, 12, 400, 1),
            conditional: units(Origin::Conditional, 9, 600, 1),
            affine: vec![units(Origin::Affine, 8, 500, 1), units(Origin::Affine, 8, 520, 1)],
            leaked: Default::default(),
        }
    }

    #[test]
    fn a_contested_lesion_and_its_projection_are_drawn_together() {
        let selection = small().select(0, RunSeed(4), 5, 2.0).unwrap();
        let lesions = |units: &[Unit]| units.iter().map(|unit| unit.lesion).collect::<Vec<_>>();
        assert_eq!(lesions(&selection.ambiguous), lesions(&selection.denoised));
        assert_eq!(selection.ambiguous.len(), 5);
        assert_eq!(selection.non_rims.len(), 20);
        assert_eq!(selection.affine[0].rows, [500]);
    }

    #[test]
    fn a_draw_follows_its_seed() {
        let draw = |seed| small().select(1, RunSeed(seed), 5, 2.0).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1).non_rims, draw(2).non_rims);
        assert_eq!(draw(1).affine[0].rows, [520]);
    }

    #[test]
    fn one_class_cannot_be_trained() {
        let material = Material { rims: vec![], ..small() };
        assert!(material.select(0, RunSeed(0), 5, 2.0).is_err());
    }
}
