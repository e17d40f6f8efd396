//! Networks of `assets/` as `scripts/pack_base.py` packs them: a safetensors file of bytes, of each weight's bfloat16
//! the high byte in `NAME/high` and the low one in `NAME/low`, all high ones first. High bytes of weights pack well and
//! low ones do not, and in turn neither would.

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use tch::{Device, Tensor};

use crate::digest;
use crate::nets::network::Named;
use crate::nets::weights::{self, SavedNetwork};
use crate::problem::{Kind, Problem, Result};

const HIGH: &str = "/high";
const LOW: &str = "/low";

/// The network in `bytes`, in float32.
///
/// # Errors
/// `Kind::Internal`: bytes that are no packed network; those that are asked for come with the program.
pub fn network(bytes: &[u8], device: Device) -> Result<SavedNetwork> {
    let foreign = |found: String| Problem::new(Kind::Internal, format!("no packed network: {found}"));
    let file = SafeTensors::deserialize(bytes).map_err(|error| foreign(error.to_string()))?;
    let mut tensors = Named::new();
    for (name, high) in file.iter() {
        if name.ends_with(LOW) {
            continue;
        }
        let name = name.strip_suffix(HIGH).ok_or_else(|| foreign(format!("{name} without {HIGH}")))?;
        let low = file.tensor(&format!("{name}{LOW}")).map_err(|error| foreign(error.to_string()))?;
        let tensor = joined(&high, &low).ok_or_else(|| foreign(format!("{name} of two kinds")))?;
        tensors.insert(name.to_owned(), tensor);
    }
    weights::network_of(weights::description(bytes)?, &tensors, digest::sha256(bytes), device)
}

/// Float32 of the two bytes of each bfloat16; `None` where they are not alike.
fn joined(high: &TensorView<'_>, low: &TensorView<'_>) -> Option<Tensor> {
    let alike = high.shape() == low.shape() && [high, low].iter().all(|bytes| bytes.dtype() == Dtype::U8);
    let value = |(high, low): (&u8, &u8)| f32::from_bits(u32::from_be_bytes([*high, *low, 0, 0]));
    let values: Vec<f32> = high.data().iter().zip(low.data()).map(value).collect();
    let shape: Vec<i64> = high.shape().iter().map(|&side| side as i64).collect();
    alike.then(|| Tensor::from_slice(&values).reshape(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 is 0x3F80 in bfloat16, -2 is 0xC000, and 0x3FC0 is 1.5.
    #[test]
    fn bytes_by_hand() {
        let view = |bytes: &'static [u8]| TensorView::new(Dtype::U8, vec![3, 1], bytes).unwrap();
        let joined = joined(&view(&[0x3F, 0xC0, 0x3F]), &view(&[0x80, 0x00, 0xC0])).unwrap();
        assert_eq!(joined.size(), [3, 1]);
        assert_eq!(Vec::<f32>::try_from(joined.reshape([-1])).unwrap(), [1.0, -2.0, 1.5]);
    }

    #[test]
    fn what_is_no_packed_network_is_refused() {
        let problem = network(b"not a network", Device::Cpu).unwrap_err();
        assert!(problem.to_string().contains("no packed network"), "{problem}");
    }
}
