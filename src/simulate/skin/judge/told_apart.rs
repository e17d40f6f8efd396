//! Whether the classes can be told apart by what meters see, and not without error: a linear discriminant.

use super::measured::{Row, Set};
use crate::simulate::skin::classes::ALL;
use crate::statistics::linear_system::{Pivot, solve};

/// Parts of the lesions, each tested once by a rule fitted on the others.
const PARTS: u32 = 5;

/// Share of a factor's variance that is added to it, so that two factors that go together do no harm.
const RIDGE: f64 = 0.01;

/// Mean over classes of the share of images that are told right; by lesion in five parts.
pub(super) fn balanced_accuracy(set: &Set) -> f64 {
    let mut right = [[0.0; 2]; ALL.len()];
    for part in 0..PARTS {
        let tested = |row: &&Row| part_of(row) == part;
        let fitted: Vec<&Row> = set.measured().filter(|row| !tested(row)).collect();
        let Some(rule) = Rule::fit(&fitted) else { continue };
        for row in set.measured().filter(tested) {
            let Some(class) = class_of(row) else { continue };
            right[class][0] += f64::from(u8::from(rule.class(&row.seen) == Some(class)));
            right[class][1] += 1.0;
        }
    }
    let there: Vec<f64> = right.iter().filter(|[_, all]| *all > 0.0).map(|[right, all]| right / all).collect();
    there.iter().sum::<f64>() / there.len().max(1) as f64
}

/// By the lesion's number.
fn part_of(row: &Row) -> u32 {
    row.lesion.bytes().filter(u8::is_ascii_digit).fold(0u32, |sum, digit| (10 * sum + u32::from(digit - b'0')) % PARTS)
}

fn class_of(row: &Row) -> Option<usize> {
    ALL.iter().position(|class| class.key() == row.dx)
}

/// Fisher's linear discriminant with classes equally likely.
struct Rule {
    /// Weights and shift by class; none for a class that was not seen.
    classes: Vec<Option<(Vec<f64>, f64)>>,
    deviations: Vec<f64>,
}

impl Rule {
    fn fit(rows: &[&Row]) -> Option<Self> {
        let width = rows.first()?.seen.len();
        let mean = |of: &[&Row], at: usize| of.iter().map(|row| row.seen[at]).sum::<f64>() / of.len() as f64;
        let deviations: Vec<f64> = (0..width)
            .map(|at| {
                let middle = mean(rows, at);
                let variance = rows.iter().map(|row| (row.seen[at] - middle).powi(2)).sum::<f64>() / rows.len() as f64;
                variance.sqrt().max(1e-9)
            })
            .collect();
        let own =
            |class: usize| -> Vec<&Row> { rows.iter().copied().filter(|row| class_of(row) == Some(class)).collect() };
        let groups: Vec<Vec<&Row>> = (0..ALL.len()).map(own).collect();
        let means: Vec<Option<Vec<f64>>> = groups
            .iter()
            .map(|group| {
                let means = (0..width).map(|at| mean(group, at) / deviations[at]);
                (!group.is_empty()).then(|| means.collect())
            })
            .collect();
        // Scatter within classes, each class counting alike.
        let mut scatter = vec![vec![0.0; width]; width];
        for (group, means) in groups.iter().zip(&means) {
            let Some(means) = means else { continue };
            for row in group {
                let off: Vec<f64> = (0..width).map(|at| row.seen[at] / deviations[at] - means[at]).collect();
                for i in 0..width {
                    for j in 0..width {
                        scatter[i][j] += off[i] * off[j] / group.len() as f64 / ALL.len() as f64;
                    }
                }
            }
        }
        (0..width).for_each(|at| scatter[at][at] += RIDGE);
        let weighted = |means: &Vec<f64>| {
            let mut equations = scatter.clone();
            equations.iter_mut().zip(means).for_each(|(row, mean)| row.push(*mean));
            let weights = solve(equations, Pivot::Diagonal)?;
            let shift = -0.5 * weights.iter().zip(means).map(|(weight, mean)| weight * mean).sum::<f64>();
            Some((weights, shift))
        };
        let classes = means.iter().map(|means| means.as_ref().and_then(weighted)).collect();
        Some(Self { classes, deviations })
    }

    fn class(&self, seen: &[f64]) -> Option<usize> {
        let score = |(weights, shift): &(Vec<f64>, f64)| {
            weights.iter().zip(seen).zip(&self.deviations).map(|((weight, seen), by)| weight * seen / by).sum::<f64>()
                + shift
        };
        let scores = self.classes.iter().enumerate().filter_map(|(class, rule)| Some((class, score(rule.as_ref()?))));
        scores.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(class, _)| class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: usize, class: usize, seen: Vec<f64>) -> Row {
        Row {
            lesion: format!("HAM_{number:07}"),
            dx: ALL[class].key().into(),
            called: [false; 2],
            photographs: 1,
            truth: vec![],
            seen,
            typology_angle: 0.0,
        }
    }

    #[test]
    fn what_lies_apart_is_told_and_what_does_not_is_not() {
        let noise = |at: usize, k: usize| ((at * k) as f64 * 0.618).fract() - 0.5;
        let set = |far: f64| Set {
            factors: vec!["a", "b"],
            side: 64,
            rows: (0..700)
                .map(|at| row(at, at / 100, vec![noise(at, 1) + far * (at / 100) as f64, 1e3 * noise(at, 7)]))
                .collect(),
        };
        assert!(balanced_accuracy(&set(2.0)) > 0.99);
        assert!(balanced_accuracy(&set(0.0)) < 0.3);
    }
}
