//! Settings from a file and from `--set key=value`: overlaid, checked, and when refused blamed on where the key came
//! from.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::toml_bounds::{self, LONGEST_ASSIGNMENT};
use crate::problem::{Kind, Problem, Result};
use crate::settings::Settings;

/// A study file as it was read, with what the command line lays over it; whose settings it holds, its kind says.
#[derive(Clone, Debug)]
pub struct StudyFile<'a> {
    path: &'a Path,
    text: String,
    table: Table,
    assignments: &'a [String],
}

impl<'a> StudyFile<'a> {
    /// Reads the TOML file `path`; each of `assignments`, "dotted.key=value", overrides what it says, and no two of
    /// them may be of one key.
    ///
    /// # Errors
    /// The file is missing, larger than a megabyte, not UTF-8 or not TOML.
    pub fn open(path: &'a Path, assignments: &'a [String]) -> Result<Self> {
        tracing::info!("reading {}", path.display());
        Self::of(path, &toml_bounds::text_of(path)?, assignments)
    }

    /// As [`StudyFile::open`], of a text that comes with the program; `path` says where in problems.
    ///
    /// # Errors
    /// It is not TOML.
    pub fn of(path: &'a Path, text: &str, assignments: &'a [String]) -> Result<Self> {
        let text = text.to_owned();
        let table = text.parse().map_err(|error: toml::de::Error| {
            let advice = place(&text, &error).unwrap_or("correct it".into());
            Problem::usage(error.message().to_owned()).at(path).advice(advice)
        })?;
        Ok(Self { path, text, table, assignments })
    }

    /// The file's settings, overridden and checked.
    ///
    /// # Errors
    /// A key is unknown (the nearest known one is suggested), assigned twice, of the wrong type or out of its range.
    /// The problem names the file, or the command line where the key came from there.
    pub fn settings<T: Settings + DeserializeOwned>(&self) -> Result<T> {
        let &Self { path, ref text, ref table, assignments } = self;
        let alone = T::deserialize(table.clone()).map_err(|error| {
            let line = toml::from_str::<T>(text).err().and_then(|error| place(text, &error));
            explain::<T>(&error, line.as_deref()).at(path)
        })?;
        let settings: T = assign_all(table.clone(), assignments, BTreeMap::new())?;
        settings.check().map_err(|problem| {
            let same = |before: Problem| before.to_string() == problem.to_string();
            if assignments.is_empty() || alone.check().err().is_some_and(same) {
                problem.at(path)
            } else {
                blame(problem, assignments)
            }
        })?;
        Ok(settings)
    }
}

/// `settings` with each "dotted.key=value" of `assignments` put in, checked; values are TOML, bare words are strings.
/// A key may begin with the section's name, as a study file has it: kimg and train.kimg are one. `typed`: the settings
/// that an option of the command line gives already.
///
/// # Errors
/// No `=`, an unknown key (with the nearest known one), one that is given twice, a value of the wrong type, or one out
/// of its range.
pub fn overlay<T: Settings + DeserializeOwned>(settings: &T, typed: &[String], assignments: &[String]) -> Result<T> {
    let table = Table::try_from(settings)
        .map_err(|error| Problem::new(Kind::Internal, format!("cannot express settings as TOML: {error}")))?;
    let section = format!("{}.", T::SECTION);
    let within = |assignment: &String| assignment.trim_start().strip_prefix(&section).unwrap_or(assignment).to_owned();
    let options = typed.iter().map(|key| (key.clone(), format!("the option for {key}"))).collect();
    let settings: T = assign_all(table, &assignments.iter().map(within).collect::<Vec<_>>(), options)?;
    settings.check().map_err(|problem| blame(problem, assignments))?;
    Ok(settings)
}

/// Refuses an assignment that no setting could need and that could take the stack or the memory.
fn bounded(assignment: &str) -> Result<()> {
    let refuse =
        |found: String| Err(Problem::usage(found).at(named(assignment)).expected("a setting's name, =, and its value"));
    match toml_bounds::fault(assignment) {
        _ if assignment.len() > LONGEST_ASSIGNMENT => {
            refuse(format!("{} bytes; at most {LONGEST_ASSIGNMENT} are taken", assignment.len()))
        }
        Some(fault) => refuse(fault),
        None => Ok(()),
    }
}

/// "--set key=value", cut where it is long.
fn named(assignment: &str) -> String {
    match assignment.char_indices().nth(200) {
        None => format!("--set {assignment}"),
        Some((end, _)) => format!("--set {}...", &assignment[..end]),
    }
}

