//! Secrets that text leads up to without a delimiter: `--password abc`, `-u bob:abc`, "the password is abc1".

use super::bytes::{DIGIT, JOINER, LOWER, SPACE, UPPER, WALL, class};
use super::scan::Scan;
use super::{login, names};

impl Scan<'_, '_> {
    /// Hides what the run at `start` leads up to; returns where to go on if it does.
    pub(super) fn spoken(&mut self, start: usize, end: usize, classes: u8) -> Option<usize> {
        if self.in_path {
            return None;
        }
        let run = &self.bytes[start..end];
        let word = &run[..run.iter().position(|byte| *byte == b'+').unwrap_or(run.len())];
        let word_end = start + word.len();
        let argument = match word.strip_prefix(b"-") {
            Some(option) => self.argument(option, word_end),
            None => self.said(word, word_end),
        };
        let (from, to) = argument?;
        self.tokens(start, word_end, classes);
        self.mask.hide(from, to);
        Some(to)
    }

    fn argument(&self, option: &[u8], at: usize) -> Option<(usize, usize)> {
        let name = option.strip_prefix(b"-").unwrap_or(option);
        let is_login = matches!(name, b"u" | b"U" | b"user" | b"proxy-user");
        if !is_login && !names::parameter(name).is_secret() {
            return None;
        }
        let (from, to) = self.next_word(at).or_else(|| self.next_member(at))?;
        let argument = &self.bytes[from..to];
        let is_secret = if is_login { login::holds_password(argument) } else { !argument.starts_with(b"--") };
        is_secret.then_some((from, to))
    }

    /// "password hunter2", not "password required".
    fn said(&self, word: &[u8], at: usize) -> Option<(usize, usize)> {
        const WORDS: [&str; 10] =
            ["password", "passwd", "pwd", "passphrase", "passcode", "token", "secret", "apikey", "api-key", "api_key"];
        const VERBS: [&[u8]; 6] = [b"is", b"was", b"to", b"is:", b"=", b"-"];
        if !WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes())) {
            return None;
        }
        let (mut from, mut to) = self.next_word(at)?;
        if VERBS.contains(&&self.bytes[from..to]) {
            (from, to) = self.next_word(to)?;
        }
        is_no_word(&self.bytes[from..to]).then_some((from, to))
    }

    /// What stands behind white space, in quotes or not: an argument of a command.
    fn next_word(&self, at: usize) -> Option<(usize, usize)> {
        let parts = |byte: u8| class(byte) & SPACE != 0 || matches!(byte, b'+' | b'|' | b'#' | b'(' | b'[' | b'{' | b'`' | b'>');
        let from = at + self.gap(at, parts);
        (from > at).then_some(())?;
        self.word_at(from, |byte| class(byte) & (SPACE | WALL) != 0 || matches!(byte, b'&' | b'+' | b')' | b']' | b'}'))
    }

    /// The next member of a list of arguments: `["--password", "abc"]`.
    fn next_member(&self, at: usize) -> Option<(usize, usize)> {
        let comma = at + self.gap(at, is_quote);
        let from = comma + self.gap(comma, |byte| class(byte) & SPACE != 0 || byte == b',');
        self.bytes[comma..from].contains(&b',').then_some(())?;
        self.word_at(from, |byte| class(byte) & (SPACE | WALL) != 0 || matches!(byte, b',' | b']'))
    }

    fn gap(&self, at: usize, is_gap: impl Fn(u8) -> bool) -> usize {
        const MAX_GAP: usize = 8;
        self.bytes[at..].iter().take(MAX_GAP).take_while(|byte| is_gap(**byte)).count()
    }

    fn word_at(&self, at: usize, ends: impl Fn(u8) -> bool) -> Option<(usize, usize)> {
        let quotes = self.gap(at, is_quote);
        let from = at + quotes;
        let quote = self.bytes[at..from].last();
        let len = self.bytes[from..].iter().take_while(|byte| quote.map_or_else(|| !ends(**byte), |quote| *byte != quote)).count();
        (len > 0).then_some((from, from + len))
    }
}

/// Whether one of the words below, or an option, may begin with `byte`.
#[inline]
pub(super) fn may_lead_up(byte: u8) -> bool {
    matches!(byte | 0x20, b'-' | b'p' | b't' | b's' | b'a')
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'\\')
}

/// Letters with digits or signs between them, or a number like a PIN; no date, time or version.
fn is_no_word(text: &[u8]) -> bool {
    const MIN_LEN: usize = 4;
    let has = |classes: u8| text.iter().any(|byte| class(*byte) & classes != 0);
    let is_sign = |byte: &u8| byte.is_ascii_punctuation() && class(*byte) & JOINER == 0 && !b",;:()\"'".contains(byte);
    let is_number = text.iter().all(u8::is_ascii_digit);
    let is_mixed = has(LOWER | UPPER) && (has(DIGIT) || text.iter().any(is_sign));
    text.len() >= MIN_LEN && (is_number || is_mixed)
}
