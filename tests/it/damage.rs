//! Files whose checksums tell that one byte is another than was written: wherever it lies, it is noticed.

use std::fs;

use assert_cmd::Command;
use rimforge::pickle::weight_file::WeightFile;

use crate::fuzz::networks;
use crate::parity::fixture;

/// Every element of a network in an archive of PyTorch, of which each byte may be another number as well.
#[test]
fn a_flipped_bit_in_the_weights_of_a_torch_archive_is_noticed() {
    let bytes = fs::read(fixture("standin_perceptual.pt")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pt");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let file = WeightFile::open(&path)?;
        let names = file.shapes().into_iter().map(|(name, _)| name).collect();
        file.read(&names).map(drop)
    };
    read(&bytes).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
    let storages: Vec<(usize, usize)> = (0..archive.len())
        .filter_map(|at| {
            let entry = archive.by_index_raw(at).unwrap();
            let is_storage = entry.name().unwrap().contains("/data/");
            is_storage.then(|| (entry.data_start().unwrap() as usize, entry.size() as usize))
        })
        .collect();
    assert_eq!(storages.len(), 4);
    for (start, size) in storages {
        for at in [0, 1, size / 2, size - 1] {
            let mut spoiled = bytes.clone();
            // The lowest bit of the number's fraction, or one near it: finite all the same.
            spoiled[start + at / 4 * 4] ^= 1;
            let said = read(&spoiled).unwrap_err().to_string();
            assert!(said.contains("damaged"), "byte {at} of {size}: {said}");
        }
    }
}

/// As a training that diverged leaves it: every number is finite, and what they make is not.
#[test]
fn a_network_that_draws_no_numbers_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = networks::tiny(folder.path(), 16);
    let end = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..end]).unwrap();
    let mut spoiled = bytes.clone();
    for (name, tensor) in header.as_object().unwrap() {
        if name.starts_with("G") && name.ends_with("bias") {
            let [from, to] = [0, 1].map(|at| end + tensor["data_offsets"][at].as_u64().unwrap() as usize);
            for (at, value) in spoiled[from..to].chunks_exact_mut(4).enumerate() {
                value.copy_from_slice(&if at % 2 == 0 { 3e38f32 } else { -3e38 }.to_le_bytes());
            }
        }
    }
    fs::write(folder.path().join("net.safetensors"), spoiled).unwrap();
    for more in [&["--seeds", "0-3"][..], &["--seeds", "0-3", "--walk", "0,1"], &["--seeds", "0", "--format", "png"]] {
        let mut command = Command::cargo_bin("rimforge").unwrap();
        command.current_dir(folder.path()).args(["generate", "--network", "net.safetensors", "--out", "out"]);
        let output = command.args(["--device", "cpu", "--threads", "1"]).args(more).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{more:?} {said}");
        assert!(said.contains("net.safetensors: a network that draws NaN or infinite values"), "{said}");
        assert!(!folder.path().join("out/record.json").exists());
    }
}
