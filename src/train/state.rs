//! Everything that matters for the next training step, and its form in a checkpoint.
//!
//! If a field matters for the next step it is in [`TrainState`], and [`TrainState::contents`] stores it. Random
//! draws need no state: each is a function of the run's seed, its purpose and the step.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::checkpoint::{Contents, Verified};
use super::config::Resolved;
use super::stats::{Probes, Quantity, TickSums};
use super::{Scores, transfer};
use crate::augment::Ada;
use crate::engine::Download;
use crate::nets::network::Named;
use crate::nets::{Discriminator, Generator, Network};
use crate::optim::adam::{Adam, side_by_side};
use crate::optim::ema;
use crate::problem::{Kind as ProblemKind, Problem, Result};
use crate::records::training::TickRecord;
use crate::seed::RunSeed;

/// Version of a checkpoint's layout.
const SCHEMA: u32 = 2;

/// Name of the best snapshot's network file within a checkpoint.
pub const BEST: &str = "network-best.safetensors";

const COUNTERS: &str = "state.json";
const STATS: &str = "stats.jsonl";

#[derive(Debug)]
pub struct TrainState {
    pub generator: Generator,
    pub discriminator: Discriminator,
    /// Moving average of the generator; the result of training.
    pub average: Generator,
    /// The storage of its parameters, in the order of the generator's own.
    average_values: Tensor,
    pub generator_adam: Adam,
    pub discriminator_adam: Adam,
    /// Running mean of the path lengths, float32 scalar.
    pub path_length_mean: Tensor,
    /// Augmentation probability and its controller.
    pub ada: Ada,
    /// Sum of sign D(real) and number of images in the controller's present interval, float64 \[2\]; with a fixed p in all.
    pub ada_signal: Tensor,
    /// Those of the interval before, which the controller goes by at the end of the present one: by then they have reached the
    /// host without anyone waiting for them.
    ada_reading: Download,
    pub tick_sums: TickSums,
    /// Whether the steps since the last look went well; empty in a checkpoint, which is saved after a look.
    pub probes: Probes,
    pub counters: Counters,
    /// Frechet distance of the best snapshot.
    pub best_distance: Option<f64>,
    /// The lines of `stats.jsonl`.
    pub stats: Vec<String>,
    /// Images of the checkpoint that holds exactly this state, where there is one; not part of a checkpoint.
    pub saved_images: Option<u64>,
}

/// The whole numbers and texts of the state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    /// Training steps done.
    pub step: u64,
    /// Ticks done.
    pub tick: u64,
    /// Images at which the best snapshot was taken.
    pub best_images: Option<u64>,
    /// SHA-256 of its network file.
    pub best_sha256: Option<String>,
    /// Times that training was rolled back in this run; each halves the learning rate.
    pub rollbacks: Vec<String>,
}

/// What a checkpoint says about the run it belongs to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    schema: u32,
    seed: u64,
    settings: serde_json::Value,
    data_sha256: String,
    counters: Counters,
    ada: Ada,
}

/// What must agree between a checkpoint and the run that wants to go on from it.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    pub seed: RunSeed,
    pub settings: &'a Resolved,
    /// Hash of the training images' source and of the base network.
    pub data_sha256: &'a str,
}

impl TrainState {
    /// The state before the first step: random networks, the average equal to the generator.
    pub fn new(settings: &Resolved, seed: RunSeed, device: Device) -> Result<Self> {
        let generator = Generator::new(&settings.generator, seed, device)?;
        let mut average = Generator::new(&settings.generator, seed, device)?;
        average.copy_from(&generator)?;
        let discriminator = Discriminator::new(&settings.discriminator, seed, device)?;
        let generator_adam = Adam::new(values(generator.parameters()));
        let discriminator_adam = Adam::new(trained(&discriminator, settings));
        let ada_signal = Tensor::zeros([2], (Kind::Double, device));
        Ok(Self {
            average_values: side_by_side(&mut values(average.parameters())),
            probes: Probes::new(device),
            ada_reading: Download::new(&ada_signal)?,
            generator_adam,
            discriminator_adam,
            path_length_mean: Tensor::zeros([0i64; 0], (Kind::Float, device)),
            ada: Ada::new(&settings.ada),
            ada_signal,
            tick_sums: TickSums::new(device),
            counters: Counters::default(),
            best_distance: None,
            stats: Vec::new(),
            saved_images: None,
            generator,
            discriminator,
            average,
        })
    }

