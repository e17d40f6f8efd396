//! Logistic regression of few inputs with a ridge on the slopes, by Newton's method.

use super::linear_system::{Pivot, solve};

/// log-odds = intercept + slopes . x.
#[derive(Clone, Debug, PartialEq)]
pub struct Logistic {
    /// Log-odds at x = 0.
    pub intercept: f64,
    /// Log-odds per unit of each input.
    pub slopes: Vec<f64>,
}

/// Newton steps, at most; a handful are taken.
const MOST_STEPS: usize = 100;

/// Newton ends when no coefficient moves by more.
const STILL: f64 = 1e-10;

impl Logistic {
    /// Log-odds of an input.
    pub fn log_odds(&self, x: &[f64]) -> f64 {
        self.intercept + self.slopes.iter().zip(x).map(|(slope, x)| slope * x).sum::<f64>()
    }

    /// Minimises sum of log(1 + exp(-y log-odds)) + |slopes|^2 / 2 over rows of equal length, y = 1 where `labels` says
    /// true, else -1. The ridge is what scikit-learn's `LogisticRegression` has at C = 1: it means something for inputs
    /// of about unit deviation, and keeps the slopes finite where the classes are separable.
    ///
    /// `None` without rows, with one class alone, with a value that is not finite, or where Newton does not come to
    /// rest.
    pub fn fit(rows: &[Vec<f64>], labels: &[bool]) -> Option<Self> {
        let inputs = rows.first()?.len();
        let finite = rows.iter().flatten().all(|value| value.is_finite());
        if !finite || labels.iter().all(|&label| label) || !labels.iter().any(|&label| label) {
            return None;
        }
        let mut fitted = Self { intercept: 0.0, slopes: vec![0.0; inputs] };
        for _ in 0..MOST_STEPS {
            let size = inputs + 1;
            // The equations of a Newton step, the right-hand side in the last column.
            let mut system = vec![vec![0.0; size + 1]; size];
            for (row, &label) in rows.iter().zip(labels) {
                let p = 1.0 / (1.0 + (-fitted.log_odds(row)).exp());
                let at = |i: usize| if i == 0 { 1.0 } else { row[i - 1] };
                for (i, equation) in system.iter_mut().enumerate() {
                    (0..size).for_each(|j| equation[j] += p * (1.0 - p) * at(i) * at(j));
                    equation[size] += (f64::from(u8::from(label)) - p) * at(i);
                }
            }
            for (i, equation) in system.iter_mut().enumerate().skip(1) {
                equation[i] += 1.0;
                equation[size] -= fitted.slopes[i - 1];
            }
            let step = solve(system, Pivot::Diagonal)?;
            fitted.intercept += step[0];
            fitted.slopes.iter_mut().zip(&step[1..]).for_each(|(slope, step)| *slope += step);
            if step.iter().all(|step| step.abs() < STILL) {
                return Some(fitted);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: one input, 3 of 4 true at 1 and 1 of 4 at -1. By symmetry the intercept is 0, and the slope b balances
    /// its ridge: 8 (3/4 - sigma(b)) = b, where b is about .68.
    #[test]
    fn a_slope_balances_its_ridge() {
        let rows: Vec<Vec<f64>> = [1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0].map(|x| vec![x]).into();
        let labels = [true, true, true, false, false, false, false, true];
        let fitted = Logistic::fit(&rows, &labels).unwrap();
        let b = fitted.slopes[0];
        assert!(fitted.intercept.abs() < 1e-12);
        assert!((8.0 * (0.75 - 1.0 / (1.0 + (-b).exp())) - b).abs() < 1e-9 && (0.67..0.70).contains(&b), "{b}");
        assert!((fitted.log_odds(&[2.0]) - 2.0 * b).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_fitted_is_none() {
        assert_eq!(Logistic::fit(&[], &[]), None);
        assert_eq!(Logistic::fit(&[vec![1.0], vec![2.0]], &[true, true]), None);
        assert_eq!(Logistic::fit(&[vec![f64::NAN], vec![2.0]], &[true, false]), None);
    }

    #[test]
    fn coefficients_agree_with_scikit_learn() {
        let text = include_str!("../../tests/fixtures/logistic.json");
        let expected: serde_json::Value = serde_json::from_str(text).unwrap();
        let numbers = |value: &serde_json::Value| -> Vec<f64> { serde_json::from_value(value.clone()).unwrap() };
        let rows: Vec<Vec<f64>> = expected["rows"].as_array().unwrap().iter().map(numbers).collect();
        let labels: Vec<bool> = serde_json::from_value(expected["labels"].clone()).unwrap();
        let fitted = Logistic::fit(&rows, &labels).unwrap();
        let wanted = numbers(&expected["coefficients"]);
        for (found, wanted) in std::iter::once(&fitted.intercept).chain(&fitted.slopes).zip(&wanted) {
            assert!((found - wanted).abs() < 1e-6, "{found} against {wanted}");
        }
        assert_eq!(wanted.len(), 3);
    }
}
