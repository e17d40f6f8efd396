//! Whether the coded pixels of a JPEG are all there (ITU-T T.81, annexes F and G): its Huffman codes are followed to
//! the last, without computing a pixel. A decoder goes on with made-up ones where a file ends early or is damaged.

use super::jpeg_huffman::{Bits, Table};

/// What a decoder would make up, in words.
const DAMAGED: &str = "a JPEG whose pixels are damaged or cut short; copy or download the file again";

/// Coefficients of a block.
const COEFFICIENTS: usize = 64;

/// Passes over the pixels, at most; encoders make about ten.
pub(super) const MOST_SCANS: usize = 64;

struct Component {
    name: u8,
    /// Blocks of a unit, across and down.
    blocks: [usize; 2],
    /// Blocks across and down: those that show something of the image, and those that whole units have.
    shown: [usize; 2],
    coded: [usize; 2],
    /// Of each block, which coefficients are not 0 so far: later passes refine those alone.
    set: Vec<u64>,
    /// Down to which bit each coefficient is known; `None` where it was not coded.
    known: [Option<u8>; COEFFICIENTS],
}

/// One pass: from which coefficient to which, and from which bit to which.
#[derive(Clone, Copy)]
struct Pass {
    first: usize,
    last: usize,
    refines: bool,
    down_to: u8,
}

#[derive(Default)]
struct Jpeg {
    progressive: bool,
    /// Units across and down.
    units: [usize; 2],
    components: Vec<Component>,
    /// Of direct and of alternating coefficients.
    tables: [[Option<Table>; 4]; 2],
    /// Units between restart markers; 0 for none.
    restart: usize,
}

/// Holds a JPEG, whose segments are those of one image of 8 bits, to the pixels that it says it has.
///
/// # Errors
/// In words: codes that end early or mean nothing, bytes that are left over, restart markers that are missing, or
/// passes of a progressive image that are.
pub(super) fn require_whole(jpeg: &[u8]) -> Result<(), String> {
    walk(jpeg).ok_or_else(|| DAMAGED.into())
}