    /// Takes what it can of a trained generator and, where given, discriminator; returns what starts anew.
    ///
    /// # Errors
    /// Networks that differ in more than classes and channels.
    pub fn start_from(
        &mut self,
        generator: &Generator,
        discriminator: Option<&Discriminator>,
        channels: &transfer::ChannelMap,
    ) -> Result<transfer::Fresh> {
        let mut fresh = transfer::generator(&mut self.generator, generator, channels)?;
        self.average.copy_from(&self.generator)?;
        match discriminator {
            Some(discriminator) => {
                fresh.extend(transfer::discriminator(&mut self.discriminator, discriminator, channels)?)
            }
            None => fresh.push("the discriminator".into()),
        }
        Ok(fresh)
    }

    pub fn device(&self) -> Device {
        self.generator.device()
    }

    /// Real images shown so far.
    pub fn images(&self, settings: &Resolved) -> u64 {
        self.counters.step * settings.batch
    }

    /// Moves the generator's average towards the generator; call after the step is counted.
    pub fn update_average(&mut self, settings: &Resolved) {
        let decay = ema::decay(settings.batch, self.images(settings), settings.ema_half_life, settings.ema_ramp);
        ema::update(&mut self.average_values, &self.generator_adam.values, decay);
        tch::no_grad(|| {
            for ((_, mut average), (_, live)) in self.average.buffers().into_iter().zip(self.generator.buffers()) {
                average.copy_(&live);
            }
        });
    }

    /// Tells the controller of the augmentation probability that a batch is done.
    ///
    /// # Errors
    /// The GPU reports a failure.
    pub fn update_augmentation(&mut self, settings: &Resolved) -> Result<()> {
        if settings.ada_fixed {
            return Ok(());
        }
        if !self.ada.is_due(&settings.ada) {
            self.ada.observe(&settings.ada, settings.batch, 0.0, 0);
            return Ok(());
        }
        let before = self.ada_reading.values()?;
        let (sum, count) = (before.double_value(&[0]), before.double_value(&[1]));
        self.ada.observe(&settings.ada, settings.batch, sum, count as u64);
        self.ada_reading.start(&self.ada_signal)?;
        let _ = self.ada_signal.zero_();
        Ok(())
    }

    /// The line of the log for the tick that ends here; starts the next tick's sums.
    pub fn tick_record(&mut self, settings: &Resolved, scores: Option<Scores>) -> TickRecord {
        let mean = |quantity| self.tick_sums.mean(quantity);
        let always = |quantity| mean(quantity).expect("a tick has at least one step");
        let record = TickRecord {
            tick: self.counters.tick,
            images: self.images(settings),
            loss_g: always(Quantity::LossGenerator),
            loss_d: always(Quantity::LossDiscriminator),
            r1: mean(Quantity::R1),
            path_length: mean(Quantity::PathLength),
            ada_p: self.ada.p,
            ada_rt: always(Quantity::RealSign),
            frechet: scores.map(|scores| scores.distance),
            frechet_all_classes: scores.and_then(|scores| scores.all_classes),
        };
        self.tick_sums.clear();
        record
    }

    /// Everything, as files of a checkpoint. `best` is the best snapshot's network file, where there is one.
    pub fn contents(&self, identity: &Identity<'_>, best: Option<PathBuf>) -> Result<Contents> {
        let header = Header {
            schema: SCHEMA,
            seed: identity.seed.0,
            settings: json(identity.settings)?,
            data_sha256: identity.data_sha256.to_owned(),
            counters: self.counters.clone(),
            ada: self.ada.clone(),
        };
        let header = format!("{:#}\n", json(&header)?);
        let stats: String = self.stats.iter().map(|line| format!("{line}\n")).collect();
        Ok(Contents {
            tensors: vec![
                ("generator", self.generator.tensors()),
                ("discriminator", self.discriminator.tensors()),
                ("average", self.average.tensors()),
                ("optimisers", self.optimisers()),
                ("scalars", self.scalars()?),
            ],
            texts: vec![(COUNTERS, header), (STATS, stats)],
            links: best.into_iter().map(|path| (BEST, path)).collect(),
        })
    }

