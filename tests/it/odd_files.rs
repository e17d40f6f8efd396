//! What is no plain file, or one of 6 GiB that takes no room on the disk, in the place of every file and folder that a
//! command reads: told by its name, at once, in little memory.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use rimforge::data::patch_file;
use rimforge::nets::features::recognise::Architecture;
use rimforge::nets::weights::write_tensors;

use crate::bounded::{MEMORY, Ran, run};
use crate::cohort_files::CohortFiles;
use crate::fuzz::{images, networks};
use crate::parity::fixture;
use crate::{classify, feature_files, phantoms, project_command, report};

/// Long enough for any refusal on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// What is put in a file's place.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Odd {
    /// A pipe that nobody writes to: opening it waits for ever.
    Pipe,
    /// A device that never ends.
    Zeros,
    Folder,
    /// The file itself, followed by a hole of 6 GiB.
    Sparse,
    /// A link to itself.
    Loop,
}

impl Odd {
    fn put(self, path: &Path) {
        match self {
            Self::Pipe => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
            Self::Zeros => symlink("/dev/zero", path).unwrap(),
            Self::Folder => fs::create_dir(path).unwrap(),
            Self::Sparse => File::create(path).unwrap().set_len(6 << 30).unwrap(),
            Self::Loop => symlink(path, path).unwrap(),
        }
    }
}

/// A command, and the files it reads; those that it may do without are marked by a "?".
const READ: [(&str, &[&str]); 16] = [
    (
        "prepare --cohort cohort --out OUT",
        &[
            "cohort",
            "cohort/sub-001/anat/sub-001_Chimap.nii.gz",
            "cohort/sub-001/anat/sub-001_Chimap.json?",
            "cohort/derivatives/lesions/lesions.tsv",
            "cohort/derivatives/lesions/sub-001/anat/sub-001_desc-lesions_dseg.nii.gz",
            "cohort/participants.tsv?",
            "cohort/dataset_description.json?",
        ],
    ),
    ("prepare --images set --out OUT", &["set", "set/00000/img00000001.png", "set/dataset.json"]),
    ("prepare --images tabled --out OUT", &["tabled/labels.tsv"]),
    ("prepare --images set --patients patients.tsv --out OUT", &["patients.tsv"]),
    ("prepare --zip set.zip --out OUT", &["set.zip"]),
    ("simulate --check cohort", &["cohort", "cohort/sub-001/anat/sub-001_Chimap.nii.gz"]),
    (
        "train --data rings --out OUT --kimg 0.004 --batch 4 --device cpu --base network/tiny.safetensors \
         --set net.z_dim=4 --set net.w_dim=4 --set net.channel_base=32 --set net.channel_max=4",
        &["rings", "rings/manifest.json", "rings/patches/sub-000_lesion-001.npy", "network/tiny.safetensors"],
    ),
    ("generate --network network/tiny.safetensors --seeds 0 --out OUT --device cpu", &["network/tiny.safetensors"]),
    (
        "generate --network network/tiny.safetensors --seeds 0 --data rings --out OUT --device cpu",
        &["rings/manifest.json"],
    ),
    (
        "project --network network/tiny.safetensors --images a.npy --steps 1 --features net.safetensors --out OUT --device cpu",
        &["network/tiny.safetensors", "a.npy", "net.safetensors"],
    ),
    (
        "perturb --network lesions.safetensors --data lesions --steps 1 --lesions 1 --out OUT --device cpu",
        &["lesions.safetensors", "lesions/manifest.json", "lesions/patches/sub-006_lesion-000.npy"],
    ),
    (
        "classify --data data --synthetic synthetic --denoised denoised --truth truth.tsv --out OUT --seeds 1 \
         --epochs 1 --batch 16 --device cpu",
        &[
            "data",
            "data/manifest.json",
            "synthetic",
            "synthetic/seed0000.npy",
            "denoised",
            "denoised/record.json",
            "truth.tsv",
        ],
    ),
    ("import network.pkl --out OUT", &["network.pkl"]),
    ("export --network network/tiny.safetensors --out OUT", &["network/tiny.safetensors"]),
    ("report study", &["study", "study/results.json", "study/cohort/gallery.png"]),
    ("config show study.toml", &["study.toml"]),
];

