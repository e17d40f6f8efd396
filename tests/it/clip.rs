//! CLIP's image encoder and CMMD against transformers, open_clip and jax (tests/fixtures/make_clip.py).

use std::collections::BTreeMap;
use std::path::Path;

use rimforge::evaluate::EvaluateConfig;
use rimforge::metrics::features::Features;
use rimforge::metrics::groups::Groups;
use rimforge::metrics::mmd::{Grouped, Kernel, Mmd};
use rimforge::nets::features::clip::names::{Form, Size, expected};
use rimforge::nets::network::Named;
use rimforge::nets::weights::write_tensors;
use rimforge::pickle::read_clip;
use rimforge::records::evaluate::Topic;
use rimforge::settings::Settings;
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

use crate::evaluate;
use crate::feature_files::{tensor, uniform};
use crate::parity::fixture;
use crate::place::read;

const SIZE: Size = Size { width: 128, patch: 4, grid: 4, layers: 2, out: 24 };

#[derive(Deserialize)]
struct Fixture {
    names: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    channels: i64,
    side: i64,
    width: i64,
    first: Vec<Vec<f64>>,
    second: Vec<Vec<f64>>,
    published: f64,
    unbiased: f64,
}

/// The script's weights by OpenAI's names.
fn weights() -> Named {
    let mut all = expected(Form::OpenAi, SIZE);
    all.sort();
    let names: Vec<&String> = all.iter().map(|(name, _)| name).collect();
    assert_eq!(names, read::<Fixture>(&fixture("clip.json")).names.iter().collect::<Vec<_>>());
    let fill = |(stream, (name, shape)): (usize, (String, Vec<i64>))| {
        let (offset, factor) = match (shape.len(), name.as_str()) {
            (1, name) if name.ends_with("weight") => (1.0, 0.2),
            (4, _) => (0.0, (3.0 / shape[1..].iter().product::<i64>() as f64).sqrt()),
            (2, "proj") => (0.0, (3.0 / shape[0] as f64).sqrt()),
            (2, name) if name != "positional_embedding" => (0.0, (3.0 / shape[1] as f64).sqrt()),
            _ => (0.0, 0.1),
        };
        let u = uniform(shape.iter().product(), stream as u32);
        let values: Vec<f64> = u.iter().map(|u| offset + factor * u).collect();
        (name, tensor(&values, &shape))
    };
    all.into_iter().enumerate().map(fill).collect()
}

/// The same by the names of transformers.
fn for_transformers(own: &Named) -> Named {
    let mut found = Named::new();
    for (name, tensor) in own {
        let name = name
            .replace("transformer.resblocks", "encoder.layers")
            .replace("ln_pre", "pre_layrnorm")
            .replace("ln_post", "post_layernorm")
            .replace("ln_", "layer_norm")
            .replace("mlp.c_fc", "mlp.fc1")
            .replace("mlp.c_proj", "mlp.fc2")
            .replace("attn.", "self_attn.");
        let name = match name.as_str() {
            "conv1.weight" => "embeddings.patch_embedding.weight".to_owned(),
            "class_embedding" => "embeddings.class_embedding".to_owned(),
            "positional_embedding" => "embeddings.position_embedding.weight".to_owned(),
            _ => name,
        };
        if name == "proj" {
            found.insert("visual_projection.weight".into(), tensor.tr().contiguous());
        } else if let Some((before, end)) = name.split_once("in_proj_") {
            for (part, values) in ["q", "k", "v"].iter().zip(tensor.chunk(3, 0)) {
                found.insert(format!("vision_model.{before}{part}_proj.{end}"), values.contiguous());
            }
        } else {
            found.insert(format!("vision_model.{name}"), tensor.shallow_clone());
        }
    }
    found
}

/// With what a file has beside the encoder.
fn written(path: &Path, encoder: Named) {
    let mut all = encoder;
    all.insert("positional_embedding".into(), tensor(&uniform(77 * 8, 1), &[77, 8]));
    all.insert("logit_scale".into(), tensor(&[4.6], &[1]));
    write_tensors(path, &all, "a test's").unwrap();
}

fn files(folder: &Path) -> [std::path::PathBuf; 2] {
    let paths = ["openai.safetensors", "transformers.safetensors"].map(|name| folder.join(name));
    let own = weights();
    let behind = |own: &Named| own.iter().map(|(name, of)| (format!("visual.{name}"), of.shallow_clone())).collect();
    written(&paths[0], behind(&own));
    written(&paths[1], for_transformers(&own));
    paths
}

fn images(count: i64, case: &Case, stream: u32, factor: f64) -> Tensor {
    let values = uniform(count * case.channels * case.side * case.width, stream);
    let values: Vec<f64> = values.iter().map(|value| value * factor).collect();
    tensor(&values, &[count, case.channels, case.side, case.width])
}

