//! Latents from integer seeds, as NumPy's legacy `RandomState(seed).randn` draws them, so that seed 7 is everyone's
//! seed 7.

use crate::problem::{Problem, Result};
use rand_mt::Mt;
use tch::Tensor;

/// NumPy's legacy generator: MT19937 seeded by one integer, 53-bit doubles, Marsaglia's polar method.
#[derive(Clone, Debug)]
pub struct RandomState {
    twister: Mt,
    spare: Option<f64>,
}

impl RandomState {
    /// As `numpy.random.RandomState(seed)`.
    pub fn new(seed: u32) -> Self {
        Self { twister: Mt::new(seed), spare: None }
    }

    /// Uniform on [0, 1) with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        let high = f64::from(self.twister.next_u32() >> 5);
        let low = f64::from(self.twister.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// Standard normal; draws come in pairs, the second of the pair is returned first.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let x = 2.0 * self.uniform() - 1.0;
            let y = 2.0 * self.uniform() - 1.0;
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(factor * x);
                return factor * y;
            }
        }
    }

    /// `rows` x `columns` standard normals in row order, float32 \[rows, columns\], on the CPU.
    pub fn randn(&mut self, rows: i64, columns: i64) -> Tensor {
        let values: Vec<f32> = (0..rows * columns).map(|_| self.normal() as f32).collect();
        Tensor::from_slice(&values).reshape([rows, columns])
    }
}

/// z \[seeds, z_dim\], row i from `RandomState(seeds[i]).randn(1, z_dim)`, on the CPU.
pub fn latents(seeds: &[u32], z_dim: i64) -> Tensor {
    let rows: Vec<Tensor> = seeds.iter().map(|&seed| RandomState::new(seed).randn(1, z_dim)).collect();
    Tensor::cat(&rows, 0)
}

/// Seeds of one list, at most: 40 MB of them.
const MOST: usize = 10_000_000;

/// "0-99" or "1,5,7-9", in the order given.
///
/// # Errors
/// No such list, or one of more than ten million seeds.
pub fn parse_seeds(text: &str) -> Result<Vec<u32>> {
    let wrong = || Problem::usage(format!("seeds {text:?}")).expected("numbers and ranges, e.g. 0-99 or 1,5,7-9");
    let mut seeds = Vec::new();
    for part in text.split(',') {
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        match part.split_once('-') {
            None => seeds.push(number(part)?),
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if first > last {
                    return Err(wrong());
                }
                // Counted before they are written down.
                if seeds.len() + (last - first) as usize >= MOST {
                    return Err(wrong().expected(format!("at most {MOST} seeds")));
                }
                seeds.extend(first..=last);
            }
        }
        if seeds.len() > MOST {
            return Err(wrong().expected(format!("at most {MOST} seeds")));
        }
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_numpys() {
        // np.random.RandomState(0).randn(3)
        let z = Vec::<f32>::try_from(latents(&[0], 3).reshape([-1])).unwrap();
        assert_eq!(z, [1.764_052_345_967_664, 0.400_157_208_367_223_3, 0.978_737_984_105_739_2].map(|x: f64| x as f32));
        // np.random.RandomState(0).random_sample()
        assert!((RandomState::new(0).uniform() - 0.548_813_503_927_324_7).abs() < 1e-15);
    }

    #[test]
    fn lists_and_ranges_of_seeds() {
        assert_eq!(parse_seeds("0-3").unwrap(), [0, 1, 2, 3]);
        assert_eq!(parse_seeds("1, 5,7-9").unwrap(), [1, 5, 7, 8, 9]);
        for wrong in ["", "a", "3-1", "-1", "1-", "0-4294967295", "0-9999999,7", "0-18446744073709551615"] {
            assert_eq!(parse_seeds(wrong).unwrap_err().kind(), crate::problem::Kind::Usage, "{wrong}");
        }
    }
}
