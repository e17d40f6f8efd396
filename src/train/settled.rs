//! What a run settles on the machine where it begins, and obeys wherever it goes on: the precision, by measurement, and
//! the parts of a batch. A checkpoint has both, so that going on is exact.

use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use super::config::{Resolved, TrainConfig};
use super::identity::{self, Identity};
use super::parts::training_gflop;
use super::{RunFolder, saved};
use crate::engine::{Engine, Group, Place, Precision, speed};
use crate::files;
use crate::nets::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, Network, Noise};
use crate::problem::{Problem, Result};
use crate::records::precision::{ChosenPrecision, PrecisionSpeed};
use crate::run_dir::GanDir;
use crate::seed::RunSeed;

/// GFLOP of training, at most, of the images that a precision is measured on, unless one image alone has more.
const MEASURED_GFLOP: f64 = 10.0;

/// GFLOP of a whole run below which nothing is measured: it would be over as soon as the measurement.
const NEGLIGIBLE_GFLOP: f64 = 100.0;

/// Images that it is measured on: whole groups of the minibatch deviation, or one.
const MEASURED_IMAGES: [i64; 2] = [8, 4];

/// Settings of a run, settled on this machine.
#[derive(Debug)]
pub struct Settled {
    /// None is open.
    pub settings: Resolved,
    /// Threads of one operation.
    pub threads: usize,
    /// What the precision was chosen by, where this run began by measuring it.
    pub speed: Option<PrecisionSpeed>,
}

/// Settles what `config` leaves open in `settings`, as the run in `dir` has it, else by this machine.
///
/// With a `group` the first of its processes settles for all of them.
///
/// # Errors
/// A precision or parts that the device, the batch or the processes do not allow; another process has gone.
pub fn settle(
    settings: Resolved,
    config: &TrainConfig,
    dir: &GanDir,
    (engine, group): (&Engine, Option<&Group>),
) -> Result<Settled> {
    let Some(group) = group else { return alone(settings, config, dir, (engine, 1)) };
    let processes = group.size() as u64;
    require_shares(&settings, processes)?;
    // What the first settles, and whatever keeps it from settling, holds for all: the others wait for it here.
    let own = match group.rank() {
        0 => Some(alone(settings.clone(), config, dir, (engine, processes))?),
        _ => None,
    };
    let said = own.as_ref().map_or([0.0; 3], |settled| {
        [settled.settings.precision.to_number(), settled.settings.replicas as f64, settled.threads as f64]
    });
    let first = group.gather(&Tensor::from_slice(&said))?.remove(0);
    let said = |at| first.double_value(&[at]);
    if let Some(own) = own {
        return Ok(own);
    }
    let precision = Precision::of_number(said(0))?;
    let (replicas, threads) = (said(1) as u64, said(2) as usize);
    Ok(Settled { settings: Resolved { precision, replicas, ..settings }, threads, speed: None })
}

/// Refuses processes among which the groups of a batch cannot be shared.
///
/// # Errors
/// `Kind::Usage`: that, with the numbers of processes that can.
pub fn require_shares(settings: &Resolved, processes: u64) -> Result<()> {
    let groups = settings.groups();
    if groups.is_multiple_of(processes) {
        return Ok(());
    }
    let list: Vec<String> = super::parts::divisions(groups).iter().map(u64::to_string).collect();
    Err(Problem::usage(format!("{processes} processes for a batch of {}", settings.batch)).expected(format!(
        "a divisor of its {groups} groups of the minibatch deviation: {} processes",
        list.join(", ")
    )))
}

/// Refuses processes of one run that would compute different things.
///
/// # Errors
/// `Kind::Usage`: other settings, data, seed, libtorch or instructions in one of them.
pub fn require_alike(group: &Group, identity: &Identity<'_>, place: &Place) -> Result<()> {
    let Identity { seed, settings, data_sha256 } = identity;
    let text = format!("{seed:?} {} {data_sha256} {:?}", identity::json(settings)?, place.arithmetic);
    let hash = Sha256::digest(text.as_bytes());
    let words: Vec<f64> = hash[..8].iter().map(|&byte| f64::from(byte)).collect();
    let all = group.gather(&Tensor::from_slice(&words))?;
    match all.iter().position(|one| !one.equal(&all[0])) {
        None => Ok(()),
        Some(rank) => Err(Problem::usage(format!("process {rank} differs from process 0"))
            .expected("the same data set, settings, seed, libtorch and processor in all processes of a run")
            .advice("start all of them with one command line, on machines of one kind")),
    }
}

/// Settles in the first of so many processes.
fn alone(
    mut settings: Resolved,
    config: &TrainConfig,
    dir: &GanDir,
    (engine, processes): (&Engine, u64),
) -> Result<Settled> {
    let begun = saved::begun(&dir.checkpoints())?;
    let bounded = settings.generator.conv_clamp.is_some();
    let mut measured = None;
    settings.precision = match (config.precision, begun, engine.device) {
        (Precision::Auto, Some(begun), device) => begun.precision.resolve(device, bounded)?,
        (Precision::Auto, None, Device::Cpu) if is_negligible(&settings.generator, config) => Precision::Float32,
        (Precision::Auto, None, Device::Cpu) => {
            measured = compare(&settings.generator, &settings.discriminator)?;
            speed::choose(measured.as_ref())
        }
        (chosen, _, device) => chosen.resolve(device, bounded)?,
    };
    let asked = config.replicas.or(begun.map(|begun| begun.replicas));
    settings.replicas = settings.replicas(asked, engine.device, (engine.facts.threads, processes))?;
    let begun_threads = begun.and_then(|begun| begun.threads).map(|threads| threads as usize);
    let threads = match settings.replicas {
        1 => engine.facts.threads,
        _ => begun_threads.unwrap_or_else(|| settings.threads(engine.facts.threads * processes as usize)),
    };
    Ok(Settled { settings, threads, speed: measured })
}

