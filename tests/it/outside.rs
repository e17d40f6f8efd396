//! Nothing outside of a command's folders is written or read, whatever names and paths its files hold; what they hold
//! stays text in pages and on terminals.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use rimforge::data::Prepared;
use rimforge::problem::Kind;
use rimforge::records::study::StudyRecord;
use rimforge::run_dir::StudyDir;
use serde_json::{Value, json};

use crate::phantoms::rings;
use crate::report::{pictures, study};

/// What leads elsewhere, or is no name.
const HOSTILE: [&str; 12] = [
    "../../../evil",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a/../../b",
    "..\\..\\evil",
    "C:\\evil",
    "a\0b",
    "a\nb",
    "\u{1b}[2J",
    "a\u{202e}b",
];

fn program(folder: &Path, arguments: &[&OsStr]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rimforge")).current_dir(folder).args(arguments).output().unwrap()
}

fn words(text: &str) -> Vec<&OsStr> {
    text.split_whitespace().map(OsStr::new).collect()
}

/// Every file below `folder`, with its contents.
fn everything(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_manifest_whose_names_lead_out_is_refused_by_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    rings(&data, 2, 1, 8);
    let path = data.join("manifest.json");
    let good: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let long = "x".repeat(256);
    let refused = |place: &str, word: &str| {
        let mut manifest = good.clone();
        *manifest.pointer_mut(place).unwrap() = json!(word);
        fs::write(&path, manifest.to_string()).unwrap();
        let problem = Prepared::open(&data).unwrap_err();
        let (said, key) = (problem.to_string(), place[1..].replace("/0/", "[0]."));
        assert!(problem.kind() == Kind::Input && said.contains("manifest.json"), "{place} {word:?}: {said}");
        assert!(said.contains(&key), "{place} {word:?}: {said}");
        assert!(!said.contains(['\u{1b}', '\0', '\u{202e}']), "{said:?}");
    };
    for word in HOSTILE.into_iter().chain([long.as_str()]) {
        for place in ["/lesions/0/id", "/contrasts/0/name", "/lesions/0/patch", "/lesions/0/mask"] {
            refused(place, word);
        }
    }
    let mut twins = good.clone();
    twins["lesions"][1]["id"] = twins["lesions"][0]["id"].clone();
    fs::write(&path, twins.to_string()).unwrap();
    assert!(Prepared::open(&data).unwrap_err().to_string().contains("two lesions called"));
    for class in ["a\nb", "\u{1b}[31m", ""] {
        let mut manifest = good.clone();
        manifest["classes"] = json!({"names": [class, "rim"]});
        fs::write(&path, manifest.to_string()).unwrap();
        assert!(Prepared::open(&data).unwrap_err().to_string().contains("classes with a class"), "{class:?}");
    }
    fs::write(&path, good.to_string()).unwrap();
    Prepared::open(&data).unwrap();
}

#[test]
fn a_command_writes_nothing_where_a_lesion_is_called_after_another_place() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("a/b/c/d");
    rings(&work.join("data"), 2, 1, 8);
    let path = work.join("data/manifest.json");
    let text = fs::read_to_string(&path).unwrap().replacen("sub-000_lesion-001\"", "../../../evil\"", 1);
    fs::write(&path, text).unwrap();
    let before = everything(folder.path());
    for command in ["project --network n.safetensors --data data --out out", "train --data data --out out"] {
        let output = program(&work, &words(command));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("lesions[0].id: the name \"../../../evil\" has a path separator in it"), "{said}");
    }
    let after: Vec<_> = everything(folder.path()).into_iter().filter(|(path, _)| !path.ends_with(".lock")).collect();
    assert_eq!(after, before);
}

/// A study folder with the record `results` and all pictures.
fn study_folder(results: &Value) -> (tempfile::TempDir, StudyDir) {
    let folder = tempfile::tempdir().unwrap();
    let dir = StudyDir::new(folder.path().join("study"));
    pictures(&dir);
    fs::write(dir.results(), results.to_string()).unwrap();
    (folder, dir)
}

