//! Feature nets from files of weights: values against torchvision, lpips and pytorch-fid; every form in which PyTorch
//! saves weights; files made to do harm. No code in a file is run.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use rimforge::files::npy::npy;
use rimforge::nets::features::recognise::{Architecture, recognise};
use rimforge::nets::features::stacks::{ALEXNET, Layer, SQUEEZENET, Stack, VGG16};
use rimforge::nets::features::{FeatureNet, Pretrained, squared_distance};
use rimforge::nets::network::Named;
use rimforge::nets::weights::{save_network, write_tensors};
use rimforge::nets::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig};
use rimforge::pickle::read_features;
use rimforge::pickle::weight_file::WeightFile;
use rimforge::pickle::writer::write_archive;
use rimforge::records::label::NetworkLabel;
use rimforge::seed::RunSeed;
use serde_json::Value;
use tch::{Device, Kind, Tensor};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::allocation::peak_of;
use crate::parity::fixture;

/// Numbers in -1..1, as tests/fixtures/make_features.py makes them.
pub fn uniform(count: i64, stream: u32) -> Vec<f64> {
    let mixed = |at: u32| {
        let mut h = at.wrapping_mul(2_654_435_761).wrapping_add(stream.wrapping_mul(40_503));
        h ^= h >> 15;
        h = h.wrapping_mul(0x2c1b_3c6d);
        h ^= h >> 12;
        h = h.wrapping_mul(0x297a_2d39);
        h ^ h >> 15
    };
    (0..count as u32).map(|at| f64::from(mixed(at)) / 2f64.powi(31) - 1.0).collect()
}

pub fn tensor(values: &[f64], shape: &[i64]) -> Tensor {
    Tensor::from_slice(&values.iter().map(|&value| value as f32).collect::<Vec<_>>()).reshape(shape)
}

/// The script's weights of a net.
pub fn weights(net: Architecture) -> Named {
    let fill = |(stream, (name, shape)): (usize, (String, Vec<i64>))| {
        let u = uniform(shape.iter().product(), stream as u32);
        let scaled = |offset: f64, factor: f64| u.iter().map(|u| offset + factor * u).collect::<Vec<_>>();
        let values = match name.as_str() {
            name if name.ends_with("running_var") => scaled(1.0, 0.5),
            name if name.ends_with("bn.weight") => scaled(1.0, 0.2),
            _ if shape.len() == 4 => scaled(0.0, (6.0 / shape[1..].iter().product::<i64>() as f64).sqrt()),
            _ => scaled(0.0, 0.1),
        };
        (name, tensor(&values, &shape))
    };
    net.expected().into_iter().enumerate().map(fill).collect()
}

/// The script's LPIPS weights.
fn heads(net: Architecture) -> Named {
    let head = |(at, &channels): (usize, &i64)| {
        let values: Vec<f64> = uniform(channels, 5000 + at as u32).into_iter().map(f64::abs).collect();
        (format!("lin{at}.model.1.weight"), tensor(&values, &[1, channels, 1, 1]))
    };
    net.heads().iter().enumerate().map(head).collect()
}

fn images(side: i64) -> Tensor {
    tensor(&uniform(6 * side * side, 9999), &[2, 3, side, side])
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(fixture("features.json")).unwrap()).unwrap()
}

fn assert_summary(what: &str, found: &Tensor, expected: &Value) {
    let found = Vec::<f64>::try_from(found.to_kind(Kind::Double).reshape([-1])).unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    let count = found.len();
    assert_eq!(count as u64, expected["count"].as_u64().unwrap(), "{what}");
    let scale = number(&expected["square"]).sqrt();
    let near = |a: f64, b: f64| assert!((a - b).abs() < 2e-4 * scale, "{what}: {a} for {b}");
    near(found.iter().sum::<f64>() / count as f64, number(&expected["mean"]));
    near((found.iter().map(|x| x * x).sum::<f64>() / count as f64).sqrt(), scale);
    for (at, value) in expected["picked"].as_array().unwrap().iter().enumerate() {
        near(found[at * count / 16], number(value));
    }
}

fn found(tensors: &Named, order: &[(String, Vec<i64>)]) -> Vec<(String, Vec<i64>)> {
    let extra = tensors.iter().filter(|(name, _)| !order.iter().any(|(own, _)| own == *name));
    order.iter().cloned().chain(extra.map(|(name, tensor)| (name.clone(), tensor.size()))).collect()
}

fn built(net: Architecture, tensors: &Named) -> Pretrained {
    let known = recognise(&found(tensors, &net.expected())).unwrap();
    assert_eq!(known.net, net);
    Pretrained::new(&known, tensors, Path::new("net.pt"), Device::Cpu).unwrap()
}

