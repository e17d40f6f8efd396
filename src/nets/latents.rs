//! Latents from integer seeds, as NumPy's legacy `RandomState(seed).randn` draws them, so that seed 7 is everyone's seed 7.

use rand_mt::Mt;
use tch::Tensor;

/// NumPy's legacy generator: MT19937 seeded by one integer, 53-bit doubles, Marsaglia's polar method.
#[derive(Clone, Debug)]
pub struct RandomState {
    twister: Mt,
    spare: Option<f64>,
}

impl RandomState {
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
