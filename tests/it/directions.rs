//! `rimforge directions` through the program: what it leaves, what it refuses, and that a killed run ends as one that
//! was not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rimforge::directions::saved::Saved;
use rimforge::files;
use rimforge::nets::weights::save_network;
use rimforge::nets::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig};
use rimforge::records::directions::DirectionsRecord;
use rimforge::records::label::{NetworkLabel, Provenance};
use rimforge::seed::RunSeed;
use tch::Device;

use crate::classify::text;
use crate::project_command::prepare;

const QUICK: &str =
    "directions --device cpu --threads 1 --data data --count 2 --samples 200 --codes 6 --random 20 --shown 2";

/// A data set of 32 pixels, and networks of random weights: `one`, `other` and `classes`, a conditional one.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        prepare(&place.at("data"));
        for (name, seed, c_dim) in [("one", 5, 0), ("other", 6, 0), ("classes", 7, 2)] {
            network(&place.at(&format!("{name}.safetensors")), seed, c_dim);
        }
        place
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn command(&self, more: &str) -> Command {
        let mut run = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        run.current_dir(self.0.path()).args(format!("{QUICK} {more}").split_whitespace());
        run
    }

    pub fn found(&self, out: &str, more: &str) -> DirectionsRecord {
        let output = self.command(&format!("--out {out} {more}")).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice(&fs::read(self.at(out).join("record.json")).unwrap()).unwrap()
    }

    fn refused(&self, more: &str) -> (Option<i32>, String) {
        let output = self.command(more).output().unwrap();
        (output.status.code(), text(&output))
    }
}

fn network(path: &Path, seed: u64, c_dim: i64) {
    let small = GeneratorConfig::small(32, 1);
    let config = GeneratorConfig { z_dim: 8, w_dim: 8, c_dim, channel_base: 128, channel_max: 8, ..small };
    let generator = Generator::new(&config, RunSeed(seed), Device::Cpu).unwrap();
    let discriminator =
        Discriminator::new(&DiscriminatorConfig::matching(&config), RunSeed(seed), Device::Cpu).unwrap();
    let classes = (c_dim > 0).then(|| vec!["non-rim".to_owned(), "rim".to_owned()]);
    let label = NetworkLabel { provenance: Provenance { classes, ..Provenance::default() }, ..NetworkLabel::default() };
    save_network(path, &generator, Some(&discriminator), label).unwrap();
}