/// Another place that gives one of the settings that `value` gives as `key`: of two the later one would win without a
/// word. A table that was given may still get what it does not have.
fn given<'a>(given: &'a BTreeMap<String, String>, key: &str, value: &Value) -> Option<&'a String> {
    let inner = format!("{key}.");
    let replaced = given.range(inner.clone()..).next().filter(|(key, _)| key.starts_with(&inner));
    let known = |leaf: &String| {
        let tables = leaf.match_indices('.').map(|(end, _)| &leaf[..end]);
        tables.chain([leaf.as_str()]).find_map(|key| given.get(key))
    };
    replaced.map(|(_, by)| by).or_else(|| leaves(key, value).iter().find_map(known))
}

/// Dotted names of all settings in a value.
fn leaves(key: &str, value: &Value) -> Vec<String> {
    match value.as_table() {
        Some(table) => table.iter().flat_map(|(name, value)| leaves(&format!("{key}.{name}"), value)).collect(),
        None => vec![key.to_owned()],
    }
}

/// What assignments say, as a file with these settings alone would have it.
///
/// # Errors
/// As [`overlay`].
pub fn written<T: Settings + DeserializeOwned>(assignments: &[String]) -> Result<Table> {
    assigned::<T>(Table::new(), assignments, BTreeMap::new())
}

/// `by`: where settings are given already, in words by their key.
fn assign_all<T: Settings + DeserializeOwned>(
    table: Table,
    assignments: &[String],
    by: BTreeMap<String, String>,
) -> Result<T> {
    let table = assigned::<T>(table, assignments, by)?;
    T::deserialize(table).map_err(|error| explain::<T>(&error, None))
}

/// The table with every assignment, of which each was tried as `T`.
fn assigned<T: Settings + DeserializeOwned>(
    mut table: Table,
    assignments: &[String],
    mut by: BTreeMap<String, String>,
) -> Result<Table> {
    for assignment in assignments {
        bounded(assignment)?;
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(Problem::usage(named(assignment))
                .expected("key=value")
                .advice("write the setting's dotted name, =, and its value, e.g. --set train.kimg=20"));
        };
        let (key, value) = (key.trim(), parse(value.trim()));
        if let Some(other) = given(&by, key, &value) {
            return Err(Problem::usage(format!("{other} and {}", named(assignment)))
                .expected("each setting once")
                .advice("leave one of the two out"));
        }
        by.extend(leaves(key, &value).into_iter().map(|leaf| (leaf, named(assignment))));
        assign(&mut table, key, value).ok_or_else(|| {
            Problem::usage(named(assignment))
                .expected("the name of a setting")
                .advice("`rimforge config show STUDY.toml` prints all settings")
        })?;
        // One at a time, so that the message can name the assignment that is wrong.
        T::deserialize(table.clone()).map_err(|error| explain::<T>(&error, None).at(named(assignment)))?;
    }
    Ok(table)
}

fn parse(text: &str) -> Value {
    match format!("value = {text}").parse::<Table>() {
        // A line break in it may have made more of it than one value.
        Ok(mut table) if table.len() == 1 => table.remove("value").unwrap_or_else(|| text.into()),
        _ => text.into(),
    }
}

fn assign(table: &mut Table, key: &str, value: Value) -> Option<()> {
    match key.split_once('.') {
        None if key.is_empty() => None,
        None => {
            table.insert(key.to_owned(), value);
            Some(())
        }
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            assign(inner.as_table_mut()?, rest, value)
        }
    }
}

/// Says at the command line what is wrong because of it.
fn blame(problem: Problem, assignments: &[String]) -> Problem {
    if assignments.is_empty() {
        return problem;
    }
    let said = problem.to_string();
    let mentioned = |assignment: &&String| {
        assignment.split_once('=').is_some_and(|(key, _)| said.contains(&format!("{} =", key.trim())))
    };
    let mut guilty: Vec<&String> = assignments.iter().filter(mentioned).collect();
    if guilty.is_empty() {
        guilty = assignments.iter().collect();
    }
    let shown: Vec<String> = guilty.iter().map(|assignment| named(assignment)).collect();
    problem.at(shown.join(" "))
}

/// "line 3: `stpes = 4`".
fn place(text: &str, error: &toml::de::Error) -> Option<String> {
    let before = &text[..error.span()?.start.min(text.len())];
    let line = before.matches('\n').count();
    Some(format!("look at line {}: {}", line + 1, text.lines().nth(line).unwrap_or_default().trim()))
}

