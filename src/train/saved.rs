//! The training state as files of a checkpoint, and back.
//!
//! If a field matters for the next step it is in [`TrainState`], and [`TrainState::contents`] stores it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::checkpoint::{self, Contents, Verified};
use super::config::{self, Resolved};
use super::identity::{self, Identity, Told};
use super::state::{Counters, TrainState};
use crate::augment::Ada;
use crate::engine::Precision;
use crate::files;
use crate::nets::Network;
use crate::nets::network::Named;
use crate::problem::{Kind, Problem, Result};

/// Version of a checkpoint's layout.
const SCHEMA: u32 = 2;

/// Name of the best snapshot's network file within a checkpoint, which has one once something was scored.
pub const BEST: &str = "network-best.safetensors";

/// Files of tensors, each `<name>.safetensors`.
const TENSORS: [&str; 5] = ["generator", "discriminator", "average", "optimisers", "scalars"];
const COUNTERS: &str = "state.json";
const STATS: &str = "stats.jsonl";

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

/// What a run settled when it began, beside its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Of activations and kernels.
    pub precision: Precision,
    /// Parts of a batch.
    pub replicas: u64,
    /// Threads of one operation of the CPU, where it is known and a CPU computed.
    pub threads: Option<u64>,
}

/// What the run settled whose checkpoints are in `folder`; `None` where there is none that says so. What is damaged is
/// left to [`checkpoint::newest`] to tell.
///
/// # Errors
/// The folder cannot be listed.
pub fn begun(folder: &Path) -> Result<Option<Begun>> {
    #[derive(Deserialize)]
    struct Settled {
        precision: Precision,
        #[serde(default = "config::one")]
        replicas: u64,
    }
    let of = |images: u64| {
        let path = folder.join(checkpoint::name(images)).join(COUNTERS);
        let bytes = files::read(&path, checkpoint::LONGEST_TEXT, "a text of a checkpoint").ok()?;
        let header = serde_json::from_slice::<Header>(&bytes).ok()?;
        let settled = serde_json::from_value::<Settled>(header.settings).ok()?;
        let threads = header.counters.computed_with.last().and_then(|stretch| stretch.arithmetic.threads);
        Some(Begun { precision: settled.precision, replicas: settled.replicas, threads })
    };
    Ok(checkpoint::list(folder)?.into_iter().rev().find_map(of))
}

/// Names of all files that a checkpoint may have.
pub fn all_files() -> Vec<String> {
    let tensors = TENSORS.iter().map(|name| format!("{name}.safetensors"));
    tensors.chain([COUNTERS, STATS, BEST].map(str::to_owned)).collect()
}

/// Names of the files without which `checkpoint` is not whole. One of another layout needs none here:
/// [`TrainState::restore`] refuses it by its schema.
///
/// # Errors
/// `state.json` cannot be read.
pub fn required(checkpoint: &Verified) -> Result<Vec<String>> {
    let mut names: Vec<String> = TENSORS.iter().map(|name| format!("{name}.safetensors")).collect();
    names.extend([COUNTERS.to_owned(), STATS.to_owned()]);
    match serde_json::from_str::<Header>(&checkpoint.text(COUNTERS)?) {
        Ok(header) if header.schema == SCHEMA => names.extend(header.counters.best_sha256.map(|_| BEST.to_owned())),
        _ => return Ok(vec![COUNTERS.to_owned()]),
    }
    Ok(names)
}

impl TrainState {
    /// Everything, as files of a checkpoint. `best` is the best snapshot's network file; taken where there is one.
    ///
    /// # Errors
    /// The GPU reports a failure.
    pub fn contents(&self, identity: &Identity<'_>, best: PathBuf) -> Result<Contents> {
        let header = Header {
            schema: SCHEMA,
            seed: identity.seed.0,
            settings: identity::json(identity.settings)?,
            data_sha256: identity.data_sha256.to_owned(),
            counters: self.counters.clone(),
            ada: self.ada.clone(),
        };
        let header = files::json_text(&identity::json(&header)?)? + "\n";
        let stats: String = self.stats.iter().map(|line| format!("{line}\n")).collect();
        let [generator, discriminator, average, optimisers, scalars] = TENSORS;
        Ok(Contents {
            tensors: vec![
                (generator, self.generator.tensors()),
                (discriminator, self.discriminator.tensors()),
                (average, self.average.tensors()),
                (optimisers, self.optimisers()),
                (scalars, self.scalars(identity.settings)?),
            ],
            texts: vec![(COUNTERS, header), (STATS, stats)],
            copies: self.counters.best_sha256.iter().map(|sha256| (BEST, best.clone(), sha256.clone())).collect(),
        })
    }

