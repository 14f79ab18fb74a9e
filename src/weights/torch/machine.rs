//! The stack machine that runs a pickle; see [`super::pickle`] for what it may do.

use std::collections::HashMap;
use std::io::Read;

use super::Dtype;
use super::pickle::{Global, Id, Storage, Tensor, Value};
use crate::error::{Error, Result};

/// The published six-task weights take about 20 000 instructions.
const MOST_INSTRUCTIONS: usize = 1 << 17;
/// The longest name is about 60 bytes.
const LONGEST_STRING: usize = 512;
/// Weights have at most 4 dimensions.
const MOST_DIMENSIONS: usize = 8;

/// A machine in the middle of a pickle.
pub struct Machine<'r, R> {
    input: &'r mut R,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// How high the stack was at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'r, R: Read> Machine<'r, R> {
    pub fn new(input: &'r mut R) -> Self {
        Self { input, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() }
    }

    /// Runs to the end; gives all values, and which is the outermost.
    pub fn run(mut self) -> Result<(Vec<Value>, Id)> {
        for _ in 0..MOST_INSTRUCTIONS {
            if let Some(root) = self.step()? {
                return Ok((self.values, root));
            }
        }
        Err(damaged("it has too many instructions for a state dict"))
    }

    /// One instruction; the result if it was the last.
    fn step(&mut self) -> Result<Option<Id>> {
        let [code] = self.bytes()?;
        match code {
            // PROTO: 2 is what torch.save writes; 3 only adds instructions, which are not known here.
            0x80 => match self.bytes()? {
                [2 | 3] => {}
                [other] => return Err(damaged(&format!("protocol {other} is not 2"))),
            },
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'K' => {
                let [byte] = self.bytes()?;
                self.push(Value::Int(byte.into()));
            }
            b'M' => {
                let value = u16::from_le_bytes(self.bytes()?);
                self.push(Value::Int(value.into()));
            }
            b'J' => {
                let value = i32::from_le_bytes(self.bytes()?);
                self.push(Value::Int(value.into()));
            }
            0x8a => self.long()?,
            b'X' => {
                let length = u32::from_le_bytes(self.bytes()?);
                let text = self.string(length as usize)?;
                self.push(Value::Str(text));
            }
            b')' => self.push(Value::Tuple(Vec::new())),
            b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let items = self.since_mark()?;
                self.push(Value::Tuple(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.list()?.push(item);
            }
            b'e' => {
                let items = self.since_mark()?;
                self.list()?.extend(items);
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.dict()?.push((key, value));
            }
            b'u' => {
                let items = self.since_mark()?;
                if items.len() % 2 != 0 {
                    return Err(damaged("a key has no value"));
                }
                self.dict()?.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            b'q' => {
                let [at] = self.bytes()?;
                self.remember(at.into())?;
            }
            b'r' => {
                let at = u32::from_le_bytes(self.bytes()?);
                self.remember(at)?;
            }
            b'h' => {
                let [at] = self.bytes()?;
                self.recall(at.into())?;
            }
            b'j' => {
                let at = u32::from_le_bytes(self.bytes()?);
                self.recall(at)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                let global = global(&module, &name)?;
                self.push(Value::Global(global));
            }
            b'Q' => self.storage()?,
            b'R' => self.call()?,
            b'b' => {
                // The attributes of an OrderedDict, such as the `_metadata` of a state dict.
                self.pop()?;
                self.dict()?;
            }
            other => return Err(damaged(&format!("instruction {other:#04x} has no place in one"))),
        }
        Ok(None)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn string(&mut self, length: usize) -> Result<String> {
        if length > LONGEST_STRING {
            return Err(damaged("it has a string that is too long for a name"));
        }
        let mut bytes = vec![0; length];
        self.input.read_exact(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| damaged("it has a string that is not UTF-8"))
    }

    /// Up to the end of the line.
    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            match self.bytes()? {
                [b'\n'] => return String::from_utf8(line).map_err(|_| damaged("a name is not UTF-8")),
                [_] if line.len() == LONGEST_STRING => return Err(damaged("a name is too long")),
                [byte] => line.push(byte),
            }
        }
    }

    /// LONG1: a number in two's complement with its length in front.
    fn long(&mut self) -> Result<()> {
        let [length] = self.bytes()?;
        let length = usize::from(length);
        let mut bytes = [0; 16];
        let part = bytes.get_mut(..length).ok_or_else(|| damaged("a number has more than 128 bits"))?;
        self.input.read_exact(part)?;
        if part.last().is_some_and(|&byte| byte >= 0x80) {
            bytes[length..].fill(0xff);
        }
        self.push(Value::Int(i128::from_le_bytes(bytes)));
        Ok(())
    }

    fn push(&mut self, value: Value) {
        // No more values than instructions, which a u32 counts.
        self.stack.push(Id(self.values.len() as u32));
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(damaged("it takes from an empty stack"));
        }
        self.stack.pop().ok_or_else(|| damaged("it takes from an empty stack"))
    }

    fn since_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| damaged("a mark is missing"))?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, count: usize) -> Result<()> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>>>()?;
        items.reverse();
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn top(&mut self) -> Result<Id> {
        let id = self.pop()?;
        self.stack.push(id);
        Ok(id)
    }

    fn list(&mut self) -> Result<&mut Vec<Id>> {
        let id = self.top()?;
        match &mut self.values[id.0 as usize] {
            Value::List(items) => Ok(items),
            _ => Err(damaged("it appends to what is no list")),
        }
    }

    fn dict(&mut self) -> Result<&mut Vec<(Id, Id)>> {
        let id = self.top()?;
        match &mut self.values[id.0 as usize] {
            Value::Dict(items) => Ok(items),
            _ => Err(damaged("it sets items or attributes of what is no dict")),
        }
    }

    fn remember(&mut self, at: u32) -> Result<()> {
        let id = self.top()?;
        self.memo.insert(at, id);
        Ok(())
    }

    fn recall(&mut self, at: u32) -> Result<()> {
        let id = self.memo.get(&at).ok_or_else(|| damaged("it recalls what it has not remembered"))?;
        self.stack.push(*id);
        Ok(())
    }

    fn value(&self, id: Id) -> &Value {
        &self.values[id.0 as usize]
    }

    fn size(&self, id: Id) -> Result<usize> {
        match self.value(id) {
            Value::Int(value) => usize::try_from(*value).map_err(|_| damaged("a size is out of range")),
            _ => Err(damaged("a size is no number")),
        }
    }

    fn sizes(&self, id: Id) -> Result<Vec<usize>> {
        match self.value(id) {
            Value::Tuple(items) if items.len() <= MOST_DIMENSIONS => {
                items.iter().map(|&item| self.size(item)).collect()
            }
            _ => Err(damaged("a shape is none")),
        }
    }

    /// BINPERSID: a tuple `("storage", type, key, device, count)`, in legacy files with a sixth,
    /// which is `None` unless the storage is part of another.
    fn storage(&mut self) -> Result<()> {
        let id = self.pop()?;
        let Value::Tuple(items) = self.value(id) else { return Err(damaged("a storage is no tuple")) };
        let (&[kind, dtype, key, _, count], view) = match items.split_at_checked(5) {
            Some((items, rest)) => (items.try_into().map_err(|_| damaged("a storage is none"))?, rest),
            None => return Err(damaged("a storage is too short")),
        };
        match view {
            [] => {}
            [view] if matches!(self.value(*view), Value::None) => {}
            _ => return Err(damaged("a storage is part of another")),
        }
        match (self.value(kind), self.value(dtype), self.value(key)) {
            (Value::Str(kind), Value::Global(Global::Storage(dtype)), Value::Str(_)) if kind == "storage" => {
                let storage = Storage { dtype: *dtype, key, count: self.size(count)? };
                self.push(Value::Storage(storage));
                Ok(())
            }
            _ => Err(damaged("a storage is none")),
        }
    }

    /// REDUCE: the few calls that make containers and tensors.
    fn call(&mut self) -> Result<()> {
        let arguments = self.pop()?;
        let function = self.pop()?;
        let Value::Tuple(arguments) = self.value(arguments) else {
            return Err(damaged("arguments are no tuple"));
        };
        let Value::Global(function) = *self.value(function) else {
            return Err(damaged("it calls what is no function"));
        };
        match (function, arguments.as_slice()) {
            (Global::OrderedDict, []) => self.push(Value::Dict(Vec::new())),
            // The rest is whether it wants a gradient, hooks, and metadata.
            (Global::RebuildTensor, &[storage, offset, dims, strides, ..]) => {
                let Value::Storage(storage) = *self.value(storage) else {
                    return Err(damaged("a tensor has no storage"));
                };
                let (dims, strides) = (self.sizes(dims)?, self.sizes(strides)?);
                if dims.len() != strides.len() {
                    return Err(damaged("a tensor has more dimensions than strides, or fewer"));
                }
                let tensor = Tensor { storage, offset: self.size(offset)?, dims, strides };
                self.push(Value::Tensor(tensor));
            }
            (Global::RebuildParameter, &[tensor, ..]) if matches!(self.value(tensor), Value::Tensor(_)) => {
                self.stack.push(tensor);
            }
            _ => return Err(damaged(&format!("{function:?} is called with the wrong arguments"))),
        }
        Ok(())
    }
}

fn global(module: &str, name: &str) -> Result<Global> {
    Ok(match (module, name) {
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
        ("torch", "FloatStorage") => Global::Storage(Dtype::F32),
        ("torch", "HalfStorage") => Global::Storage(Dtype::F16),
        ("torch", "BFloat16Storage") => Global::Storage(Dtype::Bf16),
        ("torch", "DoubleStorage") => Global::Storage(Dtype::F64),
        ("torch", "LongStorage") => Global::Storage(Dtype::I64),
        ("torch", "IntStorage") => Global::Storage(Dtype::I32),
        _ => {
            return Err(Error::Model(format!(
                "refused: the pickle names {module}.{name}, and a state dict has only tensors and containers"
            )));
        }
    })
}

fn damaged(what: &str) -> Error {
    Error::Model(format!("the pickle is no state dict: {what}"))
}
