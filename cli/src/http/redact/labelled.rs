//! The segment of a path behind one that says what it is: `/reset-password/abc`, `/token/abc`.

use super::bytes::{SPACE, WALL, class};
use super::folded_name::FoldedName;
use super::names::{self, Kind};
use super::scan::Scan;
use super::{holds_secret, words};

/// What a segment says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    /// A secret's own name, `token`: only an action that is known may follow it in the open.
    Secret,
    /// What is done with a secret, `verify`: a word may follow.
    Deed,
    /// A collection, `tokens`: so may an id.
    Collection,
    /// One of the first two, a word ago: `/verify/email/abc`.
    Fading,
}

impl Scan<'_, '_> {
    /// Hides the first segment in a run that the one before it calls a secret; returns where to go on.
    pub(super) fn labelled(&mut self, start: usize, end: usize, classes: u8) -> Option<usize> {
        let mut label = None;
        let mut from = start;
        loop {
            let slash = memchr::memchr(b'/', &self.bytes[from..end]).map(|at| from + at);
            let to = slash.unwrap_or(end);
            if let Some(label) = &mut label {
                let to = self.segment_end(from);
                let segment = &self.bytes[from..to];
                if to > from && !self.may_show(*label, segment) {
                    self.tokens(start, from, classes);
                    self.mask.hide(from, to);
                    return Some(to);
                }
            }
            let slash = slash?;
            let segment = &self.bytes[from..to];
            if !segment.is_empty() {
                label = Label::of(segment).or(label.and_then(Label::next));
            }
            from = slash + 1;
        }
    }

    /// `/token:abc` is a label and its secret, `/v1/tokens:count` a method. Returns where to go on behind the colon.
    pub(super) fn labelled_tail(&mut self, from: usize, colon: usize) -> usize {
        let label = Label::of(&self.bytes[from..colon]).filter(|label| *label != Label::Collection);
        let end = label.map_or(colon, |_| self.segment_end(colon + 1));
        if label.is_some_and(|label| end > colon + 1 && !self.may_show(label, &self.bytes[colon + 1..end])) {
            self.mask.hide(colon + 1, end);
            return end;
        }
        colon + 1
    }

    fn segment_end(&self, from: usize) -> usize {
        let encoding = self.mask.encoding(from - 1);
        let ends = |at: usize| {
            let byte = self.bytes[at];
            self.mask.encoding(at) <= encoding
                && match byte {
                    b'/' | b'?' | b'#' => true,
                    b'&' | b',' | b';' | b')' => !self.in_path,
                    _ => !self.is_url && class(byte) & (SPACE | WALL) != 0,
                }
        };
        (from..self.bytes.len()).find(|at| ends(*at)).unwrap_or(self.bytes.len())
    }

    fn may_show(&self, label: Label, segment: &[u8]) -> bool {
        let is_action = ACTIONS.split_ascii_whitespace().any(|action| segment.eq_ignore_ascii_case(action.as_bytes()));
        is_action
            || Label::of(segment).is_some()
            || match label {
                // In prose a slash also parts alternatives, and a product from its version.
                Label::Secret => (!self.in_path && is_version(segment)) || is_page(segment),
                Label::Deed | Label::Fading => !self.in_path || is_word(segment),
                Label::Collection => !self.in_path || segment.split(|byte| *byte == b':').all(|part| is_word(part) || is_id(part)),
            }
    }
}

impl Label {
    fn of(segment: &[u8]) -> Option<Self> {
        if !may_be_label(segment) || segment.contains(&b'.') {
            return None;
        }
        let folded = FoldedName::of(segment)?;
        let letters = words::without_number(folded.letters());
        if DEEDS.contains(&letters) {
            return Some(Self::Deed);
        }
        let kind = names::parameter(segment);
        if matches!(kind, Kind::Plain | Kind::Login | Kind::About(_)) || letters == b"code" {
            return None;
        }
        let is_noun = |letters: &[u8]| NOUNS.iter().any(|noun| letters.ends_with(noun));
        if is_noun(letters) || DEEDS.contains(&folded.last_word()) {
            Some(Self::Secret)
        } else {
            letters.strip_suffix(b"s").is_some_and(is_noun).then_some(Self::Collection)
        }
    }

    /// What is left of it behind a word that was shown.
    fn next(self) -> Option<Self> {
        match self {
            Self::Secret | Self::Deed => Some(Self::Fading),
            Self::Collection | Self::Fading => None,
        }
    }
}

