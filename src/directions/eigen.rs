//! Symmetric matrices taken apart: values in falling order, unit vectors with a fixed sign, and which of them can be
//! told apart at all.

use tch::{Kind, Tensor};

use crate::problem::Result;

/// Neighbours whose values differ by less than this share of the larger are one subspace: any rotation of them would do
/// as well.
pub const GAP: f64 = 0.05;

/// Values and unit vectors, the largest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// In falling order.
    pub values: Vec<f64>,
    /// One for each value, of unit length; the entry of largest size is positive.
    pub vectors: Vec<Vec<f64>>,
}

impl Parts {
    /// The first `count`.
    pub fn first(mut self, count: usize) -> Self {
        self.values.truncate(count);
        self.vectors.truncate(count);
        self
    }
}

/// Takes a symmetric matrix \[D, D\] of float64 apart.
///
/// # Errors
/// libtorch's solver does not converge.
pub fn symmetric(matrix: &Tensor) -> Result<Parts> {
    let (values, vectors) = matrix.f_linalg_eigh("L")?;
    // They come in rising order, vectors as columns.
    let values = Vec::<f64>::try_from(values.flip([0]))?;
    parts(values, &vectors.flip([1]).transpose(0, 1))
}

/// The right singular vectors of a matrix \[rows, D\] of float64; values are squares of its singular values.
///
/// # Errors
/// libtorch's solver does not converge.
pub fn singular(matrix: &Tensor) -> Result<Parts> {
    // Vectors come as columns.
    let (_, values, vectors) = matrix.f_svd(true, true)?;
    parts(Vec::<f64>::try_from(values.square())?, &vectors.transpose(0, 1))
}

/// Of vectors in rows.
fn parts(values: Vec<f64>, rows: &Tensor) -> Result<Parts> {
    let rows = rows.to_kind(Kind::Double).contiguous();
    let vectors = (0..values.len() as i64).map(|row| Ok(signed(Vec::<f64>::try_from(rows.get(row))?)));
    Ok(Parts { vectors: vectors.collect::<Result<_>>()?, values })
}

/// The vector or its opposite, whose entry of largest size is positive.
fn signed(mut vector: Vec<f64>) -> Vec<f64> {
    let largest = vector.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0);
    if largest < 0.0 {
        vector.iter_mut().for_each(|value| *value = -*value);
    }
    vector
}

/// For each of the values, which fall, the number of its subspace from 0 where a neighbour is too near; `None` where it
/// stands alone.
pub fn subspaces(values: &[f64]) -> Vec<Option<usize>> {
    let mut found = vec![None; values.len()];
    let mut next = 0;
    for at in 1..values.len() {
        if values[at - 1] - values[at] >= GAP * values[at - 1].abs() {
            continue;
        }
        let number = found[at - 1].unwrap_or_else(|| {
            next += 1;
            next - 1
        });
        (found[at - 1], found[at]) = (Some(number), Some(number));
    }
    found
}

/// Length of the part of `vector` along `other`, both of unit length: |cos|.
pub fn likeness(vector: &[f64], other: &[f64]) -> f64 {
    vector.iter().zip(other).map(|(a, b)| a * b).sum::<f64>().abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// \[\[2, 1\], \[1, 2\]\] has the values 3 and 1 along (1, 1) and (1, -1), by hand.
    #[test]
    fn two_by_two_by_hand() {
        let matrix = Tensor::from_slice(&[2.0, 1.0, 1.0, 2.0]).view([2, 2]);
        let found = symmetric(&matrix).unwrap();
        let half = 0.5f64.sqrt();
        approx::assert_abs_diff_eq!(found.values[..], [3.0, 1.0], epsilon = 1e-12);
        assert!(likeness(&found.vectors[0], &[half, half]) > 1.0 - 1e-12);
        assert!(likeness(&found.vectors[1], &[half, -half]) > 1.0 - 1e-12);
        // Of a symmetric matrix with values above 0 the singular values are those values.
        let again = singular(&matrix).unwrap();
        approx::assert_abs_diff_eq!(again.values[..], [9.0, 1.0], epsilon = 1e-12);
        assert!(likeness(&again.vectors[0], &found.vectors[0]) > 1.0 - 1e-12);
    }

    #[test]
    fn neighbours_that_nothing_tells_apart_are_one_subspace() {
        assert_eq!(subspaces(&[10.0, 9.8, 9.6, 5.0, 4.0, 3.9]), [Some(0), Some(0), Some(0), None, Some(1), Some(1)]);
        assert_eq!(subspaces(&[10.0, 9.5, 1.0]), [None; 3]);
        assert_eq!(subspaces(&[1.0, 0.2, 0.199]), [None, Some(0), Some(0)]);
        assert!(subspaces(&[]).is_empty());
    }
}
