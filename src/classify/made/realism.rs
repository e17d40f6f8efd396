//! How realistic each drawn image is: the realism score of Kynkaanniemi et al. 2019 (arXiv 1904.06991, equation 3), the
//! largest over real images of the distance to their own third nearest over that to the drawn one. As there, only the
//! half of the real images with the smaller distances counts; unlike there, neighbours are of other patients.

use tch::{Device, Kind as Type, Tensor};

use super::neighbours::{Near, neighbours};
use super::patients;
use crate::classify::material::{Material, Supply, Unit};
use crate::classify::rows::Rows;
use crate::classify::source::Source;
use crate::classify::training_set::Example;
use crate::data::Prepared;
use crate::nets::features::FrechetFeatures;
use crate::problem::{Problem, Result};
use crate::statistics::order::quantile;

/// Which nearest gives a real image its radius.
const NEIGHBOUR: usize = 3;

/// The synthetic lesions, most realistic first.
pub(super) fn make(rows: &Rows, material: &Material, data: &Prepared) -> Result<Supply> {
    let pixels = rows.stack();
    let features = FrechetFeatures::new(pixels.size()[1], rows.device());
    let of =
        |places: Vec<i64>| features.of(&pixels.index_select(0, &Tensor::from_slice(&places).to_device(rows.device())));
    let own = material.of_interest();
    let all = |unit: &Unit| unit.rows.iter().map(|&row| i64::from(row)).collect::<Vec<_>>();
    let lesions = own.iter().flat_map(|unit| unit.rows.iter().map(|_| unit.lesion.unwrap_or_default()));
    let groups = patients(data, lesions);
    let real = of(own.iter().flat_map(all).collect());
    let most_realistic = |drawn: Vec<Example>| {
        let scores = realism(&real, &of(drawn.iter().flat_map(|e| all(&e.unit)).collect()), &groups, NEIGHBOUR)?;
        Ok(ranked(drawn, &scores))
    };
    material.ranked_by_generator(Source::Synthetic, most_realistic)
}

/// Highest score first, the first of equals; one that is not a number last.
pub(super) fn ranked(examples: Vec<Example>, scores: &[f64]) -> Vec<Example> {
    let mut order: Vec<usize> = (0..examples.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    order.into_iter().map(|at| examples[at].clone()).collect()
}

/// Scores of `drawn` \[M, F\] beside `real` \[N, F\], whose patients are `groups`: above 1 inside what is real.
fn realism(real: &Tensor, drawn: &Tensor, groups: &[usize], k: usize) -> Result<Vec<f64>> {
    let radius = |near: Vec<Near>| near.get(k - 1).map(|near| near.distance);
    let radii: Vec<Option<f64>> = neighbours(real, groups, k)?.into_iter().map(radius).collect();
    let mut known: Vec<f64> = radii.iter().copied().flatten().collect();
    if known.is_empty() {
        return Err(Problem::usage(format!("rims of too few patients: none has {k} neighbours of other patients"))
            .expected("more training patients with rims")
            .advice("leave \"ada-gan-realism\" out of classify.arms (--arms)"));
    }
    known.sort_by(f64::total_cmp);
    let most = quantile(&known, 0.5);
    let distances = Tensor::cdist(&drawn.to_kind(Type::Double), &real.to_kind(Type::Double), 2.0, Some(2));
    let distances: Vec<f64> = Vec::try_from(distances.to_device(Device::Cpu).reshape([-1]))?;
    let score = |row: &[f64]| {
        let kept =
            radii.iter().zip(row).filter_map(|(radius, distance)| Some((*radius).filter(|r| *r <= most)? / distance));
        kept.fold(0.0, f64::max)
    };
    Ok(distances.chunks_exact(groups.len()).map(score).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Reference {
        real: Vec<Vec<f64>>,
        drawn: Vec<Vec<f64>>,
        k: usize,
        realism: Vec<f64>,
    }

    #[test]
    fn agrees_with_scikit_learn() {
        let reference: Reference = serde_json::from_str(include_str!("../../../tests/fixtures/realism.json")).unwrap();
        let tensor = |rows: &[Vec<f64>]| Tensor::from_slice(&rows.concat()).view([rows.len() as i64, -1]);
        let groups: Vec<usize> = (0..reference.real.len()).collect();
        let found = realism(&tensor(&reference.real), &tensor(&reference.drawn), &groups, reference.k).unwrap();
        assert_eq!(found.len(), reference.realism.len());
        for (own, theirs) in found.iter().zip(&reference.realism) {
            approx::assert_abs_diff_eq!(own, theirs, epsilon = 1e-9);
        }
    }

    #[test]
    fn a_score_by_hand_and_who_comes_first() {
        // Of four patients on a line at 0, 1, 2, 10 the nearest are at 1, 1, 1 and 8: the median is 1, so the last is
        // left out. 1.5 is half a radius from 1 and from 2; 4 is two from 2; 9 is seven from 2.
        let line = |at: &[f64]| Tensor::from_slice(at).view([-1, 1]);
        let found = realism(&line(&[0.0, 1.0, 2.0, 10.0]), &line(&[4.0, 1.5, 9.0]), &[0, 1, 2, 3], 1).unwrap();
        assert_eq!(found, [0.5, 2.0, 1.0 / 7.0]);
        let unit =
            |row: u32| Unit { origin: crate::classify::material::Origin::Synthetic, rows: vec![row], lesion: None };
        let examples: Vec<Example> = (0..3).map(|row| Example { unit: unit(row), target: 1.0 }).collect();
        let order: Vec<u32> = ranked(examples, &found).iter().map(|example| example.unit.rows[0]).collect();
        assert_eq!(order, [1, 0, 2]);
        assert!(realism(&line(&[0.0, 1.0]), &line(&[4.0]), &[0, 0], 1).is_err());
    }
}
