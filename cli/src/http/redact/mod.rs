//! Decides what of a message may be shown, before anything is counted, stored or printed.
//!
//! What is secret is decided by rules: the name of a field or parameter (`names`), the shape of a string wherever
//! it stands (`scan`). A leaked secret is worse than a hidden id, so doubtful strings are hidden; what people read
//! to find their way (ids of requests, hosts, paths, versions, user agents) is named and kept.
//!
//! Escape sequences and invalid UTF-8 in what is shown are the renderer's to deal with.

mod about;
mod bytes;
mod cookie;
mod credentials;
mod field_name;
mod folded_name;
mod harmless;
mod labelled;
mod login;
mod mask;
mod names;
mod pair;
mod policy;
mod random;
mod scan;
mod scheme;
mod segments;
mod spoken;
mod subprotocol;
mod tag;
mod url;
mod vendor;
mod view;
mod words;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod leak_tests;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod readable_tests;
#[cfg(test)]
mod secret_tests;

use std::hash::Hasher;

use harmless::{Harmless, Role};
use mask::{Mask, STARS};
use names::Kind;
use scan::{Form, Scan};
pub(super) use url::authority_len;
use view::{Folds, View};

/// Whether secrets are hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Secrets become `***`.
    #[default]
    Mask,
    /// Everything is shown as it came.
    Off,
}

/// Shows values without their secrets.
pub struct Redactor {
    mode: Mode,
    key: [u64; 2],
    harmless: Harmless,
}

impl Redactor {
    /// `key` makes fingerprints useless to whoever does not know it: random for each run, or shared by runs whose
    /// fingerprints are to be compared.
    pub fn new(mode: Mode, key: [u64; 2]) -> Self {
        Self { mode, key, harmless: Harmless::new() }
    }

    /// Appends what may be shown of a field value to `out`; true when something was hidden.
    pub fn field_value(&self, name: &[u8], value: &[u8], out: &mut Vec<u8>) -> bool {
        self.masked(Role::Field, name, value, out, |value, out| match names::field(name) {
            Kind::Plain if name.first() == Some(&b':') => pseudo_field(name, value, out),
            Kind::Plain if name.eq_ignore_ascii_case(b"host") => authority(value, out),
            Kind::Plain if name.eq_ignore_ascii_case(b"sec-websocket-protocol") => subprotocol::mask(name, value, out),
            Kind::Plain => text(name, value, Form::Text, out),
            kind @ (Kind::Counter | Kind::About(_)) if kind.admits(value) => copy(value, out),
            kind @ Kind::Login if kind.admits(value) => text(name, value, Form::Text, out),
            Kind::Credentials => scheme::mask(value, out),
            Kind::Cookie => cookie::request(value, out),
            Kind::SetCookie => cookie::response(value, out),
            Kind::Counter | Kind::About(_) | Kind::Login | Kind::Secret => stars(value, out),
        })
    }

    /// Appends what may be shown of a request-target (RFC 9112 section 3.2) in any of its four forms.
    pub fn target(&self, value: &[u8], out: &mut Vec<u8>) -> bool {
        self.masked(Role::Target, b"", value, out, target)
    }

    /// Appends what may be shown of `Host` or `:authority`: no userinfo, no host label that is a token.
    pub fn authority(&self, value: &[u8], out: &mut Vec<u8>) -> bool {
        self.masked(Role::Authority, b"", value, out, authority)
    }

    /// Appends a method or a field name, which may itself have the shape of a secret.
    pub fn token(&self, token: &[u8], out: &mut Vec<u8>) -> bool {
        self.masked(Role::Token, b"", token, out, field_name::mask)
    }

    /// Whether every value of this field is secret.
    pub fn hides_name(&self, name: &[u8]) -> bool {
        self.mode == Mode::Mask && names::field(name).is_secret()
    }

    /// Keyed SipHash-2-4 of the whole value, hidden parts included, so that values can be told apart while masked.
    pub fn fingerprint(&self, value: &[u8]) -> u64 {
        // `DefaultHasher` takes no key, and its algorithm may change with the toolchain: saved results of two
        // versions of ehl must stay comparable under one key.
        #[expect(deprecated, reason = "the only keyed, specified hash in std")]
        let mut hasher = std::hash::SipHasher::new_with_keys(self.key[0], self.key[1]);
        hasher.write(value);
        hasher.finish()
    }

    fn masked(&self, role: Role, name: &[u8], value: &[u8], out: &mut Vec<u8>, mask: impl Fn(&[u8], &mut Vec<u8>) -> bool) -> bool {
        match self.mode {
            Mode::Mask => self.harmless.show(role, name, value, out, |out| mask(value, out)),
            Mode::Off => copy(value, out),
        }
    }
}

fn pseudo_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) -> bool {
    match name {
        b":path" => target(value, out),
        b":authority" => authority(value, out),
        _ => field_name::mask(value, out),
    }
}

fn target(value: &[u8], out: &mut Vec<u8>) -> bool {
    let is_authority = !value.iter().any(|byte| matches!(byte, b'/' | b'?' | b'%' | b'*'));
    if is_authority { authority(value, out) } else { text(b"", value, Form::Target, out) }
}

fn authority(value: &[u8], out: &mut Vec<u8>) -> bool {
    text(b"", value, Form::Authority, out)
}

fn copy(value: &[u8], out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(value);
    false
}

fn stars(value: &[u8], out: &mut Vec<u8>) -> bool {
    if value.trim_ascii().is_empty() {
        return false;
    }
    out.extend_from_slice(STARS);
    true
}

/// Masks what is secret in a value of the field `name`: read as it was captured, decoded if need be.
fn text(name: &[u8], value: &[u8], form: Form, out: &mut Vec<u8>) -> bool {
    if form == Form::Text && random::is_uuid(value) {
        // The walk finds none either. It is spared, as ids of requests are others in each message.
        return copy(value, out);
    }
    let before = out.len();
    if let Some(hidden) = Scan::captured(name, value, out).run(form) {
        return hidden;
    }
    out.truncate(before);
    if view::folded(value) {
        return folded(name, value, form, out);
    }
    decoded(name, value, Folds::Space, form, out)
}

fn decoded(name: &[u8], value: &[u8], folds: Folds, form: Form, out: &mut Vec<u8>) -> bool {
    let view = View::of(value, folds);
    let mask = Mask::new(value, Some(&view.at), out);
    Scan::decoded(name, &view.bytes, mask).run(form).unwrap_or_default()
}

/// Nobody needs to read around a secret in a folded value, and a fold inside the secret would show its halves.
fn folded(name: &[u8], value: &[u8], form: Form, out: &mut Vec<u8>) -> bool {
    let mut unused = Vec::new();
    let mut secret = |folds| decoded(name, value, folds, form, &mut unused);
    if secret(Folds::Space) || secret(Folds::Joined) { stars(value, out) } else { copy(value, out) }
}

/// Shows a token as a whole or not at all.
fn whole(token: &[u8], out: &mut Vec<u8>) -> bool {
    let before = out.len();
    if !text(b"", token, Form::Text, out) {
        return false;
    }
    out.truncate(before);
    stars(token, out)
}

/// Whether a value with no name of its own holds a secret.
pub(super) fn holds_secret(value: &[u8]) -> bool {
    text(b"", value, Form::Text, &mut Vec::new())
}

/// Whether a field or parameter of this name holds an API key.
pub(super) fn is_api_key_name(name: &[u8]) -> bool {
    names::is_key(name)
}
