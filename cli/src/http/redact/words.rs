//! Short words that mean a secret only where they stand as a word of a name: `sid`, `auth`, `pin`.
//!
//! Neither a number behind a word nor a plural makes another word of it: `pass2`, `keys`.

use super::folded_name::FoldedName;
use super::names::Kind;

/// Secret, if a word of the name says so.
pub(super) fn secret(name: &FoldedName) -> Option<Kind> {
    let (mut auth, mut says_who) = (false, false);
    for word in name.words() {
        let word = without_number(word);
        if is_secret(word) || word.strip_suffix(b"s").is_some_and(is_secret) {
            return Some(Kind::Secret);
        }
        auth |= matches!(word, b"auth" | b"xauth" | b"authn" | b"authz");
        says_who = auth && (says_who_or_how(word) || (says_who && word == b"id"));
    }
    let last = without_number(name.last_word());
    let is_last = ends_secret(last) || last.strip_suffix(b"s").is_some_and(ends_secret);
    (is_last || (auth && !says_who)).then_some(Kind::Secret)
}

/// `key1` as `key`; a number alone stays.
pub(super) fn without_number(word: &[u8]) -> &[u8] {
    let digits = word.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == word.len() { word } else { &word[..word.len() - digits] }
}

/// Wherever in a name.
fn is_secret(word: &[u8]) -> bool {
    matches!(word.len(), 3..=4)
        && matches!(
            word,
            b"sid"
                | b"sig"
                | b"otp"
                | b"totp"
                | b"hotp"
                | b"mfa"
                | b"pwd"
                | b"psw"
                | b"pswd"
                | b"psk"
                | b"cred"
                | b"hmac"
                | b"sess"
                | b"jwe"
                | b"tkn"
                | b"cvv"
                | b"cvc"
        )
}

/// As the last word only: `ticket-count` and `pin-to-top` are none.
fn ends_secret(word: &[u8]) -> bool {
    /// These end in `pass` and open nothing.
    const WAYS: [&[u8]; 8] = [b"bypass", b"compass", b"encompass", b"trespass", b"surpass", b"overpass", b"underpass", b"multipass"];
    match word {
        b"pin" | b"ticket" | b"oauth" | b"sign" | b"seed" | b"phrase" | b"crumb" | b"tok" => true,
        _ if word.ends_with(b"pass") => !WAYS.contains(&word),
        _ => word.ends_with(b"pwd") || word.ends_with(b"pword") || word.ends_with(b"pw"),
    }
}

/// Who and how, not the credential: `X-Auth-User`, `X-Auth-Request-Email`.
fn says_who_or_how(word: &[u8]) -> bool {
    matches!(
        word,
        b"user"
            | b"username"
            | b"email"
            | b"groups"
            | b"roles"
            | b"request"
            | b"result"
            | b"level"
            | b"time"
            | b"server"
            | b"service"
            | b"host"
            | b"domain"
            | b"realm"
            | b"scope"
            | b"scopes"
            | b"redirect"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_secret_name(name: &str) -> bool {
        secret(&FoldedName::of(name.as_bytes()).expect("names in these tests are short")).is_some()
    }

    #[test]
    fn a_word_counts_with_a_number_and_in_the_plural() {
        for name in "sid sid2 X-Sigs X-Pins1 pass pass1 dbpass userpw X-Otp-Value tickets".split(' ') {
            assert!(is_secret_name(name), "{name}");
        }
        for name in "inside pins-to-top bypass compass design ticket-count password2x address mass".split(' ') {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn auth_is_harmless_only_if_the_last_word_says_who_or_how() {
        for name in "X-Auth-User X-Auth-Request-Email X-Auth-User-Id auth_time X-OAuth-Scopes X-Auth-Request-Redirect".split(' ') {
            assert!(!is_secret_name(name), "{name}");
        }
        for name in "X-Auth X-Auth2 X-Authn X-Auth-Id X-Auth-User-Foo X-Auth-Service-Pass".split(' ') {
            assert!(is_secret_name(name), "{name}");
        }
    }
}
