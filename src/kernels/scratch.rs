//! Working memory that a thread keeps, so that big buffers are not mapped and unmapped at every step.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use super::element::Element;

/// A cache line, which is also a tile row.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

thread_local! {
    static IDLE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// A slice of `len` elements with unspecified, valid contents, aligned to a cache line.
pub struct Scratch<E> {
    lines: Vec<Line>,
    len: usize,
    element: PhantomData<E>,
}

impl<E: Element> Scratch<E> {
    /// Takes an idle buffer of this thread, or a new one.
    pub fn new(len: usize) -> Self {
        let needed = (len * size_of::<E>()).div_ceil(size_of::<Line>());
        let mut lines = IDLE.with_borrow_mut(|idle| {
            let fits = idle.iter().position(|lines| lines.len() >= needed);
            fits.map(|index| idle.swap_remove(index)).or_else(|| idle.pop()).unwrap_or_default()
        });
        if lines.len() < needed {
            lines = vec![Line([0; 64]); needed];
        }
        Self { lines, len, element: PhantomData }
    }
}

impl<E: Element> Scratch<E> {
    /// The same contents in memory of their own size; what they were in is idle again.
    pub fn fitted(self) -> Self {
        let needed = (self.len * size_of::<E>()).div_ceil(size_of::<Line>());
        Self { lines: self.lines[..needed].to_vec(), len: self.len, element: PhantomData }
    }
}

impl<E> Drop for Scratch<E> {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        // A thread that is ending has no use for it.
        let _ = IDLE.try_with(|idle| idle.borrow_mut().push(lines));
    }
}

impl<E: Element> Deref for Scratch<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        // SAFETY: the lines are initialised, hold at least `len` elements and are aligned; any bits are a valid `E`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<E: Element> DerefMut for Scratch<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        // SAFETY: as above, and the lines are ours alone.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}
