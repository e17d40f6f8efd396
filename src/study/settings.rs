//! `--set key=value`: overlays one stage's settings, and says which key was probably meant.

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::problem::{Kind, Problem, Result};

/// `settings` with each "dotted.key=value" of `assignments` put in; values are TOML, bare words are strings.
///
/// # Errors
/// No `=`, an unknown key (with the nearest known one), or a value of the wrong type.
pub fn overlay<T: Serialize + DeserializeOwned>(settings: &T, assignments: &[String]) -> Result<T> {
    let mut table = Table::try_from(settings)
        .map_err(|error| Problem::new(Kind::Internal, format!("cannot express settings as TOML: {error}")))?;
    for assignment in assignments {
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(Problem::usage(format!("--set {assignment}")).expected("key=value"));
        };
        assign(&mut table, key.trim(), parse(value.trim()))
            .ok_or_else(|| Problem::usage(format!("--set {assignment}")).expected("the name of a setting"))?;
        // Checked one at a time, so that the message can name the assignment that is wrong.
        T::deserialize(table.clone()).map_err(|error| explain(assignment, error.message()))?;
    }
    T::deserialize(table).map_err(|error| explain("", error.message()))
}

fn parse(text: &str) -> Value {
    match format!("value = {text}").parse::<Table>() {
        Ok(mut table) => table.remove("value").unwrap_or_else(|| text.into()),
        Err(_) => text.into(),
    }
}

fn assign(table: &mut Table, key: &str, value: Value) -> Option<()> {
    match key.split_once('.') {
        None if key.is_empty() => None,
        None => {
            // 1 where 1.0 is meant is no error.
            let value = match (table.get(key), value) {
                (Some(Value::Float(_)), Value::Integer(whole)) => Value::Float(whole as f64),
                (_, value) => value,
            };
            table.insert(key.to_owned(), value);
            Some(())
        }
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            assign(inner.as_table_mut()?, rest, value)
        }
    }
}

fn explain(assignment: &str, message: &str) -> Problem {
    let problem = Problem::usage(format!("--set {assignment}: {message}"));
    // serde: unknown field `bach`, expected one of `net`, `batch`, ...
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((unknown, known)) if message.starts_with("unknown") => {
            let distance = |name: &&&str| strsim::damerau_levenshtein(unknown, name);
            match known.iter().min_by_key(distance) {
                Some(nearest) => problem.advice(format!("did you mean {nearest}?")),
                None => problem,
            }
        }
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Symmetry, TrainConfig};

    fn set(assignments: &[&str]) -> Result<TrainConfig> {
        let assignments: Vec<String> = assignments.iter().map(|&a| a.to_owned()).collect();
        overlay(&TrainConfig::default(), &assignments)
    }

    #[test]
    fn puts_values_at_any_depth() {
        let config =
            set(&["batch=16", "kimg = 2", "ada.ceiling=0.5", "symmetry=dihedral", "net.channel_base=512"]).unwrap();
        assert_eq!((config.batch, config.kimg, config.ada.ceiling), (16, 2.0, 0.5));
        assert_eq!((config.symmetry, config.net.channel_base), (Symmetry::Dihedral, Some(512)));
    }

    #[test]
    fn an_unknown_key_names_the_nearest_one() {
        let text = set(&["bach=3"]).unwrap_err().to_string();
        assert!(text.contains("did you mean batch?"), "{text}");
        let text = set(&["ada.ceilling=0.3"]).unwrap_err().to_string();
        assert!(text.contains("did you mean ceiling?"), "{text}");
    }

    #[test]
    fn wrong_types_and_shapes_are_refused() {
        for wrong in ["batch", "batch=many", "batch.x=1", "=1"] {
            assert_eq!(set(&[wrong]).unwrap_err().kind(), Kind::Usage, "{wrong}");
        }
    }
}
