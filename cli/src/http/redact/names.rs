//! What the name of a field, a parameter or a JSON member says about its value.
//!
//! Names are compared without case and separators: `X-Api-Key`, `x_api_key`, `xApiKey` and `apikey` are one. Long
//! stems count anywhere in a name, short ones (`sid`, `auth`) only as a whole word.

use super::about::Aspect;
use super::folded_name::FoldedName;
use super::view::{Folds, View};
use super::{login, words};

/// What a name makes of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Credentials behind an authentication scheme, which may be shown.
    Credentials,
    Cookie,
    SetCookie,
    /// Nothing of the value may be shown.
    Secret,
    /// Counts tokens or times a session: numbers may be shown.
    Counter,
    /// Speaks about a secret: what fits may be shown.
    About(Aspect),
    /// Who somebody is; `bob:hunter2` says more than that.
    Login,
    Plain,
}

impl Kind {
    pub(super) fn is_secret(self) -> bool {
        matches!(self, Self::Credentials | Self::Cookie | Self::SetCookie | Self::Secret)
    }

    /// Whether `value` may be read on, and shown if nothing in it looks like a secret.
    pub(super) fn admits(self, value: &[u8]) -> bool {
        match self {
            Self::Plain => true,
            Self::Counter => is_count(value),
            Self::About(aspect) => aspect.fits(value),
            Self::Login => !login::holds_password(value),
            Self::Credentials | Self::Cookie | Self::SetCookie | Self::Secret => false,
        }
    }
}

/// The kind of a header field.
pub(super) fn field(name: &[u8]) -> Kind {
    if let Some(kind) = well_known(name) {
        return kind;
    }
    if name.contains(&b'%') {
        return kind(&View::of(name, Folds::Joined).bytes, false);
    }
    kind(name, false)
}

/// The kind of a query, matrix or form parameter, or of a member of an object.
pub(super) fn parameter(name: &[u8]) -> Kind {
    kind(name, true)
}

fn kind(name: &[u8], is_parameter: bool) -> Kind {
    const MIN_LEN: usize = 2;
    if name.len() < MIN_LEN {
        return Kind::Plain;
    }
    let Some(folded) = FoldedName::of(name) else {
        return long_name_kind(name, is_parameter);
    };
    let letters = folded.letters();
    let kind = match letters {
        // What a site may ask for, not what anybody sent.
        b"accesscontrolallowcredentials" => return Kind::About(Aspect::Flag),
        // Components and parameters of a signature (RFC 9421), hashes of public keys (RFC 7469).
        b"signatureinput" | b"publickeypins" | b"publickeypinsreportonly" => return Kind::Plain,
        b"cookie" | b"cookie2" => return Kind::Cookie,
        b"setcookie" | b"setcookie2" => return Kind::SetCookie,
        b"code" if is_parameter => return Kind::Secret,
        b"relaystate" => return Kind::Secret,
        _ => by_stem(letters).or_else(|| words::secret(&folded)).or_else(|| by_ending(&folded)),
    };
    let Some(kind) = kind else {
        return if login::is_name(&folded) { Kind::Login } else { Kind::Plain };
    };
    match Aspect::of(folded.last_word()) {
        Some(aspect) => Kind::About(aspect),
        None if counts(&folded) => Kind::Counter,
        None => kind,
    }
}

/// The fields that make up most of all messages, found without looking at their words.
fn well_known(name: &[u8]) -> Option<Kind> {
    let names: &[&str] = match name.len() {
        4 => &["host", "date", "vary", "etag", "link"],
        5 => &[":path"],
        6 => &["accept", "server", "origin"],
        7 => &[":method", ":status", ":scheme", "referer"],
        10 => &["connection", "user-agent", ":authority"],
        12 => &["content-type", "x-request-id"],
        13 => &["cache-control", "accept-ranges", "last-modified"],
        14 => &["content-length", "accept-charset"],
        15 => &["accept-encoding", "accept-language", "x-forwarded-for"],
        16 => &["content-encoding"],
        17 => &["transfer-encoding", "x-forwarded-proto"],
        _ => &[],
    };
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    if names.iter().any(|known| is(known)) {
        return Some(Kind::Plain);
    }
    match name.len() {
        6 if is("cookie") => Some(Kind::Cookie),
        10 if is("set-cookie") => Some(Kind::SetCookie),
        13 if is("authorization") => Some(Kind::Credentials),
        _ => None,
    }
}

