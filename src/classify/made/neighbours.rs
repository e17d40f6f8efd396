//! SMOTE (Chawla et al. 2002, arXiv 1106.1813, algorithm SMOTE): new points on the way from a point to one of its
//! nearest. As in imbalanced-learn one gap a point, not one a coordinate; unlike there, neighbours are of other groups:
//! two slices of one patient show the same lesion.

use rand::{Rng, RngExt};
use tch::{Device, Kind as Type, Tensor};

use crate::problem::{Problem, Result};

/// Neighbours of each point.
pub const NEIGHBOURS: usize = 5;

/// Points whose distances are taken at a time.
const CHUNK: i64 = 512;

/// Another point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// Its place.
    pub at: usize,
    /// Euclidean.
    pub distance: f64,
}

/// The `k` nearest points of other groups of each of `points` \[N, D\], nearest first, the first of equals; fewer where
/// there are not so many.
///
/// # Errors
/// libtorch refuses the points.
pub fn neighbours(points: &Tensor, groups: &[usize], k: usize) -> Result<Vec<Vec<Near>>> {
    // As they are, not by inner products: equal points have the distance 0.
    const EXACT: i64 = 2;
    let points = points.to_kind(Type::Double);
    let count = points.size()[0];
    let mut all = Vec::with_capacity(groups.len());
    for first in (0..count).step_by(CHUNK as usize) {
        let part = points.narrow(0, first, CHUNK.min(count - first));
        let distances: Vec<f64> =
            Vec::try_from(Tensor::cdist(&part, &points, 2.0, Some(EXACT)).to_device(Device::Cpu).reshape([-1]))?;
        for (at, row) in distances.chunks_exact(groups.len()).enumerate() {
            let own = groups[first as usize + at];
            let others = row.iter().enumerate().filter(|(other, _)| groups[*other] != own);
            let mut near: Vec<Near> = others.map(|(at, &distance)| Near { at, distance }).collect();
            near.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.at.cmp(&b.at)));
            near.truncate(k);
            all.push(near);
        }
    }
    Ok(all)
}

/// A point between two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Between {
    /// Where it starts.
    pub from: usize,
    /// Where it goes to.
    pub to: usize,
    /// How far, 0 to 1.
    pub gap: f32,
}

/// `count` points, each from any to any of its neighbours.
///
/// # Errors
/// No point has a neighbour.
pub fn draw(neighbours: &[Vec<Near>], count: usize, rng: &mut impl Rng) -> Result<Vec<Between>> {
    let starts: Vec<usize> = (0..neighbours.len()).filter(|&at| !neighbours[at].is_empty()).collect();
    if starts.is_empty() {
        return Err(Problem::usage("rims of one patient alone: none has a neighbour of another patient")
            .expected("rims of at least two training patients")
            .advice("leave the arms of points between rims out of classify.arms (--arms)"));
    }
    let one = |_| {
        let from = starts[rng.random_range(0..starts.len())];
        let to = neighbours[from][rng.random_range(0..neighbours[from].len())].at;
        Between { from, to, gap: rng.random_range(0.0..1.0) }
    };
    Ok((0..count).map(one).collect())
}

/// The new points \[draws, D\] between `points` \[N, D\].
pub fn between(points: &Tensor, draws: &[Between]) -> Tensor {
    let device = points.device();
    let pick = |of: &dyn Fn(&Between) -> i64| {
        points.index_select(0, &Tensor::from_slice(&draws.iter().map(of).collect::<Vec<_>>()).to_device(device))
    };
    let (from, to) = (pick(&|draw| draw.from as i64), pick(&|draw| draw.to as i64));
    let gaps: Vec<f32> = draws.iter().map(|draw| draw.gap).collect();
    let gaps = Tensor::from_slice(&gaps).view([-1, 1]).to_kind(points.kind()).to_device(device);
    &from + (to - &from) * gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;

    /// Six points on a line at 0, 1, 2, 10, 11, 30.
    fn line() -> Tensor {
        Tensor::from_slice(&[0f32, 1.0, 2.0, 10.0, 11.0, 30.0]).view([6, 1])
    }

    #[test]
    fn neighbours_are_the_nearest_of_other_patients() {
        let places = |groups: [usize; 6], k: usize| -> Vec<Vec<usize>> {
            let near = neighbours(&line(), &groups, k).unwrap();
            near.iter().map(|near| near.iter().map(|near| near.at).collect()).collect()
        };
        let alone = places([0, 1, 2, 3, 4, 5], 2);
        assert_eq!(alone, [[1, 2], [0, 2], [1, 0], [4, 2], [3, 2], [4, 3]]);
        // The first three are of one patient: their nearest are the fourth and the fifth.
        let grouped = places([0, 0, 0, 1, 2, 2], 2);
        assert_eq!(grouped, [vec![3, 4], vec![3, 4], vec![3, 4], vec![4, 2], vec![3, 2], vec![3, 2]]);
        assert!(draw(&neighbours(&line(), &[0; 6], 2).unwrap(), 1, &mut RunSeed(0).stream("x", 0)).is_err());
    }

    #[test]
    fn new_points_lie_between_two_by_one_gap() {
        let points = Tensor::from_slice(&[0f32, 0.0, 4.0, 8.0]).view([2, 2]);
        let new = between(&points, &[Between { from: 0, to: 1, gap: 0.25 }, Between { from: 1, to: 0, gap: 0.25 }]);
        assert_eq!(Vec::<f32>::try_from(new.reshape([-1])).unwrap(), [1.0, 2.0, 3.0, 6.0]);
        let near = neighbours(&line(), &[0, 1, 2, 3, 4, 5], 2).unwrap();
        for draw in draw(&near, 200, &mut RunSeed(3).stream("x", 0)).unwrap() {
            assert!(near[draw.from].iter().any(|near| near.at == draw.to) && (0.0..1.0).contains(&draw.gap));
        }
    }

    #[derive(serde::Deserialize)]
    struct Reference {
        points: Vec<Vec<f64>>,
        neighbours: Vec<Vec<usize>>,
        rows: Vec<usize>,
        columns: Vec<usize>,
        steps: Vec<f64>,
        new: Vec<Vec<f64>>,
    }

    #[test]
    fn agrees_with_imbalanced_learn() {
        let reference: Reference = serde_json::from_str(include_str!("../../../tests/fixtures/smote.json")).unwrap();
        let (count, width) = (reference.points.len(), reference.points[0].len());
        let points = Tensor::from_slice(&reference.points.concat()).view([count as i64, width as i64]);
        let near = neighbours(&points, &(0..count).collect::<Vec<_>>(), NEIGHBOURS).unwrap();
        for (own, theirs) in near.iter().zip(&reference.neighbours) {
            assert_eq!(&own.iter().map(|near| near.at).collect::<Vec<_>>(), theirs);
        }
        let draws = reference.rows.iter().zip(&reference.columns).zip(&reference.steps);
        let draws = draws.map(|((&from, &rank), &gap)| Between { from, to: near[from][rank].at, gap: gap as f32 });
        let new: Vec<f64> = Vec::try_from(between(&points, &draws.collect::<Vec<_>>()).reshape([-1])).unwrap();
        for (own, theirs) in new.iter().zip(reference.new.concat()) {
            approx::assert_abs_diff_eq!(*own, theirs, epsilon = 1e-6);
        }
        assert_eq!(new.len(), reference.new.len() * width);
    }
}
