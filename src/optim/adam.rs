//! Adam (Kingma and Ba 2015) whose moments can be read, saved and restored bit for bit.
//!
//! All parameters of a network share one flat vector, and so do their moments, so that a step is a handful of large
//! operations. Nothing here touches gradients' values: a non-finite gradient is for the caller to refuse.

use tch::{Device, Kind, Tensor};

use crate::engine::fused::{self, AdamState};

/// Settings of one optimiser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamConfig {
    pub learning_rate: f64,
    pub betas: (f64, f64),
    pub epsilon: f64,
}

/// Adam's state for a fixed list of parameters.
#[derive(Debug)]
pub struct Adam {
    /// In the order in which every call passes parameters and gradients.
    parameters: Vec<Tensor>,
    /// The storage that they all lie in.
    pub values: Tensor,
    /// First and second moment, flat, in parameter order.
    pub first: Tensor,
    pub second: Tensor,
    /// Steps taken.
    pub steps: u64,
}

impl Adam {
    /// Zero moments for `parameters`, which move to a common storage ([`side_by_side`]). A step is not seen by libtorch's check for values changed in place: do not
    /// differentiate through a graph that is older than it.
    pub fn new(mut parameters: Vec<Tensor>) -> Self {
        let values = side_by_side(&mut parameters);
        Self { first: values.zeros_like(), second: values.zeros_like(), steps: 0, parameters, values }
    }

    pub fn parameters(&self) -> &[Tensor] {
        &self.parameters
    }

    /// One flat gradient in parameter order; a parameter that the loss does not reach counts as zero.
    pub fn flatten(&self, gradients: &[Tensor]) -> Tensor {
        assert_eq!(gradients.len(), self.parameters.len(), "one gradient a parameter");
        let flat: Vec<Tensor> = gradients
            .iter()
            .zip(&self.parameters)
            .map(
                |(gradient, parameter)| {
                    if gradient.defined() { gradient.reshape([-1]) } else { parameter.zeros_like().reshape([-1]) }
                },
            )
            .collect();
        Tensor::cat(&flat, 0)
    }

    /// Counts a step; what it depends on besides the gradient, float32 \[2\] on the host: the learning rate over the first
    /// moment's correction, and the root of the second's.
    pub fn next(&mut self, config: &AdamConfig) -> Tensor {
        let (beta1, beta2) = config.betas;
        self.steps += 1;
        let correction1 = 1.0 - beta1.powf(self.steps as f64);
        let correction2 = 1.0 - beta2.powf(self.steps as f64);
        Tensor::from_slice(&[(config.learning_rate / correction1) as f32, correction2.sqrt() as f32])
    }

    /// Moves the parameters against `gradient` (flat, from [`Adam::flatten`]); `rates` are of [`Adam::next`], on the device.
    /// Returns the gradient's squared norm, float64 \[\].
    pub fn step(&mut self, gradient: &Tensor, rates: &Tensor, config: &AdamConfig) -> Tensor {
        let state = AdamState { values: &self.values, moments: [&self.first, &self.second] };
        fused::adam(state, gradient, rates, config.betas, config.epsilon)
    }
}

/// Puts `parameters` (contiguous float32 leaves on one device) side by side into one new storage, which is returned, and
/// makes each a view of its part; whoever shares the tensors goes with them.
pub fn side_by_side(parameters: &mut [Tensor]) -> Tensor {
    let flat: Vec<Tensor> = parameters.iter().map(|parameter| parameter.detach().reshape([-1])).collect();
    let values = if flat.is_empty() { Tensor::zeros([0], (Kind::Float, Device::Cpu)) } else { Tensor::cat(&flat, 0) };
    let mut offset = 0;
    for parameter in parameters {
        let length = parameter.numel() as i64;
        parameter.set_data(&values.narrow(0, offset, length).view_as(parameter));
        offset += length;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_reference_numbers() {
        // tests/fixtures/make_adam.py: ten steps of Adam in float64 by the paper's algorithm 1.
        let text = include_str!("../../tests/fixtures/adam.json");
        let fixture: serde_json::Value = serde_json::from_str(text).unwrap();
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
        };
        for case in fixture["cases"].as_array().unwrap() {
            let start: Vec<f32> = numbers(&case["start"]).iter().map(|&x| x as f32).collect();
            let betas = numbers(&case["betas"]);
            let config = AdamConfig {
                learning_rate: case["learning_rate"].as_f64().unwrap(),
                betas: (betas[0], betas[1]),
                epsilon: 1e-8,
            };
            // Two parameters, so that the split of the flat update is tested too.
            let parts = [Tensor::from_slice(&start[..4]).view([2, 2]), Tensor::from_slice(&start[4..])];
            let mut adam = Adam::new(parts.iter().map(Tensor::shallow_clone).collect());
            for (gradient, expected) in
                case["gradients"].as_array().unwrap().iter().zip(case["parameters"].as_array().unwrap())
            {
                let gradient: Vec<f32> = numbers(gradient).iter().map(|&x| x as f32).collect();
                let gradients = [Tensor::from_slice(&gradient[..4]).view([2, 2]), Tensor::from_slice(&gradient[4..])];
                let flat = adam.flatten(&gradients);
                let rates = adam.next(&config);
                let _ = adam.step(&flat, &rates, &config);
                let now = Tensor::cat(&[parts[0].reshape([-1]), parts[1].reshape([-1])], 0);
                for (index, want) in numbers(expected).into_iter().enumerate() {
                    approx::assert_relative_eq!(now.double_value(&[index as i64]), want, max_relative = 2e-6);
                }
            }
        }
    }

    #[test]
    fn the_first_step_is_the_learning_rate() {
        let parameter = Tensor::from_slice(&[1f32, 1.0]);
        let mut adam = Adam::new(vec![parameter.shallow_clone()]);
        let config = AdamConfig { learning_rate: 0.1, betas: (0.9, 0.999), epsilon: 1e-8 };
        let flat = adam.flatten(&[Tensor::from_slice(&[5f32, -0.01])]);
        let rates = adam.next(&config);
        let _ = adam.step(&flat, &rates, &config);
        approx::assert_relative_eq!(parameter.double_value(&[0]), 0.9, max_relative = 1e-5);
        approx::assert_relative_eq!(parameter.double_value(&[1]), 1.1, max_relative = 1e-5);
    }

    #[test]
    fn an_unreached_parameter_stays() {
        let parameters = [Tensor::from_slice(&[1f32]), Tensor::from_slice(&[2f32])].map(|p| p.set_requires_grad(true));
        let mut adam = Adam::new(parameters.iter().map(Tensor::shallow_clone).collect());
        let loss = parameters[0].sum(Kind::Float);
        let gradients = Tensor::run_backward(&[loss], &parameters, false, false);
        let flat = adam.flatten(&gradients);
        let config = AdamConfig { learning_rate: 0.1, betas: (0.0, 0.99), epsilon: 1e-8 };
        let rates = adam.next(&config);
        let _ = adam.step(&flat, &rates, &config);
        assert_eq!(parameters[1].double_value(&[0]), 2.0);
        assert!(parameters[0].double_value(&[0]) < 1.0);
    }
}
