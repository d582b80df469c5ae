//! Credentials behind a scheme, wherever they stand: `X-Debug: got Bearer abc`.

use super::bytes::{DIGIT, RUN, SPACE, UPPER, WALL, class, span};
use super::scan::Scan;
use super::{random, scheme};

impl Scan<'_, '_> {
    /// `Bearer abc`, in any field; also `Bearer+abc` as forms encode it.
    pub(super) fn credentials_after_scheme(&mut self, start: usize, end: usize) -> Option<usize> {
        const MAX_LEN: usize = 16;
        let run = &self.bytes[start..end];
        if let Some(credentials) = joined_bearer(run) {
            self.mask.hide(start + credentials, end);
            return Some(end);
        }
        let word_end = start + run.iter().take(MAX_LEN).position(|byte| *byte == b'+').unwrap_or(run.len());
        let word = &self.bytes[start..word_end];
        let gap = &self.bytes[word_end..];
        let gap = gap.iter().take_while(|byte| class(**byte) & SPACE != 0 || matches!(byte, b'+' | b',')).count();
        if gap == 0 || !scheme::is_known(word) {
            return None;
        }
        let from = word_end + gap;
        let run_end = from + span(&self.bytes[from..], RUN);
        let credentials = &self.bytes[from..run_end];
        let always = scheme::is_always_followed_by_credentials(word);
        // `Bearer, Basic`: a list of schemes.
        let is_listed = self.bytes[word_end..from].contains(&b',') && scheme::is_known(credentials);
        if credentials.is_empty() || self.is_parameter(run_end) || is_listed || (always && speaks_about_schemes(credentials)) {
            return None;
        }
        if !always && !is_token_like(credentials) {
            return None;
        }
        let to = from
            + self.bytes[from..]
                .iter()
                .take_while(|byte| class(**byte) & (SPACE | WALL) == 0 && !matches!(byte, b',' | b';' | b'&'))
                .count();
        self.mask.hide(from, to);
        Some(to)
    }

    /// Whether a name ends here, as in `Bearer realm="x"`; padding is no parameter.
    fn is_parameter(&self, at: usize) -> bool {
        let rest = &self.bytes[at..];
        rest.first() == Some(&b'=') && rest.get(1).is_some_and(|byte| class(*byte) & RUN != 0 || *byte == b'"')
    }
}

/// Where the credentials begin in `bearer.abc`, `Bearer/abc` and `bearer-abc1`; `bearer-token` is a word.
fn joined_bearer(run: &[u8]) -> Option<usize> {
    const WORD: &[u8] = b"bearer";
    if run.len() < WORD.len() + 2 || !run[..WORD.len()].eq_ignore_ascii_case(WORD) {
        return None;
    }
    let is_joined = match run[WORD.len()] {
        b'.' | b'/' => true,
        b'-' | b'_' => run.iter().any(u8::is_ascii_digit),
        _ => false,
    };
    is_joined.then_some(WORD.len() + 1)
}

/// "The bearer token is missing".
fn speaks_about_schemes(word: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] = [b"token", b"tokens", b"auth", b"authentication", b"authorization", b"scheme"];
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Not a word: long, or mixed as words are not.
fn is_token_like(text: &[u8]) -> bool {
    const MIN_LEN: usize = 8;
    text.len() >= random::MIN_LEN || (text.len() >= MIN_LEN && text.iter().skip(1).any(|byte| class(*byte) & (UPPER | DIGIT) != 0))
}
