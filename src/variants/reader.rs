//! Reading the class of an image: a linear map from fixed features, fitted to the real training slices by least squares
//! with a small penalty, and tried on held-out ones.

use tch::{Device, Kind, Tensor};

use crate::nets::class::one_hot;
use crate::problem::{Problem, Result};

/// Weight of the penalty on standardised features, as a share of the number of images.
const PENALTY: f64 = 1e-3;

/// The fitted map.
#[derive(Debug)]
pub struct ClassReader {
    mean: Tensor,
    deviation: Tensor,
    /// \[F + 1, classes\].
    weights: Tensor,
}

impl ClassReader {
    /// Fits to features \[N, F\] of images with these classes, numbers below `count`.
    ///
    /// # Errors
    /// No image, or features that are no numbers.
    pub fn fit(features: &Tensor, classes: &[i64], count: usize) -> Result<Self> {
        let x = double(features);
        if classes.is_empty() || x.size()[0] != classes.len() as i64 {
            return Err(Problem::usage(format!("{} classes of {} images", classes.len(), x.size()[0]))
                .expected("at least one image, each with its class"));
        }
        let mean = x.mean_dim([0i64].as_slice(), true, None);
        let deviation = ((&x - &mean).square().mean_dim([0i64].as_slice(), true, None) + 1e-12).sqrt();
        let x = with_ones(&((x - &mean) / &deviation));
        let targets = double(&one_hot(classes, count as i64, Device::Cpu));
        let penalty = Tensor::eye(x.size()[1], (Kind::Double, Device::Cpu)) * (PENALTY * classes.len() as f64);
        let weights = Tensor::f_linalg_solve(&(x.tr().matmul(&x) + penalty), &x.tr().matmul(&targets), true)?;
        if !bool::try_from(weights.isfinite().all())? {
            return Err(Problem::usage("features with NaN or infinite values").expected("finite features"));
        }
        Ok(Self { mean, deviation, weights })
    }

    /// The class that each image's features \[N, F\] are read as.
    ///
    /// # Errors
    /// Another number of features.
    pub fn read(&self, features: &Tensor) -> Result<Vec<i64>> {
        let x = with_ones(&((double(features) - &self.mean) / &self.deviation));
        Ok(Vec::try_from(x.f_matmul(&self.weights)?.argmax(1, false))?)
    }
}

fn double(x: &Tensor) -> Tensor {
    x.detach().to_device(Device::Cpu).to_kind(Kind::Double)
}

fn with_ones(x: &Tensor) -> Tensor {
    Tensor::cat(&[x, &Tensor::ones([x.size()[0], 1], (Kind::Double, Device::Cpu))], 1)
}

/// Share of `found` that is what was `asked`, by number or by `group`.
pub fn share(found: &[i64], asked: &[i64], group: impl Fn(i64) -> usize) -> f64 {
    let right = found.iter().zip(asked).filter(|&(&found, &asked)| group(found) == group(asked)).count();
    right as f64 / asked.len().max(1) as f64
}

/// For each class the place of its first word among `words`, where all begin with one of them.
pub fn grouped(classes: &[String], words: &[&str]) -> Option<Vec<usize>> {
    let first = |class: &String| words.iter().position(|word| class.split('-').next() == Some(word));
    classes.iter().map(first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_a_line_parts_are_read() {
        let features = Tensor::from_slice(&[0f32, 1.0, 0.2, 5.0, 1.0, 1.1, 0.9, 5.2]).view([4, 2]);
        let reader = ClassReader::fit(&features, &[0, 0, 1, 1], 3).unwrap();
        assert_eq!(reader.read(&features).unwrap(), [0, 0, 1, 1]);
        assert_eq!(reader.read(&Tensor::from_slice(&[0.1f32, 9.0]).view([1, 2])).unwrap(), [0]);
        assert!(ClassReader::fit(&features, &[0, 0, 1], 3).is_err());
        assert!(ClassReader::fit(&(features * f64::NAN), &[0, 0, 1, 1], 3).is_err());
    }

    #[test]
    fn shares_of_classes_and_of_planes() {
        let classes = ["axial-tumour", "axial", "coronal"].map(str::to_owned);
        let planes = grouped(&classes, &["axial", "coronal", "sagittal"]).unwrap();
        assert_eq!(planes, [0, 0, 1]);
        assert_eq!(share(&[0, 1, 2, 2], &[1, 1, 2, 0], |class| class as usize), 0.5);
        assert_eq!(share(&[0, 1, 2, 2], &[1, 1, 2, 0], |class| planes[class as usize]), 0.75);
        assert_eq!(grouped(&["rim".to_owned()], &["axial"]), None);
    }
}
