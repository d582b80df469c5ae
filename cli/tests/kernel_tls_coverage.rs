//! Whose TLS is said to be out of sight at the end of a run, with real servers and connections.

mod support;

use std::collections::HashSet;
use std::net::TcpStream;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ehl::process::Proc;
use ehl::tls::coverage::{Coverage, Reason, Watch, unseen};
use ehl::tls::target::{FileId, Found, Wanted, find};
use support::can_run;
use support::netns::{Netns, run};
use support::process::{Running, wait_until_listening};
use tempfile::TempDir;

/// One that nothing outside has: until the server is inside its namespace, sockets outside are looked at.
const PORT: u16 = 8947;
const ALL: &[RangeInclusive<u16>] = &[];
const ASKED_FOR: &[RangeInclusive<u16>] = &[8000..=8999];

/// A server in a network namespace of its own with one connection, which has done nothing yet.
struct Scene {
    server: Running,
    _connection: TcpStream,
    _netns: Netns,
}

impl Scene {
    fn new(program: impl AsRef<Path>, arguments: &[&str]) -> Self {
        let netns = Netns::new();
        let mut server = Running::start(netns.command(program.as_ref()).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()));
        wait_until_listening(&mut server, PORT);
        let connection = netns.run(|| TcpStream::connect(("127.0.0.1", PORT)).expect("the server is there"));
        Self { server, _connection: connection, _netns: netns }
    }

    /// Why the server could not be seen, and on which ports.
    fn reason(&self, ports: &[RangeInclusive<u16>], found: &HashSet<FileId>, probed: &HashSet<FileId>) -> Option<(Reason, Vec<u16>)> {
        let wanted = Wanted { pids: vec![self.server.pid()], ..Wanted::default() };
        let seen = HashSet::new();
        let Coverage { mut unseen, .. } =
            unseen(&Proc::of_this_host(), &Watch { ports, wanted: &wanted, found, probed, seen: &seen }).expect("processes can be listed");
        assert!(unseen.len() <= 1, "{unseen:?}");
        unseen.pop().map(|unseen| (unseen.reason, unseen.ports))
    }
}

/// One that never speaks TLS, whether it maps a library for it or not.
fn python_server(import: &str) -> Scene {
    let script =
        format!("import socket, {import}\nserver = socket.create_server(('127.0.0.1', {PORT}))\nheld = server.accept()\nserver.accept()");
    Scene::new("/usr/bin/python3", &["-c", &script])
}

fn ids(found: &Found) -> HashSet<FileId> {
    found.libraries.iter().map(|library| library.id).collect()
}

#[test]
fn a_go_server_is_named_with_its_port() {
    if !can_run(&["go"]) {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let binary = folder.path().join("server");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go/tls_server.go");
    let mut build = Command::new("go");
    build.args(["build", "-ldflags=-s -w", "-o"]).arg(&binary).arg(source);
    run(build.env("GOCACHE", folder.path().join("cache")).env("GO111MODULE", "off").env("GOFLAGS", ""));
    let scene = Scene::new(&binary, &[&PORT.to_string()]);
    let none = HashSet::new();
    assert_eq!(scene.reason(ALL, &none, &none), Some((Reason::Go, vec![PORT])));
    assert_eq!(scene.reason(&[443..=443], &none, &none), None, "nothing of it was watched");
}

#[test]
fn a_server_whose_library_was_probed_is_covered() {
    if !can_run(&["python3"]) {
        return;
    }
    let scene = python_server("ssl");
    let found = ids(&find(&Wanted::default()).expect("processes can be listed"));
    assert_eq!(scene.reason(ASKED_FOR, &found, &found), None);
    assert_eq!(scene.reason(ALL, &found, &HashSet::new()), Some((Reason::NotProbed, vec![PORT])));
    assert_eq!(scene.reason(ALL, &HashSet::new(), &HashSet::new()), Some((Reason::LibraryAppeared, vec![PORT])));
}

#[test]
fn a_server_without_tls_is_named_only_on_a_port_that_was_asked_for() {
    if !can_run(&["python3"]) {
        return;
    }
    let scene = python_server("sys");
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", scene.server.pid())).expect("maps can be read");
    assert!(!maps.contains("libssl"), "{maps}");
    let none = HashSet::new();
    assert_eq!(scene.reason(ALL, &none, &none), None);
    assert_eq!(scene.reason(ASKED_FOR, &none, &none), Some((Reason::NoTlsFound, vec![PORT])));
}

#[test]
fn a_look_at_the_whole_host_is_bounded() {
    if !can_run(&[]) {
        return;
    }
    let none = HashSet::new();
    let watch = Watch { ports: ALL, wanted: &Wanted::default(), found: &none, probed: &none, seen: &HashSet::new() };
    let since = Instant::now();
    let coverage = unseen(&Proc::of_this_host(), &watch).expect("processes can be listed");
    // Without optimisation, on a busy machine; what it takes otherwise is for the benchmarks.
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}: {coverage:?}", since.elapsed());
}
