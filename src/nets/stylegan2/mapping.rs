//! z (and class) to w: normalise, fully connected layers; running mean of w; truncation (Karras et al. 2019, section 2
//! and appendix B).

use tch::Tensor;

use crate::nets::layers::equalized::{Activation, Linear};
use crate::nets::network::{Init, Role, Visitor, join};

/// Layers learn a hundred times slower than the rest.
const MULTIPLIER: f64 = 0.01;

/// Fully connected layers on the normalised concatenation of latent and embedded class.
#[derive(Debug)]
pub(crate) struct MappingLayers {
    embed: Option<Linear>,
    layers: Vec<Linear>,
}

impl MappingLayers {
    /// `z_dim` 0 maps the class alone, `c_dim` 0 the latent alone.
    pub(crate) fn new(init: &Init, z_dim: i64, c_dim: i64, width: i64, depth: i64) -> Self {
        let embed = (c_dim > 0).then(|| Linear::new(&init.sub("embed"), c_dim, width, Activation::Linear, 1.0));
        let inputs = z_dim + if c_dim > 0 { width } else { 0 };
        let layers = (0..depth)
            .map(|i| {
                let inputs = if i == 0 { inputs } else { width };
                Linear::new(&init.sub(&format!("fc{i}")), inputs, width, Activation::LeakyRelu, MULTIPLIER)
            })
            .collect();
        Self { embed, layers }
    }

    /// z \[N, z_dim\], c \[N, c_dim\] -> \[N, width\].
    pub(crate) fn forward(&self, z: Option<&Tensor>, c: Option<&Tensor>) -> Tensor {
        let embedded = match (&self.embed, c) {
            (Some(embed), Some(c)) => Some(normalize(&embed.forward(c))),
            (None, None) => None,
            (Some(_), None) => panic!("a conditional network needs class labels"),
            (None, Some(_)) => panic!("an unconditional network takes no class labels"),
        };
        let x = match (z.map(normalize), embedded) {
            (Some(z), Some(c)) => Tensor::cat(&[z, c], 1),
            (Some(x), None) | (None, Some(x)) => x,
            (None, None) => panic!("a mapping needs a latent or a class"),
        };
        self.layers.iter().fold(x, |x, layer| layer.forward(&x))
    }

    pub(crate) fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        if let Some(embed) = &self.embed {
            embed.visit(&join(path, "embed"), visit);
        }
        for (i, layer) in self.layers.iter().enumerate() {
            layer.visit(&join(path, &format!("fc{i}")), visit);
        }
    }
}

/// x / sqrt(mean(x^2) + 1e-8) for each row.
fn normalize(x: &Tensor) -> Tensor {
    x * (x.square().mean_dim([1].as_slice(), true, None) + 1e-8).rsqrt()
}

/// The generator's mapping network.
#[derive(Debug)]
pub struct Mapping {
    layers: MappingLayers,
    num_ws: i64,
    /// Running mean of w \[w_dim\].
    pub w_avg: Tensor,
}

impl Mapping {
    pub(crate) fn new(init: &Init, z_dim: i64, c_dim: i64, w_dim: i64, depth: i64, num_ws: i64) -> Self {
        Self { layers: MappingLayers::new(init, z_dim, c_dim, w_dim, depth), num_ws, w_avg: init.zero_buffer(&[w_dim]) }
    }

    /// z \[N, z_dim\], c \[N, c_dim\] where conditional -> ws \[N, num_ws, w_dim\], the same w for every layer.
    pub fn forward(&self, z: &Tensor, c: Option<&Tensor>) -> Tensor {
        self.layers.forward(Some(z), c).unsqueeze(1).repeat([1, self.num_ws, 1])
    }

