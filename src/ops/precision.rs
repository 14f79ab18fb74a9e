//! In which numbers products are computed.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;

use crate::error::{Error, Result};
use crate::kernels::element::{Bf16, Element};

/// The number format of the factors in convolutions, linear layers and attention.
///
/// Sums, weights, activations and gradients are f32 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 24 significant bits.
    F32,
    /// 8 significant bits; several times faster where the processor multiplies bf16.
    /// Where it does not, products are taken in f32.
    Bf16,
}

impl Precision {
    /// Whether this processor multiplies numbers of this format.
    pub fn supported(self) -> bool {
        match self {
            Precision::F32 => true,
            Precision::Bf16 => !Bf16::kernels().is_empty(),
        }
    }

    /// The fastest supported format.
    pub fn auto() -> Self {
        if Precision::Bf16.supported() { Precision::Bf16 } else { Precision::F32 }
    }
}

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbers {
    /// The fastest that the processor has.
    #[default]
    Auto,
    /// See [`Precision::F32`].
    F32,
    /// See [`Precision::Bf16`].
    Bf16,
}

impl Numbers {
    /// The precision on `device`; on a GPU, where nothing is asked for, `usual`.
    ///
    /// # Errors
    /// When bf16 was asked for and the processor does not multiply it.
    pub fn on(self, device: &Device, usual: Precision) -> Result<Precision> {
        match self {
            Numbers::F32 => Ok(Precision::F32),
            Numbers::Bf16 if device.is_cpu() && !Precision::Bf16.supported() => {
                Err(Error::Usage("this processor does not multiply bf16".into()))
            }
            Numbers::Bf16 => Ok(Precision::Bf16),
            Numbers::Auto if device.is_cpu() => Ok(Precision::auto()),
            Numbers::Auto => Ok(usual),
        }
    }
}

impl From<Precision> for Numbers {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Numbers::F32,
            Precision::Bf16 => Numbers::Bf16,
        }
    }
}

impl FromStr for Numbers {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Numbers::Auto),
            "f32" => Ok(Numbers::F32),
            "bf16" => Ok(Numbers::Bf16),
            _ => Err(Error::Usage(format!("no precision '{text}': auto, f32 or bf16"))),
        }
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Numbers::Auto => "auto",
            Numbers::F32 => "f32",
            Numbers::Bf16 => "bf16",
        })
    }
}

/// Evaluates an expression with a type name bound to the element type of a [`Precision`].
macro_rules! with_element {
    ($precision:expr, $element:ident => $body:expr) => {
        if $precision == $crate::ops::Precision::Bf16 && $precision.supported() {
            type $element = $crate::kernels::element::Bf16;
            $body
        } else {
            type $element = f32;
            $body
        }
    };
}
pub(super) use with_element;
