//! What the allowed names do with their arguments: they make inert values, checked for shape and type.

use super::budget::Budget;
use super::globals::Global;
use super::storage;
use super::value::{Heap, Node, Storage, Strided, Value, shortened};
use crate::problem::{Kind, Problem, Result};

/// Version of the reference's persistent objects, the only one that was ever published.
const PERSISTENCE: i64 = 6;

/// More axes than any tensor of a network has.
const MOST_AXES: usize = 8;

/// The value of `callee(*arguments)`.
///
/// # Errors
/// Arguments that the reference never passes.
pub fn call<'a>(callee: Global, arguments: Value<'a>, heap: &mut Heap<'a>, budget: &mut Budget) -> Result<Value<'a>> {
    let wrong = || Problem::new(Kind::Input, format!("{} is called with unusual arguments", callee.name()));
    let given = heap.tuple(arguments).ok_or_else(wrong)?;
    match (callee, given) {
        (Global::PersistentObject, &[meta]) => persistent_object(meta, heap, budget),
        (
            Global::RebuildTensor,
            &[storage, Value::Int(offset), size, stride, Value::Bool(_), _hooks, ref rest @ ..],
        ) => {
            // A seventh argument marks conjugated or negated views, which a parameter is not.
            let plain = rest.iter().all(|extra| heap.dict(*extra).is_some_and(<[_]>::is_empty));
            let offset = usize::try_from(offset).ok().filter(|_| plain && rest.len() <= 1).ok_or_else(wrong)?;
            let size = axes(size, heap).ok_or_else(wrong)?;
            let stride = axes(stride, heap).filter(|stride| stride.len() == size.len()).ok_or_else(wrong)?;
            budget.take(2 * MOST_AXES * size_of::<i64>() + size_of::<Strided<'_>>())?;
            heap.add(Node::Tensor(Box::new(Strided { storage, offset, size, stride })), budget)
        }
        (Global::RebuildOldTensor, &[storage, offset, size, stride]) => {
            let none = heap.add(Node::Dict(Vec::new()), budget)?;
            let six = Node::Tuple(vec![storage, offset, size, stride, Value::Bool(false), none]);
            budget.take(6 * size_of::<Value<'_>>())?;
            let arguments = heap.add(six, budget)?;
            call(Global::RebuildTensor, arguments, heap, budget)
        }
        (Global::Listed, &[list]) => Ok(list),
        (Global::Tagged, &[value, Value::Text(_)]) => Ok(value),
        (Global::Inert, _) => Ok(Value::None),
        (Global::RebuildParameter, &[tensor @ Value::Node(id), Value::Bool(_), _hooks]) => match heap.node(id) {
            Node::Tensor(_) => Ok(tensor),
            _ => Err(wrong()),
        },
        (Global::LoadStorage, &[source]) => {
            let bytes = heap.bytes(source).ok_or_else(wrong)?;
            let (element, start, length) = storage::read(bytes, budget)?;
            heap.add(Node::Storage(Storage { element, source, start, length }), budget)
        }
        (Global::Encode, &[Value::Text(text), Value::Text("latin1")]) => {
            budget.take(text.len())?;
            let mut bytes = Vec::with_capacity(text.len());
            for letter in text.chars() {
                bytes.push(u8::try_from(letter).map_err(|_| wrong())?);
            }
            heap.add(Node::Decoded(bytes), budget)
        }
        (Global::Bytes, &[]) => Ok(Value::Bytes(&[])),
        (
            Global::NumpyType,
            &[Value::Text(code), Value::Bool(false) | Value::Int(0), Value::Bool(true) | Value::Int(1)],
        ) => heap.add(Node::ScalarType { code, little: false }, budget),
        (Global::NumpyScalar, &[Value::Node(id), bytes]) => {
            let Node::ScalarType { code, little } = *heap.node(id) else { return Err(wrong()) };
            scalar(code, little, heap.bytes(bytes).ok_or_else(wrong)?).ok_or_else(wrong)
        }
        (Global::OrderedDict | Global::EasyDict, &[]) => heap.add(Node::Dict(Vec::new()), budget),
        (Global::OrderedDict, &[list]) => {
            let items = heap.sequence(list).ok_or_else(wrong)?;
            let mut pairs = Vec::new();
            budget.reserve(&mut pairs, items.len())?;
            for &item in items {
                let &[key, value] = heap.sequence(item).ok_or_else(wrong)? else { return Err(wrong()) };
                pairs.push((key, value));
            }
            heap.add(Node::Dict(pairs), budget)
        }
        (Global::Set, &[list]) => {
            let items = heap.sequence(list).ok_or_else(wrong)?;
            let mut own = Vec::new();
            budget.reserve(&mut own, items.len())?;
            own.extend_from_slice(items);
            heap.add(Node::Set(own), budget)
        }
        _ => Err(wrong()),
    }
}

/// Gives `object` the state that a BUILD instruction carries.
///
/// # Errors
/// An object whose state is nothing that a network needs.
pub fn set_state<'a>(object: Value<'a>, state: Value<'a>, heap: &mut Heap<'a>) -> Result<()> {
    let what = heap.describe(object);
    let refused = || Problem::new(Kind::Input, format!("the pickle sets the state of {what}"));
    let Value::Node(id) = object else { return Err(refused()) };
    let order = match heap.tuple(state) {
        Some([Value::Int(3), Value::Text(order), ..]) => Some(*order),
        _ => None,
    };
    match (heap.node_mut(id), order) {
        (Node::ScalarType { little, .. }, Some("<" | "|")) => *little = true,
        (Node::ScalarType { .. }, Some(order)) => {
            return Err(refused().expected(format!("little-endian numbers, not order {:?}", shortened(order))));
        }
        // Slots beside the attributes hold no tensors.
        (Node::Instance(own), _) => *own = state,
        // Attributes of a dict (the version that `state_dict` notes) are neither settings nor tensors.
        (Node::Dict(_), _) => {}
        _ => return Err(refused()),
    }
    Ok(())
}

fn persistent_object<'a>(meta: Value<'a>, heap: &mut Heap<'a>, budget: &mut Budget) -> Result<Value<'a>> {
    let problem = |found: String| Problem::new(Kind::Input, found).expected("a module as StyleGAN2-ADA saves it");
    let Value::Node(id) = meta else { return Err(problem("a persistent object without description".into())) };
    let entry = |key| heap.entry(meta, key).unwrap_or(Value::None);
    if entry("type") != Value::Text("class") {
        return Err(problem(format!("a persistent object of type {}", heap.describe(entry("type")))));
    }
    if entry("version") != Value::Int(PERSISTENCE) {
        let found = format!("a persistent object of version {}", heap.describe(entry("version")));
        return Err(problem(found).expected(format!("version {PERSISTENCE}")));
    }
    if !matches!(entry("class_name"), Value::Text(_)) || heap.dict(entry("state")).is_none() {
        return Err(problem("a persistent object without class name or state".into()));
    }
    heap.add(Node::Object(id), budget)
}

/// Sizes or strides.
fn axes(value: Value<'_>, heap: &Heap<'_>) -> Option<Vec<i64>> {
    let axes = heap.tuple(value).filter(|axes| axes.len() <= MOST_AXES)?;
    let number = |axis: &Value<'_>| match axis {
        Value::Int(number) if *number >= 0 => Some(*number),
        _ => None,
    };
    axes.iter().map(number).collect()
}

/// A NumPy scalar; settings such as gains come as float64.
fn scalar<'a>(code: &str, little: bool, bytes: &[u8]) -> Option<Value<'a>> {
    let ordered = little || bytes.len() == 1;
    match code {
        _ if !ordered => None,
        "f8" => Some(Value::Float(f64::from_le_bytes(bytes.try_into().ok()?))),
        "f4" => Some(Value::Float(f64::from(f32::from_le_bytes(bytes.try_into().ok()?)))),
        "i8" => Some(Value::Int(i64::from_le_bytes(bytes.try_into().ok()?))),
        "i4" => Some(Value::Int(i64::from(i32::from_le_bytes(bytes.try_into().ok()?)))),
        "b1" => match bytes {
            [flag] => Some(Value::Bool(*flag != 0)),
            _ => None,
        },
        _ => None,
    }
}
