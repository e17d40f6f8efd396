//! The networks against reference values of another implementation (`tests/fixtures/README.md` says where they come
//! from).

use std::collections::BTreeMap;
use std::path::PathBuf;

use rimforge::engine::fused;
use rimforge::latent::seeds::{RandomState, latents};
use rimforge::nets::layers::resample::{self, Resampling};
use rimforge::nets::network::Named;
use rimforge::nets::weights::{part, read_tensors, without_resample_filters};
use rimforge::nets::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, Network, Noise};
use rimforge::seed::RunSeed;
use tch::{Device, Kind, Tensor};

use crate::gpu;

const VALUES: f64 = 1e-4;
const GRADIENTS: f64 = 1e-3;

pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Every element within `tolerance` of the expected one, relative to it or to the tensor's root mean square.
pub fn assert_close(what: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(found.size(), expected.size(), "{what}: shape");
    let expected = expected.to_kind(Kind::Double);
    let scale = expected.abs() + expected.square().mean(Kind::Double).sqrt() + 1e-12;
    let error = ((found.to_kind(Kind::Double) - &expected).abs() / scale).max().double_value(&[]);
    println!("{what}: {error:.1e}");
    assert!(error <= tolerance, "{what}: relative error {error:.2e}, allowed {tolerance:.0e}");
}

struct Reference {
    generator: Generator,
    discriminator: Discriminator,
    expected: Named,
}

fn reference(name: &str, generator: GeneratorConfig, device: Device) -> Reference {
    let weights = read_tensors(fixture(&format!("{name}.weights.safetensors"))).unwrap().tensors;
    let expected = read_tensors(fixture(&format!("{name}.expected.safetensors"))).unwrap().tensors;
    let expected = expected.into_iter().map(|(name, tensor)| (name, tensor.to_device(device))).collect();
    let mut discriminator = Discriminator::new(&DiscriminatorConfig::matching(&generator), RunSeed(0), device).unwrap();
    let mut generator = Generator::new(&generator, RunSeed(0), device).unwrap();
    generator.load(&without_resample_filters(part("G.", &weights)).unwrap()).unwrap();
    discriminator.load(&without_resample_filters(part("D.", &weights)).unwrap()).unwrap();
    Reference { generator, discriminator, expected }
}

fn unconditional(device: Device) -> Reference {
    let sizes =
        GeneratorConfig { z_dim: 64, w_dim: 64, channel_base: 512, channel_max: 32, ..GeneratorConfig::small(32, 1) };
    reference("uncond_r32_c1", sizes, device)
}

fn conditional(device: Device) -> Reference {
    let small = GeneratorConfig::small(16, 3);
    let sizes = GeneratorConfig {
        z_dim: 32,
        w_dim: 48,
        c_dim: 2,
        channel_base: 256,
        channel_max: 32,
        mapping_layers: 3,
        ..small
    };
    reference("cond_r16_c3", sizes, device)
}

impl Reference {
    fn expected(&self, name: &str) -> &Tensor {
        &self.expected[name]
    }

    fn c(&self, rows: i64) -> Option<Tensor> {
        self.expected.get("c").filter(|c| c.numel() > 0).map(|c| c.narrow(0, 0, rows))
    }

    /// Gradients of `loss` for every parameter against `<phase>.grad.*`; a parameter without a reference gradient must
    /// get none.
    fn check_gradients(&self, phase: &str, network: &dyn Network, loss: &Tensor) {
        let parameters = network.parameters();
        let tensors: Vec<&Tensor> = parameters.iter().map(|(_, tensor)| tensor).collect();
        let gradients = Tensor::run_backward(&[loss], &tensors, false, false);
        let expected = part(&format!("{phase}.grad."), &self.expected);
        assert!(!expected.is_empty());
        let found: BTreeMap<_, _> = parameters.iter().map(|(name, _)| name.clone()).zip(gradients).collect();
        for name in expected.keys() {
            assert!(found.contains_key(name), "{phase}: no parameter {name}");
        }
        for (name, gradient) in &found {
            match expected.get(name) {
                Some(expected) if gradient.defined() => {
                    assert_close(&format!("{phase} {name}"), gradient, expected, GRADIENTS)
                }
                Some(expected) => {
                    assert_eq!(expected.abs().max().double_value(&[]), 0.0, "{phase} {name}: no gradient")
                }
                None => assert!(
                    !gradient.defined() || gradient.abs().max().double_value(&[]) == 0.0,
                    "{phase} {name}: a gradient where the reference has none"
                ),
            }
        }
    }