impl Settled {
    /// Writes down what was measured, apart from the checkpoints, which repeat bit for bit.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn note(&self, folder: &RunFolder<'_>) -> Result<()> {
        match &self.speed {
            Some(seconds) => {
                let precision = self.settings.precision.name().to_owned();
                files::write_json(folder.dir.precision(), &ChosenPrecision { precision, seconds: *seconds })
            }
            None => Ok(()),
        }
    }

    /// What the last bits of the run depend on here: with replicas not on the process's threads, but on theirs.
    pub fn place(&self, engine: &Engine) -> Place {
        match self.settings.replicas {
            1 => engine.place.clone(),
            _ => engine.place.with_threads(self.threads as u64),
        }
    }
}

fn is_negligible(generator: &GeneratorConfig, config: &TrainConfig) -> bool {
    config.total_images() as f64 * training_gflop(generator) < NEGLIGIBLE_GFLOP
}

/// `config` with what another training on a CPU came to by measuring, or without, where the precision is open:
/// trainings that are compared with one another must not differ in it by chance, wherever each of them runs.
///
/// # Errors
/// A choice that is no precision.
pub fn in_precision(choice: Option<&ChosenPrecision>, config: &TrainConfig, device: Device) -> Result<TrainConfig> {
    if (config.precision, device) != (Precision::Auto, Device::Cpu) {
        return Ok(config.clone());
    }
    let precision = choice.map_or(Ok(Precision::Float32), |choice| Precision::of_name(&choice.precision))?;
    Ok(TrainConfig { precision, ..config.clone() })
}

/// What bfloat16 brings for a step of both networks, in which every convolution is computed forward and backward.
///
/// # Errors
/// Networks that cannot be built.
pub fn compare(generator: &GeneratorConfig, discriminator: &DiscriminatorConfig) -> Result<Option<PrecisionSpeed>> {
    let affordable = |images: &i64| *images as f64 * training_gflop(generator) <= MEASURED_GFLOP;
    let images = MEASURED_IMAGES.into_iter().find(affordable).unwrap_or(1);
    let (c_dim, device) = (generator.c_dim, Device::Cpu);
    // Speed does not depend on the weights, nor on a codebook's state, which a step would move.
    let discriminator = DiscriminatorConfig { quantise: None, ..discriminator.clone() };
    let generator = Generator::new(generator, RunSeed(0), device)?;
    let discriminator = Discriminator::new(&discriminator, RunSeed(0), device)?;
    let wave = |shape: [i64; 2]| Tensor::arange(shape[0] * shape[1], (Kind::Float, device)).sin().reshape(shape);
    let z = wave([images, generator.config().z_dim]);
    let c = (c_dim > 0).then(|| Tensor::eye(c_dim, (Kind::Float, device)).narrow(0, 0, 1).repeat([images, 1]));
    let named = generator.parameters().into_iter().chain(discriminator.parameters());
    let parameters: Vec<Tensor> = named.map(|(_, tensor)| tensor).collect();
    Ok(speed::compare(&|| {
        let ws = generator.mapping.forward(&z, c.as_ref());
        let images = generator.synthesis.forward(&ws, &Noise::Const);
        let loss = discriminator.forward(&images, c.as_ref()).softplus().mean(Kind::Float);
        drop(Tensor::run_backward(&[loss], &parameters, false, false));
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_is_over_at_once_is_not_measured() {
        let generator = TrainConfig::default().net.generator(32, 1);
        let worth = NEGLIGIBLE_GFLOP / training_gflop(&generator);
        let of = |images: f64| TrainConfig { kimg: images / 1000.0, batch: 1, ..TrainConfig::default() };
        assert!(is_negligible(&generator, &of((worth * 0.9).floor())));
        assert!(!is_negligible(&generator, &of((worth * 1.1).ceil())));
    }

    #[test]
    fn trainings_that_are_compared_compute_alike() {
        let seconds = PrecisionSpeed { ratio: 1.5, lower: 1.4, upper: 1.6, pairs: 9 };
        let chosen = |precision: &str| ChosenPrecision { precision: precision.to_owned(), seconds };
        let auto = TrainConfig::default();
        let alike = |first, config: &TrainConfig, device| in_precision(first, config, device).map(|one| one.precision);
        let low = chosen("bfloat16");
        assert_eq!(alike(Some(&low), &auto, Device::Cpu).unwrap(), Precision::Bfloat16);
        assert_eq!(alike(None, &auto, Device::Cpu).unwrap(), Precision::Float32);
        assert_eq!(alike(Some(&low), &auto, Device::Cuda(0)).unwrap(), Precision::Auto);
        let full = TrainConfig { precision: Precision::Float32, ..auto.clone() };
        assert_eq!(alike(Some(&low), &full, Device::Cpu).unwrap(), Precision::Float32);
        assert!(alike(Some(&chosen("float8")), &auto, Device::Cpu).unwrap_err().to_string().contains("float8"));
    }
}
