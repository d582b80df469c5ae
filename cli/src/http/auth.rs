//! Whether a request carried credentials, and of what kind. Never the credentials.

use super::redact::is_api_key_name;
use super::sent::{Field, Known};

/// The kind of credentials of a request, the strongest statement of those it made.
///
/// `Authorization` counts before fields that hold a key, a token or a signature, those before credentials in the
/// query, then `Proxy-Authorization` (credentials for a hop, not for the API), then cookies. Of several
/// `Authorization` fields the last counts; of several others of one rank, the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Auth {
    /// No credentials seen.
    #[default]
    None,
    /// A `Cookie` field; whether it authenticates anybody cannot be seen.
    Cookie,
    /// `Proxy-Authorization` only.
    Proxy,
    /// A key, token or signature in the query.
    Query,
    /// A field such as `X-Api-Key` (also the scheme `ApiKey`).
    ApiKey,
    /// A field such as `X-Auth-Token` or `Private-Token`, and the scheme `Token`.
    Token,
    /// A signed request: AWS Signature 4, HTTP Message Signatures (RFC 9421), webhook signatures, Hawk.
    Signature,
    /// RFC 6750.
    Bearer,
    /// RFC 7617.
    Basic,
    /// RFC 7616.
    Digest,
    /// SPNEGO, RFC 4559.
    Negotiate,
    /// Microsoft's own, without registration.
    Ntlm,
    /// OAuth 1.0, RFC 5849.
    OAuth,
    /// RFC 9449.
    Dpop,
    /// `Authorization` with a scheme that is none of these, or without one.
    Other,
}

impl Auth {
    /// The word that stands in the `auth` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cookie => "cookie",
            Self::Proxy => "proxy",
            Self::Query => "query",
            Self::ApiKey => "api-key",
            Self::Token => "token",
            Self::Signature => "signature",
            Self::Bearer => "bearer",
            Self::Basic => "basic",
            Self::Digest => "digest",
            Self::Negotiate => "negotiate",
            Self::Ntlm => "ntlm",
            Self::OAuth => "oauth",
            Self::Dpop => "dpop",
            Self::Other => "other",
        }
    }

    /// Takes a header field of the request into account.
    pub(super) fn observe(&mut self, field: &Field<'_>) {
        let auth = match field.known {
            Known::Authorization | Known::Cookie | Known::Other if field.value.trim_ascii().is_empty() => return,
            Known::Authorization => return *self = scheme(field.value),
            Known::Cookie => Some(Self::Cookie),
            Known::Other => by_field(field.name),
            _ => None,
        };
        if let Some(auth) = auth {
            self.strengthen(auth);
        }
    }

    /// Takes the request-target into account: keys, tokens and signatures in its query.
    pub fn observe_target(&mut self, target: &[u8]) {
        let Some(query) = target.iter().position(|byte| *byte == b'?') else {
            return;
        };
        let names = target[query + 1..].split(|byte| matches!(byte, b'&' | b'#')).filter_map(name_with_value);
        if names.into_iter().any(names_query_credentials) {
            self.strengthen(Self::Query);
        }
    }

    /// Whether no other field could say more.
    pub fn is_strongest(self) -> bool {
        self.rank() == Self::Other.rank()
    }

    fn strengthen(&mut self, auth: Self) {
        if auth.rank() > self.rank() {
            *self = auth;
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Cookie => 1,
            Self::Proxy => 2,
            Self::Query => 3,
            Self::ApiKey | Self::Token | Self::Signature => 4,
            Self::Bearer | Self::Basic | Self::Digest | Self::Negotiate | Self::Ntlm | Self::OAuth | Self::Dpop | Self::Other => 5,
        }
    }
}

/// The kind that the scheme of an `Authorization` value names.
fn scheme(value: &[u8]) -> Auth {
    let word = value.trim_ascii().split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let is = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
    match () {
        () if is("Bearer") => Auth::Bearer,
        () if is("Basic") => Auth::Basic,
        () if is("Digest") => Auth::Digest,
        () if is("Negotiate") => Auth::Negotiate,
        () if is("NTLM") => Auth::Ntlm,
        () if is("OAuth") => Auth::OAuth,
        () if is("DPoP") => Auth::Dpop,
        () if is("ApiKey") || is("Api-Key") => Auth::ApiKey,
        () if is("Token") => Auth::Token,
        () if is("Signature") || is("Hawk") || word.starts_with(b"AWS") || is("GOOG4-RSA-SHA256") => Auth::Signature,
        () => Auth::Other,
    }
}

