//! SHA-256 as the lower-case hexadecimal text that records and checksum files hold.

use sha2::{Digest, Sha256};

/// Of `bytes`, 64 digits.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(Sha256::digest(bytes))
}

/// A digest that was gathered piece by piece.
pub fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    /// The standard's own example (FIPS 180-4, "abc").
    #[test]
    fn abc() {
        assert_eq!(super::sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