/// A name this long is made up; a secret-looking part of it is enough.
fn long_name_kind(name: &[u8], is_parameter: bool) -> Kind {
    const STEP: usize = FoldedName::MAX_LEN / 2;
    let name: Vec<u8> = name.iter().copied().filter(u8::is_ascii_graphic).collect();
    let starts = (0..name.len()).step_by(STEP);
    let mut parts = starts.map(|start| &name[start..name.len().min(start + FoldedName::MAX_LEN)]);
    let secret = parts.any(|part| !matches!(kind(part, is_parameter), Kind::Plain | Kind::Login));
    if secret { Kind::Secret } else { Kind::Plain }
}

/// Stems that mean a secret wherever they stand in a name.
fn by_stem(letters: &[u8]) -> Option<Kind> {
    for (at, pair) in letters.windows(2).enumerate() {
        let rest = &letters[at..];
        let found: &[&[u8]] = match pair {
            b"2f" => &[b"2fa"],
            b"ap" => &[b"apikey"],
            b"ac" => &[b"accesskey"],
            b"as" => &[b"assertion"],
            b"au" => &[b"authorization", b"authorisation", b"authentication"],
            b"be" => &[b"bearer"],
            b"cr" => &[b"credential"],
            b"cs" => &[b"csrf"],
            b"co" => &[b"cookie", b"contrasen"],
            b"jw" => &[b"jwt"],
            b"ke" => &[b"kennwort"],
            b"ma" => &[b"macaroon"],
            b"mn" => &[b"mnemonic"],
            b"pa" => &[b"password", b"passwd", b"passphrase", b"passcode", b"passwort"],
            b"pr" => &[b"privatekey"],
            b"sa" => &[b"saml"],
            b"se" => &[b"secret", b"session", b"sessid"],
            b"si" => &[b"signature"],
            b"to" => &[b"token"],
            b"xs" => &[b"xsrf"],
            _ => continue,
        };
        let Some(stem) = found.iter().find(|stem| rest.starts_with(stem)) else {
            continue;
        };
        match *stem {
            b"authorization" | b"authorisation" => return Some(Kind::Credentials),
            b"token" if rest.starts_with(b"tokeniz") || rest.starts_with(b"tokenis") => {}
            _ => return Some(Kind::Secret),
        }
    }
    None
}

/// `*-key` and `*-code`, where what stands before says which key or code.
fn by_ending(name: &FoldedName) -> Option<Kind> {
    let letters = words::without_number(name.letters());
    let letters = if letters.ends_with(b"keys") || letters.ends_with(b"codes") { &letters[..letters.len() - 1] } else { letters };
    if let Some(which) = letters.strip_suffix(b"key") {
        let benign = BENIGN_KEYS.split(' ').any(|benign| which.ends_with(benign.as_bytes()));
        return (!benign).then_some(Kind::Secret);
    }
    if matches!(words::without_number(name.last_word()), b"code" | b"codes")
        || letters.ends_with(b"authcode")
        || letters.ends_with(b"pincode")
    {
        let which = letters.strip_suffix(b"code")?;
        let secret = SECRET_CODES.split(' ').any(|secret| which.ends_with(secret.as_bytes()));
        return secret.then_some(Kind::Secret);
    }
    letters.ends_with(b"verifier").then_some(Kind::Secret)
}

/// Keys that lock nothing. `Sec-WebSocket-Key` is a nonce, `Idempotency-Key` an id.
const BENIGN_KEYS: &str = "cache surrogate idempotency partition primary sort public routing foreign object row websocket \
    message hash group shard order index lookup filter translation event mon tur hot don";

const SECRET_CODES: &str = "auth device verification verify backup recovery login access security sms otp user pin pass activation \
    confirmation confirm invite invitation reset unlock scratch totp mfa";

/// `session_timeout`, `x-token-count`. Not `reset` or `used`: a reset token may be a number.
const COUNTING_LAST_WORDS: &str = "limit count max min total usage budget duration timeout ttl expires expiry expiration age length \
    size lifetime rate cost";

fn counts(name: &FoldedName) -> bool {
    const PLURAL: &[u8] = b"tokens";
    name.letters().windows(PLURAL.len()).any(|window| window == PLURAL) || contains_word(COUNTING_LAST_WORDS, name.last_word())
}

fn contains_word(list: &str, word: &[u8]) -> bool {
    list.split(' ').any(|known| known.as_bytes() == word)
}

/// Whether a name is that of an API key: `X-Api-Key`, `Ocp-Apim-Subscription-Key`, `dd-application-key`.
pub(super) fn is_key(name: &[u8]) -> bool {
    // Most names end otherwise, and need not be folded.
    let last = name.iter().rfind(|byte| byte.is_ascii_alphanumeric());
    let ends_so = last.is_some_and(|last| last.eq_ignore_ascii_case(&b'y'));
    ends_so
        && FoldedName::of(name).is_some_and(|folded| {
            let letters = folded.letters();
            letters.ends_with(b"key") && letters.len() > 3 && by_ending(&folded) == Some(Kind::Secret)
        })
}

