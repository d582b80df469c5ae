//! Walks a value once and finds the secrets in it, whatever the value's grammar: tokens with a vendor's prefix, long
//! random strings, credentials behind a scheme, values of secret parameters, userinfo in URLs, PEM.
//!
//! Nothing here waits for a terminator: a value may have been cut anywhere by the capture window.

use super::bytes::{ESCAPE, JOINER, RUN, SPACE, WALL, class, span, span_without};
use super::mask::Mask;
use super::{spoken, vendor};

const PEM: &[u8] = b"-----BEGIN";

/// The state of one walk over `bytes`.
pub(super) struct Scan<'s, 'm> {
    pub(super) bytes: &'s [u8],
    pub(super) mask: Mask<'m>,
    /// The bytes are as captured: where one of them may stand for another, the walk ends without a result.
    pub(super) raw: bool,
    /// The field that the value belongs to.
    pub(super) name: &'s [u8],
    /// In the path of a URL `/` ends a segment, elsewhere it may be part of a base64 string.
    pub(super) in_path: bool,
    /// The name before the `=` or `:` that the value being read belongs to.
    pub(super) key: Option<(usize, usize)>,
    /// A name was the value of a pair: the value follows in another.
    pub(super) value_follows: bool,
    /// Where what may become the userinfo of a URL without `//` began, and its colon.
    pub(super) chunk: usize,
    pub(super) chunk_colon: Option<usize>,
    /// The value is one URL or path: nothing in it opens a string.
    pub(super) is_url: bool,
    /// What ends the string or the `<...>` that is being read.
    closing: Option<u8>,
    /// Where the last `<` stood that nothing closed yet.
    tag: Option<usize>,
}

/// What a value is before its bytes say otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// A request-target: a path, or a URL.
    Target,
    /// The authority of a URL.
    Authority,
}

