//! Every command writes only into an empty folder or its own: what a user keeps there outlives every run, refused or
//! not, and an earlier result outlives a run that fails.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use rimforge::data::{PrepareConfig, Prepared, cohort_inputs};
use rimforge::nets::{Generator, GeneratorConfig, weights};
use rimforge::records::label::NetworkLabel;
use rimforge::records::synthesis::SynthesisRecord;
use rimforge::seed::RunSeed;
use tch::Device;

use crate::cohort_files::CohortFiles;
use crate::leftovers::{assert_nothing_unfinished, leave_unfinished};
use crate::parity::fixture;
use crate::phantoms;

/// Every file and folder below `root` but for locks, with the files' bytes.
fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            // A lock names the process that held it last.
            if path.file_name().is_some_and(|name| name == ".lock") && path.is_file() {
                continue;
            }
            if path.is_dir() {
                found.insert(path.clone(), vec![]);
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap_or_default();
                found.insert(path, bytes);
            }
        }
    }
    found
}

fn rimforge(arguments: &str, folder: &Path) -> Command {
    let mut command = Command::cargo_bin("rimforge").unwrap();
    command.current_dir(folder).args(arguments.split_whitespace());
    command
}

/// An untrained generator of one channel, whose images differ from seed to seed by its own `seed`.
fn network(path: &Path, seed: u64) {
    let config =
        GeneratorConfig { z_dim: 16, w_dim: 16, channel_base: 128, channel_max: 8, ..GeneratorConfig::small(16, 1) };
    let generator = Generator::new(&config, RunSeed(seed), Device::Cpu).unwrap();
    weights::save_network(path, &generator, None, NetworkLabel::default()).unwrap();
}

fn picture(path: &Path, number: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), 16, 16);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels: Vec<u8> = (0..=255u8).map(|at| at.wrapping_mul(31).wrapping_add(number * 17)).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

/// Images "rim/1.png" ... in `folder`; the first number is `first`.
fn pictures(folder: &Path, first: u8) {
    for number in first..first + 4 {
        picture(&folder.join(format!("rim/{number}.png")), number);
        picture(&folder.join(format!("other/{number}.png")), number + 100);
    }
}

/// What the commands read: `data`, `images`, `net.safetensors`, `net.pkl`, `study.toml`.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    phantoms::rings(&place.path().join("data"), 4, 2, 32);
    phantoms::rings_with_map(&place.path().join("data-rim"), 4, 2, 32);
    pictures(&place.path().join("images"), 1);
    network(&place.path().join("net.safetensors"), 1);
    fs::copy(fixture("cond_r16_c3.network.pkl"), place.path().join("net.pkl")).unwrap();
    let study = "kind = \"rim-lesions\"\nname = \"s\"\nout = \"out\"\n[cohort.simulate]\npreset = \"tiny\"\n";
    fs::write(place.path().join("study.toml"), study).unwrap();
    place
}

/// Each command with inputs that it can use, and with some that it cannot.
const COMMANDS: [&str; 20] = [
    "simulate --preset tiny --out out",
    "prepare --images images --rim-label rim --out out",
    "prepare --cohort typo --out out",
    "train --data data --out out",
    "train --data typo --out out",
    "generate --network net.safetensors --seeds 0-3 --out out",
    "project --network net.safetensors --data data --out out",
    "perturb --network net.safetensors --data data --out out",
    "classify --data data --arms none --out out",
    "evaluate --network net.safetensors --out out",
    "segment --data data-rim --arms real --out out",
    "explain --data data --classify data --out out",
    "two-sided --data data --of-interest data --other data --out out",
    "import net.pkl --out out",
    "export --network net.safetensors --out out",
    "export monai --data data-rim --out out",
    "export bids --synthetic data --out out",
    "export croissant --data data --license mit --out out",
    "export card --network net.safetensors --license mit --out out",
    "run study.toml",
];

