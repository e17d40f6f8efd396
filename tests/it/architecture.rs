//! Holds the code to the table in ARCHITECTURE.md: imports between modules, who uses libtorch, who parses a command
//! line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Importable by every module.
const EVERYWHERE: [&str; 5] = ["problem", "observer", "lab", "settings", "name"];

/// May parse a command line.
const CLAP: [&str; 3] = ["commands", "cli", "main"];

/// Crate names that are libtorch.
const ENGINE: [&str; 2] = ["tch", "torch_sys"];

/// A module's row.
struct Row {
    engine: bool,
    /// `None` for "everything".
    may_import: Option<BTreeSet<String>>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> BTreeMap<String, Row> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut table = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, engine, _, imports] = cells[..] else { continue };
        let engine = match engine {
            "yes" => true,
            "no" => false,
            other => panic!("engine column of {name}: {other:?}"),
        };
        let names = imports.split(',').map(|cell| cell.trim().trim_matches('`').to_owned());
        let may_import = (imports != "everything").then(|| names.filter(|name| !name.is_empty()).collect());
        table.insert(name.trim_matches('`').to_owned(), Row { engine, may_import });
    }
    table
}

/// Every Rust file of the library and the binary.
fn sources() -> Vec<PathBuf> {
    rust_files(&root().join("src"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                out.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(folder, &mut files);
    files
}

/// The code of a file without comments and without its modules of tests, wherever those stand.
fn code(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let tests =
            line == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.contains("mod ") && next.ends_with('{'));
        if tests {
            // rustfmt puts the brace that closes an item of the file into the first column.
            while lines.next().is_some_and(|line| line != "}") {}
        } else if !line.trim_start().starts_with("//") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Modules that follow `crate::` in code, those of a list in braces too.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let Some(list) = after.strip_prefix('{') else {
            found.insert(identifier(after));
            continue;
        };
        let mut depth = 0;
        let mut name = String::new();
        for c in list.chars() {
            match c {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.insert(identifier(name.trim()));
                    name.clear();
                }
                _ if depth == 0 => name.push(c),
                _ => {}
            }
        }
        found.insert(identifier(name.trim()));
    }
    found.remove("");
    found
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Whether code names a crate.
fn names_crate(code: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back().is_some_and(word);
        let after = code[at + name.len()..].chars().next().is_some_and(word);
        !before && !after
    })
}

/// `src/data/bids.rs` -> "data", `src/seed.rs` -> "seed".
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn modules_import_only_what_their_row_names_and_all_of_it() {
    let table = table();
    let mut offences = Vec::new();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in &sources() {
        let module = module_of(file);
        if module == "lib" || module == "main" {
            continue;
        }
        let row = table.get(&module).unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for `{module}`"));
        let imports = imports(&code(&std::fs::read_to_string(file).unwrap()));
        for import in imports.into_iter().filter(|import| *import != module && table.contains_key(import)) {
            let listed = row.may_import.as_ref().is_none_or(|list| list.contains(&import));
            if !listed && !EVERYWHERE.contains(&import.as_str()) {
                offences.push(format!("{} imports crate::{import}", file.display()));
            }
            used.entry(module.clone()).or_default().insert(import);
        }
    }
    assert!(offences.is_empty(), "not in the table of ARCHITECTURE.md:\n{}", offences.join("\n"));
    let none = BTreeSet::new();
    for (module, row) in &table {
        let own = used.get(module).unwrap_or(&none);
        let unused: Vec<_> = row.may_import.iter().flatten().filter(|name| !own.contains(*name)).collect();
        assert!(unused.is_empty(), "`{module}` may import {unused:?} and does not: take it out of ARCHITECTURE.md");
    }
}

#[test]
fn every_row_is_a_module() {
    let modules: BTreeSet<String> = sources().iter().map(|file| module_of(file)).collect();
    let gone: Vec<_> = table().into_keys().filter(|name| !modules.contains(name)).collect();
    assert!(gone.is_empty(), "rows of ARCHITECTURE.md without a module: {gone:?}");
}

