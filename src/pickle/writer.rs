//! Writes what `torch.load(weights_only=True)` reads: a zip archive with a small pickle of names and shapes, and each
//! tensor's elements as a file of its own.

use std::io::{Cursor, Write};
use std::path::Path;

use tch::{Kind as Type, Tensor};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::files;
use crate::nets::weights::bytes_of;
use crate::problem::{Kind, Problem, Result};

/// Folder of all files in the archive; PyTorch takes whatever the first file has.
const FOLDER: &str = "archive";

/// Version of the archive's layout.
const VERSION: &[u8] = b"3\n";

/// Writes a dict of dicts of float32 tensors, in the order given, replacing `path` in one step; returns the bytes
/// written.
///
/// # Errors
/// Writing failed.
pub fn write_archive(path: &Path, sections: &[(&str, Vec<(String, Tensor)>)]) -> Result<Vec<u8>> {
    let failed =
        |error: zip::result::ZipError| Problem::new(Kind::Internal, format!("zip: {error}")).at(path).because(error);
    let io = |error| Problem::io(path, "writing", error);
    // Elements must lie there as they are; a fixed date keeps equal networks equal in bytes.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let mut file = |name: &str, bytes: &[u8]| -> Result<()> {
        archive.start_file(format!("{FOLDER}/{name}"), options).map_err(failed)?;
        archive.write_all(bytes).map_err(io)
    };
    file("data.pkl", &pickle(sections))?;
    file("byteorder", b"little")?;
    for (key, (_, tensor)) in sections.iter().flat_map(|(_, tensors)| tensors).enumerate() {
        file(&format!("data/{key}"), &bytes_of(&tensor.to_kind(Type::Float))?)?;
    }
    file("version", VERSION)?;
    let bytes = archive.finish().map_err(failed)?.into_inner();
    files::write(path, &bytes)?;
    Ok(bytes)
}

/// Protocol 2: {section: {name: tensor, ..}, ..}; storages are persistent ids, numbered in order.
fn pickle(sections: &[(&str, Vec<(String, Tensor)>)]) -> Vec<u8> {
    let mut out = vec![0x80, 2];
    let mut key = 0;
    out.push(b'}');
    for (section, tensors) in sections {
        text(&mut out, section);
        out.extend(b"ccollections\nOrderedDict\n)R");
        for (name, tensor) in tensors {
            text(&mut out, name);
            out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
            text(&mut out, "storage");
            out.extend(b"ctorch\nFloatStorage\n");
            text(&mut out, &key.to_string());
            text(&mut out, "cpu");
            integer(&mut out, tensor.numel() as i64);
            out.extend(b"tQK\x00");
            let size = tensor.size();
            axes(&mut out, &size);
            axes(&mut out, &row_major(&size));
            // No gradient, no hooks.
            out.extend(b"\x89ccollections\nOrderedDict\n)RtRs");
            key += 1;
        }
        out.push(b's');
    }
    out.push(b'.');
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn integer(out: &mut Vec<u8>, number: i64) {
    match i32::try_from(number) {
        Ok(number) => {
            out.push(b'J');
            out.extend(number.to_le_bytes());
        }
        Err(_) => {
            out.extend([0x8a, 8]);
            out.extend(number.to_le_bytes());
        }
    }
}

fn axes(out: &mut Vec<u8>, axes: &[i64]) {
    out.push(b'(');
    axes.iter().for_each(|&axis| integer(out, axis));
    out.push(b't');
}

/// Strides of a contiguous tensor.
fn row_major(size: &[i64]) -> Vec<i64> {
    let mut strides = vec![1; size.len()];
    for axis in (1..size.len()).rev() {
        strides[axis - 1] = strides[axis] * size[axis].max(1);
    }
    strides
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::budget::Budget;
    use super::super::cursor::Cursor as Bytes;
    use super::super::machine::{Dialect, read};
    use super::super::value::{Node, Value};
    use super::*;

    #[test]
    fn the_machine_reads_what_the_writer_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.pt");
        let weight = Tensor::arange(6, (Type::Float, tch::Device::Cpu)).reshape([3, 2]).tr();
        let strength = Tensor::from(2.5f32);
        let sections = [("G_ema", vec![("a.weight".to_owned(), weight), ("a.strength".to_owned(), strength)])];
        let bytes = write_archive(&path, &sections).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut file = |name: &str| {
            let mut bytes = Vec::new();
            archive.by_name(&format!("archive/{name}")).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        };
        let pickle = file("data.pkl");
        let read = read(&mut Bytes::new(&pickle), &mut Budget::of_file(0), Dialect::TorchSave).unwrap();
        let state = read.heap.entry(read.root, "G_ema").unwrap();
        let tensor = |name: &str| match read.heap.entry(state, name) {
            Some(Value::Node(id)) => match read.heap.node(id) {
                Node::Tensor(tensor) => {
                    let id = read.heap.tuple(tensor.storage).unwrap();
                    (tensor.size.clone(), tensor.stride.clone(), id[2], id[4])
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        assert_eq!(tensor("a.weight"), (vec![2, 3], vec![3, 1], Value::Text("0"), Value::Int(6)));
        assert_eq!(tensor("a.strength"), (vec![], vec![], Value::Text("1"), Value::Int(1)));
        let values: Vec<f32> = file("data/0").chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(values, [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
        assert_eq!(file("data/1"), 2.5f32.to_le_bytes());
    }
}
