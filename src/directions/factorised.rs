//! Closed-form factorization (Shen and Zhou 2021, SeFa): the unit n in w that changes the styles most, argmax |A n|,
//! are the eigenvectors of A^T A, where A stacks the maps from w to styles of the layers that are moved.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::eigen::{self, Parts};
use super::layers::StyleLayer;
use crate::problem::{Kind as ProblemKind, Problem, Result};

/// Which of the public programs' ways is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// As the authors' program: the convolutions of the layers and the last image layer, each style's row of unit
    /// length; solved as a symmetric matrix.
    #[default]
    Normalised,
    /// As the program most used in studies: every convolution whichever layers are moved, no image layer, rows as they
    /// are; solved by singular values.
    Published,
}

/// A, and which layers stand in it.
#[derive(Debug)]
pub struct Stack {
    /// \[styles, w_dim\], float64.
    pub matrix: Tensor,
    /// "b8.conv0", in the order of the rows.
    pub layers: Vec<String>,
}

impl Stack {
    /// Of the layers that take a w of `indices`.
    ///
    /// # Errors
    /// No layer takes any of them.
    pub fn new(layers: &[StyleLayer], indices: &Range<usize>, variant: Variant) -> Result<Self> {
        let last = layers.iter().map(|layer| layer.index).max();
        let taken = |layer: &&StyleLayer| match variant {
            Variant::Normalised => indices.contains(&layer.index) && (!layer.to_image || Some(layer.index) == last),
            Variant::Published => !layer.to_image,
        };
        let taken: Vec<&StyleLayer> = layers.iter().filter(taken).collect();
        if taken.is_empty() {
            return Err(Problem::new(ProblemKind::Internal, format!("no layer takes w {indices:?}")));
        }
        let matrix = Tensor::cat(&taken.iter().map(|layer| &layer.weight).collect::<Vec<_>>(), 0);
        let matrix = match variant {
            Variant::Published => matrix,
            // A row of zeros stays one.
            Variant::Normalised => {
                let length = matrix.square().sum_dim_intlist([1i64].as_slice(), true, None::<Kind>).sqrt();
                &matrix / length.clamp_min(f64::MIN_POSITIVE)
            }
        };
        Ok(Self { matrix, layers: taken.iter().map(|layer| layer.name.clone()).collect() })
    }

