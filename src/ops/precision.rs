//! In which numbers products are computed.

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
