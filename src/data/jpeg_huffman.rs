//! Huffman codes of a JPEG (ITU-T T.81, annexes C and F): tables and the bits between two markers.

/// Bits that are looked up at once; longer codes are rare.
const FAST: u32 = 9;

/// Longest code.
const LONGEST: usize = 16;

/// Symbols by their codes.
pub(super) struct Table {
    /// Length and symbol by the next [`FAST`] bits; a length of 0 for longer codes and for none.
    fast: Vec<[u8; 2]>,
    /// Of each length: the code behind the last, and what leads from a code to its symbol.
    ends: [(u32, i32); LONGEST + 1],
    symbols: Vec<u8>,
}

impl Table {
    /// From how many codes there are of each length, and their symbols in order (annex C.2); `None` where there are
    /// more codes than bits.
    pub fn new(counts: &[u8; LONGEST], symbols: &[u8]) -> Option<Self> {
        let mut fast = vec![[0; 2]; 1 << FAST];
        let mut ends = [(0, 0); LONGEST + 1];
        let (mut code, mut first) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            let of = symbols.get(first..first + usize::from(count))?;
            for (at, &symbol) in (code..).zip(of).filter(|_| length <= FAST) {
                let from = (at << (FAST - length)) as usize;
                fast.get_mut(from..from + (1 << (FAST - length)))?.fill([length as u8, symbol]);
            }
            ends[length as usize] = (code + u32::from(count), first as i32 - code as i32);
            code += u32::from(count);
            if code > 1 << length {
                return None;
            }
            (code, first) = (code << 1, first + usize::from(count));
        }
        Some(Self { fast, ends, symbols: symbols.to_vec() })
    }

    /// Length and symbol of the code that the next 16 bits begin with.
    fn find(&self, next: u32) -> Option<(u32, u8)> {
        match self.fast[(next >> (LONGEST as u32 - FAST)) as usize] {
            [0, _] => (FAST as usize + 1..=LONGEST).find_map(|length| {
                let (end, lead) = self.ends[length];
                let code = next >> (LONGEST - length);
                let symbol = || self.symbols.get(usize::try_from(code as i32 + lead).ok()?).copied();
                (code < end).then(symbol).flatten().map(|symbol| (length as u32, symbol))
            }),
            [length, symbol] => Some((length.into(), symbol)),
        }
    }
}

/// The bits of a scan up to the next marker.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the highest on.
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, held: 0, count: 0 }
    }

    /// Holds at least 32 bits, or all up to the marker. 0xff 0x00 is a byte of 0xff (B.1.1.5).
    fn fill(&mut self) {
        if let Some(next) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>)
            && !next.contains(&0xff)
            && self.count <= 56
        {
            let taken = (64 - self.count) / 8;
            let kept = self.count + 8 * taken;
            self.held |= u64::from_be_bytes(*next) >> self.count & u64::MAX << (64 - kept);
            (self.at, self.count) = (self.at + taken as usize, kept);
            return;
        }
        while self.count <= 56 {
            let byte = match self.bytes.get(self.at..self.at + 2) {
                Some([0xff, 0]) => {
                    self.at += 1;
                    0xff
                }
                Some(&[byte, _]) if byte != 0xff => byte,
                _ => return,
            };
            self.at += 1;
            self.held |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The symbol of the next code; `None` where there is none.
    pub fn symbol(&mut self, table: &Table) -> Option<u8> {
        if self.count < 32 {
            self.fill();
        }
        let (length, symbol) = table.find((self.held >> 48) as u32)?;
        self.skip(length)?;
        Some(symbol)
    }

    /// The next `count` bits, at most 16.
    pub fn take(&mut self, count: u32) -> Option<u32> {
        if self.count < 32 {
            self.fill();
        }
        let found = (self.held >> 32 >> (32 - count)) as u32;
        self.skip(count)?;
        Some(found)
    }

    /// Passes over `count` bits, at most 16; `None` where there are fewer.
    pub fn skip(&mut self, count: u32) -> Option<()> {
        if self.count < count {
            self.fill();
        }
        self.count = self.count.checked_sub(count)?;
        self.held <<= count;
        Some(())
    }

    /// The place of the marker behind the codes; `None` where a whole byte of them is left.
    pub fn end(mut self) -> Option<usize> {
        self.fill();
        (self.count < 8).then_some(self.at)
    }

    /// The bits behind the restart marker `number`, which must come now (F.2.2.4).
    pub fn restart(self, number: u8) -> Option<Self> {
        let bytes = self.bytes;
        let at = self.end()?;
        let at = at + bytes.get(at..)?.iter().position(|&byte| byte != 0xff).filter(|&fill| fill > 0)?;
        (bytes[at] == 0xd0 + number).then(|| Self::new(bytes, at + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes by hand: 0, 10, 110 and one of ten bits, 1110000000.
    fn table() -> Table {
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[2], counts[9]) = (1, 1, 1, 1);
        Table::new(&counts, &[5, 6, 7, 8]).unwrap()
    }

    #[test]
    fn codes_are_read_by_hand() {
        // 0 10 110 1110000000, three bits 101, then ones up to the marker.
        let bytes = [0b0101_1011, 0b1000_0000, 0b1011_1111, 0xff, 0xd9];
        let mut bits = Bits::new(&bytes, 0);
        let read: Vec<u8> = (0..4).map(|_| bits.symbol(&table()).unwrap()).collect();
        assert_eq!(read, [5, 6, 7, 8]);
        assert_eq!(bits.take(3), Some(0b101));
        assert_eq!(bits.end(), Some(3));
        let mut short = Bits::new(&bytes, 2);
        assert_eq!((short.skip(8), short.skip(1)), (Some(()), None));
        // 1111... is no code.
        assert_eq!(Bits::new(&[0xff, 0, 0xff, 0xd9], 0).symbol(&table()), None);
    }

    #[test]
    fn restart_markers_come_in_turn_and_behind_less_than_a_byte() {
        let bytes = [0x7f, 0xff, 0xff, 0xd3, 0x0f, 0xff, 0xd9];
        let after = |used: u32, number| {
            let mut bits = Bits::new(&bytes, 0);
            bits.skip(used)?;
            bits.restart(number)?.take(8)
        };
        assert_eq!((after(1, 3), after(8, 3)), (Some(0x0f), Some(0x0f)));
        assert_eq!((after(0, 3), after(1, 2)), (None, None));
    }

    #[test]
    fn more_codes_than_bits_are_no_table() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Table::new(&counts, &[1, 2, 3]).is_none());
        counts[0] = 2;
        assert!(Table::new(&counts, &[1, 2]).is_some() && Table::new(&counts, &[1]).is_none());
    }
}
