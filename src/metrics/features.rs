//! Feature vectors of a set of images, checked once, so that the distances need not check again.

use tch::{Device, Kind, Tensor};

use crate::problem::{Problem, Result};

/// \[N, F\] float64 on the CPU, finite, N >= 2, F >= 1.
#[derive(Debug)]
pub struct Features(Tensor);

impl Features {
    /// Takes features of any float kind on any device.
    ///
    /// # Errors
    /// Not two-dimensional, fewer than two images, or a value that is NaN or infinite.
    pub fn new(features: &Tensor) -> Result<Self> {
        let size = features.size();
        let [n, f] = size[..] else {
            return Err(Problem::usage(format!("features of shape {size:?}")).expected("[images, features]"));
        };
        if n < 2 || f < 1 {
            return Err(Problem::usage(format!("features of {n} images x {f}"))
                .expected("at least 2 images and 1 feature")
                .advice("a distance between sets needs a spread; give more images"));
        }
        let features = features.detach().to_device(Device::Cpu).to_kind(Kind::Double).contiguous();
        if !bool::try_from(features.isfinite().all())? {
            return Err(Problem::usage("features with NaN or infinite values").expected("finite features"));
        }
        Ok(Self(features))
    }

    /// Row-major values: `n` images of `f` features.
    ///
    /// # Errors
    /// As [`Features::new`], or a length other than `n * f`.
    pub fn from_rows(values: &[f64], n: usize, f: usize) -> Result<Self> {
        if values.len() != n * f {
            return Err(Problem::usage(format!("{} feature values", values.len())).expected(format!("{n} x {f}")));
        }
        Self::new(&Tensor::from_slice(values).reshape([n as i64, f as i64]))
    }

    /// \[N, F\].
    pub fn tensor(&self) -> &Tensor {
        &self.0
    }

    /// Number of images.
    pub fn n(&self) -> i64 {
        self.0.size()[0]
    }

    /// Features per image.
    pub fn dims(&self) -> i64 {
        self.0.size()[1]
    }

    /// # Errors
    /// `other` has another number of features, so it comes from another network.
    pub(super) fn same_dims(&self, other: &Features) -> Result<()> {
        if self.dims() == other.dims() {
            return Ok(());
        }
        Err(Problem::usage(format!("{} features against {}", self.dims(), other.dims()))
            .expected("both sets through the same feature network"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_has_no_spread_or_is_not_a_number() {
        assert!(Features::from_rows(&[1.0, 2.0], 1, 2).is_err());
        assert!(Features::from_rows(&[1.0, f64::NAN], 2, 1).is_err());
        assert!(Features::from_rows(&[1.0, 2.0, 3.0], 2, 2).is_err());
        let two = Features::from_rows(&[1.0, 2.0], 2, 1).unwrap();
        let wide = Features::from_rows(&[1.0, 2.0, 3.0, 4.0], 2, 2).unwrap();
        assert!(two.same_dims(&wide).is_err());
    }
}