#[test]
fn no_command_touches_a_folder_of_the_users() {
    let place = place();
    let out = place.path().join("out");
    let folders: [&[&str]; 5] = [
        &["notes.txt"],
        &["record.json", "patches/my_own.npy"],
        &[".lock", ".rimforge/my_own"],
        &["manifest.json", "network.safetensors", "state_dict.pt", "study.toml", "results.json", "report/index.html"],
        &["seed0000.png", "seed0001.npy", "grid.png", "checkpoints/x", "sub-001/anat/x", ".bidsignore"],
    ];
    for files in folders {
        let _ = fs::remove_dir_all(&out);
        for file in files {
            fs::create_dir_all(out.join(file).parent().unwrap()).unwrap();
            fs::write(out.join(file), b"{\"mine\": true}").unwrap();
        }
        let before = tree(&out);
        for command in COMMANDS.iter().chain(&["report out"]) {
            let output = rimforge(command, place.path()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && !said.contains("panicked"), "{command}: {said}");
            if !command.contains("typo") && !command.starts_with("report") {
                assert!(output.status.code() == Some(2) && said.contains("something else in it"), "{command}: {said}");
            }
            assert!(tree(&out) == before, "{command}: {said}");
        }
    }
}

#[test]
fn a_file_or_a_dangling_link_is_no_folder_to_write_into() {
    let place = place();
    let out = place.path().join("out");
    for command in COMMANDS.iter().filter(|command| !command.contains("typo")) {
        fs::write(&out, b"mine").unwrap();
        rimforge(command, place.path()).assert().code(2).stderr(contains("out: a file"));
        assert_eq!(fs::read(&out).unwrap(), b"mine");
        fs::remove_file(&out).unwrap();
        symlink(place.path().join("nowhere"), &out).unwrap();
        rimforge(command, place.path()).assert().code(2).stderr(contains("a link to something that is not there"));
        assert!(!place.path().join("nowhere").exists());
        fs::remove_file(&out).unwrap();
    }
}

#[test]
fn what_the_user_puts_beside_a_result_stays_and_what_the_run_wrote_is_replaced() {
    let place = place();
    let (root, out) = (place.path(), place.path().join("out"));
    let prepare = |images: &str| rimforge(&format!("prepare --images {images} --rim-label rim --out out"), root);
    prepare("images").assert().success();
    fs::write(out.join("patches/my_own.npy"), b"mine").unwrap();
    fs::write(out.join("notes.txt"), b"mine").unwrap();
    pictures(&root.join("others"), 3);
    prepare("others").assert().success();
    assert!(!out.join("patches/rim-1.npy").exists() && out.join("patches/rim-6.npy").exists());
    for file in ["patches/my_own.npy", "notes.txt"] {
        assert_eq!(fs::read(out.join(file)).unwrap(), b"mine", "{file}");
    }
    // A file of the user's where one would be written: refused, and the result before stays whole.
    fs::write(out.join("patches/rim-1.npy"), b"mine").unwrap();
    let before = Prepared::open(&out).unwrap().sha256().to_owned();
    prepare("images").assert().code(2).stderr(contains("rim-1.npy: not a file of this command's"));
    assert_eq!(fs::read(out.join("patches/rim-1.npy")).unwrap(), b"mine");
    assert_eq!(Prepared::open(&out).unwrap().sha256(), before);
}

#[test]
fn a_run_that_fails_leaves_the_data_set_before_as_it_was() {
    let cohort = CohortFiles::new(4);
    let root = cohort.root.parent().unwrap().to_owned();
    rimforge("prepare --cohort cohort --out data", &root).assert().success();
    let before = Prepared::open(root.join("data")).unwrap().sha256().to_owned();
    let unchanged = |arguments: &str, code: i32| {
        rimforge(arguments, &root).assert().code(code);
        assert_eq!(Prepared::open(root.join("data")).unwrap().sha256(), before, "{arguments}");
    };
    unchanged("prepare --cohort typo --out data", 3);
    unchanged("prepare --images typo --out data", 3);
    unchanged("prepare --cohort cohort --test-fraction 2 --out data", 2);
    // A damaged volume, after other patients are cut; two patients of equal pixels, when all are.
    let whole = fs::read(cohort.chimap(4)).unwrap();
    fs::write(cohort.chimap(4), &whole[..whole.len() - 20]).unwrap();
    unchanged("prepare --cohort cohort --out data", 3);
    fs::copy(cohort.chimap(1), cohort.chimap(4)).unwrap();
    unchanged("prepare --cohort cohort --out data", 3);
    fs::write(cohort.chimap(4), &whole).unwrap();
    rimforge("prepare --cohort cohort --out data", &root).assert().success();
    let names = tree(&root.join("data"));
    assert!(!names.keys().any(|path| path.to_string_lossy().contains("rimforge-")), "{:?}", names.keys());
}

