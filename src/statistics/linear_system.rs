//! Small systems of linear equations by Gauss-Jordan elimination.

/// Which equation is used to eliminate an unknown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pivot {
    /// The unknown's own: of positive definite systems, which are singular where it is not above 0.
    Diagonal,
    /// That with the largest coefficient, which must reach this.
    Largest(f64),
}

/// Solves equations that end in their right-hand side, n of n + 1 numbers; `None` where they are singular.
pub fn solve(mut equations: Vec<Vec<f64>>, pivot: Pivot) -> Option<Vec<f64>> {
    let n = equations.len();
    for i in 0..n {
        if let Pivot::Largest(_) = pivot {
            let size = |row: usize| equations[row][i].abs();
            let largest = (i..n).max_by(|a, b| size(*a).total_cmp(&size(*b)))?;
            equations.swap(i, largest);
        }
        let coefficient = equations[i][i];
        let usable = match pivot {
            Pivot::Diagonal => coefficient > 0.0,
            Pivot::Largest(least) => coefficient.abs() >= least,
        };
        if !usable {
            return None;
        }
        equations[i].iter_mut().for_each(|value| *value /= coefficient);
        let own = std::mem::take(&mut equations[i]);
        for other in equations.iter_mut().filter(|other| !other.is_empty()) {
            let factor = other[i];
            other.iter_mut().zip(&own).for_each(|(value, of_own)| *value -= factor * of_own);
        }
        equations[i] = own;
    }
    Some(equations.into_iter().map(|equation| equation[n]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 2 x + y = 5 and x + 3 y = 10 hold for x = 1, y = 3.
    #[test]
    fn two_equations_by_hand() {
        let equations = vec![vec![2.0, 1.0, 5.0], vec![1.0, 3.0, 10.0]];
        for pivot in [Pivot::Diagonal, Pivot::Largest(1e-12)] {
            approx::assert_abs_diff_eq!(solve(equations.clone(), pivot).unwrap()[..], [1.0, 3.0], epsilon = 1e-12);
        }
    }

    #[test]
    fn a_zero_on_the_diagonal_needs_another_equation() {
        let equations = vec![vec![0.0, 1.0, 3.0], vec![1.0, 0.0, 2.0]];
        assert_eq!(solve(equations.clone(), Pivot::Largest(1e-12)), Some(vec![2.0, 3.0]));
        assert_eq!(solve(equations, Pivot::Diagonal), None);
        let singular = vec![vec![1.0, 2.0, 3.0], vec![2.0, 4.0, 6.0]];
        assert_eq!(solve(singular.clone(), Pivot::Diagonal), None);
        assert_eq!(solve(singular, Pivot::Largest(1e-12)), None);
        assert_eq!(solve(vec![vec![f64::NAN, 1.0]], Pivot::Diagonal), None);
    }
}