    fn check_values(&self) {
        let (g, d) = (&self.generator, &self.discriminator);
        let c = self.c(4);
        let ws = g.mapping.forward(self.expected("z"), c.as_ref());
        assert_close("ws", &ws, self.expected("ws"), VALUES);
        let truncated = g.mapping.truncate(&ws, 0.7, None);
        assert_close("ws psi 0.7", &truncated, self.expected("ws_psi0.7"), VALUES);
        assert_close("ws cutoff", &g.mapping.truncate(&ws, 0.5, Some(4)), self.expected("ws_psi0.5_cutoff4"), VALUES);
        let image = g.synthesis.forward(&ws, &Noise::Const);
        assert_close("image, constant noise", &image, self.expected("img_const"), VALUES);
        assert_close("image, no noise", &g.synthesis.forward(&ws, &Noise::None), self.expected("img_none"), VALUES);
        let image_truncated = g.synthesis.forward(&truncated, &Noise::Const);
        assert_close("image, truncated", &image_truncated, self.expected("img_const_psi0.7"), VALUES);
        let tensors = g.tensors();
        let map = |name: &String| tensors[&format!("synthesis.{name}.noise_const")].unsqueeze(0).unsqueeze(0);
        let given: Vec<Tensor> = g.synthesis.noise_shapes().iter().map(|(name, _)| map(name)).collect();
        assert_close("image, given noise", &g.synthesis.forward(&ws, &Noise::Given(&given)), &image, 1e-6);
        assert_close("logits", &d.forward(&image, c.as_ref()), self.expected("logits"), VALUES);
    }

    /// The loss gradient reaches the generator through the reference's own image: one pre-activation of the
    /// discriminator lies 1e-6 from the kink of the leaky ReLU there, and the rounding of ours would decide its side.
    fn check_gmain(&self) {
        let c = self.c(4);
        let image = self.generator.forward(self.expected("z"), c.as_ref(), &Noise::Const);
        let seen = self.expected("img_const").detach().set_requires_grad(true);
        let loss = (-self.discriminator.forward(&seen, c.as_ref())).softplus().mean(Kind::Float);
        assert_close("gmain", &loss, self.expected("gmain.loss"), VALUES);
        let slope = &Tensor::run_backward(&[loss], &[&seen], false, false)[0];
        self.check_gradients("gmain", &self.generator, &(image * slope).sum(Kind::Float));
    }

    fn check_path_length(&self) {
        let c = self.c(2);
        let ws = self.generator.mapping.forward(&self.expected("z").narrow(0, 0, 2), c.as_ref());
        let image = self.generator.synthesis.forward(&ws, &Noise::Const);
        let projected = (image * self.expected("pl.noise")).sum(Kind::Float);
        let gradient = &Tensor::run_backward(&[projected], &[&ws], true, true)[0];
        let lengths = gradient
            .square()
            .sum_dim_intlist([2].as_slice(), false, Kind::Float)
            .mean_dim([1].as_slice(), false, None)
            .sqrt();
        assert_close("path lengths", &lengths, self.expected("pl.lengths"), VALUES);
        let loss = ((&lengths - 0.5).square() * 2.0).mean(Kind::Float);
        assert_close("path length loss", &loss, self.expected("pl.loss"), VALUES);
        self.check_gradients("pl", &self.generator, &loss);
    }