/// Everything that the commands read, in a folder.
fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let copy = crate::fuzz::volumes::copy;
    copy(&CohortFiles::new(4).root, &at("cohort"));
    fs::write(at("cohort/sub-001/anat/sub-001_Chimap.json"), "{\"Units\": \"ppm\"}").unwrap();
    for set in ["set", "tabled"] {
        for (name, bytes) in images::entries() {
            fs::create_dir_all(at(set).join("00000")).unwrap();
            fs::write(at(set).join(name), bytes).unwrap();
        }
    }
    fs::remove_file(at("tabled/dataset.json")).unwrap();
    let rows = |cell: fn(usize) -> usize| -> String {
        (0..8).map(|n| format!("{}\t{}\n", images::name(n), cell(n))).collect()
    };
    fs::write(at("tabled/labels.tsv"), format!("file\tlabel\n{}", rows(|n| n % 2))).unwrap();
    fs::write(at("patients.tsv"), format!("file\tpatient\n{}", rows(|n| n / 2))).unwrap();
    fs::write(at("set.zip"), images::zipped(&images::entries(), zip::CompressionMethod::Stored)).unwrap();
    phantoms::rings(&at("rings"), 6, 2, 16);
    project_command::prepare(&at("lesions"));
    project_command::network(&at("lesions.safetensors"));
    networks::tiny(&at("network"), 16);
    patch_file::write(&at("a.npy"), &[1, 16, 16], &[0.5f32; 256]).unwrap();
    write_tensors(at("net.safetensors"), &feature_files::weights(Architecture::SqueezeNet), "").unwrap();
    fs::copy(fixture("pickles/tiny.protocol4.pkl"), at("network.pkl")).unwrap();
    copy(&classify::prepared().root, folder.path());
    copy(report::written().0.path(), &at("study"));
    fs::write(at("study.toml"), "name = \"x\"\nout = \"x\"\ncohort = { path = \"cohort\" }\n").unwrap();
    folder
}

/// One file of one command replaced by something odd; what is wrong with what the program did.
fn fault(place: &Path, command: &str, victim: &str, odd: Odd) -> Option<String> {
    let (needed, victim) = victim.strip_suffix('?').map_or((true, victim), |victim| (false, victim));
    let (path, aside) = (place.join(victim), place.join("aside"));
    fs::rename(&path, &aside).unwrap();
    match (odd, aside.is_file()) {
        (Odd::Sparse, true) => {
            fs::copy(&aside, &path).unwrap();
            OpenOptions::new().write(true).open(&path).unwrap().set_len(6 << 30).unwrap();
        }
        _ => odd.put(&path),
    }
    let out = place.join("out");
    let words = |word: &str| if word == "OUT" { out.display().to_string() } else { word.to_owned() };
    let arguments: Vec<String> = command.split_whitespace().map(words).collect();
    let ran = run(&arguments, place, LIMIT);
    if path.symlink_metadata().unwrap().is_dir() {
        fs::remove_dir_all(&path).unwrap();
    } else {
        fs::remove_file(&path).unwrap();
    }
    fs::rename(&aside, &path).unwrap();
    if out.exists() {
        fs::remove_dir_all(out).unwrap();
    }
    wrong(&ran, needed).then(|| format!("{command}: {victim} as {odd:?}: {}", ran.tale()))
}

fn wrong(ran: &Ran, needed: bool) -> bool {
    let refused = matches!(ran.code, Some(2..=4)) && !ran.said.is_empty();
    let done = ran.code == Some(0);
    !(refused || done && !needed) || ran.peak > MEMORY
}

/// All of them, two at a time, each in a place of its own; how many, and what was wrong.
fn tried(odd: &[Odd]) -> (usize, Vec<String>) {
    let cases: Vec<(&str, &str, Odd)> = READ
        .iter()
        .flat_map(|(command, victims)| victims.iter().map(move |victim| (*command, *victim)))
        .flat_map(|(command, victim)| odd.iter().map(move |odd| (command, victim, *odd)))
        // A folder in the place of a folder is no odd one.
        .filter(|(_, victim, odd)| *odd != Odd::Folder || victim.contains('.'))
        .collect();
    let (next, faults) = (Mutex::new(cases.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let place = place();
                loop {
                    let Some(&(command, victim, odd)) = next.lock().unwrap().next() else { break };
                    let fault = fault(place.path(), command, victim, odd);
                    faults.lock().unwrap().extend(fault);
                }
            });
        }
    });
    (cases.len(), faults.into_inner().unwrap())
}

#[test]
fn what_is_no_plain_file_is_told_at_once() {
    let (count, faults) = tried(&[Odd::Pipe, Odd::Sparse]);
    assert!(faults.is_empty(), "{} of {count}:\n{}", faults.len(), faults.join("\n"));
}

#[test]
#[ignore = "a minute: make attack"]
fn attack_with_odd_files() {
    let (count, faults) = tried(&[Odd::Pipe, Odd::Sparse, Odd::Zeros, Odd::Folder, Odd::Loop]);
    println!("\nfigure: {count} files and folders, {} faults", faults.len());
    assert!(faults.is_empty(), "{} of {count}:\n{}", faults.len(), faults.join("\n"));
}

/// The commands do their work where nothing is odd, or the tests above would show nothing.
#[test]
fn the_commands_work_on_plain_files() {
    let place = place();
    let out = place.path().join("out");
    for (command, victims) in READ {
        let missing: Vec<PathBuf> = victims
            .iter()
            .map(|name| place.path().join(name.trim_end_matches('?')))
            .filter(|path| !path.exists())
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
        let words = |word: &str| if word == "OUT" { out.display().to_string() } else { word.to_owned() };
        let arguments: Vec<String> = command.split_whitespace().map(words).collect();
        let ran = run(&arguments, place.path(), Duration::from_secs(120));
        // A made-up cohort need not pass the gates of a simulated one.
        let expected = if command.starts_with("simulate --check") { [Some(0), Some(5)] } else { [Some(0); 2] };
        assert!(expected.contains(&ran.code), "{command}: {}", ran.tale());
        if out.exists() {
            fs::remove_dir_all(&out).unwrap();
        }
    }
}
