//! What `ehl capture --probe ssl-uprobe` says of processes that speak TLS and cannot be seen: an empty output never looks
//! like no traffic.

mod support;

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use serde_json::Value;
use support::can_run;
use support::capture::Capture;
use support::netns::Netns;
use support::outcome::Outcome;
use support::process::{Running, wait_until_listening};
use support::tls::certificate::Certificates;
use support::tls::client::{Kind as Asks, talk};
use support::tls::exchange::every_kind;
use support::tls::server::{Kind as Serves, Server};

/// A server that says what it is told and a client, both of GnuTLS, with a connection that is kept.
struct GnuTls {
    server: Running,
    client: Running,
}

impl GnuTls {
    fn start(netns: &Netns, certificates: &Certificates) -> Self {
        let mut server = netns.command("gnutls-serv");
        server.args("--echo --port 8080 --disable-client-cert --x509certfile certificate.pem --x509keyfile key.pem".split(' '));
        server.current_dir(certificates.folder()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Running::start(&mut server);
        wait_until_listening(&mut server, 8080);
        let mut client = netns.command("gnutls-cli");
        client.args("--logfile log --x509cafile authority.pem --port 8080 127.0.0.1".split(' ')).current_dir(certificates.folder());
        let client = Running::start(client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()));
        Self { server, client }
    }

    fn exchange(&mut self) {
        let stdin = self.client.child().stdin.as_mut().expect("stdin is piped");
        let said = b"GET / HTTP/1.1\r\nHost: gnutls.example\r\n\r\n";
        stdin.write_all(said).expect("the client reads");
        let stdout = self.client.child().stdout.as_mut().expect("stdout is piped");
        let mut heard = [0; 14];
        stdout.read_exact(&mut heard).expect("an answer");
        assert_eq!(heard, said[..14]);
    }
}

/// What a summary says of a process that was not seen: an object with its pid and a reason.
#[track_caller]
fn unseen(outcome: &Outcome, pid: u32) -> Value {
    let summary = outcome.summary();
    let found = object_of(&summary, pid).unwrap_or_else(|| panic!("{pid} is not named: {summary}"));
    assert!(found["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "a reason: {found}");
    found.clone()
}

fn object_of(value: &Value, pid: u32) -> Option<&Value> {
    match value {
        Value::Object(object) if object.get("pid").is_some_and(|value| *value == pid) => Some(value),
        Value::Object(object) => object.values().find_map(|value| object_of(value, pid)),
        Value::Array(values) => values.iter().find_map(|value| object_of(value, pid)),
        _ => None,
    }
}

const CAPTURE: [&str; 9] = ["capture", "--probe", "ssl-uprobe", "--for", "5m", "--format", "ndjson", "--port", "8080"];

#[test]
fn a_process_with_another_tls_is_named_with_the_reason() {
    if !can_run(&["gnutls-serv", "gnutls-cli"]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let mut gnutls = GnuTls::start(&netns, &certificates);
    let capture = Capture::start(&netns, &CAPTURE);
    gnutls.exchange();
    let outcome = capture.stop().exited(0);
    assert!(gnutls.server.is_running() && gnutls.client.is_running());
    for (process, comm) in [(&gnutls.server, "gnutls-serv"), (&gnutls.client, "gnutls-cli")] {
        let said = unseen(&outcome, process.pid());
        assert_eq!(said["comm"], comm, "{said}");
        let line = outcome.stderr.lines().find(|line| line.contains(comm));
        let line = line.unwrap_or_else(|| panic!("{comm} is not named: {outcome}"));
        assert!(line.contains(&process.pid().to_string()), "{line}");
    }
    assert_eq!(outcome.rows().iter().filter(|row| row["host"] == "gnutls.example").count(), 0);
}

#[test]
fn processes_that_are_seen_are_not_named() {
    if !can_run(&["nginx", "curl"]) {
        return;
    }
    let netns = Netns::new();
    let certificates = Certificates::make();
    let server = Server::start(&netns, Serves::Nginx(1), &certificates);
    let capture = Capture::start(&netns, &CAPTURE);
    let talks = [talk(&netns, Asks::Curl, "127.0.0.1", &certificates, &every_kind("seen"))];
    // While the server still runs.
    let outcome = capture.stop().exited(0);
    let logged = server.finish(&talks);
    for pid in [talks[0].pid, logged[0].pid] {
        let pid = u32::try_from(pid).expect("a pid");
        assert_eq!(object_of(&outcome.summary(), pid), None, "{outcome}");
    }
}
