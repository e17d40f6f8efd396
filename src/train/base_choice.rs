//! Where training starts, as a study file names it.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// `train.base`: "none", "embedded", or a network file with its discriminator (or the folder of a training run).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum BaseChoice {
    /// Random weights.
    #[default]
    None,
    /// The generator that comes with the program.
    Embedded,
    /// A network file, or the folder of a training run or an import.
    File(PathBuf),
}

impl BaseChoice {
    /// The file or folder that it names, where it does.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::None | Self::Embedded => None,
        }
    }
}

impl fmt::Display for BaseChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Embedded => f.write_str("embedded"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl From<String> for BaseChoice {
    fn from(text: String) -> Self {
        match text.as_str() {
            "none" => Self::None,
            "embedded" => Self::Embedded,
            _ => Self::File(text.into()),
        }
    }
}

impl std::str::FromStr for BaseChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.to_owned().into())
    }
}

impl From<BaseChoice> for String {
    fn from(choice: BaseChoice) -> Self {
        choice.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_written_as_it_is_read() {
        for text in ["none", "embedded", "out/gan"] {
            let choice = BaseChoice::from(text.to_owned());
            assert_eq!(serde_json::to_value(&choice).unwrap(), text);
            assert_eq!(serde_json::from_value::<BaseChoice>(text.into()).unwrap(), choice);
        }
        assert_eq!(BaseChoice::from("out/gan".to_owned()), BaseChoice::File("out/gan".into()));
    }
}
