//! Reading a byte string from front to back; every length is checked against what is left before it is used.

use crate::problem::{Kind, Problem, Result};

/// A place in a byte string.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn take(&mut self, count: u64) -> Result<&'a [u8]> {
        match usize::try_from(count).ok().filter(|&count| count <= self.remaining()) {
            Some(count) => {
                let taken = &self.bytes[self.at..self.at + count];
                self.at += count;
                Ok(taken)
            }
            None => Err(Problem::new(
                Kind::Input,
                format!("the pickle wants {count} bytes at byte {} where {} are left", self.at, self.remaining()),
            )
            .expected("a whole pickle")
            .advice("the file is cut off or damaged; copy or download it again")),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let taken = self.take(N as u64)?;
        let mut array = [0; N];
        array.copy_from_slice(taken);
        Ok(array)
    }

    /// The next byte.
    ///
    /// # Errors
    /// Fewer bytes are left.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// The next two bytes, little-endian.
    ///
    /// # Errors
    /// Fewer bytes are left.
    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// The next four bytes, little-endian.
    ///
    /// # Errors
    /// Fewer bytes are left.
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// The next four bytes, little-endian.
    ///
    /// # Errors
    /// Fewer bytes are left.
    pub fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    /// The next eight bytes, little-endian.
    ///
    /// # Errors
    /// Fewer bytes are left.
    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Pickle's one big-endian number.
    pub fn f64_big_endian(&mut self) -> Result<f64> {
        Ok(f64::from_be_bytes(self.array()?))
    }

    /// The next `length` bytes as UTF-8.
    ///
    /// # Errors
    /// Fewer bytes are left. Or they are not UTF-8.
    pub fn text(&mut self, length: u64) -> Result<&'a str> {
        let at = self.at;
        utf8(self.take(length)?, at)
    }

    /// Up to the next line feed, which is skipped.
    pub fn line(&mut self) -> Result<&'a str> {
        let at = self.at;
        let rest = &self.bytes[at..];
        let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        let line = self.take(length as u64)?;
        self.u8()?;
        utf8(line, at)
    }
}

fn utf8(bytes: &[u8], at: usize) -> Result<&str> {
    std::str::from_utf8(bytes)
        .map_err(|_| Problem::new(Kind::Input, format!("text at byte {at} of the pickle is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_to_the_end_and_not_beyond() {
        let mut cursor = Cursor::new(b"\x01\x02\x00abc\nrest");
        assert_eq!((cursor.u8().unwrap(), cursor.u16().unwrap()), (1, 2));
        assert_eq!(cursor.line().unwrap(), "abc");
        assert!(cursor.take(u64::MAX).is_err());
        assert!(cursor.u64().is_err());
        assert_eq!(cursor.text(4).unwrap(), "rest");
        assert_eq!(cursor.remaining(), 0);
        assert!(cursor.line().is_err());
    }
}
