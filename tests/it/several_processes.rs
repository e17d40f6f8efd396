//! One training run in several processes, started as a launcher would: the same bytes as in one, a dead process ends
//! the others, a request to stop reaches all of them, and a run goes on in another number of them.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rimforge::engine::{Group, Rendezvous};
use rimforge::records::training::TrainingRecord;
use tch::Cuda;

use crate::{brats, gpu, phantoms};

/// Four replicas of one group each: 16 images a step.
const SETTINGS: [&str; 12] = [
    "net.channel_base=128",
    "net.channel_max=16",
    "net.z_dim=16",
    "net.w_dim=16",
    "tick_kimg=0.032",
    "checkpoint_ticks=1",
    "frechet_ticks=5",
    "preview_ticks=10",
    "ada.initial_p=0.3",
    "ada.speed_kimg=1",
    "precision=float32",
    "replicas=4",
];

pub fn train(data: &Path, out: &Path, kimg: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    command.arg("train").arg("--data").arg(data).arg("--out").arg(out);
    command.args(["--kimg", kimg, "--batch", "16", "--threads", "1", "--device", "cpu", "--seed", "5"]);
    SETTINGS.iter().for_each(|setting| {
        command.args(["--set", setting]);
    });
    for name in ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_WORLD_SIZE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A port that is free now.
pub fn port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// The processes of one run, by rank.
fn start(data: &Path, out: &Path, kimg: &str, processes: usize) -> Vec<Child> {
    let port = port();
    let process = |rank: usize| {
        let variables = [
            ("RANK", rank.to_string()),
            ("WORLD_SIZE", processes.to_string()),
            ("MASTER_ADDR", "127.0.0.1".to_owned()),
            ("MASTER_PORT", port.clone()),
        ];
        train(data, out, kimg).envs(variables).spawn().unwrap()
    };
    (0..processes).map(process).collect()
}

fn ended(children: Vec<Child>) -> Vec<Output> {
    children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
}

fn run(data: &Path, out: &Path, kimg: &str, processes: usize) {
    for output in ended(start(data, out, kimg, processes)) {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Networks, the log and the last checkpoint.
pub fn results(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for name in ["network-best.safetensors", "network-last.safetensors", "stats.jsonl"] {
        found.insert(name.to_owned(), fs::read(out.join(name)).unwrap());
    }
    let mut checkpoints: Vec<_> =
        fs::read_dir(out.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).collect();
    checkpoints.sort();
    for entry in fs::read_dir(checkpoints.last().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        found.insert(format!("last/{}", path.file_name().unwrap().to_string_lossy()), fs::read(path).unwrap());
    }
    found
}

pub fn assert_same(what: &str, found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    let differ: Vec<&String> = expected.keys().filter(|name| found.get(*name) != expected.get(*name)).collect();
    assert!(differ.is_empty() && found.len() == expected.len(), "{what}: {differ:?}");
}

pub fn data() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    phantoms::rings(data.path(), 6, 3, 16);
    data
}

#[test]
fn one_two_and_four_processes_end_in_the_same_bytes_and_go_on_in_another_number() {
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    let of = |name: &str| out.path().join(name);
    let output = train(data.path(), &of("one"), "0.32").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let one = results(&of("one"));
    for processes in [2, 4] {
        let name = processes.to_string();
        run(data.path(), &of(&name), "0.32", processes);
        assert_same(&name, &results(&of(&name)), &one);
    }
    // Begun in four, gone on with in two, ended in one.
    run(data.path(), &of("parts"), "0.096", 4);
    run(data.path(), &of("parts"), "0.192", 2);
    let output = train(data.path(), &of("parts"), "0.32").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The log has scores wherever a run ended.
    let weights = |results: BTreeMap<String, Vec<u8>>| -> BTreeMap<String, Vec<u8>> {
        results.into_iter().filter(|(name, _)| name.ends_with(".safetensors")).collect()
    };
    assert_same("in parts", &weights(results(&of("parts"))), &weights(one));
    let record: TrainingRecord = serde_json::from_slice(&fs::read(of("2").join("record.json")).unwrap()).unwrap();
    assert_eq!((record.replicas, record.images), (4, 320));
}

#[test]
fn volumes_end_in_the_same_bytes_in_two_and_four_processes_and_go_on_in_another_number() {
    let out = tempfile::tempdir().unwrap();
    let data = out.path().join("data");
    brats::prepared_volumes(&data);
    let of = |name: &str| out.path().join(name);
    let output = train(&data, &of("one"), "0.064").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for processes in [2, 4] {
        let name = processes.to_string();
        run(&data, &of(&name), "0.064", processes);
        assert_same(&format!("volumes in {processes}"), &results(&of(&name)), &results(&of("one")));
    }
    run(&data, &of("parts"), "0.032", 4);
    run(&data, &of("parts"), "0.064", 2);
    let last = |name: &str| fs::read(of(name).join("network-last.safetensors")).unwrap();
    assert!(last("parts") == last("one"));
}

/// torchrun keeps the table itself, on the port that it names; its processes are guests there.
#[test]
fn processes_meet_at_a_table_that_their_launcher_keeps() {
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    let port: u16 = port().parse().unwrap();
    let own = Rendezvous {
        host: "127.0.0.1".to_owned(),
        port,
        rank: 0,
        size: 1,
        kept_by_launcher: false,
        prefix: "launcher".to_owned(),
    };
    let launcher = Group::join(&own).unwrap();
    let process = |rank: &str| {
        let variables = [
            ("RANK", rank),
            ("WORLD_SIZE", "2"),
            ("MASTER_ADDR", "127.0.0.1"),
            ("MASTER_PORT", &port.to_string()),
            ("TORCHELASTIC_USE_AGENT_STORE", "True"),
            ("TORCHELASTIC_RESTART_COUNT", "3"),
        ];
        train(data.path(), &out.path().join("guests"), "0.064").envs(variables).spawn().unwrap()
    };
    for output in ended(vec![process("0"), process("1")]) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("failed to bind"), "{said}");
    }
    drop(launcher);
    run(data.path(), &out.path().join("hosts"), "0.064", 2);
    assert_same("guests", &results(&out.path().join("guests")), &results(&out.path().join("hosts")));
}

