//! Network files, pickles and arrays that are not what they say, or made to do harm.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use rimforge::files::npy::npy;
use rimforge::nets::network::Named;
use rimforge::nets::weights::{read_tensors, save_network, write_tensors};
use rimforge::nets::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig};
use rimforge::records::label::NetworkLabel;
use rimforge::seed::RunSeed;
use tch::{Device, Tensor};

use crate::parity::fixture;
use crate::phantoms;

fn config() -> GeneratorConfig {
    let small = GeneratorConfig::small(16, 1);
    GeneratorConfig { z_dim: 8, w_dim: 8, channel_base: 128, channel_max: 8, ..small }
}

fn network(path: &Path) {
    let generator = Generator::new(&config(), RunSeed(5), Device::Cpu).unwrap();
    let discriminator = Discriminator::new(&DiscriminatorConfig::matching(&config()), RunSeed(5), Device::Cpu).unwrap();
    save_network(path, &generator, Some(&discriminator), NetworkLabel::default()).unwrap();
}

/// Runs the program, which may take no more than 20 s.
fn rimforge(folder: &Path, arguments: &[&str]) -> Output {
    let start = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_rimforge")).current_dir(folder).args(arguments).output().unwrap();
    assert!(start.elapsed().as_secs() < 20, "{arguments:?} took {:?}", start.elapsed());
    output
}

fn refused(folder: &Path, arguments: &[&str], code: i32, says: &str) -> String {
    let output = rimforge(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(said.contains(says), "{arguments:?}: {said}, not {says}");
    said
}

const GENERATE: [&str; 9] =
    ["generate", "--network", "net.safetensors", "--out", "images", "--seeds", "0", "--device", "cpu"];

#[test]
fn a_network_whose_description_was_changed_is_refused_before_anything_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let path = here.join("net.safetensors");
    network(&path);
    let original = read_tensors(&path).unwrap();
    let written = |old: &str, new: &str| {
        assert!(original.description.contains(old), "{old} in {}", original.description);
        write_tensors(&path, &original.tensors, &original.description.replacen(old, new, 1)).unwrap();
    };
    for (old, new, says) in [
        ("\"z_dim\":8", "\"z_dim\":1000000000", "z_dim = 1000000000"),
        ("\"z_dim\":8", "\"z_dim\":65536", "mapping.fc0.weight has shape [8, 8], not [8, 65536]"),
        ("\"z_dim\":8", "\"z_dim\":-1", "z_dim = -1"),
        ("\"w_dim\":8", "\"w_dim\":60000", "a generator of"),
        ("\"mapping_layers\":2", "\"mapping_layers\":9223372036854775807", "mapping_layers = 9223372036854775807"),
        ("\"mapping_layers\":2", "\"mapping_layers\":64", "mapping.fc10.bias is missing"),
        ("\"resolution\":16", "\"resolution\":1024", "channel_base = 128; expected 1024"),
        ("\"channel_base\":128", "\"channel_base\":1099511627776", "channel_base = 1099511627776"),
        ("\"channels\":1", "\"channels\":9000000000000000000", "channels = 9000000000000000000"),
        ("\"c_dim\":0", "\"c_dim\":60000", "mapping.embed.bias is missing"),
        ("\"conv_clamp\":256.0", "\"conv_clamp\":256.0,\"dimensions\":3", "not [8, 8, 3, 3, 3]"),
        ("\"conv_clamp\":256.0", "\"conv_clamp\":256.0,\"dimensions\":9", "dimensions = 9"),
        ("\"mbstd_group\":4", "\"mbstd_group\":9223372036854775807", "mbstd_group"),
    ] {
        written(old, new);
        refused(here, &GENERATE, 3, says);
        assert!(!here.join("images/record.json").exists());
    }
    // A large network that would pass all limits, in a file of 108 kB.
    let large = original.description.replace("\"resolution\":16", "\"resolution\":1024");
    let large = large
        .replace("\"channel_base\":128", "\"channel_base\":16384")
        .replace("\"channel_max\":8", "\"channel_max\":256");
    write_tensors(&path, &original.tensors, &large).unwrap();
    refused(here, &GENERATE, 3, "and ");
    for depth in [200_000, 100] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let label = original.description.replacen("\"provenance\":{", &format!("\"provenance\":{{\"x\":{deep},"), 1);
        write_tensors(&path, &original.tensors, &label.replace(",}", "}")).unwrap();
        let code = rimforge(here, &GENERATE).status.code();
        assert!(matches!(code, Some(0 | 3)), "{code:?}");
    }
    // Whole, it draws.
    written("\"z_dim\":8", "\"z_dim\":8");
    assert!(rimforge(here, &GENERATE).status.success());
}

