//! The steps of a fit: Adam, with a look at the loss and at the wish to stop every so many of them.

use tch::{Kind as Type, Tensor};

use crate::observer::Observer;
use crate::optim::{Adam, AdamConfig, Flat};
use crate::problem::{Kind, Problem, Result};

/// How long a fit goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// Whose loss it is, for errors: "the classifier".
    pub whose: &'static str,
    /// Of the optimiser.
    pub steps: u64,
    /// Steps between two looks at the clock, the loss and the wish to stop.
    pub chunk: u64,
}

/// Goes down along the gradient of `loss` at each step, at the `rate` of that step; the mean loss of each chunk.
///
/// # Errors
/// The loss is not a number, or the observer asks to stop.
pub(crate) fn descend(
    parameters: Vec<Tensor>,
    course: Course,
    rate: impl Fn(u64) -> f64,
    loss: impl Fn(u64) -> Tensor,
    observer: &dyn Observer,
) -> Result<Vec<f64>> {
    let Course { whose, steps, chunk } = course;
    let flat = Flat::new(parameters);
    let mut adam = Adam::new(flat.values(), AdamConfig::default());
    let device = flat.values().device();
    let mut losses = Vec::new();
    let mut first = 0;
    while first < steps {
        if observer.stop_requested() {
            return Err(Problem::new(Kind::Interrupted, "stopped; finished fits are kept"));
        }
        let last = (first + chunk).min(steps);
        // Summed where it lies: reading it each step would make a GPU wait.
        let mut sum = Tensor::zeros([], (Type::Float, device));
        for step in first..last {
            let loss = loss(step);
            let gradient = flat.gradient(&loss);
            let rates = adam.next(rate(step)).to_device(device);
            let _ = adam.step(&gradient, &rates);
            sum += loss.detach();
        }
        let mean = f64::try_from(sum)? / (last - first) as f64;
        if !mean.is_finite() {
            return Err(Problem::new(Kind::Gate, format!("{whose}'s loss is {mean} before step {last}"))
                .expected("a number")
                .advice("lower the learning rate"));
        }
        losses.push(mean);
        observer.advance(last - first);
        first = last;
    }
    Ok(losses)
}
