//! Gradients of penalties that are themselves made of gradients, held to differences.

use tch::{Kind, Tensor};

use crate::nets::Network;

/// Parameters of a network, all of them made positive: where its input is positive, too, no activation comes near the
/// kink of the leaky ReLU, at which gradients jump and differences say nothing.
pub fn smooth(network: &dyn Network, of: &str) -> Vec<Tensor> {
    let parameters = network.parameters().into_iter().filter(|(name, _)| name.starts_with(of));
    parameters
        .map(|(_, tensor)| {
            let _ = tch::no_grad(|| tensor.shallow_clone().abs_());
            tensor
        })
        .collect()
}

/// Follows the gradient of `penalty`, itself made of gradients, a little both ways: the penalty changes by as much as
/// the gradient's length says.
pub fn second_derivative_is_right(parameters: &[Tensor], penalty: &dyn Fn() -> Tensor) {
    let gradients = Tensor::run_backward(&[penalty()], parameters, false, false);
    let squares = |tensors: &mut dyn Iterator<Item = &Tensor>| {
        tensors.filter(|t| t.defined()).map(|t| t.square().sum(Kind::Double).double_value(&[])).sum::<f64>()
    };
    let length = squares(&mut gradients.iter()).sqrt();
    let step = 2e-4 * squares(&mut parameters.iter()).sqrt();
    let after = |sign: f64| {
        let moved = |amount: f64| {
            tch::no_grad(|| {
                for (parameter, gradient) in parameters.iter().zip(&gradients).filter(|(_, g)| g.defined()) {
                    let _ = parameter.shallow_clone().g_add_(&(gradient * (amount / length)));
                }
            });
        };
        moved(sign * step);
        let value = penalty().double_value(&[]);
        moved(-sign * step);
        value
    };
    let change = (after(1.0) - after(-1.0)) / (2.0 * step);
    assert!(length > 0.0 && (change / length - 1.0).abs() < 0.02, "{change} where {length} was told");
}