    /// The state that `checkpoint` holds.
    ///
    /// # Errors
    /// The checkpoint belongs to other settings, another seed or other data; the message lists what differs.
    pub fn restore(checkpoint: &Verified, identity: &Identity<'_>, device: Device) -> Result<Self> {
        let path = checkpoint.file(COUNTERS);
        let header: Header = serde_json::from_str(&checkpoint.text(COUNTERS)?)
            .map_err(|error| Problem::input(&path, format!("not a checkpoint's state: {error}")).because(error))?;
        if header.schema != SCHEMA {
            return Err(Problem::input(&path, format!("schema {}", header.schema)).expected(format!("schema {SCHEMA}")));
        }
        let differences = differences(&header, identity)?;
        if !differences.is_empty() {
            return Err(Problem::new(ProblemKind::Usage, format!("a run with {}", differences.join(", ")))
                .at(&path)
                .expected("the settings of this command")
                .advice("repeat the settings of that run to go on with it, or choose another --out"));
        }
        let mut state = Self::new(identity.settings, identity.seed, device)?;
        state.generator.load(&checkpoint.tensors("generator")?)?;
        state.discriminator.load(&checkpoint.tensors("discriminator")?)?;
        state.average.load(&checkpoint.tensors("average")?)?;
        state.load_optimisers(&checkpoint.tensors("optimisers")?).map_err(|p| p.at(&checkpoint.path))?;
        // The fractions in it lost their last bit on the way through JSON; the scalars hold them exactly.
        state.ada = header.ada;
        state.load_scalars(&checkpoint.tensors("scalars")?).map_err(|p| p.at(&checkpoint.path))?;
        state.counters = header.counters;
        state.stats = checkpoint.text(STATS)?.lines().map(str::to_owned).collect();
        Ok(state)
    }

    fn optimisers(&self) -> Named {
        let mut named = BTreeMap::new();
        for (name, adam) in [("generator", &self.generator_adam), ("discriminator", &self.discriminator_adam)] {
            named.insert(format!("{name}.first"), adam.first.shallow_clone());
            named.insert(format!("{name}.second"), adam.second.shallow_clone());
            named.insert(format!("{name}.steps"), Tensor::from(adam.steps as i64));
        }
        named
    }

    fn load_optimisers(&mut self, named: &Named) -> Result<()> {
        for (name, adam) in [("generator", &mut self.generator_adam), ("discriminator", &mut self.discriminator_adam)] {
            adam.first.copy_(get(named, &format!("{name}.first"), &adam.first.size())?);
            adam.second.copy_(get(named, &format!("{name}.second"), &adam.second.size())?);
            adam.steps = get(named, &format!("{name}.steps"), &[])?.int64_value(&[]) as u64;
        }
        Ok(())
    }

    fn scalars(&self) -> Result<Named> {
        let mut named = BTreeMap::from([
            ("path_length_mean".to_owned(), self.path_length_mean.shallow_clone()),
            ("ada_p_and_rt".to_owned(), Tensor::from_slice(&[self.ada.p, self.ada.rt])),
            ("ada_signal".to_owned(), self.ada_signal.shallow_clone()),
            ("ada_reading".to_owned(), self.ada_reading.values()?.shallow_clone()),
            ("tick_sums".to_owned(), self.tick_sums.sums.shallow_clone()),
        ]);
        if let Some(distance) = self.best_distance {
            named.insert("best_distance".to_owned(), Tensor::from(distance));
        }
        Ok(named)
    }

    fn load_scalars(&mut self, named: &Named) -> Result<()> {
        let device = self.device();
        self.path_length_mean = get(named, "path_length_mean", &[])?.to_device(device);
        let exact = get(named, "ada_p_and_rt", &[2])?;
        (self.ada.p, self.ada.rt) = (exact.double_value(&[0]), exact.double_value(&[1]));
        self.ada_signal = get(named, "ada_signal", &[2])?.to_device(device);
        self.ada_reading.replace(get(named, "ada_reading", &[2])?)?;
        self.tick_sums.sums = get(named, "tick_sums", &self.tick_sums.sums.size())?.to_device(device);
        self.best_distance = named.get("best_distance").map(|tensor| tensor.double_value(&[]));
        Ok(())
    }
}

fn values(named: Vec<(String, Tensor)>) -> Vec<Tensor> {
    named.into_iter().map(|(_, tensor)| tensor).collect()
}

/// The discriminator's parameters but those of the frozen blocks, highest resolution first.
fn trained(discriminator: &Discriminator, settings: &Resolved) -> Vec<Tensor> {
    let frozen: Vec<String> = (0..settings.freeze_discriminator)
        .map(|block| format!("b{}.", settings.discriminator.resolution >> block))
        .collect();
    let named = discriminator.parameters();
    values(named.into_iter().filter(|(name, _)| !frozen.iter().any(|block| name.starts_with(block))).collect())
}

fn get<'a>(named: &'a Named, name: &str, shape: &[i64]) -> Result<&'a Tensor> {
    named
        .get(name)
        .filter(|tensor| tensor.size() == shape)
        .ok_or_else(|| Problem::new(ProblemKind::Input, format!("no tensor {name} of shape {shape:?}")))
}

fn json(value: &impl Serialize) -> Result<serde_json::Value> {
    // Through text, so that numbers compare equal to those that were read from a file.
    let text = crate::files::json_line(value)?;
    serde_json::from_str(&text)
        .map_err(|error| Problem::new(ProblemKind::Internal, format!("cannot read back own JSON: {error}")))
}