    /// The state that `checkpoint` holds.
    ///
    /// # Errors
    /// The checkpoint belongs to other settings, another seed or other data; the message lists what differs.
    pub fn restore(checkpoint: &Verified, identity: &Identity<'_>, device: Device) -> Result<Self> {
        let path = checkpoint.file(COUNTERS);
        let header: Header = files::parse_json(&path, checkpoint.text(COUNTERS)?.as_bytes(), "a checkpoint's state")?;
        if header.schema != SCHEMA {
            return Err(Problem::input(&path, format!("schema {}", header.schema)).expected(format!("schema {SCHEMA}")));
        }
        let Header { seed, settings, data_sha256, .. } = &header;
        let differences = identity.differences(Told { seed: *seed, settings, data_sha256 })?;
        if !differences.is_empty() {
            return Err(Problem::new(Kind::Usage, format!("a run with {}", differences.join(", ")))
                .at(&path)
                .expected("the settings of this command")
                .advice(
                    "repeat the settings of that run to go on with it, or train in another folder (--out; of a study: \
                     another `out`, or move this folder away)",
                ));
        }
        let [generator, discriminator, average, optimisers, scalars] = TENSORS;
        let mut state = Self::new(identity.settings, identity.seed, device)?;
        state.generator.load(&checkpoint.tensors(generator)?)?;
        state.discriminator.load(&checkpoint.tensors(discriminator)?)?;
        state.average.load(&checkpoint.tensors(average)?)?;
        state.load_optimisers(&checkpoint.tensors(optimisers)?).map_err(|p| p.at(&checkpoint.path))?;
        state.ada = header.ada;
        state.load_scalars(&checkpoint.tensors(scalars)?, identity.settings).map_err(|p| p.at(&checkpoint.path))?;
        state.counters = header.counters;
        state.stats = checkpoint.text(STATS)?.lines().map(str::to_owned).collect();
        Ok(state)
    }

    fn optimisers(&self) -> Named {
        let mut named = BTreeMap::new();
        for (name, optimised) in
            [("generator", &self.optimised_generator), ("discriminator", &self.optimised_discriminator)]
        {
            let adam = &optimised.adam;
            named.insert(format!("{name}.first"), adam.first.shallow_clone());
            named.insert(format!("{name}.second"), adam.second.shallow_clone());
            named.insert(format!("{name}.steps"), Tensor::from(adam.steps as i64));
        }
        named
    }

    fn load_optimisers(&mut self, named: &Named) -> Result<()> {
        let (generator, discriminator) = (&mut self.optimised_generator, &mut self.optimised_discriminator);
        for (name, optimised) in [("generator", generator), ("discriminator", discriminator)] {
            let adam = &mut optimised.adam;
            adam.first.copy_(get(named, &format!("{name}.first"), &adam.first.size())?);
            adam.second.copy_(get(named, &format!("{name}.second"), &adam.second.size())?);
            adam.steps = get(named, &format!("{name}.steps"), &[])?.int64_value(&[]) as u64;
        }
        Ok(())
    }

    fn scalars(&self, settings: &Resolved) -> Result<Named> {
        let mut named = BTreeMap::from([
            ("path_length_mean".to_owned(), self.path_length_mean.shallow_clone()),
            ("ada_p_and_rt".to_owned(), Tensor::from_slice(&[self.ada.p, self.ada.rt])),
            ("ada_signal".to_owned(), self.ada_signal.shallow_clone()),
            ("ada_reading".to_owned(), self.ada_reading.values()?.shallow_clone()),
            ("tick_sums".to_owned(), self.tick_sums.sums.shallow_clone()),
        ]);
        if settings.objective.lecam > 0.0 {
            named.insert("logit_means".to_owned(), self.logit_means.shallow_clone());
        }
        if let Some(distance) = self.best_distance {
            named.insert("best_distance".to_owned(), Tensor::from(distance));
        }
        Ok(named)
    }

    fn load_scalars(&mut self, named: &Named, settings: &Resolved) -> Result<()> {
        let device = self.device();
        if settings.objective.lecam > 0.0 {
            self.logit_means = get(named, "logit_means", &[3])?.to_device(device);
        }
        self.path_length_mean = get(named, "path_length_mean", &[])?.to_device(device);
        // The same numbers as in the text; checkpoints of a time when reading JSON rounded its fractions have them
        // exactly here.
        let exact = get(named, "ada_p_and_rt", &[2])?;
        (self.ada.p, self.ada.rt) = (exact.double_value(&[0]), exact.double_value(&[1]));
        self.ada_signal = get(named, "ada_signal", &[2])?.to_device(device);
        self.ada_reading.replace(get(named, "ada_reading", &[2])?)?;
        self.tick_sums.sums = get(named, "tick_sums", &self.tick_sums.sums.size())?.to_device(device);
        self.best_distance = named.get("best_distance").map(|tensor| tensor.double_value(&[]));
        Ok(())
    }
}

