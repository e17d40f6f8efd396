//! Every random number of a projection, drawn before it starts, from streams of the image's own name.
//!
//! An image's projection therefore does not depend on what else is in its batch.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use tch::{Device, Tensor};

use super::schedule;
use crate::seed::RunSeed;

/// Draws for N images.
pub struct Draws {
    /// One \[N, 1, r, r\] per noise map: where the maps start.
    pub noise: Vec<Tensor>,
    /// \[S, N, w_dim\]: standard normals for w in the first S steps; later steps have none.
    pub w: Tensor,
}

impl Draws {
    /// `sides`: of the noise maps in order; `steps`: of the whole projection.
    pub fn sample(seed: RunSeed, images: &[String], sides: &[i64], w_dim: i64, steps: u64, device: Device) -> Self {
        let count = images.len() as i64;
        let noisy_steps = (0..steps).take_while(|&step| schedule::w_noise(step, steps, schedule::NOISE) > 0.0).count();
        let mut noise = vec![Vec::new(); sides.len()];
        let mut w = vec![0f32; noisy_steps * images.len() * w_dim as usize];
        for (i, image) in images.iter().enumerate() {
            let mut stream = seed.stream(&format!("projection noise maps of {image}"), 0);
            for (map, &side) in noise.iter_mut().zip(sides) {
                map.extend(normals(&mut stream, (side * side) as usize));
            }
            let mut stream = seed.stream(&format!("projection w noise of {image}"), 0);
            for row in w.chunks_exact_mut(w_dim as usize).skip(i).step_by(images.len()) {
                row.copy_from_slice(&normals(&mut stream, w_dim as usize));
            }
        }
        let tensor = |values: &[f32], shape: &[i64]| Tensor::from_slice(values).reshape(shape).to_device(device);
        Self {
            noise: noise.iter().zip(sides).map(|(map, &side)| tensor(map, &[count, 1, side, side])).collect(),
            w: tensor(&w, &[noisy_steps as i64, count, w_dim]),
        }
    }
}

fn normals(stream: &mut ChaCha8Rng, count: usize) -> Vec<f32> {
    (0..count).map(|_| stream.sample(StandardNormal)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_draws_do_not_depend_on_its_batch() {
        let sample = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Draws::sample(RunSeed(4), &names, &[4, 8], 6, 20, Device::Cpu)
        };
        let (both, alone) = (sample(&["a", "b"]), sample(&["b"]));
        // Noise on w ends at three quarters of the steps.
        assert_eq!(both.w.size(), [15, 2, 6]);
        assert!(both.w.narrow(1, 1, 1).equal(&alone.w));
        assert!(both.noise[1].narrow(0, 1, 1).equal(&alone.noise[1]));
        assert!(!both.noise[1].narrow(0, 0, 1).equal(&alone.noise[1]));
        assert!(!both.w.get(0).equal(&both.w.get(1)));
    }
}
