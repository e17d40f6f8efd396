//! Steps of Adam that can be stopped anywhere and gone on with to the same bytes: all that the next step depends on
//! lies in one file that is replaced whole.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::{Kind as Type, Tensor};

use super::bench::Bench;
use super::kept::{digest_of, is_changed};
use crate::files;
use crate::nets::network::Named;
use crate::nets::weights::{read_tensors, write_tensors};
use crate::optim::{Adam, AdamConfig, Flat};
use crate::problem::{Kind, Problem, Result};
use crate::records::arithmetic::Arithmetic;

/// Steps between two looks at the loss and at the wish to stop.
const CHUNK: u64 = 10;

/// Steps between two times that the state is kept; a multiple of [`CHUNK`].
const KEPT: u64 = 50;

/// What is fitted, and how.
pub(super) struct Course {
    /// For errors and bars: "the encoder".
    pub whose: String,
    /// Of the optimiser.
    pub steps: u64,
    /// Adam's.
    pub rate: f64,
    /// Whether the rate falls to 0 over the second half.
    pub falls: bool,
    /// Of all that the result depends on.
    pub key: String,
    /// The state, while it is under way; removed by whoever has written the result.
    pub underway: PathBuf,
}

/// What a step computes: the gradient \[values\], and the loss and the feature distance \[2\].
pub(super) struct Step {
    /// Of the parameters side by side.
    pub gradient: Tensor,
    /// float32 \[2\].
    pub losses: Tensor,
}

/// Means over each ten steps: loss and feature distance.
pub(super) type Losses = Vec<[f64; 2]>;

#[derive(Serialize, Deserialize)]
struct State {
    key: String,
    steps: u64,
    losses: Losses,
    computed_with: Arithmetic,
    /// As a [`Note`](super::kept::Note)'s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tensors_sha256: Option<String>,
}

/// Steps on `parameters` by the gradients of `step`, from the beginning or from where a run before was stopped, to the
/// last one or until the mean feature distance of ten steps is `enough`.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; a loss that is not a number; what `step` reports; state that was made with
/// another arithmetic.
pub(super) fn fit(
    bench: &Bench<'_>,
    course: &Course,
    parameters: Vec<Tensor>,
    enough: &dyn Fn(f64) -> bool,
    step: &mut dyn FnMut(&Flat, u64) -> Result<Step>,
) -> Result<Losses> {
    let flat = Flat::new(parameters);
    let mut adam = Adam::new(flat.values(), AdamConfig::default());
    let device = flat.values().device();
    let mut losses = begun(bench, course, &mut adam)?;
    bench.observer.begin(&course.whose, "steps", course.steps);
    bench.observer.advance(adam.steps);
    while adam.steps < course.steps && !losses.last().is_some_and(|[_, distance]| enough(*distance)) {
        if bench.observer.stop_requested() {
            keep(bench, course, &adam, &losses)?;
            let problem = Problem::new(Kind::Interrupted, format!("stopped while fitting {}", course.whose));
            return Err(problem.advice("the same command goes on where it stopped"));
        }
        let (first, last) = (adam.steps, (adam.steps + CHUNK).min(course.steps));
        // Summed where it lies: reading it each step would make a GPU wait.
        let mut sum = Tensor::zeros([2], (Type::Float, device));
        for at in first..last {
            let Step { gradient, losses } = step(&flat, at)?;
            let rates = adam.next(course.rate_at(at)).to_device(device);
            let _ = adam.step(&gradient, &rates);
            sum += losses.detach();
        }
        let sums = Vec::<f64>::try_from(sum.to_kind(Type::Double).to_device(tch::Device::Cpu))?;
        let mean = [sums[0], sums[1]].map(|sum| sum / (last - first) as f64);
        if !mean[0].is_finite() {
            return Err(Problem::new(
                Kind::Gate,
                format!("the loss of {} is {} before step {last}", course.whose, mean[0]),
            )
            .expected("a number")
            .advice("lower its learning rate"));
        }
        losses.push(mean);
        bench.observer.advance(last - first);
        bench.observer.status(&format!("loss {:.4}", mean[0]));
        if last % KEPT == 0 && last < course.steps {
            keep(bench, course, &adam, &losses)?;
        }
    }
    bench.observer.end();
    Ok(losses)
}

impl Course {
    fn rate_at(&self, step: u64) -> f64 {
        let left = (self.steps - step) as f64 / (self.steps as f64 / 2.0);
        if self.falls && left < 1.0 { self.rate * 0.5 * (1.0 - (std::f64::consts::PI * left).cos()) } else { self.rate }
    }
}

fn keep(bench: &Bench<'_>, course: &Course, adam: &Adam, losses: &Losses) -> Result<()> {
    let tensors: Named = [("values", &adam.values), ("first", &adam.first), ("second", &adam.second)]
        .map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone()))
        .into();
    let computed_with = bench.place.arithmetic.clone();
    let tensors_sha256 = Some(digest_of(&tensors)?);
    let state =
        State { key: course.key.clone(), steps: adam.steps, losses: losses.clone(), computed_with, tensors_sha256 };
    write_tensors(&course.underway, &tensors, &json!(state).to_string()).map(drop)
}

/// Puts the state of a run before into the optimiser; the losses so far.
fn begun(bench: &Bench<'_>, course: &Course, adam: &mut Adam) -> Result<Losses> {
    if !files::is_there(&course.underway)? {
        return Ok(Losses::new());
    }
    let file = match read_tensors(&course.underway) {
        Ok(file) => file,
        // No permission, a disk that fails: that says nothing about the state.
        Err(problem) if problem.kind() == Kind::Environment => return Err(problem),
        Err(problem) => {
            bench.observer.note(&format!("{problem}; begun again"));
            return Ok(Losses::new());
        }
    };
    let state = serde_json::from_str::<State>(&file.description).ok().filter(|state| state.key == course.key);
    if is_changed(&file.tensors, state.as_ref().and_then(|state| state.tensors_sha256.as_deref()))? {
        bench.observer.note(&format!("{}: changed since it was written; begun again", course.underway.display()));
        return Ok(Losses::new());
    }
    let parts = ["values", "first", "second"].map(|name| file.tensors.get(name));
    let (Some(state), [Some(values), Some(first), Some(second)]) = (state, parts) else { return Ok(Losses::new()) };
    if [values, first, second].iter().any(|tensor| tensor.size() != adam.values.size()) {
        return Ok(Losses::new());
    }
    if let Some(words) = bench.place.go_on(&state.computed_with, &course.underway)? {
        bench.observer.note(&format!("going on with {} begun with {words}", course.whose));
    }
    tch::no_grad(|| {
        adam.values.copy_(values);
        adam.first.copy_(first);
        adam.second.copy_(second);
    });
    adam.steps = state.steps;
    Ok(state.losses)
}
