//! The secret of a page: who knows it was told by the program's own output.

use std::fmt::Write;
use std::hint::black_box;

use rand::TryRng;
use rand::rngs::SysRng;

use crate::problem::{Kind, Problem, Result};

/// 128 random bits of the system as 32 hexadecimal digits.
///
/// The one draw that no seed repeats: who knew the seed of a study would know its token.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn new() -> Result<Self> {
        let mut bytes = [0u8; 16];
        SysRng.try_fill_bytes(&mut bytes).map_err(|error| {
            Problem::new(Kind::Environment, format!("the system gives no random bytes: {error}")).because(error)
        })?;
        let mut digits = String::with_capacity(32);
        for byte in bytes {
            // Writing to a text cannot fail.
            let _ = write!(digits, "{byte:02x}");
        }
        Ok(Self(digits))
    }

    /// As it stands behind the "#" of an address: browsers send that part to nobody.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// Whether `offered` is it, in a time that does not tell how much of it is right.
    pub fn is(&self, offered: &[u8]) -> bool {
        let own = self.0.as_bytes();
        if offered.len() != own.len() {
            return false;
        }
        let differences = own.iter().zip(offered).fold(0, |found, (own, offered)| found | black_box(own ^ offered));
        black_box(differences) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_new_each_time_and_nothing_but_itself_is_it() {
        let (one, other) = (Token::new().unwrap(), Token::new().unwrap());
        assert!(one.digits() != other.digits() && one.digits().len() == 32);
        assert!(one.is(one.digits().as_bytes()) && !one.is(other.digits().as_bytes()));
        for (at, digit) in one.digits().char_indices() {
            let mut wrong = one.digits().to_owned();
            wrong.replace_range(at..=at, if digit == '0' { "1" } else { "0" });
            assert!(!one.is(wrong.as_bytes()), "{at}");
        }
        let longer = format!("{}0", one.digits());
        for wrong in [&one.digits()[1..], longer.as_str(), "", &one.digits().to_uppercase().replace('0', "O")] {
            assert!(!one.is(wrong.as_bytes()), "{wrong}");
        }
    }
}
