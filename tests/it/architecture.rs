//! Holds the imports of every module to the table in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Importable by every module.
const EVERYWHERE: [&str; 2] = ["problem", "observer"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// module -> modules that it may import; `None` for "everything".
fn table() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut table = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let name = cells[0].trim_matches('`').to_owned();
        let allowed = match cells[2] {
            "everything" => None,
            list => Some(
                list.split(',')
                    .map(|cell| cell.trim().trim_matches('`').to_owned())
                    .filter(|c| !c.is_empty())
                    .collect(),
            ),
        };
        table.insert(name, allowed);
    }
    table
}

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            out.push(path);
        }
    }
}

/// Names that follow `crate::` in the code of a file, comments left out, its test module too.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let name = |after: &str| after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    lines
        .flat_map(|line| line.split("crate::").skip(1).map(name).collect::<Vec<_>>())
        .filter(|name| !name.is_empty())
        .collect()
}

/// `src/data/bids.rs` -> "data", `src/seed.rs` -> "seed".
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn modules_import_only_what_their_row_names() {
    let table = table();
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    let mut offences = Vec::new();
    for file in &files {
        let module = module_of(file);
        if module == "lib" || module == "main" {
            continue;
        }
        let row = table.get(&module).unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for `{module}`"));
        let Some(allowed) = row else { continue };
        for import in imports(&std::fs::read_to_string(file).unwrap()) {
            let fine = import == module || allowed.contains(&import) || EVERYWHERE.contains(&import.as_str());
            if !fine && table.contains_key(&import) {
                offences.push(format!("{} imports crate::{import}", file.display()));
            }
        }
    }
    assert!(offences.is_empty(), "not in the table of ARCHITECTURE.md:\n{}", offences.join("\n"));
    let modules: BTreeSet<String> = files.iter().map(|file| module_of(file)).collect();
    let gone: Vec<_> = table.keys().filter(|name| !modules.contains(*name)).collect();
    assert!(gone.is_empty(), "rows of ARCHITECTURE.md without a module: {gone:?}");
}

#[test]
fn no_file_is_named_for_what_it_is_not() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    let vague = ["utils", "util", "misc", "common", "helpers"];
    let named: Vec<_> =
        files.iter().filter(|f| vague.contains(&f.file_stem().unwrap().to_string_lossy().as_ref())).collect();
    assert!(named.is_empty(), "{named:?}");
}

#[test]
fn the_architecture_fits_on_two_pages() {
    let lines = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap().lines().count();
    assert!(lines <= 150, "ARCHITECTURE.md has {lines} lines");
}

#[test]
fn imports_are_found_in_code_and_not_in_comments() {
    let text =
        "// crate::engine\nuse crate::seed::RunSeed;\nfn f() { crate::records::x() }\n#[cfg(test)]\nuse crate::nets;";
    assert_eq!(imports(text).into_iter().collect::<Vec<_>>(), ["records", "seed"]);
}