#[test]
fn embeddings_and_cmmd_are_those_of_the_packages() {
    let folder = tempfile::tempdir().unwrap();
    let fixture: Fixture = read(&fixture("clip.json"));
    for path in files(folder.path()) {
        let clip = read_clip(&path, Device::Cpu).unwrap();
        assert_eq!(clip.size(), SIZE);
        let mut all: Vec<f64> = Vec::new();
        for case in &fixture.cases {
            let sets = [images(6, case, 9000, 1.0), images(5, case, 9100, 0.5)];
            let found = sets.map(|images| clip.embeddings(&images).to_kind(Kind::Double));
            for (found, expected) in found.iter().zip([&case.first, &case.second]) {
                let flat: Vec<f64> = expected.concat();
                let expected = Tensor::from_slice(&flat).reshape(found.size());
                let apart = (found - expected).abs().amax([1i64].as_slice(), false);
                let apart: Vec<f64> = Vec::try_from(apart).unwrap();
                all.extend(apart);
            }
            let features = found.map(|rows| Features::new(&rows).unwrap());
            let groups = [6, 5].map(Groups::each_alone);
            let of = |at: usize| Grouped { features: &features[at], groups: &groups[at] };
            let distance = 1000.0 * Mmd::new(of(0), of(1), Kernel::Gaussian { sigma: 10.0 }).unwrap().value().unwrap();
            assert!((distance - case.unbiased).abs() < 5e-3, "{distance} for {}", case.unbiased);
            // The published code pairs each image with itself, too.
            let mean = |a: &Tensor, b: &Tensor| {
                let apart = (a.unsqueeze(1) - b.unsqueeze(0)).square().sum_dim_intlist(2, false, Kind::Double);
                (apart / -200.0).exp().mean(Kind::Double).double_value(&[])
            };
            let [x, y] = [features[0].tensor(), features[1].tensor()];
            let published = 1000.0 * (mean(x, x) + mean(y, y) - 2.0 * mean(x, y));
            assert!((published - case.published).abs() < 5e-3, "{published} for {}", case.published);
        }
        // In a pixel of some hundred Pillow's fixed point lies a level beside libtorch's; an image has 256 of them.
        let exact = all.iter().filter(|&&apart| apart < 1e-6).count();
        assert!(2 * exact > all.len() && all.iter().all(|&apart| apart < 2e-3), "{all:?}");
    }
}

/// Grey images are three equal colours, two channels two grey images.
#[test]
fn channels_are_seen_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let [path, _] = files(folder.path());
    let clip = read_clip(&path, Device::Cpu).unwrap();
    let grey = tensor(&uniform(2 * 64, 3), &[2, 1, 8, 8]);
    let other = tensor(&uniform(2 * 64, 4), &[2, 1, 8, 8]);
    let one = clip.embeddings(&grey);
    assert!(one.allclose(&clip.embeddings(&grey.repeat([1, 3, 1, 1])), 1e-5, 1e-6, false));
    let both = clip.embeddings(&Tensor::cat(&[&grey, &other], 1));
    assert_eq!((one.size(), both.size()), (vec![2, 24], vec![2, 48]));
    let length = one.square().sum_dim_intlist(1, false, Kind::Float);
    assert!(length.allclose(&Tensor::ones_like(&length), 1e-5, 1e-6, false));
    let first = both.narrow(1, 0, 24) * 2f64.sqrt();
    assert!(first.allclose(&one, 1e-4, 1e-5, false));
}

/// As a conversion that went wrong leaves it: the best score of all would be its.
#[test]
fn an_encoder_that_tells_no_images_apart_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    evaluate::data(&at("data"));
    evaluate::drawn(&at("like"), &at("data"), 40.0, 0.0);
    let common = ["--real", "data", "--synthetic", "like", "--draws", "40", "--clip", "blank.safetensors"];
    for (spoiled, value, says) in [
        ("proj", f64::NAN, "NaN or infinite"),
        ("conv1.weight", 0.0, "the same embedding for all images"),
        ("", 0.0, "the same embedding for all images"),
    ] {
        let own = weights().into_iter().map(|(name, of)| {
            let of = if name.starts_with(spoiled) { of.full_like(value) } else { of };
            (format!("visual.{name}"), of)
        });
        written(&at("blank.safetensors"), own.collect());
        let output = evaluate::evaluate(folder.path(), &[&common[..], &["--out", "out"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(3) && said.contains(says), "{spoiled}: {said}");
        assert!(said.contains("blank.safetensors"), "{said}");
    }
}

#[test]
fn evaluate_measures_with_a_file_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let [path, _] = files(folder.path());
    let at = |name: &str| folder.path().join(name);
    evaluate::data(&at("data"));
    evaluate::drawn(&at("like"), &at("data"), 40.0, 0.0);
    evaluate::drawn(&at("blurred"), &at("data"), 40.0, 2.0);
    let common =
        ["--real", "data", "--synthetic", "like", "--synthetic", "blurred", "--draws", "40", "--arms", "affine"];
    let record = |more: &[&str]| evaluate::record(folder.path(), &[&common[..], more].concat());
    let found = record(&["--out", "with", "--clip", path.to_str().unwrap()]);
    let named = &found.measures.iter().find(|measure| measure.key == "cmmd").unwrap().name;
    let weights = &rimforge::files::sha256(&path).unwrap()[..12];
    let clip = format!("CLIP ViT-128x2/4 of 16 px (weights sha256 {weights}..)");
    assert_eq!(*named, format!("kernel distance (Gaussian, sigma 10) x 1000, {clip}"));
    let of: BTreeMap<String, f64> = evaluate::values(&found, Topic::Sets, "cmmd").into_iter().collect();
    assert!(of["blurred"] > 4.0 * of["like"].abs(), "{of:?}");
    assert!(record(&["--out", "without"]).measures.iter().all(|measure| measure.key != "cmmd"));
    // A net of another kind is told.
    let config = EvaluateConfig { clip: Some(at("data/manifest.json")), ..EvaluateConfig::default() };
    assert!(config.check().unwrap_err().to_string().contains("evaluate.clip"));
    let problem = read_clip(&fixture("weights").join("state.zip.pt"), Device::Cpu).err().unwrap().to_string();
    assert!(problem.contains("none of which are CLIP's") && problem.contains("ViT-L-14-336px.pt"), "{problem}");
}
