//! What a classifier says of an image from which pixels are taken in the order of a map, and of one to which they are
//! brought back: deletion and insertion (Petsiuk et al. 2018, arXiv 1806.07421).
//!
//! What is taken away is replaced by the blurred image. Such images are unlike any that the classifier has seen, so the
//! areas are worth something beside those of a random order only (Gomez et al. 2022, arXiv 2201.13291).

use tch::{Device, Kind, Tensor};

use crate::nets::classifiers::Classifier;
use crate::problem::Result;

/// Softness of the image that stands for nothing, in pixels.
pub const SOFTNESS: f64 = 5.0;

/// Areas under the two curves of one order of pixels, 0 to 1: the probability of the class over the share of pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Areas {
    /// Of taking away; an order that begins with what matters makes it small.
    pub deletion: f64,
    /// Of bringing back; such an order makes it large.
    pub insertion: f64,
}

/// An image and what stands for nothing in it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// \[C, H, W\].
    pub image: &'a Tensor,
    /// As large.
    pub nothing: &'a Tensor,
}

/// Pixels from the largest value of a map to the smallest, the first of equals first.
pub fn order_of(map: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..map.len()).collect();
    order.sort_by(|&a, &b| map[b].total_cmp(&map[a]));
    order
}

/// Deletes and inserts the pixels of `subject` in the given `order` in as many `steps`, and asks `network` for the
/// probability of `class` each time.
///
/// # Errors
/// libtorch refuses the images.
pub fn areas(
    network: &dyn Classifier,
    subject: &Subject<'_>,
    order: &[usize],
    class: i64,
    steps: usize,
) -> Result<Areas> {
    let shape = subject.image.size();
    let mut rank = vec![0i64; order.len()];
    order.iter().enumerate().for_each(|(at, &pixel)| rank[pixel] = at as i64);
    let rank = Tensor::from_slice(&rank).view([1, 1, shape[1], shape[2]]);
    let taken: Vec<i64> = (0..=steps).map(|step| ((step * order.len()) as f64 / steps as f64).round() as i64).collect();
    let taken = Tensor::from_slice(&taken).view([-1, 1, 1, 1]);
    let gone = rank.lt_tensor(&taken).to_device(subject.image.device());
    let (image, nothing) = (subject.image.unsqueeze(0), subject.nothing.unsqueeze(0));
    let both = Tensor::cat(&[nothing.where_self(&gone, &image), image.where_self(&gone, &nothing)], 0);
    let odds = tch::no_grad(|| network.scores(&both)).select(1, class).to_kind(Kind::Double).sigmoid();
    let curve: Vec<f64> = Vec::try_from(odds.to_device(Device::Cpu))?;
    let (deleted, inserted) = curve.split_at(steps + 1);
    Ok(Areas { deletion: area(deleted), insertion: area(inserted) })
}

/// Area under equally spaced values over 0..1, by the trapezoidal rule.
fn area(curve: &[f64]) -> f64 {
    let inner: f64 = curve.iter().sum();
    let ends = curve.first().zip(curve.last()).map_or(0.0, |(first, last)| (first + last) / 2.0);
    (inner - ends) / (curve.len() as f64 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::classifiers::Mode;
    use crate::nets::network::{Network, Visitor};

    /// By hand: 1, .5, 0 over 0, .5, 1 has the area .5; 1, 1, 0 has .75.
    #[test]
    fn the_area_by_hand() {
        assert_eq!(area(&[1.0, 0.5, 0.0]), 0.5);
        assert_eq!(area(&[1.0, 1.0, 0.0]), 0.75);
    }

    /// Its log-odds of the second class is the sum of all pixels, times 100, less 150.
    #[derive(Debug)]
    struct Sum;

    impl Network for Sum {
        fn visit(&self, _: &mut Visitor<'_>) {}
    }

    impl Classifier for Sum {
        fn classes(&self) -> i64 {
            2
        }

        fn channels(&self) -> i64 {
            1
        }

        fn forward(&self, images: &Tensor, _: Mode) -> Tensor {
            let sum = images.sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float) * 100.0 - 150.0;
            Tensor::stack(&[sum.zeros_like(), sum], 1)
        }

        fn forward_beside(&self, images: &Tensor, beside: &Tensor) -> (Tensor, Tensor) {
            (self.forward(images, Mode::Train), self.forward(beside, Mode::Train))
        }

        fn activation(&self, images: &Tensor, _: i64) -> Tensor {
            images.sum_dim_intlist(1, false, Kind::Float)
        }

        fn layers(&self) -> Vec<String> {
            vec!["image".into(), "head".into()]
        }

        fn features(&self, images: &Tensor, _: usize) -> Tensor {
            images.shallow_clone()
        }

        fn logits_of(&self, features: &Tensor, _: usize) -> Tensor {
            self.forward(features, Mode::Evaluate)
        }
    }

    /// Two pixels of four are 1 and count as the class together (sum 2), one alone does not. Taking one of them first:
    /// probabilities 1, 0, 0, 0, 0. Taking the two others first: 1, 1, 1, 0, 0. Bringing back is the reverse.
    #[test]
    fn an_order_that_begins_with_what_matters_deletes_little_and_inserts_much() {
        let image = Tensor::from_slice(&[1.0f32, 0.0, 1.0, 0.0]).view([1, 2, 2]);
        let nothing = image.zeros_like();
        let subject = Subject { image: &image, nothing: &nothing };
        assert_eq!(order_of(&[1.0, 0.0, 1.0, 0.0]), [0, 2, 1, 3]);
        let good = areas(&Sum, &subject, &[0, 2, 1, 3], 1, 4).unwrap();
        let bad = areas(&Sum, &subject, &[1, 3, 0, 2], 1, 4).unwrap();
        assert!((good.deletion - 0.125).abs() < 1e-9 && (good.insertion - 0.625).abs() < 1e-9, "{good:?}");
        assert!((bad.deletion - 0.625).abs() < 1e-9 && (bad.insertion - 0.125).abs() < 1e-9, "{bad:?}");
    }
}
