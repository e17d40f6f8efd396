//! Tensors within the values of a pickle: state dicts, modules with all their attributes, scripted modules.

use super::budget::Budget;
use super::globals::{Element, Global};
use super::machine::Pickle;
use super::value::{Heap, Node, Strided, Value, shortened};
use crate::problem::{Kind, Problem, Result};

/// Tensors, at most: the largest net that is read has some 600.
const MOST_TENSORS: usize = 1 << 14;

/// Bytes of a tensor's name, at most.
const LONGEST_NAME: usize = 512;

/// What PyTorch calls a module's own tensors and the modules in it; no part of a tensor's name.
const UNNAMED: [&str; 3] = ["_parameters", "_buffers", "_modules"];

/// A tensor by name, its elements still in the file.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Names of dicts, attributes and places in lists, joined by dots.
    pub name: String,
    /// Where its elements are; the storage is that of `key`.
    pub size: Vec<i64>,
    /// Of each axis, in elements.
    pub stride: Vec<i64>,
    /// Of the first element.
    pub offset: usize,
    /// Its storage.
    pub storage: StorageId,
}

/// A storage as a persistent id names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageId {
    /// Its name in the archive.
    pub key: String,
    /// Kind of each element.
    pub element: Element,
    /// Elements.
    pub count: u64,
}

impl Parameter {
    /// As offset, sizes and strides alone.
    pub fn strided(&self) -> Strided<'static> {
        Strided { storage: Value::None, offset: self.offset, size: self.size.clone(), stride: self.stride.clone() }
    }
}

/// All tensors of a pickle, each once, in the order of the file.
///
/// # Errors
/// More than 16384 tensors, a name of more than 512 bytes, or a tensor whose storage is not named as PyTorch does.
pub fn collect<'a>(pickle: &Pickle<'a>, budget: &mut Budget) -> Result<Vec<Parameter>> {
    let heap = &pickle.heap;
    let mut seen = Vec::new();
    budget.reserve(&mut seen, heap.nodes().len())?;
    seen.resize(heap.nodes().len(), false);
    let mut found = Vec::new();
    let mut open = vec![(String::new(), pickle.root)];
    while let Some((path, value)) = open.pop() {
        let Value::Node(id) = value else { continue };
        if std::mem::replace(&mut seen[id.place()], true) {
            continue;
        }
        let before = open.len();
        let mut push = |name: &str, value: Value<'a>, open: &mut Vec<(String, Value<'a>)>| -> Result<()> {
            if !matches!(value, Value::Node(_)) {
                return Ok(());
            }
            let path = match (path.as_str(), name) {
                (_, name) if UNNAMED.contains(&name) || name.is_empty() => path.clone(),
                ("", name) => name.to_owned(),
                (path, name) => format!("{path}.{name}"),
            };
            if path.len() > LONGEST_NAME {
                return Err(Problem::new(
                    Kind::Input,
                    format!("the name {} has {} bytes", shortened(&path), path.len()),
                )
                .expected(format!("at most {LONGEST_NAME}")));
            }
            budget.take(path.len() + 64)?;
            open.push((path, value));
            Ok(())
        };
        match heap.node(id) {
            Node::Dict(pairs) => {
                for (key, value) in pairs {
                    match key {
                        Value::Text(key) => push(key, *value, &mut open)?,
                        Value::Int(key) => push(&key.to_string(), *value, &mut open)?,
                        _ => {}
                    }
                }
            }
            Node::List(items) | Node::Tuple(items) => {
                for (at, item) in items.iter().enumerate() {
                    push(&at.to_string(), *item, &mut open)?;
                }
            }
            Node::Instance(state) => push("", *state, &mut open)?,
            Node::Tensor(tensor) => {
                if found.len() == MOST_TENSORS {
                    return Err(Problem::new(Kind::Input, format!("more than {MOST_TENSORS} tensors"))
                        .expected("the weights of one net"));
                }
                let storage = storage_of(tensor.storage, heap).ok_or_else(|| {
                    let what = shortened(&path);
                    Problem::new(Kind::Input, format!("{what} has no storage as PyTorch names one"))
                })?;
                let Strided { offset, size, stride, .. } = tensor.as_ref().clone();
                found.push(Parameter { name: path, size, stride, offset, storage });
            }
            _ => {}
        }
        open[before..].reverse();
    }
    Ok(found)
}

/// All storages that persistent ids name, wherever they stand.
pub fn storages(heap: &Heap<'_>) -> Vec<StorageId> {
    heap.nodes().iter().filter_map(|node| if let Node::Tuple(parts) = node { id_of(parts) } else { None }).collect()
}

fn storage_of(value: Value<'_>, heap: &Heap<'_>) -> Option<StorageId> {
    id_of(heap.tuple(value)?)
}

/// ('storage', class, key, device, count[, view]); a view of another storage is none.
fn id_of(parts: &[Value<'_>]) -> Option<StorageId> {
    let (parts, view) = parts.split_at_checked(5)?;
    match *parts {
        [
            Value::Text("storage"),
            Value::Global(Global::StorageClass(element)),
            Value::Text(key),
            Value::Text(_),
            Value::Int(count),
        ] if matches!(view, [] | [Value::None]) => {
            let count = u64::try_from(count).ok()?;
            Some(StorageId { key: key.to_owned(), element, count })
        }
        _ => None,
    }
}
