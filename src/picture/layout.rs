//! What a pixel consists of, and the two depths of a sample.

/// Which samples a pixel has, in this order, interleaved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Luminance.
    Grey,
    /// Luminance, then opacity.
    GreyAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, then opacity.
    Rgba,
}

impl Layout {
    /// Samples in a pixel, opacity included.
    pub fn channels(self) -> usize {
        self.colours() + usize::from(self.has_alpha())
    }

    /// Samples in a pixel, without opacity: 1 or 3.
    pub fn colours(self) -> usize {
        match self {
            Layout::Grey | Layout::GreyAlpha => 1,
            Layout::Rgb | Layout::Rgba => 3,
        }
    }

    /// Whether the last sample is opacity.
    pub fn has_alpha(self) -> bool {
        matches!(self, Layout::GreyAlpha | Layout::Rgba)
    }
}

/// A sample of 8 or 16 bits, for work that is the same on both.
pub trait Sample: Copy + Default + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// Full brightness or opacity: 255 or 65535.
    const MAX: f64;
    /// One step of the 0..255 scale: 1 or 257.
    const STEP: f32;

    /// The value.
    fn to_f64(self) -> f64;
    /// The value; exact, as an `f32` holds 24 bits.
    fn to_f32(self) -> f32;
    /// The nearest sample: halves go up, values outside 0..=MAX to its ends.
    fn round(value: f64) -> Self;
    /// The nearest sample: halves go up, values outside 0..=MAX to its ends.
    fn round_f32(value: f32) -> Self;
    /// The samples of a picture.
    fn wrap(samples: Vec<Self>) -> Samples;
    /// The samples again, if they are of this depth.
    fn unwrap(samples: Samples) -> Option<Vec<Self>>;
}

macro_rules! sample {
    ($type:ty, $step:expr, $variant:ident) => {
        impl Sample for $type {
            const MAX: f64 = <$type>::MAX as f64;
            const STEP: f32 = $step;

            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            fn to_f32(self) -> f32 {
                f32::from(self)
            }
            // Truncation after adding a half rounds halves up, as all that is below 0 becomes 0;
            // going by way of i32 lets the compiler vectorise.
            fn round(value: f64) -> Self {
                ((value + 0.5) as i32).clamp(0, <$type>::MAX as i32) as $type
            }
            fn round_f32(value: f32) -> Self {
                ((value + 0.5) as i32).clamp(0, <$type>::MAX as i32) as $type
            }
            fn wrap(samples: Vec<Self>) -> Samples {
                Samples::$variant(samples)
            }
            fn unwrap(samples: Samples) -> Option<Vec<Self>> {
                match samples {
                    Samples::$variant(samples) => Some(samples),
                    _ => None,
                }
            }
        }
    };
}

sample!(u8, 1.0, Eight);
sample!(u16, 257.0, Sixteen);

/// The samples of a picture: rows from the top, pixels from the left, channels interleaved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    /// 0..=255.
    Eight(Vec<u8>),
    /// 0..=65535.
    Sixteen(Vec<u16>),
}

impl Samples {
    /// How many samples there are, over all pixels and channels.
    pub fn len(&self) -> usize {
        match self {
            Samples::Eight(samples) => samples.len(),
            Samples::Sixteen(samples) => samples.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The nearest 8-bit sample to a 16-bit one.
pub(super) fn narrow(sample: u16) -> u8 {
    ((u32::from(sample) + 128) / 257) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_up_and_ends_hold() {
        assert_eq!([-1e9, -0.5, 0.49, 0.5, 1.5, 254.5, 1e9].map(u8::round), [0, 0, 0, 1, 2, 255, 255]);
        assert_eq!([-1e9, 0.5, 65534.5, 1e9].map(u16::round_f32), [0, 1, 65535, 65535]);
    }

    #[test]
    fn narrowing_undoes_widening() {
        for sample in 0..=255u8 {
            assert_eq!(narrow(u16::from(sample) * 257), sample);
        }
        assert_eq!((narrow(128), narrow(129)), (0, 1));
    }
}
