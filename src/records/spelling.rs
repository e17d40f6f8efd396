//! How enumerations are spelled: in settings, in records and on the command line alike, as their derived serde code
//! says.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserializer, Serialize, forward_to_deserialize_any};

/// The name of a variant without fields, e.g. "ada-gan+ld"; empty for any other value.
pub fn name(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// The names of an enumeration's variants in their order; none for any other type.
pub fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut found: &'static [&'static str] = &[];
    // It never gives a value: the names are what is asked for.
    let _ = T::deserialize(Names(&mut found));
    found
}

/// Asked for an enumeration, notes which variants it may have.
struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("not an enumeration"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = variants;
        Err(Error::custom("only the names"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Fruit {
        RedApple,
        #[serde(rename = "pear+plum")]
        Both,
    }

    #[test]
    fn names_are_those_of_the_files() {
        assert_eq!(names::<Fruit>(), ["red-apple", "pear+plum"]);
        assert_eq!((name(&Fruit::RedApple), name(&Fruit::Both)), ("red-apple".to_owned(), "pear+plum".to_owned()));
        assert!(names::<f64>().is_empty() && name(&1.5).is_empty());
    }
}
