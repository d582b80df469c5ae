//! Tells long random strings from words, numbers and ids.
//!
//! Each pair of neighbours in a string of letters and digits is odd or not: odd where a digit meets a letter, a
//! capital follows a small letter, or two letters seldom stand together in words. Prose and identifiers have
//! under a quarter of odd pairs, keys and tokens two thirds.

use super::bytes::{DIGIT, LOWER, UPPER, span};

/// A random string shorter than this is taken for an id or a hash that harms nobody.
pub(super) const MIN_LEN: usize = 16;
/// Hexadecimal of this length can be a key; shorter is a trace id, an object id, a commit.
const MIN_HEX_LEN: usize = 32;
/// Pieces shorter than this carry no evidence: `v2`, `x64`, `eu`.
const MIN_PIECE_LEN: usize = 4;
const ULID_LEN: usize = 26;

/// For each letter, the letters that often follow it in words, as bits. Counted over 30 MB of technical English
/// and identifiers; the pairs left out make up two in a hundred there and sixty in a hundred random pairs.
const COMMON_NEXT: [u32; 26] = [
    letters(b"bcdfgilmnprstuwy"),
    letters(b"aeiloptuy"),
    letters(b"aefhikloprstu"),
    letters(b"abdegiorsu"),
    letters(b"abcdefgklmnpqrstvwxy"),
    letters(b"aefgilmorsu"),
    letters(b"eilnprst"),
    letters(b"aeiort"),
    letters(b"abcdefglmnoprstvxz"),
    letters(b"s"),
    letters(b"eis"),
    letters(b"adefiklostuy"),
    letters(b"abeilopstu"),
    letters(b"acdefgiklopstuwy"),
    letters(b"acdfgiklmnoprstuvw"),
    letters(b"acefiloprstuvy"),
    letters(b"lu"),
    letters(b"acdefgikmnorstuvy"),
    letters(b"acehiklmoprstuy"),
    letters(b"acdefhilmoprstuy"),
    letters(b"abcefgilmnprstx"),
    letters(b"aeio"),
    letters(b"aehinors"),
    letters(b"hmpt"),
    letters(b"aelnpst"),
    letters(b"e"),
];

const fn letters(list: &[u8]) -> u32 {
    let (mut bits, mut i) = (0, 0);
    while i < list.len() {
        bits |= 1 << (list[i] - b'a');
        i += 1;
    }
    bits
}

/// What else besides words and numbers may be read where a string stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Allowed {
    /// UUIDs, ULIDs and hexadecimal below 32 digits.
    #[default]
    Ids,
    /// Hexadecimal of any length as well: a field that holds an id or a digest.
    LongHex,
    /// Short random ids as well (`req_011CSHoEeqs5C35K2UUqR7Fy`): a field that holds a request or trace id.
    RequestIds,
    /// Anything: validators, checksums, multipart boundaries.
    Opaque,
}

/// A request id in base 62 is at most this long; a token is longer.
const MAX_REQUEST_ID_LEN: usize = 27;

/// What was found in one string of pieces that `-`, `_`, `.` and the like join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Letters and digits in random pieces.
    pub(super) random_len: usize,
    /// From the first random piece to the end of the last.
    pub(super) first: usize,
    pub(super) end: usize,
    /// Letters and digits in all.
    pub(super) len: usize,
}

impl Tally {
    /// Counts the random pieces of `text`.
    pub(super) fn of(text: &[u8], allowed: Allowed) -> Self {
        let mut tally = Self::default();
        if allowed == Allowed::Opaque {
            return tally;
        }
        let mut at = 0;
        while at < text.len() {
            let len = span(&text[at..], LOWER | UPPER | DIGIT);
            tally.len += len;
            if len >= MIN_PIECE_LEN && is_random(&text[at..at + len], allowed) {
                if tally.random_len == 0 {
                    tally.first = at;
                }
                tally.random_len += len;
                tally.end = at + len;
            }
            at += len.max(1);
        }
        if allowed == Allowed::RequestIds && tally.random_len <= MAX_REQUEST_ID_LEN {
            tally.random_len = 0;
        }
        tally
    }

    pub(super) fn is_secret(&self) -> bool {
        self.random_len >= MIN_LEN
    }

    /// The bytes of `text` to hide: all of it where most is random, else the random part with the short pieces
    /// beside it, which may belong to it.
    pub(super) fn extent(&self, text: &[u8]) -> (usize, usize) {
        if self.random_len * 2 >= self.len {
            return (0, text.len());
        }
        let before = short_pieces(text[..self.first].iter().rev());
        let after = short_pieces(text[self.end..].iter());
        (self.first - before, self.end + after)
    }
}

/// Length of the pieces that are too short to tell, up to the first that is not.
fn short_pieces<'t>(bytes: impl Iterator<Item = &'t u8>) -> usize {
    let (mut short, mut piece) = (0, 0);
    let mut walked = 0;
    for byte in bytes {
        walked += 1;
        if byte.is_ascii_alphanumeric() {
            piece += 1;
            if piece > MIN_PIECE_LEN {
                return short;
            }
        } else {
            if piece > 0 {
                short = walked - 1;
            }
            piece = 0;
        }
    }
    walked
}

