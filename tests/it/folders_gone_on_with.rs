//! Folders that a run goes on in, or begins anew with other settings: what the user put there stays, what a killed run
//! left unfinished goes, and nothing of the settings before stands where a result of the new ones is looked for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use rimforge::files;
use serde_json::Value;

use crate::leftovers::{assert_nothing_unfinished, leave_unfinished};
use crate::tiny_runs::{COMMANDS, TinyRuns, assert_same, finish, outcome};

/// What a command says that must end with the exit code.
fn refused(command: &mut Command, code: i32) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {said}");
    said
}

fn mine(path: &Path) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, b"mine").unwrap();
    path.to_owned()
}

fn is_mine(path: &Path) -> bool {
    fs::read(path).is_ok_and(|text| text == b"mine")
}

#[test]
fn training_spares_what_the_user_puts_among_checkpoints_and_previews() {
    let tiny = TinyRuns::new();
    let (out, straight) = (tiny.at("gan"), tiny.at("straight"));
    let train = |out: &Path, kimg: &str| tiny.with("train", out, &["--kimg", kimg]);
    finish(&mut train(&out, "0.032"));
    let checkpoints = files::list(&out.join("checkpoints")).unwrap();
    let users = [
        mine(&checkpoints[0].join("notes.txt")),
        mine(&out.join("checkpoints/damaged-checkpoint-000000000032/mine")),
        mine(&out.join("checkpoints/checkpoint-000000000001/mine")),
        mine(&out.join("previews/fakes-000000001.png")),
        mine(&out.join("previews/mine.png")),
    ];
    finish(&mut train(&out, "0.096"));
    assert!(users.iter().all(|path| is_mine(path)));
    assert!(!checkpoints[0].join("SHA256SUMS").exists(), "the run's own files are gone");
    users.iter().for_each(|path| fs::remove_file(path).unwrap());
    for folder in [&checkpoints[0], &out.join("checkpoints/checkpoint-000000000001")] {
        fs::remove_dir(folder).unwrap();
    }
    fs::remove_dir(out.join("checkpoints/damaged-checkpoint-000000000032")).unwrap();
    finish(&mut train(&straight, "0.096"));
    let of = |folder: &Path| files::sha256(folder.join("network-last.safetensors")).unwrap();
    assert_eq!(of(&out), of(&straight));
    // In the way of what is to come: told before anything is trained.
    for name in ["checkpoints/checkpoint-000000000104", "previews/fakes-000000104.png"] {
        let path = mine(&out.join(name));
        let before = outcome(&out);
        let said = refused(&mut train(&out, "0.104"), 2);
        assert!(said.contains(name) && said.contains("in the way"), "{said}");
        assert!(is_mine(&path));
        assert_same(name, &out, &before);
        fs::remove_file(path).unwrap();
    }
    // Links to what is the user's.
    let users = tiny.at("users");
    mine(&users.join("fakes-000000104.png"));
    mine(&users.join(".unfinished-mine"));
    for name in ["previews", "checkpoints", "stats.jsonl", "timing.jsonl", "record.json"] {
        let away = out.join("away");
        fs::rename(out.join(name), &away).unwrap();
        let to = if away.is_dir() { users.clone() } else { users.join(".unfinished-mine") };
        symlink(to, out.join(name)).unwrap();
        let said = refused(&mut train(&out, "0.104"), 2);
        assert!(said.contains(name), "{said}");
        assert_eq!(files::list(&users).unwrap().len(), 2);
        assert!(files::list(&users).unwrap().iter().all(|path| is_mine(path)));
        fs::remove_file(out.join(name)).unwrap();
        fs::rename(away, out.join(name)).unwrap();
    }
    finish(&mut train(&out, "0.104"));
}