    /// Its directions; values are those of A^T A, squares of what a step of length 1 changes the styles by.
    ///
    /// # Errors
    /// The solver does not converge.
    pub fn directions(&self, variant: Variant) -> Result<Parts> {
        match variant {
            Variant::Normalised => eigen::symmetric(&self.matrix.transpose(0, 1).matmul(&self.matrix)),
            Variant::Published => eigen::singular(&self.matrix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::eigen::likeness;
    use super::*;
    use tch::Device;

    fn layer(name: &str, index: usize, rows: &[[f64; 3]]) -> StyleLayer {
        let weight = Tensor::from_slice(rows.as_flattened()).view([rows.len() as i64, 3]);
        StyleLayer { name: name.into(), index, to_image: name.ends_with("torgb"), weight }
    }

    fn layers() -> Vec<StyleLayer> {
        vec![
            layer("b4.conv1", 0, &[[3.0, 0.0, 0.0]]),
            layer("b8.conv0", 1, &[[0.0, 2.0, 0.0], [0.0, 0.0, 0.0]]),
            layer("b4.torgb", 1, &[[0.0, 0.0, 50.0]]),
            layer("b8.conv1", 2, &[[0.0, 0.0, 1.0]]),
            layer("b8.torgb", 3, &[[0.0, 0.0, 7.0]]),
        ]
    }

    #[test]
    fn each_variant_stacks_its_own_layers() {
        let layers = layers();
        let stack = |indices, variant| Stack::new(&layers, &indices, variant).unwrap().layers;
        assert_eq!(stack(0..4, Variant::Normalised), ["b4.conv1", "b8.conv0", "b8.conv1", "b8.torgb"]);
        assert_eq!(stack(0..2, Variant::Normalised), ["b4.conv1", "b8.conv0"]);
        assert_eq!(stack(0..2, Variant::Published), ["b4.conv1", "b8.conv0", "b8.conv1"]);
        assert!(Stack::new(&layers, &(9..9), Variant::Normalised).is_err());
    }

    /// Rows along the axes, by hand: of unit length the last axis counts twice; as they are the first most.
    #[test]
    fn axes_by_hand() {
        let layers = layers();
        let of = |variant| Stack::new(&layers, &(0..4), variant).unwrap().directions(variant).unwrap();
        let normalised = of(Variant::Normalised);
        approx::assert_abs_diff_eq!(normalised.values[..], [2.0, 1.0, 1.0], epsilon = 1e-12);
        assert!(likeness(&normalised.vectors[0], &[0.0, 0.0, 1.0]) > 1.0 - 1e-12);
        let published = of(Variant::Published);
        approx::assert_abs_diff_eq!(published.values[..], [9.0, 4.0, 1.0], epsilon = 1e-12);
        assert!(likeness(&published.vectors[0], &[1.0, 0.0, 0.0]) > 1.0 - 1e-12);
    }

    /// A = U S V^T with known V: its directions are the columns of V, in the order of S, by either solver.
    #[test]
    fn a_planted_matrix_gives_its_singular_vectors_back() {
        tch::manual_seed(5);
        let options = (Kind::Double, Device::Cpu);
        let (u, _) = Tensor::f_linalg_qr(&Tensor::randn([40, 12], options), "reduced").unwrap();
        let (v, _) = Tensor::f_linalg_qr(&Tensor::randn([12, 12], options), "reduced").unwrap();
        let s: Vec<f64> = (0..12).map(|at| 5.0 * 0.8f64.powi(at)).collect();
        let matrix = (u * Tensor::from_slice(&s)).matmul(&v.transpose(0, 1));
        for variant in [Variant::Normalised, Variant::Published] {
            let stack = Stack { matrix: matrix.shallow_clone(), layers: vec![] };
            let found = stack.directions(variant).unwrap();
            for at in 0..12 {
                let planted = Vec::<f64>::try_from(v.select(1, at).contiguous()).unwrap();
                assert!(likeness(&found.vectors[at as usize], &planted) > 0.9999, "{variant:?} {at}");
                approx::assert_relative_eq!(found.values[at as usize].sqrt(), s[at as usize], epsilon = 1e-9);
            }
        }
    }

    /// NumPy's singular vectors of the same stacks; see tests/fixtures/make_directions.py.
    #[test]
    fn matches_numpy() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/directions.json")).unwrap();
        let case = &reference["closed_form"];
        let rows = |value: &serde_json::Value| serde_json::from_value::<Vec<Vec<f64>>>(value.clone()).unwrap();
        let layer = |(index, value): (usize, &serde_json::Value)| {
            let rows = rows(value);
            let weight = Tensor::from_slice(&rows.concat()).view([rows.len() as i64, -1]);
            StyleLayer { name: format!("conv{index}"), index, to_image: false, weight }
        };
        let layers: Vec<StyleLayer> = case["layers"].as_array().unwrap().iter().enumerate().map(layer).collect();
        for (variant, name) in [(Variant::Normalised, "normalised"), (Variant::Published, "published")] {
            let found = Stack::new(&layers, &(0..3), variant).unwrap().directions(variant).unwrap();
            let values: Vec<f64> = serde_json::from_value(case[name]["values"].clone()).unwrap();
            approx::assert_abs_diff_eq!(found.values[..], values[..], epsilon = 1e-9);
            for (own, numpys) in found.vectors.iter().zip(rows(&case[name]["vectors"])) {
                assert!(likeness(own, &numpys) > 1.0 - 1e-9, "{name}");
            }
        }
    }
}
