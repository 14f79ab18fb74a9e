//! The two number formats that products are taken in.

use super::output::{self, Gate};
use super::tile::{Kernel, PANEL, Tile};
#[cfg(target_arch = "x86_64")]
use super::{avx512, isa, isa::Level};

/// A number format of the factors of a product. Sums are always f32.
///
/// # Safety
/// Every bit pattern must be a valid value, and the size must divide four bytes.
pub unsafe trait Element: Copy + Default + Send + Sync + 'static {
    /// Elements in a 32-bit word: packed factors keep this many neighbours along the summed dimension together.
    const GROUP: usize;
    /// Packed factors are padded with zeros to a multiple of this along the summed dimension.
    const MULTIPLE: usize;

    /// Every way this machine can multiply this format, best first.
    fn kernels() -> &'static [&'static Kernel<Self>];

    /// The nearest value.
    fn from_f32(value: f32) -> Self;

    /// The slice itself, if it is in this format.
    fn view(values: &[f32]) -> Option<&[Self]>;

    /// Rounds a row.
    fn convert(from: &[f32], to: &mut [Self]);

    /// Rounds `GROUP` of two rows of equal length and interleaves them.
    fn interleave(rows: &[&[f32]; 2], to: &mut [Self]);

    /// The word of `GROUP` neighbours; where that is one, `second` is ignored.
    fn word(first: f32, second: f32) -> u32;

    /// The elements of words.
    #[inline(always)]
    fn of_words(words: &[u32]) -> &[Self] {
        // SAFETY: a word holds GROUP elements, no less aligned, and any bits are valid.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len() * Self::GROUP) }
    }

    /// The word of `GROUP` neighbours that are elements already; where that is one, `second` is ignored.
    fn join(first: Self, second: Self) -> u32;

    /// Interleaves `GROUP` of two rows.
    fn pair(first: &[Self; PANEL], second: &[Self; PANEL], to: &mut [Self]);

    /// As [`output::write_gated`], or better.
    fn write_gated(
        tile: &Tile,
        rows: usize,
        columns: usize,
        to: &mut [Self],
        stride: usize,
        gate: &Gate<'_, Self>,
    ) {
        output::write_gated(tile, rows, columns, to, stride, gate);
    }

    /// Whether it is above zero.
    fn positive(self) -> bool;

    /// The same number.
    fn to_f32(self) -> f32;

    /// `length` rounded up to what packed factors need.
    fn padded(length: usize) -> usize {
        length.next_multiple_of(Self::MULTIPLE)
    }
}

// SAFETY: four bytes, every bit pattern a number.
unsafe impl Element for f32 {
    const GROUP: usize = 1;
    const MULTIPLE: usize = 1;

    fn kernels() -> &'static [&'static Kernel<Self>] {
        super::backends::single()
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }

    fn view(values: &[f32]) -> Option<&[Self]> {
        Some(values)
    }

    #[inline(always)]
    fn convert(from: &[f32], to: &mut [Self]) {
        to.copy_from_slice(from);
    }

    #[inline(always)]
    fn interleave(rows: &[&[f32]; 2], to: &mut [Self]) {
        // Of a known length it is a few instructions and no call.
        match (rows[0].as_array::<PANEL>(), to.as_mut_array::<PANEL>()) {
            (Some(row), Some(to)) => *to = *row,
            _ => to.copy_from_slice(rows[0]),
        }
    }

    #[inline(always)]
    fn word(first: f32, _: f32) -> u32 {
        first.to_bits()
    }

    #[inline(always)]
    fn join(first: f32, _: f32) -> u32 {
        first.to_bits()
    }

    #[inline(always)]
    fn pair(first: &[f32; PANEL], _: &[f32; PANEL], to: &mut [f32]) {
        to.copy_from_slice(first);
    }

    #[inline(always)]
    fn positive(self) -> bool {
        self > 0.0
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }
}

/// bfloat16: the upper half of an f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Bf16(pub u16);

impl Bf16 {
    /// Round to nearest, ties to even; NaN stays NaN.
    #[inline(always)]
    fn round(value: f32) -> u16 {
        let bits = value.to_bits();
        let rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
        let nan = (bits >> 16) | 0x40;
        (if bits & 0x7fff_ffff > 0x7f80_0000 { nan } else { rounded }) as u16
    }
}

