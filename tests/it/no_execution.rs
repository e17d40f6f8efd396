//! Files that would run something if they were more than data, read by the program under `strace`: no process is
//! started, no connection opened, no file opened for writing outside the output folder.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::parity::fixture;

/// Pickles whose payload makes the file `CANARY` when Python loads them; `@` stands for the payload's text as a
/// protocol 2 string.
const PAYLOADS: [(&str, &[u8]); 16] = [
    ("os.system", b"\x80\x02cos\nsystem\n(@tR."),
    ("posix.system", b"\x80\x02cposix\nsystem\n(@tR."),
    ("builtins.eval", b"\x80\x02cbuiltins\neval\n(@tR."),
    ("builtins.exec", b"\x80\x02cbuiltins\nexec\n(@tR."),
    ("subprocess.getoutput", b"\x80\x02csubprocess\ngetoutput\n(@tR."),
    ("runpy", b"\x80\x02crunpy\n_run_code\n(@tR."),
    ("by the stack", b"\x80\x04\x8c\x02os\x8c\x06system\x93(@tR."),
    ("by the memo", b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93(@tR."),
    ("a dotted name", b"\x80\x04\x8c\x02os\x8c\x0fpath.os.system__\x93(@tR."),
    ("within a list", b"\x80\x02](cos\nsystem\n(@tRe."),
    ("within a state", b"\x80\x02ccollections\nOrderedDict\n)R}(K\x01cos\nsystem\n(@tRub."),
    ("a call of a call", b"\x80\x02cbuiltins\ngetattr\n(cos\n__dict__\nX\x06\x00\x00\x00systemtR(@tR."),
    ("INST", b"\x80\x02(@ios\nsystem\n."),
    ("OBJ", b"\x80\x02(cos\nsystem\n@o."),
    ("NEWOBJ", b"\x80\x02cos\nsystem\n(@t\x81."),
    ("behind a STOP", b"\x80\x02}.cos\nsystem\n(@tR."),
];

/// Opcodes that a network has no need of, and structures that contain themselves.
const ODD: [(&str, &[u8]); 14] = [
    ("EXT1", b"\x80\x02\x82\x01)R."),
    ("EXT2", b"\x80\x02\x83\x01\x00)R."),
    ("EXT4", b"\x80\x02\x84\x01\x00\x00\x00)R."),
    ("PERSID", b"\x80\x02Pstorage\n."),
    ("BINPERSID of a tuple", b"\x80\x02(X\x07\x00\x00\x00storagetQ."),
    ("BINPERSID of itself", b"\x80\x02]q\x00h\x00Q."),
    ("a list in itself", b"\x80\x02]q\x00h\x00a."),
    ("a dict in itself", b"\x80\x02}q\x00X\x05\x00\x00\x00G_emah\x00s."),
    ("a dict as its own key", b"\x80\x02}q\x00h\x00h\x00s."),
    ("a tuple in its own list", b"\x80\x02]q\x00h\x00\x85q\x01ah\x01."),
    ("a memo that is not there", b"\x80\x02h\x07."),
    ("nothing on the stack", b"\x80\x02R."),
    ("a mark and nothing", b"\x80\x02(."),
    ("LONG4 below zero", b"\x80\x02\x8b\xff\xff\xff\xff."),
];

/// `text` as an opcode that pushes it.
fn pushed(text: &str) -> Vec<u8> {
    [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn hostile(place: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let canary = place.join("canary").display().to_string();
    let filled = |pickle: &[u8]| {
        let python =
            pickle.windows(8).any(|found| found == b"builtins") || pickle.windows(5).any(|found| found == b"runpy");
        let payload = if python { format!("open({canary:?}, 'w')") } else { format!("touch {canary}") };
        let at = pickle.iter().position(|byte| *byte == b'@').unwrap();
        [&pickle[..at], &pushed(&payload), &pickle[at + 1..]].concat()
    };
    let payloads = PAYLOADS.iter().map(|&(name, pickle)| (name, filled(pickle)));
    payloads.chain(ODD.iter().map(|&(name, pickle)| (name, pickle.to_vec()))).collect()
}

/// The stand-in for a perceptual network with a `forward` that first saves its input as `canary`.
fn saving_network(canary: &Path) -> Vec<u8> {
    let bytes = fs::read(fixture("standin_perceptual.pt")).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut written = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut altered = 0;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        if name.ends_with("/code/__torch__.py") {
            let code = String::from_utf8(bytes).unwrap();
            let line = format!(") -> Tensor:\n    torch.save(img, {canary:?})\n");
            altered += usize::from(code.contains(") -> Tensor:\n"));
            bytes = code.replace(") -> Tensor:\n", &line).into_bytes();
        }
        written.start_file(name, options).unwrap();
        written.write_all(&bytes).unwrap();
    }
    assert!(altered > 0, "no forward was found in the stand-in's code");
    written.finish().unwrap().into_inner()
}

/// What a program did that a reader of data does not: processes, connections, files written outside `allowed`.
fn deeds(trace: &str, allowed: &Path) -> Vec<String> {
    let allowed = format!("\"{}", allowed.display());
    let started = trace.lines().filter(|line| line.contains("execve(")).skip(1);
    let connected = trace.lines().filter(|line| line.contains("connect("));
    let changes = ["O_WRONLY", "O_RDWR", "O_CREAT", "unlink", "rename", "mkdir", "symlink", "link("];
    let changed = trace.lines().filter(|line| {
        let harmless = line.contains(&allowed) || line.contains("\"/dev/") || line.contains("\"/proc/self/");
        changes.iter().any(|change| line.contains(change)) && !line.contains("readlink") && !harmless
    });
    started.chain(connected).chain(changed).map(str::to_owned).collect()
}

/// Runs the program under strace; its exit code, what it said, and its deeds.
fn traced(place: &Path, arguments: &[&str]) -> (Option<i32>, String, Vec<String>) {
    let log = place.join("trace");
    let calls = "trace=execve,execveat,connect,open,openat,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,\
                 mkdirat,symlink,symlinkat,link,linkat";
    let output = Command::new("strace")
        .args(["-f", "-qq", "-s", "4096", "-e", calls, "-o"])
        .arg(&log)
        .arg(env!("CARGO_BIN_EXE_rimforge"))
        .args(arguments)
        .current_dir(place)
        .output()
        .unwrap();
    let deeds = deeds(&fs::read_to_string(log).unwrap(), &place.join("out"));
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), deeds)
}

/// A place, where strace can be used.
fn traceable(test: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    let works = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status().is_ok_and(|it| it.success());
    if !works {
        // Past the test's captured output, so that it is seen.
        let _ = writeln!(std::io::stderr(), "skipped: {test} needs strace, and the right to trace");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().canonicalize().unwrap();
    Some((folder, place))
}

#[test]
fn a_pickle_is_refused_and_starts_and_writes_nothing() {
    let Some((_folder, place)) = traceable("no_execution::a_pickle") else { return };
    let out = place.join("out").display().to_string();
    for (name, pickle) in hostile(&place) {
        fs::write(place.join("net.pkl"), pickle).unwrap();
        let (code, said, deeds) = traced(&place, &["import", "net.pkl", "--out", &out]);
        assert_eq!(code, Some(3), "{name}: {said}");
        assert!(deeds.is_empty(), "{name}: {deeds:?}");
        assert!(!place.join("canary").exists() && !place.join("out/network.safetensors").exists(), "{name}");
    }
}

#[test]
fn a_feature_network_is_data() {
    let Some((_folder, place)) = traceable("no_execution::a_feature_network") else { return };
    crate::fuzz::networks::tiny(&place, 16);
    rimforge::data::patch_file::write(&place.join("a.npy"), &[1, 16, 16], &[0.5f32; 256]).unwrap();
    fs::write(place.join("net.pt"), saving_network(&place.join("canary"))).unwrap();
    let out = place.join("out").display().to_string();
    let network = ["--network", "tiny.safetensors", "--images", "a.npy", "--steps", "1", "--features", "net.pt"];
    let (_, said, deeds) = traced(&place, &[&["project"], &network[..], &["--device", "cpu", "--out", &out]].concat());
    assert!(deeds.is_empty(), "{said}: {deeds:?}");
    assert!(!place.join("canary").exists(), "{said}");
}
