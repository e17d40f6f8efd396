//! The kernel distance between sets whose images come in groups: the squared maximum mean discrepancy (Gretton et al.
//! 2012, equation 3) over pairs of images of two groups.
//!
//! With the cubic kernel it is KID's statistic (Binkowski et al. 2018), with the Gaussian one CMMD's (Jayasumana et al.
//! 2024, equation 5). The pair of an image with itself is left out, which keeps the expectation free of N (KID does so;
//! CMMD's published code does not). The
//! slices of one patient are nearly such a pair: left in, they make a set look narrower than it is, and one of drawn
//! images, each a group of its own, nearer or farther than one of patients. So pairs of one group are left out; where
//! every image is a group of its own, the number is the published one. It can be negative.

use tch::{Kind as Type, Tensor};

use super::features::Features;
use super::groups::Groups;
use crate::problem::{Problem, Result};
use crate::records::Interval;
use crate::seed::RunSeed;
use crate::statistics::LEVEL;
use crate::statistics::order::quantile;

/// How alike two images are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernel {
    /// (x.y / F + 1)^3 of F features.
    Cubic,
    /// exp(-|x - y|^2 / (2 sigma^2)), sigma in units of the features.
    Gaussian {
        /// Above 0.
        sigma: f64,
    },
}

impl Kernel {
    /// \[N, F\] x \[M, F\] -> \[N, M\].
    fn of(self, x: &Tensor, y: &Tensor) -> Tensor {
        match self {
            Self::Cubic => (x.matmul(&y.tr()) / x.size()[1] as f64 + 1.0).pow_tensor_scalar(3),
            Self::Gaussian { sigma } => {
                let square = |x: &Tensor| x.square().sum_dim_intlist(1, false, Type::Double);
                let distance = square(x).unsqueeze(1) + square(y).unsqueeze(0) - x.matmul(&y.tr()) * 2.0;
                (distance.clamp_min(0.0) / (-2.0 * sigma * sigma)).exp()
            }
        }
    }
}

/// A set of features with its groups.
#[derive(Clone, Copy, Debug)]
pub struct Grouped<'a> {
    /// \[N, F\].
    pub features: &'a Features,
    /// Of its N images.
    pub groups: &'a Groups,
}

/// Two sets and the likeness of all their pairs.
pub struct Mmd<'a> {
    groups: [&'a Groups; 2],
    /// Pairs within each set, those of one group at 0; \[N, N\].
    within: [Tensor; 2],
    /// \[N, M\].
    between: Tensor,
    /// \[N, groups\] of each.
    membership: [Tensor; 2],
}

impl<'a> Mmd<'a> {
    /// Computes all pairs, in memory.
    ///
    /// # Errors
    /// Different numbers of features, a set of one group, or a Gaussian of no width.
    pub fn new(a: Grouped<'a>, b: Grouped<'a>, kernel: Kernel) -> Result<Self> {
        a.features.same_dims(b.features)?;
        if a.groups.count().min(b.groups.count()) < 2 {
            return Err(Problem::usage(format!("sets of {} and {} groups", a.groups.count(), b.groups.count()))
                .expected("images of at least two patients, or drawn one by one, in each set"));
        }
        if matches!(kernel, Kernel::Gaussian { sigma } if sigma.is_nan() || sigma <= 0.0) {
            return Err(Problem::usage("a Gaussian kernel of no width").expected("features that differ"));
        }
        let within = [a, b].map(|set| {
            let x = set.features.tensor();
            kernel.of(x, x).masked_fill(&set.groups.mask(), 0.0)
        });
        let between = kernel.of(a.features.tensor(), b.features.tensor());
        let membership = [a, b].map(|set| set.groups.membership());
        Ok(Self { groups: [a.groups, b.groups], within, between, membership })
    }

    /// The distance, in the kernel's units.
    ///
    /// # Errors
    /// Only the engine's.
    pub fn value(&self) -> Result<f64> {
        let once = self.groups.map(|groups| Tensor::ones([1, groups.images() as i64], DOUBLE));
        Ok(self.of_copies(&once)?.first().copied().unwrap_or(f64::NAN))
    }

