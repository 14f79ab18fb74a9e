//! In which numbers products are computed.

/// The number format of the factors in convolutions, linear layers and attention.
///
/// Sums, weights, activations and gradients are f32 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// 24 significant bits.
    F32,
    /// 8 significant bits; several times faster where the processor multiplies bf16.
    Bf16,
}
