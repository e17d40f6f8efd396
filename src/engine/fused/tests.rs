//! Against plain operations of libtorch: values, first and second derivatives.

use tch::{Device, Kind};

use super::*;
use crate::engine::watch::PlainOperations;

const GAIN: f64 = 1.5;

const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

pub(super) fn varied(shape: &[i64], frequency: f64) -> Tensor {
    let count: i64 = shape.iter().product();
    (((Tensor::arange(count, OPTIONS) + 0.5) * frequency).sin() * 2.0).reshape(shape).set_requires_grad(true)
}

/// The same in plain operations.
fn plain(x: &Tensor, [scale, bias, noise, strength]: [&Tensor; 4], bound: f64) -> Tensor {
    let y = x * scale.unsqueeze(-1).unsqueeze(-1) + (bias.reshape([1, -1, 1, 1]) + noise * strength) * GAIN;
    y.maximum(&(&y * 0.2)).clamp(-bound, bound)
}

/// Within some roundings of the largest value.
fn close(found: &Tensor, expected: &Tensor) {
    let error = ((found - expected).abs().max() / (expected.abs().max() + 1e-6)).double_value(&[]);
    assert!(found.size() == expected.size() && error < 1e-5, "{error}");
}

#[test]
fn hand_checkable_values() {
    let x = Tensor::from_slice(&[1.0_f32, -1.0, 10.0, -50.0]).reshape([1, 1, 2, 2]);
    let y = activate(&x, Before::default(), Some(4.0));
    assert_eq!(Vec::<f32>::try_from(y.reshape([4])).unwrap(), [1.0, -0.2, 4.0, -4.0]);
    let y = scale_channels(&x, &Tensor::from_slice(&[3.0_f32]).reshape([1, 1]));
    assert_eq!(Vec::<f32>::try_from(y.reshape([4])).unwrap(), [3.0, -3.0, 30.0, -150.0]);
}

/// Compares two functions of `inputs`: values, gradients, and gradients of the gradients' squared norm.
pub(super) fn alike(inputs: &[&Tensor], found: impl Fn() -> Tensor, expected: impl Fn() -> Tensor) {
    close(&found(), &expected());
    let first = |y: Tensor, graph: bool| Tensor::run_backward(&[(&y * y.cos()).sum(Kind::Float)], inputs, graph, graph);
    let second = |gradients: Vec<Tensor>| {
        let penalty = gradients.iter().map(|g| g.square().sum(Kind::Float)).reduce(|a, b| a + b).unwrap();
        Tensor::run_backward(&[penalty], inputs, false, false)
    };
    let pairs = |found: Vec<Tensor>, expected: Vec<Tensor>| {
        found.iter().zip(&expected).for_each(|(found, expected)| close(found, expected));
    };
    pairs(first(found(), false), first(expected(), false));
    pairs(second(first(found(), true)), second(first(expected(), true)));
}

#[test]
fn an_activation_is_that_of_plain_operations() {
    // More channels than a register has lanes, and a few left over; more pixels than are summed in one piece.
    for (shared_noise, channels, side) in [(1, 19, 5), (2, 19, 5), (2, 3, 40), (1, 1, 6)] {
        let (x, scale) = (varied(&[2, channels, side, side], 0.7), varied(&[2, channels], 1.3));
        let (bias, noise) = (varied(&[channels], 2.1), varied(&[shared_noise, 1, side, side], 0.9));
        let strength = Tensor::from(0.3_f32).set_requires_grad(true);
        let before = || Before { scale: Some(&scale), bias: Some(&bias), noise: Some((&noise, &strength)), gain: GAIN };
        alike(
            &[&x, &scale, &bias, &noise, &strength],
            || scale_channels(&activate(&x, before(), Some(1.5)), &scale),
            || plain(&x, [&scale, &bias, &noise, &strength], 1.5) * scale.unsqueeze(-1).unsqueeze(-1),
        );
    }
}

#[test]
fn parts_of_an_activation_may_be_left_out() {
    let (x, bias) = (varied(&[2, 3, 4, 5], 0.7), varied(&[3], 2.1));
    let (noise, strength) = (varied(&[1, 1, 4, 5], 0.9), Tensor::from(0.3_f32).set_requires_grad(true));
    let slope = |y: Tensor| y.maximum(&(&y * 0.2));
    let found = || activate(&x, Before { bias: Some(&bias), ..Before::default() }, None);
    alike(&[&x, &bias], found, || slope(&x + bias.reshape([1, -1, 1, 1])));
    let found = || activate(&x, Before { noise: Some((&noise, &strength)), ..Before::default() }, None);
    alike(&[&x, &noise, &strength], found, || slope(&x + &noise * &strength));
}