#[test]
fn tensors_that_are_no_numbers_or_belong_to_nothing_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    network(&path);
    let original = read_tensors(&path).unwrap();
    let name = "G.mapping.fc0.weight";
    let with = |change: &dyn Fn(&mut Named)| {
        let mut tensors: Named = original.tensors.iter().map(|(name, t)| (name.clone(), t.shallow_clone())).collect();
        change(&mut tensors);
        write_tensors(&path, &tensors, &original.description).unwrap();
    };
    let nan = &original.tensors[name] * f64::NAN;
    with(&|tensors| drop(tensors.insert(name.into(), nan.shallow_clone())));
    refused(folder.path(), &GENERATE, 3, "G.mapping.fc0.weight holds NaN or infinite values");
    with(&|tensors| drop(tensors.insert(name.into(), original.tensors[name].to_kind(tch::Kind::Half))));
    refused(folder.path(), &GENERATE, 3, "G.mapping.fc0.weight is of type F16, not F32");
    with(&|tensors| drop(tensors.insert("more".into(), Tensor::from(1f32))));
    refused(folder.path(), &GENERATE, 3, "more belongs to no network");
    with(&|tensors| drop(tensors.remove(name)));
    refused(folder.path(), &GENERATE, 3, "G.mapping.fc0.weight is missing");
}

#[test]
fn a_file_of_another_kind_is_named_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let path = here.join("net.safetensors");
    let pickle = std::fs::read(fixture("uncond_r32_c1.network.pkl")).unwrap();
    let archive = std::fs::read(fixture("weights").join("state.zip.pt")).unwrap();
    for (bytes, says) in [
        (pickle.as_slice(), "rimforge import NET.pkl"),
        (&archive, "a zip archive of PyTorch"),
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"/annex/objects/MD5E-s5--x\n", "git annex get"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"\x93NUMPY\x01\0", "a NumPy array"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        refused(here, &GENERATE, 3, says);
        if bytes != pickle {
            refused(here, &["import", "net.safetensors", "--out", "imported"], 3, "net.safetensors");
        }
    }
    network(&path);
    refused(here, &["import", "net.safetensors", "--out", "imported"], 3, "already a network file");
    std::fs::File::create(&path).unwrap().set_len(6 << 30).unwrap();
    refused(here, &GENERATE, 3, "a file of an unknown kind; expected a network file");
    refused(here, &["import", "net.safetensors", "--out", "imported"], 3, "a file of an unknown kind");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(".git/annex/objects/x", &path).unwrap();
    refused(here, &GENERATE, 3, "git annex get");
    refused(here, &["import", "net.safetensors", "--out", "imported"], 3, "git annex get");
}

#[test]
fn networks_too_large_for_every_machine_are_refused_from_settings() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    phantoms::rings(&here.join("data"), 4, 2, 16);
    let train = ["train", "--data", "data", "--out", "out", "--device", "cpu"];
    for (sets, says) in [
        (&["net.z_dim=1000000000"][..], "net.z_dim"),
        (&["train.net.mapping_layers=9223372036854775807"], "train.net.mapping_layers"),
        (&["net.channel_base=1099511627776"], "net.channel_base"),
        (&["net.w_dim=65536"], "a generator of"),
        (&["net.channel_base=16777216", "net.channel_max=65536"], "numbers"),
    ] {
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        refused(here, &train.iter().copied().chain(sets).collect::<Vec<_>>(), 2, says);
    }
    assert!(!here.join("out").exists());
}

