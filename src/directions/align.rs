//! Codes of one network as a linear map of another's: latent spaces of generators of the same images are related so
//! (Asperti and Tonelli 2022), and only behind that map can directions of the two be compared.

use tch::{Device, Kind, Tensor};

use super::assignment::assign;
use super::eigen::likeness;
use crate::problem::{Kind as ProblemKind, Problem, Result};

/// One code in so many is held out.
const HELD_OUT: usize = 5;

/// Fewest pairs of codes for each number of a code of the first network.
const FEWEST_A_NUMBER: usize = 2;

/// w_B = M w_A + c, by ridge.
pub struct Alignment {
    /// M \[D_B, D_A\], float64.
    map: Tensor,
    /// Share of the held-out codes' variance that the map explains; below 0 where it is worse than their mean.
    pub r_squared: f64,
    /// Pairs that it was fitted on, and pairs that were held out.
    pub pairs: [usize; 2],
}

impl Alignment {
    /// From codes of the same images, \[N, D_A\] and \[N, D_B\]; every fifth is held out. `ridge` is the penalty as a
    /// share of the codes' mean variance times their number.
    ///
    /// # Errors
    /// Fewer than twice as many codes as a code has numbers; a system that cannot be solved.
    pub fn fit(first: &Tensor, second: &Tensor, ridge: f64) -> Result<Self> {
        let [first, second] = [first, second].map(|codes| codes.to_device(Device::Cpu).to_kind(Kind::Double));
        let (count, length) = first.size2()?;
        let fewest = FEWEST_A_NUMBER * length as usize;
        if (count as usize) < fewest {
            return Err(Problem::new(ProblemKind::Usage, format!("{count} codes to align two networks with"))
                .expected(format!("at least {fewest}: twice as many as a code has numbers"))
                .advice("raise directions.align (--align)"));
        }
        let places = |held: bool| -> Tensor {
            let own = (0..count).filter(|at| (*at as usize % HELD_OUT == HELD_OUT - 1) == held);
            Tensor::from_slice(&own.collect::<Vec<i64>>())
        };
        let [fit, held] = [places(false), places(true)];
        let (a, b) = (first.index_select(0, &fit), second.index_select(0, &fit));
        let [mean_a, mean_b] = [&a, &b].map(|codes| codes.mean_dim([0i64].as_slice(), true, None));
        let (a, b) = (a - &mean_a, b - &mean_b);
        let gram = a.transpose(0, 1).matmul(&a);
        let penalty = ridge * gram.trace().double_value(&[]) / length as f64;
        let gram = gram + Tensor::eye(length, (Kind::Double, Device::Cpu)) * penalty;
        let map = Tensor::f_linalg_solve(&gram, &a.transpose(0, 1).matmul(&b), true)?.transpose(0, 1);
        let told = (first.index_select(0, &held) - mean_a).matmul(&map.transpose(0, 1)) + &mean_b;
        let truth = second.index_select(0, &held);
        let left = (&truth - told).square().sum(Kind::Double).double_value(&[]);
        let all = (&truth - truth.mean_dim([0i64].as_slice(), true, None)).square().sum(Kind::Double).double_value(&[]);
        let pairs = [fit.size1()? as usize, held.size1()? as usize];
        Ok(Self { map, r_squared: 1.0 - left / all, pairs })
    }

    /// A direction of the first network as one of the second, of unit length; all 0 where the map knows nothing of it.
    pub fn carried(&self, vector: &[f64]) -> Result<Vec<f64>> {
        let carried = Vec::<f64>::try_from(self.map.matmul(&Tensor::from_slice(vector)))?;
        let length = carried.iter().map(|value| value * value).sum::<f64>().sqrt();
        Ok(if length > 0.0 { carried.into_iter().map(|value| value / length).collect() } else { carried })
    }
}

/// |cos| of directions that belong together, the sum as large as possible; for each of `first` its partner in `second`,
/// which has at least as many.
pub fn matched(first: &[Vec<f64>], second: &[Vec<f64>]) -> Vec<(usize, f64)> {
    let likenesses: Vec<Vec<f64>> =
        first.iter().map(|one| second.iter().map(|other| likeness(one, other)).collect()).collect();
    let costs: Vec<Vec<f64>> = likenesses.iter().map(|row| row.iter().map(|value| 1.0 - value).collect()).collect();
    let partners = assign(&costs);
    partners.into_iter().enumerate().map(|(row, column)| (column, likenesses[row][column])).collect()
}