#[test]
fn at_the_bound_the_derivative_is_zero_in_bfloat16_too() {
    // 181.0193 is rounded to 181 where it is stored.
    let x = Tensor::from_slice(&[1000.0_f32, 100.0, -1000.0]).reshape([1, 3, 1, 1]).to_kind(Kind::BFloat16);
    let x = x.set_requires_grad(true);
    let y = activate(&x, Before::default(), Some(256.0 * std::f64::consts::FRAC_1_SQRT_2));
    let gradient = Tensor::run_backward(&[y.sum(Kind::Float)], &[&x], false, false).remove(0);
    assert_eq!(Vec::<f32>::try_from(gradient.to_kind(Kind::Float).reshape([3])).unwrap()[..2], [0.0, 1.0]);
}

#[test]
fn odd_sides_are_halved_in_either_precision() {
    let x = varied(&[1, 4, 5, 5], 0.7).detach();
    let whole = low_pass(&x, Resample::Halve, 1.0);
    assert_eq!(whole.size(), [1, 4, 2, 2]);
    let low = low_pass(&x.to_kind(Kind::BFloat16), Resample::Halve, 1.0).to_kind(Kind::Float);
    assert!(low.allclose(&whole, 0.02, 0.02, false));
}

#[test]
fn convolutions_are_those_of_libtorch() {
    let (x, w) = (varied(&[2, 3, 7, 9], 0.7), varied(&[5, 3, 3, 3], 1.1));
    for (stride, padding) in [(1, 1), (2, 0)] {
        let libtorch = || {
            let (stride, padding) = ([stride, stride], [padding, padding]);
            x.conv2d(&(&w * GAIN), None::<Tensor>, stride, padding, [1, 1], 1)
        };
        alike(&[&x, &w], || convolution(&x, &w, GAIN, stride, padding), libtorch);
    }
    let w = varied(&[3, 5, 3, 3], 1.1);
    let libtorch = || x.conv_transpose2d(&(&w * GAIN), None::<Tensor>, [2, 2], [0, 0], [0, 0], 1, [1, 1]);
    alike(&[&x, &w], || transposed_convolution(&x, &w, GAIN, 2, 0), libtorch);
}

/// Enough channels and places for Winograd's tiles, which do not fill the image evenly; held to float64.
#[test]
fn convolutions_in_tiles_are_those_of_libtorch() {
    let (x, w) = (varied(&[6, 70, 13, 9], 0.7), varied(&[40, 70, 3, 3], 1.1));
    let exact = |tensor: &Tensor| tensor.detach().to_kind(Kind::Double).set_requires_grad(true);
    let (x64, w64) = (exact(&x), exact(&w));
    // Value, both gradients, and those of their squared norm: convolutions of each kind, by x and by w.
    let all = |y: Tensor, inputs: [&Tensor; 2]| {
        let first = Tensor::run_backward(&[(&y * y.sin()).mean(y.kind())], &inputs, true, true);
        let norm = (first[0].square().sum(y.kind()) + first[1].square().sum(y.kind())) * 1e3;
        let second = Tensor::run_backward(&[norm], &inputs, false, false);
        std::iter::once(y).chain(first).chain(second).collect::<Vec<_>>()
    };
    let scale = 0.05;
    let found = all(convolution(&x, &w, scale, 1, 1), [&x, &w]);
    let expected = all(x64.conv2d(&(&w64 * scale), None::<Tensor>, [1, 1], [1, 1], [1, 1], 1), [&x64, &w64]);
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let error = ((found - expected).abs().max() / expected.abs().max()).double_value(&[]);
        assert!(found.size() == expected.size() && error < 1e-4, "{at}: {error:.1e}");
    }
    // It is another way of computing, and can be done without.
    let direct = {
        let _plain = PlainOperations::enter();
        convolution(&x, &w, scale, 1, 1)
    };
    assert!(!direct.equal(&found[0]));
    // By hand: ones filtered by ones count the taps within the image, 4, 6 or 9 of them, for each channel.
    let counted = convolution(&Tensor::ones([8, 64, 6, 6], OPTIONS), &Tensor::ones([32, 64, 3, 3], OPTIONS), 1.0, 1, 1);
    for ((row, column), taps) in [((0, 0), 4.0), ((0, 3), 6.0), ((2, 3), 9.0), ((5, 5), 4.0), ((4, 4), 9.0)] {
        let value = counted.double_value(&[7, 31, row, column]);
        assert!((value - 64.0 * taps).abs() < 1e-2, "{row}, {column}: {value}");
    }
}

#[test]
fn a_linear_layer_is_a_matrix_product() {
    let (x, w, b) = (varied(&[4, 3], 0.7), varied(&[2, 3], 1.1), varied(&[2], 0.4));
    alike(&[&x, &w, &b], || linear(&x, &w, &b, 1.5, 0.5), || x.matmul(&w.tr()) * 1.5 + &b * 0.5);
}

