//! A class of a conditional network as a person names it: by its number or by its name.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::problem::{Problem, Result};

/// "1" or "rim".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "another value, expected the name of a class or its number")]
pub enum ClassChoice {
    /// By its number from 0.
    Number(i64),
    /// By its name.
    Name(String),
}

impl ClassChoice {
    /// Whether some network could have it: a number from 0, or a name.
    pub fn could_be(&self) -> bool {
        match self {
            Self::Number(number) => *number >= 0,
            Self::Name(name) => !name.trim().is_empty(),
        }
    }

    /// As written in a study file: 1, or "rim" in quotes.
    pub fn quoted(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Name(name) => format!("{name:?}"),
        }
    }
}

impl FromStr for ClassChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Number))
    }
}

impl fmt::Display for ClassChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Number of the chosen class of a network of `c_dim` classes called `names` (empty where it does not name them);
/// `None` for an unconditional network. `option` is the name of the option that chose it.
///
/// # Errors
/// A class for an unconditional network, none for a conditional one, or one that it does not have.
pub fn class_number(c_dim: i64, names: &[String], choice: Option<&ClassChoice>, option: &str) -> Result<Option<i64>> {
    let known = match names {
        [] => format!("0 to {}", c_dim - 1),
        names => format!("0 to {} ({})", c_dim - 1, names.join(", ")),
    };
    let Some(choice) = choice else {
        return match c_dim {
            0 => Ok(None),
            _ => Err(Problem::usage("the network is conditional").expected(format!("{option} {known}"))),
        };
    };
    if c_dim == 0 {
        return Err(Problem::usage(format!("{option} {choice}"))
            .expected("none: the network is unconditional")
            .advice("a network that is told classes is trained with `train --condition labels` (or readers)"));
    }
    // A class that is called "1" is what 1 means, whatever its place.
    let named = names.iter().position(|known| *known == choice.to_string()).map(|at| at as i64);
    let number = named.or(match choice {
        ClassChoice::Number(number) => Some(*number).filter(|number| (0..c_dim).contains(number)),
        ClassChoice::Name(_) => None,
    });
    match number {
        Some(number) => Ok(Some(number)),
        None => Err(Problem::usage(format!("{option} {choice}")).expected(format!("a class from {known}"))),
    }
}

/// Classes of `c_dim` as float32 \[N, c_dim\].
pub fn one_hot(classes: &[i64], c_dim: i64, device: Device) -> Tensor {
    Tensor::from_slice(classes).one_hot(c_dim).to_kind(Kind::Float).to_device(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_asked_for_exactly_where_there_are_some() {
        let names = ["non-rim", "rim"].map(str::to_owned);
        let number = |c_dim, names: &[String], text: Option<&str>| {
            let choice = text.map(|text| text.parse().unwrap());
            class_number(c_dim, names, choice.as_ref(), "--class")
        };
        assert_eq!(number(2, &names, Some("rim")).unwrap(), Some(1));
        assert_eq!(number(3, &[], Some("2")).unwrap(), Some(2));
        assert_eq!(number(0, &[], None).unwrap(), None);
        let grades = ["1", "2"].map(str::to_owned);
        assert_eq!(
            (number(2, &grades, Some("1")).unwrap(), number(2, &grades, Some("2")).unwrap()),
            (Some(0), Some(1))
        );
        for (c_dim, text) in [(0, Some("0")), (2, None), (2, Some("2")), (2, Some("-1")), (2, Some("ring"))] {
            let problem = number(c_dim, &names, text).unwrap_err();
            assert!(problem.to_string().contains("--class"), "{problem}");
        }
        assert!(number(2, &names, None).unwrap_err().to_string().contains("non-rim, rim"));
        assert_eq!(Vec::<f32>::try_from(one_hot(&[1], 3, Device::Cpu).reshape([-1])).unwrap(), [0.0, 1.0, 0.0]);
    }
}
