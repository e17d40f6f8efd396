//! The stack machine of pickle protocols 2 to 5, over inert values (Python's `pickletools` documents the instructions).

use super::budget::Budget;
use super::calls;
use super::cursor::Cursor;
use super::globals::Global;
use super::value::{Heap, Node, Value};
use crate::problem::{Kind, Problem, Result};

/// Where a pickle stands, which decides what it may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A file by itself.
    File,
    /// The index of a `torch.save` archive, such as export writes: storages are named by persistent ids, which stay the
    /// tuples that they are.
    TorchSave,
    /// The index of weights that someone saved with PyTorch: a state dict, a whole module, or a scripted one. Storages
    /// are named by persistent ids; classes of any name are objects that hold their attributes and do nothing.
    Weights,
    /// Part of a `torch.save` stream in a byte string of another pickle: a storage and nothing else, so that streams do
    /// not nest.
    Storage,
}

/// A pickle that was read.
#[derive(Debug)]
pub struct Pickle<'a> {
    /// All values that it made.
    pub heap: Heap<'a>,
    /// The one that it stands for.
    pub root: Value<'a>,
}

struct Machine<'a, 'b> {
    cursor: &'b mut Cursor<'a>,
    budget: &'b mut Budget,
    dialect: Dialect,
    heap: Heap<'a>,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at each open mark.
    marks: Vec<usize>,
    memo: Vec<Option<Value<'a>>>,
}

/// Reads one pickle from `cursor` and leaves it behind the final instruction.
///
/// # Errors
/// A truncated or malformed pickle, another protocol, an instruction or a name outside the allow-list (named in the
/// message), or more memory or steps than `budget` holds.
pub fn read<'a>(cursor: &mut Cursor<'a>, budget: &mut Budget, dialect: Dialect) -> Result<Pickle<'a>> {
    let start = cursor.position();
    let mut machine = Machine {
        cursor,
        budget,
        dialect,
        heap: Heap::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
    };
    if machine.cursor.u8()? != 0x80 {
        return Err(refused(start, "this is no pickle").expected("a pickle of protocol 2 to 5"));
    }
    let protocol = machine.cursor.u8()?;
    if !(2..=5).contains(&protocol) {
        return Err(refused(start, format!("a pickle of protocol {protocol}")).expected("protocol 2 to 5"));
    }
    let root = machine.run()?;
    Ok(Pickle { heap: machine.heap, root })
}

fn refused(at: usize, found: impl AsRef<str>) -> Problem {
    Problem::new(Kind::Input, format!("{} (byte {at} of the pickle)", found.as_ref()))
}