/// A folder whose mark is of the version that noted folders of checkpoints and previews whole.
#[test]
fn a_mark_that_notes_whole_folders_is_read_and_narrowed() {
    let tiny = TinyRuns::new();
    let out = tiny.at("gan");
    let train = |kimg: &str| tiny.with("train", &out, &["--kimg", kimg]);
    finish(&mut train("0.032"));
    let mark = out.join(".rimforge.json");
    let whole = ["checkpoints", "network-best.safetensors", "network-last.safetensors", "previews", "record.json"];
    let names: Vec<&str> = whole.into_iter().chain(["stats.jsonl", "timing.jsonl"]).collect();
    fs::write(&mark, serde_json::json!({"rimforge": "train", "files": names}).to_string()).unwrap();
    let users = [mine(&out.join("previews/mine.png")), mine(&out.join("checkpoints/mine/x"))];
    finish(&mut train("0.064"));
    assert_eq!(files::list(&out.join("checkpoints")).unwrap().len(), 3, "two, and the user's");
    assert!(users.iter().all(|path| is_mine(path)));
    let names: Value = serde_json::from_slice(&fs::read(&mark).unwrap()).unwrap();
    let names: Vec<&str> = names["files"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(!names.contains(&"checkpoints") && !names.contains(&"previews"), "{names:?}");
    assert!(names.contains(&"previews/reals.png") && !names.contains(&"previews/mine.png"), "{names:?}");
}

#[test]
fn what_a_killed_run_left_unfinished_goes_with_the_next_run_of_every_command() {
    let tiny = TinyRuns::new();
    for command in COMMANDS {
        let out = tiny.at(command);
        finish(&mut tiny.command(command, &out));
        if command == "run" {
            // A stage that is done is not looked into again; what the study writes itself is.
            let own = ["", ".stages", "report"].map(|folder| out.join(folder).join(".unfinished-x1y2z3"));
            own.iter().for_each(|path| fs::write(path, b"half").unwrap());
            finish(&mut tiny.command(command, &out));
            assert!(own.iter().all(|path| !path.exists()));
            continue;
        }
        leave_unfinished(&out);
        finish(&mut tiny.command(command, &out));
        assert_nothing_unfinished(&out);
    }
}

/// Names of the files below a folder that `wanted` wants, relative to it.
fn names(root: &Path, folders: &[&str]) -> Vec<String> {
    let inside = folders.iter().flat_map(|folder| files::list_if_there(&root.join(folder)).unwrap());
    inside.map(|path| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()).collect()
}

/// Other settings in a finished folder: the disk fails at one moment after the other; then all of the result before is
/// there, or no record; and once anything of the new settings is there, nothing of those before.
#[test]
fn a_run_of_other_settings_that_fails_leaves_nothing_stale() {
    let tiny = TinyRuns::new();
    let cases: [(&str, &[&str], &[&str]); 3] = [
        ("project", &["--steps", "9", "--choose-features", "0"], &["images", "figures", "noise", "films", "items"]),
        ("perturb", &["--steps", "9"], &["images", "cases", "sheets"]),
        ("classify", &["--epochs", "3"], &["fits"]),
    ];
    for (command, other, folders) in cases {
        let (out, straight) = (tiny.at(&format!("{command}-out")), tiny.at(&format!("{command}-straight")));
        finish(&mut tiny.with(command, &straight, other));
        let expected = outcome(&straight);
        finish(&mut tiny.command(command, &out));
        let before = outcome(&out);
        let beside = mine(&out.join(folders[0]).join("mine"));
        for at in [1, 2, 5, 12, 30] {
            let mut fails = tiny.with(command, &out, other);
            let failed = fails.env("RIMFORGE_FAULT", format!("create:{at}+")).output().unwrap();
            if failed.status.success() {
                assert!(at > 5, "{command} {at}: nothing failed");
                break;
            }
            assert_eq!(failed.status.code(), Some(4), "{command} {at}: {}", String::from_utf8_lossy(&failed.stderr));
            assert!(is_mine(&beside));
            if out.join("record.json").exists() {
                fs::remove_file(&beside).unwrap();
                assert_same(&format!("{command} {at}"), &out, &before);
                mine(&beside);
                continue;
            }
            let now = outcome(&out);
            let is_new = |name: &String| expected.get(name) == now.get(name) && before.get(name) != now.get(name);
            let begun = names(&out, folders).iter().any(is_new);
            for name in names(&out, folders).iter().filter(|name| !name.ends_with("/mine")) {
                let made_now = expected.get(name) == now.get(name);
                assert!(!begun || made_now || before.get(name) != now.get(name), "{command} {at}: {name} is stale");
            }
            for name in ["projected_w.npz", "feature_choice.json", "cam.png"] {
                assert!(!out.join(name).exists() || expected.get(name) == now.get(name), "{command} {at}: {name}");
            }
        }
        finish(&mut tiny.with(command, &out, other));
        fs::remove_file(&beside).unwrap();
        assert_same(command, &out, &expected);
    }
}
