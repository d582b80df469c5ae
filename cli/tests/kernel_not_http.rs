//! Traffic on the watched port that is not HTTP in clear: no rows, and a note that says what it was instead.

mod support;

use std::io::Write as _;
use std::process::{Command, Stdio};

use support::can_run;
use support::capture::Capture;
use support::exchange::exchange_many;
use support::netns::{Netns, run};
use support::outcome::Outcome;
use support::process::{Running, wait_until_listening};

/// What a capture on port 8080 says after `traffic`, having no rows.
fn note_on(traffic: impl FnOnce(&Netns)) -> Outcome {
    let netns = Netns::new();
    let capture = Capture::start(&netns, &["capture", "--for", "5m", "--port", "8080", "--format", "csv"]);
    traffic(&netns);
    let outcome = capture.stop().exited(0);
    assert_eq!(outcome.text().lines().count(), 1, "nothing but the heading: {outcome}");
    outcome
}

/// A line of the note has the word and a number that is not zero.
#[track_caller]
fn assert_counts(outcome: &Outcome, word: &str) {
    let counts = |part: &str| part.trim_matches(|c: char| !c.is_ascii_digit()).parse().is_ok_and(|count: u64| count > 0);
    let says = |line: &&str| line.contains(word) && line.replace(word, "").split_whitespace().any(counts);
    assert!(outcome.stderr.lines().any(|line| says(&line)), "no count of {word}: {outcome}");
}

#[test]
fn tls_is_counted_and_the_probe_for_it_named() {
    if !can_run(&["openssl"]) {
        return;
    }
    let outcome = note_on(|netns| {
        let folder = tempfile::tempdir().expect("a folder");
        let [key, certificate] = ["key.pem", "certificate.pem"].map(|name| folder.path().join(name));
        let mut request = Command::new("openssl");
        request.args("req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=tls".split(' '));
        run(request.arg("-keyout").arg(&key).arg("-out").arg(&certificate));
        let mut server = netns.command("openssl");
        server.args(["s_server", "-accept", "8080", "-www", "-quiet", "-key"]).arg(&key).arg("-cert").arg(&certificate);
        let mut server = Running::start(server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        wait_until_listening(&mut server, 8080);
        let mut client = netns.command("openssl");
        client.args(["s_client", "-connect", "127.0.0.1:8080", "-quiet"]).stdin(Stdio::piped());
        let mut client = Running::start(client.stdout(Stdio::null()).stderr(Stdio::null()));
        let mut stdin = client.child().stdin.take().expect("stdin is piped");
        stdin.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("the client reads");
        drop(stdin);
        client.wait();
    });
    assert_counts(&outcome, "TLS");
    assert!(outcome.stderr.contains("ssl-uprobe"), "{outcome}");
}

#[test]
fn the_proxy_protocol_is_counted() {
    if !can_run(&[]) {
        return;
    }
    let version_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x13\x88\x1f\x90";
    let exchanges: [(&[u8], &[u8]); 2] = [(b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 8080\r\n", b"\x01"), (version_2, b"\x01")];
    let outcome = note_on(|netns| exchange_many(netns, &exchanges));
    assert_counts(&outcome, "PROXY");
}

#[test]
fn other_protocols_are_counted() {
    if !can_run(&[]) {
        return;
    }
    let exchanges: [(&[u8], &[u8]); 2] =
        [(b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"), (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n")];
    let outcome = note_on(|netns| exchange_many(netns, &exchanges));
    assert_counts(&outcome, "other");
}
