//! Names of people, and the passwords that some put behind them: `login=bob:hunter2`.

use super::folded_name::FoldedName;

/// Whether a name says who somebody is.
pub(super) fn is_name(name: &FoldedName) -> bool {
    matches!(name.last_word(), b"login" | b"logon" | b"user" | b"userid" | b"account") || name.letters().ends_with(b"username")
}

/// Whether a colon parts the value into a name and a password. Some kinds of names have colons of their own.
pub(super) fn holds_password(value: &[u8]) -> bool {
    const NAMESPACES: [&str; 11] = ["arn", "urn", "system", "http", "https", "spiffe", "acct", "mailto", "did", "uid", "serviceaccount"];
    let value = value.trim_ascii();
    let Some(colon) = value.iter().position(|byte| *byte == b':') else {
        return false;
    };
    let has_namespace = NAMESPACES.iter().any(|namespace| value[..colon].eq_ignore_ascii_case(namespace.as_bytes()));
    !has_namespace && colon + 1 < value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_colon_is_a_password_unless_a_namespace_stands_before() {
        for value in ["bob:pw", "bob@example.com:pw", ":pw"] {
            assert!(holds_password(value.as_bytes()), "{value}");
        }
        for value in ["bob", "bob:", "arn:aws:iam::123456789012:user/bob", "system:serviceaccount:default:api", ""] {
            assert!(!holds_password(value.as_bytes()), "{value}");
        }
    }
}
