//! TensorBoard event files: scalars and pictures of a training run.
//!
//! A file is a sequence of TFRecords (length, masked CRC-32C, bytes, masked CRC-32C), each an `Event` protocol
//! buffer; the few fields used here are written by hand (tensorflow/core/util/event.proto, framework/summary.proto).

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::files;
use crate::files::fault::{self, Operation};
use crate::problem::{Problem, Result};

/// Of an event file's name.
const BEGINNING: &str = "events.out.tfevents.";
const ENDING: &str = ".rimforge";

/// `events.out.tfevents.<seconds>.<nanoseconds>.rimforge`, of now; TensorBoard reads files in the order of their names.
pub fn new_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{BEGINNING}{:010}.{:09}{ENDING}", now.as_secs(), now.subsec_nanos())
}

/// Writes one new event file; TensorBoard reads all files of a folder as one run.
pub struct EventWriter {
    path: PathBuf,
    file: BufWriter<EventFile>,
}

/// The file with its name, by which a write may fail on purpose.
struct EventFile {
    path: PathBuf,
    file: File,
}

impl Write for EventFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        fault::before(Operation::Write, &self.path)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl EventWriter {
    /// Creates `path`, one of [`new_name`].
    ///
    /// `resumed_at` (a step) tells TensorBoard to drop what an earlier, interrupted process logged from there on.
    ///
    /// # Errors
    /// The file cannot be created or written.
    pub fn create(path: PathBuf, resumed_at: Option<u64>) -> Result<Self> {
        let file = fault::before(Operation::Create, &path)
            .and_then(|()| File::create_new(&path))
            .map_err(|e| Problem::io(&path, "creating the event file", e))?;
        let file = BufWriter::new(EventFile { path: path.clone(), file });
        let mut writer = Self { path, file };
        writer.event(0, |event| event.bytes(3, b"brain.Event:2"))?;
        if let Some(step) = resumed_at {
            // SessionLog { status: START }
            writer.event(step, |event| event.message(7, |log| log.varint(1, 1)))?;
        }
        writer.flush()?;
        Ok(writer)
    }

    /// The event file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One number of the curve `tag` at `step`.
    ///
    /// # Errors
    /// Writing failed.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<()> {
        self.summary(step, tag, |v| v.float(2, value as f32))
    }

    /// A picture: `png` is the encoded file of a `width` x `height` image with `channels` channels.
    ///
    /// # Errors
    /// Writing failed.
    pub fn image(&mut self, tag: &str, step: u64, png: &[u8], [width, height, channels]: [u64; 3]) -> Result<()> {
        self.summary(step, tag, |value| {
            value.message(4, |image| {
                image.varint(1, height);
                image.varint(2, width);
                image.varint(3, channels);
                image.bytes(4, png);
            });
        })
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// Writing failed.
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|e| Problem::io(&self.path, "writing the event file", e))
    }

    fn summary(&mut self, step: u64, tag: &str, fill: impl FnOnce(&mut Proto)) -> Result<()> {
        self.event(step, |event| {
            event.message(5, |summary| {
                summary.message(1, |value| {
                    value.bytes(1, tag.as_bytes());
                    fill(value);
                });
            });
        })
    }

    fn event(&mut self, step: u64, fill: impl FnOnce(&mut Proto)) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut event = Proto::default();
        event.double(1, now);
        event.varint(2, step);
        fill(&mut event);
        let record = tf_record(&event.0);
        self.file.write_all(&record).map_err(|e| Problem::io(&self.path, "writing the event file", e))
    }
}

/// Takes the record that a kill cut short off the end of each event file of `folder` whose name `is_own` knows; links,
/// and files that have a second name elsewhere, are the user's whatever their names.
///
/// # Errors
/// One cannot be read or written.
pub fn cut_torn_records(folder: &Path, is_own: impl Fn(&str) -> bool) -> Result<()> {
    for path in files::list_if_there(folder)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let own = path.symlink_metadata().is_ok_and(|facts| facts.is_file() && facts.nlink() == 1);
        if !(own && name.starts_with(BEGINNING) && name.ends_with(ENDING) && is_own(name)) {
            continue;
        }
        let (whole, length) = whole_records(&path).map_err(|error| Problem::io(&path, "reading", error))?;
        if whole < length {
            files::cut(&path, whole)?;
        }
    }
    Ok(())
}

/// Bytes of the whole records at a file's beginning, and of the file.
fn whole_records(path: &Path) -> std::io::Result<(u64, u64)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut whole = 0;
    // Length and its checksum before the data, the data's checksum after it.
    while length - whole >= 16 {
        let (mut bytes, mut checksum) = ([0; 8], [0; 4]);
        file.seek(SeekFrom::Start(whole))?;
        file.read_exact(&mut bytes)?;
        file.read_exact(&mut checksum)?;
        // Zeros, which a power cut leaves, are no length.
        let said = (u32::from_le_bytes(checksum) == masked_crc(&bytes)).then_some(u64::from_le_bytes(bytes));
        let record = said.and_then(|said| said.checked_add(16)).filter(|&record| record <= length - whole);
        match record {
            Some(record) => whole += record,
            None => break,
        }
    }
    Ok((whole, length))
}

/// Frames `data` as a TFRecord.
fn tf_record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend(length);
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked_crc(data).to_le_bytes());
    record
}

/// CRC-32C, rotated and offset, so that a CRC of data that holds CRCs stays strong (TFRecord's definition).
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A protocol buffer message being written.
#[derive(Default)]
struct Proto(Vec<u8>);

