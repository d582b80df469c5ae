//! What each byte can be in a value: one load per byte decides.

/// Letters, digits and what joins them into tokens: base64 and its URL form, JWT, host names, slugs, paths.
pub(super) const RUN: u8 = LOWER | UPPER | DIGIT | JOINER;
pub(super) const LOWER: u8 = 1;
pub(super) const UPPER: u8 = 2;
pub(super) const DIGIT: u8 = 4;
/// `- _ . ~ + /`
pub(super) const JOINER: u8 = 8;
pub(super) const SPACE: u8 = 16;
/// `%` and `\`, which may stand for another byte, and line ends, which may be folds.
pub(super) const ESCAPE: u8 = 64;
/// What ends a URL or a bare value wherever it stands: quotes, angle brackets, back slash, control characters.
pub(super) const WALL: u8 = 32;

const CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 255")]
        let ascii = byte as u8;
        table[byte] = match ascii {
            b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            b'0'..=b'9' => DIGIT,
            b'-' | b'_' | b'.' | b'~' | b'+' | b'/' => JOINER,
            b' ' | b'\t' => SPACE,
            b'\r' | b'\n' => SPACE | ESCAPE,
            b'\\' => WALL | ESCAPE,
            b'%' => ESCAPE,
            b'"' | b'<' | b'>' | b'`' | 0..=0x1f | 0x7f => WALL,
            _ => 0,
        };
        byte += 1;
    }
    table
}

pub(super) fn class(byte: u8) -> u8 {
    CLASS[usize::from(byte)]
}

/// How many bytes from the start of `text` are of `classes`.
pub(super) fn span(text: &[u8], classes: u8) -> usize {
    text.iter().take_while(|byte| class(**byte) & classes != 0).count()
}

/// How many bytes from the start of `text` are of none of `classes`.
pub(super) fn span_without(text: &[u8], classes: u8) -> usize {
    text.iter().take_while(|byte| class(**byte) & classes == 0).count()
}