#[test]
fn inputs_and_the_folder_written_lie_apart() {
    let cohort = CohortFiles::new(4);
    let root = cohort.root.parent().unwrap();
    phantoms::rings(&root.join("data"), 4, 2, 32);
    phantoms::rings_with_map(&root.join("data-rim"), 4, 2, 32);
    pictures(&root.join("images"), 1);
    network(&root.join("net.safetensors"), 1);
    symlink(root.join("data"), root.join("link")).unwrap();
    let before = tree(root);
    for command in [
        "prepare --cohort cohort --out cohort",
        "prepare --cohort cohort --out cohort/out",
        "prepare --cohort cohort --out cohort/derivatives/lesions/out",
        "prepare --images images --out images/rim/out",
        "train --data data --out data",
        "train --data data --out link",
        "train --data data --out data/gan",
        "train --data data --base ./net.safetensors --out .",
        "generate --network net.safetensors --data data --out data/images",
        "generate --network net.safetensors --out .",
        "project --network net.safetensors --data data --out data/new/..",
        "perturb --network net.safetensors --data data --out data",
        "classify --data data --arms none --synthetic images --out images/out",
        "evaluate --real data --out data/evaluation",
        "explain --data data --classify data --out data/maps",
        "segment --data data-rim --arms real --out data-rim/masks",
        "two-sided --data data --of-interest images --other images --out images/out",
    ] {
        rimforge(command, root).assert().code(2).stderr(contains("which is read").or(contains("what is read")));
        assert!(tree(root) == before, "{command}");
    }
    // BIDS keeps results in derivatives of their own: they are no part of what is read.
    let key =
        || cohort_inputs::sha256(&cohort.root, &[&PrepareConfig::default()], &rimforge::observer::Silent).unwrap();
    let before = key();
    rimforge("prepare --cohort cohort --out cohort/derivatives/rimforge", root).assert().success();
    assert_eq!(key(), before);
    rimforge("prepare --cohort cohort --out cohort/derivatives/rimforge", root).assert().success();
}

#[test]
fn only_what_is_read_of_a_cohort_decides_whether_it_changed() {
    let cohort = CohortFiles::new(4);
    let key = |contrasts: &[&str]| {
        let contrasts = contrasts.iter().map(|&name| name.to_owned()).collect();
        let config = PrepareConfig { contrasts, ..PrepareConfig::default() };
        cohort_inputs::sha256(&cohort.root, &[&config], &rimforge::observer::Silent).unwrap()
    };
    let (chimap, both) = (key(&["chimap"]), key(&["chimap", "flair"]));
    assert_ne!(chimap, both);
    let anat = cohort.root.join("sub-001/anat");
    fs::write(anat.join("sub-001_T1w.nii.gz"), b"not read").unwrap();
    fs::write(cohort.root.join("notes.txt"), b"x").unwrap();
    symlink("../nowhere", anat.join("sub-001_T2w.nii.gz")).unwrap();
    symlink(&cohort.root, cohort.root.join("sourcedata")).unwrap();
    std::process::Command::new("mkfifo").arg(cohort.root.join("pipe")).status().unwrap();
    assert_eq!((key(&["chimap"]), key(&["chimap", "flair"])), (chimap.clone(), both.clone()));
    // What is read of one way of preparing and not of the other.
    let flair = anat.join("sub-001_FLAIR.nii.gz");
    fs::write(&flair, [fs::read(&flair).unwrap(), vec![0]].concat()).unwrap();
    assert_eq!(key(&["chimap"]), chimap);
    assert_ne!(key(&["chimap", "flair"]), both);
    // Units, votes, a volume by way of a link.
    fs::write(cohort.root.join("Chimap.json"), b"{\"Units\": \"ppm\"}").unwrap();
    let units = key(&["chimap"]);
    assert_ne!(units, chimap);
    fs::rename(anat.join("sub-001_Chimap.nii.gz"), cohort.root.join("elsewhere")).unwrap();
    symlink(cohort.root.join("elsewhere"), anat.join("sub-001_Chimap.nii.gz")).unwrap();
    assert_eq!(key(&["chimap"]), units);
    cohort.edit_table(|text| text.replace("sub-002\t2\t0\t1", "sub-002\t2\t1\t1"));
    assert_ne!(key(&["chimap"]), units);
}