/// Turns what serde says of a value into the key, what was found, what is expected, and the nearest word that is known.
fn explain<T: Settings>(error: &toml::de::Error, line: Option<&str>) -> Problem {
    let message = error.message();
    let table = path_of::<T>(error);
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (problem, hint) = if message.starts_with("unknown field") {
        let unknown = quoted.next().unwrap_or_default();
        let known: Vec<&str> = quoted.collect();
        let full = |name: &str| if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") };
        let deeper = if table.is_empty() { of_sections::<T>(unknown) } else { vec![] };
        let hint = match (nearest(unknown, &known), deeper.as_slice()) {
            (Some(name), []) => format!("did you mean `{}`? Known here: {}", full(name), known.join(", ")),
            (None, []) => "remove it".into(),
            (_, deeper) => format!("did you mean {}?", deeper.join(" or ")),
        };
        (Problem::usage(format!("unknown key `{}`", full(unknown))), hint)
    } else if message.starts_with("unknown variant") {
        let unknown = quoted.next().unwrap_or_default();
        let known: Vec<&str> = quoted.collect();
        let hint = match nearest(unknown, &known) {
            Some(name) => format!("did you mean {name:?}?"),
            None => "correct it".into(),
        };
        let words: Vec<String> = known.iter().map(|name| format!("{name:?}")).collect();
        (Problem::usage(format!("{table} = {unknown:?}")).expected(words.join(", ")), hint)
    } else if let Some(missing) = message.strip_prefix("missing field ") {
        (Problem::usage(format!("{table} without {missing}")).expected(missing), "give it, too".to_owned())
    } else {
        let plain = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
        let plain = plain.unwrap_or(message);
        let (found, expected) = plain.split_once(", expected ").unwrap_or((plain, "another value"));
        let hint = "correct it; `rimforge config show` prints every key with its value".to_owned();
        (Problem::usage(format!("{table} = {found}")).expected(in_words(expected)), hint)
    };
    match line {
        Some(line) => problem.advice(format!("{line}\n  {hint}")),
        None => problem.advice(hint),
    }
}

/// The dotted key that an error is about, which the library says in its text alone; for an unknown key that of its
/// table.
fn path_of<T: Settings>(error: &toml::de::Error) -> String {
    let said = error.to_string();
    let path = said.rsplit_once("in `").and_then(|(_, rest)| rest.trim_end().strip_suffix('`'));
    match (T::SECTION, path.unwrap_or_default()) {
        (section, "") => section.to_owned(),
        ("", path) => path.to_owned(),
        (section, path) => format!("{section}.{path}"),
    }
}

/// Keys of the sections that are called `name`, each in full.
fn of_sections<T: Settings>(name: &str) -> Vec<String> {
    let sections = Table::try_from(T::default()).unwrap_or_default();
    let holds = |value: &Value| value.as_table().is_some_and(|section| section.contains_key(name));
    let full = |(section, value): (&String, &Value)| holds(value).then(|| format!("`{section}.{name}`"));
    sections.iter().filter_map(full).collect()
}

/// The known word that is most like `word`.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &&&str| strsim::jaro_winkler(name, word);
    known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).copied()
}