/// Whether one piece, letters and digits only, is neither a word nor an id.
fn is_random(piece: &[u8], allowed: Allowed) -> bool {
    if is_hex(piece) {
        let is_one_digit = || piece.iter().all(|byte| *byte == piece[0]);
        let is_number = || piece.iter().all(u8::is_ascii_digit);
        return piece.len() >= MIN_HEX_LEN && allowed == Allowed::Ids && !is_one_digit() && !is_number();
    }
    Pairs::of(piece).are_random() && !is_ulid(piece)
}

/// Whether letters alone, however few, do not read as a word. Abbreviations do not either, so they must be short.
pub(super) fn is_odd_word(letters: &[u8]) -> bool {
    letters.len() > MIN_PIECE_LEN && Pairs::of(letters).are_random()
}

#[derive(Default)]
struct Pairs {
    all: usize,
    odd: usize,
    /// Between a digit and a letter.
    crossings: usize,
    /// With a digit or a capital on the right.
    mixed: usize,
}

impl Pairs {
    fn of(piece: &[u8]) -> Self {
        let mut pairs = Self::default();
        for pair in piece.windows(2) {
            let (left, right) = (pair[0], pair[1]);
            let crossing = left.is_ascii_digit() != right.is_ascii_digit();
            pairs.all += 1;
            pairs.crossings += usize::from(crossing);
            pairs.mixed += usize::from(!right.is_ascii_lowercase());
            pairs.odd += usize::from(crossing || is_odd(left, right));
        }
        pairs
    }

    /// A third must be odd; nearly half where only letters in few pairs speak, a quarter where digits are strewn in.
    fn are_random(&self) -> bool {
        const STREWN: usize = 4;
        if self.crossings >= STREWN && self.all >= MIN_LEN {
            self.odd * 4 >= self.all
        } else if self.mixed > 0 || self.all + 1 >= MIN_LEN {
            self.odd * 3 >= self.all
        } else {
            self.odd * 9 >= self.all * 4
        }
    }
}

/// Of two digits or two letters.
fn is_odd(left: u8, right: u8) -> bool {
    if left.is_ascii_digit() {
        return false;
    }
    let camel = left.is_ascii_lowercase() && right.is_ascii_uppercase();
    camel || COMMON_NEXT[usize::from((left | 0x20) - b'a')] & (1 << ((right | 0x20) - b'a')) == 0
}

/// Hexadecimal in one case. A key in base 62 that uses only sixteen of its digits does not occur.
fn is_hex(piece: &[u8]) -> bool {
    piece.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) || piece.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
}

/// A UUID in small letters, as most are written.
pub(super) fn is_uuid(text: &[u8]) -> bool {
    const LEN: usize = 36;
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == LEN
        && text.iter().enumerate().all(|(at, byte)| if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { is_digit(*byte) })
}

/// 26 digits of Crockford's base 32, the first of them 0 until the year 3084.
fn is_ulid(piece: &[u8]) -> bool {
    piece.len() == ULID_LEN
        && piece[0] == b'0'
        && !piece.iter().any(|byte| matches!(byte.to_ascii_lowercase(), b'i' | b'l' | b'o' | b'u'))
        && (!piece.iter().any(u8::is_ascii_lowercase) || !piece.iter().any(u8::is_ascii_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str, allowed: Allowed) -> bool {
        Tally::of(text.as_bytes(), allowed).is_secret()
    }

    #[test]
    fn words_numbers_and_names_are_not_random() {
        for text in [
            "how-to-build-a-tracer-in-rust",
            "internationalization",
            "getUserAccountDetailsById",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "20150830T123600Z",
            "checkout-service-7d9f8b6c5z-x2x4z",
            "ip-10-0-12-13.eu-west-1.compute.internal",
            "1712345678901234567890",
            "ServerReflectionInfo",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(!secret(text, Allowed::Ids), "{text}");
        }
    }

    #[test]
    fn ids_are_not_random() {
        for text in [
            "123e4567-e89b-12d3-a456-426614174000",
            "123E4567-E89B-12D3-A456-426614174000",
            "123e4567-e89b-12d3-a456-42661417",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "user_01h455vb4pex5vsknk084sn02q",
            "5f2b6c7d8e9f0a1b2c3d4e5f",
        ] {
            assert!(!secret(text, Allowed::Ids), "{text}");
        }
    }

    #[test]
    fn keys_and_tokens_are_random() {
        for text in [
            "7MA4YWxkTrZu0gWq",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "qwhgzxkvbnmlpdsfrtcq",
            "JBSWY3DPEHPK3PXPJBSWY3DP",
            "d41d8cd98f00b204e9800998ecf8427e",
            "aB3dE-f9GhIjKlMnO_pQrStUvWxYz012",
        ] {
            assert!(secret(text, Allowed::Ids), "{text}");
        }
    }

    #[test]
    fn a_field_of_ids_may_hold_more() {
        assert!(!secret("d41d8cd98f00b204e9800998ecf8427e", Allowed::LongHex));
        assert!(secret("req_011CSHoEeqs5C35K2UUqR7Fy", Allowed::LongHex));
        assert!(!secret("req_011CSHoEeqs5C35K2UUqR7Fy", Allowed::RequestIds));
        assert!(secret("wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", Allowed::RequestIds));
        assert!(!secret("wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", Allowed::Opaque));
    }

    #[test]
    fn hides_the_random_part_with_its_short_neighbours_only() {
        let text = b"production.checkout.service-ab-7MA4YWxkTrZu0gWq-Zq";
        let (from, to) = Tally::of(text, Allowed::Ids).extent(text);
        assert_eq!(&text[from..to], b"ab-7MA4YWxkTrZu0gWq-Zq");
    }
}