#[test]
fn layers_and_lpips_distances_are_those_of_torchvision_and_lpips() {
    let expected = expected();
    let nets: [(&str, Architecture, &'static [Layer], i64); 3] = [
        ("vgg", Architecture::Vgg16, &VGG16, 48),
        ("alex", Architecture::AlexNet, &ALEXNET, 64),
        ("squeeze", Architecture::SqueezeNet, &SQUEEZENET, 48),
    ];
    for (key, net, layers, side) in nets {
        let mut tensors = weights(net);
        let x = images(side);
        // The package's rounded shift and scale.
        let of = |values: [f64; 3]| tensor(&values, &[1, 3, 1, 1]);
        let normalised = (&x - of([-0.03, -0.088, -0.188])) / of([0.458, 0.448, 0.45]);
        let outputs = Stack::new(layers, &tensors, Device::Cpu).outputs(&normalised);
        assert_eq!(outputs.len(), net.heads().len());
        for (at, output) in outputs.iter().enumerate() {
            assert_summary(&format!("{key} {at}"), output, &expected[key]["outputs"][at]);
        }
        tensors.extend(heads(net));
        let with_heads = built(net, &tensors);
        assert_eq!(with_heads.name(), format!("features of {} with LPIPS weights (net.pt)", net.title()));
        let features = with_heads.features(&x).unwrap();
        let distance = squared_distance(&features.narrow(0, 0, 1), &features.narrow(0, 1, 1)).double_value(&[0]);
        let lpips = expected[key]["lpips"].as_f64().unwrap();
        println!("{key}: {distance} for {lpips}");
        assert!((distance / lpips - 1.0).abs() < 1e-3, "{key}: {distance} for {lpips}");
    }
}

#[test]
fn inception_features_are_those_of_torchvision_and_of_the_fid() {
    for (key, net) in [("inception", Architecture::InceptionV3), ("fid", Architecture::FidInception)] {
        let features = built(net, &weights(net)).features(&images(64)).unwrap();
        assert_eq!(features.size(), [2, 2048]);
        assert_summary(key, &features, &expected()[key]);
    }
}

#[test]
fn grey_images_have_gradients_and_other_numbers_of_channels_go_in_one_by_one() {
    let net = built(Architecture::SqueezeNet, &weights(Architecture::SqueezeNet));
    let both = images(32).narrow(1, 0, 2);
    let features = net.features(&both).unwrap();
    let grey = both.narrow(1, 1, 1).set_requires_grad(true);
    let second = net.features(&grey).unwrap();
    let width = second.size()[1];
    assert!(features.narrow(1, width, width).allclose(&second, 1e-4, 1e-6, false));
    let gradient = &Tensor::run_backward(&[second.narrow(1, 0, 100).sum(Kind::Float)], &[&grey], false, false)[0];
    assert!(gradient.abs().max().double_value(&[]) > 0.0);
    // Layers that an image of 8 pixels is too small for are left out.
    assert!(net.features(&images(8)).unwrap().size()[1] < width);
}

/// make_weights.py: element i of tensor n is i / 8 + n.
#[test]
fn every_form_in_which_pytorch_saves_weights_is_read_as_data() {
    for (file, beginning) in [
        ("state.zip.pt", ""),
        ("state.stream.pt", ""),
        ("module.zip.pt", ""),
        ("module.stream.pt", ""),
        ("script.pt", ""),
        ("trace.pt", ""),
        ("checkpoint.half.pt", "model."),
    ] {
        let path = fixture("weights").join(file);
        let opened = WeightFile::open(&path).unwrap_or_else(|problem| panic!("{problem}"));
        let names = ["0.weight", "0.bias", "2.weight"].map(|name| format!("{beginning}{name}"));
        let shapes = [vec![2, 3, 1, 1], vec![2], vec![1, 2, 3, 3]];
        assert_eq!(opened.shapes(), names.clone().into_iter().zip(shapes).collect::<Vec<_>>(), "{file}");
        let tensors = opened.read(&names.iter().cloned().collect()).unwrap();
        for (at, name) in names.iter().enumerate() {
            let values = Vec::<f32>::try_from(tensors[name].reshape([-1])).unwrap();
            let expected: Vec<f32> = (0..values.len()).map(|i| i as f32 / 8.0 + at as f32).collect();
            assert_eq!(values, expected, "{file} {name}");
        }
        let problem = read_features(&path, Device::Cpu).err().unwrap().to_string();
        assert!(problem.contains("3 tensors of no net") && problem.contains("0.weight [2, 3, 1, 1]"), "{problem}");
    }
}

#[test]
fn weights_cut_or_altered_anywhere_are_refused_or_read_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pt");
    for file in ["state.zip.pt", "state.stream.pt", "script.pt", "module.zip.pt"] {
        let bytes = std::fs::read(fixture("weights").join(file)).unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let opened = WeightFile::open(&path)?;
            let names: BTreeSet<String> = opened.shapes().into_iter().map(|(name, _)| name).collect();
            opened.read(&names)
        };
        read(&bytes).unwrap();
        for end in (0..bytes.len()).step_by(37) {
            assert!(read(&bytes[..end]).is_err(), "{file} cut at {end}");
        }
        let mut altered = bytes.clone();
        for at in (0..bytes.len()).step_by(29) {
            for flip in [1, 0x80] {
                altered[at] ^= flip;
                drop(read(&altered));
                altered[at] = bytes[at];
            }
        }
    }
}

