//! Features held to a dictionary of codes that follows them (Zhao et al. 2020, "Feature quantization improves GAN
//! training", section 3).

use tch::{Kind, Tensor};

use crate::nets::network::{Init, Role, Visitor, join};

/// Keeps a code that nothing is near from being divided by 0.
const EPSILON: f64 = 1e-5;

/// A code whose count is below this share of the mean is dead, and takes the place of a feature: nothing would bring it
/// back, since both of its averages decay alike.
const DEAD: f64 = 1e-2;

/// K codes for features of C channels, as moving averages: of how many features lie nearest to each, and of their sum.
#[derive(Debug)]
pub struct Codes {
    /// \[K\].
    count: Tensor,
    /// \[K, C\].
    sum: Tensor,
    decay: f64,
    pass_on: bool,
}

/// Shape of [`Codes`], and what is done with them.
#[derive(Clone, Copy, Debug)]
pub struct CodesShape {
    /// K.
    pub codes: i64,
    /// C.
    pub channels: i64,
    /// What is left of the averages after an update.
    pub decay: f64,
    /// Whether the next layer sees the codes, or the features as they are.
    pub pass_on: bool,
}

impl Codes {
    /// Codes from N(0, 1), each as if one feature had been nearest.
    pub fn new(init: &Init, shape: CodesShape) -> Self {
        let CodesShape { codes, channels, decay, pass_on } = shape;
        let sum = init.normal_buffer("sum", &[codes, channels]);
        Self { count: init.zero_buffer(&[codes]) + 1.0, sum, decay, pass_on }
    }

    /// K.
    pub fn count(&self) -> i64 {
        self.count.size()[0]
    }

    /// h \[N, C, H, W\] -> what the next layer sees, of h's kind, whose derivative by h is 1 either way; and the
    /// commitment, float32 \[\], the mean of the squared distances to the nearest codes, which moves features alone.
    pub fn forward(&self, h: &Tensor) -> (Tensor, Tensor) {
        let full = h.to_kind(Kind::Float);
        let (count, channels, height, width) = h.size4().expect("codes are of images");
        let nearest = tch::no_grad(|| {
            let codes = self.values();
            let found = codes.index_select(0, &nearest(&flat(h), &codes));
            found.view([count, height, width, channels]).permute([0, 3, 1, 2])
        });
        let missing = nearest - &full;
        let passed = if self.pass_on { h + missing.detach().to_kind(h.kind()) } else { h.shallow_clone() };
        (passed, missing.square().mean(Kind::Float))
    }

    /// Moves the codes towards the features h \[N, C, H, W\] that are nearest to them. A dead one becomes the feature
    /// that `picks` \[K\], int64, says, counted modulo N H W. In place and without a look by the host, so that a GPU
    /// can record it.
    pub fn update(&self, h: &Tensor, picks: &Tensor) {
        tch::no_grad(|| {
            let features = flat(h);
            let names = Tensor::arange(self.count(), (Kind::Int64, h.device()));
            let nearest = nearest(&features, &self.values());
            // [features, K]. Sums as products with it are made in one order, those of an index_add are not.
            let own = nearest.unsqueeze(1).eq_tensor(&names).to_kind(Kind::Float);
            let (mut count, mut sum) = (self.count.shallow_clone(), self.sum.shallow_clone());
            let (kept, new) = (self.decay, 1.0 - self.decay);
            count.copy_(&(&self.count * kept + own.sum_dim_intlist([0i64].as_slice(), false, Kind::Float) * new));
            sum.copy_(&(&self.sum * kept + own.tr().matmul(&features) * new));
            let dead = self.count.lt_tensor(&(self.count.mean(Kind::Float) * DEAD));
            let others = features.index_select(0, &picks.remainder(features.size()[0]));
            sum.copy_(&others.where_self(&dead.unsqueeze(1), &self.sum));
            count.copy_(&self.count.masked_fill(&dead, 1.0));
        });
    }

    /// \[K, C\]: sums by counts, which are smoothed over all codes.
    fn values(&self) -> Tensor {
        let total = self.count.sum(Kind::Float);
        let smooth = (&self.count + EPSILON) / (&total + EPSILON * self.count() as f64) * &total;
        &self.sum / smooth.unsqueeze(1)
    }

    /// Shows the tensors, whose names begin with `path`.
    pub fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        visit(join(path, "count"), &self.count, Role::Buffer);
        visit(join(path, "sum"), &self.sum, Role::Buffer);
    }
}

/// \[N, C, H, W\] -> \[N H W, C\], float32.
fn flat(h: &Tensor) -> Tensor {
    h.to_kind(Kind::Float).permute([0, 2, 3, 1]).reshape([-1, h.size()[1]])
}

