//! Makes bytes from the wire safe to look at: nothing in them can move a cursor, recolour a terminal, hide, or
//! change the direction of the text around them.
//!
//! The form is that of a Rust or Python literal and can be undone: `\t \n \r`, `\x1b` for other ASCII controls and
//! for bytes that are not UTF-8, `\u{202e}` for other characters, `\\` for a backslash.

use std::io::Write as _;

/// What a backslash in the text becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backslash {
    /// `\\`, so that what is shown stands for one value only.
    Doubled,
    /// `\`, for prose, where nobody reads the value back.
    Kept,
}

/// Appends `bytes` with everything invisible or active made visible.
pub(crate) fn push_visible(out: &mut Vec<u8>, bytes: &[u8], backslash: Backslash) {
    // Without a way out in the middle, so that many bytes are looked at in one step.
    if bytes.iter().fold(true, |plain, &byte| plain & is_plain(byte)) {
        return out.extend_from_slice(bytes);
    }
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_character(out, character, backslash);
        }
        for &byte in chunk.invalid() {
            push_byte(out, byte);
        }
    }
}

/// Whether a character is a control, a bidi control, zero-width, a separator of lines or otherwise not seen:
/// Unicode general categories Cc, Cf, Zl, Zp, and the property Default_Ignorable_Code_Point.
pub(crate) fn is_hidden(character: char) -> bool {
    if character <= '~' {
        return character < ' ';
    }
    matches!(
        u32::from(character),
        0x7f..=0x9f | 0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2
            | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e
            | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x110bd | 0x110cd
            | 0x13430..=0x1343f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff
    )
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'\\'
}

fn push_character(out: &mut Vec<u8>, character: char, backslash: Backslash) {
    match character {
        '\\' if backslash == Backslash::Doubled => out.extend_from_slice(b"\\\\"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\0'..='\x1f' | '\x7f' => push_byte(out, character as u8),
        hidden if is_hidden(hidden) => {
            push_written(out, format_args!("\\u{{{:x}}}", u32::from(hidden)));
        }
        shown => out.extend_from_slice(shown.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn push_byte(out: &mut Vec<u8>, byte: u8) {
    push_written(out, format_args!("\\x{byte:02x}"));
}

fn push_written(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a Vec takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visible(bytes: impl AsRef<[u8]>) -> String {
        let mut out = Vec::new();
        push_visible(&mut out, bytes.as_ref(), Backslash::Doubled);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn leaves_ordinary_text_of_any_script_alone() {
        for text in ["", "curl/8.5.0 (x; \"y\")", "naïve", "日本語", "привет", "עברית", "🙂"] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn shows_controls_and_escape_sequences() {
        assert_eq!(visible("\x1b]0;owned\x07"), r"\x1b]0;owned\x07");
        assert_eq!(visible("a\0b\tc\r\nd\x7fe"), r"a\x00b\tc\r\nd\x7fe");
        assert_eq!(visible("\u{9b}31m \u{85}"), r"\u{9b}31m \u{85}");
    }

    #[test]
    fn shows_bidi_controls_zero_widths_and_separators() {
        let controls = "\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{61c}";
        assert_eq!(visible(controls), r"\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{61c}");
        assert_eq!(visible("a\u{200b}b\u{200d}c\u{feff}d\u{ad}"), r"a\u{200b}b\u{200d}c\u{feff}d\u{ad}");
        assert_eq!(visible("\u{2028}\u{2029}\u{e0041}\u{fe0f}"), r"\u{2028}\u{2029}\u{e0041}\u{fe0f}");
    }

    #[test]
    fn shows_bytes_that_are_not_utf_8_one_by_one() {
        assert_eq!(visible(b"a\xff\xfe\xc3("), r"a\xff\xfe\xc3(");
        assert_eq!(visible(b"\xe2\x80"), r"\xe2\x80");
        assert_eq!(visible(b"\xed\xa0\x80"), r"\xed\xa0\x80");
    }

    #[test]
    fn what_looks_like_an_escape_on_the_wire_is_told_apart() {
        assert_eq!(visible(r"\x1b"), r"\\x1b");
        assert_eq!(visible("\x1b"), r"\x1b");
    }

    #[test]
    fn prose_keeps_its_backslashes() {
        let mut out = Vec::new();
        push_visible(&mut out, b"bad pattern `\\d+(`\x1b", Backslash::Kept);
        assert_eq!(out, br"bad pattern `\d+(`\x1b");
    }
}