/// Whether a counter's value is one: a number, a duration (`6m0s`), a time, a list with parameters
/// (`150000;w=60`).
pub(super) fn is_count(value: &[u8]) -> bool {
    const MAX_LEN: usize = 48;
    const MAX_DIGITS: usize = 16;
    let value = value.strip_suffix(b" UTC").unwrap_or(value);
    value.len() <= MAX_LEN
        && value.split(|byte| !byte.is_ascii_digit()).all(|digits| digits.len() <= MAX_DIGITS)
        && value.first().is_some_and(u8::is_ascii_digit)
        && value.iter().all(|byte| {
            matches!(
                byte,
                b'0'..=b'9'
                    | b' '
                    | b'.'
                    | b','
                    | b':'
                    | b';'
                    | b'='
                    | b'+'
                    | b'-'
                    | b'%'
                    | b'T'
                    | b'Z'
                    | b's'
                    | b'm'
                    | b'h'
                    | b'd'
                    | b'w'
                    | b'n'
                    | b'u'
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for name in "X-Api-Key x_api_key xApiKey apikey X-APIKEY access_token accessToken X-Vault-Token client_secret \
            X-Amz-Security-Token X-Amz-Signature X-Amz-Credential sig AWSAccessKeyId \
            Ocp-Apim-Subscription-Key x-functions-key private-key password user.passwd pwd db_pass \
            JSESSIONID PHPSESSID connect.sid session_id Mcp-Session-Id X-CSRF-Token X-XSRF otp jwt \
            client_assertion X-Auth x-auth-key Authentication key x-credentials device_code code_verifier \
            reset_token authcode X-Bearer refreshtoken user[password] sessionToken APIKey"
            .split(' ')
        {
            assert_eq!(field(name.as_bytes()), Kind::Secret, "{name}");
        }
    }

    #[test]
    fn names_of_credentials_may_show_a_scheme() {
        for name in "Authorization proxy-authorization X-Forwarded-Authorization X-Original-Authorisation".split(' ') {
            assert_eq!(field(name.as_bytes()), Kind::Credentials, "{name}");
        }
    }

    #[test]
    fn names_that_only_look_like_secrets_are_plain() {
        for name in "authority author www-authenticate content-length sec-websocket-key sec-fetch-site etag \
            traceparent x-request-id x-b3-traceid idempotency-key surrogate-key keyword design \
            x-amz-signedheaders monkey monkeys status-code error_code inside x-auth-request-email \
            tokenizer compass bypass keyboard anthropic-version x-shipping-address public-key-pins \
            openai-organization charset q signature-input x-oauth-scopes access-control-request-headers"
            .split(' ')
        {
            assert_eq!(field(name.as_bytes()), Kind::Plain, "{name}");
        }
    }

    #[test]
    fn names_that_speak_about_secrets_show_what_fits() {
        for name in "token_type SignatureMethod password_policy access-control-allow-credentials X-Secret-Version".split(' ') {
            assert!(matches!(field(name.as_bytes()), Kind::About(_)), "{name}");
        }
    }

    #[test]
    fn names_of_people_are_logins() {
        for name in "x-auth-user x-authenticated-user login userName".split(' ') {
            assert_eq!(field(name.as_bytes()), Kind::Login, "{name}");
        }
    }

    #[test]
    fn names_that_count_tokens_are_counters() {
        for name in "x-ratelimit-remaining-tokens anthropic-ratelimit-tokens-remaining max_tokens maxTokens \
            session_timeout anthropic-ratelimit-input-tokens-reset x-token-count"
            .split(' ')
        {
            assert_eq!(field(name.as_bytes()), Kind::Counter, "{name}");
        }
    }

    #[test]
    fn a_code_is_a_secret_as_a_parameter_only() {
        assert_eq!(parameter(b"code"), Kind::Secret);
        assert_eq!(field(b"code"), Kind::Plain);
    }

    #[test]
    fn a_name_longer_than_any_real_one_is_searched_whole() {
        let mut name = vec![b'x'; 500];
        assert_eq!(field(&name), Kind::Plain);
        name.extend_from_slice(b"-client-secret-");
        name.extend([b'y'; 500]);
        assert_eq!(field(&name), Kind::Secret);
    }

    #[test]
    fn counts_are_numbers_durations_and_times() {
        for value in ["0", "149984", "6m0s", "2024-01-01T00:00:00Z", "150000, 150000;w=60", "1.5", "2026-01-01 00:00:00 UTC"] {
            assert!(is_count(value.as_bytes()), "{value}");
        }
        for value in ["", "abc", "1a2b3c", "s6", "48151623421234567"] {
            assert!(!is_count(value.as_bytes()), "{value}");
        }
    }
}
