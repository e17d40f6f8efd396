//! Training through the program: killed and resumed, refused, interrupted, and what it leaves behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::RngExt;
use rimforge::augment::ChannelRule;
use rimforge::engine::{DeviceChoice, Engine, EngineConfig, Place};
use rimforge::nets::weights;
use rimforge::nets::{Discriminator, Generator, Network, Noise};
use rimforge::observer::{Observer, Silent};
use rimforge::optim::Alone;
use rimforge::problem::Kind;
use rimforge::records::label::NetworkLabel;
use rimforge::records::training::{TickRecord, TimingRecord, TrainingRecord};
use rimforge::run_dir::GanDir;
use rimforge::seed::RunSeed;
use rimforge::train::identity::Identity;
use rimforge::train::{
    At, Next, RealBatch, Reals, Resolved, RunFolder, Scores, TrainConfig, TrainState, Training, Unwatched, Watcher,
    loss, train, train_in_parts,
};
use tch::{Device, Tensor};

use crate::parity::{assert_close, fixture};
use crate::phantoms;

/// A run of 40 steps, a checkpoint every second step.
fn tiny(data: &Path, out: &Path) -> Command {
    tiny_with(data, out, "0.16", &[])
}

/// The same of another length, with settings that take the place of its own.
fn tiny_with(data: &Path, out: &Path, kimg: &str, settings: &[&str]) -> Command {
    tiny_on((data, out), kimg, ("4", "1"), settings)
}

