//! Image restoration with a pre-trained image processing transformer (IPT).
#![warn(missing_docs)]