    /// With the percentile interval of `draws` draws of groups, with replacement, in both sets at once. A draw's
    /// copies of one group are never paired: nothing is compared with itself.
    ///
    /// # Errors
    /// Only the engine's.
    pub fn interval(&self, draws: usize, seed: RunSeed) -> Result<Interval> {
        let copies = |draw| {
            let mut rng = seed.stream("kernel distance", draw);
            self.groups.map(|groups| groups.copies(&mut rng))
        };
        let copies: Vec<[Vec<f64>; 2]> = (0..draws as u64).map(copies).collect();
        let stacked = [0, 1].map(|side| {
            let flat: Vec<f64> = copies.iter().flat_map(|both| both[side].iter().copied()).collect();
            Tensor::from_slice(&flat).reshape([draws as i64, self.groups[side].images() as i64])
        });
        let mut drawn: Vec<f64> = self.of_copies(&stacked)?.into_iter().filter(|value| value.is_finite()).collect();
        drawn.sort_by(f64::total_cmp);
        let value = self.value()?;
        let end = |share: f64| if drawn.is_empty() { f64::NAN } else { quantile(&drawn, share) };
        let n = self.groups[0].count().min(self.groups[1].count()) as u64;
        Ok(Interval {
            value,
            low: end((1.0 - LEVEL) / 2.0),
            high: end((1.0 + LEVEL) / 2.0),
            level: LEVEL,
            n,
            method: format!("patient-cluster bootstrap of both sets, {draws} draws"),
        })
    }

    /// For rows of copies \[draws, N\] and \[draws, M\].
    fn of_copies(&self, copies: &[Tensor; 2]) -> Result<Vec<f64>> {
        let sum = |x: Tensor| x.sum_dim_intlist(1, false, Type::Double);
        let own = |side: usize| {
            let w = &copies[side];
            let all = sum(w.shallow_clone()).square() - sum(w.matmul(&self.membership[side]).square());
            sum(w.matmul(&self.within[side]) * w) / all
        };
        let cross = sum(copies[0].matmul(&self.between) * &copies[1])
            / (sum(copies[0].shallow_clone()) * sum(copies[1].shallow_clone()));
        Ok(Vec::try_from(own(0) + own(1) - cross * 2.0)?)
    }
}

const DOUBLE: (Type, tch::Device) = (Type::Double, tch::Device::Cpu);