#[test]
fn a_second_run_of_generate_leaves_nothing_of_the_first() {
    let place = place();
    let (root, out) = (place.path(), place.path().join("g"));
    network(&root.join("other.safetensors"), 2);
    let generate =
        |arguments: &str| rimforge(&format!("generate --device cpu --out g --format npy,png {arguments}"), root);
    generate("--network net.safetensors --seeds 0-5 --walk 1,2").assert().success();
    fs::write(out.join("mine.png"), b"mine").unwrap();
    let first = tree(&out);
    // One that fails on the way changes nothing.
    generate("--network net.safetensors --seeds 0-5 --format nifti").assert().code(2);
    assert!(tree(&out) == first, "something was changed");
    generate("--network other.safetensors --seeds 3-4").assert().success();
    let names = tree(&out);
    let names: Vec<&str> = names.keys().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    let expected = [
        ".rimforge.json",
        "grid.png",
        "mine.png",
        "record.json",
        "seed0003.npy",
        "seed0003.png",
        "seed0004.npy",
        "seed0004.png",
    ];
    assert_eq!(names, expected);
    let record: SynthesisRecord = serde_json::from_slice(&fs::read(out.join("record.json")).unwrap()).unwrap();
    for image in &record.images {
        assert_eq!(image.sha256, rimforge::files::sha256(out.join(&image.path)).unwrap());
    }
    assert_eq!(record.images.len(), 4);
    // A file of the user's at the name of an image.
    fs::write(out.join("seed0007.npy"), b"mine").unwrap();
    let before = tree(&out);
    generate("--network other.safetensors --seeds 7").assert().code(2).stderr(contains("seed0007.npy: not a file of"));
    assert!(tree(&out) == before, "something was changed");
}

#[test]
fn folders_of_the_version_before_are_known_by_their_records() {
    let place = place();
    let (root, out) = (place.path(), place.path().join("out"));
    for (command, mark) in [
        ("prepare --images images --rim-label rim --out out", ".rimforge.json"),
        ("generate --network net.safetensors --seeds 0-3 --out out", ".rimforge.json"),
        ("import net.pkl --out out", ".rimforge.json"),
        ("export --network net.safetensors --out out", ".rimforge.json"),
        ("simulate --preset tiny --patients 3 --out out --replace", ".rimforge/folder.json"),
    ] {
        rimforge(command, root).assert().success();
        fs::remove_file(out.join(mark)).unwrap();
        fs::write(out.join("mine"), b"mine").unwrap();
        rimforge(command, root).assert().success();
        assert_eq!(fs::read(out.join("mine")).unwrap(), b"mine");
        assert!(out.join(mark).exists());
        // Another command's.
        rimforge("train --data data --out out", root).assert().code(2);
        fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn replacing_a_simulated_cohort_spares_what_others_added_to_it() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    rimforge("simulate --preset tiny --patients 3 --out c", root).assert().success();
    for file in ["derivatives/mine/x", "sub-001/anat/mine.txt", "sub-900/anat/mine.txt"] {
        fs::create_dir_all(root.join("c").join(file).parent().unwrap()).unwrap();
        fs::write(root.join("c").join(file), b"mine").unwrap();
    }
    rimforge("simulate --preset tiny --patients 2 --out c --replace", root).assert().success();
    for file in ["derivatives/mine/x", "sub-001/anat/mine.txt", "sub-900/anat/mine.txt"] {
        assert_eq!(fs::read(root.join("c").join(file)).unwrap(), b"mine");
    }
    assert!(!root.join("c/sub-003").exists() && root.join("c/sub-002/anat/sub-002_Chimap.nii.gz").exists());
}

#[test]
fn replacing_a_simulated_cohort_can_be_stopped_anywhere() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    rimforge("simulate --preset tiny --patients 2 --seed 5 --out straight", root).assert().success();
    rimforge("simulate --preset tiny --patients 3 --seed 4 --out c", root).assert().success();
    let replace = || rimforge("simulate --preset tiny --patients 2 --seed 5 --out c --replace", root);
    // The disk fails at one file after the other, and is asked again without being mended.
    for at in [1, 2, 7, 12, 20, 28] {
        replace().env("RIMFORGE_FAULT", format!("remove:{at}+")).assert().code(4);
    }
    replace().assert().success();
    let relative = |name: &str| -> BTreeMap<PathBuf, Vec<u8>> {
        let files = tree(&root.join(name)).into_iter().filter(|(path, _)| path.is_file());
        files.map(|(path, bytes)| (path.strip_prefix(root.join(name)).unwrap().to_owned(), bytes)).collect()
    };
    let (mut found, mut expected) = (relative("c"), relative("straight"));
    for files in [&mut found, &mut expected] {
        // The lock names a process.
        files.remove(Path::new(".rimforge/lock"));
    }
    assert!(found == expected, "{:?} {:?}", found.keys(), expected.keys());
}

