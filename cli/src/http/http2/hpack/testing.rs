//! What the tests of several modules need.

use super::{Decoded, List};

/// The bytes of hexadecimal digits; spaces between them are for the eye.
pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("hexadecimal digits");
    digits.chunks(2).map(byte).collect()
}

/// `name: value`, with `?` for what is unknown.
pub(super) fn line(field: Decoded<'_>) -> String {
    let text = |text: Option<&[u8]>| text.map_or("?".to_owned(), |text| text.escape_ascii().to_string());
    format!("{}: {}", text(field.name), text(field.value))
}

pub(super) fn lines(list: &List) -> Vec<String> {
    list.fields().map(line).collect()
}
