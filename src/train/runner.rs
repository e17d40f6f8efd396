//! Runs phases: on a CPU from the host's tensors as they are; for a GPU by way of fixed tensors of the device, so that
//! the phase can be recorded once and repeated, and the host draws the next one meanwhile.

use tch::Device;

use super::config::Resolved;
use super::draws::{Draws, Moment};
use super::inputs::{self, Inputs};
use super::phases;
use super::schedule::{self, Phase};
use super::state::TrainState;
use super::{RealBatch, Rows};
use crate::engine::{GraphMemory, Repeated, Upload};
use crate::optim::Peers;
use crate::problem::Result;
use crate::seed::RunSeed;

/// What the phases of one step share.
pub struct Step<'a> {
    /// All of the run's settings.
    pub settings: &'a Resolved,
    /// Of the current attempt (another after each rollback).
    pub seed: RunSeed,
    /// Counted from 0.
    pub index: u64,
    /// Factor on the learning rates (halved by each rollback).
    pub learning_rate_scale: f64,
    /// Real images of the step, on the host: of all replicas.
    pub reals: &'a RealBatch,
    /// The replicas that train together.
    pub peers: &'a dyn Peers,
}

impl Step<'_> {
    /// Own images of the batch.
    fn rows(&self) -> Rows {
        Rows::of(self.peers, self.settings.groups())
    }
}

/// Runs phases of one state. Each draws from streams of its own name and step, never from libtorch's shared
/// generator, so that it repeats wherever training was interrupted and whatever else the process does.
#[derive(Debug)]
pub struct Runner {
    device: Device,
    graphs: bool,
    /// Whether inputs go by way of fixed tensors.
    staged: bool,
    programs: Vec<Program>,
    memory: GraphMemory,
}

