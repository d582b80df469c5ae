//! Plants made-up secrets in every position that captures have shown them in, and looks for any eight bytes of them
//! in what would be printed.

use super::planted::{BASE62, Random, plain_secret, prefix, shaped_secret};
use super::view::{Folds, View};
use super::{Mode, Redactor};

const FIELDS: &str = "X-Foo X-Upstream-Data User-Agent Referer Location Link Forwarded X-Original-URI Via X-My-Thing \
    Origin Server-Timing Baggage Accept Content-Type Warning From grpc-message zz WWW-Authenticate \
    Sec-WebSocket-Protocol Content-Disposition X-Forwarded-For Alt-Svc";

/// Positions for secrets of a known shape; `@` is the secret.
const ANYWHERE: &[&str] = &[
    "@",
    "x @ y",
    "a=@",
    "a=@; b=c",
    "\"@\"",
    "<@>",
    "id=@,next",
    "https://h.example/@/x",
    "https://h.example/a?b=@&c=d",
    "</a/@>; rel=next",
    "for=1.2.3.4;x=@",
    "/a/b/@",
    "/a;m=@/b",
    "/a#@",
    "{\"a\":\"@\",\"b\":1}",
    "[\"@\"]",
    "Mozilla/5.0 (X11; @) Gecko",
    "a, @, b",
    "k:@",
    "curl/8.5.0 @",
    "a%3D@%26b",
    "Bearer @",
    "bearer%20@",
    "Basic @",
    "token @",
    "name=x&y=@#z",
    "https:\\/\\/h\\/@",
    "'@'",
    "(@)",
    "a|@|b",
    "https://@.example.com/",
    "\r\n @",
    "@\r\n x",
];

/// Positions where a name or a scheme gives a secret of any shape away.
const NAMED: &[&str] = &[
    "api_key=@",
    "https://h.example/x?token=@&a=b",
    "?access_token=@",
    "/a?Password=@#x",
    "/a;jsessionid=@",
    "{\"secret\":\"@\"}",
    "{\"clientSecret\" : \"@\", \"a\": 1}",
    "token=\"@\"",
    "sig=@&x=1",
    "/a%3Fapi-key%3D@%26x%3D1",
    "x-api-key: @",
    "a=b; session=@; c=d",
    "https://bob:@@h.example/x",
    "https://@@h.example",
    "//bob:@@h.example/",
    "redis://:@@h:6379",
    "bob:@@h.example",
    "Authorization: Bearer @",
    "authorization=Basic @",
    "https%3A%2F%2Fbob%3A@%40h.example",
    "{\\\"token\\\":\\\"@\\\"}",
    "user[password]=@",
    "-----BEGIN PRIVATE KEY-----@-----END PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----@",
    "auth=Bearer @",
    "{\"tokens\":[\"@\"]}",
    "https://h.example/cb#id_token=@&state=x",
    "Bearer @",
    "%22password%22%3A%22@%22",
    "AWSAccessKeyId=@",
];

const SECRET_FIELDS: &str = "Authorization Proxy-Authorization X-Api-Key x-goog-api-key X-Auth-Token X-Amz-Security-Token \
    Cookie2 X-Csrf-Token X-Session-Id X-Hub-Signature-256 x-made-up-password MySecretThing \
    X-Private-Key api-key";

fn assert_hidden(secret: &str, shown: &[u8], what: &dyn std::fmt::Display) {
    const WINDOW: usize = 8;
    let decoded = View::of(shown, Folds::Joined).bytes;
    for window in secret.as_bytes().windows(WINDOW) {
        let leaks = |text: &[u8]| text.windows(WINDOW).any(|shown| shown == window);
        assert!(!leaks(shown) && !leaks(&decoded), "{what}: {secret} shown as {}", String::from_utf8_lossy(shown));
    }
}

