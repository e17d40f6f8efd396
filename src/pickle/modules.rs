//! A persistent object as the `torch.nn.Module` that it describes: class name, attributes, tensors, children.

use std::collections::BTreeMap;

use super::value::{Heap, Node, Value, shortened};
use crate::problem::{Kind, Problem, Result};

/// More modules than the largest network has (about 150 at 1024 pixels).
const MOST_MODULES: usize = 1024;

/// Names are parts of paths; the longest of the reference has 15 letters.
const LONGEST_NAME: usize = 64;

/// A module of the reference, as data.
#[derive(Clone, Copy, Debug)]
pub struct Module<'h, 'a> {
    heap: &'h Heap<'a>,
    meta: Value<'a>,
}

impl<'h, 'a> Module<'h, 'a> {
    /// `None` where `value` is no persistent object.
    pub fn of(value: Value<'a>, heap: &'h Heap<'a>) -> Option<Self> {
        match value {
            Value::Node(id) => match heap.node(id) {
                Node::Object(meta) => Some(Self { heap, meta: Value::Node(*meta) }),
                _ => None,
            },
            _ => None,
        }
    }

    /// Python class name, e.g. "SynthesisLayer".
    pub fn class(&self) -> &'a str {
        match self.heap.entry(self.meta, "class_name") {
            Some(Value::Text(name)) => name,
            _ => "",
        }
    }

    /// An attribute of the object.
    pub fn attribute(&self, name: &str) -> Option<Value<'a>> {
        self.heap.entry(self.heap.entry(self.meta, "state")?, name)
    }

    /// A named argument that the object was made with.
    pub fn argument(&self, name: &str) -> Option<Value<'a>> {
        self.heap.entry(self.attribute("_init_kwargs")?, name)
    }

    /// Parameters and buffers that are not None; frozen layers keep their parameters among the buffers.
    pub fn tensors(&self, path: &str) -> Result<Vec<(&'a str, Value<'a>)>> {
        let mut tensors = self.named(path, "_parameters")?;
        tensors.extend(self.named(path, "_buffers")?);
        Ok(tensors)
    }

    /// Where its values live.
    pub fn heap(&self) -> &'h Heap<'a> {
        self.heap
    }

    /// The module and all below it by dotted path, itself under "".
    ///
    /// # Errors
    /// A child that is no persistent object, odd names, or more modules than a network has.
    pub fn flatten(self) -> Result<BTreeMap<String, Self>> {
        let mut found = BTreeMap::new();
        let mut open = vec![(String::new(), self)];
        while let Some((path, module)) = open.pop() {
            for (name, value) in module.named(&path, "_modules")? {
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                let child = Self::of(value, self.heap).ok_or_else(|| {
                    let what = self.heap.describe(value);
                    Problem::new(Kind::Input, format!("{path} is {what}")).expected("a module of the reference")
                })?;
                if open.len() + found.len() >= MOST_MODULES {
                    return Err(Problem::new(Kind::Input, format!("a network of more than {MOST_MODULES} modules")));
                }
                open.push((path, child));
            }
            found.insert(path, module);
        }
        Ok(found)
    }

    fn named(&self, path: &str, attribute: &str) -> Result<Vec<(&'a str, Value<'a>)>> {
        let problem = |found: String| Problem::new(Kind::Input, found).expected("a module as StyleGAN2-ADA saves it");
        let pairs = self.attribute(attribute).and_then(|dict| self.heap.dict(dict));
        let pairs = pairs.ok_or_else(|| problem(format!("{path:?} has no {attribute}")))?;
        if pairs.len() > MOST_MODULES {
            return Err(problem(format!("{path:?} has {} {attribute}", pairs.len())));
        }
        let mut named = Vec::new();
        for (name, value) in pairs.iter().filter(|(_, value)| *value != Value::None) {
            match name {
                Value::Text(name) if is_name(name) => named.push((*name, *value)),
                other => {
                    return Err(problem(format!("{path:?} has {attribute} called {}", self.heap.describe(*other))));
                }
            }
        }
        Ok(named)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A whole number among the attributes.
pub fn whole(module: &Module<'_, '_>, path: &str, name: &str) -> Result<i64> {
    let value = module.attribute(name).unwrap_or(Value::None);
    whole_value(value).ok_or_else(|| {
        let what = shortened(&module.heap().describe(value));
        Problem::new(Kind::Input, format!("{path}: {name} is {what}")).expected("a whole number")
    })
}

/// 5 or 5.0.
pub fn whole_value(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Int(number) => Some(number),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(number as i64),
        _ => None,
    }
}