/// A zip archive in which data.pkl and other entries are what the test says.
fn archive(path: &Path, entries: &[(&str, &[u8])]) {
    let mut archive = ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        archive.start_file(format!("net/{name}"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
}

/// {"features.0.weight": a tensor [64, 3, 3, 3] of storage 0, which has `count` elements}.
fn index(count: i32) -> Vec<u8> {
    let text = |text: &str| [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let number = |number: i32| [b"J".as_slice(), &number.to_le_bytes()].concat();
    let numbers = |list: [i32; 4]| [b"(".to_vec(), list.map(number).concat(), b"t".to_vec()].concat();
    [
        b"\x80\x02}".to_vec(),
        text("features.0.weight"),
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text("0"),
        text("cpu"),
        number(count),
        b"tQK\x00".to_vec(),
        numbers([64, 3, 3, 3]),
        numbers([27, 9, 3, 1]),
        b"\x89}tRs.".to_vec(),
    ]
    .concat()
}

#[test]
fn files_made_to_do_harm_are_refused_within_their_means() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.pt");
    let marker = folder.path().join("written");
    let command = format!("touch {}", marker.display());
    let call =
        [b"\x80\x02cposix\nsystem\n(X".as_slice(), &(command.len() as u32).to_le_bytes(), command.as_bytes(), b"tR."]
            .concat();
    let nested = [b"\x80\x02".as_slice(), &vec![b']'; 4 << 20], &vec![b'a'; (4 << 20) - 1], b"."].concat();
    let zeros = vec![0; 32 << 20];
    let wanted = BTreeSet::from(["features.0.weight".to_owned()]);
    let outcome = |path: &Path| {
        let start = Instant::now();
        let (result, peak) = peak_of(|| WeightFile::open(path).and_then(|file| file.read(&wanted)));
        assert!(start.elapsed().as_secs() < 20 && peak < 256 << 20, "{:?}, {peak} bytes", start.elapsed());
        result
    };
    let refused = |path: &Path, says: &str| {
        let problem = outcome(path).unwrap_err();
        assert_eq!(problem.kind(), rimforge::problem::Kind::Input, "{problem}");
        assert!(problem.to_string().contains(says), "{problem}, not {says}");
    };
    archive(&path, &[("data.pkl", &call)]);
    refused(&path, "system");
    std::fs::write(&path, &call).unwrap();
    refused(&path, "system");
    archive(&path, &[("data.pkl", &nested)]);
    refused(&path, "asks for far more memory");
    archive(&path, &[("data.pkl", &zeros)]);
    refused(&path, "33554432 bytes; expected at most 16777216");
    archive(&path, &[("data.pkl", &index(8 << 20)), ("data/0", &zeros)]);
    refused(&path, "shows 1728 elements of a storage of 8388608");
    archive(&path, &[("data.pkl", &index(1728)), ("data/0", &zeros)]);
    refused(&path, "33554432 bytes where the index promises 1728 elements");
    archive(&path, &[("data.pkl", &index(1 << 30))]);
    refused(&path, "shows 1728 elements");
    archive(&path, &[("data.pkl", &index(1728)), ("data/0", &f32::NAN.to_le_bytes().repeat(1728))]);
    refused(&path, "features.0.weight holds NaN");
    // Constants and code are not looked at.
    let harmless = [
        ("constants.pkl", nested.as_slice()),
        ("code/__torch__.py", b"def forward(self, x):\n  while True: pass\n"),
        ("data.pkl", &index(1728)),
        ("data/0", &zeros[..4 * 1728]),
    ];
    archive(&path, &harmless);
    assert_eq!(outcome(&path).unwrap().len(), 1);
    // 70,000 entries promised by the directory's end.
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.len() - 22;
    bytes[end + 10..end + 12].copy_from_slice(&u16::MAX.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    assert!(outcome(&path).is_err());
    std::fs::File::create(&path).unwrap().set_len(6 << 30).unwrap();
    refused(&path, "unknown kind");
    assert!(!marker.exists());
}

/// A network of 16 pixels and an image.
fn place(folder: &Path) {
    let config =
        GeneratorConfig { z_dim: 8, w_dim: 8, channel_base: 128, channel_max: 8, ..GeneratorConfig::small(16, 1) };
    let generator = Generator::new(&config, RunSeed(5), Device::Cpu).unwrap();
    let discriminator = Discriminator::new(&DiscriminatorConfig::matching(&config), RunSeed(5), Device::Cpu).unwrap();
    let path = folder.join("network.safetensors");
    save_network(path, &generator, Some(&discriminator), NetworkLabel::default()).unwrap();
    let image: Vec<f32> = uniform(256, 1).into_iter().map(|value| value as f32 / 2.0).collect();
    std::fs::write(folder.join("mine.npy"), npy(&[1, 16, 16], &image).unwrap()).unwrap();
}

fn project(folder: &Path, out: &str, features: &str) -> Output {
    let arguments = ["project", "--network", "network.safetensors", "--images", "mine.npy", "--out", out];
    let few = ["--steps", "2", "--device", "cpu", "--threads", "1", "--features", features];
    let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    command.current_dir(folder).args(arguments).args(few).output().unwrap()
}

#[test]
fn project_takes_weights_and_runs_nothing_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    place(here);
    let mut tensors = weights(Architecture::SqueezeNet);
    tensors.extend(heads(Architecture::SqueezeNet));
    write_tensors(here.join("squeeze.safetensors"), &tensors, "").unwrap();
    let listed: Vec<(String, Tensor)> = tensors.into_iter().collect();
    write_archive(&here.join("plain.pt"), &[("net", listed)]).unwrap();
    // The same with a program in it that writes a file and never ends.
    let mut archive = ZipArchive::new(std::fs::File::open(here.join("plain.pt")).unwrap()).unwrap();
    let mut script = ZipWriter::new(std::fs::File::create(here.join("script.pt")).unwrap());
    for at in 0..archive.len() {
        script.raw_copy_file(archive.by_index_raw(at).unwrap()).unwrap();
    }
    let code = "class Net(Module):\n  def forward(self, img, resize_images: bool=True, return_lpips: bool=False):\n    \
                torch.save(img, \"written\")\n    while True:\n      pass\n    return img\n";
    script.start_file("archive/code/__torch__.py", SimpleFileOptions::default()).unwrap();
    script.write_all(code.as_bytes()).unwrap();
    script.finish().unwrap();
    let image = |out: &str| std::fs::read(here.join(out).join("images/mine.npy"));
    for (out, file) in [("a", "squeeze.safetensors"), ("b", "plain.pt"), ("c", "script.pt")] {
        let output = project(here, out, file);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let record: Value =
            serde_json::from_slice(&std::fs::read(here.join(out).join("record.json")).unwrap()).unwrap();
        let name = format!("features of SqueezeNet 1.1 with LPIPS weights ({file})");
        assert_eq!(record["features"], name.as_str());
        assert_eq!(image(out).ok(), image("a").ok());
    }
    assert!(!here.join("written").exists());
}

#[test]
fn files_that_are_no_weights_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    place(here);
    std::os::unix::fs::symlink(".git/annex/objects/x", here.join("annexed.pt")).unwrap();
    for (name, bytes, says) in [
        ("absent.pt", None, "absent.pt"),
        ("annexed.pt", None, "git annex get"),
        ("empty.pt", Some(b"".as_slice()), "an empty file"),
        ("lfs.pt", Some(b"version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
        ("page.pth", Some(b"<html><body>404"), "a web page"),
        ("net.pt", Some(b"\x08\x07\x12\x07pytorch"), "an ONNX network"),
        ("picture.pt", Some(b"\x89PNG\r\n\x1a\n"), "a PNG picture"),
        ("text.pt", Some(b"weights"), "a file of an unknown kind"),
        ("zip.pt", Some(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "a zip archive without data.pkl"),
        ("dict.pt", Some(b"\x80\x02}."), "a pickle that holds a dict of 0"),
    ] {
        if let Some(bytes) = bytes {
            std::fs::write(here.join(name), bytes).unwrap();
        }
        let output = project(here, "out", name);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{name}: {said}");
        assert!(said.contains(says) && said.contains(name), "{name}: {said}");
    }
    let output = project(here, "out", "network.safetensors");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(3) && said.contains("tensors of no net that this program has"), "{said}");
}
