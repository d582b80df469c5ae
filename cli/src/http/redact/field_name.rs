//! Methods and field names, which may be made up to carry a secret: `X-Secret-hunter2: 1`.

use super::mask::STARS;
use super::random;
use super::{names, whole};

/// Shows a name without the words behind a secret's that are none.
pub(super) fn mask(name: &[u8], out: &mut Vec<u8>) -> bool {
    let before = out.len();
    if whole(name, out) {
        return true;
    }
    if pieces(name).all(|(word, _)| is_word(word)) {
        return false;
    }
    let mut announced = false;
    let mut hidden = false;
    let mut shown = Vec::new();
    for (word, separator) in pieces(name) {
        let hides = if announced { !is_word(word) } else { holds_more(word) };
        hidden |= hides;
        shown.extend_from_slice(if hides { STARS } else { word });
        shown.extend_from_slice(separator);
        announced |= hides || names::field(word).is_secret();
    }
    if hidden {
        out.truncate(before);
        out.extend_from_slice(&shown);
    }
    hidden
}

/// Words, each with what parts it from the next.
fn pieces(name: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    name.split_inclusive(|byte| !byte.is_ascii_alphanumeric()).map(|piece| match piece.split_last() {
        Some((last, word)) if !last.is_ascii_alphanumeric() => (word, &piece[word.len()..]),
        _ => (piece, &piece[piece.len()..]),
    })
}

/// Letters that read as a word, a short number, or what is both in names: `v2`, `sha256`, `ec2`, `x509`.
fn is_word(word: &[u8]) -> bool {
    const MAX_DIGITS: usize = 4;
    const MAX_NUMBERED_LEN: usize = 6;
    let digits = word.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let letters = &word[..word.len() - digits];
    match (letters.is_empty(), digits) {
        _ if letters.iter().any(u8::is_ascii_digit) => false,
        (_, 0) => !random::is_odd_word(letters),
        (true, _) => digits <= MAX_DIGITS,
        (false, _) => {
            const NUMBERED: &str =
                "v x s b h ec rs es hs ps ed md sha aes rsa ssl tls http ipv utf base oauth auth key token secret alg kb id";
            let numbered = NUMBERED.split(' ').any(|known| letters.eq_ignore_ascii_case(known.as_bytes()));
            numbered && word.len() <= MAX_NUMBERED_LEN.max(letters.len() + 3)
        }
    }
}

/// `SecretHunter2x`: a secret's word with letters and digits behind it.
fn holds_more(word: &[u8]) -> bool {
    const STEMS: [&[u8]; 8] = [b"token", b"secret", b"password", b"passwd", b"apikey", b"auth", b"session", b"credential"];
    let lower = word.to_ascii_lowercase();
    let rest =
        STEMS.iter().filter_map(|stem| Some(&lower[memchr::memmem::find(&lower, stem)? + stem.len()..])).min_by_key(|rest| rest.len());
    rest.is_some_and(|rest| rest.iter().any(u8::is_ascii_digit) && rest.iter().any(u8::is_ascii_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_letters_that_follow_each_other_and_known_numbers() {
        for word in "security token id v2 sha256 ec2 md5 ttl seconds aad hmac kms 256 pkce x509 jwt".split(' ') {
            assert!(is_word(word.as_bytes()), "{word}");
        }
        for word in "hunter2 hunter2xyz a1b2c3 xkqzvw 123456 v2x".split(' ') {
            assert!(!is_word(word.as_bytes()), "{word}");
        }
    }
}