/// Cosines of the principal angles between the spans of two sets of vectors, in falling order.
///
/// # Errors
/// libtorch's solver does not converge.
pub fn principal_cosines(first: &[Vec<f64>], second: &[Vec<f64>]) -> Result<Vec<f64>> {
    let basis = |vectors: &[Vec<f64>]| -> Result<Tensor> {
        let rows: Vec<Tensor> = vectors.iter().map(|vector| Tensor::from_slice(vector)).collect();
        Ok(Tensor::f_linalg_qr(&Tensor::stack(&rows, 1), "reduced")?.0)
    };
    let both = basis(first)?.transpose(0, 1).matmul(&basis(second)?);
    let (_, cosines, _) = both.f_svd(true, true)?;
    Ok(Vec::<f64>::try_from(cosines.clamp(0.0, 1.0))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent::seeds::RandomState;

    fn rotated(codes: &Tensor) -> (Tensor, Tensor) {
        tch::manual_seed(3);
        let (turn, _) = Tensor::f_linalg_qr(&Tensor::randn([6, 6], (Kind::Double, Device::Cpu)), "reduced").unwrap();
        (codes.to_kind(Kind::Double).matmul(&turn.transpose(0, 1)) + 2.0, turn)
    }

    #[test]
    fn a_turned_space_is_found_again_and_its_directions_with_it() {
        let codes = RandomState::new(1).randn(200, 6);
        let (other, turn) = rotated(&codes);
        let found = Alignment::fit(&codes, &other, 1e-6).unwrap();
        assert!(found.r_squared > 0.9999, "{}", found.r_squared);
        assert_eq!(found.pairs, [160, 40]);
        let axis = |at: usize| (0..6).map(|number| f64::from(u8::from(number == at))).collect::<Vec<f64>>();
        let planted = |at: i64| Vec::<f64>::try_from(turn.select(1, at).contiguous()).unwrap();
        let carried: Vec<Vec<f64>> = (0..3).map(|at| found.carried(&axis(at)).unwrap()).collect();
        let second = [planted(2), planted(0), planted(5), planted(1)];
        let pairs = matched(&carried, &second);
        assert_eq!(pairs.iter().map(|(partner, _)| *partner).collect::<Vec<_>>(), [1, 3, 0]);
        assert!(pairs.iter().all(|(_, cosine)| *cosine > 0.9999), "{pairs:?}");
        let spans = principal_cosines(&carried, &[planted(1), planted(0), planted(4)]).unwrap();
        assert!(spans[1] > 0.9999 && spans[2] < 1e-3, "two axes shared, the third at a right angle: {spans:?}");
    }

    #[test]
    fn unrelated_spaces_explain_nothing_of_each_other() {
        let (codes, other) = (RandomState::new(1).randn(300, 6), RandomState::new(2).randn(300, 6));
        let found = Alignment::fit(&codes, &other, 1e-3).unwrap();
        assert!(found.r_squared.abs() < 0.15, "{}", found.r_squared);
        let said = Alignment::fit(&codes.narrow(0, 0, 11), &other.narrow(0, 0, 11), 1e-3).err().unwrap().to_string();
        assert!(said.contains("11 codes") && said.contains("at least 12"), "{said}");
    }

    /// NumPy's solution of the same ridge system, and SciPy's subspace angles; see tests/fixtures/make_directions.py.
    #[test]
    fn matches_numpy_and_scipy() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/directions.json")).unwrap();
        let case = &reference["alignment"];
        let rows = |key: &str| serde_json::from_value::<Vec<Vec<f64>>>(case[key].clone()).unwrap();
        let matrix = |key: &str| {
            let rows = rows(key);
            Tensor::from_slice(&rows.concat()).view([rows.len() as i64, -1])
        };
        let found = Alignment::fit(&matrix("first"), &matrix("second"), case["ridge"].as_f64().unwrap()).unwrap();
        approx::assert_abs_diff_eq!(found.r_squared, case["r_squared"].as_f64().unwrap(), epsilon = 1e-9);
        let error = (&found.map - matrix("map")).abs().max().double_value(&[]);
        assert!(error < 1e-9, "{error}");
        let cosines = principal_cosines(&rows("span_a"), &rows("span_b")).unwrap();
        let expected: Vec<f64> = serde_json::from_value(case["cosines"].clone()).unwrap();
        approx::assert_abs_diff_eq!(cosines[..], expected[..], epsilon = 1e-9);
    }
}
