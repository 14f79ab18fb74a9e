//! The two number formats that products are taken in.

use super::tile::Kernel;

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

    /// Rounds `GROUP` rows of equal length and interleaves them. Missing rows are zeros.
    fn interleave(rows: &[&[f32]], to: &mut [Self]);

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

    fn from_f32(value: f32) -> Self {
        value
    }

    fn view(values: &[f32]) -> Option<&[Self]> {
        Some(values)
    }

    fn convert(from: &[f32], to: &mut [Self]) {
        to.copy_from_slice(from);
    }

    fn interleave(rows: &[&[f32]], to: &mut [Self]) {
        to.copy_from_slice(rows[0]);
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

    fn from_f32(value: f32) -> Self {
        Self(Self::round(value))
    }

    fn view(_: &[f32]) -> Option<&[Self]> {
        None
    }

    fn convert(from: &[f32], to: &mut [Self]) {
        convert(from, to);
    }

    fn interleave(rows: &[&[f32]], to: &mut [Self]) {
        interleave(rows[0], rows.get(1).copied(), to);
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
    fn interleave(first: &[f32], second: Option<&[f32]>, to: &mut [Bf16]) {
        assert_eq!(2 * first.len(), to.len());
        match second {
            Some(second) => {
                for ((to, a), b) in to.chunks_exact_mut(2).zip(first).zip(second) {
                    to[0].0 = Bf16::round(*a);
                    to[1].0 = Bf16::round(*b);
                }
            }
            None => {
                for (to, a) in to.chunks_exact_mut(2).zip(first) {
                    to[0].0 = Bf16::round(*a);
                    to[1].0 = 0;
                }
            }
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