impl Proto {
    fn key(&mut self, field: u64, wire_type: u64) {
        self.raw_varint(field << 3 | wire_type);
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn varint(&mut self, field: u64, value: u64) {
        self.key(field, 0);
        self.raw_varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn float(&mut self, field: u64, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.key(field, 2);
        self.raw_varint(value.len() as u64);
        self.0.extend(value);
    }

    fn message(&mut self, field: u64, fill: impl FnOnce(&mut Proto)) {
        let mut inner = Proto::default();
        fill(&mut inner);
        self.bytes(field, &inner.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Field number and raw value of each field of a message; an independent reading of the wire format.
    fn fields(mut data: &[u8]) -> Vec<(u64, Vec<u8>)> {
        fn varint(data: &mut &[u8]) -> u64 {
            let mut value = 0;
            for shift in (0..).step_by(7) {
                let byte = data[0];
                *data = &data[1..];
                value |= u64::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            value
        }
        let mut out = Vec::new();
        while !data.is_empty() {
            let key = varint(&mut data);
            let value = match key & 7 {
                0 => varint(&mut data).to_le_bytes().to_vec(),
                wire => {
                    let length = match wire {
                        1 => 8,
                        5 => 4,
                        2 => varint(&mut data) as usize,
                        other => panic!("wire type {other}"),
                    };
                    let value = data[..length].to_vec();
                    data = &data[length..];
                    value
                }
            };
            out.push((key >> 3, value));
        }
        out
    }

    fn records(mut data: &[u8]) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        while !data.is_empty() {
            let length = u64::from_le_bytes(data[..8].try_into().unwrap()) as usize;
            assert_eq!(u32::from_le_bytes(data[8..12].try_into().unwrap()), masked_crc(&data[..8]));
            let body = &data[12..12 + length];
            assert_eq!(u32::from_le_bytes(data[12 + length..16 + length].try_into().unwrap()), masked_crc(body));
            out.push(body.to_vec());
            data = &data[16 + length..];
        }
        out
    }

    #[test]
    fn a_record_is_framed_as_tensorflow_frames_it() {
        // CRC-32C of "123456789" is 0xe3069283 (RFC 3720's polynomial, the standard check value).
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(masked_crc(b"123456789"), 0x2507_c60d_u32.wrapping_add(0xa282_ead8));
        // The first record of any TensorBoard file: 24 bytes long, whose length's masked CRC is a3 7f 4b 22.
        assert_eq!(&tf_record(&[0; 24])[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
    }

    #[test]
    fn a_torn_last_record_is_cut_off_and_whole_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(folder.path().join(new_name()), None).unwrap();
        writer.scalar("a", 1, 2.0).unwrap();
        writer.flush().unwrap();
        let path = writer.path().to_owned();
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(records(&whole).len(), 2);
        let other = folder.path().join("events.out.tfevents.of-another-program");
        std::fs::write(&other, b"torn").unwrap();
        for torn in [&[][..], &[7], &[7; 15], &[1; 30], &[0; 16], &[0; 64], &tf_record(b"event")[..20]] {
            std::fs::write(&path, [&whole, torn].concat()).unwrap();
            cut_torn_records(folder.path(), |_| true).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
        assert_eq!(std::fs::read(&other).unwrap(), b"torn");
        let (link, twin) = (path.with_file_name("events.out.tfevents.1.rimforge"), folder.path().join("twin"));
        std::os::unix::fs::symlink(&other, &link).unwrap();
        std::fs::hard_link(&other, &twin).unwrap();
        std::fs::hard_link(&twin, path.with_file_name("events.out.tfevents.2.rimforge")).unwrap();
        cut_torn_records(folder.path(), |_| true).unwrap();
        assert_eq!(std::fs::read(&other).unwrap(), b"torn");
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        cut_torn_records(folder.path(), |name| !path.ends_with(name)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole[..whole.len() - 1], "not in the mark: the user's");
        cut_torn_records(folder.path(), |_| true).unwrap();
        assert_eq!(records(&std::fs::read(&path).unwrap()).len(), 1);
    }

    #[test]
    fn what_was_written_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(folder.path().join(new_name()), Some(300)).unwrap();
        writer.scalar("loss/generator", 300, 0.75).unwrap();
        writer.image("fakes", 301, b"not really a png", [64, 32, 1]).unwrap();
        writer.flush().unwrap();
        let events: Vec<_> = records(&std::fs::read(writer.path()).unwrap()).iter().map(|r| fields(r)).collect();
        let field = |event: usize, number| events[event].iter().find(|f| f.0 == number).unwrap().1.clone();
        assert_eq!(events.len(), 4);
        assert_eq!(field(0, 3), b"brain.Event:2");
        assert_eq!(fields(&field(1, 7)), [(1, 1u64.to_le_bytes().to_vec())]);
        assert_eq!(field(2, 2), 300u64.to_le_bytes());
        let value = |event| fields(&fields(&field(event, 5))[0].1);
        assert_eq!(value(2), [(1, b"loss/generator".to_vec()), (2, 0.75f32.to_le_bytes().to_vec())]);
        let image = fields(&value(3)[1].1);
        assert_eq!(image[0], (1, 32u64.to_le_bytes().to_vec()));
        assert_eq!(image[1], (2, 64u64.to_le_bytes().to_vec()));
        assert_eq!(image[3], (4, b"not really a png".to_vec()));
    }
}
