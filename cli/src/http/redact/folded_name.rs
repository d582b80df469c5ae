//! A name without case and separators that still knows where its words begin.

/// `X-Api-Key`, `x_api_key` and `xApiKey` fold to `xapikey`, with words beginning at 0, 1 and 4.
pub(super) struct FoldedName {
    letters: [u8; Self::MAX_LEN],
    len: usize,
    /// Bit n: a word begins at letter n.
    starts: u64,
}

impl FoldedName {
    pub(super) const MAX_LEN: usize = 64;

    /// None for a name of more letters. Control characters and what is not ASCII are read over: they do not even part
    /// words.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        let mut folded = Self { letters: [0; Self::MAX_LEN], len: 0, starts: 0 };
        let mut previous = b'-';
        for (at, &byte) in name.iter().enumerate() {
            if byte.is_ascii_alphanumeric() {
                if folded.len == Self::MAX_LEN {
                    return None;
                }
                let begins = !previous.is_ascii_alphanumeric()
                    || (byte.is_ascii_uppercase()
                        && (!previous.is_ascii_uppercase() || name.get(at + 1).is_some_and(u8::is_ascii_lowercase)));
                folded.starts |= u64::from(begins) << folded.len;
                folded.letters[folded.len] = byte.to_ascii_lowercase();
                folded.len += 1;
            }
            if byte.is_ascii_graphic() || byte == b' ' {
                previous = byte;
            }
        }
        Some(folded)
    }

    /// Letters and digits in lower case.
    pub(super) fn letters(&self) -> &[u8] {
        &self.letters[..self.len]
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &[u8]> {
        let mut starts = self.starts;
        std::iter::from_fn(move || {
            if starts == 0 {
                return None;
            }
            let start = starts.trailing_zeros() as usize;
            starts &= starts - 1;
            let end = if starts == 0 { self.len } else { starts.trailing_zeros() as usize };
            Some(&self.letters[start..end])
        })
    }

    pub(super) fn last_word(&self) -> &[u8] {
        let start = 63_u32.saturating_sub(self.starts.leading_zeros()) as usize;
        &self.letters()[start.min(self.len)..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str) -> Vec<String> {
        let folded = FoldedName::of(name.as_bytes()).expect("names in these tests are short");
        folded.words().map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    #[test]
    fn words_begin_after_separators_and_at_capitals() {
        assert_eq!(words("X-Api_key.id"), ["x", "api", "key", "id"]);
        assert_eq!(words("xApiKey"), ["x", "api", "key"]);
        assert_eq!(words("AWSAccessKeyId"), ["aws", "access", "key", "id"]);
        assert_eq!(words("au\0t\u{200b}h key"), ["auth", "key"]);
        assert_eq!(words("--"), Vec::<String>::new());
    }

    #[test]
    fn the_last_word_is_the_last_that_begins() {
        assert_eq!(FoldedName::of(b"x-auth-type").expect("short").last_word(), b"type");
        assert_eq!(FoldedName::of(b"").expect("short").last_word(), b"");
        assert_eq!(FoldedName::of(&[b'a'; 64]).expect("64 letters fit").last_word(), &[b'a'; 64]);
    }
}
