//! The fields of a header block.

/// Text of a list, in bytes.
const MAX_TEXT: usize = 128 << 10;
/// Fields of a list.
const MAX_FIELDS: usize = 1024;

/// The fields of a header block in their order, as many as there is room for: 1024 of them, with 128 KiB of text. To be used
/// again for the next block.
#[derive(Debug, Default)]
pub(in crate::http) struct List {
    pub(super) kept: Kept,
    /// Name and value of a literal, while it is read.
    pub(super) unpacked: [Vec<u8>; 2],
}

/// A field. What is `None` stands in a block that was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Decoded<'a> {
    /// As it was sent.
    pub(in crate::http) name: Option<&'a [u8]>,
    /// As it was sent.
    pub(in crate::http) value: Option<&'a [u8]>,
}

impl List {
    pub(in crate::http) fn fields(&self) -> impl Iterator<Item = Decoded<'_>> {
        self.kept.places.iter().map(|place| self.kept.field(*place))
    }

    /// Fields whose name or value is unknown.
    pub(in crate::http) fn unknown(&self) -> u64 {
        self.kept.unknown
    }

    /// There was no room for all of the fields: the last ones are missing.
    pub(in crate::http) fn is_truncated(&self) -> bool {
        self.kept.is_truncated
    }

    /// Empties it; room for more than one block may need is given back.
    pub(super) fn clear(&mut self) {
        let Kept { text, places, unknown, is_truncated } = &mut self.kept;
        text.clear();
        places.clear();
        (*unknown, *is_truncated) = (0, false);
        self.unpacked.iter_mut().for_each(|string| {
            string.clear();
            string.shrink_to(MAX_TEXT);
        });
    }
}

#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Names and values, one after the other.
    text: Vec<u8>,
    places: Vec<Place>,
    unknown: u64,
    is_truncated: bool,
}

/// Where a field is in the text: its name, and then its value.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u32,
    name: Option<u32>,
    value: Option<u32>,
}

impl Kept {
    pub(super) fn push(&mut self, field: Decoded<'_>) {
        let Decoded { name, value } = field;
        let len = |text: Option<&[u8]>| text.map_or(0, <[u8]>::len);
        self.is_truncated |= self.places.len() == MAX_FIELDS || len(name) + len(value) > MAX_TEXT - self.text.len();
        if self.is_truncated {
            return;
        }
        let start = self.text.len() as u32;
        self.text.extend_from_slice(name.unwrap_or_default());
        self.text.extend_from_slice(value.unwrap_or_default());
        self.places.push(Place { start, name: name.map(|name| name.len() as u32), value: value.map(|value| value.len() as u32) });
        self.unknown += u64::from(name.is_none() || value.is_none());
    }

    fn field(&self, place: Place) -> Decoded<'_> {
        let Place { start, name, value } = place;
        let middle = start + name.unwrap_or_default();
        let text = |start: u32, len: u32| self.text.get(start as usize..(start + len) as usize);
        Decoded { name: name.and_then(|len| text(start, len)), value: value.and_then(|len| text(middle, len)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(name: &'a [u8], value: &'a [u8]) -> Decoded<'a> {
        Decoded { name: Some(name), value: Some(value) }
    }

    #[test]
    fn keeps_what_is_known() {
        let mut list = List::default();
        let fields = [
            field(b"a", b"b"),
            Decoded { name: None, value: Some(b"c") },
            Decoded { name: Some(b"d"), value: None },
            Decoded { name: None, value: None },
            field(b"", b""),
        ];
        fields.into_iter().for_each(|field| list.kept.push(field));
        assert_eq!(list.fields().collect::<Vec<_>>(), fields);
        assert_eq!(list.unknown(), 3);
        list.clear();
        assert_eq!((list.fields().count(), list.unknown(), list.is_truncated()), (0, 0, false));
    }

    #[test]
    fn text_is_bounded() {
        let mut list = List::default();
        let half = vec![b'x'; MAX_TEXT / 2];
        list.kept.push(field(&half, b""));
        list.kept.push(field(b"a", &half[1..]));
        assert!(!list.is_truncated());
        list.kept.push(field(b"", b""));
        assert!(!list.is_truncated());
        list.kept.push(field(b"", b"b"));
        assert!(list.is_truncated());
        list.kept.push(field(b"", b""));
        assert_eq!((list.fields().count(), list.kept.text.len()), (3, MAX_TEXT));
    }

    #[test]
    fn fields_are_bounded() {
        let mut list = List::default();
        (0..MAX_FIELDS).for_each(|_| list.kept.push(field(b"", b"")));
        assert!(!list.is_truncated());
        list.kept.push(field(b"", b""));
        assert_eq!((list.fields().count(), list.is_truncated()), (MAX_FIELDS, true));
    }
}
