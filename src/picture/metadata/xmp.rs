//! XMP packets: what in them is about the samples.
//!
//! A packet is edited as text, as it may be damaged and as most of it is not ours. The prefixes are
//! those that every program writes; under others the properties are left as they are.

/// Writes the sides where the packet has them.
pub(super) fn correct_sides(packet: &mut Vec<u8>, width: u32, height: u32) {
    for (name, side) in [
        ("tiff:ImageWidth", width),
        ("tiff:ImageLength", height),
        ("exif:PixelXDimension", width),
        ("exif:PixelYDimension", height),
    ] {
        set(packet, name, side);
    }
}

/// Says that the picture is upright, if the packet says anything about that.
pub(in crate::picture) fn make_upright(packet: &mut Vec<u8>) {
    set(packet, "tiff:Orientation", 1);
}

/// Sets a property, be it an attribute or an element, wherever it stands.
fn set(packet: &mut Vec<u8>, name: &str, value: u32) {
    let (mut edited, mut rest) = (Vec::new(), packet.as_slice());
    while let Some(found) = rest.windows(name.len()).position(|window| window == name.as_bytes()) {
        let (head, tail) = rest.split_at(found + name.len());
        edited.extend_from_slice(head);
        rest = tail;
        let before = match rest {
            [b'=', b'"' | b'\'', ..] => 2,
            [b'>', ..] => 1,
            _ => continue,
        };
        let digits = rest[before..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 && matches!(rest.get(before + digits), Some(b'"' | b'\'' | b'<')) {
            edited.extend_from_slice(&rest[..before]);
            edited.extend_from_slice(value.to_string().as_bytes());
            rest = &rest[before + digits..];
        }
    }
    edited.extend_from_slice(rest);
    *packet = edited;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_elements() {
        let mut packet = br#"<a tiff:ImageWidth="40" tiff:ImageLength='30' tiff:Orientation="6">
            <exif:PixelXDimension>40</exif:PixelXDimension><exif:PixelYDimension>x</exif:PixelYDimension>
            tiff:ImageWidth"#
            .to_vec();
        correct_sides(&mut packet, 1280, 9);
        make_upright(&mut packet);
        let expected = r#"<a tiff:ImageWidth="1280" tiff:ImageLength='9' tiff:Orientation="1">
            <exif:PixelXDimension>1280</exif:PixelXDimension><exif:PixelYDimension>x</exif:PixelYDimension>
            tiff:ImageWidth"#;
        assert_eq!(String::from_utf8(packet).unwrap(), expected);
    }
}