/// Rust's names of types in words.
fn in_words(expected: &str) -> &str {
    match expected {
        "u64" | "u32" | "usize" => "a whole number from 0",
        "i64" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "string or map" => "a text in quotes",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Symmetry, TrainConfig};

    fn set(assignments: &[&str]) -> Result<TrainConfig> {
        let assignments: Vec<String> = assignments.iter().map(|&a| a.to_owned()).collect();
        overlay(&TrainConfig::default(), &[], &assignments)
    }

    fn from_file(text: &str, assignments: &[&str]) -> Result<TrainConfig> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("train.toml");
        std::fs::write(&path, text).unwrap();
        let assignments: Vec<String> = assignments.iter().map(|&a| a.to_owned()).collect();
        StudyFile::open(&path, &assignments)?.settings()
    }

    /// Of two the last one won, and a study ran with it.
    #[test]
    fn a_setting_that_is_given_twice_is_refused_with_both() {
        for [one, other] in [
            ["kimg=20", "kimg=30"],
            ["kimg=20", "train.kimg=20"],
            ["net={z_dim=8}", "net.z_dim=4"],
            ["net.w_dim=8", "net={z_dim=8}"],
        ] {
            let said = set(&[one, "batch=4", other]).unwrap_err().to_string();
            let other = other.trim_start_matches("train.");
            assert!(said.contains(&format!("--set {one} and --set {other}; expected each setting once")), "{said}");
        }
        assert!(set(&["net.z_dim=8", "net.w_dim=8", "batch=4"]).is_ok());
        assert!(set(&["net={z_dim=8}", "net.w_dim=8"]).is_ok() && set(&["ada={}", "ada.ceiling=0.5"]).is_ok());
        let typed = ["kimg".to_owned(), "net.z_dim".to_owned()];
        let with_option = |text: &str| overlay(&TrainConfig::default(), &typed, &[text.to_owned()]);
        let said = with_option("kimg=4").unwrap_err().to_string();
        assert!(said.contains("the option for kimg and --set kimg=4"), "{said}");
        assert!(with_option("net={z_dim=8}").is_err() && with_option("net.w_dim=8").is_ok());
        let said = from_file("kimg = 4", &["kimg=5", "kimg=6"]).unwrap_err().to_string();
        assert!(said.contains("--set kimg=5 and --set kimg=6"), "{said}");
        assert_eq!(from_file("kimg = 4", &["kimg=5"]).unwrap().kimg, 5.0);
    }

    #[test]
    fn puts_values_at_any_depth() {
        let config =
            set(&["batch=16", "kimg = 2", "ada.ceiling=0.5", "symmetry=dihedral", "net.channel_base=512"]).unwrap();
        assert_eq!((config.batch, config.kimg, config.ada.ceiling), (16, 2.0, 0.5));
        assert_eq!((config.symmetry, config.net.channel_base), (Symmetry::Dihedral, Some(512)));
    }

    #[test]
    fn an_unknown_key_or_word_names_the_nearest_one() {
        for (wrong, said) in [
            ("bach=3", "unknown key `train.bach`\n  what to do: did you mean `train.batch`?"),
            ("ada.ceilling=0.3", "did you mean `train.ada.ceiling`?"),
            ("symmetry=mirrors", "train.symmetry = \"mirrors\"; expected \"none\", \"mirror\", \"dihedral\""),
            ("symmetry=mirrors", "did you mean \"mirror\"?"),
        ] {
            let text = set(&[wrong]).unwrap_err().to_string();
            assert!(text.starts_with(&format!("--set {wrong}: ")) && text.contains(said), "{text}");
        }
    }

    #[test]
    fn wrong_types_and_shapes_are_refused() {
        for wrong in ["batch", "batch=many", "batch.x=1", "=1", "batch=1.5", "batch=-4"] {
            assert_eq!(set(&[wrong]).unwrap_err().kind(), Kind::Usage, "{wrong}");
        }
        let text = set(&["batch=many"]).unwrap_err().to_string();
        assert!(text.contains("train.batch = string \"many\"; expected a whole number from 0"), "{text}");
    }

    #[test]
    fn the_blame_falls_on_where_the_key_came_from() {
        let of = |text: &str, assignments: &[&str]| from_file(text, assignments).unwrap_err().to_string();
        for (text, assignments, start) in [
            ("batch = 6\n", &["kimg=2"][..], "train.toml: train.batch = 6"),
            ("batch = 8\n", &["kimg=2", "batch=6"], "--set batch=6: train.batch = 6"),
            ("bach = 8\n", &["kimg=2"], "train.toml: unknown key"),
            ("batch = 8\n", &["bach=2"], "--set bach=2: unknown key"),
            ("batch = 6\n", &["batch=10"], "--set batch=10: train.batch = 10"),
        ] {
            assert!(of(text, assignments).contains(start), "{}", of(text, assignments));
        }
        assert_eq!(from_file("batch = 6\n", &["batch=8"]).unwrap().batch, 8, "a wrong value may be overridden");
        assert!(of("kimg = 2\nbatch = \"many\"\n", &[]).contains("look at line 2: batch = \"many\""));
    }

    #[test]
    fn whole_numbers_do_where_others_are_meant() {
        let config = from_file("kimg = 2\nbetas = [0, 0.5]\nada.target = 0\n", &["ada.ceiling=1"]).unwrap();
        assert_eq!(
            (config.kimg, config.betas, config.ada.target, config.ada.ceiling),
            (2.0, (0.0, 0.5), Some(0.0), 1.0)
        );
    }
}