#[test]
fn libtorch_is_used_where_the_engine_column_says_so_and_nowhere_else() {
    let table = table();
    let mut users = BTreeSet::new();
    for file in &sources() {
        let module = module_of(file);
        let code = code(&std::fs::read_to_string(file).unwrap());
        if table.contains_key(&module) && ENGINE.iter().any(|name| names_crate(&code, name)) {
            assert!(table[&module].engine, "{} uses libtorch, and its row says no", file.display());
            users.insert(module);
        }
    }
    let idle: Vec<_> = table.iter().filter(|(name, row)| row.engine && !users.contains(*name)).collect();
    assert!(
        idle.is_empty(),
        "rows that say engine and use none: {:?}",
        idle.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
}

#[test]
fn only_the_command_line_knows_clap() {
    for file in &sources() {
        let code = code(&std::fs::read_to_string(file).unwrap());
        assert!(CLAP.contains(&module_of(file).as_str()) || !names_crate(&code, "clap"), "{}", file.display());
    }
}

#[test]
fn no_file_is_named_for_what_it_is_not() {
    let vague = ["utils", "util", "misc", "common", "helpers"];
    let files = sources();
    let named: Vec<_> =
        files.iter().filter(|f| vague.contains(&f.file_stem().unwrap().to_string_lossy().as_ref())).collect();
    assert!(named.is_empty(), "{named:?}");
}

/// rustfmt breaks code and leaves comments alone.
#[test]
fn no_line_of_a_comment_is_beyond_120_columns() {
    let mut files = rust_files(&root().join("src"));
    ["tests", "benches"].iter().for_each(|folder| files.extend(rust_files(&root().join(folder))));
    files.push(root().join("build.rs"));
    let mut long = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = (1..).zip(text.lines()).filter(|(_, line)| line.trim_start().starts_with("//"));
        let beyond = lines.filter(|(_, line)| line.chars().count() > 120);
        long.extend(beyond.map(|(number, _)| format!("{}:{number}", file.display())));
    }
    assert!(long.is_empty(), "{} lines, first: {:#?}", long.len(), &long[..long.len().min(20)]);
}

/// The files and folders of `src` that a text names: "src/a/b.rs", "src/a".
fn named_sources(text: &str) -> BTreeSet<String> {
    let of_path = |c: char| c.is_ascii_alphanumeric() || "_/.".contains(c);
    let begins = |at: usize| !text[..at].chars().next_back().is_some_and(of_path);
    let from = text.match_indices("src/").filter(|&(at, _)| begins(at));
    let whole = from.map(|(at, _)| text[at..].chars().take_while(|&c| of_path(c)).collect::<String>());
    whole.map(|path| path.trim_end_matches(['.', '/']).to_owned()).collect()
}

/// The changelog may name what was there once.
#[test]
fn every_source_that_a_page_or_a_fixture_names_is_there() {
    let mut pages = Vec::new();
    for folder in ["", "docs", "studies", "tests", "tests/fixtures", "tests/fixtures/pickles"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let read = path.extension().is_some_and(|ending| ending == "md" || ending == "py");
            if read && path.file_name().is_some_and(|name| name != "CHANGELOG.md") {
                pages.push(path);
            }
        }
    }
    let mut named = 0;
    for page in pages {
        for source in named_sources(&std::fs::read_to_string(&page).unwrap()) {
            assert!(root().join(&source).exists(), "{} names {source}, which is not there", page.display());
            named += 1;
        }
    }
    assert!(named >= 15, "{named} names were found");
    let text = "`src/a/b.rs`, src/c/<name>.rs; see src/d. not/src/e.rs";
    assert_eq!(named_sources(text).into_iter().collect::<Vec<_>>(), ["src/a/b.rs", "src/c", "src/d"]);
}

#[test]
fn the_architecture_fits_on_two_pages() {
    let lines = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap().lines().count();
    assert!(lines <= 150, "ARCHITECTURE.md has {lines} lines");
}

#[test]
fn commands_hold_no_logic_of_a_stage() {
    let files = sources();
    let own = files.iter().filter(|file| module_of(file) == "commands");
    let lines: Vec<usize> = own.map(|file| std::fs::read_to_string(file).unwrap().lines().count()).collect();
    let (all, most) = (lines.iter().sum::<usize>(), *lines.iter().max().unwrap());
    assert!(most <= 250, "a file of src/commands has {most} lines; stages belong into their rooms");
    assert!(
        all <= 125 * lines.len(),
        "src/commands has {all} lines in {} files; stages belong into their rooms",
        lines.len()
    );
}

#[test]
fn imports_are_found_in_code_and_not_in_comments_or_tests() {
    let text = "// crate::engine\nuse crate::seed::RunSeed;\nfn f() { crate::records::x() }\n#[cfg(test)]\nmod tests {\n    \
                use crate::nets;\n}\nuse crate::{data::{a, b}, files};\n#[cfg(test)]\nfn g() { crate::digest::hex() }\n";
    let found: Vec<String> = imports(&code(text)).into_iter().collect();
    assert_eq!(found, ["data", "digest", "files", "records", "seed"]);
    assert!(names_crate("use tch::Tensor;", "tch") && !names_crate("catch::all", "tch"));
}

#[test]
fn no_code_of_a_file_can_be_run() {
    // libtorch's own ways to run TorchScript and Python's pickles.
    let forbidden = [concat!("CMod", "ule"), concat!("TrainableCMod", "ule"), concat!("jit::", "load")];
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in forbidden {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}