fn get<'a>(named: &'a Named, name: &str, shape: &[i64]) -> Result<&'a Tensor> {
    named
        .get(name)
        .filter(|tensor| tensor.size() == shape)
        .ok_or_else(|| Problem::new(Kind::Input, format!("no tensor {name} of shape {shape:?}")))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::files::OutFolder;
    use crate::observer::Silent;
    use crate::seed::RunSeed;
    use crate::train::checkpoint;
    use crate::train::config::Resolved;
    use crate::train::run_folder::OWNER;

    /// A checkpoint at 20 images in a run's folder.
    fn save(root: &Path, contents: &Contents) -> PathBuf {
        let mut claim = OutFolder::new(OWNER, root).claim().unwrap();
        checkpoint::save(&mut claim, &root.join("checkpoints"), 20, contents).unwrap()
    }

    fn newest(root: &Path) -> Option<Verified> {
        checkpoint::newest(&root.join("checkpoints"), &required, &Silent).unwrap()
    }

    fn settings() -> Resolved {
        Resolved::tiny(8, &[])
    }

    #[test]
    fn comes_back_from_a_checkpoint_bit_for_bit() {
        let settings = settings();
        let identity = Identity { seed: RunSeed(3), settings: &settings, data_sha256: "d" };
        let mut state = TrainState::new(&settings, RunSeed(3), Device::Cpu).unwrap();
        state.ada.p = 0.1 + 0.2;
        state.optimised_generator.adam.steps = 77;
        let _ = state.optimised_generator.adam.second.fill_(0.3);
        state.path_length_mean = Tensor::from(0.7f32);
        state.ada_reading.replace(&Tensor::from_slice(&[3f64, 4.0])).unwrap();
        state.best_distance = Some(1.0 / 3.0);
        state.counters = Counters { step: 5, tick: 1, rollbacks: vec!["once".into()], ..Counters::default() };
        state.stats = vec!["{\"tick\":1}".into()];
        let folder = tempfile::tempdir().unwrap();
        let none = folder.path().join("none");
        save(folder.path(), &state.contents(&identity, none).unwrap());
        let found = newest(folder.path()).unwrap();
        let again = TrainState::restore(&found, &identity, Device::Cpu).unwrap();
        assert_eq!(again.ada, state.ada);
        assert_eq!(again.best_distance, state.best_distance);
        assert_eq!(Vec::<f64>::try_from(again.ada_reading.values().unwrap()).unwrap(), [3.0, 4.0]);
        assert_eq!(again.counters, state.counters);
        assert_eq!(again.stats, state.stats);
        assert_eq!(again.optimised_generator.adam.steps, 77);
        assert!(again.optimised_generator.adam.second.equal(&state.optimised_generator.adam.second));
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
        let none = folder.path().join("none");
        save(folder.path(), &state.contents(&identity, none).unwrap());
        let found = newest(folder.path()).unwrap();
        let other = Resolved { learning_rate: 1e-3, ..settings.clone() };
        let wrong = Identity { seed: RunSeed(4), settings: &other, data_sha256: "e" };
        let text = TrainState::restore(&found, &wrong, Device::Cpu).unwrap_err().to_string();
        for part in ["seed 3 (not 4)", "learning_rate = 0.0025 (not 0.001)", "other training images"] {
            assert!(text.contains(part), "{text}");
        }
    }

    /// Cut at the end of a line, the list of hashes still agrees with every file that it names; even where what it no
    /// longer names is gone, too.
    #[test]
    fn a_list_of_hashes_cut_at_the_end_of_a_line_is_refused() {
        let settings = settings();
        let identity = Identity { seed: RunSeed(3), settings: &settings, data_sha256: "d" };
        let mut state = TrainState::new(&settings, RunSeed(3), Device::Cpu).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let best = folder.path().join("best");
        fs::write(&best, b"network").unwrap();
        for sha256 in [None, Some(crate::digest::sha256(b"network"))] {
            let lines = 7 + usize::from(sha256.is_some());
            state.counters.best_sha256 = sha256;
            for gone in [false, true] {
                for kept in 0..lines {
                    let run = tempfile::tempdir().unwrap();
                    let contents = state.contents(&identity, best.clone()).unwrap();
                    let path = save(run.path(), &contents);
                    assert!(newest(run.path()).is_some());
                    let sums = fs::read_to_string(path.join("SHA256SUMS")).unwrap();
                    let all: Vec<&str> = sums.lines().collect();
                    assert_eq!(all.len(), lines);
                    let rest: String = all[..kept].iter().map(|line| format!("{line}\n")).collect();
                    fs::write(path.join("SHA256SUMS"), rest).unwrap();
                    for line in all[kept..].iter().filter(|_| gone) {
                        fs::remove_file(path.join(line.split_once("  ").unwrap().1)).unwrap();
                    }
                    assert!(newest(run.path()).is_none(), "{kept} of {lines}");
                }
            }
        }
    }
}
