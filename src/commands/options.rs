//! Options that are settings of a stage: what was typed is laid over the stage's own defaults, which `--help` shows.
//! No default is written twice and no setting is copied by hand.

use std::marker::PhantomData;

use clap::{ArgMatches, Args, Command, FromArgMatches, Id};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::problem::{Kind, Problem, Result};
use crate::seed::RunSeed;
use crate::study::RimStudy;

/// The options `A`, every one optional and named (its identifier and for serde) as the setting of `C` that it sets; a
/// dot leads into an inner table.
#[derive(Clone, Debug)]
pub struct Options<C, A> {
    typed: A,
    of: PhantomData<fn() -> C>,
}

impl<C: Serialize + DeserializeOwned + Default, A: Serialize> Options<C, A> {
    /// What was typed over the defaults.
    ///
    /// # Errors
    /// A value that the setting cannot have.
    pub fn config(&self) -> Result<C> {
        self.over(&C::default())
    }

    /// Dotted names of the settings that were typed.
    ///
    /// # Errors
    /// A value that the setting cannot have.
    pub fn names(&self) -> Result<Vec<String>> {
        let typed = Table::try_from(&self.typed).map_err(|error| self.inexpressible(&error))?;
        Ok(typed.into_iter().map(|(name, _)| name).collect())
    }

    /// What was typed over `base`.
    ///
    /// # Errors
    /// A value that the setting cannot have.
    pub fn over(&self, base: &C) -> Result<C> {
        let mut settings = table(base)?;
        // As in a settings file: what is absent is not in the table, and whole numbers end at 2^63.
        let typed = Table::try_from(&self.typed).map_err(|error| self.inexpressible(&error))?;
        for (name, value) in typed {
            assign(&mut settings, &name, value)?;
        }
        C::deserialize(settings).map_err(|error| Problem::usage(error.message().to_owned()))
    }

    /// What was typed and no settings file can hold: a number above 2^63, or a path that is no text.
    fn inexpressible(&self, error: &toml::ser::Error) -> Problem {
        let typed = serde_json::to_value(&self.typed).unwrap_or_default();
        let numbers = typed.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_u64()?)));
        match numbers.max_by_key(|(_, number)| *number).filter(|(_, number)| i64::try_from(*number).is_err()) {
            Some((name, number)) => {
                Problem::usage(format!("{name} = {number}")).expected(format!("a whole number up to {}", i64::MAX))
            }
            None => Problem::usage(format!("an option: {error}")).expected("numbers and texts in UTF-8"),
        }
    }
}

fn table(settings: &impl Serialize) -> Result<Table> {
    Table::try_from(settings)
        .map_err(|error| Problem::new(Kind::Internal, format!("cannot express settings as TOML: {error}")))
}

fn assign(settings: &mut Table, name: &str, value: Value) -> Result<()> {
    match name.split_once('.') {
        None => {
            settings.insert(name.to_owned(), value);
            Ok(())
        }
        // A table that has its defaults may be left out ([`crate::data::PrepareConfig`]).
        Some((first, rest)) => match settings.entry(first).or_insert_with(|| Value::Table(Table::new())) {
            Value::Table(inner) => assign(inner, rest, value),
            _ => Err(Problem::new(Kind::Internal, format!("no table {first} among the settings"))),
        },
    }
}

