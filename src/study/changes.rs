//! Which settings of a study differ from those of the run before. A stage's key tells only that something does.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use super::toml_bounds;

/// Logs each setting of `now` that differs from those kept in `file` by the run before; nothing where there was none.
pub fn tell(file: &Path, now: &str) {
    let before = toml_bounds::text_of(file).ok().and_then(|text| text.parse::<Table>().ok());
    if let (Some(before), Ok(now)) = (before, now.parse::<Table>()) {
        changes(&before, &now).iter().for_each(|change| tracing::info!("setting changed: {change}"));
    }
}

/// One line for each setting that differs: "train.kimg: 20.0, now 30.0".
fn changes(before: &Table, now: &Table) -> Vec<String> {
    fn compare(place: &str, before: Option<&Value>, now: Option<&Value>, found: &mut Vec<String>) {
        match (before, now) {
            (Some(Value::Table(before)), Some(Value::Table(now))) => {
                let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
                for name in names {
                    let inner = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                    compare(&inner, before.get(name), now.get(name), found);
                }
            }
            (before, now) if before == now => {}
            (before, now) => {
                let text = |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), ToString::to_string);
                found.push(format!("{place}: {}, now {}", text(before), text(now)));
            }
        }
    }
    let mut found = Vec::new();
    compare("", Some(&Value::Table(before.clone())), Some(&Value::Table(now.clone())), &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_settings_are_named_with_both_values() {
        let table = |text: &str| text.parse::<Table>().unwrap();
        let before = table("seed = 1\n[train]\nkimg = 2.0\nbase = \"none\"\n[train.ada]\nceiling = 0.8");
        let now = table("seed = 1\n[train]\nkimg = 3.0\nbatch = 4\nbase = \"none\"\n[train.ada]\nceiling = 0.5");
        let expected = ["train.ada.ceiling: 0.8, now 0.5", "train.batch: absent, now 4", "train.kimg: 2.0, now 3.0"];
        assert_eq!(changes(&before, &now), expected);
        assert!(changes(&now, &now).is_empty());
    }
}