/// The kind that the presence of a field other than `Authorization` and `Cookie` says.
fn by_field(name: &[u8]) -> Option<Auth> {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    if is("proxy-authorization") {
        Some(Auth::Proxy)
    } else if is_api_key_name(name) {
        Some(Auth::ApiKey)
    } else if TOKEN_FIELDS.iter().any(|known| is(known)) {
        Some(Auth::Token)
    } else if SIGNATURE_FIELDS.iter().any(|known| is(known)) {
        Some(Auth::Signature)
    } else {
        None
    }
}

/// Not the tokens against forged requests (`X-CSRF-Token`), which identify nobody.
const TOKEN_FIELDS: &[&str] = &[
    "x-auth-token",
    "x-access-token",
    "private-token",
    "job-token",
    "x-vault-token",
    "x-consul-token",
    "x-api-token",
    "x-token",
    "x-shopify-access-token",
    "x-goog-iap-jwt-assertion",
    "cf-access-jwt-assertion",
];

const SIGNATURE_FIELDS: &[&str] =
    &["signature", "x-signature", "x-hub-signature", "x-hub-signature-256", "stripe-signature", "x-slack-signature"];

/// The name of a parameter that has a value.
fn name_with_value(parameter: &[u8]) -> Option<&[u8]> {
    let equals = parameter.iter().position(|byte| *byte == b'=')?;
    (equals + 1 < parameter.len()).then_some(&parameter[..equals])
}

fn names_query_credentials(name: &[u8]) -> bool {
    const NAMES: &[&str] = &[
        "access_token",
        "token",
        "auth_token",
        "auth",
        "sig",
        "signature",
        "x-amz-signature",
        "x-goog-signature",
        "jwt",
        "id_token",
        "key",
        "private_token",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())) || is_api_key_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(target: &str, fields: &[(&str, &str)]) -> &'static str {
        let mut auth = Auth::default();
        auth.observe_target(target.as_bytes());
        for (name, value) in fields {
            auth.observe(&Field::new(name.as_bytes(), value.as_bytes()));
        }
        auth.as_str()
    }

    #[test]
    fn authorization_is_named_by_its_scheme() {
        for (value, expected) in [
            ("Bearer abc", "bearer"),
            ("bearer abc", "bearer"),
            ("Basic abc", "basic"),
            ("Digest username=\"a\"", "digest"),
            ("Negotiate abc", "negotiate"),
            ("AWS4-HMAC-SHA256 Credential=abc", "signature"),
            ("ApiKey abc", "api-key"),
            ("Token abc", "token"),
            ("hunter2", "other"),
            ("", "none"),
        ] {
            assert_eq!(auth("/", &[("Authorization", value)]), expected, "{value}");
        }
    }

    #[test]
    fn other_fields_are_named_by_what_they_hold() {
        for (name, expected) in [
            ("X-Api-Key", "api-key"),
            ("api-key", "api-key"),
            ("Ocp-Apim-Subscription-Key", "api-key"),
            ("x-goog-api-key", "api-key"),
            ("X-Auth-Token", "token"),
            ("Private-Token", "token"),
            ("X-Hub-Signature-256", "signature"),
            ("Cookie", "cookie"),
            ("Proxy-Authorization", "proxy"),
            ("X-CSRF-Token", "none"),
            ("Idempotency-Key", "none"),
            ("X-Request-Id", "none"),
        ] {
            assert_eq!(auth("/", &[(name, "abc")]), expected, "{name}");
        }
    }

    #[test]
    fn queries_may_hold_credentials() {
        for (target, expected) in [
            ("/x?access_token=abc", "query"),
            ("/x?a=b&API_KEY=abc#c", "query"),
            ("/x?X-Amz-Signature=abc", "query"),
            ("/x?key=", "none"),
            ("/x?max_tokens=5&keyword=a", "none"),
            ("/token=abc", "none"),
        ] {
            assert_eq!(auth(target, &[]), expected, "{target}");
        }
    }

    #[test]
    fn the_strongest_statement_counts_in_any_order() {
        let cookie = ("Cookie", "a=b");
        let key = ("X-Api-Key", "abc");
        let bearer = ("Authorization", "Bearer abc");
        let signature = ("Signature", "sig1=:abc:");
        assert_eq!(auth("/?key=a", &[cookie]), "query");
        assert_eq!(auth("/?key=a", &[key, cookie]), "api-key");
        assert_eq!(auth("/?key=a", &[key, bearer, cookie]), "bearer");
        assert_eq!(auth("/", &[bearer, signature, key]), "bearer");
        assert_eq!(auth("/", &[signature, bearer]), "bearer");
        assert_eq!(auth("/", &[cookie, ("Proxy-Authorization", "Basic abc")]), "proxy");
    }
}
