//! What generator and discriminator share: named tensors, strict loading, copying; and how parameters are first drawn.

use std::collections::BTreeMap;

use rand_distr::{Distribution, StandardNormal};
use tch::{Device, Kind, Tensor};

use crate::problem::{Kind as ProblemKind, Problem, Result};
use crate::seed::RunSeed;

/// Tensors by name.
pub type Named = BTreeMap<String, Tensor>;

/// What a tensor is to its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Trained by gradient.
    Parameter,
    /// Carried along.
    Buffer,
}

/// Receives each tensor of a network with its full name.
pub type Visitor<'a> = dyn FnMut(String, &Tensor, Role) + 'a;

/// A network as a set of named tensors.
pub trait Network {
    /// Calls `visit` once for every tensor.
    fn visit(&self, visit: &mut Visitor<'_>);

    /// Trainable tensors, sorted by name; they share storage with the network.
    fn parameters(&self) -> Vec<(String, Tensor)> {
        sorted(self, Role::Parameter)
    }

    /// Tensors that no gradient reaches (w_avg, constant noise), sorted by name; they share storage with the network.
    fn buffers(&self) -> Vec<(String, Tensor)> {
        sorted(self, Role::Buffer)
    }

    /// All tensors by name; they share storage with the network.
    fn tensors(&self) -> Named {
        self.parameters().into_iter().chain(self.buffers()).collect()
    }

    /// Number of trainable scalars.
    fn parameter_count(&self) -> u64 {
        self.parameters().iter().map(|(_, tensor)| tensor.numel() as u64).sum()
    }

    /// Copies values from `source` into the network.
    ///
    /// # Errors
    /// The two sets of names differ, or a shape or kind does; the message lists every difference and nothing is copied.
    fn load(&mut self, source: &Named) -> Result<()> {
        let mut own = self.tensors();
        let differences = differences(&own, source);
        if !differences.is_empty() {
            let shown = differences.iter().take(8).cloned().collect::<Vec<_>>().join("; ");
            let rest = differences.len().saturating_sub(8);
            let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
            return Err(Problem::new(ProblemKind::Input, format!("weights do not fit the network: {shown}{more}"))
                .expected("exactly the network's tensors")
                .advice("use weights of a network with the same settings"));
        }
        tch::no_grad(|| {
            for (name, tensor) in &mut own {
                tensor.copy_(&source[name]);
            }
        });
        Ok(())
    }

    /// Copies all values from another network of the same settings.
    ///
    /// # Errors
    /// As [`Network::load`].
    fn copy_from(&mut self, other: &Self) -> Result<()>
    where
        Self: Sized,
    {
        self.load(&other.tensors())
    }
}

fn sorted<N: Network + ?Sized>(network: &N, wanted: Role) -> Vec<(String, Tensor)> {
    let mut found = Vec::new();
    network.visit(&mut |name, tensor, role| {
        if role == wanted {
            found.push((name, tensor.shallow_clone()));
        }
    });
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn differences(own: &Named, source: &Named) -> Vec<String> {
    let mut found = Vec::new();
    for (name, tensor) in own {
        match source.get(name) {
            None => found.push(format!("{name} is missing")),
            Some(other) if other.size() != tensor.size() => {
                found.push(format!("{name} has shape {:?}, not {:?}", other.size(), tensor.size()))
            }
            Some(other) if other.kind() != tensor.kind() => {
                found.push(format!("{name} is {:?}, not {:?}", other.kind(), tensor.kind()))
            }
            Some(_) => {}
        }
    }
    found.extend(source.keys().filter(|name| !own.contains_key(*name)).map(|name| format!("{name} is unknown")));
    found
}

/// Draws first values. Each tensor has a stream of its own name, so neither order nor libtorch's generator matters.
#[derive(Clone, Debug)]
pub struct Init {
    seed: RunSeed,
    device: Device,
    path: String,
}

impl Init {
    /// `root` tells the networks of one run apart ("generator", "discriminator").
    pub fn new(seed: RunSeed, device: Device, root: &str) -> Self {
        Self { seed: seed.child(root, 0), device, path: String::new() }
    }

    /// The same below `name`.
    pub fn sub(&self, name: &str) -> Self {
        Self { seed: self.seed, device: self.device, path: join(&self.path, name) }
    }

    /// A trainable tensor from N(0, std^2).
    pub fn normal(&self, name: &str, shape: &[i64], std: f64) -> Tensor {
        (self.draw(name, shape) * std).set_requires_grad(true)
    }

    /// A trainable tensor of equal values.
    pub fn constant(&self, name: &str, shape: &[i64], value: f64) -> Tensor {
        debug_assert!(!name.is_empty());
        Tensor::full(shape, value, (Kind::Float, self.device)).set_requires_grad(true)
    }

    /// A buffer from N(0, 1).
    pub fn normal_buffer(&self, name: &str, shape: &[i64]) -> Tensor {
        self.draw(name, shape)
    }

    /// A buffer of zeros.
    pub fn zero_buffer(&self, shape: &[i64]) -> Tensor {
        Tensor::zeros(shape, (Kind::Float, self.device))
    }

    fn draw(&self, name: &str, shape: &[i64]) -> Tensor {
        let mut stream = self.seed.stream(&join(&self.path, name), 0);
        let count = shape.iter().product::<i64>() as usize;
        let values: Vec<f32> = StandardNormal.sample_iter(&mut stream).take(count).collect();
        Tensor::from_slice(&values).reshape(shape).to_device(self.device)
    }
}

/// `parent.child`, without a leading dot.
pub(crate) fn join(parent: &str, child: &str) -> String {
    if parent.is_empty() { child.to_owned() } else { format!("{parent}.{child}") }
}