#[test]
fn a_base_of_other_sizes_is_told_in_words_and_the_advice_works() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    phantoms::rings(&here.join("data"), 4, 2, 16);
    network(&here.join("net.safetensors"));
    let train = ["train", "--data", "data", "--out", "out", "--device", "cpu", "--threads", "1"];
    let short = ["--kimg", "0.004", "--batch", "4", "--base", "net.safetensors", "--set", "frechet_ticks=0"];
    let command = [&train[..], &short].concat();
    let said = refused(here, &command, 2, "a base network of other sizes: z_dim 8, w_dim 8, channel_base 128");
    assert!(!said.contains("GeneratorConfig") && !said.contains("Some("), "{said}");
    let advised = said.split("add ").nth(1).unwrap().split(" (in a study").next().unwrap();
    let output = rimforge(here, &[&command[..], &advised.split(' ').collect::<Vec<_>>()].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    phantoms::rings(&here.join("wide"), 4, 2, 32);
    let command: Vec<&str> = command.iter().map(|word| if *word == "data" { "wide" } else { *word }).collect();
    let command: Vec<&str> = command.iter().map(|word| if *word == "out" { "other" } else { *word }).collect();
    refused(here, &command, 2, "prepare the data with patches of 16");
}

/// An npy file of format 1.0.
fn array(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn arrays_of_python_are_read_right_or_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    network(&here.join("net.safetensors"));
    let project = |out: &str, image: &str| {
        let arguments = ["project", "--network", "net.safetensors", "--images", image, "--out", out];
        let few = ["--steps", "1", "--device", "cpu", "--threads", "1", "--features", "pixels"];
        rimforge(here, &[&arguments[..], &few].concat())
    };
    let values: Vec<f32> = (0..256).map(|at| ((at * 37 % 101) as f32 - 50.0) / 64.0).collect();
    let columns: Vec<f32> = (0..256).map(|at| values[at % 16 * 16 + at / 16]).collect();
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    for (out, file) in [
        ("c", npy(&[1, 16, 16], &values).unwrap()),
        ("f", array("<f4", "True", "(16, 16)", &bytes(&columns))),
        (
            "d",
            array(
                ">f8",
                "False",
                "(1, 16, 16)",
                &values.iter().flat_map(|v| f64::from(*v).to_be_bytes()).collect::<Vec<_>>(),
            ),
        ),
    ] {
        std::fs::write(here.join("mine.npy"), file).unwrap();
        let output = project(out, "mine.npy");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let image = |out: &str| std::fs::read(here.join(out).join("images/mine.npy")).unwrap();
        assert_eq!(image(out), image("c"), "{out}");
    }
    let nested = "[".repeat(24);
    let huge = array("<f4", "False", "(1, 16, 16)", &bytes(&values));
    for (name, file, says) in [
        ("a.npy", [b"\x93NUMPY\x01\x00\x18\x00".as_slice(), nested.as_bytes()].concat(), "an npy header"),
        ("b.npy", array("|u1", "False", "(16, 16)", &[0; 256]), "whole numbers (type '|u1')"),
        ("c.npy", array("|O", "False", "(16, 16)", &[0; 256]), "Python objects"),
        ("d.npy", array("<f4", "False", "(3, 16, 16)", &[0; 3072]), "an array of shape [3, 16, 16]"),
        ("e.npy", array("<f4", "False", "(1, 16, 16)", &[0; 8]), "8 bytes of values"),
        ("f.png", b"\x89PNG\r\n\x1a\n".to_vec(), "a PNG picture"),
        ("g.npz", std::fs::read(fixture("randomstate.npz")).unwrap(), "(npz)"),
        ("h.nii.gz", b"\x1f\x8b\x08".to_vec(), "a gzip file (mostly NIfTI)"),
        ("i.npy", array("<f4", "False", "(4294967296, 4294967296)", &[]), "promises an array"),
    ] {
        std::fs::write(here.join(name), file).unwrap();
        let output = project("out", name);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{name}: {said}");
        assert!(said.contains(says) && said.contains(name), "{name}: {said}");
    }
    // Six GiB, of which the header promises 1 kB.
    std::fs::write(here.join("sparse.npy"), huge).unwrap();
    std::fs::OpenOptions::new().write(true).open(here.join("sparse.npy")).unwrap().set_len(6 << 30).unwrap();
    let output = project("out", "sparse.npy");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(3) && said.contains("of values"), "{said}");
}
