//! Directories of tagged fields, of which TIFF files and EXIF blocks consist.

use std::borrow::Cow;

/// Kinds of values that are written here.
pub(super) const BYTE: u16 = 1;
pub(super) const SHORT: u16 = 3;
pub(super) const LONG: u16 = 4;
pub(super) const RATIONAL: u16 = 5;
pub(super) const UNDEFINED: u16 = 7;

/// Tags that several modules know.
pub(super) mod tag {
    pub const PHOTOMETRIC: u16 = 0x0106;
    pub const ORIENTATION: u16 = 0x0112;
    pub const EXTRA_SAMPLES: u16 = 0x0152;
    pub const XMP: u16 = 700;
    pub const ICC: u16 = 34675;
}

/// Which byte of a number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub fn short(self, value: u16) -> [u8; 2] {
        if self == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    pub fn long(self, value: u32) -> [u8; 4] {
        if self == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn number(self, bytes: &[u8]) -> u64 {
        let add = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
        if self == Order::Little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
    }
}

/// Bytes in which directories lie at places counted from their beginning.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    pub order: Order,
    /// BigTIFF: places and counts have 64 bits.
    pub big: bool,
}

/// A directory as it is found; fields whose value lies outside the bytes are left out.
pub(super) struct Listing<'a> {
    pub fields: Vec<Field<'a>>,
    /// Where the next directory begins; 0 if there is none.
    pub next: u64,
    /// Where that is written.
    pub next_at: usize,
}

/// A field of a directory.
pub(super) struct Field<'a> {
    pub tag: u16,
    pub kind: u16,
    pub value: &'a [u8],
    order: Order,
    /// Where the field is, not its value.
    pub at: usize,
    /// Where its value is.
    pub value_at: usize,
}

impl<'a> Listing<'a> {
    /// The first field with this tag.
    pub fn field(&self, tag: u16) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.tag == tag)
    }

    /// The number in it.
    pub fn number(&self, tag: u16) -> Option<u64> {
        self.field(tag)?.number()
    }
}

impl Field<'_> {
    /// The first of the values, if they are whole numbers without sign.
    pub fn number(&self) -> Option<u64> {
        let size = matches!(self.kind, 1 | 3 | 4 | 13 | 16 | 18).then(|| size(self.kind)).flatten()?;
        Some(self.order.number(self.value.get(..size)?))
    }
}

/// Bytes of one value of a kind; none of a kind that is not known.
fn size(kind: u16) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16 | 17 | 18 => Some(8),
        _ => None,
    }
}

impl<'a> Reader<'a> {
    /// The reader, and where the first directory begins.
    pub fn new(bytes: &'a [u8]) -> Option<(Self, u64)> {
        let order = match bytes.get(..2)? {
            b"II" => Order::Little,
            b"MM" => Order::Big,
            _ => return None,
        };
        let reader = |big| Reader { bytes, order, big };
        match order.number(bytes.get(2..4)?) {
            42 => Some((reader(false), order.number(bytes.get(4..8)?))),
            43 => Some((reader(true), order.number(bytes.get(8..16)?))),
            _ => None,
        }
    }

    /// The directory that begins at `at`.
    pub fn directory(&self, at: u64) -> Option<Listing<'a>> {
        let (count_size, field_size, place_size) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let start = usize::try_from(at).ok()?;
        let count = usize::try_from(self.number(start, count_size)?).ok()?;
        let (first, length) = (start.checked_add(count_size)?, count.checked_mul(field_size)?);
        // Also keeps an invented count from costing time.
        let next_at = first.checked_add(length).filter(|&end| end <= self.bytes.len())?;
        // Some files end here.
        let next = self.number(next_at, place_size).unwrap_or(0);
        let places = (first..next_at).step_by(field_size);
        let fields: Vec<Field> = places.filter_map(|at| self.field(at, place_size)).collect();
        // Values do not overlap, unless someone wants many copies made of a long one.
        let total: usize = fields.iter().map(|field| field.value.len()).sum();
        (total <= self.bytes.len()).then_some(Listing { fields, next, next_at })
    }

    fn field(&self, at: usize, place_size: usize) -> Option<Field<'a>> {
        let short = |at| Some(self.number(at, 2)? as u16);
        let (tag, kind) = (short(at)?, short(at + 2)?);
        let count = usize::try_from(self.number(at + 4, place_size)?).ok()?;
        let length = count.checked_mul(size(kind)?)?;
        let inside = at + 4 + place_size;
        // There is room for a place even where the value is shorter.
        let place = usize::try_from(self.number(inside, place_size)?).ok()?;
        let value_at = if length <= place_size { inside } else { place };
        let value = self.bytes.get(value_at..value_at.checked_add(length)?)?;
        Some(Field { tag, kind, value, order: self.order, at, value_at })
    }

    fn number(&self, at: usize, size: usize) -> Option<u64> {
        Some(self.order.number(self.bytes.get(at..at.checked_add(size)?)?))
    }
}

/// The beginning of a file or block; at 4 the place of the first directory is to be written.
pub(super) fn header(order: Order) -> [u8; 8] {
    let mark = if order == Order::Little { b"II" } else { b"MM" };
    let [high, low] = order.short(42);
    [mark[0], mark[1], high, low, 0, 0, 0, 0]
}

/// A field to be written.
pub(super) struct Entry<'a> {
    pub tag: u16,
    pub value: Value<'a>,
}

pub(super) enum Value<'a> {
    /// Of a kind, in the order of the file.
    Plain(u16, Cow<'a, [u8]>),
    /// Another directory; the field holds its place.
    Directory(Vec<Entry<'a>>),
}

impl<'a> Entry<'a> {
    pub fn plain(tag: u16, kind: u16, value: impl Into<Cow<'a, [u8]>>) -> Self {
        Entry { tag, value: Value::Plain(kind, value.into()) }
    }
}

/// Appends a directory, behind all that it refers to, and returns where it is; nothing when that
/// is more than 32 bits can say.
pub(super) fn write(file: &mut Vec<u8>, order: Order, mut entries: Vec<Entry>) -> Option<u32> {
    entries.sort_by_key(|entry| entry.tag);
    let mut fields = Vec::with_capacity(entries.len() * 12);
    let count = u16::try_from(entries.len()).ok()?;
    for Entry { tag, value } in entries {
        let (kind, value) = match value {
            Value::Plain(kind, value) => (kind, value),
            Value::Directory(entries) => {
                let place = write(file, order, entries)?;
                (LONG, Cow::from(order.long(place).to_vec()))
            }
        };
        let mut inside = value.to_vec();
        if value.len() > 4 {
            inside = order.long(append(file, &value)?).to_vec();
        }
        inside.resize(4, 0);
        fields.extend(order.short(tag));
        fields.extend(order.short(kind));
        fields.extend(order.long(u32::try_from(value.len() / size(kind)?).ok()?));
        fields.extend(inside);
    }
    append(file, &[&order.short(count)[..], &fields, &order.long(0)].concat())
}

/// Appends bytes at an even place, as the standard wants it.
fn append(file: &mut Vec<u8>, bytes: &[u8]) -> Option<u32> {
    file.resize(file.len().next_multiple_of(2), 0);
    let place = u32::try_from(file.len()).ok()?;
    file.extend_from_slice(bytes);
    u32::try_from(file.len()).ok()?;
    Some(place)
}
