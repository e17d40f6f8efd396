//! Tensors and descriptions of networks that lie about themselves.

use std::path::Path;

use serde_json::json;

use crate::fuzz::networks;

/// A safetensors file with this header.
fn tensors(header: &str, bytes: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; bytes]].concat()
}

/// Each by what is wrong with it.
pub fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let one = |dtype: &str, shape: serde_json::Value, offsets: [u64; 2]| {
        tensors(&json!({ "G.x": { "dtype": dtype, "shape": shape, "data_offsets": offsets } }).to_string(), 64)
    };
    let two = |first: [u64; 2], second: [u64; 2]| {
        let tensor = |offsets: [u64; 2]| json!({ "dtype": "F32", "shape": [(offsets[1] - offsets[0]) / 4], "data_offsets": offsets });
        tensors(&json!({ "a": tensor(first), "b": tensor(second) }).to_string(), 64)
    };
    let length = |length: u64| [&length.to_le_bytes()[..], b"{}"].concat();
    vec![
        ("tensors that overlap", two([0, 40], [24, 64])),
        ("a hole between tensors", two([0, 24], [40, 64])),
        ("a hole at the end", one("F32", json!([8]), [0, 32])),
        ("bytes beyond the file", one("F32", json!([1 << 20]), [0, 4 << 20])),
        ("an end before its start", one("F32", json!([4]), [48, 32])),
        ("a shape larger than its bytes", one("F32", json!([1 << 30, 1 << 30]), [0, 64])),
        ("a shape that wraps around", one("F32", json!([1u64 << 62, 16, 4]), [0, 64])),
        ("a shape below zero", one("F32", json!([-4]), [0, 64])),
        ("another type than its bytes", one("F64", json!([16]), [0, 64])),
        ("a type that is none", one("F99", json!([16]), [0, 64])),
        ("a shape of nothing by everything", one("F32", json!([0, 1u64 << 62, 1u64 << 62]), [0, 0])),
        ("a header without end", length(u64::MAX)),
        ("a header of 200 MB", length(200 << 20)),
        ("a header of 99 MB", length(99 << 20)),
        ("a header that is no text", [&8u64.to_le_bytes()[..], &[0xff; 8]].concat()),
        ("a header of levels", tensors(&"[".repeat(1 << 20), 0)),
        ("a header of levels within a tensor", tensors(&format!("{{\"a\":{}", "{\"a\":".repeat(1 << 20)), 0)),
        ("a description that is a number", tensors(r#"{"__metadata__":{"rimforge":7}}"#, 0)),
        ("a description of levels", {
            let text = "[".repeat(1 << 20);
            tensors(&json!({ "__metadata__": { "rimforge": text } }).to_string(), 0)
        }),
        ("no tensors", tensors("{}", 0)),
    ]
}

/// A network file whose description says other sizes than its tensors have.
pub fn resized(place: &Path, sizes: &[(&str, serde_json::Value)]) -> Vec<u8> {
    let bytes = networks::tiny(place, 8);
    let end = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[8..end]).unwrap();
    let text = header["__metadata__"]["rimforge"].as_str().unwrap();
    let mut description: serde_json::Value = serde_json::from_str(text).unwrap();
    for (key, value) in sizes {
        for network in ["generator", "discriminator"] {
            if description[network].get(*key).is_some() {
                description[network][*key] = value.clone();
            }
        }
    }
    header["__metadata__"]["rimforge"] = description.to_string().into();
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes[end..]].concat()
}
