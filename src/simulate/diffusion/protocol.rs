//! How diffusion is weighted: directions spread over the sphere, and a table of b-values.

use super::vectors::{Way, cross, dot, unit};

/// Strength of the weighting, s/mm2.
pub const B: f64 = 1000.0;

/// Images without weighting.
pub const UNWEIGHTED: usize = 5;

/// Weighted ones, each along a direction of its own.
pub const DIRECTIONS: usize = 30;

/// Images of one examination.
pub const MEASUREMENTS: usize = UNWEIGHTED + DIRECTIONS;

/// Echo time, ms.
pub const TE_MS: f64 = 90.0;

/// Repetition time, ms.
pub const TR_MS: f64 = 8000.0;

/// Steps of the descent; by then no direction moves by more than a hundredth of a degree.
const STEPS: usize = 2000;

/// Directions that repel each other as charges do, each with its twin on the other side of the sphere (Jones, Horsfield
/// and Simmons 1999): from a spiral down the axis to the nearest balance, the same each time.
pub fn spread(count: usize) -> Vec<Way> {
    let golden = std::f64::consts::PI * (3.0 - 5f64.sqrt());
    let mut ways: Vec<Way> = (0..count)
        .map(|at| {
            // Half of the sphere: the other half are the twins.
            let z = 1.0 - (at as f64 + 0.5) / count as f64;
            let (sine, cosine) = (golden * at as f64).sin_cos();
            let radius = (1.0 - z * z).sqrt();
            [radius * cosine, radius * sine, z]
        })
        .collect();
    // A charge's share of the sphere sets how far it may go at once.
    let stride = 1.0 / (count.max(1) as f64).powi(2);
    for step in 0..STEPS {
        let pushes: Vec<Way> = (0..count).map(|at| push(&ways, at)).collect();
        let cooling = 1.0 - step as f64 / STEPS as f64;
        for (way, push) in ways.iter_mut().zip(pushes) {
            *way = unit(std::array::from_fn(|axis| way[axis] + stride * cooling * push[axis]));
        }
    }
    ways
}

/// Force along the sphere on one charge by all others and their twins.
fn push(ways: &[Way], at: usize) -> Way {
    let own = ways[at];
    let mut sum = [0.0; 3];
    for (other, &place) in ways.iter().enumerate() {
        if other == at {
            continue;
        }
        for sign in [1.0, -1.0] {
            let off: Way = std::array::from_fn(|axis| own[axis] - sign * place[axis]);
            let cubed = dot(off, off).powf(1.5).max(1e-9);
            (0..3).for_each(|axis| sum[axis] += off[axis] / cubed);
        }
    }
    let outward = dot(sum, own);
    std::array::from_fn(|axis| sum[axis] - outward * own[axis])
}

/// b in ms/um2 (0 or 1) and direction of each image, those without weighting first.
pub fn table() -> Vec<(f64, Way)> {
    let first = std::iter::repeat_n((0.0, [0.0; 3]), UNWEIGHTED);
    first.chain(spread(DIRECTIONS).into_iter().map(|way| (B / 1000.0, way))).collect()
}

/// Smallest angle between two lines of a set, degrees.
pub fn narrowest(ways: &[Way]) -> f64 {
    let pairs = (0..ways.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let sine = |(a, b): (usize, usize)| {
        let across = cross(ways[a], ways[b]);
        dot(across, across).sqrt().min(1.0).asin().to_degrees()
    };
    pairs.map(sine).fold(90.0, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_lines_stand_square_and_thirty_leave_no_gap() {
        assert!((narrowest(&spread(3)) - 90.0).abs() < 0.5);
        let thirty = spread(DIRECTIONS);
        // Jones30 and its like have 24 to 26 degrees between neighbours.
        assert!(narrowest(&thirty) > 22.0, "{}", narrowest(&thirty));
        assert_eq!(thirty, spread(DIRECTIONS));
        // The mean of g g^T is a third of the identity where no direction is preferred.
        for (row, column) in [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)] {
            let mean = thirty.iter().map(|way| way[row] * way[column]).sum::<f64>() / DIRECTIONS as f64;
            let expected = if row == column { 1.0 / 3.0 } else { 0.0 };
            assert!((mean - expected).abs() < 0.02, "{row} {column} {mean}");
        }
    }
}
