//! What must not get out: secrets in any output of any format, and bytes that do harm where they are shown.

mod support;

use std::path::PathBuf;

use serde_json::Value;
use support::can_run;
use support::capture::{Capture, ehl};
use support::exchange::exchange_many;
use support::netns::Netns;
use support::outcome::{Outcome, csv_rows, ndjson};

const FORMATS: [&str; 4] = ["table", "csv", "json", "ndjson"];

/// Where a secret is put; `{}` in the text is its place.
const IN_REQUESTS: [&str; 26] = [
    "Authorization: Bearer {}",
    "Authorization: Basic {}",
    "Authorization: {}",
    "Authorization: AcmeScheme id=7, proof={}",
    "Proxy-Authorization: Digest username=\"a\", response=\"{}\"",
    "Cookie: theme=dark; sid={}; lang=en",
    "Cookie: {}",
    "X-Api-Key: {}",
    "Api-Key: {}",
    "Ocp-Apim-Subscription-Key: {}",
    "X-Goog-Api-Key: {}",
    "X-Amz-Security-Token: {}",
    "X-Auth-Token: {}",
    "X-Vault-Token: {}",
    "X-CSRF-Token: {}",
    "X-Acme-Secret: {}",
    "X-Corp-Signing-Credential: {}",
    "X-Hub-Signature-256: sha256={}",
    "X-User-Password: {}",
    "X-Session-Id: {}",
    "X-Folded-Token: first\r\n  {}",
    "Referer: https://carol:{}@shop.example/cart",
    "Referer: https://shop.example/cart?item=7&access_token={}",
    "Sec-Made-Up: sk-proj-{}",
    "X-Zz: ghp_{}",
    "User-Agent: agent/1 (key AKIA{})",
];
const IN_TARGETS: [&str; 12] = [
    "/query?api_key={}&page=2",
    "/query?page=2&token={}",
    "/query?access_token={}",
    "/query?sig={}",
    "/query?X-Amz-Signature={}&X-Amz-Date=today",
    "/query?client_secret={}",
    "/query?password={}",
    "/query?q=sk-proj-{}",
    "/path/{}/reset",
    "/path/bot7:{}/send",
    "http://alice:{}@proxy.example/absolute",
    "http://proxy.example/absolute?token={}",
];
const IN_RESPONSES: [&str; 8] = [
    "Set-Cookie: sid={}; Path=/; HttpOnly",
    "Location: https://login.example/back?code=7&id_token={}",
    "Location: https://dave:{}@login.example/",
    "Location: /signed?sig={}",
    "X-Refresh-Token: {}",
    "Authentication-Info: nextnonce=\"{}\"",
    "X-New-Api-Secret: {}",
    "X-Zz: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.{}",
];

#[test]
fn secrets_appear_in_no_byte_of_any_output() {
    if !can_run(&[]) {
        return;
    }
    let secrets = Secrets::new();
    let columns = [secrets.header_names(), vec!["X-Plain"]].concat();
    let mut leaks = Vec::new();
    for output in outputs_of(&columns, &secrets.exchanges()) {
        output.assert_shows(if output.command == "capture" { "plain-value" } else { "host" });
        for (stream, bytes) in output.streams() {
            let leaked = secrets.placed.iter().filter(|(_, secret)| shows_part_of(bytes, secret));
            leaks.extend(leaked.map(|(place, _)| format!("{place} to {stream} of {}", output.name())));
        }
    }
    assert!(leaks.is_empty(), "secrets were printed: {leaks:#?}");
}

fn shows_part_of(bytes: &[u8], secret: &str) -> bool {
    secret.as_bytes().windows(8).any(|part| contains(bytes, part))
}

/// A secret of its own for each place.
struct Secrets {
    placed: Vec<(&'static str, String)>,
}

impl Secrets {
    fn new() -> Self {
        let places = IN_REQUESTS.iter().chain(&IN_TARGETS).chain(&IN_RESPONSES);
        Self { placed: places.zip(0..).map(|(place, seed)| (*place, random_text(seed))).collect() }
    }

