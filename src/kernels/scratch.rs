//! Memory for packed factors, and working memory that a thread keeps, so that big buffers are not mapped and unmapped
//! at every step.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use super::element::Element;

/// A cache line, which is also a tile row.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Elements that begin at a cache line: kernels read rows that lie across two at half the speed.
pub struct Aligned<E> {
    lines: Vec<Line>,
    len: usize,
    element: PhantomData<E>,
}

impl<E: Element> Aligned<E> {
    /// Zeros.
    pub fn zero(len: usize) -> Self {
        Self { lines: vec![Line([0; 64]); Self::lines(len)], len, element: PhantomData }
    }

    /// Lines that hold so many elements.
    fn lines(len: usize) -> usize {
        (len * size_of::<E>()).div_ceil(size_of::<Line>())
    }
}

impl<E: Element> Deref for Aligned<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        // SAFETY: the lines are initialised, hold at least `len` elements and are aligned; any bits are a valid `E`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<E: Element> DerefMut for Aligned<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        // SAFETY: as above, and the lines are ours alone.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

thread_local! {
    static IDLE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// As many elements as asked for, with unspecified, valid contents, in memory that the thread keeps.
pub struct Scratch<E>(Aligned<E>);

impl<E: Element> Scratch<E> {
    /// Takes an idle buffer of this thread, or a new one.
    pub fn new(len: usize) -> Self {
        let needed = Aligned::<E>::lines(len);
        let mut lines = IDLE.with_borrow_mut(|idle| {
            let fits = idle.iter().position(|lines| lines.len() >= needed);
            fits.map(|index| idle.swap_remove(index)).or_else(|| idle.pop()).unwrap_or_default()
        });
        if lines.len() < needed {
            lines = vec![Line([0; 64]); needed];
        }
        Self(Aligned { lines, len, element: PhantomData })
    }

    /// The same contents in memory of their own size; what they were in is idle again.
    pub fn fitted(self) -> Self {
        let needed = Aligned::<E>::lines(self.len());
        Self(Aligned { lines: self.0.lines[..needed].to_vec(), len: self.len(), element: PhantomData })
    }
}

impl<E> Drop for Scratch<E> {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.0.lines);
        // A thread that is ending has no use for it.
        let _ = IDLE.try_with(|idle| idle.borrow_mut().push(lines));
    }
}

impl<E> Deref for Scratch<E> {
    type Target = Aligned<E>;

    fn deref(&self) -> &Aligned<E> {
        &self.0
    }
}

impl<E> DerefMut for Scratch<E> {
    fn deref_mut(&mut self) -> &mut Aligned<E> {
        &mut self.0
    }
}
