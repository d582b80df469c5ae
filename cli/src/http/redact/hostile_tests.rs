//! Bytes that nobody sends by accident.

use std::time::Duration;

use rustix::time::ClockId;

use super::planted::Random;
use super::{Mode, Redactor};

#[test]
fn no_bytes_make_it_panic() {
    let mut random = Random(10);
    let grammar = b"=:;,&?#%@/\\\"'{}[]<>token \r\n\t-_.+~ab01ZeyJBearer sk-//\xff\x80\0";
    for round in 0..30_000 {
        let len = random.below(80);
        let value: Vec<u8> =
            (0..len)
                .map(|_| {
                    if round % 2 == 0 { grammar[random.below(grammar.len())] } else { u8::try_from(random.below(256)).expect("below 256") }
                })
                .collect();
        let name = if round % 3 == 0 { value.as_slice() } else { b"x-foo" };
        let mut out = Vec::new();
        for field in [name, b"cookie", b"set-cookie", b"authorization", b"host", b":path"] {
            Redactor::new(Mode::Mask, [1, 2]).field_value(field, &value, &mut out);
        }
        Redactor::new(Mode::Mask, [1, 2]).target(&value, &mut out);
        Redactor::new(Mode::Mask, [1, 2]).authority(&value, &mut out);
        Redactor::new(Mode::Mask, [1, 2]).token(&value, &mut out);
    }
}

#[test]
fn hostile_values_take_linear_time() {
    const LEN: usize = 1 << 13;
    for pattern in [
        "/",
        "//",
        "a=",
        "=",
        ":",
        "@",
        "a:b@",
        "sk-",
        "ghp_a/",
        "%25",
        "%",
        "\\",
        "token=",
        "token={",
        "token=\"",
        "Bearer ",
        "Bearer,",
        "-----BEGIN",
        "a,",
        "//a:b",
        "eyJ.",
        "a-",
        "A1/",
        "password=a;",
        "[",
        "\r\n",
        "a1B2-",
        "\u{ff}",
        "{\"token\":[",
        "; ",
        "=a=",
        "user=",
        "user=a:",
        "max_tokens=\"",
        "token=1 ",
        "token='\"",
        "<token>",
        "<token ",
        "--token,",
        "--token '--",
        "-u a ",
        "password ",
        "password 1,",
        "/token/",
        "/token/new",
        "/tokens/",
        "token=a, ",
        "token=a;\t\t\t\t\t\t\t\t\t",
        "\"token\":+",
        "a%3Db=",
        "token/a",
        "bearer.",
        "/token:",
        "/tokens/a:",
        "name=token&",
        "password|",
        "http://a:b@",
        "%u003D",
        "-----BEGIN ",
    ] {
        let [short, long] = [LEN, 8 * LEN].map(|len| work(pattern.repeat(len / pattern.len()).as_bytes()));
        // Eight times the work; sixty-four times when it is quadratic. Of the thread's own time, whatever else runs.
        assert!(long < 24 * short.max(Duration::from_millis(1)), "{pattern:?} took {short:?}, then {long:?}");
    }
}

/// The thread's time for a value in all places.
fn work(value: &[u8]) -> Duration {
    let now = || Duration::try_from(rustix::time::clock_gettime(ClockId::ThreadCPUTime)).expect("a time");
    let started = now();
    let mut out = Vec::new();
    for name in ["x-foo", "cookie", "set-cookie", ":path", "host"] {
        Redactor::new(Mode::Mask, [1, 2]).field_value(name.as_bytes(), value, &mut out);
    }
    Redactor::new(Mode::Mask, [1, 2]).field_value(value, b"x", &mut out);
    Redactor::new(Mode::Mask, [1, 2]).token(value, &mut out);
    Redactor::new(Mode::Mask, [1, 2]).target(value, &mut out);
    now() - started
}