    /// One exchange for each secret, its place repeated in a second header where it is one.
    fn exchanges(&self) -> Vec<(String, String)> {
        let common = "Host: secrets.example\r\nX-Plain: plain-value\r\n";
        let exchange = |(place, secret): &(&'static str, String)| {
            let filled = place.replace("{}", secret);
            let (mut target, mut asking, mut answering) = ("/plain", String::new(), String::new());
            if IN_REQUESTS.contains(place) {
                asking = format!("{filled}\r\n{filled}\r\n");
            } else if IN_RESPONSES.contains(place) {
                answering = format!("{filled}\r\n{filled}\r\n");
            } else {
                target = &filled;
            }
            let request = format!("GET {target} HTTP/1.1\r\n{common}{asking}\r\n");
            let response = format!("HTTP/1.1 302 Found\r\n{answering}Content-Length: 2\r\n\r\nok");
            (request, response)
        };
        self.placed.iter().map(exchange).collect()
    }

    fn header_names(&self) -> Vec<&'static str> {
        let named = self.placed.iter().filter(|(place, _)| !IN_TARGETS.contains(place));
        let mut names: Vec<_> = named.filter_map(|(place, _)| Some(place.split_once(':')?.0)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Thirty-six letters and digits.
fn random_text(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678);
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let digit = u32::try_from((state >> 33) % 36).expect("less than 36");
        char::from_digit(digit, 36).expect("a digit")
    };
    (0..36).map(|_| letter()).map(|digit| if digit < 'n' { digit.to_ascii_uppercase() } else { digit }).collect()
}

/// Values that do harm when shown as they are, and what JSON must give them back as.
fn hostile() -> Vec<(&'static [u8], Value)> {
    let text = |text: &'static str| (text.as_bytes(), Value::from(text));
    vec![
        text("\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[31mred"),
        text("c1 \u{9b}31m \u{85}"),
        text("abc \u{202e}gnp.exe \u{2066}isolated\u{2069} \u{200f}"),
        text("=cmd|' /C calc'!A0"),
        text("+1+1"),
        text("-2+3"),
        text("@SUM(1)"),
        text("quote \" comma , semicolon ; pipe |"),
        text("nul \0 in the middle"),
        text("tab \t and backspace \u{8} and delete \u{7f}"),
        (b"\xff\xfe\xc3(", serde_json::json!({"base64": "//7DKA=="})),
    ]
}

#[test]
fn hostile_values_are_harmless_in_every_format() {
    if !can_run(&[]) {
        return;
    }
    let hostile = hostile();
    let exchange = |(index, value): (usize, &(&[u8], Value))| {
        let start = format!("GET /hostile/{index} HTTP/1.1\r\nHost: hostile.example\r\nX-Hostile: ");
        let request = [start.as_bytes(), value.0, b"\r\n\r\n"].concat();
        let response = [&b"HTTP/1.1 200 OK\r\nX-Hostile: "[..], value.0, b"\r\nContent-Length: 2\r\n\r\nok"].concat();
        (request, response)
    };
    let exchanges: Vec<_> = hostile.iter().enumerate().map(exchange).collect();
    for output in outputs_of(&["X-Hostile"], &exchanges) {
        for (stream, bytes) in output.streams() {
            let shown = format!("{stream} of {}", output.name());
            assert_harmless(&shown, bytes);
        }
        let paths = (0..hostile.len()).map(|index| format!("/hostile/{index}"));
        let expected: Vec<_> = if output.command == "capture" { paths.collect() } else { vec!["x-hostile".into()] };
        expected.iter().for_each(|text| output.assert_shows(text));
        match output.format {
            "csv" => assert_cells_guarded(&output),
            "ndjson" if output.command == "capture" => {
                assert_lossless(&ndjson(output.data()), &hostile);
            }
            "ndjson" => drop(ndjson(output.data())),
            "json" => assert_one_document(&output, &hostile),
            _ => {}
        }
    }
}

#[track_caller]
fn assert_harmless(shown: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{shown} is not UTF-8: {error}"));
    let harmful = |&c: &char| (c.is_control() && c != '\n') || is_bidi_control(c);
    assert_eq!(text.chars().find(harmful), None, "{shown}: {text:?}");
}

/// Unicode's Bidi_Control property.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[track_caller]
fn assert_cells_guarded(output: &Output) {
    for (column, cell) in csv_rows(output.data()).into_iter().flatten() {
        let starts_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        assert!(!starts_formula, "{column} of {} is {cell:?}", output.name());
    }
}

#[track_caller]
fn assert_one_document(output: &Output, hostile: &[(&[u8], Value)]) {
    let document: Value = serde_json::from_slice(output.data()).expect("one JSON document");
    assert_eq!(document["schema"], format!("ehl.{}/1", output.command));
    let rows = document["rows"].as_array().expect("rows are a list");
    if output.command == "capture" {
        assert_lossless(rows, hostile);
    }
}

#[track_caller]
fn assert_lossless(rows: &[Value], hostile: &[(&[u8], Value)]) {
    for (index, (_, value)) in hostile.iter().enumerate() {
        let path = format!("/hostile/{index}");
        let row = rows.iter().find(|row| row["path"] == *path).expect("a row for the path");
        let mut cells = row.as_object().expect("a row is an object").values();
        assert!(cells.any(|cell| cell == value), "{value} in {row}");
    }
}

/// One finished run, its output on stdout or in a file.
struct Output {
    command: &'static str,
    format: &'static str,
    file: Option<Vec<u8>>,
    outcome: Outcome,
}

impl Output {
    fn name(&self) -> String {
        let to = if self.file.is_some() { "-o FILE" } else { "stdout" };
        format!("{} --format {} to {to}", self.command, self.format)
    }