// SAFETY: two bytes, every bit pattern a number.
unsafe impl Element for Bf16 {
    const GROUP: usize = 2;
    /// A tile row holds 32.
    const MULTIPLE: usize = 32;

    fn kernels() -> &'static [&'static Kernel<Self>] {
        super::backends::half()
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        Self(Self::round(value))
    }

    fn view(_: &[f32]) -> Option<&[Self]> {
        None
    }

    fn convert(from: &[f32], to: &mut [Self]) {
        let mut done = 0;
        #[cfg(target_arch = "x86_64")]
        if isa::avx512_bf16() {
            // SAFETY: the processor has these instructions.
            done = unsafe { avx512::convert(from, to) };
        }
        if done < from.len() {
            convert(&from[done..], &mut to[done..]);
        }
    }

    fn interleave(rows: &[&[f32]; 2], to: &mut [Self]) {
        let [first, second] = *rows;
        let mut done = 0;
        #[cfg(target_arch = "x86_64")]
        if isa::avx512_bf16() {
            // SAFETY: the processor has these instructions.
            done = unsafe { avx512::interleave(first, second, to) };
        }
        if done < first.len() {
            interleave(&first[done..], &second[done..], &mut to[2 * done..]);
        }
    }

    #[inline(always)]
    fn word(first: f32, second: f32) -> u32 {
        Self::join(Self::from_f32(first), Self::from_f32(second))
    }

    #[inline(always)]
    fn join(first: Bf16, second: Bf16) -> u32 {
        u32::from(first.0) | u32::from(second.0) << 16
    }

    #[inline(always)]
    fn pair(first: &[Bf16; PANEL], second: &[Bf16; PANEL], to: &mut [Bf16]) {
        #[cfg(target_arch = "x86_64")]
        if let (Level::Avx512, Some(to)) = (isa::level(), to.as_mut_array()) {
            // SAFETY: the processor has these instructions.
            return unsafe { avx512::pair(first, second, to) };
        }
        for ((to, first), second) in to.chunks_exact_mut(2).zip(first).zip(second) {
            to.copy_from_slice(&[*first, *second]);
        }
    }

    fn write_gated(
        tile: &Tile,
        rows: usize,
        columns: usize,
        to: &mut [Self],
        stride: usize,
        gate: &Gate<'_, Self>,
    ) {
        #[cfg(target_arch = "x86_64")]
        if columns == PANEL && isa::avx512_bf16() {
            // SAFETY: the processor has these instructions.
            return unsafe { avx512::write_gated(tile, rows, to, stride, gate) };
        }
        output::write_gated(tile, rows, columns, to, stride, gate);
    }

    #[inline(always)]
    fn positive(self) -> bool {
        self.to_f32() > 0.0
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

dispatch! {
    fn convert(from: &[f32], to: &mut [Bf16]) {
        assert_eq!(from.len(), to.len());
        for (to, from) in to.iter_mut().zip(from) {
            to.0 = Bf16::round(*from);
        }
    }
}

dispatch! {
    fn interleave(first: &[f32], second: &[f32], to: &mut [Bf16]) {
        assert!(2 * first.len() == to.len() && first.len() == second.len());
        for ((to, a), b) in to.chunks_exact_mut(2).zip(first).zip(second) {
            to[0].0 = Bf16::round(*a);
            to[1].0 = Bf16::round(*b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_nearest_even_and_keeps_nan() {
        let bits = |x: f32| Bf16::from_f32(x).0;
        assert_eq!(bits(1.0), 0x3f80);
        assert_eq!(bits(f32::from_bits(0x3f80_8000)), 0x3f80);
        assert_eq!(bits(f32::from_bits(0x3f81_8000)), 0x3f82);
        assert_eq!(bits(f32::from_bits(0x3f80_8001)), 0x3f81);
        assert_eq!(bits(f32::INFINITY), 0x7f80);
        assert_eq!(bits(f32::MAX), 0x7f80);
        assert!(f32::from_bits(u32::from(bits(f32::from_bits(0x7f80_0001))) << 16).is_nan());
        assert_eq!(bits(-0.0), 0x8000);
    }
}