impl<'s, 'm> Scan<'s, 'm> {
    /// A walk over `bytes` as they were captured.
    pub(super) fn captured(name: &'s [u8], bytes: &'s [u8], out: &'m mut Vec<u8>) -> Self
    where
        's: 'm,
    {
        Self::new(name, bytes, Mask::new(bytes, None, out), true)
    }

    /// A walk over `bytes` as they read once decoded.
    pub(super) fn decoded(name: &'s [u8], bytes: &'s [u8], mask: Mask<'m>) -> Self {
        Self::new(name, bytes, mask, false)
    }

    fn new(name: &'s [u8], bytes: &'s [u8], mask: Mask<'m>, raw: bool) -> Self {
        Self {
            bytes,
            mask,
            raw,
            name,
            in_path: false,
            key: None,
            value_follows: false,
            chunk: 0,
            chunk_colon: None,
            is_url: false,
            closing: None,
            tag: None,
        }
    }

    /// Masks every secret; true when there was one, None when the bytes have to be decoded first.
    pub(super) fn run(mut self, form: Form) -> Option<bool> {
        self.is_url = form == Form::Target || self.looks_like_url();
        self.in_path = form == Form::Target;
        let mut at = if form == Form::Authority { self.authority(0) } else { 0 };
        while at < self.bytes.len() {
            let byte = self.bytes[at];
            let class = class(byte);
            if self.raw && class & ESCAPE != 0 {
                return None;
            }
            at = if class & RUN != 0 {
                self.token_run(at)
            } else if class & (SPACE | WALL) != 0 {
                self.in_path = false;
                self.restart_chunk(at + 1);
                if class & WALL == 0 { at + 1 } else { self.wall(byte, at) }
            } else {
                self.delimiter(byte, at)
            };
        }
        Some(self.mask.finish())
    }

    /// Follows what opens and closes; returns where to go on.
    fn wall(&mut self, byte: u8, at: usize) -> usize {
        match byte {
            b'"' if self.is_escaped(at) || self.closing == Some(b'>') => {}
            b'"' if self.closing == Some(b'"') => self.closing = None,
            b'"' => self.closing = Some(b'"'),
            b'<' => (self.closing, self.tag) = (Some(b'>'), Some(at)),
            b'>' => {
                self.closing = self.closing.filter(|closing| *closing != b'>');
                if let Some(tag) = self.tag.take() {
                    return self.element(tag, at);
                }
            }
            _ => {}
        }
        at + 1
    }

    /// Whether the string or the brackets being read end here.
    pub(super) fn closes(&self, at: usize) -> bool {
        self.closing == Some(self.bytes[at]) && !self.is_url && !self.is_escaped(at)
    }

    fn looks_like_url(&self) -> bool {
        let is_space = |at: usize| self.mask.encoding(at) == 0;
        (self.bytes.starts_with(b"/") || self.bytes.starts_with(b"http")) && !memchr::memchr2_iter(b' ', b'\t', self.bytes).any(is_space)
    }

    fn is_escaped(&self, at: usize) -> bool {
        at > 0 && self.bytes[at - 1] == b'\\'
    }

    fn delimiter(&mut self, byte: u8, at: usize) -> usize {
        match byte {
            b'=' | b':' => return self.pair(at),
            b'@' => self.userinfo_before(at),
            b'&' | b';' | b'?' | b'#' | b'{' | b'}' | b',' => {
                // A password may hold `?` and `#`: `bob:a?b@h`.
                if self.chunk_colon.is_none() || self.in_path || !matches!(byte, b'?' | b'#') {
                    self.restart_chunk(at + 1);
                }
                self.key = None;
                self.in_path &= matches!(byte, b';' | b'{' | b'}');
            }
            _ => self.restart_chunk(at + 1),
        }
        at + 1
    }

    pub(super) fn restart_chunk(&mut self, at: usize) {
        self.chunk = at;
        self.chunk_colon = None;
    }

    /// Reads the run of token characters at `start`; returns where to go on.
    fn token_run(&mut self, start: usize) -> usize {
        if class(self.bytes[start]) & JOINER != 0 {
            let rest = &self.bytes[start..];
            if rest.starts_with(b"//") {
                return self.authority(start + 2);
            }
            if rest.starts_with(PEM) {
                return self.pem(start);
            }
            self.in_path |= rest[0] == b'/';
        }
        let mut classes = 0;
        let mut end = start;
        while end < self.bytes.len() && class(self.bytes[end]) & RUN != 0 {
            classes |= class(self.bytes[end]);
            end += 1;
        }
        // Schemes and vendor tokens have four letters at least.
        const MIN_LEN: usize = 4;
        let end = if spoken::may_lead_up(self.bytes[start])
            && let Some(end) = self.spoken(start, end, classes)
        {
            end
        } else if classes & JOINER != 0
            && let Some(end) = self.labelled(start, end, classes)
        {
            end
        } else if end - start < MIN_LEN {
            end
        } else if let Some(end) = self.credentials_after_scheme(start, end) {
            end
        } else {
            self.tokens(start, end, classes)
        };
        self.key = None;
        if classes & JOINER != 0 && self.bytes[start..end].ends_with(PEM) {
            return self.pem(end - PEM.len());
        }
        end
    }

    /// PEM up to its end line, or the end of the value.
    fn pem(&mut self, start: usize) -> usize {
        const END: &[u8] = b"-----END";
        let body = &self.bytes[start..];
        let end = body.windows(END.len()).position(|window| window == END).map_or(self.bytes.len(), |at| {
            let label = start + at + END.len();
            label + span_without(&self.bytes[label..], WALL)
        });
        self.mask.hide(start, end);
        end
    }

    /// Hides tokens with a vendor's prefix, at the start of any word of the run, and what is random between them.
    pub(super) fn tokens(&mut self, start: usize, end: usize, classes: u8) -> usize {
        let (mut unread, mut word) = (start, start);
        while word < end {
            if vendor::starts_token(&self.bytes[word..end], end == self.bytes.len()) {
                self.random(unread, word, classes);
                unread = self.token_end(word, end);
                self.mask.hide(word, unread);
                word = unread;
            } else if classes & JOINER == 0 {
                break;
            } else {
                word += span_without(&self.bytes[word..end], JOINER);
            }
            if word < end {
                word += span(&self.bytes[word..end], JOINER);
            }
        }
        if unread < end {
            self.random(unread, end, classes);
        }
        unread.max(end)
    }

    /// Where the token that begins in a run ends: at the end of its path segment or of the run, padding included.
    fn token_end(&self, word: usize, run_end: usize) -> usize {
        let slash = self.bytes[word..run_end].iter().position(|byte| *byte == b'/');
        match slash {
            Some(slash) if self.in_path && !self.bytes[word..].starts_with(b"1//") => word + slash,
            _ => run_end + self.padding(run_end),
        }
    }

    pub(super) fn padding(&self, at: usize) -> usize {
        self.bytes[at..].iter().take(2).take_while(|byte| **byte == b'=').count()
    }
}