    fn streams(&self) -> [(&'static str, &[u8]); 3] {
        let file = self.file.as_deref().unwrap_or_default();
        [("stdout", &self.outcome.stdout), ("stderr", self.outcome.stderr.as_bytes()), ("the file", file)]
    }

    fn data(&self) -> &[u8] {
        self.file.as_deref().unwrap_or(&self.outcome.stdout)
    }

    #[track_caller]
    fn assert_shows(&self, text: &str) {
        assert!(contains(self.data(), text.as_bytes()), "{text} is not in {}\n{}", self.name(), self.outcome);
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// What both commands print in every format, to stdout and to a file, of the same exchanges.
fn outputs_of<R: AsRef<[u8]> + Sync, S: AsRef<[u8]> + Sync>(headers: &[&str], exchanges: &[(R, S)]) -> Vec<Output> {
    let netns = Netns::new();
    let folder = tempfile::tempdir().expect("a folder for output files");
    let mut running = Vec::new();
    for command in ["capture", "top-headers"] {
        for format in FORMATS {
            for file in [None, Some(folder.path().join(format!("{command}.{format}")))] {
                running.push((command, format, file.clone(), start(&netns, command, format, headers, file)));
            }
        }
    }
    running.iter_mut().for_each(|(.., capture)| capture.wait_until_dropped());
    exchange_many(&netns, exchanges);
    let finish = |(command, format, file, capture): (_, _, Option<PathBuf>, Capture)| {
        let outcome = capture.stop().exited(0);
        let file = file.map(|path| std::fs::read(path).expect("the output file is there"));
        Output { command, format, file, outcome }
    };
    running.into_iter().map(finish).collect()
}

fn start(netns: &Netns, command: &str, format: &str, headers: &[&str], file: Option<PathBuf>) -> Capture {
    let mut run = ehl(netns, &[command, "--for", "5m", "--port", "8080", "--format", format]);
    run.arg("--verbose").env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
    if command == "capture" {
        run.args(headers.iter().flat_map(|name| ["--header", name]));
    }
    if let Some(path) = file {
        run.arg("-o").arg(path);
    }
    Capture::spawn(&mut run)
}