/// For each of the features \[M, C\] which of the codes \[K, C\] is nearest, int64 \[M\]. What all distances of a
/// feature have in common, its own square, is left out.
fn nearest(features: &Tensor, codes: &Tensor) -> Tensor {
    let squares = codes.square().sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
    (squares - features.matmul(&codes.tr()) * 2.0).argmin(1, false)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::seed::RunSeed;

    /// Codes (0, 0), (1, 1), (-1, 2), each counted once.
    fn three(pass_on: bool) -> Codes {
        let shape = CodesShape { codes: 3, channels: 2, decay: 0.8, pass_on };
        let codes = Codes::new(&Init::new(RunSeed(1), Device::Cpu, "codes"), shape);
        let values = Tensor::from_slice(&[0.0_f32, 0.0, 1.0, 1.0, -1.0, 2.0]).view([3, 2]);
        tch::no_grad(|| codes.sum.shallow_clone().copy_(&values));
        codes
    }

    /// (0.2, 0.1), (0.9, 1.2), (0.8, 0.8), (-0.1, 0.2) at the places of one image.
    fn features() -> Tensor {
        Tensor::from_slice(&[0.2_f32, 0.9, 0.8, -0.1, 0.1, 1.2, 0.8, 0.2]).view([1, 2, 2, 2])
    }

    fn no_picks() -> Tensor {
        Tensor::zeros([3], (Kind::Int64, Device::Cpu))
    }

    fn near(found: &Tensor, expected: &[f64]) {
        let found = Vec::<f32>::try_from(found.reshape([-1])).unwrap();
        let found: Vec<f64> = found.into_iter().map(f64::from).collect();
        approx::assert_abs_diff_eq!(found[..], *expected, epsilon = 2e-6);
    }

    #[test]
    fn four_features_and_three_codes_by_hand() {
        let codes = three(true);
        assert_eq!(Vec::<i64>::try_from(nearest(&flat(&features()), &codes.values())).unwrap(), [0, 1, 1, 0]);
        let (passed, commitment) = codes.forward(&features());
        near(&commitment, &[0.02875]);
        near(&passed, &[0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
        codes.update(&features(), &no_picks());
        near(&codes.count, &[1.2, 1.2, 0.8]);
        near(&codes.values(), &[0.016667, 0.05, 0.950001, 1.000001, -0.999997, 1.999994]);
        // Whoever moves the codes before they are looked up finds another commitment.
        near(&codes.forward(&features()).1, &[0.022153]);
    }

    /// The commitment pulls features towards codes; through what is passed on a gradient goes as if nothing had been
    /// done.
    #[test]
    fn gradients_reach_the_features_alone() {
        for pass_on in [true, false] {
            let codes = three(pass_on);
            let h = features().set_requires_grad(true);
            let (passed, commitment) = codes.forward(&h);
            assert_eq!(passed.equal(&h), !pass_on);
            let of = |y: &Tensor| Tensor::run_backward(&[y], &[&h], true, false).remove(0);
            // 2 (h - e) over eight numbers.
            near(&of(&commitment), &[0.05, -0.025, -0.05, -0.025, 0.025, 0.05, -0.05, 0.05]);
            let weights = Tensor::arange(8, (Kind::Float, Device::Cpu)).view([1, 2, 2, 2]);
            assert!(of(&(&passed * &weights).sum(Kind::Float)).equal(&weights));
        }
    }

    /// Nothing is ever near the third code: once its count is below a hundredth of the mean it becomes the feature that
    /// its pick says, here the fifth of four, which is the first again after one turn.
    #[test]
    fn a_dead_code_becomes_a_feature() {
        let codes = three(true);
        let picks = Tensor::from_slice(&[3_i64, 3, 4]);
        let third = || Vec::<f32>::try_from(codes.values().get(2)).unwrap();
        let mut updates = 0;
        while codes.count.double_value(&[2]) != 1.0 || updates == 0 {
            codes.update(&features(), &picks);
            updates += 1;
            assert!(updates < 100);
        }
        // A hundredth of the mean is 0.0133: 0.8^19 = 0.0144 is more, 0.8^20 = 0.0115 less.
        assert_eq!(updates, 20);
        let found = third();
        approx::assert_abs_diff_eq!(found[0], 0.2, epsilon = 1e-4);
        approx::assert_abs_diff_eq!(found[1], 0.1, epsilon = 1e-4);
        // The two that live are left as they are: near the means of their features.
        near(&codes.count.narrow(0, 0, 2), &[2.0 - 0.8f64.powi(20), 2.0 - 0.8f64.powi(20)]);
    }

    #[test]
    fn low_precision_features_keep_their_kind() {
        let (passed, commitment) = three(true).forward(&features().to_kind(Kind::BFloat16));
        assert_eq!((passed.kind(), commitment.kind()), (Kind::BFloat16, Kind::Float));
        assert!(
            (passed.to_kind(Kind::Float) - three(true).forward(&features()).0).abs().max().double_value(&[]) < 0.01
        );
    }
}
