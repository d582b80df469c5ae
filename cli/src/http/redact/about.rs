//! Values of fields that speak about a secret: `token_type`, `session_timeout`, `X-Secret-Version`. They are shown only
//! if they read like what the name's last word promises. Anything else may be the secret itself.

use super::holds_secret;

/// What a name says that its value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aspect {
    /// `*-required`, `*-enabled`: yes or no.
    Flag,
    /// `*-version`: a short number, or a date.
    Version,
    /// `*-url`: an address without credentials, query or fragment.
    Address,
    /// `*-type`, `*-algorithm`: words that protocols define.
    Term,
    /// `*-name`, `*-input`: nothing that could be told from a secret.
    Anything,
}

impl Aspect {
    /// What the last word of a name promises.
    pub(super) fn of(last_word: &[u8]) -> Option<Self> {
        Some(match last_word {
            b"required" | b"enabled" | b"supported" => Self::Flag,
            b"version" => Self::Version,
            b"url" | b"uri" | b"endpoint" => Self::Address,
            b"type" | b"method" | b"mode" | b"scheme" | b"status" | b"policy" | b"algorithm" | b"alg" | b"provider" => Self::Term,
            b"name" | b"input" => Self::Anything,
            _ => return None,
        })
    }

    /// Whether `value` is what was promised.
    pub(super) fn fits(self, value: &[u8]) -> bool {
        let value = value.trim_ascii();
        is_flag(value)
            || match self {
                Self::Flag | Self::Anything => false,
                Self::Version => is_version(value),
                Self::Address => is_address(value),
                Self::Term => is_term(value),
            }
    }
}

fn is_flag(value: &[u8]) -> bool {
    const FLAGS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "0", "1"];
    FLAGS.iter().any(|flag| value.eq_ignore_ascii_case(flag.as_bytes()))
}

/// `3`, `v1.2.0`, `2024-01-01`, `20240101`.
fn is_version(value: &[u8]) -> bool {
    const MAX_LEN: usize = 16;
    const MAX_DIGITS: usize = 4;
    let numbers = value.strip_prefix(b"v").unwrap_or(value);
    let is_date = numbers.len() == 8 && (numbers.starts_with(b"19") || numbers.starts_with(b"20"));
    numbers.len() <= MAX_LEN
        && numbers
            .split(|byte| matches!(byte, b'.' | b'-'))
            .all(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit) && (number.len() <= MAX_DIGITS || is_date))
}

fn is_address(value: &[u8]) -> bool {
    const MAX_LEN: usize = 256;
    let rest = value.strip_prefix(b"https://").or_else(|| value.strip_prefix(b"http://"));
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'/' | b':');
    rest.is_some_and(|rest| value.len() <= MAX_LEN && rest.iter().all(is_plain)) && !holds_secret(value)
}

/// Words of the list, and short numbers, joined by anything: `urn:ietf:params:oauth:token-type:jwt`.
fn is_term(value: &[u8]) -> bool {
    const MAX_LEN: usize = 64;
    const MAX_DIGITS: usize = 3;
    let is_known = |word: &[u8]| {
        (word.len() <= MAX_DIGITS && word.iter().all(u8::is_ascii_digit))
            || TERMS.split_ascii_whitespace().any(|term| word.eq_ignore_ascii_case(term.as_bytes()))
    };
    value.len() <= MAX_LEN && value.split(|byte| !byte.is_ascii_alphanumeric()).all(is_known)
}

const TERMS: &str = "access account active allowed anonymous any api apikey app application assertion auth auth0 authorization aws aws4 \
    azure basic bearer body cached client code cognito cookie cookies credentials custom database default denied device digest disabled \
    dpop ec ed25519 eddsa enabled encrypted entra es256 es384 es512 exchange expired external failed federated fetch file \
    firebase form gcp github gitlab global google grant granted hash hawk header hmac hmacsha1 hmacsha256 hmacsha512 hs256 hs384 hs512 http https \
    iam id ietf implicit internal invalid jwk jwt kerberos keycloak key lax ldap local logout mac machine managed md5 memory mfa microsoft \
    missing mtls mutual n negotiate new none not ntlm oauth oauth1 oauth2 offline oidc ok okta opaque optional params password passwordless \
    pending permanent persistent personal pkce plain plaintext post ps256 ps384 ps512 public query read readonly redis refresh rejected \
    renewed required revoked rolling rotated rs256 rs384 rs512 rsa s256 saml saml2 secret secure server service session sha sha1 sha256 sha384 sha512 \
    sid signature signed sliding standard stateful stateless strict sts success temporary token type unauthorized unknown unsigned urn user \
    valid vault verified web x5t";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_fits_if_it_reads_like_what_was_promised() {
        for (word, values) in [
            ("required", "true False 0 on"),
            ("version", "1 v2 1.2.0 2024-01-01 20240101 v20.11.0"),
            ("url", "https://h.example/oauth2/token http://auth:8080/login"),
            ("type", "Bearer bearer JWT urn:ietf:params:oauth:token-type:access_token"),
            ("algorithm", "AWS4-HMAC-SHA256 RS256 rsa-sha256 hmac-sha-256"),
        ] {
            for value in values.split(' ') {
                let aspect = Aspect::of(word.as_bytes()).expect("each of these words promises something");
                assert!(aspect.fits(value.as_bytes()), "{word}: {value}");
            }
        }
    }

    #[test]
    fn a_value_that_could_be_the_secret_does_not_fit() {
        for word in ["required", "version", "url", "type", "name", "input", "policy"] {
            for value in
                ["hunter2", "swordfish", "48151623", "https://bob:pw@h", "https://h/?a=b", "v1x", "1-2-swordfish", "bearer swordfish"]
            {
                let aspect = Aspect::of(word.as_bytes()).expect("each of these words promises something");
                assert!(!aspect.fits(value.as_bytes()), "{word}: {value}");
            }
        }
    }
}
