//! `rimforge invert` through the program: what it leaves, kills, and what it refuses.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rimforge::invert::{Inversion, Method};
use rimforge::nets::load_image_network;
use rimforge::records::invert::InversionRecord;
use tch::Device;

use crate::tiny_runs::{TinyRuns, assert_same, finish, outcome};

const METHODS: &str = "encoder,encoder+hypernetwork,encoder+pivotal-each,w-descent,w-plus-descent+pivotal-all";

fn command(tiny: &TinyRuns, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    command.current_dir(tiny.at("")).arg("invert");
    command.args(["--network", "network.safetensors", "--data", "data", "--device", "cpu", "--threads", "1"]);
    if !more.contains(&"--compare") {
        command.args(["--compare", METHODS]);
    }
    command.args(["--compared", "3", "--descent-steps", "6", "--batch", "4", "--width", "4"]);
    command.args(["--encoder-steps", "60", "--hyper-steps", "20", "--pivotal-steps", "20", "--hyper-passes", "2"]);
    command.args(["--edits", "1"]).args(more).arg("--out").arg(out);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn record(out: &Path) -> InversionRecord {
    serde_json::from_slice(&fs::read(out.join("record.json")).unwrap()).unwrap()
}

fn refused(output: Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "{said}"));
}

#[test]
fn every_method_leaves_codes_that_can_be_drawn_and_edited() {
    let tiny = TinyRuns::new();
    let out = tiny.at("inverted");
    finish(&mut command(&tiny, &out, &[]));
    let record = record(&out);
    let keys: Vec<&str> = record.methods.iter().map(|method| method.key.as_str()).collect();
    assert_eq!(keys.join(","), format!("encoder+pivotal-all,{METHODS}"));
    assert_eq!(record.range, "-1..1");
    assert!(record.images.training == record.images.learnt && record.images.validation > 0);
    let names: Vec<&str> = record.networks.iter().map(|network| network.name.as_str()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let network = tiny.at("network.safetensors");
    for method in &record.methods {
        assert_eq!(method.sides.len(), 2, "{}", method.key);
        let parsed: Method = method.key.parse().unwrap();
        let opened = Inversion::open(&out, &network, Some(parsed), Device::Cpu).unwrap();
        assert_eq!(opened.images(), method.codes.images);
        let rows: Vec<i64> = (0..opened.images().len() as i64).collect();
        let drawn = opened.draw(&rows, None).unwrap();
        assert_eq!(drawn.size()[0], rows.len() as i64);
        // One by one they are the same images, up to how sums are made.
        let alone = opened.draw(&rows[1..2], None).unwrap();
        assert!((alone - drawn.narrow(0, 1, 1)).abs().max().double_value(&[]) < 1e-4);
        assert!(method.sides.iter().all(|side| side.l2.is_some() && side.inconsistency.is_some()), "{}", method.key);
    }
    // The chosen method inverts all training images; none of the test side is anywhere.
    let manifest = fs::read_to_string(tiny.at("data/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let test: Vec<&str> = manifest["lesions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|lesion| lesion["split"] == "test")
        .filter_map(|lesion| lesion["id"].as_str())
        .collect();
    assert!(!test.is_empty());
    let mut images = record.methods.iter().flat_map(|method| &method.codes.images);
    assert!(images.all(|image| test.iter().all(|lesion| !image.id.as_str().starts_with(lesion))));
    // A tuned network is a network, and says what it was tuned on.
    let tuned = load_image_network(out.join("nets/tuned-encoder.safetensors"), Device::Cpu).unwrap();
    let provenance = &tuned.description.label.provenance;
    assert_eq!(provenance.data_sha256.as_deref(), Some(record.data_sha256.as_str()));
    let said = provenance.tuned.as_ref().unwrap();
    assert_eq!((said.images, said.network_sha256.as_str()), (record.images.learnt, record.network_sha256.as_str()));
    let mut drawing = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    let nets = out.join("nets/tuned-encoder.safetensors");
    drawing.args(["generate", "--seeds", "0-3", "--device", "cpu"]).arg("--network").arg(nets);
    finish(drawing.arg("--out").arg(tiny.at("drawn")).stdout(Stdio::null()));
    // Fewer methods: what is not asked for any more is gone, what is stays as it is.
    let before = fs::metadata(out.join("nets/encoder.safetensors")).unwrap().modified().unwrap();
    let fewer = ["--refine", "none", "--compare", "encoder+hypernetwork"];
    finish(&mut command(&tiny, &out, &fewer));
    assert_eq!(fs::metadata(out.join("nets/encoder.safetensors")).unwrap().modified().unwrap(), before);
    assert!(!out.join("tuned").exists() && !out.join("embedded").exists() && !out.join("underway").exists());
    assert!(!out.join("nets/tuned-encoder.safetensors").exists());
    // What something else changed is not taken for the method's.
    let codes = out.join("codes/encoder.safetensors");
    let own = fs::read(&codes).unwrap();
    let mut other = own.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&codes, other).unwrap();
    let output = command(&tiny, &out, &fewer).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("changed since it was written; made again"), "{said}");
    assert!(fs::read(&codes).unwrap() == own);
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_in_the_same_bytes() {
    let tiny = TinyRuns::new();
    let straight = tiny.at("straight");
    let begun = Instant::now();
    finish(&mut command(&tiny, &straight, &[]));
    let whole = begun.elapsed();
    let expected = outcome(&straight);
    let out = tiny.at("killed");
    for share in [0.25, 0.45, 0.2, 0.4, 0.15] {
        let mut child = command(&tiny, &out, &[]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_secs_f64(whole.as_secs_f64() * share));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    finish(&mut command(&tiny, &out, &[]));
    assert_same("killed five times", &out, &expected);
    finish(&mut command(&tiny, &out, &[]));
    assert_same("once more", &out, &expected);
}

#[test]
fn other_data_foreign_folders_and_methods_that_are_none_are_refused() {
    let tiny = TinyRuns::new();
    let users = tiny.at("users");
    fs::create_dir(&users).unwrap();
    fs::write(users.join("notes.txt"), b"mine").unwrap();
    refused(command(&tiny, &users, &[]).output().unwrap(), 2, &["something else in it: notes.txt"]);
    let none = ["--embed", "w-descent", "--refine", "hypernetwork"];
    refused(command(&tiny, &tiny.at("o"), &none).output().unwrap(), 2, &["invert.refine", "behind it alone"]);
    refused(command(&tiny, &tiny.at("o"), &["--compare", "magic"]).output().unwrap(), 2, &["no method of inversion"]);
    assert!(!tiny.at("o").exists());
}
