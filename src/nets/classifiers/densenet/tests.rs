use std::collections::BTreeMap;

use super::*;
use crate::nets::fixture::Array;

#[derive(serde::Deserialize)]
struct Reference {
    names: Vec<String>,
    parameters: [[u64; 2]; 3],
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    small: bool,
    side: usize,
    imagenet: bool,
    evaluated: Array,
    last_maps: Array,
    trained: Array,
    running_mean: Array,
    running_var: Array,
}

/// tests/fixtures/make_densenet.py: torchvision's DenseNet.
fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../tests/fixtures/densenet.json")).unwrap()
}

fn sines(shape: &[i64], phase: f64) -> Tensor {
    let count: i64 = shape.iter().product();
    let one = |i: i64| (0.7 * i as f64 * (1.0 + 0.01 * (i % 7) as f64) + phase).sin();
    Tensor::from_slice(&(0..count).map(one).collect::<Vec<f64>>()).reshape(shape)
}

/// The weights of the script's formula.
fn weights(network: &Densenet) -> Named {
    let tensors = network.tensors();
    let names = tensors.keys().filter(|name| !OWN.contains(&name.as_str()));
    let mut values: Named = names
        .enumerate()
        .map(|(place, name)| {
            let shape = tensors[name].size();
            let wave = sines(&shape, 1.3 * place as f64);
            let value = match name.as_str() {
                _ if shape.len() == 4 => wave * (4.0 / shape[1..].iter().product::<i64>() as f64).sqrt(),
                "classifier.weight" => wave * 0.3,
                "classifier.bias" => wave,
                name if name.ends_with("running_mean") => wave * 0.1,
                name if name.ends_with("running_var") => wave * 0.3 + 1.0,
                name => wave * 0.2 + f64::from(u8::from(name.ends_with("weight"))),
            };
            (name.clone(), value.to_kind(Kind::Float))
        })
        .collect();
    OWN.iter().for_each(|own| _ = values.insert((*own).into(), tensors[*own].shallow_clone()));
    values
}

fn small(stem: Stem) -> DensenetConfig {
    DensenetConfig::small(3, stem).of_classes(7)
}

fn built(config: &DensenetConfig) -> Densenet {
    let mut network = Densenet::new(config, RunSeed(1), Device::Cpu);
    let weights = weights(&network);
    network.load(&weights).unwrap();
    network
}

fn furthest(one: &Tensor, other: &Tensor) -> f64 {
    assert_eq!(one.size(), other.size());
    f64::try_from((one - other).abs().max()).unwrap()
}

#[test]
fn it_computes_what_torchvisions_does() {
    let reference = reference();
    assert_eq!(reference.cases.len(), 3);
    for case in reference.cases {
        let stem = if case.small { Stem::Small } else { Stem::Full };
        let start = case.imagenet.then_some(Start([0; 32]));
        let network = built(&DensenetConfig { start, ..small(stem) });
        let own: Vec<String> = network.tensors().into_keys().filter(|name| !OWN.contains(&name.as_str())).collect();
        assert_eq!(own, reference.names);
        let x = sines(&[3, 3, case.side as i64, case.side as i64], 0.2).to_kind(Kind::Float);
        let scale = f64::try_from(case.evaluated.tensor().abs().max()).unwrap();
        assert!(furthest(&network.forward(&x, Mode::Evaluate), &case.evaluated.tensor()) < 1e-4 * scale);
        let last = network.features(&x, network.layers().len() - 1).narrow(0, 0, 1);
        assert!(furthest(&last, &case.last_maps.tensor()) < 1e-4);
        let scale = f64::try_from(case.trained.tensor().abs().max()).unwrap();
        assert!(furthest(&network.forward(&x, Mode::Train), &case.trained.tensor()) < 1e-3 * scale);
        let tensors = network.tensors();
        assert!(furthest(&tensors["features.norm5.running_mean"], &case.running_mean.tensor()) < 1e-4);
        assert!(furthest(&tensors["features.norm5.running_var"], &case.running_var.tensor()) < 1e-4);
    }
}

