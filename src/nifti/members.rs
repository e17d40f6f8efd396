//! What a gzip file holds: one member after the other, as bgzip and parallel packers write them, and nothing but zeros
//! behind the last, as tapes and block devices leave them and `gzip -t` allows.

use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read};

use flate2::bufread::GzDecoder;

/// Inflates all members of a stream.
pub(super) struct Members<R> {
    state: Option<State<R>>,
}

enum State<R> {
    Within(Box<GzDecoder<R>>),
    AtEnd(R),
}

/// Bytes behind the last member that are neither a member nor padding.
#[derive(Debug)]
pub(super) struct Behind;

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("something else behind the gzip data")
    }
}

impl std::error::Error for Behind {}

impl<R: BufRead> Members<R> {
    /// From the stream's present place on.
    pub fn new(stream: R) -> Self {
        Self { state: Some(State::Within(Box::new(GzDecoder::new(stream)))) }
    }

    /// The stream.
    pub fn into_inner(self) -> Option<R> {
        self.state.map(|state| match state {
            State::Within(member) => member.into_inner(),
            State::AtEnd(stream) => stream,
        })
    }

    /// The next member, or the end.
    fn go_on(&mut self, mut stream: R) -> io::Result<()> {
        let next = match stream.fill_buf() {
            Ok([0x1f, ..]) => {
                self.state = Some(State::Within(Box::new(GzDecoder::new(stream))));
                return Ok(());
            }
            Ok(_) => skip_zeros(&mut stream),
            Err(error) => Err(error),
        };
        self.state = Some(State::AtEnd(stream));
        next
    }
}

fn skip_zeros(stream: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = stream.fill_buf()?;
        if bytes.iter().any(|&byte| byte != 0) {
            return Err(io::Error::new(ErrorKind::InvalidData, Behind));
        }
        match bytes.len() {
            0 => return Ok(()),
            count => stream.consume(count),
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(State::Within(member)) = &mut self.state else { return Ok(0) };
            let count = member.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            match self.state.take() {
                Some(State::Within(member)) => self.go_on(member.into_inner())?,
                other => self.state = other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn member(bytes: &[u8]) -> Vec<u8> {
        let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
        zipped.write_all(bytes).unwrap();
        zipped.finish().unwrap()
    }

    fn inflated(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        // A buffer of 7 bytes ends in the middle of everything.
        Members::new(io::BufReader::with_capacity(7, bytes)).read_to_end(&mut all)?;
        Ok(all)
    }

    #[test]
    fn members_and_padding_are_read_and_anything_else_is_not() {
        let two = [member(b"ab"), member(b""), member(b"cd")].concat();
        assert_eq!(inflated(&two).unwrap(), b"abcd");
        assert_eq!(inflated(&[two.clone(), vec![0; 512]].concat()).unwrap(), b"abcd");
        for behind in [&b"junk"[..], b"\0\0\0junk", b"\0\x1f\x8b"] {
            let error = inflated(&[&two, behind].concat()).unwrap_err();
            assert!(error.get_ref().is_some_and(|why| why.is::<Behind>()), "{behind:?}: {error}");
        }
        assert!(inflated(&two[..two.len() - 1]).is_err(), "cut short");
        let mut flipped = member(b"abcdefgh");
        let at = flipped.len() - 6;
        flipped[at] ^= 1;
        assert!(inflated(&flipped).is_err(), "a wrong checksum");
    }
}
