//! The one primitive under every product: a small block of C = Σ_s A_s·B_s, summed in registers
//! (the batch-reduce product of Georganas et al., "Harnessing Deep Learning via a Single Building Block", 2020).
//!
//! A is rows of neighbouring elements, `row_stride` apart; A_s begins `shifts[s]` elements into it. So a channels-last
//! convolution needs no copy of its windows: a shift is a step in the picture. B is packed in panels of [`PANEL`]
//! columns, `Element::GROUP` neighbours along the sum together, the B_s one after another.

use super::element::Element;
use std::marker::PhantomData;

/// Columns in a panel of packed B.
pub const PANEL: usize = 32;

/// The most rows of a block.
pub const MAX_ROWS: usize = 32;

/// A row of sums.
pub type Row = [f32; PANEL];

/// A finished block of sums.
#[repr(C, align(64))]
pub struct Tile(pub [Row; MAX_ROWS]);

impl Tile {
    /// All sums zero.
    pub fn zero() -> Self {
        Self([[0.0; PANEL]; MAX_ROWS])
    }
}

/// The factors of one block.
#[derive(Clone, Copy)]
pub struct Factors<'a, E> {
    /// The first element of the first row of A.
    pub a: *const E,
    /// From a row of A to the next, in elements.
    pub row_stride: usize,
    /// From a word of a row of A (`E::GROUP` elements) to the next, in elements: `E::GROUP` where they are neighbours. AMX
    /// takes no others, and the rest only where the words of a column are neighbours: `row_stride` is `E::GROUP`.
    pub step: usize,
    /// Where each A_s begins, in elements.
    pub shifts: &'a [usize],
    /// The summed dimension of each A_s·B_s, a multiple of `E::GROUP`, and for AMX of `E::MULTIPLE`.
    pub length: usize,
    /// The packed panel, `shifts.len() * length * PANEL` elements.
    pub b: *const E,
}

/// Where a block's sums go.
#[derive(Clone, Copy)]
pub struct Sums {
    /// The first of the first row.
    pub first: *mut f32,
    /// From a row to the next. AMX takes no other than [`PANEL`].
    pub stride: usize,
}

/// Computes a block of the given rows and columns.
pub type Run<E> = unsafe fn(&Factors<'_, E>, usize, usize, Sums);

/// One way to compute a block.
pub struct Kernel<E: 'static> {
    /// Its name, for tests and benches.
    pub name: &'static str,
    /// The rows of a full block, at most [`MAX_ROWS`].
    pub rows: usize,
    /// A is read, and sums are written, in whole groups of this many rows, so that many must be there.
    pub row_group: usize,
    /// Prepares this thread, before any `run`.
    pub(super) enter: fn(),
    /// Undoes `enter`.
    pub(super) leave: fn(),
    pub(super) run: Run<E>,
}

impl<E: Element> Kernel<E> {
    /// Makes this thread ready to run blocks until the guard is dropped.
    pub fn enter(&'static self) -> Session<E> {
        (self.enter)();
        Session(self, PhantomData)
    }
}

/// A kernel this thread is ready to run, and no other; so it stays on it.
pub struct Session<E: 'static>(&'static Kernel<E>, PhantomData<*const ()>);

impl<E: Element> Session<E> {
    /// The rows of a full block.
    pub fn rows(&self) -> usize {
        self.0.rows
    }

    /// Computes one block into the first `rows` rows and `columns` columns of `sums`; what else is in these rows, and in those
    /// that fill up the kernel's `row_group`, is unspecified.
    ///
    /// # Panics
    /// If `sums` has fewer rows.
    ///
    /// # Safety
    /// On this thread no other session was begun and ended since this one began. `rows` is in 1..=`self.rows()`, `columns`
    /// in 1..=`PANEL`. Words of a row of A or of a column are neighbours. For each shift, `length` elements are readable from
    /// the start of each of the rows of A, `rows` rounded up to the kernel's `row_group`; and B is readable as stated.
    #[inline]
    pub unsafe fn run(&self, factors: &Factors<'_, E>, rows: usize, columns: usize, sums: &mut [Row]) {
        assert!(sums.len() >= rows.next_multiple_of(self.0.row_group));
        // SAFETY: passed on to the caller; the rows are there and a panel wide.
        unsafe {
            self.run_to(factors, rows, columns, Sums { first: sums.as_mut_ptr().cast(), stride: PANEL })
        }
    }

    /// Whether a whole panel of sums may go where rows are not [`PANEL`] apart, and nothing else is written.
    pub fn takes_any_stride(&self) -> bool {
        self.0.row_group == 1
    }