fn word(random: &mut Random, list: &'static str) -> &'static str {
    random.pick(&list.split(' ').collect::<Vec<_>>())
}

fn redactor() -> Redactor {
    Redactor::new(Mode::Mask, [1, 2])
}

fn shown_field(name: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    redactor().field_value(name.as_bytes(), value, &mut out);
    out
}

fn shown_target(target: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    redactor().target(target, &mut out);
    out
}

/// Where the template has `@@` the second is an at sign.
fn plant(template: &str, secret: &str) -> String {
    template.replacen('@', secret, 1)
}

#[test]
fn a_secret_of_known_shape_is_hidden_anywhere() {
    let mut random = Random(1);
    for _ in 0..40_000 {
        let secret = shaped_secret(&mut random);
        let (name, template) = (word(&mut random, FIELDS), random.pick(ANYWHERE));
        let value = plant(template, &secret);
        assert_hidden(&secret, &shown_field(name, value.as_bytes()), &format_args!("{name}: {value}"));
    }
}

#[test]
fn a_secret_with_a_telling_name_is_hidden_whatever_its_shape() {
    let mut random = Random(2);
    for _ in 0..40_000 {
        let (name, template) = (word(&mut random, FIELDS), random.pick(NAMED));
        let mut secret = plain_secret(&mut random);
        if template.contains("@h") || template.contains("%40h") || template.contains(';') {
            secret = secret.replace('/', "x"); // A bare slash ends userinfo and path parameters.
        }
        let value = plant(template, &secret);
        assert_hidden(&secret, &shown_field(name, value.as_bytes()), &format_args!("{name}: {value}"));
    }
}

#[test]
fn a_field_with_a_telling_name_hides_its_value() {
    let mut random = Random(3);
    for _ in 0..10_000 {
        let secret = plain_secret(&mut random);
        let name = word(&mut random, SECRET_FIELDS);
        let value = plant(random.pick(&["@", "Bearer @", "x=@", "a b @", "\"@\"", "Hawk @", "a\r\n @"]), &secret);
        assert_hidden(&secret, &shown_field(name, value.as_bytes()), &format_args!("{name}: {value}"));
    }
}

#[test]
fn cookie_values_are_hidden_whatever_their_shape() {
    let mut random = Random(4);
    for _ in 0..10_000 {
        let secret = plain_secret(&mut random);
        let value = plant(random.pick(&["a=@", "a=1; b=@", "@", "a=\"x;@\"", "a=b=@", "a=1;\r\n b=@"]), &secret);
        assert_hidden(&secret, &shown_field("cookie", value.as_bytes()), &value);
        let value = plant(random.pick(&["a=@; Path=/", "a=1; Path=/, b=@", "a=1;@", "@", "a=1; Foo=@"]), &secret);
        assert_hidden(&secret, &shown_field("Set-Cookie", value.as_bytes()), &value);
    }
}

#[test]
fn targets_hide_secrets_of_both_kinds() {
    let mut random = Random(5);
    let shaped = ["/@", "/a/@/b", "/a?b=@", "/a?@", "/a;m=@", "http://h.example/@", "/a%2F@%2Fb", "/a#@", "/a:@/b", "@", "@.example:443"];
    let named = [
        "/a?token=@",
        "/a?b=c&API_KEY=@&d=e",
        "/a;jsessionid=@?b=c",
        "http://bob:@@h.example/",
        "bob:@@h.example:443",
        "//bob:@@h/",
        "/a?next=%2Fb%3Ftoken%3D@",
        "/cb?code=@",
        "/a?x=%7B%22secret%22:%22@%22%7D",
        "/a?user%5Bpassword%5D=@",
        "/cb#id_token=@",
    ];
    for _ in 0..20_000 {
        let secret = shaped_secret(&mut random);
        let target = plant(random.pick(&shaped), &secret);
        assert_hidden(&secret, &shown_target(target.as_bytes()), &target);
        let secret = plain_secret(&mut random).replace(['/', '+'], "x");
        let target = plant(random.pick(&named), &secret);
        assert_hidden(&secret, &shown_target(target.as_bytes()), &target);
    }
}

#[test]
fn percent_encoded_secrets_are_hidden() {
    let mut random = Random(6);
    for _ in 0..10_000 {
        let secret = random.string("abcdefghijkl0123456789 &=;,/?#%\"'<>:@+", 24);
        let encoded: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for template in ["/a?token=@&b=c", "/a;jsessionid=@/b", "http://bob:@@h.example/", "/a?b=c&user[password]=@"] {
            let target = plant(template, &encoded);
            assert_hidden(&encoded, &shown_target(target.as_bytes()), &target);
        }
    }
}

#[test]
fn a_value_cut_anywhere_shows_nothing_of_its_secret() {
    let mut random = Random(7);
    for _ in 0..4_000 {
        let prefix = prefix(&mut random);
        let secret = format!("{prefix}{}", random.string(BASE62, 40));
        for (name, before) in [("X-Foo", ""), ("Referer", "https://h.example/a?b="), ("User-Agent", "curl/8.5.0 ")] {
            let value = format!("{before}{secret}");
            let cut = &value[..before.len() + prefix.len() + 1 + random.below(40)];
            assert_hidden(&secret, &shown_field(name, cut.as_bytes()), &cut);
        }
        let secret = plain_secret(&mut random);
        for (name, before) in [
            ("Authorization", "Bearer "),
            ("X-Foo", "{\"token\":\""),
            ("Referer", "https://bob:x"), // Digits alone are a port until an at sign follows.
            ("Cookie", "a="),
            ("X-Foo", "Basic "),
            ("X-Foo", "-----BEGIN KEY-----"),
        ] {
            let value = format!("{before}{secret}");
            let cut = &value[..before.len() + random.below(secret.len() + 1)];
            assert_hidden(&secret, &shown_field(name, cut.as_bytes()), &cut);
        }
    }
}

#[test]
fn a_folded_secret_is_hidden_in_halves_too() {
    let mut random = Random(8);
    for _ in 0..10_000 {
        let secret = shaped_secret(&mut random);
        let at = 1 + random.below(secret.len() - 1);
        let value = format!("a {}\r\n\t{} b", &secret[..at], &secret[at..]);
        assert_hidden(&secret, &shown_field("X-Foo", value.as_bytes()), &value);
    }
}

#[test]
fn a_method_or_name_that_is_a_secret_is_hidden() {
    let mut random = Random(9);
    for _ in 0..10_000 {
        let secret = shaped_secret(&mut random);
        let mut out = Vec::new();
        assert!(redactor().token(secret.as_bytes(), &mut out), "{secret}");
        assert_eq!(out, b"***");
        let cookie = format!("{secret}=1");
        assert_hidden(&secret, &shown_field("cookie", cookie.as_bytes()), &cookie);
    }
}