    fn check_r1(&self) {
        let real = self.expected("real").detach().set_requires_grad(true);
        let logits = self.discriminator.forward(&real, self.c(4).as_ref());
        let gradient = &Tensor::run_backward(&[logits.sum(Kind::Float)], &[&real], true, true)[0];
        let penalty = gradient.square().sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Float);
        assert_close("r1 penalty", &penalty, self.expected("r1.penalty"), VALUES);
        let loss = (penalty * 0.5).mean(Kind::Float);
        assert_close("r1", &loss, self.expected("r1.loss_gamma1"), VALUES);
        self.check_gradients("r1", &self.discriminator, &loss);
    }

    fn check_dmain(&self) {
        let c = self.c(4);
        let loss = self.discriminator.forward(self.expected("img_const"), c.as_ref()).softplus().mean(Kind::Float)
            + (-self.discriminator.forward(self.expected("real"), c.as_ref())).softplus().mean(Kind::Float);
        assert_close("dmain", &loss, self.expected("dmain.loss"), VALUES);
        self.check_gradients("dmain", &self.discriminator, &loss);
    }
}

#[test]
fn the_unconditional_networks_give_the_reference_values() {
    unconditional(Device::Cpu).check_values();
}

#[test]
fn the_unconditional_networks_give_the_reference_gradients() {
    let reference = unconditional(Device::Cpu);
    reference.check_gmain();
    reference.check_dmain();
}

#[test]
fn the_unconditional_networks_give_the_reference_second_order_gradients() {
    let reference = unconditional(Device::Cpu);
    reference.check_path_length();
    reference.check_r1();
}

#[test]
fn the_conditional_networks_give_the_reference_values_and_gradients() {
    let reference = conditional(Device::Cpu);
    reference.check_values();
    reference.check_gmain();
    reference.check_dmain();
    reference.check_path_length();
    reference.check_r1();
}

#[test]
#[ignore = "needs a GPU"]
fn on_a_gpu_the_networks_give_the_reference_values_and_gradients() {
    let (_alone, engine) = gpu::card(true);
    for reference in [unconditional(engine.device), conditional(engine.device)] {
        reference.check_values();
        reference.check_gmain();
        reference.check_dmain();
        reference.check_path_length();
        reference.check_r1();
    }
}

#[test]
fn resampling_gives_the_reference_values() {
    let ops = read_tensors(fixture("ops.safetensors")).unwrap().tensors;
    let (x, w) = (&ops["x"], &ops["w"]);
    assert_close("filter", &resample::filter(x), &ops["f"], 1e-6);
    // Filtering without a change of size, padded by 2 before and 1 after: one row and column less than padded by 2.
    let [height, width] = [x.size()[2], x.size()[3]];
    let same = fused::low_pass(x, fused::Resample::Grow, 1.0).narrow(2, 0, height).narrow(3, 0, width);
    assert_close("low_pass", &same, &ops["filt"], VALUES);
    assert_close("upsample2", &resample::upsample2(x), &ops["up2"], VALUES);
    assert_close("downsample2", &resample::downsample2(x), &ops["down2"], VALUES);
    assert_close("conv_up2", &Resampling::Filter.conv_up2(x, w, 1.0), &ops["conv_up2"], VALUES);
    assert_close("conv_down2", &Resampling::Filter.conv_down2(x, w, 1.0), &ops["conv_down2"], VALUES);
}

#[test]
fn seeds_give_numpys_latents() {
    let file = std::fs::File::open(fixture("randomstate.npz")).unwrap();
    let mut archive = zip::ZipArchive::new(file).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert!(!names.is_empty());
    for name in names {
        let seed: u32 =
            name.trim_end_matches(".npy").trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        let array = npyz::NpyFile::new(archive.by_name(&name).unwrap()).unwrap();
        let expected: Vec<f64> = array.into_vec().unwrap();
        let mut state = RandomState::new(seed);
        for (i, value) in expected.iter().enumerate() {
            let found = state.normal();
            assert!((found - value).abs() <= 1e-14 * value.abs(), "seed {seed}, draw {i}: {found} is not {value}");
        }
    }
    let reference = unconditional(Device::Cpu);
    assert_close("z", &latents(&[0, 1, 2, 3], 64), reference.expected("z"), 1e-7);
}
