//! Pickles of nothing but tensors and containers.
//!
//! A pickle is a program for a stack machine, and Python's machine imports and calls whatever the
//! program names. This one has no such instruction: it knows by name the few things that a state
//! dict is made of, and refuses the rest. Nothing is followed deeper than one level, and the
//! number of instructions and the length of strings are limited, so that neither the stack nor
//! memory grows beyond a few megabytes.

use std::io::Read;

use super::Dtype;
use super::machine::Machine;
use crate::error::Result;

/// Where a value lies in a [`Pickle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(pub(super) u32);

/// What a pickle may hold.
#[derive(Debug)]
pub enum Value {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Text.
    Str(String),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A list.
    List(Vec<Id>),
    /// A dict or OrderedDict, in the order of insertion.
    Dict(Vec<(Id, Id)>),
    /// Something to be called or named in a storage.
    Global(Global),
    /// Numbers that are elsewhere in the file.
    Storage(Storage),
    /// A view of a storage.
    Tensor(Tensor),
}

/// The things outside the pickle that it may name.
#[derive(Debug, Clone, Copy)]
pub enum Global {
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`
    RebuildParameter,
    /// `torch.FloatStorage` and its like.
    Storage(Dtype),
}

/// Numbers that are elsewhere in the file.
#[derive(Debug, Clone, Copy)]
pub struct Storage {
    /// Their type.
    pub dtype: Dtype,
    /// Their name in the file, a string.
    pub key: Id,
    /// How many they are.
    pub count: usize,
}

/// A view of a storage.
#[derive(Debug, Clone)]
pub struct Tensor {
    /// The numbers.
    pub storage: Storage,
    /// The first of them that is the tensor's.
    pub offset: usize,
    /// The shape.
    pub dims: Vec<usize>,
    /// How far apart neighbours are along each dimension.
    pub strides: Vec<usize>,
}

/// A pickle's values.
#[derive(Debug)]
pub struct Pickle {
    values: Vec<Value>,
    root: Id,
}

impl Pickle {
    /// Runs one pickle, and reads not a byte more than it has.
    ///
    /// # Errors
    /// When it is damaged, too long, or names anything but tensors and containers: by that name.
    pub fn read(input: &mut impl Read) -> Result<Self> {
        let (values, root) = Machine::new(input).run()?;
        Ok(Self { values, root })
    }

    /// The outermost value.
    pub fn root(&self) -> &Value {
        self.get(self.root)
    }

    /// The value at `id`.
    pub fn get(&self, id: Id) -> &Value {
        &self.values[id.0 as usize]
    }

    /// The text at `id`, if it is one.
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pickle: &[u8]) -> Result<Pickle> {
        Pickle::read(&mut &*pickle)
    }

    #[test]
    fn containers() {
        let pickle =
            read(b"\x80\x02}q\x00(X\x01\x00\x00\x00aK\x07X\x01\x00\x00\x00b](J\xff\xff\xff\xff\x88eu.")
                .unwrap();
        let Value::Dict(items) = pickle.root() else { panic!() };
        assert_eq!(pickle.text(items[0].0), Some("a"));
        assert!(matches!(pickle.get(items[0].1), Value::Int(7)));
        let Value::List(list) = pickle.get(items[1].1) else { panic!() };
        assert!(matches!(pickle.get(list[0]), Value::Int(-1)));
        assert!(matches!(pickle.get(list[1]), Value::Bool(true)));
    }

    #[test]
    fn whatever_else_is_named_is_refused_by_that_name() {
        for (pickle, name) in [
            (&b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."[..], "os.system"),
            (b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.", "builtins.eval"),
            (b"\x80\x02ctorch\nload\n.", "torch.load"),
            (b"\x80\x02ccollections\nCounter\n)R.", "collections.Counter"),
        ] {
            let error = read(pickle).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn endless_and_twisted_pickles_are_refused() {
        for pickle in [
            &b""[..],
            b".",
            b"\x80\x05N.",
            b"t.",
            b"(a.",
            b"K\x01(s.",
            b"NNs.",
            b"h\x00.",
            b"]K\x01K\x02u.",
            b"](K\x01u.",
            b"ccollections\nOrderedDict\nK\x01R.",
            b"ccollections\nOrderedDict\nK\x01\x85R.",
            b"X\xff\xff\xff\x7fa",
            b"\x8a\xffa",
            b"K\x01Q.",
            b"Nb.",
            b"i",
        ] {
            assert!(read(pickle).is_err(), "{pickle:?}");
        }
        // Nothing but marks, lists in lists, the same again and again: bounded all the same.
        for cycle in [&b"("[..], b"]", b"}q\x00", b"h\x00", b"K\x01\x85"] {
            let mut pickle = b"]q\x00".to_vec();
            pickle.extend(cycle.iter().cycle().take(10 << 20));
            assert!(read(&pickle).is_err());
        }
    }
}
