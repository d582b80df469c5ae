//! An entry of the dynamic table.

use std::sync::Arc;

/// Names that are copied: what is longer is shared by the entries that refer to it, so that a field of two bytes never costs
/// more than this.
const SHORT_NAME: usize = 64;
/// "The size of an entry is the sum of its name's length in octets (as defined in Section 5.2), its value's length in octets,
/// and 32." (RFC 7541 section 4.1)
pub(super) const OVERHEAD: usize = 32;

/// A field that was inserted. Its name may be unknown.
#[derive(Debug)]
pub(super) struct Entry {
    name: Name,
    /// The name, if it is kept here, and the value.
    text: Box<[u8]>,
}

#[derive(Clone, Debug)]
enum Name {
    Unknown,
    Static(&'static [u8]),
    /// So many bytes of the entry's text.
    Here(usize),
    Shared(Arc<[u8]>),
}

impl Entry {
    pub(super) fn new(name: &[u8], value: &[u8]) -> Self {
        if name.len() > SHORT_NAME {
            return Self { name: Name::Shared(name.into()), text: value.into() };
        }
        let mut text = Vec::with_capacity(name.len() + value.len());
        text.extend_from_slice(name);
        text.extend_from_slice(value);
        Self { name: Name::Here(name.len()), text: text.into() }
    }

    pub(super) fn of_static(name: &'static [u8], value: &[u8]) -> Self {
        Self { name: Name::Static(name), text: value.into() }
    }

    pub(super) fn of_unknown(value: &[u8]) -> Self {
        Self { name: Name::Unknown, text: value.into() }
    }

    /// One with the same name.
    pub(super) fn of_entry(&self, value: &[u8]) -> Self {
        match &self.name {
            Name::Here(_) => Self::new(self.name().unwrap_or_default(), value),
            name => Self { name: name.clone(), text: value.into() },
        }
    }

    /// `None` when it is unknown.
    pub(super) fn name(&self) -> Option<&[u8]> {
        match &self.name {
            Name::Unknown => None,
            Name::Static(name) => Some(name),
            Name::Here(len) => self.text.get(..*len),
            Name::Shared(name) => Some(name),
        }
    }

    pub(super) fn value(&self) -> &[u8] {
        let start = if let Name::Here(len) = self.name { len } else { 0 };
        self.text.get(start..).unwrap_or_default()
    }

    /// Size in the table, in bytes; the least it can be where the name is unknown.
    pub(super) fn size(&self) -> usize {
        self.name().map_or(0, <[u8]>::len) + self.value().len() + OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_in_one_way_or_another() {
        let long = [b'n'; SHORT_NAME + 1];
        for (entry, name, size) in [
            (Entry::new(b"name", b"value"), Some(&b"name"[..]), 41),
            (Entry::new(&long, b"value"), Some(&long), 102),
            (Entry::of_static(b"age", b"value"), Some(b"age"), 40),
            (Entry::of_unknown(b"value"), None, 37),
        ] {
            assert_eq!((entry.name(), entry.value(), entry.size()), (name, &b"value"[..], size));
            let other = entry.of_entry(b"");
            assert_eq!((other.name(), other.value(), other.size()), (name, &b""[..], size - 5));
        }
    }

    #[test]
    fn a_long_name_is_not_copied() {
        let entry = Entry::new(&[b'n'; SHORT_NAME + 1], b"");
        let other = entry.of_entry(b"");
        assert_eq!(entry.name().map(<[u8]>::as_ptr), other.name().map(<[u8]>::as_ptr));
    }
}
