//! What must stay readable: over-masking makes people turn redaction off.

use super::scan::{Form, Scan};
use super::{Mode, Redactor, random};

fn field(name: &str, value: &str) -> String {
    let mut out = Vec::new();
    Redactor::new(Mode::Mask, [0, 0]).field_value(name.as_bytes(), value.as_bytes(), &mut out);
    String::from_utf8(out).expect("these values are UTF-8")
}

fn target(value: &str) -> String {
    let mut out = Vec::new();
    Redactor::new(Mode::Mask, [0, 0]).target(value.as_bytes(), &mut out);
    String::from_utf8(out).expect("these targets are UTF-8")
}

#[test]
fn a_walk_over_a_uuid_finds_no_secret() {
    let mut bits = 1_u128;
    for number in 0..20_000_u32 {
        bits = bits.wrapping_mul(0x2d99_787f_926d_46a3_2360_ed05_1fc6_5da5).wrapping_add(0x1405_7b7e_f767_814f);
        let digits = format!("{:032x}", bits ^ bits >> 64);
        let mut uuid = format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]);
        // Words that are secret's names, and can be spelled with these digits.
        let at = [0, 4, 9, 14, 19, 24, 32][number as usize % 7];
        match number % 3 {
            0 => uuid.replace_range(at..at + 3, "2fa"),
            1 => uuid.replace_range(at..at + 4, "c0de"),
            _ => {}
        }
        assert!(random::is_uuid(uuid.as_bytes()), "{uuid}");
        let mut out = Vec::new();
        assert_eq!(Scan::captured(b"x-id", uuid.as_bytes(), &mut out).run(Form::Text), Some(false), "{uuid}");
    }
}

