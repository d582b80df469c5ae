//! Values that were found to hold no secret: most fields say the same in every message, and need not be read again.
//!
//! Only what may be shown as it came is remembered, never what was hidden.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::RandomState;

/// As what a value was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Field,
    Target,
    Authority,
    Token,
}

/// A bounded memory: of the values that fall on one place, the last one.
pub(super) struct Harmless {
    /// Seeded at random, so that nobody can choose values that drive out each other.
    hasher: RandomState,
    places: RefCell<Box<[Place]>>,
}

#[derive(Clone, Debug, Default)]
struct Place {
    role: Option<Role>,
    /// Tells most others without a look at the bytes.
    hash: u64,
    name_len: usize,
    /// Name of the field and value, one after the other.
    bytes: Vec<u8>,
}

impl Harmless {
    const PLACES: usize = 512;
    /// Longer ones seldom come again.
    const MAX_BYTES: usize = 192;

    pub(super) fn new() -> Self {
        Self { hasher: RandomState::default(), places: RefCell::new(vec![Place::default(); Self::PLACES].into()) }
    }

    /// Appends what `mask` shows of a value; true when something was hidden.
    pub(super) fn show(&self, role: Role, name: &[u8], value: &[u8], out: &mut Vec<u8>, mask: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        if name.len() + value.len() > Self::MAX_BYTES {
            return mask(out);
        }
        let hash = self.hash(name, value);
        let place = &mut self.places.borrow_mut()[hash as usize % Self::PLACES];
        if place.hash == hash && place.holds(role, name, value) {
            out.extend_from_slice(value);
            return false;
        }
        let before = out.len();
        let hidden = mask(out);
        if !hidden && out[before..] == *value {
            place.keep(role, hash, name, value);
        }
        hidden
    }

    fn hash(&self, name: &[u8], value: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(name);
        hasher.write(value);
        hasher.finish()
    }
}

impl Place {
    fn holds(&self, role: Role, name: &[u8], value: &[u8]) -> bool {
        let Some((known_name, known)) = self.bytes.split_at_checked(self.name_len) else { return false };
        // An empty name has no address, and comparing no bytes there costs some processors a hundred nanoseconds.
        self.role == Some(role) && known == value && known_name.len() == name.len() && (name.is_empty() || known_name == name)
    }

    fn keep(&mut self, role: Role, hash: u64, name: &[u8], value: &[u8]) {
        self.role = Some(role);
        self.hash = hash;
        self.name_len = name.len();
        self.bytes.clear();
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown, and whether the value was read for it.
    fn show(harmless: &Harmless, role: Role, name: &[u8], value: &[u8], masked: &[u8]) -> (Vec<u8>, bool) {
        let (mut out, mut read) = (b"before ".to_vec(), false);
        let hidden = harmless.show(role, name, value, &mut out, |out| {
            read = true;
            out.extend_from_slice(masked);
            masked != value
        });
        assert_eq!(hidden, masked != value);
        (out, read)
    }

    #[test]
    fn reads_harmless_values_once() {
        let harmless = Harmless::new();
        assert_eq!(show(&harmless, Role::Field, b"accept", b"a/b", b"a/b"), (b"before a/b".to_vec(), true));
        assert_eq!(show(&harmless, Role::Field, b"accept", b"a/b", b"a/b"), (b"before a/b".to_vec(), false));
    }

    #[test]
    fn reads_again_what_held_a_secret() {
        let harmless = Harmless::new();
        for _ in 0..2 {
            assert_eq!(show(&harmless, Role::Field, b"token", b"abc", b"***"), (b"before ***".to_vec(), true));
        }
    }

    #[test]
    fn tells_names_from_values_and_roles_from_each_other() {
        let harmless = Harmless::new();
        show(&harmless, Role::Field, b"ab", b"c", b"c");
        for (role, name, value) in [(Role::Field, &b"a"[..], &b"bc"[..]), (Role::Field, b"", b"abc"), (Role::Target, b"ab", b"c")] {
            assert!(show(&harmless, role, name, value, value).1, "{role:?} {name:?} {value:?}");
        }
    }

    #[test]
    fn passes_on_long_values() {
        let value = [b'a'; Harmless::MAX_BYTES + 1];
        let harmless = Harmless::new();
        for _ in 0..2 {
            assert!(show(&harmless, Role::Field, b"", &value, &value).1);
        }
    }
}