fn walk(bytes: &[u8]) -> Option<()> {
    let mut jpeg = Jpeg::default();
    let (mut at, mut scans) = (2, 0);
    loop {
        // Bytes of 0xff may come before a marker, one does.
        at += bytes.get(at..)?.iter().position(|&byte| byte != 0xff).filter(|&fill| fill > 0)?;
        let marker = bytes[at];
        at += 1;
        match marker {
            0xd9 => return jpeg.is_complete().then_some(()),
            // These stand alone; one may follow the last of the codes.
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let segment = bytes.get(at + 2..at + length)?;
        at += length;
        match marker {
            0xc0..=0xc2 => jpeg.frame(segment, marker == 0xc2)?,
            0xc4 => jpeg.huffman(segment)?,
            0xdd => jpeg.restart = usize::from(u16::from_be_bytes(*segment.first_chunk()?)),
            0xda => {
                scans += 1;
                at = jpeg.scan(segment, bytes, at).filter(|_| scans <= MOST_SCANS)?;
            }
            _ => {}
        }
    }
}

impl Jpeg {
    /// B.2.2; a second one was refused before.
    fn frame(&mut self, header: &[u8], progressive: bool) -> Option<()> {
        let &[_, h0, h1, w0, w1, count] = header.first_chunk()?;
        let [height, width] = [[h0, h1], [w0, w1]].map(|size| usize::from(u16::from_be_bytes(size)));
        let parts = header[6..].chunks_exact(3).take(count.into());
        let sampling = |part: &[u8]| [part[1] >> 4, part[1] & 15].map(usize::from);
        let most = |axis: usize| parts.clone().map(|part| sampling(part)[axis]).max();
        let most = [most(0)?, most(1)?];
        let of_units = |size: usize, most: usize| size.div_ceil(8 * most);
        if parts.clone().any(|part| sampling(part).iter().any(|factor| !(1..=4).contains(factor))) {
            return None;
        }
        self.units = [of_units(width, most[0]), of_units(height, most[1])];
        self.progressive = progressive;
        let component = |part: &[u8]| {
            let blocks = sampling(part);
            let shown = |axis: usize, size: usize| (size * blocks[axis]).div_ceil(most[axis]).div_ceil(8);
            let coded = [0, 1].map(|axis| self.units[axis] * blocks[axis]);
            Component {
                name: part[0],
                blocks,
                shown: [shown(0, width), shown(1, height)],
                coded,
                set: vec![0; if progressive { coded[0] * coded[1] } else { 0 }],
                known: [None; COEFFICIENTS],
            }
        };
        self.components = parts.map(component).collect();
        Some(())
    }

    /// B.2.4.2.
    fn huffman(&mut self, mut tables: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = tables.split_first() {
            let counts: &[u8; 16] = rest.first_chunk()?;
            let symbols: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let table = Table::new(counts, rest.get(16..16 + symbols)?)?;
            *self.tables.get_mut(usize::from(kind >> 4))?.get_mut(usize::from(kind & 15))? = Some(table);
            tables = &rest[16 + symbols..];
        }
        Some(())
    }

    /// Follows the scan whose codes begin at `at`, and gives the place of the marker behind it.
    fn scan(&mut self, header: &[u8], bytes: &[u8], at: usize) -> Option<usize> {
        let count = usize::from(*header.first()?);
        let of = header.get(1..1 + 2 * count)?;
        let &[first, last, bits] = header.get(1 + 2 * count..)?.first_chunk()?;
        let pass = if self.progressive {
            Pass { first: first.into(), last: last.into(), refines: bits >> 4 != 0, down_to: bits & 15 }
        } else {
            Pass { first: 0, last: COEFFICIENTS - 1, refines: false, down_to: 0 }
        };
        let one = |named: &[u8]| {
            let which = self.components.iter().position(|component| component.name == named[0])?;
            Some((which, usize::from(named[1] >> 4), usize::from(named[1] & 15)))
        };
        let parts: Vec<(usize, usize, usize)> = of.chunks_exact(2).map(one).collect::<Option<_>>()?;
        let alone = parts.len() == 1;
        let several_alternating = self.progressive && pass.first > 0 && !alone;
        if parts.is_empty() || pass.first > pass.last || pass.last >= COEFFICIENTS || several_alternating {
            return None;
        }
        // A component alone is coded block by block, as far as it shows something (A.2.2).
        let units = if alone { self.components[parts[0].0].shown } else { self.units };
        let mut codes = Bits::new(bytes, at);
        let (mut left, mut number, mut run) = (self.restart, 0u8, 0u32);
        for unit in 0..units[0] * units[1] {
            if self.restart > 0 && left == 0 {
                codes = codes.restart(number)?;
                (left, number, run) = (self.restart, (number + 1) % 8, 0);
            }
            left = left.saturating_sub(1);
            let (x, y) = (unit % units[0], unit / units[0]);
            for &(which, direct, alternating) in &parts {
                let tables = [self.tables[0].get(direct)?.as_ref(), self.tables[1].get(alternating)?.as_ref()];
                let component = &mut self.components[which];
                let [across, down] = if alone { [1, 1] } else { component.blocks };
                for block in 0..across * down {
                    let place = [x * across + block % across, y * down + block / across];
                    if self.progressive {
                        let set = component.set.get_mut(place[1] * component.coded[0] + place[0])?;
                        progressive(&mut codes, tables, pass, (set, &mut run))?;
                    } else {
                        sequential(&mut codes, tables)?;
                    }
                }
            }
        }
        for (which, ..) in parts {
            self.components[which].known[pass.first..=pass.last].fill(Some(pass.down_to));
        }
        codes.end()
    }

    /// Whether each coefficient of each component is known to its last bit.
    fn is_complete(&self) -> bool {
        self.components.iter().all(|component| component.known.iter().all(|bit| *bit == Some(0)))
    }
}

/// F.1.2.1: how many bits, at most 11 where levels have 8, and those.
fn direct_coefficient(codes: &mut Bits<'_>, table: &Table) -> Option<()> {
    let size = codes.symbol(table).filter(|&size| size <= 11)?;
    codes.skip(size.into())
}

/// F.2.2: a direct coefficient, and the alternating ones by runs of zeros.
fn sequential(codes: &mut Bits<'_>, [direct, alternating]: [Option<&Table>; 2]) -> Option<()> {
    let (direct, alternating) = (direct?, alternating?);
    direct_coefficient(codes, direct)?;
    let mut at = 1;
    while at < COEFFICIENTS {
        let symbol = codes.symbol(alternating)?;
        let (zeros, size) = (usize::from(symbol >> 4), symbol & 15);
        match (zeros, size) {
            (15, 0) => at += 16,
            (_, 0) => break,
            _ => {
                at += zeros + 1;
                if at > COEFFICIENTS {
                    return None;
                }
                codes.skip(size.into())?;
            }
        }
    }
    Some(())
}

/// Annex G: what one pass says of a block. `run` counts blocks that have nothing more.
fn progressive(
    codes: &mut Bits<'_>,
    [direct, alternating]: [Option<&Table>; 2],
    pass: Pass,
    (set, run): (&mut u64, &mut u32),
) -> Option<()> {
    match (pass.first, pass.refines) {
        (0, false) => direct_coefficient(codes, direct?),
        (0, true) => codes.skip(1),
        (_, false) => first_pass(codes, alternating?, pass, (set, run)),
        (_, true) => refinement(codes, alternating?, pass, (set, run)),
    }
}

/// G.1.2.2.
fn first_pass(codes: &mut Bits<'_>, table: &Table, pass: Pass, (set, run): (&mut u64, &mut u32)) -> Option<()> {
    if *run > 0 {
        *run -= 1;
        return Some(());
    }
    let mut at = pass.first;
    while at <= pass.last {
        let symbol = codes.symbol(table)?;
        let (zeros, size) = (usize::from(symbol >> 4), symbol & 15);
        match (zeros, size) {
            (15, 0) => at += 16,
            (exponent, 0) => {
                *run = (1 << exponent) - 1 + codes.take(exponent as u32)?;
                break;
            }
            _ => {
                at += zeros;
                if at > pass.last {
                    return None;
                }
                codes.skip(size.into())?;
                *set |= 1 << at;
                at += 1;
            }
        }
    }
    Some(())
}

/// G.1.2.3: new coefficients between zeros, one more bit of each that is known.
fn refinement(codes: &mut Bits<'_>, table: &Table, pass: Pass, (set, run): (&mut u64, &mut u32)) -> Option<()> {
    let mut at = pass.first;
    while *run == 0 && at <= pass.last {
        let symbol = codes.symbol(table)?;
        let (mut zeros, size) = (u32::from(symbol >> 4), symbol & 15);
        match (zeros, size) {
            (_, 1) => codes.skip(1)?,
            (15, 0) => {}
            (exponent, 0) => {
                *run = (1 << exponent) + codes.take(exponent)?;
                break;
            }
            _ => return None,
        }
        while at <= pass.last {
            match *set >> at & 1 {
                1 => codes.skip(1)?,
                _ if zeros == 0 => break,
                _ => zeros -= 1,
            }
            at += 1;
        }
        if size == 1 {
            *set |= 1u64.checked_shl(at as u32).filter(|_| at <= pass.last)?;
        }
        at += 1;
    }
    if *run > 0 {
        for known in (at..=pass.last).map(|at| *set >> at & 1) {
            codes.skip(known as u32)?;
        }
        *run -= 1;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    use super::*;
    use crate::data::jpeg_image::decode;

    const SIZE: [u16; 2] = [61, 45];

    fn encode(progressive: bool, sampling: SamplingFactor, restart: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 90);
        encoder.set_progressive(progressive);
        encoder.set_sampling_factor(sampling);
        encoder.set_restart_interval(restart);
        // Few coefficients are 0, so that there is a code for almost every bit of the file.
        let level = |at: usize| ((at * 7919) % 251) as u8;
        let levels: Vec<u8> = (0..3 * usize::from(SIZE[0]) * usize::from(SIZE[1])).map(level).collect();
        encoder.encode(&levels, SIZE[0], SIZE[1], ColorType::Rgb).unwrap();
        bytes
    }

    fn kinds() -> impl Iterator<Item = Vec<u8>> {
        let samplings = [SamplingFactor::F_1_1, SamplingFactor::F_2_2, SamplingFactor::F_2_1, SamplingFactor::F_4_1];
        samplings.into_iter().flat_map(|sampling| {
            [(false, 0), (false, 3), (true, 0)].map(|(progressive, restart)| encode(progressive, sampling, restart))
        })
    }

    /// Where the codes of the first scan begin.
    fn first_codes(jpeg: &[u8]) -> usize {
        let at = jpeg.windows(2).position(|two| two == [0xff, 0xda]).unwrap();
        at + 2 + usize::from(jpeg[at + 3])
    }

    #[test]
    fn whole_images_are_followed_to_their_end() {
        kinds().for_each(|jpeg| assert_eq!(require_whole(&jpeg), Ok(())));
    }

    /// A file that ends early but has an end, as a copy in parts leaves it, and one without a part of its middle.
    #[test]
    fn what_is_cut_off_or_lost_is_told() {
        for jpeg in kinds() {
            let codes = first_codes(&jpeg);
            for end in codes..jpeg.len() - 2 {
                let cut = [&jpeg[..end], &[0xff, 0xd9]].concat();
                assert!(require_whole(&cut).is_err(), "cut at {end} of {}", jpeg.len());
            }
            // A loss of some ten blocks; one of a single block often comes out even, where a wrong code ends another.
            let lost = |at: usize| require_whole(&[&jpeg[..at], &jpeg[at + 600..]].concat()).is_err();
            let told = (0..20).filter(|&part| lost(codes + 20 * part)).count();
            assert!(told >= 18, "{told} of 20");
            let mut zeros = jpeg.clone();
            zeros[codes + 100..codes + 200].fill(0);
            assert!(require_whole(&zeros).is_err());
            let more = [&jpeg[..jpeg.len() - 2], &[0x55; 3], &[0xff, 0xd9]].concat();
            assert!(require_whole(&more).is_err());
        }
    }

    /// Codes fall into step again soon: what comes out even in spite of a bit cannot be told from an image.
    #[test]
    fn some_bits_that_flip_are_told_and_none_breaks_more_than_its_file() {
        for jpeg in [encode(false, SamplingFactor::F_2_2, 0), encode(true, SamplingFactor::F_2_2, 0)] {
            let (codes, mut told, mut flips) = (first_codes(&jpeg), 0, 0);
            for bit in (8 * codes..8 * (jpeg.len() - 2)).step_by(7) {
                let mut flipped = jpeg.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                flips += 1;
                told += usize::from(require_whole(&flipped).is_err());
            }
            assert!(6 * told > flips, "{told} of {flips}");
        }
        for jpeg in kinds() {
            for bit in 0..8 * first_codes(&jpeg) {
                let mut flipped = jpeg.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let _ = decode(&flipped, 1 << 16);
            }
        }
    }
}