const DEEDS: &[&[u8]] = &[
    b"reset",
    b"verify",
    b"verification",
    b"activate",
    b"activation",
    b"confirm",
    b"confirmation",
    b"unlock",
    b"recover",
    b"invite",
    b"invitation",
    b"magiclink",
];

const NOUNS: &[&[u8]] = &[
    b"password",
    b"passwd",
    b"passphrase",
    b"passcode",
    b"pwd",
    b"pw",
    b"pass",
    b"token",
    b"secret",
    b"key",
    b"otp",
    b"pin",
    b"jwt",
    b"ticket",
    b"signature",
    b"sig",
    b"credential",
    b"session",
    b"sessionid",
    b"sid",
    b"csrf",
    b"xsrf",
    b"cookie",
    b"bearer",
    b"hmac",
    b"assertion",
    b"code",
];

/// What is done to a secret, or known of it.
const ACTIONS: &str = "activate all authorize bulk callback cancel change check clear config confirm count create current \
    data delete disable edit email enable exchange expire exists export forgot generate health history id index index.html info \
    introspect introspection issue link list login logout lookup me metadata new none null password policies policy public refresh \
    register regenerate remove renew request resend reset revocation revoke rotate search self send settings sign signin signup \
    status stats submit success sync type types undefined update usage user username users validate validation value values verify version \
    view";

/// One look at the last letters tells that most segments are no label.
fn may_be_label(segment: &[u8]) -> bool {
    let letters = words::without_number(segment);
    let letters = match letters {
        [.., b's' | b'S', b's' | b'S'] => letters,
        [start @ .., b's' | b'S'] => start,
        _ => letters,
    };
    let Some(last) = letters.last_chunk::<3>() else {
        return letters.eq_ignore_ascii_case(b"pw");
    };
    const RARE: [&[u8]; 6] = [b"session", b"assertion", b"verification", b"activation", b"confirmation", b"invitation"];
    let ends_with = |word: &[u8]| letters.len() >= word.len() && letters[letters.len() - word.len()..].eq_ignore_ascii_case(word);
    if last.eq_ignore_ascii_case(b"ion") {
        return RARE.iter().any(|word| ends_with(word));
    }
    matches!(
        &last.map(|byte| byte.to_ascii_lowercase()),
        b"ord"
            | b"swd"
            | b"pwd"
            | b"ase"
            | b"ode"
            | b"ken"
            | b"ret"
            | b"key"
            | b"otp"
            | b"pin"
            | b"jwt"
            | b"ket"
            | b"ure"
            | b"sig"
            | b"ial"
            | b"nid"
            | b"sid"
            | b"srf"
            | b"kie"
            | b"rer"
            | b"mac"
            | b"ass"
            | b"set"
            | b"ify"
            | b"ate"
            | b"irm"
            | b"ock"
            | b"ver"
            | b"ite"
            | b"ink"
    ) || letters.ends_with(b"pw")
}

/// Small letters that read as words, with the ending of a page or not.
fn is_word(text: &[u8]) -> bool {
    let text = &text[..text.len() - page_ending(text)];
    text.iter().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_')) && !holds_secret(text)
}

fn is_page(text: &[u8]) -> bool {
    page_ending(text) > 0 && is_word(text)
}

fn page_ending(text: &[u8]) -> usize {
    const PAGES: [&[u8]; 6] = [b".html", b".htm", b".php", b".js", b".css", b".json"];
    PAGES.iter().find(|page| text.ends_with(page)).map_or(0, |page| page.len())
}

/// A row's number, or a UUID.
fn is_id(text: &[u8]) -> bool {
    const MAX_DIGITS: usize = 12;
    const UUID_LEN: usize = 36;
    let is_number = text.len() <= MAX_DIGITS && text.iter().all(u8::is_ascii_digit);
    let is_uuid = text.len() == UUID_LEN
        && text.iter().enumerate().all(|(n, byte)| if matches!(n, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() });
    is_number || is_uuid
}

/// `1.0`
fn is_version(text: &[u8]) -> bool {
    const MAX_LEN: usize = 16;
    text.len() <= MAX_LEN && text.contains(&b'.') && text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_says_what_the_next_one_is() {
        for (segments, label) in [
            ("token reset-password password-reset api-key key session apiKey otp PASSWORD user_token2", Some(Label::Secret)),
            ("verify reset activate magic-link", Some(Label::Deed)),
            ("tokens api-keys sessions secrets", Some(Label::Collection)),
            ("auth oauth users monkey v1 versions code author auth.v1.Session sessions.html token_type region", None),
        ] {
            for segment in segments.split(' ') {
                assert_eq!(Label::of(segment.as_bytes()), label, "{segment}");
            }
        }
    }
}
