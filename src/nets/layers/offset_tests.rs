//! Offsets of kernels against layers whose kernels are what the offsets make of them, image by image.

use tch::{Device, Kind, Tensor};

use super::super::offset::Offset;
use super::super::resample::Resampling;
use super::{StyledConv, StyledShape};
use crate::nets::network::Init;
use crate::seed::RunSeed;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);
const IMAGES: i64 = 3;
const INPUTS: i64 = 6;
const OUTPUTS: i64 = 5;
const WAYS: [Option<Resampling>; 3] = [None, Some(Resampling::Filter), Some(Resampling::Transposed)];

fn layer(double: Option<Resampling>) -> StyledConv {
    let resolution = if double.is_some() { 16 } else { 8 };
    let shape = StyledShape { inputs: INPUTS, outputs: OUTPUTS, w_dim: 4, resolution, dimensions: 2, double };
    StyledConv::new(&Init::new(RunSeed(1), Device::Cpu, "layer"), shape, None)
}

fn draw(size: &[i64], seed: u64) -> Tensor {
    Init::new(RunSeed(seed), Device::Cpu, "draw").normal_buffer("x", size)
}

fn inputs() -> (Tensor, Tensor) {
    (draw(&[IMAGES, INPUTS, 8, 8], 2), draw(&[IMAGES, 4], 3))
}

fn low_rank(rank: i64, seed: u64) -> Offset {
    Offset::LowRank {
        outputs: draw(&[IMAGES, OUTPUTS, rank], seed) * 0.3,
        inputs: draw(&[IMAGES, rank, INPUTS], seed + 100) * 0.5,
    }
}

fn largest(difference: Tensor) -> f64 {
    difference.abs().max().double_value(&[])
}

/// Each image by itself through a layer whose stored kernel is W (1 + delta).
fn one_by_one(layer: &StyledConv, delta: &Tensor, double: Option<Resampling>) -> Tensor {
    let (x, w) = inputs();
    let image = |at: i64| {
        let own = self::layer(double);
        let factor = (delta.get(at) + 1.0).unsqueeze(2).unsqueeze(3);
        tch::no_grad(|| own.weight.shallow_clone().copy_(&(&layer.weight * factor)));
        own.forward(&x.narrow(0, at, 1), &w.narrow(0, at, 1), None)
    };
    Tensor::cat(&(0..IMAGES).map(image).collect::<Vec<_>>(), 0)
}

#[test]
fn an_offset_of_zero_changes_no_bit() {
    let (x, w) = inputs();
    for double in WAYS {
        let layer = layer(double);
        let plain = layer.forward(&x, &w, None);
        let zeros = |size: &[i64]| Tensor::zeros(size, FLOAT);
        let dense = Offset::Dense(zeros(&[IMAGES, OUTPUTS, INPUTS]));
        let one_side = Offset::LowRank { outputs: zeros(&[IMAGES, OUTPUTS, 2]), inputs: draw(&[IMAGES, 2, INPUTS], 4) };
        for offset in [dense, one_side] {
            assert!(layer.forward_with(&x, &w, None, Some(&offset)).equal(&plain), "{double:?} {offset:?}");
        }
    }
}

#[test]
fn an_offset_of_the_output_channel_alone_changes_nothing() {
    let (x, w) = inputs();
    for double in WAYS {
        let layer = layer(double);
        let plain = layer.forward(&x, &w, None);
        let constant = (draw(&[IMAGES, OUTPUTS, 1], 5) * 0.3).clamp(-0.8, 2.0);
        let dense = Offset::Dense(constant.repeat([1, 1, INPUTS]));
        let factors = Offset::LowRank { outputs: constant, inputs: Tensor::ones([IMAGES, 1, INPUTS], FLOAT) };
        for offset in [dense, factors] {
            let error = largest(layer.forward_with(&x, &w, None, Some(&offset)) - &plain);
            assert!(error < 1e-5, "{double:?} {error}");
        }
    }
}

#[test]
fn both_ways_agree_with_kernels_of_each_images_own() {
    let (x, w) = inputs();
    for double in WAYS {
        let layer = layer(double);
        for rank in [1, 2, 4] {
            let factors = low_rank(rank, 6);
            let delta = factors.dense();
            let expected = one_by_one(&layer, &delta, double);
            assert!(largest(&expected - layer.forward(&x, &w, None)) > 0.01, "an offset that matters");
            for offset in [factors, Offset::Dense(delta)] {
                let error = largest(layer.forward_with(&x, &w, None, Some(&offset)) - &expected);
                assert!(error < 1e-4, "{double:?} rank {rank}: {error}");
            }
        }
    }
}

/// By hand: two inputs, styles 1, kernel (3, 4) in the middle tap: energy 25. With delta (1, 0): (6, 4), energy 52.
#[test]
fn the_demodulation_is_of_the_kernel_with_its_offset() {
    let weight = Tensor::from_slice(&[3.0_f32, 4.0]).view([1, 2, 1, 1]);
    let styles = Tensor::ones([1, 2], FLOAT);
    let delta = Offset::Dense(Tensor::from_slice(&[1.0_f32, 0.0]).view([1, 1, 2]));
    let plain = super::demodulation(&weight, &styles, None).double_value(&[0, 0]);
    let offset = super::demodulation(&weight, &styles, Some(&delta)).double_value(&[0, 0]);
    assert!((plain - 0.2).abs() < 1e-6 && (offset - 52f64.powf(-0.5)).abs() < 1e-6, "{plain} {offset}");
}

#[test]
fn sums_of_passes_are_the_sums_of_their_deltas() {
    let (a, b) = (low_rank(2, 7), low_rank(1, 8));
    let dense = Offset::Dense(b.dense());
    for sum in [a.plus(&b), a.plus(&dense), dense.plus(&a)] {
        assert!(largest(sum.dense() - a.dense() - b.dense()) < 1e-6);
    }
    assert!(matches!(a.plus(&b), Offset::LowRank { inputs, .. } if inputs.size() == [IMAGES, 3, INPUTS]));
    let second = a.of(&Tensor::from_slice(&[1i64]));
    assert!(second.dense().equal(&a.dense().narrow(0, 1, 1)));
    let both = Offset::of_all([&second, &a]).dense();
    assert!(both.equal(&Tensor::cat(&[second.dense(), a.dense()], 0)));
}

#[test]
fn gradients_reach_the_offsets_both_ways() {
    let (x, w) = inputs();
    let layer = layer(Some(Resampling::Filter));
    let leaf = |tensor: Tensor| tensor.set_requires_grad(true);
    let (outputs, inputs) = (leaf(draw(&[IMAGES, OUTPUTS, 2], 9) * 0.3), leaf(draw(&[IMAGES, 2, INPUTS], 10) * 0.3));
    let loss = |offset: &Offset| layer.forward_with(&x, &w, None, Some(offset)).square().mean(Kind::Float);
    let factors = Offset::LowRank { outputs: outputs.shallow_clone(), inputs: inputs.shallow_clone() };
    let low = Tensor::run_backward(&[loss(&factors)], &[&outputs, &inputs], false, false);
    let high = Tensor::run_backward(&[loss(&Offset::Dense(factors.dense()))], &[&outputs, &inputs], false, false);
    for (low, high) in low.iter().zip(&high) {
        assert!(largest(low - high) < 1e-5 && largest(low.shallow_clone()) > 1e-4);
    }
}