#[test]
fn the_published_networks_have_the_published_numbers_of_parameters() {
    let blocks = [[6, 12, 24, 16], [6, 12, 32, 32], [6, 12, 48, 32]];
    let published = [[7_978_856, 6_961_031], [14_149_480, 12_496_135], [20_013_928, 18_106_375]];
    assert_eq!(reference().parameters, published);
    for (blocks, [thousand, seven]) in blocks.into_iter().zip(published) {
        let config = DensenetConfig::published(blocks, 3, Stem::Small);
        // The head of seven classes is smaller by what 993 classes take; built once, as it takes a while.
        let network = Densenet::new(&config.of_classes(7), RunSeed(0), Device::Cpu);
        assert_eq!(network.parameter_count(), seven, "{}", config.title());
        assert_eq!(seven + 993 * (config.features() as u64 + 1), thousand, "{}", config.title());
        assert_eq!(DensenetConfig::of(&network.tensors()), Some(config.of_classes(7)));
    }
}

#[test]
fn a_batch_does_not_know_of_what_stands_beside_it() {
    let of = |x: &Tensor, beside: Option<&Tensor>| {
        let network = built(&small(Stem::Small));
        let logits = match beside {
            None => network.forward(x, Mode::Train),
            Some(beside) => network.forward_beside(x, beside).0,
        };
        (logits, network.tensors())
    };
    let x = sines(&[4, 3, 16, 16], 0.4).to_kind(Kind::Float);
    let beside = sines(&[3, 3, 16, 16], 2.0).to_kind(Kind::Float);
    let (alone, tensors) = of(&x, None);
    let (with, others) = of(&x, Some(&beside));
    assert!(alone.equal(&with));
    assert!(tensors.iter().all(|(name, tensor)| tensor.equal(&others[name])));
    // What stands beside is as the batch itself where it is the batch.
    let network = built(&small(Stem::Small));
    let (own, same) = network.forward_beside(&x, &x);
    assert!(furthest(&own, &same) < 1e-3);
}

#[test]
fn layers_follow_each_other_and_the_map_is_the_logits_difference() {
    for (stem, side, places) in [(Stem::Small, 16, 2), (Stem::Full, 64, 2)] {
        let network = built(&small(stem));
        let x = sines(&[2, 3, side, side], 1.0).to_kind(Kind::Float);
        let logits = network.forward(&x, Mode::Evaluate);
        let layers = network.layers();
        assert_eq!((layers.len(), layers[2].as_str(), layers[10].as_str()), (11, "features.denseblock1", HEAD));
        for count in 1..layers.len() {
            assert!(furthest(&network.logits_of(&network.features(&x, count), count), &logits) < 1e-4);
        }
        let names = network.tensors().into_keys().filter(|name| !OWN.contains(&name.as_str()));
        let owned = |name: &String| layers.iter().filter(|layer| name.starts_with(&format!("{layer}."))).count();
        assert!(names.into_iter().all(|name| owned(&name) == 1));
        let map = network.activation(&x, 3);
        assert_eq!(map.size(), [2, places, places]);
        let mean = map.mean_dim([1i64, 2].as_slice(), false, Kind::Float);
        let others = (logits.sum_dim_intlist(1, false, Kind::Float) - logits.select(1, 3)) / 6.0;
        assert!(furthest(&mean, &(logits.select(1, 3) - others)) < 1e-3);
    }
}

#[test]
fn a_file_tells_its_shape_stem_included() {
    for stem in [Stem::Small, Stem::Full] {
        for config in [small(stem), DensenetConfig { blocks: [1, 3, 2, 1], growth: 4, ..small(stem) }] {
            let network = Densenet::new(&config, RunSeed(0), Device::Cpu);
            assert_eq!(DensenetConfig::of(&network.tensors()), Some(config));
        }
    }
    let tensors = |gone: &str| -> Named {
        let all = Densenet::new(&small(Stem::Small), RunSeed(0), Device::Cpu).tensors();
        all.into_iter().filter(|(name, _)| name != gone).collect()
    };
    assert_eq!(DensenetConfig::of(&tensors("stem.stride")), None);
    assert_eq!(DensenetConfig::of(&tensors("features.conv0.weight")), None);
    assert_eq!(DensenetConfig::of(&BTreeMap::new()), None);
    let [first, second] = [1, 2].map(|seed| Densenet::new(&small(Stem::Small), RunSeed(seed), Device::Cpu).tensors());
    assert!(
        !first["features.denseblock4.denselayer2.conv2.weight"]
            .equal(&second["features.denseblock4.denselayer2.conv2.weight"])
    );
    assert_eq!((Stem::for_side(64), Stem::for_side(128)), (Stem::Small, Stem::Full));
}
