//! `rimforge import`, then what a user does with the network: generate, project, export.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output};

use rimforge::nets::weights::{load_network, read_tensors};
use serde_json::{Value, json};
use tch::{Device, Tensor};

use crate::parity::{assert_close, fixture};

fn rimforge(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rimforge")).args(arguments).output().unwrap()
}

fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn failed(output: Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn npy(path: &Path) -> Tensor {
    let bytes = fs::read(path).unwrap();
    let file = npyz::NpyFile::new(&bytes[..]).unwrap();
    let shape: Vec<i64> = file.shape().iter().map(|&n| n as i64).collect();
    Tensor::from_slice(&file.into_vec::<f32>().unwrap()).reshape(shape)
}

#[test]
fn an_imported_network_draws_the_reference_images_and_goes_out_under_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (net, images, exported) = (text(&at("net")), text(&at("images")), text(&at("exported")));
    let pickle = text(&fixture("cond_r16_c3.network.pkl"));
    let said = done(rimforge(&["import", &pickle, "--out", &net]));
    assert!(said.contains("2 classes") && said.contains("--window"), "{said}");
    let manifest: Value = serde_json::from_slice(&fs::read(at("net/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["generator"]["c_dim"], json!(2));
    assert_eq!(manifest["tensors"]["G.synthesis.b4.const"], json!([32, 4, 4]));
    assert_eq!(manifest["source"]["file"], json!("cond_r16_c3.network.pkl"));

    // Seeds 0 to 3 are the reference's z, each with a class of its own choice.
    let expected = read_tensors(fixture("cond_r16_c3.expected.safetensors")).unwrap().tensors;
    let base = ["generate", "--network", &net, "--out", &images, "--seeds", "0-3", "--format", "npy,png"];
    let cpu = ["--device", "cpu", "--threads", "1"];
    for (trunc, name) in [("1", "img_const"), ("0.7", "img_const_psi0.7")] {
        for class in 0..2 {
            let number = class.to_string();
            done(rimforge(&[&base[..], &cpu, &["--class", &number, "--trunc", trunc]].concat()));
            for seed in (0..4).filter(|&seed| expected["c"].double_value(&[seed, class]) == 1.0) {
                let image = npy(&at("images").join(format!("seed{seed:04}.npy")));
                assert_close(name, &image, &expected[name].get(seed), 1e-4);
            }
        }
    }
    let record: Value = serde_json::from_slice(&fs::read(at("images/record.json")).unwrap()).unwrap();
    assert_eq!(record["class"], json!(1));
    let said = failed(rimforge(&[&base[..], &cpu].concat()), 2);
    assert!(said.contains("--class 0 to 1"), "{said}");
    failed(rimforge(&[&base[..], &cpu, &["--class", "2"]].concat()), 2);
    let said = failed(rimforge(&[&base[..], &cpu, &["--class", "0", "--format", "nifti"]].concat()), 2);
    assert!(said.contains("--window"), "{said}");

    done(rimforge(&["export", "--network", &net, "--out", &exported]));
    let manifest: Value = serde_json::from_slice(&fs::read(at("exported/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["networks"]["G_ema"]["init_kwargs"]["mapping_kwargs"], json!({"num_layers": 3}));
    let weights = read_tensors(fixture("cond_r16_c3.weights.safetensors")).unwrap().tensors;
    let found = state_dict(&at("exported/state_dict.pt"));
    let renamed = |name: &str| name.replacen("G.", "G_ema.", 1);
    let names: Vec<String> = weights.keys().map(|name| renamed(name)).collect();
    let mut own: Vec<&String> = found.keys().collect();
    own.sort_by_key(|name| name.replacen("G_ema.", "G.", 1));
    assert_eq!(own, names.iter().collect::<Vec<_>>());
    for (name, tensor) in &weights {
        let expected = Vec::<f32>::try_from(tensor.reshape([-1])).unwrap();
        assert_eq!(found[&renamed(name)], expected, "{name}");
    }
}

/// Values by "section.name" from the order of names in the archive's pickle, which numbers the storages.
fn state_dict(path: &Path) -> BTreeMap<String, Vec<f32>> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let mut file = |name: &str| {
        let mut bytes = Vec::new();
        archive.by_name(&format!("archive/{name}")).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    let pickle = file("data.pkl");
    let mut found = BTreeMap::new();
    let (mut section, mut last) = (String::new(), String::new());
    let mut at = 0;
    while at < pickle.len() {
        let rest = &pickle[at..];
        if rest.starts_with(b"X") {
            let length = u32::from_le_bytes(rest[1..5].try_into().unwrap()) as usize;
            let word = String::from_utf8(rest[5..5 + length].to_vec()).unwrap();
            if let Ok(key) = word.parse::<u32>() {
                let bytes = file(&format!("data/{key}"));
                let values = bytes.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
                found.insert(format!("{section}.{last}"), values);
            } else if ["G_ema", "D"].contains(&word.as_str()) {
                section = word;
            } else if !["storage", "cpu"].contains(&word.as_str()) {
                last = word;
            }
            at += 5 + length;
        } else {
            at += 1;
        }
    }
    found
}

#[test]
fn an_imported_network_is_projected_into_and_knows_units_where_they_were_given() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (net, images, projected) = (text(&at("net")), text(&at("images")), text(&at("projected")));
    let pickle = text(&fixture("pickles/tiny.gpu.pkl"));
    let cpu = ["--device", "cpu", "--threads", "1"];
    let said = done(rimforge(&["import", &pickle, "--out", &net, "--window", "-100,150", "--without-discriminator"]));
    assert!(said.contains("float32"), "{said}");
    assert!(load_network(at("net/network.safetensors"), Device::Cpu).unwrap().discriminator.is_none());
    let base = ["generate", "--network", &net, "--out", &images, "--seeds", "1", "--class", "1"];
    done(rimforge(&[&base[..], &cpu, &["--format", "npy,nifti"]].concat()));
    assert!(at("images/seed0001.nii.gz").exists());

    let target = text(&at("images/seed0001.npy"));
    let base = ["project", "--network", &net, "--images", &target, "--out", &projected, "--steps", "2"];
    let base = [&base[..], &cpu, &["--features", "pixels"]].concat();
    // The untrained stand-in draws values far outside -1..1, which are no image.
    let clamped = npy(&at("images/seed0001.npy")).clamp(-1.0, 1.0);
    rimforge::project::store::write_npy(&at("images/seed0001.npy"), &clamped).unwrap();
    let said = failed(rimforge(&base), 2);
    assert!(said.contains("--condition 0 to 1"), "{said}");
    done(rimforge(&[&base[..], &["--condition", "1"]].concat()));
    assert!(at("projected/projected_w.npz").exists());
}

#[test]
fn an_unusable_pickle_or_window_is_named_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let net = folder.path().join("net");
    let marker = folder.path().join("run");
    let hostile = folder.path().join("hostile.pkl");
    fs::write(&hostile, format!("\u{0}cos\nsystem\n(S'touch {}'\ntR.", marker.display())).unwrap();
    let mut bytes = fs::read(&hostile).unwrap();
    bytes.splice(0..1, [0x80, 2]);
    fs::write(&hostile, bytes).unwrap();
    let said = failed(rimforge(&["import", &text(&hostile), "--out", &text(&net)]), 3);
    assert!(said.contains("hostile.pkl") && said.contains("os.system"), "{said}");
    let pickle = text(&fixture("pickles/tiny.protocol5.pkl"));
    let two = ["import", &pickle, "--out", &text(&net), "--window", "0,1", "--window", "flair:0,2"];
    assert!(failed(rimforge(&two), 2).contains("2 windows for 1 channels"));
    failed(rimforge(&["import", &pickle, "--out", &text(&net), "--window", "2,1"]), 2);
    let said = failed(rimforge(&["generate", "--network", &text(folder.path()), "--out", &text(&net)]), 3);
    assert!(said.contains("rimforge import"), "{said}");
    assert!(!net.exists() && !marker.exists());
}