#[test]
fn a_killed_runs_unfinished_files_go_with_the_next_run_of_any_command() {
    let place = place();
    let root = place.path();
    for command in [
        "prepare --images images --rim-label rim --out out",
        "generate --network net.safetensors --seeds 0-3 --out out",
        "import net.pkl --out out",
        "export --network net.safetensors --out out",
    ] {
        rimforge(command, root).assert().success();
        leave_unfinished(&root.join("out"));
        rimforge(command, root).assert().success();
        assert_nothing_unfinished(&root.join("out"));
        fs::remove_dir_all(root.join("out")).unwrap();
    }
}

#[test]
fn a_study_begins_only_where_all_of_its_folders_are_free() {
    let place = place();
    let root = place.path();
    // A folder of one of its stages, in a folder that is a study's.
    fs::create_dir_all(root.join("out/.stages")).unwrap();
    fs::write(root.join("out/.lock"), b"1").unwrap();
    fs::write(root.join("out/study.toml"), b"name = \"s\"").unwrap();
    fs::create_dir_all(root.join("out/gan")).unwrap();
    fs::write(root.join("out/gan/my_own"), b"mine").unwrap();
    let before = tree(root);
    rimforge("run study.toml", root).assert().code(2).stderr(contains("out/gan: a folder with something else in it"));
    assert!(tree(root) == before, "something was changed");
    // The user's cohort is not written into; results in a derivative of it would be.
    let cohort = CohortFiles::new(4);
    let study = format!(
        "kind = \"rim-lesions\"\nname = \"s\"\nout = \"{0}/out\"\n[cohort]\npath = \"{0}\"\n",
        cohort.root.display()
    );
    fs::write(root.join("study.toml"), study).unwrap();
    let before = tree(&cohort.root);
    rimforge("run study.toml", root).assert().code(2).stderr(contains("which is read"));
    assert!(tree(&cohort.root) == before, "something was changed");
}

#[test]
fn a_link_in_the_place_of_a_training_of_a_variant_is_the_users() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    phantoms::rings(&root.join("data"), 4, 2, 32);
    let variants = |out: &str| {
        let small = "--names normal --seeds 1 --kimg 0.032 --points 1 --drawn 8 --set batch=4 --set net.channel_max=8";
        rimforge(&format!("variants --data data --out {out} {small}"), root)
    };
    variants("out").assert().success();
    let training = root.join("out/normal-0");
    fs::remove_dir_all(&training).unwrap();
    fs::create_dir(root.join("elsewhere")).unwrap();
    symlink(root.join("elsewhere"), &training).unwrap();
    variants("out").assert().code(2).stderr(contains("a link").and(contains("normal-0")));
    assert_eq!(fs::read_dir(root.join("elsewhere")).unwrap().count(), 0);
}
