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
pub struct Scratch<E> {
    elements: Aligned<E>,
    /// Whether the memory is idle afterwards, and not given back.
    kept: bool,
}

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
        Self { elements: Aligned { lines, len, element: PhantomData }, kept: true }
    }

    /// The same contents in memory of their own size, which is given back at the end; what they were in is idle again.
    pub fn fitted(self) -> Self {
        let needed = Aligned::<E>::lines(self.len());
        let lines = self.elements.lines[..needed].to_vec();
        Self { elements: Aligned { lines, len: self.len(), element: PhantomData }, kept: false }
    }
}

impl<E> Drop for Scratch<E> {
    fn drop(&mut self) {
        if !self.kept {
            return;
        }
        let lines = std::mem::take(&mut self.elements.lines);
        // A thread that is ending has no use for it.
        let _ = IDLE.try_with(|idle| idle.borrow_mut().push(lines));
    }
}

impl<E> Deref for Scratch<E> {
    type Target = Aligned<E>;

    fn deref(&self) -> &Aligned<E> {
        &self.elements
    }
}

impl<E> DerefMut for Scratch<E> {
    fn deref_mut(&mut self) -> &mut Aligned<E> {
        &mut self.elements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fitted_is_given_back() {
        let idle = || IDLE.with_borrow(Vec::len);
        drop(Scratch::<f32>::new(100));
        let before = idle();
        for _ in 0..3 {
            let mut scratch = Scratch::<f32>::new(100);
            scratch.fill(3.0);
            let fitted = scratch.fitted();
            assert!(fitted.iter().all(|&x| x == 3.0));
            drop(fitted);
            assert_eq!(idle(), before);
        }
    }
}