#[test]
fn filtering_is_a_depthwise_convolution() {
    let taps = Tensor::from_slice(&[0.125_f32, 0.375, 0.375, 0.125]);
    for channels in [1, 20] {
        let x = varied(&[2, channels, 6, 8], 0.7);
        let kernel = taps.outer(&taps).expand([channels, 1, 4, 4], false) * 3.0;
        for (mode, stride, padding) in [(Resample::Grow, 1, 2), (Resample::Shrink, 1, 1), (Resample::Halve, 2, 1)] {
            let libtorch = || x.conv2d(&kernel, None::<Tensor>, [stride, stride], [padding, padding], [1, 1], channels);
            alike(&[&x], || low_pass(&x, mode, 3.0), libtorch);
        }
        let libtorch = || x.conv_transpose2d(&kernel, None::<Tensor>, [2, 2], [1, 1], [0, 0], channels, [1, 1]);
        alike(&[&x], || low_pass(&x, Resample::Double, 3.0), libtorch);
    }
}

#[test]
fn images_and_activations_are_mixed_pixel_by_pixel() {
    let (x, image) = (varied(&[2, 20, 3, 4], 0.7), varied(&[2, 2, 3, 4], 1.3));
    for kernels in [varied(&[2, 2, 20], 0.9), varied(&[1, 2, 20], 0.9)] {
        let flat = |t: &Tensor| t.flatten(2, -1);
        alike(&[&x, &kernels], || to_image(&x, &kernels), || kernels.matmul(&flat(&x)).reshape([2, 2, 3, 4]));
        let libtorch = || kernels.transpose(1, 2).matmul(&flat(&image)).reshape([2, 20, 3, 4]);
        alike(&[&image, &kernels], || from_image(&image, &kernels), libtorch);
    }
}

#[test]
fn bfloat16_is_float32_rounded() {
    let x = varied(&[2, 19, 6, 6], 0.7).detach().to_kind(Kind::BFloat16);
    let wide = x.to_kind(Kind::Float);
    let scale = varied(&[2, 19], 1.3);
    let cases: [&dyn Fn(&Tensor) -> Tensor; 3] = [
        &|x| activate(x, Before { scale: Some(&scale), ..Before::default() }, Some(1.5)),
        &|x| low_pass(x, Resample::Halve, 1.0),
        &|x| low_pass(x, Resample::Double, 4.0),
    ];
    for case in cases {
        let low = case(&x);
        assert_eq!(low.kind(), Kind::BFloat16);
        assert!(low.equal(&case(&wide).to_kind(Kind::BFloat16)));
    }
}

#[test]
fn what_is_not_a_number_stays_so() {
    for kind in [Kind::Float, Kind::BFloat16] {
        let x = Tensor::from_slice(&[f32::NAN; 20]).reshape([1, 20, 1, 1]).to_kind(kind);
        assert!(bool::try_from(activate(&x, Before::default(), Some(1.0)).isnan().all()).unwrap());
    }
}

#[test]
fn distances_between_features_are_those_of_plain_operations() {
    let (x, y) = (varied(&[2, 19, 3, 4], 0.7), varied(&[2, 19, 3, 4], 1.9).detach());
    let unit = |x: &Tensor| {
        let norm = (x.square().sum_dim_intlist([1i64].as_slice(), true, None) + 1e-10).sqrt();
        (x / norm / 12f64.sqrt()).permute([0, 2, 3, 1]).flatten(1, -1)
    };
    let target = unit(&y);
    close(&unit_features(&x), &unit(&x));
    let gradient =
        |distance: Tensor| Tensor::run_backward(&[(&distance * &distance).sum(Kind::Float)], &[&x], false, false);
    let found = squared_distance(&unit_features(&x), &target);
    let expected = (unit(&x) - &target).square().sum_dim_intlist([1i64].as_slice(), false, None);
    close(&found, &expected);
    close(&gradient(found)[0], &gradient(expected)[0]);
}

#[test]
fn adam_is_the_same_in_one_pass_and_in_many() {
    tch::manual_seed(3);
    let options = (Kind::Float, Device::Cpu);
    // More than one piece, and no multiple of the vectors' length.
    let start = Tensor::randn([40_003], options);
    let run = || {
        let (values, first, second) = (start.copy(), start.zeros_like(), start.zeros_like());
        let mut norms = Vec::new();
        for step in 1..4 {
            let gradient = (&start * f64::from(step)).sin();
            let rates = Tensor::from_slice(&[0.01 / (1.0 - 0.9f32.powi(step)), (1.0 - 0.99f32.powi(step)).sqrt()]);
            let state = AdamState { values: &values, moments: [&first, &second] };
            norms.push(adam(state, &gradient, &rates, (0.9, 0.99), 1e-8).double_value(&[]));
            let expected = gradient.to_kind(Kind::Double).square().sum(Kind::Double).double_value(&[]);
            approx::assert_relative_eq!(norms[norms.len() - 1], expected, max_relative = 1e-6);
        }
        [values, first, second]
    };
    let fused = run();
    let plain = {
        let _plain = PlainOperations::enter();
        run()
    };
    for (fused, plain) in fused.iter().zip(&plain) {
        assert!((fused - plain).abs().max().double_value(&[]) < 1e-6);
    }
    assert!((&fused[0] - &start).abs().max().double_value(&[]) > 0.02);
}