/// The same with so many images a step, and threads.
fn tiny_on((data, out): (&Path, &Path), kimg: &str, (batch, threads): (&str, &str), settings: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    command.arg("train").arg("--data").arg(data).arg("--out").arg(out);
    command.args(["--kimg", kimg, "--batch", batch, "--threads", threads, "--device", "cpu", "--seed", "5"]);
    let key = |setting: &str| setting.split_once('=').map(|(key, _)| key.to_owned());
    let given: Vec<_> = settings.iter().map(|setting| key(setting)).collect();
    let own = [
        "net.channel_base=128",
        "net.channel_max=16",
        "net.z_dim=16",
        "net.w_dim=16",
        "tick_kimg=0.008",
        "checkpoint_ticks=1",
        "frechet_ticks=5",
        "preview_ticks=10",
        "ada.initial_p=0.3",
        "ada.speed_kimg=1",
        "symmetry=dihedral",
    ];
    for setting in own.iter().filter(|setting| !given.contains(&key(setting))).chain(settings) {
        command.args(["--set", setting]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn data() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    phantoms::rings(data.path(), 6, 3, 16);
    data
}

/// Everything that must not depend on interruptions.
fn outcome(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files =
        vec!["stats.jsonl".to_owned(), "network-best.safetensors".into(), "network-last.safetensors".into()];
    let checkpoint = "checkpoints/checkpoint-000000000160";
    for entry in fs::read_dir(out.join(checkpoint)).unwrap() {
        files.push(format!("{checkpoint}/{}", entry.unwrap().file_name().to_str().unwrap()));
    }
    files.push("previews/fakes-000000160.png".into());
    files.into_iter().map(|file| (file.clone(), fs::read(out.join(&file)).unwrap())).collect()
}

fn checkpoint_names(out: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(out.join("checkpoints")) else {
        return vec![];
    };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Images of the newest checkpoint.
fn newest_checkpoint(out: &Path) -> u64 {
    let images = |name: &String| name.strip_prefix("checkpoint-")?.parse().ok();
    checkpoint_names(out).iter().filter_map(images).max().unwrap_or(0)
}

fn is_saving(out: &Path) -> bool {
    checkpoint_names(out).iter().any(|name| name.starts_with(".unfinished"))
}

fn assert_same(name: &str, found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    let differ: Vec<&String> = expected.iter().filter(|(file, bytes)| found[*file] != **bytes).map(|at| at.0).collect();
    assert!(differ.is_empty(), "{name}: {differ:?} differ");
}

#[test]
fn killed_at_any_moment_it_ends_in_the_same_bits() {
    let (data, runs) = (data(), tempfile::tempdir().unwrap());
    let straight = runs.path().join("straight");
    let output = tiny(data.path(), &straight).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = outcome(&straight);
    assert_eq!(fs::read_to_string(straight.join("stats.jsonl")).unwrap().lines().count(), 20);

    // Each process is killed after some more checkpoints, every other one while it writes the next.
    let interrupted = runs.path().join("interrupted");
    let mut draws = RunSeed(1).stream("kills", 0);
    let (mut kills, mut kills_in_a_save) = (0, 0);
    while kills < 6 {
        let mut child = tiny(data.path(), &interrupted).spawn().unwrap();
        let until = newest_checkpoint(&interrupted) + draws.random_range(4..16);
        let in_a_save = kills % 2 == 1;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                let output = child.wait_with_output().unwrap();
                panic!("ended before kill {kills}: {status} {}", String::from_utf8_lossy(&output.stderr));
            }
            if newest_checkpoint(&interrupted) >= until && (!in_a_save || is_saving(&interrupted)) {
                break;
            }
            std::thread::yield_now();
        }
        if !in_a_save {
            std::thread::sleep(Duration::from_millis(draws.random_range(0..30)));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        kills_in_a_save += u32::from(is_saving(&interrupted));
    }
    assert!(kills_in_a_save >= 1, "no kill fell into a save");
    let output = tiny(data.path(), &interrupted).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_same(&format!("{kills} kills"), &outcome(&interrupted), &expected);
}

#[test]
fn what_it_leaves_can_be_read_and_a_second_call_only_reports() {
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    let output = tiny(data.path(), out.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| fs::read(out.path().join(name)).unwrap();
    let record: TrainingRecord = serde_json::from_slice(&read("record.json")).unwrap();
    assert_eq!((record.images, record.train_lesions, record.train_slices), (160, 6, 18));
    assert_eq!(record.curve.len(), 20);
    assert!(record.rollbacks.is_empty());
    let scored: Vec<f64> = record.curve.iter().filter_map(|tick| tick.frechet).collect();
    assert_eq!(scored.len(), 4);
    let best = scored.iter().copied().fold(f64::INFINITY, f64::min);
    approx::assert_relative_eq!(record.best_frechet.unwrap(), best, max_relative = 1e-12);
    assert!(record.frechet_real_floor.unwrap() > 0.0);
    assert!(!record.frechet_features.to_lowercase().contains("fid"));
    // R1 at steps 0, 16 and 32 of 40, path length at every fourth; two steps a tick.
    assert_eq!(record.curve.iter().filter(|tick| tick.r1.is_some()).count(), 3);
    assert_eq!(record.curve.iter().filter(|tick| tick.path_length.is_some()).count(), 10);
    let network = weights::load_network(GanDir::new(out.path()).best_network(), Device::Cpu).unwrap();
    assert_eq!(network.sha256, record.network_sha256);
    let label = &network.description.label;
    assert_eq!(label.contrasts[0].window.high, 100.0);
    assert_eq!(label.provenance.simulated, Some(true));
    assert_eq!(label.provenance.images, Some(record.best_images));
    for name in ["previews/reals.png", "previews/fakes-000000080.png", "previews/fakes-000000160.png"] {
        assert!(read(name).starts_with(b"\x89PNG"), "{name}");
    }
    let events = fs::read_dir(out.path()).unwrap().map(|e| e.unwrap().path());
    let events: Vec<_> = events.filter(|p| p.to_string_lossy().contains("tfevents")).collect();
    assert_eq!(events.len(), 1);
    let bytes = fs::read(&events[0]).unwrap();
    for tag in ["loss/generator", "augmentation/r_t", "Frechet distance on", "previews/average generator"] {
        assert!(bytes.windows(tag.len()).any(|window| window == tag.as_bytes()), "{tag}");
    }

    let before = outcome(out.path());
    assert!(tiny(data.path(), out.path()).status().unwrap().success());
    assert_same("second call", &outcome(out.path()), &before);

    let output = tiny(data.path(), out.path()).args(["--set", "learning_rate=0.001"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("learning_rate = 0.0025 (not 0.001)"), "{text}");
    let output = tiny(data.path(), out.path()).args(["--set", "learning_rat=0.001"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `train.learning_rate`?"));
}

#[test]
fn fine_tuning_starts_from_the_given_network_and_names_it() {
    let (data, runs) = (data(), tempfile::tempdir().unwrap());
    let (base, tuned, other) = (runs.path().join("base"), runs.path().join("tuned"), runs.path().join("other"));
    let short = |out: &Path, settings: &[&str]| {
        tiny_with(data.path(), out, "0.008", &[&["frechet_ticks=0"], settings].concat())
    };
    assert!(short(&base, &[]).status().unwrap().success());
    // At rate 0 nothing moves but w_avg, so what comes out is what went in.
    let mut command = short(&tuned, &[]);
    command.arg("--base").arg(&base).args(["--set", "learning_rate=0", "--set", "freeze_discriminator=1"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let network = |out: &Path| weights::load_network(GanDir::new(out).best_network(), Device::Cpu).unwrap();
    let (before, after) = (network(&base), network(&tuned));
    for (name, tensor) in before.generator.parameters() {
        assert!(tensor.equal(&after.generator.tensors()[&name]), "{name}");
    }
    for (name, tensor) in before.discriminator.unwrap().parameters() {
        assert!(tensor.equal(&after.discriminator.as_ref().unwrap().tensors()[&name]), "{name}");
    }
    let record: TrainingRecord = serde_json::from_slice(&fs::read(tuned.join("record.json")).unwrap()).unwrap();
    let named = record.base.unwrap();
    assert_eq!(named.sha256, before.sha256);
    assert!(named.description.contains("simulated"), "{}", named.description);

    let output = short(&other, &["net.channel_max=8"]).arg("--base").arg(&base).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("other sizes"));
}

/// Batches of noise that turn to NaN at one step of the first `poisoned` attempts.
struct Poison {
    images: usize,
    step: u64,
    attempts: u64,
}

impl Reals for Poison {
    fn at(&self, step: u64) -> RealBatch {
        let values: Vec<f32> = RunSeed(step).stream("reals", 0).random_iter().take(64 * self.images).collect();
        let images = Tensor::from_slice(&values).reshape([self.images as i64, 1, 8, 8]);
        let (attempt, step) = (step >> 40, step & ((1 << 40) - 1));
        let pixels = if step == self.step && attempt < self.attempts { images * f64::NAN } else { images };
        RealBatch { pixels, classes: None }
    }

    fn shared(&self) -> Box<dyn Reals + Send> {
        Box::new(Self { ..*self })
    }
}

fn tiny_config(tick_kimg: f64) -> TrainConfig {
    let mut config =
        TrainConfig { batch: 4, tick_kimg, checkpoint_ticks: 1, frechet_ticks: 0, ..TrainConfig::default() };
    (config.net.channel_base, config.net.channel_max) = (Some(64), Some(8));
    (config.net.z_dim, config.net.w_dim) = (Some(8), Some(8));
    config
}

fn settings(tick_kimg: f64) -> Resolved {
    tiny_config(tick_kimg).resolve(8, &[ChannelRule::Image], &[]).unwrap()
}

/// Trains 20 steps of 4 images in `folder`, a tick and a checkpoint every second one.
fn train_on(
    reals: &dyn Reals,
    folder: &Path,
    observer: &dyn Observer,
    watcher: &mut dyn Watcher,
) -> rimforge::problem::Result<TrainState> {
    Engine::start(&EngineConfig { device: DeviceChoice::Cpu, threads: 1, ..EngineConfig::default() })?;
    let settings = settings(0.008);
    let identity = Identity { seed: RunSeed(1), settings: &settings, data_sha256: "none" };
    let label = NetworkLabel::default();
    let folder = RunFolder::open(GanDir::new(folder), identity, label, Device::Cpu, Place::here(Device::Cpu))?;
    let (settings, seed, peers) = (&settings, RunSeed(1), &Alone);
    let run = Training { reals, settings, total_images: 80, seed, folder: &folder, graphs: true, observer, peers };
    train(&run, || TrainState::new(settings, seed, Device::Cpu), watcher)
}

/// Notes where training was opened and what it was told; answers with `scores` one after the other, and stops at a
/// tick.
#[derive(Default)]
struct Notes {
    opened: Vec<u64>,
    previews: Vec<u64>,
    ticks: Vec<u64>,
    scores: Vec<f64>,
    stop_at: Option<u64>,
}

impl Watcher for Notes {
    fn opened(&mut self, at: At) -> rimforge::problem::Result<()> {
        self.opened.push(at.images);
        Ok(())
    }

    fn score(&mut self, _: At, _: &Generator) -> rimforge::problem::Result<Option<Scores>> {
        let next = (!self.scores.is_empty()).then(|| self.scores.remove(0));
        Ok(next.map(|distance| Scores { distance, all_classes: None }))
    }

    fn preview(&mut self, at: At, _: &Generator) -> rimforge::problem::Result<()> {
        self.previews.push(at.images);
        Ok(())
    }

    fn tick(&mut self, record: &TickRecord, _: &TimingRecord) -> rimforge::problem::Result<Next> {
        self.ticks.push(record.tick);
        Ok(if self.stop_at == Some(record.tick) { Next::Stop } else { Next::GoOn })
    }
}

#[test]
fn a_poisoned_batch_rolls_back_halves_the_rate_and_is_logged() {
    let out = tempfile::tempdir().unwrap();
    let mut notes = Notes::default();
    let state = train_on(&Poison { images: 4, step: 7, attempts: 2 }, out.path(), &Silent, &mut notes).unwrap();
    // Step 7 fails twice; the last checkpoint before it is that of step 6.
    assert_eq!(notes.opened, [0, 24, 24]);
    let log = &state.counters.rollbacks;
    assert_eq!(log.len(), 2);
    assert!(log[0].contains("DiscriminatorMain is not finite by step 8"), "{}", log[0]);
    assert!(log[0].contains("back to 24 images, learning rate x 0.5"), "{}", log[0]);
    assert!(log[1].contains("learning rate x 0.25"), "{}", log[1]);
    assert_eq!(fs::read_to_string(out.path().join("stats.jsonl")).unwrap().lines().count(), 10);
    for (name, tensor) in state.average.tensors() {
        assert_eq!(tensor.isfinite().all().int64_value(&[]), 1, "{name}");
    }
}

#[test]
fn a_run_that_diverges_four_times_is_given_up_with_its_checkpoint_intact() {
    let out = tempfile::tempdir().unwrap();
    let problem =
        train_on(&Poison { images: 4, step: 3, attempts: 9 }, out.path(), &Silent, &mut Unwatched).unwrap_err();
    assert_eq!(problem.kind(), Kind::Gate);
    assert!(problem.to_string().contains("diverged 4 times"), "{problem}");
    assert!(out.path().join("checkpoints/checkpoint-000000000008/SHA256SUMS").exists());
}

/// Asks to stop after some questions.
struct StopAfter(AtomicU64);

impl Observer for StopAfter {
    fn begin(&self, _: &str, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn status(&self, _: &str) {}
    fn note(&self, _: &str) {}
    fn end(&self) {}
    fn stop_requested(&self) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) == 0
    }
}

fn moments(state: &TrainState) -> &Tensor {
    &state.optimised_discriminator.adam.second
}

#[test]
fn stopped_within_a_tick_it_goes_on_from_that_very_step() {
    let (straight, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let clean = Poison { images: 4, step: 0, attempts: 0 };
    let whole = train_on(&clean, straight.path(), &Silent, &mut Unwatched).unwrap();
    let observer = StopAfter(AtomicU64::new(5));
    let problem = train_on(&clean, stopped.path(), &observer, &mut Unwatched).unwrap_err();
    assert_eq!(problem.kind(), Kind::Interrupted);
    assert!(stopped.path().join("checkpoints/checkpoint-000000000020").exists());
    let again = train_on(&clean, stopped.path(), &Silent, &mut Unwatched).unwrap();
    for (name, tensor) in whole.average.tensors() {
        assert!(tensor.equal(&again.average.tensors()[&name]), "{name}");
    }
    assert!(moments(&whole).equal(moments(&again)));
    let stats = |folder: &Path| fs::read(folder.join("stats.jsonl")).unwrap();
    assert_eq!(stats(straight.path()), stats(stopped.path()));
}

#[test]
fn a_watcher_may_stop_training_after_a_tick() {
    let (straight, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let clean = Poison { images: 4, step: 0, attempts: 0 };
    let mut notes = Notes { stop_at: Some(3), ..Notes::default() };
    let problem = train_on(&clean, stopped.path(), &Silent, &mut notes).unwrap_err();
    assert_eq!((problem.kind(), notes.ticks), (Kind::Interrupted, vec![1, 2, 3]));
    assert!(stopped.path().join("checkpoints/checkpoint-000000000024").exists());
    let mut notes = Notes::default();
    let again = train_on(&clean, stopped.path(), &Silent, &mut notes).unwrap();
    assert_eq!((notes.opened, notes.ticks), (vec![24], (4..=10).collect()));
    let whole = train_on(&clean, straight.path(), &Silent, &mut Unwatched).unwrap();
    assert!(moments(&whole).equal(moments(&again)));
}

/// Every file below `folder` but the times.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                walk(root, &path, found);
            } else if path.file_name().is_some_and(|name| name != "timing.jsonl") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

/// As [`train_on`], 8 images a step in two replicas, each operation on so many threads.
fn train_in_two(
    threads: usize,
    reals: &dyn Reals,
    folder: &Path,
    observer: &dyn Observer,
    watcher: &mut dyn Watcher,
) -> rimforge::problem::Result<TrainState> {
    Engine::start(&EngineConfig { device: DeviceChoice::Cpu, threads, ..EngineConfig::default() })?;
    let mut config = TrainConfig { batch: 8, ..tiny_config(0.016) };
    config.lazy.r1_every = 3;
    let settings = Resolved { replicas: 2, ..config.resolve(8, &[ChannelRule::Image], &[]).unwrap() };
    let identity = Identity { seed: RunSeed(1), settings: &settings, data_sha256: "none" };
    let place = Place::here(Device::Cpu);
    let folder = RunFolder::open(GanDir::new(folder), identity, NetworkLabel::default(), Device::Cpu, place)?;
    let (settings, seed, peers) = (&settings, RunSeed(1), &Alone);
    let run = Training { reals, settings, total_images: 160, seed, folder: &folder, graphs: true, observer, peers };
    train_in_parts(&run, None, || TrainState::new(settings, seed, Device::Cpu), watcher)
}

#[test]
fn two_replicas_stop_roll_back_and_go_on_as_one_run() {
    let (straight, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let clean = || Poison { images: 8, step: 0, attempts: 0 };
    let whole = train_in_two(1, &clean(), straight.path(), &Silent, &mut Unwatched).unwrap();
    // Stopped by the watcher at a tick, then by the observer between two; each time all replicas end, and the files are
    // those of the run in one piece.
    let mut until = Notes { stop_at: Some(2), ..Notes::default() };
    let problem = train_in_two(1, &clean(), stopped.path(), &Silent, &mut until).unwrap_err();
    assert_eq!((problem.kind(), until.ticks), (Kind::Interrupted, vec![1, 2]));
    let observer = StopAfter(AtomicU64::new(3));
    let problem = train_in_two(1, &clean(), stopped.path(), &observer, &mut Unwatched).unwrap_err();
    assert_eq!(problem.kind(), Kind::Interrupted, "{problem}");
    let again = train_in_two(1, &clean(), stopped.path(), &Silent, &mut Unwatched).unwrap();
    assert!(moments(&whole).equal(moments(&again)));
    let logs = |folder: &Path| fs::read_to_string(folder.join("stats.jsonl")).unwrap();
    assert_eq!(logs(stopped.path()), logs(straight.path()));
    let last = "checkpoints/checkpoint-000000000160/";
    let of_last = |folder: &Path| -> BTreeMap<String, Vec<u8>> {
        files(folder).into_iter().filter(|(name, _)| name.starts_with(last)).collect()
    };
    assert_same("in two pieces", &of_last(stopped.path()), &of_last(straight.path()));

    // The poisoned step is within the fourth tick of two steps; all replicas go back.
    let (poisoned, mut notes) = (tempfile::tempdir().unwrap(), Notes::default());
    let noise = Poison { images: 8, step: 7, attempts: 1 };
    let state = train_in_two(1, &noise, poisoned.path(), &Silent, &mut notes).unwrap();
    assert_eq!((notes.opened, notes.ticks.len(), state.counters.rollbacks.len()), (vec![0, 48], 10, 1));
}

#[test]
fn an_error_of_the_first_replica_ends_all_of_them_and_is_told() {
    struct Refuses;
    impl Watcher for Refuses {
        fn opened(&mut self, _: At) -> rimforge::problem::Result<()> {
            Ok(())
        }
        fn score(&mut self, _: At, _: &Generator) -> rimforge::problem::Result<Option<Scores>> {
            Ok(None)
        }
        fn preview(&mut self, _: At, _: &Generator) -> rimforge::problem::Result<()> {
            Ok(())
        }
        fn tick(&mut self, _: &TickRecord, _: &TimingRecord) -> rimforge::problem::Result<Next> {
            Err(rimforge::problem::Problem::new(Kind::Environment, "the watcher's own trouble"))
        }
    }
    let out = tempfile::tempdir().unwrap();
    let clean = Poison { images: 8, step: 0, attempts: 0 };
    let problem = train_in_two(1, &clean, out.path(), &Silent, &mut Refuses).unwrap_err().to_string();
    assert!(problem.contains("the watcher's own trouble"), "{problem}");
}

#[test]
fn the_number_of_threads_leaves_no_trace_in_a_run_in_parts() {
    let (data, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    phantoms::rings(data.path(), 6, 3, 16);
    let of = |name: &str| out.path().join(name);
    let settings = ["precision=float32", "preview_ticks=0"];
    let run = |name: &str, kimg: &str, threads: &str| {
        tiny_on((data.path(), &of(name)), kimg, ("8", threads), &settings).output().unwrap()
    };
    assert!(run("one", "0.16", "1").status.success());
    assert!(run("two", "0.16", "2").status.success());
    // Begun on one thread, gone on with on two.
    let partly = run("both", "0.08", "1");
    assert!(partly.status.success(), "{}", String::from_utf8_lossy(&partly.stderr));
    let output = run("both", "0.16", "2");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let network = |name: &str| fs::read(of(name).join("network-last.safetensors")).unwrap();
    assert_eq!(network("one"), network("two"));
    assert_eq!(network("one"), network("both"));
    let record: TrainingRecord = serde_json::from_slice(&fs::read(of("two").join("record.json")).unwrap()).unwrap();
    assert_eq!((record.replicas, record.precision.as_str()), (2, "float32"));
    assert_eq!(record.computed_with[0].arithmetic.threads, Some(1));
}

#[test]
fn a_damaged_checkpoint_costs_one_checkpoint_and_not_the_result() {
    let (straight, damaged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let clean = Poison { images: 4, step: 0, attempts: 0 };
    let whole = train_on(&clean, straight.path(), &Silent, &mut Unwatched).unwrap();
    let observer = StopAfter(AtomicU64::new(9));
    assert!(train_on(&clean, damaged.path(), &observer, &mut Unwatched).is_err());
    let file = damaged.path().join("checkpoints/checkpoint-000000000036/average.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    bytes.truncate(bytes.len() - 9);
    fs::write(&file, bytes).unwrap();
    let mut notes = Notes::default();
    let again = train_on(&clean, damaged.path(), &Silent, &mut notes).unwrap();
    assert_eq!(notes.opened, [32]);
    for (name, tensor) in whole.average.tensors() {
        assert!(tensor.equal(&again.average.tensors()[&name]), "{name}");
    }
}

#[test]
fn a_second_run_in_the_folder_is_refused() {
    let out = tempfile::tempdir().unwrap();
    let _held = rimforge::files::lock(GanDir::new(out.path()).lock()).unwrap();
    let clean = Poison { images: 4, step: 0, attempts: 0 };
    let problem = train_on(&clean, out.path(), &Silent, &mut Unwatched).unwrap_err();
    assert_eq!(problem.kind(), Kind::Environment);
    assert!(problem.to_string().contains("working in this folder"), "{problem}");
}

#[test]
fn a_lower_score_becomes_the_best_network() {
    let out = tempfile::tempdir().unwrap();
    let clean = Poison { images: 4, step: 0, attempts: 0 };
    let mut config = TrainConfig { batch: 4, tick_kimg: 0.008, frechet_ticks: 1, ..TrainConfig::default() };
    (config.net.channel_base, config.net.channel_max) = (Some(64), Some(8));
    let settings = config.resolve(8, &[ChannelRule::Image], &[]).unwrap();
    let identity = Identity { seed: RunSeed(1), settings: &settings, data_sha256: "none" };
    let label = NetworkLabel::default();
    let folder =
        RunFolder::open(GanDir::new(out.path()), identity, label, Device::Cpu, Place::here(Device::Cpu)).unwrap();
    let run = Training {
        reals: &clean,
        settings: &settings,
        total_images: 32,
        seed: RunSeed(1),
        folder: &folder,
        graphs: true,
        observer: &Silent,
        peers: &Alone,
    };
    let mut notes = Notes { scores: vec![3.0, 1.0, 2.0, 1.5], ..Notes::default() };
    let state = train(&run, || TrainState::new(&settings, RunSeed(1), Device::Cpu), &mut notes).unwrap();
    assert_eq!((state.best_distance, state.counters.best_images), (Some(1.0), Some(16)));
    let best = weights::load_network(folder.dir.best_network(), Device::Cpu).unwrap();
    assert_eq!(best.description.label.provenance.images, Some(16));
    let lines = fs::read_to_string(out.path().join("stats.jsonl")).unwrap();
    let ticks: Vec<TickRecord> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(ticks.iter().map(|tick| tick.frechet.unwrap()).collect::<Vec<_>>(), [3.0, 1.0, 2.0, 1.5]);
}

/// The loss formulas on the reference's networks (`tests/fixtures/README.md`).
#[test]
fn the_losses_agree_with_the_reference() {
    let weights_file = weights::read_tensors(fixture("uncond_r32_c1.weights.safetensors")).unwrap().tensors;
    let expected = weights::read_tensors(fixture("uncond_r32_c1.expected.safetensors")).unwrap().tensors;
    let mut config = TrainConfig { batch: 4, ..TrainConfig::default() };
    (config.net.channel_base, config.net.channel_max) = (Some(512), Some(32));
    (config.net.z_dim, config.net.w_dim) = (Some(64), Some(64));
    let settings = config.resolve(32, &[ChannelRule::Image], &[]).unwrap();
    let mut generator = Generator::new(&settings.generator, RunSeed(0), Device::Cpu).unwrap();
    let mut discriminator = Discriminator::new(&settings.discriminator, RunSeed(0), Device::Cpu).unwrap();
    let part = |prefix| weights::without_resample_filters(weights::part(prefix, &weights_file)).unwrap();
    generator.load(&part("G.")).unwrap();
    discriminator.load(&part("D.")).unwrap();

    let fakes = generator.forward(&expected["z"], None, &Noise::Const);
    let logits = discriminator.forward(&fakes, None);
    assert_close("G", &loss::generator_logistic(&logits), &expected["gmain.loss"], 1e-4);

    let reals = expected["real"].detach().set_requires_grad(true);
    let real_logits = discriminator.forward(&reals, None);
    assert_close("D", &loss::discriminator_logistic(&logits, &real_logits), &expected["dmain.loss"], 1e-4);
    let gradient = Tensor::run_backward(&[real_logits.sum(tch::Kind::Float)], &[&reals], true, true);
    assert_close("R1", &loss::r1_penalty(&gradient[0], 1.0), &expected["r1.loss_gamma1"], 1e-4);

    let ws = generator.mapping.forward(&expected["z"].narrow(0, 0, 2), None);
    let fakes = generator.synthesis.forward(&ws, &Noise::Const);
    let projected = (fakes * &expected["pl.noise"]).sum(tch::Kind::Float);
    let gradient = Tensor::run_backward(&[projected], &[&ws], true, true);
    let lengths = loss::path_lengths(&gradient[0]);
    assert_close("path lengths", &lengths, &expected["pl.lengths"], 1e-4);
    // The mean of before such that with this batch in it it is .5, as in the reference.
    let of_batch = lengths.mean(tch::Kind::Float);
    let means = loss::PathLengthMeans { running: Tensor::from(0.5f32), of_batch };
    let penalty = loss::path_length_penalty(&lengths, &means) * 2.0;
    assert_close("path-length penalty", &penalty, &expected["pl.loss"], 1e-4);
}
