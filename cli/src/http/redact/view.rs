//! A value as its receiver would read it: percent-encoding, JSON escapes and obsolete line folding undone, each
//! byte remembering where it came from. A secret behind `%3D` or `\u003d` is still one.

/// How a folded line (CR LF and white space inside a value) reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Folds {
    /// As white space, which RFC 9112 section 5.2 makes of it.
    Space,
    /// As nothing: whoever cut a long token in two meant one token.
    Joined,
}

/// Decoded bytes, and for each where it starts in the source; one more entry for the end.
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    pub(super) at: Vec<usize>,
}

/// Whether `value` holds a folded line.
pub(super) fn folded(value: &[u8]) -> bool {
    value.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
}

impl View {
    pub(super) fn of(value: &[u8], folds: Folds) -> Self {
        let mut view = Self { bytes: Vec::with_capacity(value.len()), at: Vec::with_capacity(value.len() + 1) };
        let mut at = 0;
        while at < value.len() {
            if folds == Folds::Joined && matches!(value[at], b'\r' | b'\n') {
                at += value[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                continue;
            }
            let (byte, length) = decoded(&value[at..]);
            view.bytes.push(byte);
            view.at.push(at);
            at += length;
        }
        view.at.push(value.len());
        view
    }
}

/// Stands for any character beyond ASCII: which one does not matter to any rule.
const NOT_ASCII: u8 = 0xff;

/// The first byte of `text` once decoded, and how many bytes it took there.
fn decoded(text: &[u8]) -> (u8, usize) {
    match text {
        // As `escape()` of old browsers writes.
        [b'%', b'u' | b'U', b'0', b'0', high, low, ..] if hex(*high).is_some() && hex(*low).is_some() => {
            (hex(*high).unwrap_or_default() << 4 | hex(*low).unwrap_or_default(), 6)
        }
        [b'%', ..] => percent(text),
        [b'\\', b'/', ..] => (b'/', 2),
        [b'\\', b'u' | b'U', b'0', b'0', high, low, ..] => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => (high << 4 | low, 6),
            _ => (b'\\', 1),
        },
        [b'\\', b'u', digits @ ..] if digits.iter().take(4).filter(|digit| hex(**digit).is_some()).count() == 4 => (NOT_ASCII, 6),
        [first, ..] => (*first, 1),
        [] => (0, 0),
    }
}

/// `%3D`, and `%253D` or `%25253D` where it was encoded again on the way.
fn percent(text: &[u8]) -> (u8, usize) {
    let mut length = 1;
    loop {
        match text.get(length..length + 2) {
            Some(b"25") => length += 2,
            Some(&[high, low]) => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => return (high << 4 | low, length + 2),
                _ => return (b'%', length),
            },
            _ => return (b'%', length),
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str, folds: Folds) -> String {
        String::from_utf8_lossy(&View::of(value.as_bytes(), folds).bytes).into_owned()
    }

    #[test]
    fn undoes_every_layer_of_percent_encoding() {
        assert_eq!(read("a%3Db", Folds::Space), "a=b");
        assert_eq!(read("a%253Db%25252F", Folds::Space), "a=b/");
    }

    #[test]
    fn undoes_json_escapes() {
        assert_eq!(read(r"a\u003db https:\/\/c", Folds::Space), "a=b https://c");
        assert_eq!(read("a%u003Db%u00zz", Folds::Space), "a=b%u00zz");
        assert_eq!(read(r"to\u200bken", Folds::Space), "to\u{fffd}ken");
    }

    #[test]
    fn leaves_broken_escapes_alone() {
        assert_eq!(read(r"100% %zz %4 \u00 \x %25", Folds::Space), r"100% %zz %4 \u00 \x %");
    }

    #[test]
    fn joins_folded_lines_when_asked() {
        assert_eq!(read("abc\r\n \tdef", Folds::Joined), "abcdef");
        assert_eq!(read("abc\r\n def", Folds::Space), "abc\r\n def");
    }

    #[test]
    fn every_byte_knows_its_place_in_the_source() {
        assert_eq!(View::of(b"a%3Db", Folds::Space).at, [0, 1, 4, 5]);
    }
}