fn results() -> Value {
    serde_json::to_value(study()).unwrap()
}

#[test]
fn a_report_shows_no_file_of_another_place() {
    for place in [
        "/cohort/gallery",
        "/synthesis/synthetic_grid",
        "/synthesis/real_grid",
        "/projection/lesions/0/figure",
        "/projection/lesions/0/image",
        "/projection/lesions/0/lesion_id",
    ] {
        for word in HOSTILE {
            let mut results = results();
            *results.pointer_mut(place).unwrap() = json!(word);
            let (_folder, dir) = study_folder(&results);
            let said = rimforge::report::write(&dir).unwrap_err().to_string();
            assert!(said.contains("results.json: not readable as results: "), "{place} {word:?}: {said}");
            assert!(said.contains(place.rsplit('/').next().unwrap()), "{place} {word:?}: {said}");
            assert!(!dir.report().exists());
        }
    }
}

#[test]
fn a_picture_that_is_a_link_out_of_the_study_is_refused_and_one_inside_is_shown() {
    let (folder, dir) = study_folder(&results());
    let picture = dir.synthetic().join("grid.png");
    let refused = |target: &Path, says: &str| {
        fs::remove_file(&picture).unwrap();
        symlink(target, &picture).unwrap();
        let problem = rimforge::report::write(&dir).unwrap_err();
        assert!(problem.kind() == Kind::Input && problem.to_string().contains(says), "{problem}");
    };
    let private = folder.path().join("private.png");
    fs::copy(&picture, &private).unwrap();
    refused(Path::new("/etc/passwd"), "grid.png: a link that leads out of the study");
    refused(&private, "grid.png: a link that leads out of the study");
    refused(Path::new("../../private.png"), "a link that leads out");
    refused(Path::new("../results.json"), "no PNG");
    refused(Path::new("none.png"), "check the path");
    fs::remove_file(&picture).unwrap();
    symlink("real.png", &picture).unwrap();
    rimforge::report::write(&dir).unwrap();
    // A whole stage on another disk is the user's own doing.
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(dir.denoised(), &elsewhere).unwrap();
    symlink(&elsewhere, dir.denoised()).unwrap();
    rimforge::report::write(&dir).unwrap();
}

/// Puts `word` in the place of every text in `value` that the record still takes; gives how many.
fn spoil(whole: &mut Value, place: &str, word: &str) -> usize {
    let inner: Vec<String> = match whole.pointer(place).unwrap() {
        Value::Array(values) => (0..values.len()).map(|at| format!("{place}/{at}")).collect(),
        Value::Object(values) => values.keys().map(|key| format!("{place}/{key}")).collect(),
        Value::String(_) => {
            let before = whole.pointer(place).unwrap().clone();
            let file = ["gallery", "_grid", "figure", "image"].iter().any(|ending| place.ends_with(ending));
            *whole.pointer_mut(place).unwrap() = json!(word);
            let taken = !file && serde_json::from_value::<StudyRecord>(whole.clone()).is_ok();
            if !taken {
                *whole.pointer_mut(place).unwrap() = before;
            }
            return usize::from(taken);
        }
        _ => vec![],
    };
    inner.iter().map(|place| spoil(whole, place, word)).sum()
}