/// The usual width of a Gaussian kernel: the median distance between two images of two groups (Gretton et al. 2012,
/// section 8).
///
/// # Errors
/// A set of one group.
pub fn median_distance(set: Grouped<'_>) -> Result<f64> {
    if set.groups.count() < 2 {
        return Err(Problem::usage("features of one group").expected("images of at least two patients"));
    }
    let x = set.features.tensor();
    let apart = set.groups.mask().logical_not();
    Ok(f64::try_from(super::prdc::distances(x, x).masked_select(&apart).median())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::evaluate;
    use approx::assert_relative_eq;

    #[test]
    fn agrees_with_torch_fidelity_and_with_the_formula_of_cmmd() {
        let case = evaluate();
        let (a, b) = (case.set_a(), case.set_b());
        let alone = Groups::each_alone(case.n);
        let value = |a: &Features, b: &Features, kernel| {
            let of = |features| Grouped { features, groups: &alone };
            Mmd::new(of(a), of(b), kernel).unwrap().value().unwrap()
        };
        assert_relative_eq!(value(&a, &b, Kernel::Cubic), case.kid, max_relative = 1e-9);
        assert_relative_eq!(value(&a, &b, Kernel::Gaussian { sigma: case.sigma }), case.rbf, max_relative = 1e-9);
        let unit = |x: &Features| {
            let x = x.tensor();
            Features::new(&(x / x.square().sum_dim_intlist(1, true, Type::Double).sqrt())).unwrap()
        };
        let cmmd = 1000.0 * value(&unit(&a), &unit(&b), Kernel::Gaussian { sigma: 10.0 });
        assert_relative_eq!(cmmd, case.cmmd_unbiased, max_relative = 1e-8);
        // The published code pairs each image with itself, too: 1 instead of the mean of the others in N of N^2 pairs.
        let n = case.n as f64;
        let off = |x: &Features| {
            let k = Kernel::Gaussian { sigma: 10.0 }.of(x.tensor(), x.tensor());
            (f64::try_from(k.sum(Type::Double)).unwrap() - n) / (n * (n - 1.0))
        };
        let bias = 1000.0 * ((1.0 - off(&unit(&a))) + (1.0 - off(&unit(&b)))) / n;
        assert_relative_eq!(cmmd + bias, case.cmmd_published, max_relative = 1e-8);
    }

    #[test]
    fn pairs_of_one_patient_do_not_count() {
        let case = evaluate();
        let (a, b) = (case.set_a(), case.set_b());
        let [of_a, of_b] = [&case.groups_a, &case.groups_b].map(|names| Groups::by_name(names));
        let (a, b) = (Grouped { features: &a, groups: &of_a }, Grouped { features: &b, groups: &of_b });
        let mmd = Mmd::new(a, b, Kernel::Cubic).unwrap();
        assert_relative_eq!(mmd.value().unwrap(), case.kid_of_groups, max_relative = 1e-9);
        let found = mmd.interval(300, RunSeed(1)).unwrap();
        assert!(found.low < found.value && found.value < found.high && found.n == 8, "{found:?}");
        assert_eq!(found, mmd.interval(300, RunSeed(1)).unwrap());
    }

    #[test]
    fn two_points_each_can_be_done_by_hand() {
        // F = 1, kernel (xy + 1)^3: within {0, 1}: 1; within {1, 1}: 8; across: 4.5; 1 + 8 - 9 = 0.
        let a = Features::from_rows(&[0.0, 1.0], 2, 1).unwrap();
        let b = Features::from_rows(&[1.0, 1.0], 2, 1).unwrap();
        let two = Groups::each_alone(2);
        let of = |features| Grouped { features, groups: &two };
        assert_relative_eq!(Mmd::new(of(&a), of(&b), Kernel::Cubic).unwrap().value().unwrap(), 0.0, epsilon = 1e-12);
        // Each image twice under one name is the same set.
        let twice = Features::from_rows(&[0.0, 0.0, 1.0, 1.0], 4, 1).unwrap();
        let groups = Groups::by_name(&["p", "p", "q", "q"]);
        let doubled = Grouped { features: &twice, groups: &groups };
        assert_relative_eq!(Mmd::new(doubled, of(&b), Kernel::Cubic).unwrap().value().unwrap(), 0.0, epsilon = 1e-12);
        assert!(Mmd::new(of(&a), of(&b), Kernel::Gaussian { sigma: 0.0 }).is_err());
    }

    /// Of equal distributions the interval holds 0 about as often as it says.
    #[test]
    fn the_interval_of_nothing_holds_nothing() {
        use rand_distr::{Distribution, StandardNormal};
        let mut held = 0;
        for repetition in 0..60 {
            let mut rng = RunSeed(5).stream("sets", repetition);
            let set = |rng: &mut _| {
                let values: Vec<f64> = StandardNormal.sample_iter(rng).take(60).collect();
                Features::from_rows(&values, 30, 2).unwrap()
            };
            let (a, b) = (set(&mut rng), set(&mut rng));
            let alone = Groups::each_alone(30);
            let of = |features| Grouped { features, groups: &alone };
            let mmd = Mmd::new(of(&a), of(&b), Kernel::Gaussian { sigma: 1.5 }).unwrap();
            let interval = mmd.interval(200, RunSeed(repetition)).unwrap();
            held += u32::from(interval.low <= 0.0 && 0.0 <= interval.high);
        }
        assert!(held >= 48, "{held} of 60");
    }
}