    /// As [`Session::run`].
    ///
    /// # Safety
    /// As [`Session::run`]; `rows` rounded up to the kernel's `row_group` rows of [`PANEL`] places are ours, as far apart as
    /// the kernel takes.
    #[inline]
    pub unsafe fn run_to(&self, factors: &Factors<'_, E>, rows: usize, columns: usize, sums: Sums) {
        let columns_together = self.0.row_group == 1 && factors.row_stride == E::GROUP;
        debug_assert!(columns_together || factors.step == E::GROUP);
        debug_assert!(sums.stride == PANEL || self.takes_any_stride());
        debug_assert!((1..=self.0.rows).contains(&rows) && (1..=PANEL).contains(&columns));
        // SAFETY: passed on to the caller; the kernel was listed, so the processor has its instructions.
        unsafe { (self.0.run)(factors, rows, columns, sums) }
    }
}

impl<E> Drop for Session<E> {
    fn drop(&mut self) {
        (self.0.leave)();
    }
}

/// A register of f32 sums, and the products that add to it.
pub(super) trait Register: Copy {
    /// The format of the factors.
    type Element: Element;
    /// Sums in a register.
    const LANES: usize;

    unsafe fn zero() -> Self;
    /// The word (`GROUP` elements) at `a`, unaligned, in every lane.
    unsafe fn splat(a: *const Self::Element) -> Self;
    /// `LANES` words, unaligned.
    unsafe fn load(b: *const Self::Element) -> Self;
    /// `self + a·b`, lane by lane.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// Asks for the two cache lines at `b`, which need not be memory.
    unsafe fn prefetch(b: *const Self::Element);
    /// Writes `LANES` sums.
    unsafe fn store(self, to: *mut f32);
}

/// Steps of the sum that packed B is asked for ahead of its use.
const PREFETCH: usize = 8;

/// Steps of the sum that are written out one after another, so that counting takes fewer instructions. Where another thread has the
/// other half of the core, instructions are what there is least of.
const UNROLL: usize = 4;

/// A block of `ROWS` rows and `COLUMNS` registers. `column` is the first column within the panel.
///
/// # Safety
/// As [`Session::run`], and the caller has the instructions of `V` enabled.
#[inline(always)]
pub(super) unsafe fn block<V: Register, const ROWS: usize, const COLUMNS: usize>(
    factors: &Factors<'_, V::Element>,
    column: usize,
    out: Sums,
) {
    let group = <V::Element as Element>::GROUP;
    // One of the two distances is known here, which leaves half of the addresses to the instructions that read them.
    // SAFETY: the caller's promise.
    let sums = unsafe {
        if factors.step == group {
            block_sums::<V, ROWS, COLUMNS>(factors, column, factors.row_stride, group)
        } else {
            block_sums::<V, ROWS, COLUMNS>(factors, column, group, factors.step)
        }
    };
    for (i, sums) in sums.iter().enumerate() {
        for (j, sum) in sums.iter().enumerate() {
            // SAFETY: the caller has ROWS rows of sums, and column + COLUMNS * LANES <= PANEL.
            unsafe { sum.store(out.first.add(i * out.stride + column + j * V::LANES)) };
        }
    }
}

/// The sums of [`block`]. Rows of A are `stride` apart, words of a row `step`.
///
/// # Safety
/// As [`block`].
#[inline(always)]
unsafe fn block_sums<V: Register, const ROWS: usize, const COLUMNS: usize>(
    factors: &Factors<'_, V::Element>,
    column: usize,
    stride: usize,
    step: usize,
) -> [[V; COLUMNS]; ROWS] {
    let group = <V::Element as Element>::GROUP;
    let steps = factors.length / group;
    // SAFETY: the caller promises that A and the panel are readable for these shifts and lengths.
    unsafe {
        let mut sums = [[V::zero(); COLUMNS]; ROWS];
        let mut b = factors.b.add(column * group);
        for &shift in factors.shifts {
            let mut a = factors.a.add(shift);
            for _ in 0..steps / UNROLL {
                add_steps::<V, ROWS, COLUMNS, UNROLL>(&mut sums, a, stride, step, b);
                a = a.wrapping_add(UNROLL * step);
                b = b.wrapping_add(UNROLL * PANEL * group);
            }
            for _ in 0..steps % UNROLL {
                add_steps::<V, ROWS, COLUMNS, 1>(&mut sums, a, stride, step, b);
                a = a.wrapping_add(step);
                b = b.wrapping_add(PANEL * group);
            }
        }
        sums
    }
}

/// Adds `STEPS` steps of the sum, whose words begin at `a` and `b`.
///
/// # Safety
/// As [`block`].
#[inline(always)]
unsafe fn add_steps<V: Register, const ROWS: usize, const COLUMNS: usize, const STEPS: usize>(
    sums: &mut [[V; COLUMNS]; ROWS],
    a: *const V::Element,
    stride: usize,
    step: usize,
    b: *const V::Element,
) {
    let row = PANEL * <V::Element as Element>::GROUP;
    for k in 0..STEPS {
        // SAFETY: the caller's promise.
        unsafe {
            V::prefetch(b.wrapping_add((k + PREFETCH) * row));
            let mut factor = [V::zero(); COLUMNS];
            for (j, factor) in factor.iter_mut().enumerate() {
                *factor = V::load(b.add(k * row + j * V::LANES * (row / PANEL)));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let word = V::splat(a.add(i * stride + k * step));
                for (sum, factor) in sums.iter_mut().zip(factor) {
                    *sum = sum.add_product(word, factor);
                }
            }
        }
    }
}