#[test]
fn words_of_a_record_stay_words_in_the_page() {
    for word in ["\"'><img src=x onerror=alert(1)>&{{7*7}}", "<script>alert(1)</script>", "]]>--><svg onload=alert(1)>"]
    {
        let mut results = results();
        // Roles choose what is shown; without them no caption is.
        let spoiled = spoil(&mut results, "", word);
        assert!(spoiled > 60, "{spoiled}");
        for at in 0..6 {
            results["projection"]["lesions"][at]["role"] = json!("ambiguous");
        }
        let (_folder, dir) = study_folder(&results);
        let page = fs::read_to_string(rimforge::report::write(&dir).unwrap()).unwrap();
        assert!(page.contains("alert(1)"), "it is shown");
        for tag in ["<img src=x", "<script", "<svg onload", "\"'>"] {
            assert!(!page.contains(tag), "{word}: {tag}");
        }
        // Each text of an attribute ends where the template ends it.
        for alt in page.split(" alt=\"").skip(1).chain(page.split(" aria-label=\"").skip(1)) {
            assert!(alt.split('"').next().is_some_and(|text| !text.contains('<')), "{alt:.200}");
        }
    }
}

/// What a terminal is shown: no control characters, and every line the program's own.
fn assert_harmless(output: &Output, starts: &[&str]) {
    for bytes in [&output.stdout, &output.stderr] {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let steering = text.chars().find(|letter| letter.is_control() && *letter != '\n');
        assert_eq!(steering, None, "{text:?}");
        assert!(!text.contains('\u{202e}'), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
        let known = |line: &str| line.is_empty() || line.starts_with(' ') || starts.iter().any(|s| line.starts_with(s));
        assert!(starts.is_empty() || text.lines().all(known), "{text}");
    }
}

#[test]
fn words_of_the_user_and_of_files_leave_the_terminal_alone() {
    let folder = tempfile::tempdir().unwrap();
    let evil = "e\u{1b}[2J\nforged: done\r\u{202e}\u{9b}";
    for (arguments, starts) in [
        (vec!["config", "show", evil], &["rimforge: "][..]),
        (vec!["-v", "config", "show", evil], &["rimforge: "]),
        (vec!["report", evil], &["rimforge: "]),
        (vec![evil], &["error: ", "Usage: ", "For more"]),
        (vec!["train", evil], &["error: ", "Usage: ", "For more"]),
        (vec!["train", "--kimg", evil], &["error: ", "For more"]),
        (vec!["train", "--net", evil], &["error: ", "For more"]),
        (vec!["train", "--data", "d", "--out", "o", "--set", evil], &["rimforge: "]),
        (vec!["train", "--data", evil, "--out", evil], &[]),
        (vec!["generate", "--network", evil, "--out", "o", "--class", evil], &["rimforge: "]),
        (vec!["prepare", "--images", evil, "--out", "o", "--contrasts", evil], &["rimforge: "]),
    ] {
        let arguments: Vec<&OsStr> = arguments.into_iter().map(OsStr::new).collect();
        let output = program(folder.path(), &arguments);
        assert!(!output.status.success());
        assert_harmless(&output, starts);
    }
    let study = format!("seed = 1\n[train]\n\"{}\" = 1\n", "e\\u001b[2J\\nforged");
    fs::write(folder.path().join("s.toml"), study).unwrap();
    assert_harmless(&program(folder.path(), &words("-v config show s.toml")), &[]);
}

#[test]
fn a_folder_of_any_name_is_worked_in_and_named_on_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for name in [b"a\nforged: b\x1b[2J".as_slice(), b"\xff\xfe", "läsion 漢".as_bytes()] {
        let (_source, dir) = study_folder(&results());
        let named = folder.path().join(OsStr::from_bytes(name));
        fs::rename(dir.root(), &named).unwrap();
        let arguments = [OsStr::new("report"), OsStr::from_bytes(name)];
        let output = program(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_harmless(&output, &[]);
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
        let output = program(folder.path(), &[&arguments[..], &[OsStr::new("--json")]].concat());
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(said["report"].as_str().unwrap().ends_with("report/index.html"), "{said}");
        let output = program(
            folder.path(),
            &[OsStr::new("-vv"), OsStr::new("simulate"), OsStr::new("--check"), OsStr::from_bytes(name)],
        );
        assert_eq!(output.status.code(), Some(3));
        assert_harmless(&output, &[]);
    }
}
