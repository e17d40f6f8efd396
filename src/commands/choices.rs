//! Enumerations on the command line: spelled as settings files spell them, for both are read by the same code.

use std::marker::PhantomData;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::records::spelling::names;

/// Parses one of the names of the enumeration `T`.
#[derive(Debug)]
pub struct Choice<T>(PhantomData<fn() -> T>);

/// The parser of the names of `T`.
pub fn choice<T>() -> Choice<T> {
    Choice(PhantomData)
}

impl<T> Clone for Choice<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<T: DeserializeOwned + Clone + Send + Sync + 'static> TypedValueParser for Choice<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &std::ffi::OsStr) -> Result<T, clap::Error> {
        let text = value.to_string_lossy();
        let name: StrDeserializer<'_, Error> = text.as_ref().into_deserializer();
        T::deserialize(name).map_err(|_| {
            let mut error = clap::Error::new(ErrorKind::InvalidValue).with_cmd(command);
            let arg = arg.map_or_else(String::new, ToString::to_string);
            error.insert(ContextKind::InvalidArg, ContextValue::String(arg));
            error.insert(ContextKind::InvalidValue, ContextValue::String(text.clone().into_owned()));
            let known = names::<T>().iter().map(|name| (*name).to_owned()).collect();
            error.insert(ContextKind::ValidValue, ContextValue::Strings(known));
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(names::<T>().iter().map(|name| PossibleValue::new(*name))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Arm;

    #[test]
    fn the_names_are_those_of_a_settings_file() {
        assert!(names::<Arm>().contains(&"ada-gan+ld"));
        let parse = |text: &str| choice::<Arm>().parse_ref(&Command::new("x"), None, text.as_ref());
        assert_eq!(parse("ada-cgan").unwrap(), Arm::AdaCgan);
        let problem = parse("ada-gna").unwrap_err().to_string();
        assert!(problem.contains("ada-gna") && problem.contains("class-weight"), "{problem}");
    }
}