#[test]
fn ordinary_field_values_are_shown_as_they_came() {
    for (name, value) in [
        ("User-Agent", "curl/8.5.0"),
        (
            "User-Agent",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        ),
        (
            "User-Agent",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.5 Mobile/15E148 Safari/604.1",
        ),
        ("User-Agent", "Dalvik/2.1.0 (Linux; U; Android 9; SM-G960F Build/PPR1.180610.011)"),
        ("User-Agent", "aws-sdk-go/1.44.0 (go1.19; linux; amd64) S3Manager"),
        ("User-Agent", "OpenAI/Python 1.3.5"),
        ("User-Agent", "unknown/None; hf_hub/0.20.1; python/3.10.12; torch/2.1.0"),
        ("User-Agent", "kubectl/v1.25.0 (linux/amd64) kubernetes/a866cbe"),
        ("User-Agent", "Go-http-client/1.1"),
        ("User-Agent", "npm/10.2.4 node/v20.11.0 linux x64 workspaces/false"),
        ("User-Agent", "grpc-java-netty/1.59.0"),
        ("User-Agent", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("Accept", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("Accept-Language", "sk-SK,sk;q=0.9,en-US;q=0.8,cs;q=0.7"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("Content-Type", "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW"),
        ("Content-Type", "multipart/form-data; boundary=\"9051914041544843365972754266-7MA4YWxkTrZu0gW\""),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Disposition", "form-data; name=\"password\"; filename=\"report-2024-01-01.pdf\""),
        ("Date", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("X-Amz-Date", "20150830T123600Z"),
        ("ETag", "W/\"2c-K6gVqz0vPHyGYuAwvnGcaTSuHPk\""),
        ("If-None-Match", "\"33a64df551425fcc55e4d42a148795d9f25f89d4\""),
        ("Cache-Control", "public, max-age=31536000, stale-while-revalidate=60, immutable"),
        ("Vary", "Authorization, Cookie, X-Api-Key"),
        ("Access-Control-Allow-Headers", "Authorization, Content-Type, X-CSRF-Token, X-Api-Key"),
        ("Strict-Transport-Security", "max-age=63072000; includeSubDomains; preload"),
        ("Server", "nginx/1.25.3 (Ubuntu)"),
        ("Via", "1.1 varnish, 1.1 google"),
        ("Forwarded", "for=192.0.2.60;proto=http;by=203.0.113.43, for=\"[2001:db8:cafe::17]:4711\""),
        ("X-Forwarded-For", "203.0.113.195, 2001:db8:85a3:8d3:1319:8a2e:370:7348, 10.0.0.1"),
        ("X-Forwarded-Host", "api.example.com:8443"),
        ("X-Real-Ip", "10.12.13.14"),
        ("Origin", "https://app.example.com:3000"),
        ("Referer", "https://example.com/articles/how-to-build-a-tracer-in-rust?page=2#comments"),
        ("Referer", "http://auth:8080/login"),
        ("Location", "/v1/jobs/123e4567-e89b-12d3-a456-426614174000"),
        ("Link", "<https://api.github.com/repositories/1300192/issues?page=2>; rel=\"next\""),
        ("WWW-Authenticate", "Bearer realm=\"example\", error=\"invalid_token\", error_description=\"The access token expired\""),
        ("WWW-Authenticate", "Basic realm=\"Staging\", charset=\"UTF-8\""),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "prompt-caching-2024-07-31,max-tokens-3-5-sonnet-2024-07-15"),
        ("openai-organization", "org-7MA4YWxkTrZu0gWq9Lm2Xc8V"),
        ("anthropic-ratelimit-tokens-remaining", "149984"),
        ("anthropic-ratelimit-tokens-reset", "2024-01-01T00:00:00Z"),
        ("x-ratelimit-reset-tokens", "6m0s"),
        ("x-ratelimit-remaining-tokens", "149984"),
        ("request-id", "req_011CSHoEeqs5C35K2UUqR7Fy"),
        ("X-Request-Id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("X-Request-Id", "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("X-Correlation-ID", "123e4567-e89b-12d3-a456-426614174000"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1"),
        ("X-Cloud-Trace-Context", "105445aa7843bc8bf206b12000100000/1;o=1"),
        ("x-b3-traceid", "80f198ee56343ba864fe8b2a57d3eff7"),
        ("Idempotency-Key", "123e4567-e89b-12d3-a456-426614174000"),
        ("CF-Ray", "8a1b2c3d4e5f6a7b-FRA"),
        ("x-git-commit", "33a64df551425fcc55e4d42a148795d9f25f89d4"),
        ("Host", "ip-10-0-12-13.eu-west-1.compute.internal"),
        ("Host", "[2001:db8::1]:8080"),
        ("X-Backend", "checkout-service-7d9f8b6c5z-x2x4z"),
        ("X-Pod", "api-v2-6d4cf56db6-x9kfp.default.svc.cluster.local:8080"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-CH-UA", "\"Not_A Brand\";v=\"8\", \"Chromium\";v=\"120\", \"Google Chrome\";v=\"120\""),
        ("From", "webmaster@example.org"),
        ("Server-Timing", "db;dur=53, app;dur=47.2;desc=\"render\""),
        ("Alt-Svc", "h3=\":443\"; ma=86400"),
        ("X-Unicode", "na\u{ef}ve caf\u{e9} \u{65e5}\u{672c}\u{8a9e}"),
        ("Content-Security-Policy", "default-src 'self'; script-src 'self' https://cdn.example.com; report-uri /csp"),
        ("x-stainless-runtime-version", "v20.11.0"),
        ("Range", "bytes=0-1023"),
        ("X-OAuth-Scopes", "repo, user:email, admin:org"),
        ("github-authentication-token-expiration", "2026-01-01 00:00:00 UTC"),
        ("User-Agent", "Keycloak/22.0 key/1.2 password-manager/3.4.5"),
        ("X-Error", "The password must contain at least 8 characters"),
        ("X-GitHub-Request-Id", "C1F2:3B4D:1A2B3C:4D5E6F:65A1B2C3"),
    ] {
        assert_eq!(field(name, value), value, "{name}");
    }
}

#[test]
fn ordinary_targets_are_shown_as_they_came() {
    for value in [
        "/",
        "*",
        "/v1/chat/completions",
        "/articles/how-to-build-a-tracer-in-rust",
        "/api/v2/users/12345/orders?page=2&sort=created_at&limit=50",
        "/v1/messages?beta=true",
        "/static/js/main.3f2a1b9c.chunk.js",
        "/v1/jobs/123e4567-e89b-12d3-a456-426614174000/logs",
        "/orders/01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "/users/5f2b6c7d8e9f0a1b2c3d4e5f",
        "/oauth/token",
        "/v1/tokens:count",
        "/v1beta/models/gemini-pro:generateContent",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/com.example.payments.PaymentAuthorizationService/ListOutstandingAuthorizations",
        "/wiki/%E6%97%A5%E6%9C%AC%E8%AA%9E",
        "/search?q=how%20to%20rust&lang=en-US&max_tokens=100",
        "/openai/deployments/gpt-4o/chat/completions?api-version=2024-02-01",
        "/npm/@babel/core@7.23.0/lib/index.js",
        "/2024/01/15/release-notes.html",
        "/tiles/12/2048/1362.png",
        "/hd/ch7news/7_world/1103_0700_nat_elephant_sml_1898chj-1898chl.jpg",
        "http://api.example.com:8080/v1/users?page=2",
        "api.example.com:443",
        "/docs/token/overview.html",
        "/v1/projects/p/secrets/s:access",
        "/users/bob/sessions",
        "/invite/accept",
        "/x?user=bob&time=12:30:45",
        "/authors?author=john&keyword=key-lime-pie",
    ] {
        assert_eq!(target(value), value);
    }
}

#[test]
fn only_the_secret_pieces_of_a_value_become_stars() {
    for (name, value, shown) in [
        ("Referer", "https://x.example/cb?code=abc&page=2", "https://x.example/cb?code=***&page=2"),
        ("Location", "https://bob:hunter2@db.example/x", "https://***@db.example/x"),
        ("X-Original-URI", "/v1/users?api_key=s3cret&page=2", "/v1/users?api_key=***&page=2"),
        ("X-Debug", "user=bob token=abc mode=fast", "user=bob token=*** mode=fast"),
        ("X-Debug", "Bearer abc", "Bearer ***"),
        ("X-Claims", r#"{"user":"bob","token":"abc","n":1}"#, r#"{"user":"bob","token":"***","n":1}"#),
        ("X-Claims", r#"{"user":"bob","pin":1234,"n":1}"#, r#"{"user":"bob","pin":***,"n":1}"#),
        ("X-Claims", "%7B%22token%22%3A%22abc%22%7D", "%7B%22token%22%3A%22***%22%7D"),
        ("X-Next", "https%3A%2F%2Fx.example%2Fcb%3Ftoken%3Dabc%26page%3D2", "https%3A%2F%2Fx.example%2Fcb%3Ftoken%3D***%26page%3D2"),
        ("X-Foo", "prefix wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY suffix", "prefix *** suffix"),
        ("Link", "</next?session=abc>; rel=\"next\"", "</next?session=***>; rel=\"next\""),
        ("Authorization", "Bearer abc", "Bearer ***"),
        ("Authorization", "hunter2", "***"),
        ("Cookie", "theme=dark; sid=abc", "theme=***; sid=***"),
        ("Set-Cookie", "sid=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax", "sid=***; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"),
        ("X-Api-Key", "", ""),
        ("Host", "bob:hunter2@example.com:80", "***@example.com:80"),
        ("x-max-tokens", "not a number", "***"),
    ] {
        assert_eq!(field(name, value), shown, "{name}: {value}");
    }
}

#[test]
fn only_the_secret_pieces_of_a_target_become_stars() {
    for (value, shown) in [
        ("/v1/users?api_key=s3cret&page=2", "/v1/users?api_key=***&page=2"),
        ("/login;jsessionid=abc/next?x=1", "/login;jsessionid=***/next?x=1"),
        ("https://bob:hunter2@host/", "https://***@host/"),
        ("//bob:hunter2@host/", "//***@host/"),
        ("bob:hunter2@host:443", "***@host:443"),
        ("/cb#access_token=abc&state=1", "/cb#access_token=***&state=1"),
        ("/bot123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11/getMe", "/bot123456:***/getMe"),
        ("/reset/7MA4YWxkTrZu0gWq9Lm2", "/reset/***"),
        ("/x?password=a%26b%3Dc&page=2", "/x?password=***&page=2"),
        ("/x?auth=Bearer%20abc&page=2", "/x?auth=***&page=2"),
        ("/x?k=d41d8cd98f00b204e9800998ecf8427e", "/x?k=***"),
        ("/x?user[password]=abc&y", "/x?user[password]=***&y"),
        ("/x?a=1;token=abc;b=2", "/x?a=1;token=***;b=2"),
    ] {
        assert_eq!(target(value), shown);
    }
}

#[test]
fn nothing_is_hidden_when_redaction_is_off() {
    let redactor = Redactor::new(Mode::Off, [0, 0]);
    let mut out = Vec::new();
    assert!(!redactor.field_value(b"authorization", b"Bearer abc", &mut out));
    assert!(!redactor.target(b"/?token=abc", &mut out));
    assert!(!redactor.authority(b"bob:hunter2@host", &mut out));
    assert!(!redactor.token(b"ghp_abc", &mut out));
    assert_eq!(out, b"Bearer abc/?token=abcbob:hunter2@hostghp_abc");
    assert!(!redactor.hides_name(b"authorization"));
}

#[test]
fn fingerprints_are_siphash_2_4_under_the_key() {
    // The vector of the SipHash paper, appendix A.
    let redactor = Redactor::new(Mode::Mask, [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
    let value: Vec<u8> = (0..15).collect();
    assert_eq!(redactor.fingerprint(&value), 0xa129_ca61_49be_45e5);
}
