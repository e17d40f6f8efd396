//! What every section of a study's settings can do: say, before any work starts, whether a run could use it.
//!
//! A section is a plain struct beside its stage. It checks its own values; what two sections say against each other is
//! the recipe's business, what only the data can tell that of whoever opens them.

use std::fmt::Display;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use toml::{Table, Value};

use crate::problem::{Problem, Result};

/// A section of a study file.
pub trait Settings: Default + Serialize {
    /// Its dotted name in a study file, e.g. "train.ada"; empty for the study's own keys.
    const SECTION: &'static str;

    /// Refuses every value that no run can use.
    ///
    /// # Errors
    /// `Kind::Usage`: the dotted key with its value, what is expected, and what to do.
    fn check(&self) -> Result<()>;

    /// Dotted name of the key `name`, e.g. "train.batch".
    fn key(name: &str) -> String {
        match Self::SECTION {
            "" => name.to_owned(),
            section => format!("{section}.{name}"),
        }
    }

    /// The refusal of `found` for the key `name`.
    fn refuse(name: &str, found: impl Display, expected: impl Into<String>) -> Problem {
        let key = Self::key(name);
        // An element of a list has no default of its own.
        let whole = name.split('[').next().unwrap_or_default();
        let default = serde_json::to_value(Self::default()).ok().and_then(|all| all.get(whole).cloned());
        let advice = match default {
            Some(default) if !default.is_null() => {
                format!("correct it, or leave {} out: the default is {default}", Self::key(whole))
            }
            _ => format!("correct it, or leave {} out", Self::key(whole)),
        };
        Problem::usage(format!("{key} = {found}")).expected(expected).advice(advice)
    }

    /// A number from `low` to `high`; no NaN.
    ///
    /// # Errors
    /// As [`Settings::check`].
    fn within<N: PartialOrd + Copy + Display>(name: &str, value: N, low: N, high: N) -> Result<()> {
        if (low..=high).contains(&value) {
            Ok(())
        } else {
            Err(Self::refuse(name, value, format!("a number from {low} to {high}")))
        }
    }

    /// A number of at least `low`.
    ///
    /// # Errors
    /// As [`Settings::check`].
    fn at_least(name: &str, value: u64, low: u64) -> Result<()> {
        if value >= low { Ok(()) } else { Err(Self::refuse(name, value, format!("at least {low}"))) }
    }

    /// A number above 0 and not above `high`; no NaN.
    ///
    /// # Errors
    /// As [`Settings::check`].
    fn positive(name: &str, value: f64, high: f64) -> Result<()> {
        if value > 0.0 && value <= high {
            Ok(())
        } else {
            Err(Self::refuse(name, value, format!("a number above 0, at most {high}")))
        }
    }

    /// A text that is not blank.
    ///
    /// # Errors
    /// As [`Settings::check`].
    fn named(name: &str, text: &str) -> Result<()> {
        if text.trim().is_empty() {
            Err(Self::refuse(name, format!("{text:?}"), "a name that is not empty"))
        } else {
            Ok(())
        }
    }
}

/// A section as it is written, over a base of its recipe's own in place of the stage's defaults; for
/// `deserialize_with`.
///
/// # Errors
/// As the section's own reading.
pub fn over<'de, D: Deserializer<'de>, T: Serialize + DeserializeOwned>(
    written: D,
    base: &T,
) -> std::result::Result<T, D::Error> {
    fn lay(base: &mut Table, over: Table) {
        for (key, value) in over {
            match (base.get_mut(&key), value) {
                (Some(Value::Table(below)), Value::Table(above)) => lay(below, above),
                (_, value) => drop(base.insert(key, value)),
            }
        }
    }
    let mut table = Table::try_from(base).map_err(D::Error::custom)?;
    lay(&mut table, Table::deserialize(written)?);
    T::deserialize(table).map_err(|error| D::Error::custom(error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Kind;

    #[derive(Serialize)]
    struct Oven {
        degrees: f64,
        timer: Option<u64>,
    }

    impl Default for Oven {
        fn default() -> Self {
            Self { degrees: 180.0, timer: None }
        }
    }

    impl Settings for Oven {
        const SECTION: &'static str = "kitchen.oven";

        fn check(&self) -> Result<()> {
            Self::within("degrees", self.degrees, 50.0, 250.0)?;
            self.timer.map_or(Ok(()), |minutes| Self::within("timer", minutes, 1, 90))
        }
    }

    #[test]
    fn a_refusal_says_key_value_range_and_default() {
        let problem = Oven { degrees: 300.0, ..Oven::default() }.check().unwrap_err();
        assert_eq!(problem.kind(), Kind::Usage);
        assert_eq!(
            problem.to_string(),
            "kitchen.oven.degrees = 300; expected a number from 50 to 250\n  \
             what to do: correct it, or leave kitchen.oven.degrees out: the default is 180.0"
        );
        let problem = Oven { timer: Some(0), ..Oven::default() }.check().unwrap_err().to_string();
        assert!(problem.ends_with("leave kitchen.oven.timer out"), "{problem}");
    }

    #[test]
    fn ends_are_within_and_nan_never_is() {
        for (degrees, good) in [(50.0, true), (250.0, true), (49.9, false), (f64::NAN, false), (f64::INFINITY, false)] {
            assert_eq!(Oven { degrees, timer: None }.check().is_ok(), good, "{degrees}");
        }
        assert!(Oven::positive("x", 0.0, 1.0).is_err() && Oven::positive("x", f64::NAN, 1.0).is_err());
        assert!(Oven::positive("x", 1e-12, 1.0).is_ok());
        assert!(Oven::named("x", " ").is_err() && Oven::named("x", "a").is_ok());
    }
}
