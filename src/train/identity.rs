//! Whose checkpoint it is: what must agree between a checkpoint and the run that wants to go on from it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::config::Resolved;
use crate::problem::{Kind, Problem, Result};
use crate::seed::RunSeed;

/// The run that wants to go on.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// Source of every random draw.
    pub seed: RunSeed,
    /// All of the run's settings.
    pub settings: &'a Resolved,
    /// Hash of the training images' source and of the base network.
    pub data_sha256: &'a str,
}

/// What a checkpoint tells of its run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) seed: u64,
    pub(super) settings: &'a Value,
    pub(super) data_sha256: &'a str,
}

impl Identity<'_> {
    /// Each difference to what a checkpoint tells, as "name = its value (not ours)". A setting that only one of the two
    /// has is one: a setting that is added later must be skipped at its default, or no older checkpoint is taken.
    ///
    /// # Errors
    /// The settings cannot be expressed as JSON.
    pub(super) fn differences(&self, told: Told<'_>) -> Result<Vec<String>> {
        let mut found = Vec::new();
        if told.seed != self.seed.0 {
            found.push(format!("seed {} (not {})", told.seed, self.seed.0));
        }
        if told.data_sha256 != self.data_sha256 {
            found.push("other training images or another base network".to_owned());
        }
        let mut compare = Vec::new();
        flatten("", told.settings, &mut compare);
        let mut wanted = Vec::new();
        flatten("", &json(self.settings)?, &mut wanted);
        let wanted: BTreeMap<_, _> = wanted.into_iter().collect();
        for (name, value) in &compare {
            match wanted.get(name) {
                Some(other) if other == value => {}
                Some(other) => found.push(format!("{name} = {value} (not {other})")),
                None => found.push(format!("{name} = {value}")),
            }
        }
        let known: Vec<&String> = compare.iter().map(|(name, _)| name).collect();
        found.extend(wanted.iter().filter(|(name, _)| !known.contains(name)).map(|(name, _)| format!("no {name}")));
        Ok(found)
    }
}

/// As JSON, through text, so that numbers compare equal to those that were read from a file.
pub(super) fn json(value: &impl Serialize) -> Result<Value> {
    let text = crate::files::json_line(value)?;
    serde_json::from_str(&text)
        .map_err(|error| Problem::new(Kind::Internal, format!("cannot read back own JSON: {error}")))
}

/// The leaves of `value` by their dotted paths.
fn flatten(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, out);
            }
        }
        leaf => out.push((path.to_owned(), leaf.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_named() {
        let settings = Resolved::tiny(8, &[]);
        let own = Identity { seed: RunSeed(4), settings: &settings, data_sha256: "e" };
        let mut told = json(&settings).unwrap();
        assert!(own.differences(Told { seed: 4, settings: &told, data_sha256: "e" }).unwrap().is_empty());
        told["lazy"]["r1_every"] = 7.into();
        told["older"] = true.into();
        told.as_object_mut().unwrap().remove("batch");
        let found = own.differences(Told { seed: 3, settings: &told, data_sha256: "d" }).unwrap();
        let expected = [
            "seed 3 (not 4)".to_owned(),
            "other training images or another base network".to_owned(),
            format!("lazy.r1_every = 7 (not {})", settings.lazy.r1_every),
            "older = true".to_owned(),
            "no batch".to_owned(),
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(expected.iter().all(|difference| found.contains(difference)), "{found:?}");
    }
}
