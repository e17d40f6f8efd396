//! Tensors from storages: bounds checked, put into row-major order, float32.

use tch::{Kind as Type, Tensor};

use super::budget::Budget;
use super::value::{Heap, Node, Strided, Value};
use crate::problem::{Kind, Problem, Result};

/// Sizes of a tensor; `None` for anything else.
pub fn shape<'h>(value: Value<'_>, heap: &'h Heap<'_>) -> Option<&'h [i64]> {
    match value {
        Value::Node(id) => match heap.node(id) {
            Node::Tensor(tensor) => Some(&tensor.size),
            _ => None,
        },
        _ => None,
    }
}

/// The tensor `value`, float32 on the CPU; `name` is for errors.
///
/// # Errors
/// No tensor, one that reaches outside its storage or repeats elements, integers, or values that are not finite.
pub fn read(name: &str, value: Value<'_>, heap: &Heap<'_>, budget: &mut Budget) -> Result<Tensor> {
    let wrong = |what: &str| Problem::new(Kind::Input, format!("{name} {what}"));
    let Value::Node(id) = value else { return Err(wrong("is no tensor")) };
    let Node::Tensor(tensor) = heap.node(id) else { return Err(wrong("is no tensor")) };
    let Value::Node(id) = tensor.storage else { return Err(wrong("has no storage")) };
    let Node::Storage(storage) = heap.node(id) else { return Err(wrong("has no storage")) };
    let kind = storage.element.kind();
    if !matches!(kind, Type::Half | Type::BFloat16 | Type::Float | Type::Double) {
        return Err(wrong(&format!("is of type {kind:?}")).expected("floating-point numbers"));
    }
    let available = storage.length / storage.element.size();
    let (first, last, count) = extent(tensor, available).ok_or_else(|| wrong("reaches outside its storage"))?;
    // Converting takes the elements twice for a moment, in their own type and as float32.
    budget.take(count.saturating_mul(Type::Float.elt_size_in_bytes()))?;
    let bytes = heap.bytes(storage.source).ok_or_else(|| wrong("has no storage"))?;
    let size = storage.element.size();
    let bytes = &bytes[storage.start..][first * size..last * size];
    strided(name, kind, tensor, bytes)
}

/// The tensor whose elements, from its first to its last in the storage, are `bytes`; float32 on the CPU.
///
/// # Errors
/// Values that are not finite.
pub fn strided(name: &str, kind: Type, tensor: &Strided<'_>, bytes: &[u8]) -> Result<Tensor> {
    let flat = Tensor::f_from_data_size(bytes, &[(bytes.len() / kind.elt_size_in_bytes()) as i64], kind)?;
    // Weights saved with channels last, as fp16 layers keep them, have their own order of strides.
    let strided = flat.f_as_strided(&tensor.size, &tensor.stride, 0)?;
    let values = strided.f_to_kind(Type::Float)?.f_contiguous()?;
    if values.isfinite().all().int64_value(&[]) == 0 {
        return Err(Problem::new(Kind::Input, format!("{name} holds NaN or infinite values")));
    }
    Ok(values)
}

/// First element, one past the last, and the number of elements; `None` where the storage has fewer than are
/// `available`.
pub fn extent(tensor: &Strided<'_>, available: usize) -> Option<(usize, usize, usize)> {
    let mut count: usize = 1;
    let mut end = tensor.offset;
    for (&size, &stride) in tensor.size.iter().zip(&tensor.stride) {
        let (size, stride) = (usize::try_from(size).ok()?, usize::try_from(stride).ok()?);
        count = count.checked_mul(size)?;
        end = end.checked_add(size.checked_sub(1)?.checked_mul(stride)?)?;
    }
    end = end.checked_add(1)?;
    // A stride of zero would make a large tensor of a single number.
    let span = end - tensor.offset;
    (end <= available && count <= span).then_some((tensor.offset, end, count))
}

#[cfg(test)]
mod tests {
    use super::super::globals::Element;
    use super::super::value::Storage;
    use super::*;

    fn tensor(offset: usize, size: &[i64], stride: &[i64]) -> Result<Vec<f32>> {
        let (mut heap, mut budget) = (Heap::default(), Budget::of_file(0));
        let bytes: &[u8] = &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0].map(f32::to_le_bytes).concat();
        let storage = Storage { element: Element::Float, source: Value::Bytes(bytes), start: 4, length: 20 };
        let storage = heap.add(Node::Storage(storage), &mut budget)?;
        let strided = Strided { storage, offset, size: size.to_vec(), stride: stride.to_vec() };
        let value = heap.add(Node::Tensor(Box::new(strided)), &mut budget)?;
        let tensor = read("weight", value, &heap, &mut budget)?;
        assert_eq!(tensor.size(), size);
        Ok(Vec::try_from(tensor.reshape([-1])).unwrap())
    }

    #[test]
    fn strides_are_followed_and_the_storage_is_not_left() {
        assert_eq!(tensor(1, &[2, 2], &[2, 1]).unwrap(), [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(tensor(0, &[2, 2], &[1, 2]).unwrap(), [2.0, 4.0, 3.0, 5.0]);
        assert_eq!(tensor(4, &[], &[]).unwrap(), [6.0]);
        for (offset, size, stride) in [
            (5, &[][..], &[][..]),
            (2, &[2, 2], &[2, 1]),
            (0, &[1 << 40], &[0]),
            (0, &[3, 3], &[1, 1]),
            (usize::MAX, &[2], &[i64::MAX]),
            (0, &[0], &[1]),
        ] {
            assert!(tensor(offset, size, stride).unwrap_err().to_string().contains("weight"), "{size:?}");
        }
    }
}
