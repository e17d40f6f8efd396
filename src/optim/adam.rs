//! Adam (Kingma and Ba 2015, algorithm 1) whose moments can be read, saved and restored bit for bit.
//!
//! The one optimiser of all stages: on the parameters of a network ([`super::Flat`]) and on the projector's unknowns.
//! What differs from step to step, the rate and the corrections of the moments' bias, comes as a tensor of two
//! values, so that a GPU can record a step.

use tch::Tensor;

use crate::engine::fused::{self, AdamState};

/// What stays the same from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamConfig {
    /// Decay rates of the first and the second moment, 0..1.
    pub betas: (f64, f64),
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

impl Default for AdamConfig {
    /// As published.
    fn default() -> Self {
        Self { betas: (0.9, 0.999), epsilon: 1e-8 }
    }
}

impl AdamConfig {
    /// What step number `step`, counted from 1, depends on besides the gradient: `learning_rate` over the first
    /// moment's correction, and the root of the second's.
    pub fn rates(&self, learning_rate: f64, step: u64) -> [f32; 2] {
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        [(learning_rate / correction(self.betas.0)) as f32, correction(self.betas.1).sqrt() as f32]
    }
}

/// Adam's state over one tensor of unknowns.
#[derive(Debug)]
pub struct Adam {
    config: AdamConfig,
    /// What is descended on; shares the storage of the tensor that it was made for.
    pub values: Tensor,
    /// Running mean of the gradient, of the shape of `values`.
    pub first: Tensor,
    /// Running mean of its square, of the same shape.
    pub second: Tensor,
    /// Steps taken.
    pub steps: u64,
}

impl Adam {
    /// Zero moments for `values`, contiguous float32 of any shape, which each step moves in place. A step is not seen
    /// by libtorch's check for values changed in place: do not differentiate through a graph that is older than it.
    pub fn new(values: &Tensor, config: AdamConfig) -> Self {
        let (first, second) = (values.zeros_like(), values.zeros_like());
        Self { config, values: values.shallow_clone(), first, second, steps: 0 }
    }

    /// Counts a step and gives its [`AdamConfig::rates`], float32 \[2\] on the host.
    pub fn next(&mut self, learning_rate: f64) -> Tensor {
        self.steps += 1;
        Tensor::from_slice(&self.config.rates(learning_rate, self.steps))
    }

    /// Moves the values against `gradient`, of their shape; `rates` \[2\] are of [`Adam::next`], on the device.
    /// Returns the gradient's squared norm, float64 \[\]. Where that is finite, so are the moments and the new
    /// values.
    pub fn step(&mut self, gradient: &Tensor, rates: &Tensor) -> Tensor {
        let state = AdamState { values: &self.values, moments: [&self.first, &self.second] };
        fused::adam(state, gradient, rates, self.config.betas, self.config.epsilon)
    }
}

#[cfg(test)]
mod tests {
    use tch::{COptimizer, Device, Kind};

    use super::super::Flat;
    use super::*;

    #[test]
    fn agrees_with_the_reference_numbers() {
        // tests/fixtures/make_adam.py: ten steps of Adam in float64 by the paper's algorithm 1.
        let text = include_str!("../../tests/fixtures/adam.json");
        let fixture: serde_json::Value = serde_json::from_str(text).unwrap();
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
        };
        let floats = |value: &serde_json::Value| -> Vec<f32> { numbers(value).iter().map(|&x| x as f32).collect() };
        for case in fixture["cases"].as_array().unwrap() {
            let betas = numbers(&case["betas"]);
            let learning_rate = case["learning_rate"].as_f64().unwrap();
            let values = Tensor::from_slice(&floats(&case["start"]));
            let mut adam = Adam::new(&values, AdamConfig { betas: (betas[0], betas[1]), epsilon: 1e-8 });
            let gradients = case["gradients"].as_array().unwrap();
            for (gradient, expected) in gradients.iter().zip(case["parameters"].as_array().unwrap()) {
                let rates = adam.next(learning_rate);
                let _ = adam.step(&Tensor::from_slice(&floats(gradient)), &rates);
                for (index, want) in numbers(expected).into_iter().enumerate() {
                    approx::assert_relative_eq!(values.double_value(&[index as i64]), want, max_relative = 2e-6);
                }
            }
            assert_eq!(adam.steps, gradients.len() as u64);
        }
    }

    #[test]
    fn the_first_step_is_the_learning_rate() {
        let values = Tensor::from_slice(&[1f32, 1.0, 1.0]);
        let mut adam = Adam::new(&values, AdamConfig::default());
        let rates = adam.next(0.1);
        let _ = adam.step(&Tensor::from_slice(&[5f32, -0.01, 0.0]), &rates);
        let expected = Tensor::from_slice(&[0.9f32, 1.1, 1.0]);
        assert!(values.allclose(&expected, 0.0, 1e-6, false), "{values}");
    }

    /// A fit of a line by each, from the same start. Ours works with constants of single precision: 1 - 0.999 is off
    /// by 1.3e-5 of itself, and so a step by half of that.
    #[test]
    fn two_hundred_steps_end_where_libtorchs_own_adam_does() {
        let x = Tensor::linspace(-1, 1, 64, (Kind::Float, Device::Cpu)).view([64, 1]);
        let target = &x * 1.5 - 0.25;
        let start = || [[0.3f32], [0.1]].map(|value| Tensor::from_slice(&value).set_requires_grad(true));
        let loss = |line: &[Tensor]| (&x * &line[0] + &line[1] - &target).square().mean(Kind::Float);
        let theirs = start();
        let mut reference = COptimizer::adam(0.02, 0.9, 0.999, 0.0, 1e-8, false).unwrap();
        theirs.iter().for_each(|parameter| reference.add_parameters(parameter, 0).unwrap());
        let ours = start();
        let flat = Flat::new(ours.iter().map(Tensor::shallow_clone).collect());
        let mut adam = Adam::new(flat.values(), AdamConfig::default());
        for step in 0..200 {
            reference.zero_grad().unwrap();
            loss(&theirs).backward();
            reference.step().unwrap();
            let gradient = flat.gradient(&loss(&ours));
            let rates = adam.next(0.02);
            let _ = adam.step(&gradient, &rates);
            for (ours, theirs) in ours.iter().zip(&theirs) {
                let (ours, theirs) = (ours.double_value(&[0]), theirs.double_value(&[0]));
                let farthest = 0.02 * f64::from(step + 1);
                assert!((ours - theirs).abs() < 2e-5 * farthest, "step {step}: {ours} and {theirs}");
            }
        }
        assert!(loss(&ours).double_value(&[]) < 1e-3);
    }
}
