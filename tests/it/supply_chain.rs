//! Where dependencies come from and what they are licensed under: every crate of the lock file, without a network.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

#[test]
fn every_locked_crate_is_from_one_registry_and_has_a_checksum() {
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    assert!(packages.len() > 100);
    let mut sources = BTreeSet::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        match package.get("source").and_then(toml::Value::as_str) {
            Some(source) => {
                sources.insert(source);
                let checksum = package.get("checksum").and_then(toml::Value::as_str).unwrap_or_default();
                assert_eq!(checksum.len(), 64, "{name} has no checksum");
            }
            None => assert_eq!(name, env!("CARGO_PKG_NAME"), "a crate that comes from no registry"),
        }
    }
    assert!(sources.len() == 1 && sources.iter().all(|source| source.starts_with("registry+")), "{sources:?}");
}

/// Whether the terms allow to choose only licences of the list: of "A OR B" one, of "A AND B" both.
fn allowed(terms: &str, list: &BTreeSet<&str>) -> bool {
    let terms = terms.trim();
    // Older crates part by a stroke what may be chosen.
    let spelled = terms.replace(" / ", " OR ").replace('/', " OR ");
    let outside = |separator: &str| -> Vec<String> {
        let (mut parts, mut depth, mut part) = (vec![], 0, String::new());
        for word in spelled.split(' ') {
            depth += word.matches('(').count() as i32;
            if depth == 0 && word == separator {
                parts.push(std::mem::take(&mut part));
            } else {
                part = format!("{part} {word}");
            }
            depth -= word.matches(')').count() as i32;
        }
        parts.push(part);
        parts
    };
    let choices = outside("OR");
    if choices.len() > 1 {
        return choices.iter().any(|choice| allowed(choice, list));
    }
    let all = outside("AND");
    if all.len() > 1 {
        return all.iter().all(|one| allowed(one, list));
    }
    match spelled.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => allowed(inner, list),
        None => list.contains(spelled.as_str()),
    }
}

#[test]
fn terms_are_read_as_they_are_meant() {
    let list = BTreeSet::from(["MIT", "Apache-2.0", "IJG"]);
    for yes in ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(MIT OR GPL-3.0) AND IJG", "GPL-3.0 / Apache-2.0"] {
        assert!(allowed(yes, &list), "{yes}");
    }
    for no in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR IJG) AND GPL-3.0", "", "GPL-3.0 OR (MIT AND AGPL-3.0)"] {
        assert!(!allowed(no, &list), "{no}");
    }
}

#[test]
fn every_crate_that_is_built_has_a_licence_of_the_list() {
    let deny: toml::Table = read("deny.toml").parse().unwrap();
    let list: BTreeSet<&str> =
        deny["licenses"]["allow"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    let metadata = |platform: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(["metadata", "--offline", "--locked", "--format-version", "1"]).args(platform);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
    };
    // Of every platform where their crates are on this machine, as `cargo fetch --locked` brings them.
    let mut output = metadata(&[]);
    if !output.status.success() {
        output = metadata(&["--filter-platform", "x86_64-unknown-linux-gnu"]);
        println!("of this platform alone: crates of others are not here");
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100);
    let refused: Vec<String> = packages
        .iter()
        .map(|package| (package["name"].as_str().unwrap(), package["license"].as_str().unwrap_or_default()))
        .filter(|(_, terms)| !allowed(terms, &list))
        .map(|(name, terms)| format!("{name}: {terms:?}"))
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
}
