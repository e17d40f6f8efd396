//! What a pickle is read into: inert values, and an arena of those that hold others.
//!
//! Values refer to nodes by number. So a list may contain itself, sharing costs nothing however often it is repeated,
//! and nothing is dropped recursively.

use super::budget::Budget;
use super::globals::{Element, Global};
use crate::problem::{Kind, Problem, Result};

/// A value, 24 bytes; strings and byte strings are views of the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Python's None.
    None,
    /// True or False.
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(i64),
    /// An integer beyond 64 bits, little-endian two's complement.
    Long(&'a [u8]),
    /// Binary64, of Python or of a NumPy scalar (float32 widened).
    Float(f64),
    /// A string.
    Text(&'a str),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A name from the allow-list.
    Global(Global),
    /// The name of a class that means nothing here; only in weights.
    Foreign(&'a str),
    /// A value in the arena.
    Node(NodeId),
}

/// Number of a node in its [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId(u32);

impl NodeId {
    /// Its place among [`Heap::nodes`].
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// What holds other values, or was made by one of the allowed calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'a> {
    /// Cannot be appended to; made from a mark or from the topmost one to three values.
    Tuple(Vec<Value<'a>>),
    /// Grows by APPEND and APPENDS.
    List(Vec<Value<'a>>),
    /// A set, in the order of the file.
    Set(Vec<Value<'a>>),
    /// Pairs in the order of insertion; of equal keys the last counts.
    Dict(Vec<(Value<'a>, Value<'a>)>),
    /// Bytes that had to be decoded (protocol 2 has no byte strings).
    Decoded(Vec<u8>),
    /// A NumPy scalar type and whether its byte order is known to be little-endian.
    ScalarType {
        /// NumPy's letter and size, e.g. "f4".
        code: &'a str,
        /// Whether the byte order is known to be little-endian.
        little: bool,
    },
    /// Bytes with the kind of their elements.
    Storage(Storage<'a>),
    /// A view of a storage.
    Tensor(Box<Strided<'a>>),
    /// An object of a class that means nothing here, with its attributes; only in weights.
    Instance(Value<'a>),
    /// A persistent object of the reference: its description {type, version, class_name, state, ..}.
    Object(NodeId),
}

/// Elements of a tensor: `start..start + length` of the bytes that `source` holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Storage<'a> {
    /// Kind of each element.
    pub element: Element,
    /// Bytes, or text that stands for them.
    pub source: Value<'a>,
    /// First byte.
    pub start: usize,
    /// Bytes.
    pub length: usize,
}

/// A tensor as offset, sizes and strides (in elements) over a storage.
#[derive(Clone, Debug, PartialEq)]
pub struct Strided<'a> {
    /// Where the elements are.
    pub storage: Value<'a>,
    /// Of the first element.
    pub offset: usize,
    /// Of each axis.
    pub size: Vec<i64>,
    /// Of each axis.
    pub stride: Vec<i64>,
}

/// All nodes of a pickle.
#[derive(Debug, Default)]
pub struct Heap<'a> {
    nodes: Vec<Node<'a>>,
}

impl<'a> Heap<'a> {
    /// Keeps a node; its memory is charged to `budget`.
    pub fn add(&mut self, node: Node<'a>, budget: &mut Budget) -> Result<Value<'a>> {
        let number = u32::try_from(self.nodes.len())
            .map_err(|_| Problem::new(Kind::Input, "a pickle of more than four thousand million values"))?;
        budget.push(&mut self.nodes, node)?;
        Ok(Value::Node(NodeId(number)))
    }

    /// A node of this heap.
    pub fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }

    /// A node of this heap, to be filled.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node<'a> {
        &mut self.nodes[id.0 as usize]
    }

    /// All nodes, in the order in which they were made.
    pub fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// Elements of a tuple or a list.
    pub fn sequence(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match value {
            Value::Node(id) => match self.node(id) {
                Node::Tuple(items) | Node::List(items) => Some(items),
                _ => None,
            },
            _ => None,
        }
    }

    /// Elements of a tuple.
    pub fn tuple(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match value {
            Value::Node(id) => match self.node(id) {
                Node::Tuple(items) => Some(items),
                _ => None,
            },
            _ => None,
        }
    }

    /// Keys and values of a dict, as they were set.
    pub fn dict(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        match value {
            Value::Node(id) => match self.node(id) {
                Node::Dict(pairs) => Some(pairs),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value of text key `key` in a dict.
    pub fn entry(&self, dict: Value<'a>, key: &str) -> Option<Value<'a>> {
        let pairs = self.dict(dict)?.iter().rev();
        pairs.into_iter().find(|(name, _)| matches!(name, Value::Text(name) if *name == key)).map(|(_, value)| *value)
    }

    /// A byte string, as the file holds it or decoded.
    pub fn bytes(&self, value: Value<'a>) -> Option<&[u8]> {
        match value {
            Value::Bytes(bytes) => Some(bytes),
            Value::Node(id) => match self.node(id) {
                Node::Decoded(bytes) => Some(bytes),
                _ => None,
            },
            _ => None,
        }
    }

    /// What `value` is, in a few words, for an error.
    pub fn describe(&self, value: Value<'a>) -> String {
        match value {
            Value::None => "None".into(),
            Value::Bool(flag) => if flag { "True" } else { "False" }.into(),
            Value::Int(number) => number.to_string(),
            Value::Long(_) => "a very large integer".into(),
            Value::Float(number) => number.to_string(),
            Value::Text(text) => format!("{:?}", shortened(text)),
            Value::Bytes(bytes) => format!("a byte string of {}", bytes.len()),
            Value::Global(global) => global.name(),
            Value::Foreign(name) => shortened(name),
            Value::Node(id) => match self.node(id) {
                Node::Tuple(items) => format!("a tuple of {}", items.len()),
                Node::List(items) => format!("a list of {}", items.len()),
                Node::Set(items) => format!("a set of {}", items.len()),
                Node::Dict(pairs) => format!("a dict of {}", pairs.len()),
                Node::Decoded(bytes) => format!("a byte string of {}", bytes.len()),
                Node::ScalarType { code, .. } => format!("the NumPy type {:?}", shortened(code)),
                Node::Storage(_) => "a tensor's storage".into(),
                Node::Tensor(tensor) => format!("a tensor {:?}", tensor.size),
                Node::Object(_) => "a persistent object".into(),
                Node::Instance(_) => "an object".into(),
            },
        }
    }
}

/// At most 80 characters of a text from the file; control characters, which could rewrite a terminal, become `?`.
pub fn shortened(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { '?' } else { letter };
    let mut short: String = text.chars().take(80).map(plain).collect();
    if text.chars().nth(80).is_some() {
        short.push_str("..");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dict_answers_with_its_last_entry_and_may_hold_itself() {
        let (mut heap, mut budget) = (Heap::default(), Budget::of_file(0));
        let dict = heap.add(Node::Dict(vec![(Value::Text("a"), Value::Int(1))]), &mut budget).unwrap();
        let Value::Node(id) = dict else { panic!("a node") };
        let Node::Dict(pairs) = heap.node_mut(id) else { panic!("a dict") };
        pairs.extend([(Value::Text("a"), Value::Int(2)), (Value::Text("self"), dict)]);
        assert_eq!(heap.entry(dict, "a"), Some(Value::Int(2)));
        assert_eq!(heap.entry(dict, "self"), Some(dict));
        assert_eq!(heap.entry(dict, "b"), None);
        assert_eq!(heap.describe(dict), "a dict of 3");
        assert_eq!(shortened("a\u{1b}[2J\n"), "a?[2J?");
        assert!(size_of::<Value<'_>>() <= 24 && size_of::<Node<'_>>() <= 64);
    }
}