/// A block of up to `MAX` rows, in steps of two registers of columns.
///
/// # Safety
/// As [`block`], for `rows` rows.
macro_rules! run_blocks {
    ($register:ty, $factors:expr, $rows:expr, $columns:expr, $sums:expr, [$($n:literal)*]) => {{
        let (factors, rows, columns, sums) = ($factors, $rows, $columns, $sums);
        let lanes = <$register as $crate::kernels::tile::Register>::LANES;
        let mut column = 0;
        while column < columns {
            let wide = columns - column > lanes;
            // SAFETY: the caller's promise; a wide block has 2 * lanes columns and PANEL is a multiple of that.
            unsafe {
                match (rows, wide) {
                    $(
                        ($n, true) => $crate::kernels::tile::block::<$register, $n, 2>(factors, column, sums),
                        ($n, false) => $crate::kernels::tile::block::<$register, $n, 1>(factors, column, sums),
                    )*
                    _ => unreachable!("more rows than the kernel takes"),
                }
            }
            column += 2 * lanes;
        }
    }};
}
pub(super) use run_blocks;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::element::Bf16;
    use crate::kernels::test_value as value;

    /// Every kernel of a format against sums in f64, for every number of rows and odd widths.
    fn check<E: Element>(length: usize, bound: f64) {
        /// From a row of sums to the next, where they are not those of a tile.
        const STRIDE: usize = PANEL + 3;
        let exact = |x: f32| f64::from(x);
        let (shifts, stride) = ([5, 0, 2 * length], 3 * length + 7);
        let a: Vec<E> = (0..(MAX_ROWS + 4) * stride).map(|i| E::from_f32(value(i))).collect();
        let b: Vec<E> = (0..3 * length * PANEL).map(|i| E::from_f32(value(i + 1))).collect();
        // Both value(i) are multiples of 1/128 below 1, so bf16 holds them exactly.
        let sum = |m: usize, n: usize| -> f64 {
            let terms = (0..3 * length).map(|k| {
                let word = (k / E::GROUP * PANEL + n) * E::GROUP + k % E::GROUP;
                exact(value(m * stride + shifts[k / length] + k % length)) * exact(value(word + 1))
            });
            terms.sum()
        };
        // The same with the words of a column together.
        let step = MAX_ROWS * E::GROUP;
        let words = (0..3 * length).step_by(E::GROUP).flat_map(|k| (0..MAX_ROWS).map(move |m| (k, m)));
        let turned: Vec<E> = words
            .flat_map(|(k, m)| (0..E::GROUP).map(move |i| m * stride + shifts[k / length] + k % length + i))
            .map(|place| E::from_f32(value(place)))
            .collect();
        let turned_shifts = [0, 1, 2].map(|s| s * length / E::GROUP * step);
        let b = b.as_ptr();
        let rows = Factors { a: a.as_ptr(), row_stride: stride, step: E::GROUP, shifts: &shifts, length, b };
        let columns =
            Factors { a: turned.as_ptr(), row_stride: E::GROUP, step, shifts: &turned_shifts, length, b };
        for kernel in E::kernels() {
            let session = kernel.enter();
            let layouts = if kernel.row_group == 1 { &[rows, columns][..] } else { &[rows] };
            for (factors, rows) in
                layouts.iter().flat_map(|factors| (1..=kernel.rows).map(move |r| (factors, r)))
            {
                for columns in [1, 8, 16, 17, 32] {
                    let mut tile = Tile::zero();
                    // SAFETY: A has more rows than any row group, each longer than the last shift and the length, or as many
                    // as there are in a block, of three lengths; B has three lengths of rows.
                    unsafe { session.run(factors, rows, columns, &mut tile.0) };
                    if columns == PANEL && session.takes_any_stride() {
                        let mut apart = [f32::NAN; MAX_ROWS * STRIDE];
                        let to = Sums { first: apart.as_mut_ptr(), stride: STRIDE };
                        // SAFETY: as above, and there are as many rows as any block has.
                        unsafe { session.run_to(factors, rows, columns, to) };
                        for (m, apart) in apart.chunks_exact(STRIDE).enumerate() {
                            let (sums, between) = apart.split_at(PANEL);
                            assert!(if m < rows { sums == tile.0[m] } else { sums[0].is_nan() });
                            assert!(between.iter().all(|x| x.is_nan()));
                        }
                    }
                    for m in 0..rows {
                        for n in 0..columns {
                            let error = (exact(tile.0[m][n]) - sum(m, n)).abs();
                            assert!(
                                error < bound,
                                "{} {rows}x{columns}: {m},{n} off by {error}",
                                kernel.name
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn single_kernels_agree() {
        assert_eq!(<f32 as Element>::kernels().last().unwrap().name, "portable");
        check::<f32>(21, 1e-5);
    }

    #[test]
    fn half_kernels_agree() {
        check::<Bf16>(64, 1e-4);
    }
}