/// Every file of a folder but lock and mark.
fn all(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(inside).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.file_name().unwrap().to_string_lossy().starts_with('.') {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn directions_are_named_measured_and_drawn() {
    let place = Place::new();
    let record = place.found("out", "--network one.safetensors");
    assert!(record.simulated && record.meters == "plain" && record.class_scores.is_none());
    // 32 pixels have eight w: every group is there, two ways each.
    let sets: Vec<(String, String, [u64; 2])> =
        record.sets.iter().map(|set| (set.method.clone(), set.layers.clone(), set.indices)).collect();
    assert_eq!(sets.len(), 8);
    assert_eq!(sets[2], ("closed-form".into(), "coarse".into(), [0, 1]));
    assert_eq!(sets[7], ("ganspace".into(), "fine".into(), [6, 7]));
    assert_eq!(record.sets[6].stacked, ["b32.conv1", "b32.torgb"]);
    assert_eq!(record.layers[1].feeds, ["b8.conv0", "b4.torgb"]);
    let saved = Saved::read(&place.at("out/directions.safetensors")).unwrap();
    assert_eq!((saved.directions.len(), saved.network_sha256.as_str()), (16, record.network_sha256.as_str()));
    saved.require_of(&record.network_sha256, 8, 8).unwrap();
    for (set, one) in record.sets.iter().flat_map(|set| set.directions.iter().map(move |one| (set, one))) {
        let leading = one.effects.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap();
        assert!(leading >= 0.0, "the leading factor rises: {one:?}");
        let factor = one.effects.iter().position(|effect| *effect == leading).unwrap();
        assert_eq!(one.name, record.factors[factor].name);
        assert!(one.purity >= 0.25 && one.purity <= 1.0 && one.distances[4] == 0.0 && one.leak.is_none());
        assert_eq!(files::sha256(place.at("out").join(&one.strip)).unwrap(), one.strip_sha256);
        let beats = one.purity > set.null.purity && leading > set.null.effects[factor];
        assert_eq!(one.beats_null, beats);
    }
    assert!(place.at("out/atlas.png").is_file());
    let gate = &record.gate;
    assert_eq!((gate.from.as_str(), gate.sweep.len(), gate.sweep[0].kept), ("calibrated", 6, 16 * 12));
    assert_eq!(gate.threshold, gate.calibration.as_ref().map(|found| found.threshold));
    assert!(record.distance.contains("discriminator features") && !record.distance.contains("LPIPS"));

    // Fewer directions: the strips of the others go, and nothing else is touched.
    fs::write(place.at("out/strips/mine.png"), b"mine").unwrap();
    place.found("out", "--network one.safetensors --layers all --methods ganspace");
    let left: Vec<PathBuf> = all(&place.at("out/strips")).into_keys().collect();
    assert_eq!(left, ["ganspace_all_01.png", "ganspace_all_02.png", "mine.png"].map(PathBuf::from));
}

#[test]
fn a_killed_run_ends_as_one_that_was_not() {
    let place = Place::new();
    place.found("whole", "--network one.safetensors --layers all,fine");
    let strips = place.at("killed/strips");
    let mut child = place
        .command("--network one.safetensors --layers all,fine --out killed")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !strips.is_dir() && child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(strips.is_dir());
    place.found("killed", "--network one.safetensors --layers all,fine");
    assert!(all(&place.at("killed")) == all(&place.at("whole")));
}

#[test]
fn codes_of_a_conditional_network_are_of_the_datas_classes() {
    let place = Place::new();
    let record = place.found("out", "--network classes.safetensors --layers all");
    let shares: Vec<(String, f64)> = record.classes.iter().map(|class| (class.name.clone(), class.share)).collect();
    assert_eq!(shares, [("non-rim".into(), 0.5), ("rim".into(), 0.5)]);
    assert!(record.class_scores.is_some() && record.sets[0].null.leak.is_some());
    assert!(record.sets[0].directions.iter().all(|one| one.leak.is_some_and(|leak| (0.0..=1.0).contains(&leak))));
    let one = place.found("one", "--network classes.safetensors --layers all --class rim");
    assert!(one.codes.iter().all(|code| code.class.as_deref() == Some("rim")) && one.classes.len() == 1);
    assert_eq!(one.codes[0].seed, record.codes[0].seed, "the same seeds for every class");
}

#[test]
fn a_second_network_is_matched_and_one_of_common_ancestry_refused() {
    let place = Place::new();
    let more = "--network one.safetensors --layers all --second other.safetensors --align 20 --align-steps 2";
    let second = place.found("out", more).second.unwrap();
    assert_eq!(second.sets.len(), 2);
    let set = &second.sets[0];
    assert_eq!((set.pairs.len(), set.pairs[0].id.as_str()), (2, "closed-form_all_01"));
    assert!(set.pairs[0].partner != set.pairs[1].partner);
    assert!((0.0..=1.0).contains(&set.mean) && set.p > 0.0 && set.p <= 1.0);
    let aligned = set.aligned.as_ref().unwrap();
    assert!(aligned.cosines.len() == 2 && aligned.principal.len() == 2 && aligned.p > 0.0);
    let map = second.alignment.unwrap();
    assert_eq!((map.pairs, map.steps), ([16, 4], 2));
    assert!(map.r_squared < 0.9, "random networks explain nothing of each other: {}", map.r_squared);

    let (code, said) = place.refused("--network one.safetensors --out o --second one.safetensors");
    assert!(code == Some(2) && said.contains("common ancestry") && said.contains("train.base"), "{said}");
    let (code, said) =
        place.refused("--network one.safetensors --out o --layers all --second other.safetensors --align 10");
    assert!(code == Some(2) && said.contains("10 codes") && said.contains("at least 16"), "{said}");
}

#[test]
fn what_cannot_be_done_is_refused_with_what_would_be_right() {
    let place = Place::new();
    for (more, expected, says) in [
        ("--variant published", 2, "directions.layers"),
        ("--class rim", 2, "--class"),
        ("--lpips-weights data/manifest.json", 2, "LPIPS weights without the net"),
        ("--meters skin", 2, "skin meters"),
        ("--threshold wide", 2, "calibrated"),
        ("--features none.pth", 3, "none.pth"),
    ] {
        let (code, said) = place.refused(&format!("--network one.safetensors --out o {more}"));
        assert!(code == Some(expected) && said.contains(says), "{more}: {code:?} {said}");
    }
    let (code, said) = place.refused("--network none.safetensors --out o");
    assert!(code == Some(3) && said.contains("none.safetensors"), "{said}");
    let (code, said) = place.refused("--network one.safetensors --out data");
    assert!(code == Some(2) && said.contains("data"), "{said}");
}