#[test]
fn a_process_that_dies_ends_the_others_within_seconds() {
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    for dies in [1, 0] {
        let mut children = start(data.path(), &out.path().join(format!("run-{dies}")), "1000", 2);
        let first = out.path().join(format!("run-{dies}/checkpoints"));
        let begun = Instant::now();
        while fs::read_dir(&first).map_or(0, Iterator::count) < 3 {
            assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint");
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut dead = children.remove(dies);
        dead.kill().unwrap();
        dead.wait().unwrap();
        let killed = Instant::now();
        let output = children.remove(0).wait_with_output().unwrap();
        assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{text}");
        assert!(text.contains("another process of the run has gone"), "{text}");
    }
}

#[test]
fn a_request_to_stop_one_process_stops_all_with_one_checkpoint() {
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    let run_folder = out.path().join("run");
    let children = start(data.path(), &run_folder, "1000", 2);
    let begun = Instant::now();
    while fs::read_dir(run_folder.join("checkpoints")).map_or(0, Iterator::count) < 3 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint");
        std::thread::sleep(Duration::from_millis(20));
    }
    // SAFETY: a signal to a child that has not been waited for.
    assert_eq!(unsafe { libc::kill(children[1].id() as i32, libc::SIGTERM) }, 0);
    let asked = Instant::now();
    let codes: Vec<_> = ended(children).into_iter().map(|output| output.status.code()).collect();
    assert!(asked.elapsed() < Duration::from_secs(30));
    assert_eq!(codes, [Some(130), Some(130)]);
    let newest = |folder: &Path| -> (u64, PathBuf) {
        let images = |path: &PathBuf| path.file_name()?.to_str()?.strip_prefix("checkpoint-")?.parse().ok();
        let paths = fs::read_dir(folder.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
        paths.filter_map(|path| Some((images(&path)?, path))).max().unwrap()
    };
    let (images, last) = newest(&run_folder);
    assert!(last.join("SHA256SUMS").exists(), "{}", last.display());
    // All stopped at one step, and what they left is what a run that was never asked to stop has there.
    let kimg = format!("{}", images as f64 / 1000.0);
    let straight = out.path().join("straight");
    run(data.path(), &straight, &kimg, 2);
    let weights = |folder: &Path| fs::read(newest(folder).1.join("generator.safetensors")).unwrap();
    assert_eq!(newest(&straight).0, images);
    assert!(weights(&run_folder) == weights(&straight), "at {images} images");
}

#[test]
fn processes_that_do_not_fit_are_refused_by_name() {
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    let outputs = ended(start(data.path(), &out.path().join("three"), "0.032", 3));
    for output in &outputs {
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("3 processes for a batch of 16") && text.contains("1, 2, 4 processes"), "{text}");
    }
    // One of them with another seed.
    let port = port();
    let process = |rank: &str, seed: &str| {
        let variables =
            [("RANK", rank), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", port.as_str())];
        let mut command = train(data.path(), &out.path().join("seeds"), "0.032");
        command.args(["--set", &format!("learning_rate=0.00{seed}")]).envs(variables).spawn().unwrap()
    };
    for output in ended(vec![process("0", "2"), process("1", "3")]) {
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("process 1 differs from process 0"), "{text}");
    }
    assert!(!out.path().join("seeds/checkpoints").exists());
    // Nobody else comes: the variables are there, the others are not named.
    let output = train(data.path(), &out.path().join("alone"), "0.032")
        .envs([("RANK", "0"), ("WORLD_SIZE", "2")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("MASTER_ADDR"));
}

/// A process's end, which must come within two minutes: one that waits for a card for ever is killed.
fn ended_in_time(children: Vec<Child>) -> Vec<Output> {
    let begun = Instant::now();
    let one = |mut child: Child| {
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > Duration::from_secs(120) {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        child.wait_with_output().unwrap()
    };
    children.into_iter().map(one).collect()
}

/// Two processes on a card each train as one does on the CPU, but for rounding; that both cards hold the same bits the
/// program itself asks at every checkpoint. Where there is one card it says so, and both processes are refused.
#[test]
#[ignore = "needs two GPUs"]
fn gpu_two_processes_train_on_a_card_each() {
    let (_alone, _engine) = gpu::card(false);
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    let port = port();
    let run = |name: &str, device: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        command.arg("train").arg("--data").arg(data.path()).arg("--out").arg(out.path().join(name));
        command.args(["--kimg", "0.064", "--batch", "16", "--threads", "1", "--seed", "5", "--device", device]);
        let own = ["ada.initial_p=0", "ada.speed_kimg=1000000", "replicas=2"];
        let common = SETTINGS.iter().filter(|setting| !setting.starts_with("ada.") && !setting.starts_with("replicas"));
        common.chain(&own).for_each(|setting| {
            command.args(["--set", setting]);
        });
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let process = |rank: &str| {
        let variables = [
            ("RANK", rank),
            ("WORLD_SIZE", "2"),
            ("LOCAL_RANK", rank),
            ("MASTER_ADDR", "127.0.0.1"),
            ("MASTER_PORT", &port),
        ];
        run("two", "cuda").envs(variables).spawn().unwrap()
    };
    let cards = Cuda::device_count();
    let outputs = ended_in_time(vec![process("0"), process("1")]);
    if cards < 2 {
        println!("NOT TRIED ON TWO CARDS: this machine has {cards}; that two processes with one card are refused was");
        for output in &outputs {
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code() == Some(4) && text.contains("with a card each"), "{text}");
        }
        return;
    }
    for output in &outputs {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let output = run("one", "cpu").env_remove("RANK").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let losses = |name: &str| -> Vec<[f64; 2]> {
        let record: TrainingRecord =
            serde_json::from_slice(&fs::read(out.path().join(name).join("record.json")).unwrap()).unwrap();
        assert_eq!(record.replicas, 2);
        record.curve.iter().map(|tick| [tick.loss_g, tick.loss_d]).collect()
    };
    let (two, one) = (losses("two"), losses("one"));
    assert!(two.len() == one.len() && !two.is_empty());
    for (found, expected) in two.iter().zip(&one) {
        let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 0.02);
        assert!(near, "{two:?} on cards, {one:?} on the CPU");
    }
}
