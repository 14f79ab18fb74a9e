//! Transposition of 32-bit words, by which rows become packed factors.

use super::element::Element;
use super::tile::PANEL;

/// Words of a side of a block: a 512-bit register.
pub const SIDE: usize = 16;

/// A square of words.
pub type Block = [[u32; SIDE]; SIDE];

/// Exchanges rows and columns.
#[inline]
fn transpose(block: &mut Block) {
    #[cfg(target_arch = "x86_64")]
    match super::isa::level() {
        // SAFETY: the processor has these instructions.
        super::isa::Level::Avx512 => return unsafe { super::avx512::transpose(block) },
        // SAFETY: as above.
        super::isa::Level::Avx2 => return unsafe { super::avx2::transpose(block) },
        super::isa::Level::Portable => (),
    }
    *block = std::array::from_fn(|i| std::array::from_fn(|j| block[j][i]));
}

/// Copies columns of a matrix to rows: row m of `to` is column m of the `length` rows `source[k * stride..][..count]`,
/// followed by zeros up to a multiple of `E::MULTIPLE`. `word` makes a word of `E::GROUP` neighbours.
#[inline(always)]
fn columns_to_rows<E: Element, S: Copy + Default>(
    count: usize,
    length: usize,
    source: &[S],
    stride: usize,
    to: &mut [E],
    to_stride: usize,
    word: impl Fn(S, S) -> u32,
) {
    let depth = E::padded(length);
    let step = SIDE * E::GROUP;
    let mut block: Block = [[0; SIDE]; SIDE];
    for k0 in (0..depth).step_by(step) {
        for m0 in (0..count).step_by(SIDE) {
            let width = SIDE.min(count - m0);
            for (i, words) in block.iter_mut().enumerate() {
                let row = |k: usize| (k < length).then(|| &source[k * stride + m0..][..width]);
                let k = k0 + i * E::GROUP;
                load(row(k), if E::GROUP > 1 { row(k + 1) } else { None }, words, &word);
            }
            transpose(&mut block);
            let kept = step.min(depth - k0);
            for (m, words) in block[..width].iter().enumerate() {
                let to = &mut to[(m0 + m) * to_stride + k0..][..kept];
                match kept == step {
                    true => to[..step].copy_from_slice(E::of_words(words)),
                    false => to.copy_from_slice(&E::of_words(words)[..kept]),
                }
            }
        }
    }
}

#[inline(always)]
fn load<S: Copy + Default>(
    first: Option<&[S]>,
    second: Option<&[S]>,
    words: &mut [u32; SIDE],
    make: impl Fn(S, S) -> u32,
) {
    let full = |row: Option<&[S]>| {
        let mut all = [S::default(); SIDE];
        match row.map(|row| row.as_array::<SIDE>().ok_or(row)) {
            Some(Ok(row)) => all = *row,
            Some(Err(row)) => all[..row.len()].copy_from_slice(row),
            None => (),
        }
        all
    };
    let (first, second) = (full(first), full(second));
    for ((word, first), second) in words.iter_mut().zip(first).zip(second) {
        *word = make(first, second);
    }
}

dispatch! {
    /// Copies columns of a matrix to rows of A, padded with zeros: row m is column m of the `length` rows
    /// `source[k * stride..][..count]`.
    pub fn transposed<E: Element>(count: usize, length: usize, source: &[f32], stride: usize, to: &mut [E], to_stride: usize) {
        columns_to_rows(count, length, source, stride, to, to_stride, E::word);
    }
}

dispatch! {
    /// As [`transposed`], of elements.
    pub fn elements_transposed<E: Element>(count: usize, length: usize, source: &[E], stride: usize, to: &mut [E], to_stride: usize) {
        columns_to_rows(count, length, source, stride, to, to_stride, E::join);
    }
}

dispatch! {
    /// Packs the panel whose columns are the given `columns` rows of a matrix: column n is
    /// `source[n * stride..][..length]`.
    pub fn panel_from_columns<E: Element>(length: usize, columns: usize, source: &[f32], stride: usize, to: &mut [E]) {
        let depth = E::padded(length);
        let step = SIDE * E::GROUP;
        let mut block: Block = [[0; SIDE]; SIDE];
        for k0 in (0..depth).step_by(step) {
            let known = step.min(length.saturating_sub(k0));
            let kept = step.min(depth - k0) / E::GROUP;
            for n0 in (0..PANEL).step_by(SIDE) {
                for (n, words) in block.iter_mut().enumerate() {
                    let mut values = [0.0; 2 * SIDE];
                    if n0 + n < columns {
                        let from = &source[(n0 + n) * stride + k0..][..known];
                        match from.len() == step {
                            true => values[..step].copy_from_slice(&from[..step]),
                            false => values[..known].copy_from_slice(from),
                        }
                    }
                    for (word, pair) in words.iter_mut().zip(values.chunks_exact(E::GROUP)) {
                        *word = E::word(pair[0], pair[E::GROUP - 1]);
                    }
                }
                transpose(&mut block);
                for (k, words) in block[..kept].iter().enumerate() {
                    let at = ((k0 / E::GROUP + k) * PANEL + n0) * E::GROUP;
                    to[at..][..step].copy_from_slice(E::of_words(words));
                }
            }
        }
    }
}

dispatch! {
    /// Packs a panel as [`super::pack::panel_from_rows`] does, of rows that are elements already: row k is
    /// `source[k * stride..][..columns]`.
    pub fn panel_of_elements<E: Element>(length: usize, columns: usize, source: &[E], stride: usize, to: &mut [E]) {
        let row = |k: usize| {
            let mut all = [E::default(); PANEL];
            if k < length {
                all[..columns].copy_from_slice(&source[k * stride..][..columns]);
            }
            all
        };
        for (step, to) in to.chunks_exact_mut(PANEL * E::GROUP).enumerate() {
            let (k, last) = (step * E::GROUP, step * E::GROUP + E::GROUP - 1);
            let whole = |k: usize| source[k * stride..].first_chunk::<PANEL>();
            match (last < length && columns == PANEL).then(|| (whole(k), whole(last))) {
                Some((Some(first), Some(second))) => E::pair(first, second, to),
                _ => E::pair(&row(k), &row(last), to),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        let mut block: Block = std::array::from_fn(|i| std::array::from_fn(|j| (100 * i + j) as u32));
        transpose(&mut block);
        for (i, row) in block.iter().enumerate() {
            for (j, word) in row.iter().enumerate() {
                assert_eq!(*word, (100 * j + i) as u32);
            }
        }
    }
}
