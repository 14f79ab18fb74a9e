//! PNM, written here because the library's encoder has neither 16-bit PPM nor 16-bit grey with opacity.

use crate::picture::{Layout, Picture, Samples};

/// PGM and PPM, which every program reads, where they can hold the picture, else PAM.
pub(super) fn encode(picture: &Picture) -> Vec<u8> {
    let (width, height, depth) = (picture.width, picture.height, picture.layout.channels());
    let maxval = match picture.samples {
        Samples::Eight(_) => 255,
        Samples::Sixteen(_) => 65535,
    };
    let pam = |kind: &str| {
        format!(
            "P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {maxval}\nTUPLTYPE {kind}\nENDHDR\n"
        )
    };
    let header = match picture.layout {
        Layout::Grey => format!("P5\n{width} {height}\n{maxval}\n"),
        Layout::Rgb => format!("P6\n{width} {height}\n{maxval}\n"),
        Layout::GreyAlpha => pam("GRAYSCALE_ALPHA"),
        Layout::Rgba => pam("RGB_ALPHA"),
    };
    let mut file = header.into_bytes();
    match &picture.samples {
        Samples::Eight(samples) => file.extend_from_slice(samples),
        Samples::Sixteen(samples) => file.extend(samples.iter().flat_map(|sample| sample.to_be_bytes())),
    }
    file
}
