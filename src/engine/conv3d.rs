//! Whether convolutions of volumes can be trusted in low precision here: releases of libtorch and of what it calls had
//! faults in bfloat16 alone, e.g. at an output of one voxel with a stride (pytorch issue 169688) or on some versions of
//! cuDNN (issue 163539). It is computed once at the start, not looked up.

use tch::{Device, Kind, Tensor};

use super::fused;
use super::precision::Precision;

/// Largest difference to float32 as a share of the largest value: bfloat16 has 8 bits of mantissa, float16 10.
const TOLERANCE: f64 = 0.03;

/// Side, stride and padding: an output of one voxel, a stride, and an ordinary layer.
const SHAPES: [(i64, i64, i64); 3] = [(3, 2, 0), (9, 2, 0), (8, 1, 1)];

/// `chosen` where convolutions of volumes [N, C, D, H, W] on `device`, and their gradients, agree with float32; else
/// float32 and what was found, for a person to read.
pub fn for_volumes(chosen: Precision, device: Device) -> (Precision, Option<String>) {
    let kind = match chosen {
        Precision::Bfloat16 => Kind::BFloat16,
        Precision::Float16 => Kind::Half,
        Precision::Auto | Precision::Float32 | Precision::Tf32 => return (chosen, None),
    };
    let faults = SHAPES.iter().filter_map(|&shape| fault(kind, device, shape));
    match faults.max_by(f64::total_cmp) {
        None => (chosen, None),
        Some(away) => {
            let name = chosen.name();
            let told = format!(
                "convolutions of volumes in {name} differ from float32 by up to {:.0} % on this machine; going on in float32",
                100.0 * away
            );
            (Precision::Float32, Some(told))
        }
    }
}

/// How far the result or a gradient is away, where it is too far.
fn fault(kind: Kind, device: Device, (side, stride, padding): (i64, i64, i64)) -> Option<f64> {
    let wave = |shape: &[i64], step: f64| {
        let count = shape.iter().product::<i64>();
        (Tensor::arange(count, (Kind::Float, device)) * step).sin().reshape(shape)
    };
    // Rounded alike, so that only the arithmetic differs.
    let x = wave(&[2, 16, side, side, side], 0.7).to_kind(kind);
    let weight = wave(&[16, 16, 3, 3, 3], 1.3).to_kind(kind).to_kind(Kind::Float);
    let of = |kind: Kind| {
        let (x, weight) = (x.to_kind(kind).set_requires_grad(true), weight.copy().set_requires_grad(true));
        let y = fused::convolution(&x, &weight, 1.0, stride, padding);
        let along = wave(&y.size(), 0.3);
        let gradients =
            Tensor::run_backward(&[(y.to_kind(Kind::Float) * along).sum(Kind::Float)], &[&x, &weight], false, false);
        std::iter::once(y.detach()).chain(gradients).map(|tensor| tensor.to_kind(Kind::Double)).collect::<Vec<_>>()
    };
    let (low, full) = (of(kind), of(Kind::Float));
    let away = low.iter().zip(&full).map(|(found, expected)| {
        (found - expected).abs().max().double_value(&[]) / expected.abs().max().double_value(&[])
    });
    let away = away.fold(0.0, |most: f64, away| if away.is_nan() { f64::INFINITY } else { most.max(away) });
    (away > TOLERANCE).then_some(away)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_precision_is_not_asked_about() {
        for precision in [Precision::Float32, Precision::Auto] {
            assert_eq!(for_volumes(precision, Device::Cpu), (precision, None));
        }
    }

    /// Either it agrees, or it is told.
    #[test]
    fn low_precision_is_taken_where_it_agrees() {
        let (taken, told) = for_volumes(Precision::Bfloat16, Device::Cpu);
        assert_eq!(taken == Precision::Float32, told.is_some(), "{told:?}");
        assert!(SHAPES.iter().all(|&shape| fault(Kind::Float, Device::Cpu, shape).is_none()));
    }
}