    /// Pulls ws \[N, num_ws, w_dim\] towards w_avg: w_avg + psi (w - w_avg), on the first `cutoff` layers or on all.
    pub fn truncate(&self, ws: &Tensor, psi: f64, cutoff: Option<i64>) -> Tensor {
        let layers = ws.size()[1];
        let cutoff = cutoff.unwrap_or(layers).clamp(0, layers);
        let near = self.w_avg.lerp(&ws.narrow(1, 0, cutoff), psi);
        Tensor::cat(&[near, ws.narrow(1, cutoff, layers - cutoff)], 1)
    }

    /// Mean w of a batch, \[w_dim\]: of the first layer's in ws \[N, num_ws, w_dim\].
    pub fn mean(ws: &Tensor) -> Tensor {
        ws.select(1, 0).mean_dim([0].as_slice(), false, None)
    }

    /// w_avg <- beta w_avg + (1 - beta) `mean`, which is of a batch \[w_dim\].
    pub fn update_w_avg(&mut self, mean: &Tensor, beta: f64) {
        let _ = tch::no_grad(|| self.w_avg.lerp_(mean, 1.0 - beta));
    }

    pub(crate) fn visit(&self, path: &str, visit: &mut Visitor<'_>) {
        self.layers.visit(path, visit);
        visit(join(path, "w_avg"), &self.w_avg, Role::Buffer);
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::seed::RunSeed;

    /// Two numbers to two numbers by one layer, for three layers of a synthesis.
    fn mapping() -> Mapping {
        Mapping::new(&Init::new(RunSeed(1), Device::Cpu, "mapping"), 2, 0, 2, 1, 3)
    }

    fn values(x: &Tensor) -> Vec<f32> {
        Vec::try_from(x.reshape([-1])).unwrap()
    }

    #[test]
    fn only_the_direction_of_z_counts() {
        let mapping = mapping();
        let mut stored = vec![];
        mapping.visit("", &mut |name, tensor, _| stored.push((name, tensor.shallow_clone())));
        let weight = stored.iter().find(|(name, _)| name == "fc0.weight").map(|(_, tensor)| tensor).unwrap();
        // As stored: the identity over the multiplier.
        tch::no_grad(|| weight.shallow_clone().copy_(&(Tensor::eye(2, (Kind::Float, Device::Cpu)) / MULTIPLIER)));
        let z = Tensor::from_slice(&[3.0_f32, -4.0]).view([1, 2]);
        let ws = mapping.forward(&z, None);
        assert_eq!(ws.size(), [1, 3, 2]);
        // (3, -4) / sqrt(12.5), over the root of two inputs, times sqrt(2), a fifth of it below zero.
        let expected = [3.0 / 12.5_f32.sqrt(), -0.2 * 4.0 / 12.5_f32.sqrt()];
        for w in values(&ws).chunks(2) {
            assert!((w[0] - expected[0]).abs() < 1e-6 && (w[1] - expected[1]).abs() < 1e-6, "{w:?}");
        }
        assert!(mapping.forward(&(&z * 10.0), None).allclose(&ws, 1e-6, 1e-6, false));
    }

    #[test]
    fn psi_pulls_towards_the_average() {
        let mut mapping = mapping();
        // From zero a quarter of the way to the batch's mean (4, 8).
        let batch = Tensor::from_slice(&[2.0_f32, 4.0, 6.0, 12.0]).view([2, 1, 2]).repeat([1, 3, 1]);
        mapping.update_w_avg(&Mapping::mean(&batch), 0.75);
        assert_eq!(values(&mapping.w_avg), [1.0, 2.0]);
        let ws = Tensor::from_slice(&[3.0_f32, 6.0]).view([1, 1, 2]).repeat([1, 3, 1]);
        assert_eq!(values(&mapping.truncate(&ws, 0.0, None)), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
        assert_eq!(values(&mapping.truncate(&ws, 0.5, None)), [2.0, 4.0, 2.0, 4.0, 2.0, 4.0]);
        assert_eq!(values(&mapping.truncate(&ws, 0.5, Some(1))), [2.0, 4.0, 3.0, 6.0, 3.0, 6.0]);
        assert_eq!(values(&mapping.truncate(&ws, 1.0, None)), values(&ws));
    }
}