/// A default as a person would type it; none for what is absent, off or empty.
fn shown(settings: &Table, name: &str) -> Option<String> {
    fn text(value: &Value) -> Option<String> {
        match value {
            Value::Integer(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::String(text) => Some(text.clone()),
            Value::Array(values) => Some(values.iter().filter_map(text).collect::<Vec<_>>().join(",")),
            Value::Boolean(_) | Value::Datetime(_) | Value::Table(_) => None,
        }
    }
    let value = match name.split_once('.') {
        None => text(settings.get(name)?),
        Some((first, rest)) => shown(settings.get(first)?.as_table()?, rest),
    };
    value.filter(|text| !text.is_empty())
}

/// `command` with the defaults of `C` behind the help of the options of `A`.
fn with_defaults<C: Serialize + Default, A: Args>(command: Command) -> Command {
    let own = A::augment_args(Command::new(""));
    let own: Vec<Id> = own.get_arguments().map(|arg| arg.get_id().clone()).collect();
    let settings = table(&C::default()).unwrap_or_default();
    command.mut_args(|arg| {
        let default = own.contains(arg.get_id()).then(|| shown(&settings, arg.get_id().as_str())).flatten();
        match (default, arg.get_help().map(ToString::to_string)) {
            (Some(default), Some(help)) => arg.help(format!("{help} [default: {default}]")),
            _ => arg,
        }
    })
}

impl<C, A: FromArgMatches> FromArgMatches for Options<C, A> {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        Ok(Self { typed: A::from_arg_matches(matches)?, of: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        self.typed.update_from_arg_matches(matches)
    }
}

impl<C: Serialize + Default, A: Args> Args for Options<C, A> {
    fn group_id() -> Option<Id> {
        A::group_id()
    }

    fn augment_args(command: Command) -> Command {
        with_defaults::<C, A>(A::augment_args(command))
    }

    fn augment_args_for_update(command: Command) -> Command {
        with_defaults::<C, A>(A::augment_args_for_update(command))
    }
}

/// Arguments as typed behind the name of a command.
#[cfg(test)]
pub(super) fn parsed<A: Args>(arguments: &[&str]) -> std::result::Result<A, clap::Error> {
    let command = A::augment_args(Command::new("test").no_binary_name(true));
    A::from_arg_matches(&command.try_get_matches_from(arguments)?)
}

/// The seed of a stage that is run alone: the same default for all, that of a study.
#[derive(Args, Clone, Copy, Debug)]
pub struct SeedArgs {
    /// Every random draw derives from it.
    #[arg(long, value_name = "N", default_value_t = RimStudy::default().seed)]
    seed: u64,
}

impl SeedArgs {
    /// What every stream of draws of this call is derived from.
    pub fn run_seed(self) -> RunSeed {
        RunSeed(self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde::Deserialize;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Oven {
        degrees: f64,
        racks: Vec<String>,
        fan: Fan,
        minutes: Option<u64>,
    }

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Fan {
        speed: u64,
    }

    impl Default for Oven {
        fn default() -> Self {
            Self { degrees: 180.5, racks: vec!["top".into(), "low".into()], fan: Fan { speed: 2 }, minutes: None }
        }
    }

    #[derive(Args, Clone, Debug, Serialize)]
    struct OvenArgs {
        /// Heat.
        #[arg(long)]
        degrees: Option<f64>,
        /// Where.
        #[arg(long, value_delimiter = ',')]
        racks: Option<Vec<String>>,
        /// Turns.
        #[arg(id = "fan.speed", long = "fan")]
        #[serde(rename = "fan.speed")]
        fan: Option<u64>,
        /// How long.
        #[arg(long)]
        minutes: Option<u64>,
    }

    #[derive(Parser, Debug)]
    struct Bake {
        #[command(flatten)]
        oven: Options<Oven, OvenArgs>,
    }

    fn typed(arguments: &[&str]) -> Options<Oven, OvenArgs> {
        Bake::try_parse_from([&["bake"], arguments].concat()).unwrap().oven
    }

    #[test]
    fn what_was_typed_replaces_the_default_and_nothing_else_does() {
        assert_eq!(typed(&[]).config().unwrap(), Oven::default());
        let hot = typed(&["--degrees", "250", "--racks", "floor", "--fan", "0"]).config().unwrap();
        let expected = Oven { degrees: 250.0, racks: vec!["floor".into()], fan: Fan { speed: 0 }, minutes: None };
        assert_eq!(hot, expected);
        let base = Oven { minutes: Some(9), ..Oven::default() };
        let longer = typed(&["--degrees", "1"]).over(&base).unwrap();
        assert_eq!((longer.degrees, longer.minutes), (1.0, Some(9)));
        // A stage refuses it by name; it must not vanish on the way.
        assert!(typed(&["--degrees", "nan"]).config().unwrap().degrees.is_nan());
    }

    #[test]
    fn numbers_that_no_settings_file_can_hold_are_refused() {
        let problem = typed(&["--minutes", &u64::MAX.to_string()]).config().unwrap_err();
        assert_eq!(problem.kind(), Kind::Usage, "{problem}");
        assert!(problem.to_string().starts_with("minutes = 18446744073709551615; expected"), "{problem}");
    }

    #[test]
    fn the_help_shows_the_defaults() {
        let help = <Bake as clap::CommandFactory>::command().render_help().to_string();
        for line in ["Heat [default: 180.5]", "Where [default: top,low]", "Turns [default: 2]"] {
            assert!(help.contains(line), "{help}");
        }
        assert!(help.lines().any(|line| line.trim_end().ends_with("How long")), "{help}");
    }
}