fn differences(header: &Header, identity: &Identity<'_>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if header.seed != identity.seed.0 {
        found.push(format!("seed {} (not {})", header.seed, identity.seed.0));
    }
    if header.data_sha256 != identity.data_sha256 {
        found.push("other training images or another base network".to_owned());
    }
    let mut compare = Vec::new();
    flatten("", &header.settings, &mut compare);
    let mut wanted = Vec::new();
    flatten("", &json(identity.settings)?, &mut wanted);
    let wanted: BTreeMap<_, _> = wanted.into_iter().collect();
    for (name, value) in &compare {
        match wanted.get(name) {
            Some(other) if other == value => {}
            Some(other) => found.push(format!("{name} = {value} (not {other})")),
            None => found.push(format!("{name} = {value}")),
        }
    }
    let known: Vec<&String> = compare.iter().map(|(name, _)| name).collect();
    found.extend(wanted.iter().filter(|(name, _)| !known.contains(name)).map(|(name, _)| format!("no {name}")));
    Ok(found)
}

fn flatten(path: &str, value: &serde_json::Value, out: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, out);
            }
        }
        leaf => out.push((path.to_owned(), leaf.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::train::checkpoint;

    fn settings() -> Resolved {
        Resolved::tiny(8, &[])
    }

    #[test]
    fn comes_back_from_a_checkpoint_bit_for_bit() {
        let settings = settings();
        let identity = Identity { seed: RunSeed(3), settings: &settings, data_sha256: "d" };
        let mut state = TrainState::new(&settings, RunSeed(3), Device::Cpu).unwrap();
        state.ada.p = 0.1 + 0.2;
        state.generator_adam.steps = 77;
        let _ = state.generator_adam.second.fill_(0.3);
        state.path_length_mean = Tensor::from(0.7f32);
        state.ada_reading.replace(&Tensor::from_slice(&[3f64, 4.0])).unwrap();
        state.best_distance = Some(1.0 / 3.0);
        state.counters = Counters { step: 5, tick: 1, rollbacks: vec!["once".into()], ..Counters::default() };
        state.stats = vec!["{\"tick\":1}".into()];
        let folder = tempfile::tempdir().unwrap();
        checkpoint::save(folder.path(), 20, &state.contents(&identity, None).unwrap()).unwrap();
        let found = checkpoint::newest(folder.path(), &Silent).unwrap().unwrap();
        let again = TrainState::restore(&found, &identity, Device::Cpu).unwrap();
        assert_eq!(again.ada, state.ada);
        assert_eq!(again.best_distance, state.best_distance);
        assert_eq!(Vec::<f64>::try_from(again.ada_reading.values().unwrap()).unwrap(), [3.0, 4.0]);
        assert_eq!(again.counters, state.counters);
        assert_eq!(again.stats, state.stats);
        assert_eq!(again.generator_adam.steps, 77);
        assert!(again.generator_adam.second.equal(&state.generator_adam.second));
        assert!(again.path_length_mean.equal(&state.path_length_mean));
        for (name, tensor) in state.discriminator.tensors() {
            assert!(again.discriminator.tensors()[&name].equal(&tensor), "{name}");
        }
    }

    #[test]
    fn another_setting_is_refused_and_named() {
        let settings = settings();
        let identity = Identity { seed: RunSeed(3), settings: &settings, data_sha256: "d" };
        let state = TrainState::new(&settings, RunSeed(3), Device::Cpu).unwrap();
        let folder = tempfile::tempdir().unwrap();
        checkpoint::save(folder.path(), 0, &state.contents(&identity, None).unwrap()).unwrap();
        let found = checkpoint::newest(folder.path(), &Silent).unwrap().unwrap();
        let other = Resolved { learning_rate: 1e-3, ..settings.clone() };
        let wrong = Identity { seed: RunSeed(4), settings: &other, data_sha256: "e" };
        let text = TrainState::restore(&found, &wrong, Device::Cpu).unwrap_err().to_string();
        for part in ["seed 3 (not 4)", "learning_rate = 0.0025 (not 0.001)", "other training images"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn freezing_leaves_the_highest_blocks_out() {
        let settings = settings();
        let discriminator = Discriminator::new(&settings.discriminator, RunSeed(0), Device::Cpu).unwrap();
        let all = trained(&discriminator, &settings).len();
        let frozen = trained(&discriminator, &Resolved { freeze_discriminator: 1, ..settings });
        let high = discriminator.parameters().iter().filter(|(name, _)| name.starts_with("b8.")).count();
        assert!(high > 0);
        assert_eq!(frozen.len(), all - high);
    }
}
