//! Leaks that a hostile reader found, and their neighbours: a secret stands in each of these, and nothing of it may
//! be shown. The secret is `hunter2` throughout, in no shape that would give it away.

use super::{Mode, Redactor};

const SECRET: &str = "hunter2";

fn redactor() -> Redactor {
    Redactor::new(Mode::Mask, [0, 0])
}

fn field(name: &[u8], value: &[u8]) -> String {
    let mut out = Vec::new();
    redactor().field_value(name, value, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn target(value: &[u8]) -> String {
    let mut out = Vec::new();
    redactor().target(value, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn token(value: &str) -> String {
    let mut out = Vec::new();
    redactor().token(value.as_bytes(), &mut out);
    String::from_utf8(out).expect("these names are UTF-8")
}

fn assert_hidden_in_field(name: &str, value: &str) {
    let shown = field(name.as_bytes(), value.as_bytes());
    assert!(!shown.contains("unter2"), "{name}: {value} is shown as {shown}");
}

/// As a target, and where targets stand in fields.
fn assert_hidden_in_target(value: &str) {
    let shown = target(value.as_bytes());
    assert!(!shown.contains("unter2"), "{value} is shown as {shown}");
    for name in ["X-Original-URL", ":path", "Referer", "Location"] {
        assert_hidden_in_field(name, value);
    }
    assert_hidden_in_field("Referer", &format!("https://h.example{value}"));
    assert_hidden_in_field("Link", &format!("<https://h.example{value}>; rel=\"next\""));
}

#[test]
fn json_in_a_form_encoded_query_hides_its_secrets() {
    for value in [
        "/x?q=%7B%22password%22%3A+%22hunter2%22%7D",
        "/x?q=%7B%22a%22%3A+1%2C+%22password%22%3A+%22hunter2%22%2C+%22b%22%3A+2%7D",
        "/x?q=%7B%22password%22+%3A++%22hunter2%22+%7D&y=1",
        "/x?q={%22token%22:+%22hunter2%22}",
        "/x?q=%257B%2522token%2522%253A%2B%2522hunter2%2522%257D",
        "/x?q=%7B%22tokens%22%3A+%5B%22hunter2%22%5D%7D",
    ] {
        assert_hidden_in_target(value);
    }
    assert_eq!(target(b"/x?q=%7B%22password%22%3A+%22hunter2%22%7D"), "/x?q=%7B%22password%22%3A+%22***%22%7D");
    assert_eq!(
        target(b"/x?q=%7B%22password%22%3A+%22hunter2%22%2C+%22b%22%3A+2%7D&p=1"),
        "/x?q=%7B%22password%22%3A+%22***%22%2C+%22b%22%3A+2%7D&p=1"
    );
}

#[test]
fn only_the_fields_of_cors_are_exempt_from_the_rules() {
    for name in ["Access-Control-Token", "Access-Control-Api-Key", "Access-Control-Allow-Credentials", "Access-Control-Allow-Secret"] {
        assert_hidden_in_field(name, SECRET);
    }
    assert_eq!(field(b"Access-Control-Allow-Credentials", b"true"), "true");
    assert_eq!(field(b"Access-Control-Request-Headers", b"authorization,x-api-key"), "authorization,x-api-key");
}

#[test]
fn a_secret_word_counts_behind_who_and_where() {
    for name in "X-Auth-User-Pass X-Auth-User-Pwd X-Auth-Request-Sig X-Auth-Domain-Pass X-Auth-Service-Foo auth_user_pass \
        X-Auth-Server-Otp X-Auth-Host-Hmac"
        .split(' ')
    {
        assert_hidden_in_field(name, SECRET);
    }
    assert_hidden_in_target("/x?auth_user_pass=hunter2&a=1");
    assert_eq!(field(b"X-Auth-Request-Email", b"bob@example.com"), "bob@example.com");
    assert_eq!(field(b"X-Auth-User", b"bob"), "bob");
}

#[test]
fn what_is_said_about_a_secret_is_shown_only_if_it_reads_so() {
    for name in "X-Secret-Version X-Secret-Name X-Token-Name X-Token-Url X-Token-Input X-Password-Url X-Password-Provider \
        X-Api-Secret-Required X-User-Token-Enabled X-Session-Uri Authorization-Url X-Token-Type X-Secret-Status X-Session-Mode \
        X-Password-Policy X-Auth-Method X-Signature-Algorithm X-Session-Timeout X-Token-Count max_tokens"
        .split(' ')
    {
        for value in
            [SECRET, "hunter2 hunter2", "https://bob:hunter2@h/", "https://h/?x=hunter2", "bearer hunter2", "1.hunter2", "true hunter2"]
        {
            assert_hidden_in_field(name, value);
            assert_hidden_in_field("X-Debug", &format!("{name}={value}"));
        }
    }
    for (name, value) in [
        ("X-Secret-Version", "3"),
        ("X-Secret-Version", "v1.2.0"),
        ("X-Secret-Version", "2024-01-01"),
        ("X-Token-Url", "https://login.example.com/oauth2/token"),
        ("Authorization-Endpoint", "https://login.example.com/authorize"),
        ("X-Api-Secret-Required", "true"),
        ("X-User-Token-Enabled", "no"),
        ("X-Token-Type", "Bearer"),
        ("X-Token-Type", "urn:ietf:params:oauth:token-type:access_token"),
        ("X-Amz-Signature-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Signature-Method", "HmacSHA256"),
        ("X-Session-Status", "expired"),
        ("X-Session-Timeout", "3600"),
        ("Signature-Input", "sig1=(\"@method\" \"@authority\");created=1618884473;keyid=\"test-key\""),
    ] {
        assert_eq!(field(name.as_bytes(), value.as_bytes()), value, "{name}");
    }
}

#[test]
fn numbers_and_plurals_do_not_make_another_word() {
    for name in "X-PIN X-Pins X-Pwd1 X-Auth2 X-Key1 X-Keys X-Encryption-Keys X-Authn X-Authz X-Sess X-Hmac X-Hmac-256 X-Login-Ticket \
        X-Passphrase X-Passcode X-Passwords X-Bearer X-Secrets X-Creds X-Sigs X-Otps X-Pass2 X-OAuth2 X-UserPwd db-pw dbpw1 \
        X-Api-Keys X-Access-Token2 X-Passwort X-2fa X-Macaroon X-Mnemonic X-Seed-Phrase X-Pincode X-My-Tok Jenkins-Crumb X-Activation-Code"
        .split(' ')
    {
        assert_hidden_in_field(name, SECRET);
    }
    for name in "pass1 pass2 userpass userpass1 ticket oauth_verifier SAMLResponse SAMLRequest RelayState id_token_hint keys key1 \
        sign otp2 auth2 pwd1 pins"
        .split(' ')
    {
        assert_hidden_in_target(&format!("/x?{name}=hunter2&a=1"));
    }
    for name in ["X-Cert", "X-SSL-Client-Cert"] {
        assert_hidden_in_field(name, "x-----BEGIN RSA PRIVATE KEY----- hunter2 -----END RSA PRIVATE KEY-----");
        assert_hidden_in_field(name, "-----BEGIN%20PRIVATE%20KEY-----%0Ahunter2%0A-----END%20PRIVATE%20KEY-----%0A");
    }
    for name in ["compass", "bypass", "monkeys", "Public-Key-Pins", "X-Design", "X-Shipping-Address", "X-Mass"] {
        assert_eq!(field(name.as_bytes(), b"max-age"), "max-age", "{name}");
    }
}

#[test]
fn a_login_with_a_password_behind_its_colon_is_hidden() {
    assert_hidden_in_target("/x?login=bob:hunter2");
    assert_hidden_in_target("/x?user=bob%3Ahunter2&a=1");
    assert_hidden_in_field("X-Login", "bob:hunter2");
    assert_hidden_in_field("X-Debug", "{\"username\": \"bob:hunter2\"}");
    assert_eq!(field(b"X-Remote-User", b"system:serviceaccount:default:api"), "system:serviceaccount:default:api");
    assert_eq!(target(b"/x?user=bob&login=true"), "/x?user=bob&login=true");
}

#[test]
fn a_named_value_is_hidden_to_its_end_whatever_it_starts_with() {
    for start in [
        "{a}", "[a]", "\"a\"", "'a'", "<a>", "(a)", "a\"", "a<", "a>", "a`", "a\\", "\"\"", "{}", "\"a\" ", "a ", "a; ", "a, ", "<",
        "%22a%22",
    ] {
        for name in ["token", "x-api-key", "user[password]"] {
            let value = format!("{name}={start}hunter2");
            let shown = target(format!("/x?{value}&a=1").as_bytes());
            assert!(!shown.contains("unter2") && shown.ends_with("&a=1"), "{value} is shown as {shown}");
            assert_hidden_in_field("X-Debug", &value);
            assert_hidden_in_field("X-Debug", &format!("{value} mode=fast"));
            assert_hidden_in_field("Referer", &format!("https://h.example/x?{value}&a=1"));
        }
    }
    assert_hidden_in_field("X-Debug", "{\"token\":\"a\"hunter2,\"b\":1}");
    assert_hidden_in_target("/x?q=\"&token=a\"hunter2");
    assert_hidden_in_target("/x;token=a,hunter2/y");
}

#[test]
fn names_are_compared_without_what_is_no_letter_or_digit() {
    for name in [
        "to%00ken",
        "to\u{1}ken",
        "to\u{200b}ken",
        "to%E2%80%8Bken",
        "to%7Fken",
        "to%ffken",
        "to*ken",
        "to%20ken",
        "to%0aken",
        "to%22ken",
        "to%2Fken",
        "to%ken",
        "au%00th",
        "p%00w%00d",
        "\u{feff}pin",
    ] {
        assert_hidden_in_target(&format!("/x?a=1&{name}=hunter2&b=2"));
        assert_hidden_in_field("X-Debug", &format!("a {name}=hunter2"));
    }
    assert_hidden_in_target(&format!("/x?to{}ken=hunter2", "%00".repeat(100)));
    assert_hidden_in_target(&format!("/x?token{}=hunter2", "%00".repeat(100)));
    for name in [b"p\0assword".as_slice(), b"au\x7fth", b"to%6ben", b"to\xffken", "pass\u{200b}word".as_bytes()] {
        assert_eq!(field(name, b"hunter2"), "***", "{}", name.escape_ascii());
    }
    assert_hidden_in_field("X-Debug", "{\"to\\u200bken\":\"hunter2\"}");
}

#[test]
fn free_text_hides_what_follows_a_secret_word() {
    for value in [
        "curl --password hunter2 -v",
        "curl --token hunter2",
        "curl --password=hunter2",
        "--api-key 'hunter2'",
        "[\"--password\",\"hunter2\"]",
        "curl -u bob:hunter2 https://h",
        "curl --user bob:hunter2",
        "cmd=--password+hunter2",
        "token/hunter2",
        "Authorization=Custom hunter2",
        "Authorization: Custom hunter2",
        "Authorization: Digest username=\"bob\", response=\"hunter2\"",
        "Authorization=Digest username=\"bob\", response=\"hunter2\"",
        "{\"h\":\"Authorization: Digest username=\\\"bob\\\", response=\\\"hunter2\\\"\"}",
        "password hunter2",
        "the passwd is hunter2",
        "<password>hunter2</password>",
        "<wsse:Password Type=\"PasswordText\">hunter2</wsse:Password>",
        "<password><![CDATA[hunter2]]></password>",
        "bearer.hunter2",
        "bearer, hunter2",
        "Bearer/hunter2",
        "bob:a?hunter2@h.example",
        "password -> hunter2",
        "password|hunter2",
        "password(hunter2)",
        "my password is: hunter2",
        "bearer-hunter2",
        "{\"name\":\"password\",\"value\":\"hunter2\"}",
        "{\"key\": \"password\", \"value\": \"hunter2\"}",
        "name=password&value=hunter2",
        "<input name=\"password\" value=\"hunter2\">",
        "token%u003Dhunter2",
    ] {
        assert_hidden_in_field("X-Debug", value);
        assert_hidden_in_field("User-Agent", value);
        assert_hidden_in_field("X-Debug", &format!("{{\"a\": \"{}\"}}", value.replace('"', "\\\"")));
    }
    for value in [
        "bearer.hunter2",
        "bearer, hunter2",
        "chat, access_token, hunter2",
        "base64url.bearer.authorization.k8s.io.hunter2",
        "token.hunter2",
    ] {
        assert_hidden_in_field("Sec-WebSocket-Protocol", value);
    }
    for value in [
        "graphql-transport-ws, mqtt",
        "the password is required",
        "The access token expired",
        "the bearer token is missing",
        "token expired",
        "Tokenizer/1.2.3",
        "Token/1.0",
        "--verbose --user bob",
    ] {
        assert_eq!(field(b"X-Debug", value.as_bytes()), value);
    }
    assert_eq!(field(b"Sec-WebSocket-Protocol", b"graphql-transport-ws, mqtt"), "graphql-transport-ws, mqtt");
}

#[test]
fn the_segment_behind_one_that_names_a_secret_is_hidden() {
    for value in [
        "/reset-password/hunter2",
        "/token/hunter2",
        "/v1/token/hunter2/x",
        "/api-key/hunter2",
        "/verify/hunter2",
        "/verify/email/hunter2",
        "/password/reset/hunter2",
        "/password-reset/hunter2",
        "/secret/$hunter2",
        "/token//hunter2?x=1",
        "/tokens/hunter2",
        "/sessions/hunter2",
        "/magic-link/hunter2",
        "/activate/hunter2",
        "/x/to%6ben/hunter2",
        "/token/a%2Fhunter2",
        "/token/hunter2:x",
        "/session/hunter2/element",
        "/token:hunter2",
        "/x/password:hunter2/y",
    ] {
        assert_hidden_in_target(value);
    }
    assert_eq!(target(b"/reset-password/swordfish"), "/reset-password/***");
    assert_eq!(target(b"/v1/token/abc/users?page=2"), "/v1/token/***/users?page=2");
    for value in [
        "/v1/tokens/count",
        "/oauth/token",
        "/auth/realms/master/protocol/openid-connect/token",
        "/auth/v1/token?grant_type=password",
        "/token/refresh",
        "/password/reset",
        "/users/12345/tokens/17",
        "/api-keys/123e4567-e89b-12d3-a456-426614174000",
        "/verify/email",
        "/forgot-password/index.html",
        "/auth.v1.Session/Login",
        "/monkey/business",
        "/versions/v2",
    ] {
        assert_eq!(target(value.as_bytes()), value);
    }
}

#[test]
fn userinfo_is_hidden_though_its_password_ends_the_authority() {
    for value in ["http://bob:a/hunter2@h/", "http://bob:a?hunter2@h/", "http://bob:a#hunter2@h/", "//bob:a/hunter2@h/x", "//bob:a/hunter2"]
    {
        assert_hidden_in_field("Referer", value);
        assert_hidden_in_field("Location", value);
        let shown = target(value.as_bytes());
        assert!(!shown.contains("unter2"), "{value} is shown as {shown}");
    }
    assert_eq!(field(b"Referer", b"//bob:123456"), "//***");
    assert_eq!(field(b"Referer", b"//bob:65536/x"), "//***");
    assert_eq!(field(b"Referer", b"//host:65535/x"), "//host:65535/x");
    assert_eq!(field(b"Referer", b"http://registry:4873/@babel/core"), "http://registry:4873/@babel/core");
}

#[test]
fn a_secret_in_a_field_name_is_hidden() {
    for (name, shown) in [
        ("x-secret-hunter2xyz", "x-secret-***"),
        ("token-hunter2abc", "token-***"),
        ("X-Token-Hunter2", "X-Token-***"),
        ("x-api-key-a1b2c3", "***"),
        ("x-my-token-a1b2c3", "x-my-token-***"),
        ("X-SecretHunter2x", "X-***"),
        ("x_password_xkqzvw", "x_password_***"),
    ] {
        assert_eq!(token(name), shown);
    }
    for name in "x-goog-api-key x-amz-security-token x-csrf-token cf-access-client-secret x-hub-signature-256 x-auth-request-email \
        x-amz-content-sha256 authorization proxy-authorization x-goog-iap-jwt-assertion sec-websocket-key x-ratelimit-limit-tokens \
        anthropic-ratelimit-input-tokens-reset x-amz-server-side-encryption-customer-key-md5 x-oauth-scopes x-token-type \
        x-github-token-v2 x-ms-token-aad-id-token ocp-apim-subscription-key x-forwarded-client-cert signature-input public-key-pins \
        access-control-allow-credentials x-session-id x-key1 x-auth-token2 x-secret-key x-twilio-signature idempotency-key \
        x-amz-server-side-encryption-aws-kms-key-id x-aws-ec2-metadata-token-ttl-seconds x-ms-encryption-key-sha256"
        .split(' ')
    {
        assert_eq!(token(name), name);
    }
}

#[test]
fn made_up_methods_of_words_are_shown_and_random_ones_hidden() {
    for method in [
        "GET",
        "VERSION-CONTROL",
        "VERSIONCONTROLCHECKOUT",
        "BASELINE-CONTROL",
        "MKREDIRECTREFERENCERESOURCE",
        "UPDATEREDIRECTREF",
        "M-SEARCH",
    ] {
        assert_eq!(token(method), method);
    }
    for method in ["QWHGZXKVBNMLPDSFRTCQ", "JBSWY3DPEHPK3PXPJBSWY3DP", "AKIAIOSFODNN7EXAMPLE"] {
        assert_eq!(token(method), "***");
    }
}

#[test]
fn known_shapes_are_hidden_in_fields_of_ids_and_digests() {
    for secret in [
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "sk-ant-api03-abcdefghij",
        "sk-abcdefghijklmnopqrstuvwx",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
        "hf_abcdefghijklmnopqrst",
    ] {
        for name in ["ETag", "X-Request-Id", "X-Api-Version", "X-Secret-Version", "Digest", "If-None-Match", "x-trace-id", "api-version"] {
            for value in
                [secret.to_owned(), format!("\"{secret}\""), format!("W/\"{secret}\""), format!("req_{secret}"), format!("x:{secret}")]
            {
                let shown = field(name.as_bytes(), value.as_bytes());
                assert!(!shown.contains(&secret[4..12]), "{name}: {value} is shown as {shown}");
            }
        }
    }
    for (name, value) in [
        ("ETag", "\"123e4567-e89b-12d3-a456-426614174000\""),
        ("X-Request-Id", "123e4567-e89b-12d3-a456-426614174000"),
        ("X-Api-Version", "123e4567-e89b-12d3-a456-426614174000"),
    ] {
        assert_eq!(field(name.as_bytes(), value.as_bytes()), value);
    }
}