impl<'a> Machine<'a, '_> {
    fn run(&mut self) -> Result<Value<'a>> {
        loop {
            self.budget.step()?;
            let at = self.cursor.position();
            let code = self.cursor.u8()?;
            if code == b'.' {
                let root = self.pop(at)?;
                return if self.stack.is_empty() && self.marks.is_empty() {
                    Ok(root)
                } else {
                    Err(refused(at, "the pickle ends with values left over"))
                };
            }
            self.execute(code, at)?;
        }
    }

    fn execute(&mut self, code: u8, at: usize) -> Result<()> {
        match code {
            // Frames only help buffered reading; each must lie within the file.
            0x95 => {
                let length = self.cursor.u64()?;
                self.cursor.clone().take(length)?;
            }
            b'(' => self.budget.push(&mut self.marks, self.stack.len())?,
            b'0' => drop(self.pop(at)?),
            b'1' => drop(self.pop_to_mark(at)?),
            b'2' => {
                let top = self.top(at)?;
                self.push(top)?;
            }
            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'J' | b'K' | b'M' | 0x8a | 0x8b => self.integer(code, at)?,
            b'G' => {
                let number = self.cursor.f64_big_endian()?;
                self.push(Value::Float(number))?;
            }
            b'X' | 0x8c | 0x8d => {
                let length = self.length([0x8c, b'X', 0x8d], code)?;
                let text = self.cursor.text(length)?;
                self.push(Value::Text(text))?;
            }
            // Texts of Python 2, in which older weights were saved.
            b'U' | b'T' if self.dialect == Dialect::Weights => {
                let length = self.length([b'U', b'T', b'T'], code)?;
                let text = self.cursor.text(length)?;
                self.push(Value::Text(text))?;
            }
            b'B' | b'C' | 0x8e | 0x96 => {
                let length = if code == 0x96 { self.cursor.u64()? } else { self.length([b'C', b'B', 0x8e], code)? };
                let bytes = self.cursor.take(length)?;
                self.push(Value::Bytes(bytes))?;
            }
            b')' | 0x85..=0x87 => {
                let count = if code == b')' { 0 } else { usize::from(code - 0x84) };
                let items = self.pop_many(count, at)?;
                self.add(Node::Tuple(items))?;
            }
            b't' => self.collect(at, Node::Tuple)?,
            b'l' => self.collect(at, Node::List)?,
            0x91 => self.collect(at, Node::Set)?,
            b']' => self.add(Node::List(Vec::new()))?,
            b'}' => self.add(Node::Dict(Vec::new()))?,
            0x8f => self.add(Node::Set(Vec::new()))?,
            b'd' => {
                let items = self.pop_to_mark(at)?;
                let pairs = self.pairs(&items, at)?;
                self.add(Node::Dict(pairs))?;
            }
            b'a' => {
                let item = self.pop(at)?;
                self.extend(&[item], at)?;
            }
            b'e' | 0x90 | b'u' => {
                let items = self.pop_to_mark(at)?;
                self.extend(&items, at)?;
            }
            b's' => {
                let items = self.pop_many(2, at)?;
                self.extend(&items, at)?;
            }
            b'h' | b'j' => {
                let index = if code == b'h' { u32::from(self.cursor.u8()?) } else { self.cursor.u32()? };
                let value = self.memo.get(index as usize).copied().flatten();
                let value = value.ok_or_else(|| refused(at, format!("memo entry {index} does not exist")))?;
                self.push(value)?;
            }
            b'q' | b'r' => {
                let index = if code == b'q' { u32::from(self.cursor.u8()?) } else { self.cursor.u32()? };
                self.memoize(index as usize, at)?;
            }
            0x94 => self.memoize(self.memo.len(), at)?,
            b'c' => {
                let (module, name) = (self.cursor.line()?, self.cursor.line()?);
                self.global(module, name, at)?;
            }
            0x93 => match (self.pop(at)?, self.pop(at)?) {
                (Value::Text(name), Value::Text(module)) => self.global(module, name, at)?,
                _ => return Err(refused(at, "a name that is not text")),
            },
            b'R' | 0x81 => {
                let (arguments, callee) = (self.pop(at)?, self.pop(at)?);
                if code == 0x81 && self.dialect == Dialect::Weights && self.is_class(callee) {
                    return self.add(Node::Instance(Value::None));
                }
                // Only classes are made by NEWOBJ, only the two dicts among ours.
                let fitting = code == b'R' || matches!(callee, Value::Global(Global::OrderedDict | Global::EasyDict));
                let Value::Global(callee) = callee else {
                    let what = self.heap.describe(callee);
                    return Err(refused(at, format!("the pickle calls {what}, which is no known function")));
                };
                if !fitting {
                    return Err(refused(at, format!("the pickle makes an object of {}", callee.name())));
                }
                let made = calls::call(callee, arguments, &mut self.heap, self.budget)?;
                self.push(made)?;
            }
            b'b' => {
                let (state, object) = (self.pop(at)?, self.top(at)?);
                calls::set_state(object, state, &mut self.heap)?;
            }
            b'Q' if self.dialect != Dialect::File => {
                let id = self.top(at)?;
                if self.heap.tuple(id).is_none() {
                    return Err(refused(at, format!("the persistent id {}", self.heap.describe(id))));
                }
            }
            _ => return Err(refused(at, format!("the instruction {} is not allowed", name(code)))),
        }
        Ok(())
    }

    fn integer(&mut self, code: u8, at: usize) -> Result<()> {
        let length = match code {
            b'J' => return self.cursor.i32().and_then(|number| self.push(Value::Int(i64::from(number)))),
            b'K' => return self.cursor.u8().and_then(|number| self.push(Value::Int(i64::from(number)))),
            b'M' => return self.cursor.u16().and_then(|number| self.push(Value::Int(i64::from(number)))),
            0x8a => u64::from(self.cursor.u8()?),
            _ => {
                let length = self.cursor.i32()?;
                u64::try_from(length).map_err(|_| refused(at, "an integer of negative length"))?
            }
        };
        let bytes = self.cursor.take(length)?;
        if bytes.len() > 8 {
            return self.push(Value::Long(bytes));
        }
        let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
        let mut wide = if negative { [0xff; 8] } else { [0; 8] };
        wide[..bytes.len()].copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(wide)))
    }

    /// A length of 1, 4 or 8 bytes, for the three forms of an instruction.
    fn length(&mut self, [short, normal, _long]: [u8; 3], code: u8) -> Result<u64> {
        match code {
            _ if code == short => self.cursor.u8().map(u64::from),
            _ if code == normal => self.cursor.u32().map(u64::from),
            _ => self.cursor.u64(),
        }
    }

    fn push(&mut self, value: Value<'a>) -> Result<()> {
        self.budget.push(&mut self.stack, value)
    }

    fn add(&mut self, node: Node<'a>) -> Result<()> {
        let value = self.heap.add(node, self.budget)?;
        self.push(value)
    }

    /// Height of the stack that the values since the last mark must not fall below.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self, at: usize) -> Result<Value<'a>> {
        if self.stack.len() > self.floor() {
            self.stack.pop().ok_or_else(|| refused(at, "nothing on the stack"))
        } else {
            Err(refused(at, "nothing on the stack"))
        }
    }

    fn top(&self, at: usize) -> Result<Value<'a>> {
        let top = self.stack.last().filter(|_| self.stack.len() > self.floor());
        top.copied().ok_or_else(|| refused(at, "nothing on the stack"))
    }

    fn pop_many(&mut self, count: usize, at: usize) -> Result<Vec<Value<'a>>> {
        if self.stack.len() < self.floor() + count {
            return Err(refused(at, "too little on the stack"));
        }
        self.split_off(self.stack.len() - count)
    }

    fn pop_to_mark(&mut self, at: usize) -> Result<Vec<Value<'a>>> {
        let mark = self.marks.pop().ok_or_else(|| refused(at, "no mark on the stack"))?;
        self.split_off(mark)
    }

    fn split_off(&mut self, from: usize) -> Result<Vec<Value<'a>>> {
        let mut items = Vec::new();
        self.budget.reserve(&mut items, self.stack.len() - from)?;
        items.extend(self.stack.drain(from..));
        Ok(items)
    }

    fn collect(&mut self, at: usize, make: impl FnOnce(Vec<Value<'a>>) -> Node<'a>) -> Result<()> {
        let items = self.pop_to_mark(at)?;
        self.add(make(items))
    }

    fn pairs(&mut self, items: &[Value<'a>], at: usize) -> Result<Vec<(Value<'a>, Value<'a>)>> {
        if !items.len().is_multiple_of(2) {
            return Err(refused(at, "a key without a value"));
        }
        let mut pairs = Vec::new();
        self.budget.reserve(&mut pairs, items.len() / 2)?;
        pairs.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        Ok(pairs)
    }

    /// Adds items to the list, set or dict on top of the stack.
    fn extend(&mut self, items: &[Value<'a>], at: usize) -> Result<()> {
        let container = self.top(at)?;
        let pairs = match container {
            Value::Node(id) if matches!(self.heap.node(id), Node::Dict(_)) => self.pairs(items, at)?,
            _ => Vec::new(),
        };
        let what = self.heap.describe(container);
        let Value::Node(id) = container else { return Err(refused(at, format!("items for {what}"))) };
        match self.heap.node_mut(id) {
            Node::List(own) | Node::Set(own) => {
                self.budget.reserve(own, items.len())?;
                own.extend_from_slice(items);
            }
            Node::Dict(own) => {
                self.budget.reserve(own, pairs.len())?;
                own.extend(pairs);
            }
            _ => return Err(refused(at, format!("items for {what}"))),
        }
        Ok(())
    }

    fn memoize(&mut self, index: usize, at: usize) -> Result<()> {
        let value = self.top(at)?;
        if index >= self.memo.len() {
            let more = index + 1 - self.memo.len();
            self.budget.reserve(&mut self.memo, more)?;
            self.memo.resize(index + 1, None);
        }
        self.memo[index] = Some(value);
        Ok(())
    }

    /// A class that the weights' author had: by its name, or with its source text, as `torch.save` once did.
    fn is_class(&self, callee: Value<'a>) -> bool {
        let with_source = || self.heap.tuple(callee).is_some_and(|id| id.first() == Some(&Value::Text("module")));
        matches!(callee, Value::Foreign(_)) || with_source()
    }

    fn global(&mut self, module: &'a str, name: &'a str, at: usize) -> Result<()> {
        let global = match Global::find(module, name) {
            Err(_) if self.dialect == Dialect::Weights => return self.push(Value::Foreign(name)),
            found => found?,
        };
        let of_weights = matches!(global, Global::RebuildOldTensor | Global::Listed | Global::Tagged | Global::Inert);
        if of_weights && self.dialect != Dialect::Weights {
            return Err(Global::unknown(module, name));
        }
        if self.dialect == Dialect::Storage && !matches!(global, Global::StorageClass(_)) {
            return Err(refused(at, format!("{} inside a tensor's storage", global.name())));
        }
        self.push(Value::Global(global))
    }
}

/// Name of an instruction that is not executed.
fn name(code: u8) -> String {
    let known = match code {
        b'I' => "INT",
        b'L' => "LONG",
        b'F' => "FLOAT",
        b'S' => "STRING",
        b'T' => "BINSTRING",
        b'U' => "SHORT_BINSTRING",
        b'V' => "UNICODE",
        b'g' => "GET",
        b'p' => "PUT",
        b'i' => "INST",
        b'o' => "OBJ",
        b'P' => "PERSID",
        b'Q' => "BINPERSID",
        0x80 => "PROTO",
        0x82 => "EXT1",
        0x83 => "EXT2",
        0x84 => "EXT4",
        0x92 => "NEWOBJ_EX",
        0x97 => "NEXT_BUFFER",
        0x98 => "READONLY_BUFFER",
        _ => return format!("0x{code:02x}"),
    };
    known.to_owned()
}
