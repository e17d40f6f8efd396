//! z (and class) to w: normalise, fully connected layers; running mean of w; truncation (Karras et al. 2019, sections 2 and 3).

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