/// Name and shape of each input.
type Shapes = Vec<(&'static str, Vec<i64>)>;

/// A phase with inputs of given shapes.
#[derive(Debug)]
struct Program {
    shapes: Shapes,
    upload: Upload,
    /// Where the upload arrives.
    inputs: Inputs,
    repeated: Repeated,
}

impl Runner {
    /// For a state on `device`, whose steps a GPU records where `graphs` asks for it. On a GPU, use it within one
    /// [`crate::engine::SideStream`].
    pub fn new(device: Device, graphs: bool) -> Self {
        Self { device, graphs, staged: device != Device::Cpu, programs: Vec::new(), memory: GraphMemory::default() }
    }

    /// Draws for a phase and runs it.
    ///
    /// # Errors
    /// The GPU reports a failure, or cannot record the phase.
    pub fn run(&mut self, phase: Phase, state: &mut TrainState, step: &Step<'_>) -> Result<()> {
        let moment = Moment { seed: step.seed, step: step.index, p: state.ada.p, rows: step.rows() };
        let draws = Draws::sample(phase, step.settings, &state.generator, moment);
        self.run_with(draws, state, step)
    }

    /// Runs the phase that `draws` are of: of the step's own rows.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn run_with(&mut self, draws: Draws, state: &mut TrainState, step: &Step<'_>) -> Result<()> {
        let phase = draws.phase();
        let network = phase.trains();
        let learning_rate = schedule::learning_rate(step.settings, network, step.learning_rate_scale);
        let rates = state.optimised(network).adam.next(learning_rate);
        let shapes = if self.staged { inputs::Shapes::Fixed } else { inputs::Shapes::AsDrawn };
        let inputs = Inputs::of(draws, step.reals, step.rows(), rates, (step.settings, shapes));
        if !self.staged {
            return phases::descend(&inputs, state, step.settings, step.peers);
        }
        let (shapes, tensors): (Vec<_>, Vec<_>) =
            inputs.tensors().into_iter().map(|(name, tensor)| ((name, tensor.size()), tensor)).unzip();
        let at = self.program(shapes, &inputs)?;
        let Program { upload, inputs: arrived, repeated, .. } = &mut self.programs[at];
        upload.send(&tensors)?;
        let mut done = Ok(());
        repeated.run(&mut self.memory, || done = phases::descend(arrived, state, step.settings, step.peers))?;
        done
    }

    /// The place of the program for inputs of such shapes, which is made where there is none.
    fn program(&mut self, shapes: Shapes, inputs: &Inputs) -> Result<usize> {
        let alike = |known: &Program| known.inputs.phase() == inputs.phase() && known.shapes == shapes;
        if let Some(at) = self.programs.iter().position(alike) {
            return Ok(at);
        }
        let lengths: Vec<i64> = shapes.iter().map(|(_, size)| size.iter().product()).collect();
        let upload = Upload::new(&lengths, self.device)?;
        let mut arrivals = upload.arrivals();
        let inputs = inputs.map(&mut |_, tensor| {
            let arrival = arrivals.next().expect("a place for each tensor");
            arrival.view(tensor.size().as_slice())
        });
        drop(arrivals);
        let repeated = Repeated::new(self.device, self.graphs);
        self.programs.push(Program { shapes, upload, inputs, repeated });
        Ok(self.programs.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    use crate::augment::ChannelRule;
    use crate::engine::watch::{self, PlainOperations, operations};
    use crate::nets::layers::resample::Resampling;
    use crate::nets::{Modulation, Network};
    use crate::optim::{Alone, Team};
    use crate::train::TrainConfig;
    use crate::train::config::Loss;

    fn settings() -> Resolved {
        Resolved::tiny(16, &[1, 1])
    }

    fn reals(index: u64) -> RealBatch {
        let values: Vec<f32> = (0..1024).map(|at| ((at + 7 * index) as f32 * 0.37).sin()).collect();
        let classes = Tensor::from_slice(&[0i64, 1, 1, 0]).one_hot(2).to_kind(tch::Kind::Float);
        RealBatch { pixels: Tensor::from_slice(&values).view([4, 1, 16, 16]), classes: Some(classes) }
    }

    /// What each setting beyond the usual ones makes of [`settings`].
    fn departures() -> Vec<Resolved> {
        let of = |change: &dyn Fn(&mut TrainConfig)| {
            let mut config = TrainConfig { batch: 4, ..TrainConfig::default() };
            (config.net.channel_base, config.net.channel_max) = (Some(64), Some(8));
            change(&mut config);
            config.resolve(16, &[ChannelRule::Image], &[1, 1]).unwrap()
        };
        vec![
            of(&|config| config.net.attention = Some(8)),
            of(&|config| config.net.modulation = Modulation::Adain),
            of(&|config| config.net.resampling = Resampling::Transposed),
            of(&|config| (config.quantise.sides, config.quantise.codes) = (vec![8, 4], 6)),
            of(&|config| (config.quantise.sides, config.quantise.pass_on) = (vec![4], false)),
            of(&|config| (config.objective.top_k, config.objective.top_k_kimg) = (0.5, 0.004)),
            of(&|config| (config.objective.lecam, config.objective.lecam_from_kimg) = (0.3, 0.004)),
            of(&|config| (config.objective.loss, config.objective.r2) = (Loss::Relativistic, true)),
            of(&|config| config.ada.augment = "diffaugment".parse().unwrap()),
            of(&|config| config.ada.augment = "diffaugment-medical".parse().unwrap()),
        ]
    }

    fn trained(runner: &mut Runner, settings: &Resolved, p: f64) -> TrainState {
        let mut state = TrainState::new(settings, RunSeed(1), Device::Cpu).unwrap();
        state.ada.p = p;
        for index in 0..3 {
            let reals = reals(index);
            let step =
                Step { settings, seed: RunSeed(1), index, learning_rate_scale: 1.0, reals: &reals, peers: &Alone };
            for phase in settings.lazy.due(index) {
                runner.run(phase, &mut state, &step).unwrap();
            }
        }
        assert_eq!(state.probes.failed(), None);
        state
    }

    #[test]
    fn by_way_of_fixed_tensors_it_is_the_same_training() {
        let plain = [(settings(), 0.0, 0.0), (settings(), 0.3, 2e-3)];
        for (settings, p, tolerance) in plain.into_iter().chain(departures().into_iter().map(|one| (one, 0.0, 0.0))) {
            let mut direct = Runner::new(Device::Cpu, true);
            let mut staged = Runner { staged: true, ..Runner::new(Device::Cpu, true) };
            let (one, other) = (trained(&mut direct, &settings, p), trained(&mut staged, &settings, p));
            assert!(direct.programs.is_empty());
            // One for each phase: shapes do not depend on what was drawn.
            assert_eq!(staged.programs.len(), 4);
            for (name, tensor) in one.generator.tensors().into_iter().chain(one.discriminator.tensors()) {
                let all = other.generator.tensors().into_iter().chain(other.discriminator.tensors());
                let twin = all.into_iter().find(|(at, twin)| *at == name && twin.size() == tensor.size()).unwrap().1;
                let error = (&tensor - &twin).abs().max().double_value(&[]);
                assert!(error <= tolerance, "p {p}, {name}: {error}");
            }
        }
    }

    /// What a phase leaves in a fresh state: the gradient (the first moment, without a decay), and what is in common.
    fn after(phase: Phase, settings: &Resolved, p: f64, peers: &dyn Peers) -> Vec<Tensor> {
        let mut state = TrainState::new(settings, RunSeed(1), Device::Cpu).unwrap();
        state.ada.p = p;
        let wave = Tensor::arange(16 * 256, (tch::Kind::Float, Device::Cpu)).sin().view([16, 1, 16, 16]);
        let classes = Tensor::arange(16, (tch::Kind::Int64, Device::Cpu)).remainder(2).one_hot(2);
        let reals = RealBatch { pixels: wave, classes: Some(classes.to_kind(tch::Kind::Float)) };
        let step = Step { settings, seed: RunSeed(1), index: 0, learning_rate_scale: 1.0, reals: &reals, peers };
        Runner::new(Device::Cpu, true).run(phase, &mut state, &step).unwrap();
        state.end_step(settings, peers).unwrap();
        let w_avg = state.generator.mapping.w_avg.shallow_clone();
        // What is logged are means: a loss is one value a replica.
        let sums = state.tick_sums.sums;
        let means = (sums.select(1, 0) / sums.select(1, 1)).nan_to_num(0.0, 0.0, 0.0);
        let of_batch = [w_avg, state.path_length_mean, means, state.ada_signal, state.logit_means];
        let gradients = [state.optimised_generator, state.optimised_discriminator].map(|one| one.adam.first);
        gradients.into_iter().chain(of_batch).map(|tensor| tensor.to_kind(tch::Kind::Double)).collect()
    }

    #[test]
    fn replicas_of_whole_groups_compute_what_one_does_with_the_whole_batch() {
        let of = |change: &dyn Fn(&mut TrainConfig)| {
            let mut config = TrainConfig { batch: 16, betas: (0.0, 0.99), ..TrainConfig::default() };
            (config.net.channel_base, config.net.channel_max) = (Some(64), Some(8));
            change(&mut config);
            config.resolve(16, &[ChannelRule::Image], &[1, 1]).unwrap()
        };
        let usual = of(&|_| ());
        let lecam = of(&|config| (config.objective.lecam, config.objective.lecam_from_kimg) = (0.3, 0.0));
        let pairs = of(&|config| (config.objective.loss, config.objective.r2) = (Loss::Relativistic, true));
        for (settings, p) in [(&usual, 0.0), (&usual, 0.7), (&lecam, 0.0), (&pairs, 0.7)] {
            for phase in settings.lazy.due(0) {
                let whole = after(phase, settings, p, &Alone);
                assert!(whole.iter().take(2).any(|gradient| gradient.abs().max().double_value(&[]) > 1e-6));
                for replicas in [2, 4] {
                    let members = Team::new(replicas).members(None);
                    let parts = std::thread::scope(|scope| {
                        let part = |member| scope.spawn(move || after(phase, settings, p, &member));
                        let threads: Vec<_> = members.into_iter().map(part).collect();
                        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
                    });
                    for part in &parts {
                        for (at, (found, expected)) in part.iter().zip(&whole).enumerate() {
                            let largest = expected.abs().max().double_value(&[]).max(1e-3);
                            let error = (found - expected).abs().max().double_value(&[]) / largest;
                            assert!(error < 1e-5, "{phase:?} in {replicas}, p {p}, number {at}: {error:.1e}");
                        }
                        // The same bits in all of them.
                        assert!(part.iter().zip(&parts[0]).all(|(one, other)| one.equal(other)), "{phase:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_phase_neither_waits_for_the_device_nor_brings_it_numbers() {
        let _plain = PlainOperations::enter();
        std::iter::once(settings()).chain(departures()).for_each(|settings| runs_on_the_device_alone(&settings));
        // The test sees what it looks for.
        let found = operations(|| {
            let _ = Tensor::from_slice(&[1f32]).double_value(&[0]);
        });
        for name in ["aten::zeros", "aten::item"] {
            assert!(found.iter().any(|found| found == name), "{found:?}");
        }
    }

    fn runs_on_the_device_alone(settings: &Resolved) {
        let mut state = TrainState::new(settings, RunSeed(1), Device::Cpu).unwrap();
        state.ada.p = 0.5;
        let mut runner = Runner { staged: true, ..Runner::new(Device::Cpu, true) };
        let reals = reals(0);
        let step =
            Step { settings, seed: RunSeed(1), index: 0, learning_rate_scale: 1.0, reals: &reals, peers: &Alone };
        for phase in settings.lazy.due(0) {
            // Once before, as before a recording: matrices that depend on sizes only are made and kept.
            runner.run(phase, &mut state, &step).unwrap();
            let program = runner.programs.iter().find(|program| program.inputs.phase() == phase).unwrap();
            let names = operations(|| phases::descend(&program.inputs, &mut state, settings, &Alone).unwrap());
            assert!(names.len() > 300, "{phase:?}: {} operations", names.len());
            for name in watch::NOT_TO_RECORD {
                let at = names.iter().position(|found| found == name);
                assert!(
                    at.is_none(),
                    "{phase:?} runs {name} after {:?}",
                    at.map(|at| &names[at.saturating_sub(4)..at + 4])
                );
            }
        }
    }
}
