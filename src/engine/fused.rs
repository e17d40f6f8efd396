//! Operations that libtorch would make in many passes over memory, in one; differentiable twice.

use std::ffi::c_void;

use tch::Tensor;

use super::ffi;

/// What [`activate`] does before the leaky ReLU.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before<'a> {
    /// Factor for each image and channel \[N, C\].
    pub scale: Option<&'a Tensor>,
    /// \[C\].
    pub bias: Option<&'a Tensor>,
    /// Map \[1 or N, 1, H, W\] and its strength \[\].
    pub noise: Option<(&'a Tensor, &'a Tensor)>,
}

/// clamp(lrelu(x scale + bias + noise strength)) with slope 0.2; x \[N, C, H, W\].
pub fn activate(x: &Tensor, before: Before<'_>, bound: Option<f64>) -> Tensor {
    let (noise, strength) = before.noise.unzip();
    // SAFETY: every pointer is null or a live tensor's; the shim copies the handles and keeps none.
    let result = unsafe {
        ffi::rf_styled_activation(
            handle(Some(x)),
            handle(before.scale),
            handle(before.bias),
            handle(noise),
            handle(strength),
            bound.unwrap_or(f64::INFINITY),
        )
    };
    own(result, x)
}

/// Each channel of each image of x \[N, C, H, W\] times its factor \[N, C\].
pub fn scale_channels(x: &Tensor, scale: &Tensor) -> Tensor {
    // SAFETY: both pointers are live tensors'; the shim copies the handles and keeps none.
    let result = unsafe { ffi::rf_scale_channels(handle(Some(x)), handle(Some(scale))) };
    own(result, x)
}

fn handle(tensor: Option<&Tensor>) -> *const c_void {
    tensor.map_or(std::ptr::null(), |tensor| tensor.as_ptr().cast())
}

/// Takes over a tensor that the shim made. A failure means shapes that do not fit: our bug, as in any plain operation.
fn own(result: *mut c_void, x: &Tensor) -> Tensor {
    if result.is_null() {
        // SAFETY: a query without arguments.
        panic!("on a tensor of shape {:?}: {}", x.size(), unsafe { ffi::text(ffi::rf_last_error()) });
    }
    // SAFETY: the shim handed over a new tensor, which nothing else owns.
    unsafe { Tensor::from_ptr(result.cast()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn varied(shape: &[i64], frequency: f64) -> Tensor {
        let count: i64 = shape.iter().product();
        (((Tensor::arange(count, OPTIONS) + 0.5) * frequency).sin() * 2.0).reshape(shape).set_requires_grad(true)
    }

    /// The same in plain operations.
    fn plain(x: &Tensor, [scale, bias, noise, strength]: [&Tensor; 4], bound: f64) -> Tensor {
        let y = x * scale.unsqueeze(-1).unsqueeze(-1) + bias.reshape([1, -1, 1, 1]) + noise * strength;
        y.maximum(&(&y * 0.2)).clamp(-bound, bound)
    }

    fn close(found: &Tensor, expected: &Tensor) {
        assert!(found.allclose(expected, 1e-4, 1e-4, false), "{:?}", (found - expected).abs().max());
    }

    #[test]
    fn hand_checkable_values() {
        let x = Tensor::from_slice(&[1.0_f32, -1.0, 10.0, -50.0]).reshape([1, 1, 2, 2]);
        let y = activate(&x, Before::default(), Some(4.0));
        assert_eq!(Vec::<f32>::try_from(y.reshape([4])).unwrap(), [1.0, -0.2, 4.0, -4.0]);
        let y = scale_channels(&x, &Tensor::from_slice(&[3.0_f32]).reshape([1, 1]));
        assert_eq!(Vec::<f32>::try_from(y.reshape([4])).unwrap(), [3.0, -3.0, 30.0, -150.0]);
    }

    #[test]
    fn first_and_second_derivatives_are_those_of_plain_operations() {
        for shared_noise in [1, 2] {
            let (x, scale, bias) = (varied(&[2, 3, 4, 5], 0.7), varied(&[2, 3], 1.3), varied(&[3], 2.1));
            let (noise, strength) = (varied(&[shared_noise, 1, 4, 5], 0.9), varied(&[], 0.0));
            let strength = (strength.detach() + 0.3).set_requires_grad(true);
            let inputs = [&x, &scale, &bias, &noise, &strength];
            let fused = |x: &Tensor| {
                let before = Before { scale: Some(&scale), bias: Some(&bias), noise: Some((&noise, &strength)) };
                scale_channels(&activate(x, before, Some(1.5)), &scale)
            };
            let reference =
                |x: &Tensor| plain(x, [&scale, &bias, &noise, &strength], 1.5) * scale.unsqueeze(-1).unsqueeze(-1);
            close(&fused(&x), &reference(&x));
            let first = |y: Tensor, graph: bool| {
                Tensor::run_backward(&[(&y * y.cos()).sum(Kind::Float)], &inputs, graph, graph)
            };
            let (found, expected) = (first(fused(&x), false), first(reference(&x), false));
            found.iter().zip(&expected).for_each(|(found, expected)| close(found, expected));
            let second = |gradients: Vec<Tensor>| {
                let penalty = gradients.iter().map(|g| g.square().sum(Kind::Float)).reduce(|a, b| a + b).unwrap();
                Tensor::run_backward(&[penalty], &inputs, false, false)
            };
            let (found, expected) = (second(first(fused(&x), true)), second(first(reference(&x), true)));
            found.iter().zip(&expected).for_each(|(found, expected)| close(found, expected));
        }
    }
}
